"""What services and worker pools may say: ranges, lengths and relations, checked on canonical v2 JSON. All that is
wrong is noted at once, under the paths of v2.

Sources: the v2 reference (Service, WorkerPool, Probe), "Quotas and limits", "Request timeout", "Maximum concurrent
requests" (https://cloud.google.com/run/docs).
"""

from __future__ import annotations

import re

from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import duration_from_text
from hakobune.core.jobs.policy import SOURCE
from hakobune.core.services import limits
from hakobune.core.services.autoscaling import ANNOTATIONS, COUNT, policy_from_annotations
from hakobune.core.services.names import Kind
from hakobune.wire.run_container_rules import check_containers
from hakobune.wire.run_labels import check_annotations, check_labels
from hakobune.wire.run_rules import STAGES, check_account
from hakobune.wire.run_v2_resident_schema import REVISION
from hakobune.wire.run_volume_rules import check_volumes
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations

LOCAL_IMAGE = "local"
_REVISION = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_TAG = re.compile(r"[a-z](?:[a-z0-9-]{0,44}[a-z0-9])?\Z")  # it becomes part of a host's first label
_TIMEOUT_MIN_S = 1.0
_WHOLE = 100
_ANNOTATIONS = {  # of those that are ours
    Kind.SERVICE: frozenset({SOURCE}),
    Kind.POOL: ANNOTATIONS | {SOURCE, COUNT},
}
_ACTIONS = ("httpGet", "tcpSocket", "grpc")
_PROBES = ("startupProbe", "livenessProbe")


def check_resident(kind: Kind, tree: Json, resident: str, found: Violations) -> None:
    """Note all that is wrong with a service or a worker pool whose id is `resident` ("" where it is not known)."""
    check_labels(tree.get("labels", {}), "labels", found)
    check_annotations(tree.get("annotations", {}), "annotations", found, _ANNOTATIONS[kind])
    if tree.get("launchStage", "") not in STAGES:
        found.add("launchStage", f"Cloud Run has the stages ALPHA, BETA and GA, not {tree['launchStage']}")
    if len(tree.get("description", "")) > limits.DESCRIPTION_MAX_CHARS:
        found.add("description", f"has more than {limits.DESCRIPTION_MAX_CHARS} characters")
    if tree.get("ingress") == "INGRESS_TRAFFIC_NONE":
        found.add("ingress", "is for instances only: a service without requests is a worker pool")
    for number, audience in enumerate(tree.get("customAudiences", [])):
        if not audience:
            found.add(f"customAudiences[{number}]", "must not be empty")
    _check_scaling(tree.get("scaling", {}), "scaling", found)
    if kind is Kind.POOL:
        _check_policy(tree.get("annotations", {}), tree.get("template", {}).get("annotations", {}), found)
    for field in ("traffic", "instanceSplits"):
        _check_shares(tree.get(field, []), field, found)
    if "template" not in tree:
        found.add("template", "is required")
        return
    _check_template(kind, tree["template"], resident, found)


def _check_policy(own: dict[str, str], of_template: dict[str, str], found: Violations) -> None:
    """The annotations of the autoscaler, which make sense together."""
    known = {name: text for name, text in {**of_template, **own}.items() if name in ANNOTATIONS}
    try:
        policy_from_annotations(known, "")
    except InvalidArgument as error:
        for violation in error.violations:
            name = violation.field.partition("'")[2].rstrip("']")
            is_of_template = name in of_template and name not in own
            found.add(f"{'template.' if is_of_template else ''}{violation.field}", violation.description)


def _check_scaling(scaling: Json, path: str, found: Violations) -> None:
    for field in ("minInstanceCount", "maxInstanceCount", "manualInstanceCount"):
        if scaling.get(field, 0) < 0:
            found.add(f"{path}.{field}", f"must not be negative, but is {scaling[field]}")
    least, most = scaling.get("minInstanceCount", 0), scaling.get("maxInstanceCount", 0)
    if 0 < most < least:
        found.add(f"{path}.minInstanceCount", f"must not exceed maxInstanceCount ({most}), but is {least}")
    if scaling.get("scalingMode") == "MANUAL" and "manualInstanceCount" not in scaling:
        found.add(f"{path}.manualInstanceCount", "is required when scalingMode is MANUAL")


