"""Services and worker pools of the Cloud Run Admin API v2: what clients send, and what they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.instants import timestamp_to_text
from hakobune.core.services.autoscaling import COUNT
from hakobune.core.services.conditions import resident_conditions
from hakobune.core.services.model import Resident, ResidentDraft, Scaling, ScalingMode, Share
from hakobune.core.services.names import Kind, ResidentName
from hakobune.wire.run_labels import check_not_reserved, without_reserved
from hakobune.wire.run_resident_rules import check_resident
from hakobune.wire.run_resident_urls import service_uri, service_urls
from hakobune.wire.run_v2_jobs import condition_to_json, names_the_same
from hakobune.wire.run_v2_masks import with_changes
from hakobune.wire.run_v2_resident_schema import LATEST, REVISION, SERVICE, SPLIT_PREFIX, TRAFFIC_PREFIX, WORKER_POOL
from hakobune.wire.run_v2_resident_templates import template_from_tree, template_to_tree, with_defaults_of
from hakobune.wire.run_v2_templates import name_containers
from hakobune.wire.schema import Json, Message, Reader, snake_path
from hakobune.wire.violations import Violations

_MESSAGES: dict[Kind, Message] = {Kind.SERVICE: SERVICE, Kind.POOL: WORKER_POOL}
_FIELDS = {Kind.SERVICE: "service", Kind.POOL: "worker_pool"}
_SHARES = {Kind.SERVICE: "traffic", Kind.POOL: "instanceSplits"}
_PREFIXES = {Kind.SERVICE: TRAFFIC_PREFIX, Kind.POOL: SPLIT_PREFIX}
_ALL_TO_LATEST = (Share(percent=100),)
_INGRESS_DEFAULT = "INGRESS_TRAFFIC_ALL"


def resident_draft_from_json(name: ResidentName, value: object, *, service_account: str = "") -> ResidentDraft:
    """A service or a worker pool as its user declares it, checked, defaults filled in. `name` is that of the URL: the
    body may repeat it. `service_account` is what one without it gets. Raises InvalidArgument with all that is wrong."""
    field = _FIELDS[name.kind]
    found = Violations(lambda path: snake_path(f"{field}.{path}"))
    tree = Reader(found=found).message(_MESSAGES[name.kind], value, field)
    found.check()
    if not names_the_same(tree.get("name", ""), str(name)):
        found.add("name", f"must be {name} or left out, not {tree['name'][:200]!r}")
    check_resident(name.kind, tree, name.id, found)
    for path, holder in (("", tree), ("template.", tree.get("template", {}))):
        for kind in ("labels", "annotations"):
            check_not_reserved(holder.get(kind, {}), f"{path}{kind}", found)
    found.check()
    return resident_draft_from_tree(name.kind, tree, name.id, service_account)


def resident_with_changes(name: ResidentName, resident: Resident | None, value: object, mask: str) -> Json:
    """The resident as v2 JSON with the fields that the mask names taken from `value`. Raises InvalidArgument."""
    held = {} if resident is None else resident_to_json(resident)
    return with_changes(_MESSAGES[name.kind], _FIELDS[name.kind], held, value, mask)


def draft_after(resident: Resident | None, draft: ResidentDraft) -> ResidentDraft:
    """A draft that may be made of what its client read of the resident: what was a default is one again."""
    if resident is None:
        return draft
    return replace(draft, template=with_defaults_of(resident.template, draft.template))


def resident_draft_from_tree(kind: Kind, tree: Json, resident: str, service_account: str) -> ResidentDraft:
    """A draft from canonical v2 JSON that was checked; `resident` is its id."""
    name_containers(tree["template"].get("containers", []), resident)
    rest = dict(tree)
    rest.pop("name", None)
    stage: str = rest.pop("launchStage", "")
    shares = tuple(_share_from_tree(item) for item in rest.pop(_SHARES[kind], []))
    annotations: dict[str, str] = rest.pop("annotations", {})
    return ResidentDraft(
        etag=rest.pop("etag", ""),
        description=rest.pop("description", ""),
        labels=rest.pop("labels", {}),
        annotations={name: text for name, text in annotations.items() if name != COUNT},
        client=rest.pop("client", ""),
        client_version=rest.pop("clientVersion", ""),
        launch_stage="" if stage == "GA" else stage,
        ingress=rest.pop("ingress", _INGRESS_DEFAULT if kind is Kind.SERVICE else ""),
        invoker_iam_disabled=rest.pop("invokerIamDisabled", False),
        default_uri_disabled=rest.pop("defaultUriDisabled", False),
        custom_audiences=tuple(rest.pop("customAudiences", [])),
        template=template_from_tree(kind, rest.pop("template"), service_account),
        shares=() if shares == _ALL_TO_LATEST else shares,
        scaling=_scaling_from_tree(rest.pop("scaling", {})),
        other=rest,
    )


def _share_from_tree(tree: Json) -> Share:
    """Revisions are known by their ids; a full name says no more."""
    revision: str = tree.get("revision", "")
    return Share(revision=revision.rpartition("/")[2], percent=tree.get("percent", 0), tag=tree.get("tag", ""))


def _scaling_from_tree(tree: Json) -> Scaling:
    mode: str = tree.get("scalingMode", "")
    return Scaling(
        min_instances=tree.get("minInstanceCount", 0),
        max_instances=tree.get("maxInstanceCount", 0),
        manual=tree.get("manualInstanceCount"),
        mode=ScalingMode(mode) if mode else None,
    )


def resident_to_json(resident: Resident) -> Json:
    """A service or a worker pool as v2 prints it: what equals a protobuf default is left out, int64 are texts."""
    ready, *others = resident_conditions(resident)
    name, kind = resident.name, resident.name.kind
    tree: Json = {
        "name": str(name),
        "description": resident.description,
        "uid": resident.uid,
        "generation": str(resident.generation),
        "labels": without_reserved(resident.labels),
        "annotations": {**without_reserved(resident.annotations), **scaled_annotations(resident)},
        "createTime": timestamp_to_text(resident.create_time_s),
        "updateTime": timestamp_to_text(resident.update_time_s),
        "creator": resident.creator,
        "lastModifier": resident.last_modifier,
        **resident_fields_to_tree(resident),
        "template": template_to_tree(kind, resident.template),
        "observedGeneration": str(resident.observed_generation) if resident.observed_generation else "",
        "terminalCondition": condition_to_json(ready),
        "conditions": [condition_to_json(condition) for condition in others],
        "latestReadyRevision": _revision(name, resident.latest_ready),
        "latestCreatedRevision": _revision(name, resident.latest_created),
        "reconciling": resident.is_reconciling,
        "etag": resident.etag,
    }
    if kind is Kind.SERVICE:
        tree |= {
            "trafficStatuses": [_status_to_json(resident, share, latest) for share, latest in shares_now(resident)],
            "urls": service_urls(resident),
            "uri": "" if resident.default_uri_disabled else service_uri(name),
        }
    else:
        splits = shares_now(resident)
        tree["instanceSplitStatuses"] = [_share_to_tree(kind, share, is_latest=latest) for share, latest in splits]
    return {key: value for key, value in tree.items() if value}


def scaled_annotations(resident: Resident) -> dict[str, str]:
    """How many workers the autoscaler of a pool asks for: an extension, for reading only."""
    return {} if resident.auto_count is None else {COUNT: str(resident.auto_count)}


def resident_fields_to_tree(resident: Resident) -> Json:
    """What a resident declares outside its template and its labels, as v2 prints it."""
    kind = resident.name.kind
    shares = resident.shares or _ALL_TO_LATEST
    return {
        "client": resident.client,
        "clientVersion": resident.client_version,
        "launchStage": resident.launch_stage or "GA",
        "ingress": resident.ingress,
        "invokerIamDisabled": resident.invoker_iam_disabled,
        "defaultUriDisabled": resident.default_uri_disabled,
        "customAudiences": list(resident.custom_audiences),
        _SHARES[kind]: [_share_to_tree(kind, share, is_latest=not share.revision) for share in shares],
        "scaling": _scaling_to_tree(kind, resident.scaling),
        **resident.other,
    }


def shares_now(resident: Resident) -> Sequence[tuple[Share, bool]]:
    """Who serves now: revisions by their ids, and whether each stands for the latest ready one. Nothing before one is
    ready."""
    found: list[tuple[Share, bool]] = []
    for share in resident.shares or _ALL_TO_LATEST:
        revision = share.revision or resident.latest_ready
        if revision:
            found.append((Share(revision=revision, percent=share.percent, tag=share.tag), not share.revision))
    return found


def _share_to_tree(kind: Kind, share: Share, *, is_latest: bool) -> Json:
    tree: Json = {
        "type": _PREFIXES[kind] + (LATEST if is_latest else REVISION),
        "revision": share.revision,
        "percent": share.percent,
        "tag": share.tag,
    }
    return {key: value for key, value in tree.items() if value}


def _status_to_json(service: Resident, share: Share, is_latest: bool) -> Json:
    tree = _share_to_tree(Kind.SERVICE, share, is_latest=is_latest)
    return {**tree, "uri": service_uri(service.name, share.tag)} if share.tag else tree


def _scaling_to_tree(kind: Kind, scaling: Scaling) -> Json:
    tree: Json = {}
    if kind is Kind.SERVICE:  # pools have a number, and nothing else
        tree = {
            "minInstanceCount": scaling.min_instances,
            "maxInstanceCount": scaling.max_instances,
            "scalingMode": "" if scaling.mode is None else scaling.mode.value,
        }
        tree = {key: value for key, value in tree.items() if value}
    if scaling.manual is not None:
        tree["manualInstanceCount"] = scaling.manual
    return tree


def _revision(name: ResidentName, revision: str) -> str:
    return str(name.revision(revision)) if revision else ""