def _check_shares(shares: list[Json], path: str, found: Violations) -> None:
    """Traffic of a service or instances of a pool: all of it is given away, to something that is named."""
    if not shares:
        return
    tags: set[str] = set()
    for number, share in enumerate(shares):
        where = f"{path}[{number}]"
        percent = share.get("percent", 0)
        if not 0 <= percent <= _WHOLE:
            found.add(f"{where}.percent", f"must be from 0 to {_WHOLE}, not {percent}")
        _check_allocation(share, where, found)
        tag: str = share.get("tag", "")
        if tag and not _TAG.match(tag):
            found.add(f"{where}.tag", f"has 1 to 46 lowercase letters, digits and dashes, not {tag[:80]!r}")
        if tag and tag in tags:
            found.add(f"{where}.tag", f"is given twice: {tag[:80]!r}")
        tags.add(tag)
    total = sum(share.get("percent", 0) for share in shares)
    if total != _WHOLE:
        found.add(path, f"the percentages must sum to {_WHOLE}, but sum to {total}")


def _check_allocation(share: Json, where: str, found: Violations) -> None:
    kind: str = share.get("type", "")
    revision: str = share.get("revision", "")
    if kind.endswith(REVISION) and not revision:
        found.add(f"{where}.revision", f"is required when type is {kind}")
    elif kind and not kind.endswith(REVISION) and revision:
        found.add(f"{where}.revision", f"must be empty when type is {kind}")
    elif revision and not _REVISION.match(revision.rpartition("/")[2]):
        found.add(f"{where}.revision", f"is no name of a revision: {revision[:80]!r}")


def _check_template(kind: Kind, template: Json, resident: str, found: Violations) -> None:
    check_labels(template.get("labels", {}), "template.labels", found)
    check_annotations(template.get("annotations", {}), "template.annotations", found, _ANNOTATIONS[kind] - {COUNT})
    _check_revision(template.get("revision", ""), resident, found)
    _check_scaling(template.get("scaling", {}), "template.scaling", found)
    check_account(template, "template", found)
    if "timeout" in template:
        timeout_s = duration_from_text(template["timeout"])
        if not _TIMEOUT_MIN_S <= timeout_s <= limits.TIMEOUT_MAX_S:
            most = f"{limits.TIMEOUT_MAX_S:.0f}s"
            found.add("template.timeout", f"must be from 1s to {most}, not {template['timeout']}")
    concurrency = template.get("maxInstanceRequestConcurrency", 0)
    if not 0 <= concurrency <= limits.CONCURRENCY_MAX:
        most = f"{limits.CONCURRENCY_MAX}"
        found.add("template.maxInstanceRequestConcurrency", f"must be from 1 to {most}, not {concurrency}")
    volumes: list[Json] = template.get("volumes", [])
    check_volumes(volumes, "template.volumes", found)
    containers: list[Json] = template.get("containers", [])
    by_name = {volume.get("name", ""): volume for volume in volumes}
    check_containers(containers, by_name, "template.containers", found)
    if len(containers) > 1:
        text = "sidecars are not supported by this version of hakobune: there is one container, the one that is asked"
        found.add("template.containers", text)
    for number, container in enumerate(containers):
        where = f"template.containers[{number}]"
        _check_program(container, template, where, found)
        if kind is Kind.POOL:
            _check_worker(container, where, found)
        _check_startup(container.get("startupProbe", {}), f"{where}.startupProbe", found)


def _check_revision(revision: str, resident: str, found: Violations) -> None:
    if not revision:
        return
    if not _REVISION.match(revision):
        found.add("template.revision", f"must be a label of 1 to 63 characters, not {revision[:80]!r}")
    elif resident and not revision.startswith(f"{resident}-"):
        found.add("template.revision", f"must begin with {resident}-, not {revision[:80]!r}")


def _check_program(container: Json, template: Json, where: str, found: Violations) -> None:
    is_of_source = bool(template.get("annotations", {}).get(SOURCE))
    if container.get("image") == LOCAL_IMAGE and not container.get("command") and not is_of_source:
        found.add(f"{where}.command", "is required: the image `local` is a process, started by its command")


def _check_worker(container: Json, where: str, found: Violations) -> None:
    """A worker pool listens on no port that anybody knows of, so its probes name theirs."""
    if container.get("ports"):
        found.add(f"{where}.ports", "worker pools take no requests: they have no ports")
    for field in _PROBES:
        if field not in container:
            continue
        action = next((action for action in _ACTIONS if action in container[field]), "tcpSocket")
        if not container[field].get(action, {}).get("port", 0):
            found.add(f"{where}.{field}.{action}.port", "is required: worker pools have no port of their own")


def _check_startup(probe: Json, where: str, found: Violations) -> None:
    """An instance must show itself within four minutes."""
    longest_s = probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
    if longest_s > limits.STARTUP_DEFAULT_S:
        most = f"{limits.STARTUP_DEFAULT_S:.0f}"
        found.add(where, f"failureThreshold × periodSeconds must not exceed {most} seconds, but is {longest_s}")
