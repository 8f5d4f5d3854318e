"""Services, worker pools and revisions over v2: what is accepted, what it means, and how it is printed."""

from __future__ import annotations

import copy

import pytest
from bodies import changed
from pictured_residents import (
    CREATED_S,
    POOL,
    SERVICE,
    a_resident,
    a_revision,
    full_pool,
    full_service,
    minimal,
    resident_of,
)

from hakobune.core.errors import InvalidArgument
from hakobune.core.names import OperationName
from hakobune.core.operations import ResidentOperation, ResidentVerb
from hakobune.core.services.model import Probe, ProbeKind, ResidentDraft, RevisionState, Scaling, Share
from hakobune.core.services.names import Kind, ResidentName
from hakobune.wire.operations import any_operation_to_json
from hakobune.wire.run_v2_residents import (
    draft_after,
    resident_draft_from_json,
    resident_to_json,
    resident_with_changes,
)
from hakobune.wire.run_v2_revisions import revision_to_json

C = "template/containers/0"


def accepted(path: str, value: object, name: ResidentName = SERVICE) -> ResidentDraft:
    return resident_draft_from_json(name, changed(minimal(), path, value))


# -- what is accepted ------------------------------------------------------------------------------------------------


def test_given_a_minimal_service_when_read_then_the_defaults_of_cloud_run_are_filled_in() -> None:
    draft = resident_draft_from_json(SERVICE, minimal(), service_account="1-compute@developer.gserviceaccount.com")
    template, member = draft.template, draft.template.members[0]
    assert (template.timeout_s, template.max_concurrency, template.min_instances) == (300.0, 80, 0)
    assert template.max_instances == 100
    assert template.service_account == "1-compute@developer.gserviceaccount.com"
    assert (member.port, member.port_name, member.startup, member.liveness) == (8080, "http1", None, None)
    assert member.container.limits == {"cpu": "1000m", "memory": "512Mi"}
    assert (draft.shares, draft.ingress, draft.scaling) == ((), "INGRESS_TRAFFIC_ALL", Scaling())


def test_given_a_minimal_pool_when_read_then_it_has_no_port_no_bounds_and_no_count() -> None:
    draft = resident_draft_from_json(POOL, minimal())
    assert (draft.template.members[0].port, draft.template.max_concurrency, draft.template.max_instances) == (0, 0, 0)
    assert (draft.scaling.manual, draft.ingress) == (None, "")
    assert accepted("scaling", {"manualInstanceCount": 0}, POOL).scaling.manual == 0


def test_given_less_than_a_cpu_when_read_then_one_request_at_a_time_is_the_default() -> None:
    assert accepted(f"{C}/resources", {"limits": {"cpu": "500m"}}).template.max_concurrency == 1


@pytest.mark.parametrize("name", [SERVICE, POOL], ids=["service", "pool"])
def test_given_a_full_resident_when_printed_and_read_again_then_it_is_the_same(name: ResidentName) -> None:
    body = full_service() if name.kind is Kind.SERVICE else full_pool()
    draft = resident_draft_from_json(name, body)
    printed = resident_to_json(resident_of(name, draft))
    again = resident_draft_from_json(name, printed)
    assert again == ResidentDraft(**{**_fields(draft), "etag": '"abc"'})
    assert body.items() <= printed.items()


def _fields(draft: ResidentDraft) -> dict[str, object]:
    return {name: getattr(draft, name) for name in ResidentDraft.__slots__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [SERVICE, POOL], ids=["service", "pool"])
def test_given_a_minimal_resident_when_printed_and_read_again_then_its_template_has_not_changed(
    name: ResidentName,
) -> None:
    draft = resident_draft_from_json(name, minimal())
    held = resident_of(name, draft)
    again = resident_draft_from_json(name, resident_to_json(held))
    assert again.template.members[0].container.memory_set_by_user
    assert draft_after(held, again).template == draft.template
    assert draft_after(None, again) is again


def test_given_a_memory_that_the_user_wrote_when_sent_again_then_it_stays_his() -> None:
    held = a_resident(SERVICE)
    larger = accepted(f"{C}/resources", {"limits": {"memory": "1Gi"}})
    assert draft_after(held, larger).template.members[0].container.memory_set_by_user


def test_given_probes_of_the_container_s_own_port_when_read_then_the_port_is_whatever_the_instance_gets() -> None:
    for port in ({}, {"port": 8080}):
        startup = accepted(f"{C}/startupProbe", {"httpGet": port}).template.members[0].startup
        assert startup == Probe(kind=ProbeKind.HTTP)
    other = accepted(f"{C}/livenessProbe", {"httpGet": {"port": 9}}).template.members[0].liveness
    assert other == Probe(kind=ProbeKind.HTTP, port=9)
    assert accepted(f"{C}/startupProbe", {}).template.members[0].startup == Probe(kind=ProbeKind.TCP)


def test_given_annotations_of_the_autoscaler_when_read_then_a_pool_keeps_them_and_a_service_has_none() -> None:
    wish = {"hakobune.dev/scaling-pubsub-subscription": "orders", "hakobune.dev/scaling-max": "3"}
    assert accepted("annotations", wish, POOL).annotations == wish
    assert accepted("template/annotations", wish, POOL).template.annotations == wish
    with pytest.raises(InvalidArgument, match=r"scaling-max'\]: is no annotation of Hakobune"):
        accepted("annotations", wish, SERVICE)
    with pytest.raises(InvalidArgument, match=r"scaling-maxx'\]: is no annotation of Hakobune"):
        accepted("annotations", {"hakobune.dev/scaling-maxx": "3"}, POOL)


@pytest.mark.parametrize("path", ["annotations", "template/annotations"])
def test_given_a_wrong_value_of_the_autoscaler_when_read_then_the_annotation_is_named(path: str) -> None:
    wish = {"hakobune.dev/scaling-pubsub-subscription": "orders", "hakobune.dev/scaling-max": "many"}
    with pytest.raises(InvalidArgument, match="must be a number from 1 to 1000, not 'many'") as caught:
        accepted(path, wish, POOL)
    (violation,) = caught.value.violations
    assert violation.field == f"worker_pool.{path.replace('/', '.')}['hakobune.dev/scaling-max']"


def test_given_a_scaled_pool_when_printed_then_its_count_is_there_and_reading_that_changes_nothing() -> None:
    scaled = resident_to_json(a_resident(POOL, auto_count=0))
    count = {"hakobune.dev/scaled-instances": "0"}
    assert scaled["annotations"] == count
    assert "annotations" not in resident_to_json(a_resident(POOL))
    assert accepted("annotations", count, POOL).annotations == {}


def test_given_traffic_when_read_then_revisions_are_known_by_their_ids() -> None:
    shares = accepted(
        "traffic",
        [
            {"type": 1, "percent": 60},
            {"revision": f"{SERVICE}/revisions/api-00001-abc", "percent": 40},
            {"revision": "api-00001-abc", "tag": "old"},
        ],
    ).shares
    assert shares == (
        Share(percent=60),
        Share(revision="api-00001-abc", percent=40),
        Share(revision="api-00001-abc", tag="old"),
    )


# -- what is refused -------------------------------------------------------------------------------------------------

_BOTH = (SERVICE, POOL)
REFUSED: list[tuple[tuple[ResidentName, ...], str, object, str]] = [
    (_BOTH, "bogus", 1, ""),
    (_BOTH, "template", None, "template"),
    (_BOTH, "name", "projects/p1/locations/us-central1/services/other", "name"),
    (_BOTH, "description", "x" * 513, "description"),
    (_BOTH, "launchStage", "DEPRECATED", "launch_stage"),
    (_BOTH, "labels", {"run.googleapis.com/x": "y"}, "labels['run.googleapis.com/x']"),
    (_BOTH, "template/annotations", {"autoscaling.knative.dev/minScale": "1"},
     "template.annotations['autoscaling.knative.dev/minScale']"),
    (_BOTH, "customAudiences", [""], "custom_audiences[0]"),
    (_BOTH, "template/containers", [], "template.containers"),
    (_BOTH, f"{C}/image", "", "template.containers[0].image"),
    (_BOTH, f"{C}/command", None, "template.containers[0].command"),
    (_BOTH, "template/serviceAccount", "nobody", "template.service_account"),
    (_BOTH, "template/revision", "other-1", "template.revision"),
    (_BOTH, "template/revision", "Api", "template.revision"),
    (_BOTH, "template/volumes", [{"name": "v"}], "template.volumes[0]"),
    (_BOTH, f"{C}/volumeMounts", [{"name": "v", "mountPath": "/v"}], "template.containers[0].volume_mounts[0].name"),
    (_BOTH, "scaling", {"manualInstanceCount": -1}, "scaling.manual_instance_count"),
    (_BOTH, f"{C}/startupProbe", {"tcpSocket": {"port": 80}, "periodSeconds": 100},
     "template.containers[0].startup_probe"),
    (_BOTH, f"{C}/startupProbe", {"httpGet": {"port": 80, "path": "/a HTTP/1.1\r\nX: y"}},
     "template.containers[0].startup_probe.http_get.path"),
    (_BOTH, f"{C}/livenessProbe", {"httpGet": {"port": 80, "httpHeaders": [{"name": "X\r\nY", "value": "z"}]}},
     "template.containers[0].liveness_probe.http_get.http_headers[0].name"),
    (_BOTH, f"{C}/livenessProbe", {"httpGet": {"port": 80, "httpHeaders": [{"name": "X", "value": "z\r\nY: a"}]}},
     "template.containers[0].liveness_probe.http_get.http_headers[0].value"),
    (_BOTH, f"{C}/livenessProbe", {"tcpSocket": {"port": 80}, "periodSeconds": 5, "timeoutSeconds": 6},
     "template.containers[0].liveness_probe.timeout_seconds"),
    ((SERVICE,), "ingress", "INGRESS_TRAFFIC_NONE", "ingress"),
    ((SERVICE,), "template/timeout", "3601s", "template.timeout"),
    ((SERVICE,), "template/timeout", "0s", "template.timeout"),
    ((SERVICE,), "template/maxInstanceRequestConcurrency", 1001, "template.max_instance_request_concurrency"),
    ((SERVICE,), "template/scaling", {"minInstanceCount": 3, "maxInstanceCount": 2},
     "template.scaling.min_instance_count"),
    ((SERVICE,), "scaling", {"scalingMode": "MANUAL"}, "scaling.manual_instance_count"),
    ((SERVICE,), f"{C}/ports", [{"containerPort": 70000}], "template.containers[0].ports[0].container_port"),
    ((SERVICE,), f"{C}/ports", [{"containerPort": 80}, {"containerPort": 81}], "template.containers[0].ports"),
    ((SERVICE,), f"{C}/ports", [{"name": "https", "containerPort": 80}], "template.containers[0].ports[0].name"),
    ((SERVICE,), "traffic", [{"percent": 90}], "traffic"),
    ((SERVICE,), "traffic", [{"percent": 101}, {"percent": -1}], "traffic[0].percent"),
    ((SERVICE,), "traffic", [{"percent": 50, "tag": "a"}, {"percent": 50, "tag": "a"}], "traffic[1].tag"),
    ((SERVICE,), "traffic", [{"percent": 100, "tag": "A B"}], "traffic[0].tag"),
    ((SERVICE,), "traffic", [{"percent": 100, "type": 2}], "traffic[0].revision"),
    ((SERVICE,), "traffic", [{"percent": 100, "type": 1, "revision": "api-1"}], "traffic[0].revision"),
    ((SERVICE,), "traffic", [{"percent": 100, "revision": "A"}], "traffic[0].revision"),
    ((POOL,), "traffic", [{"percent": 100}], ""),
    ((POOL,), "template/timeout", "5s", "template"),
    ((POOL,), f"{C}/ports", [{"containerPort": 80}], "template.containers[0].ports"),
    ((POOL,), f"{C}/livenessProbe", {"httpGet": {"path": "/"}}, "template.containers[0].liveness_probe.http_get.port"),
    ((POOL,), f"{C}/startupProbe", {}, "template.containers[0].startup_probe.tcp_socket.port"),
    ((POOL,), "instanceSplits", [{"percent": 99}], "instance_splits"),
]  # fmt: skip
_CASES = [(name, path, value, field) for names, path, value, field in REFUSED for name in names]


@pytest.mark.parametrize(
    ("name", "path", "value", "field"), _CASES, ids=[f"{name.kind}-{path}-{field}" for name, path, _, field in _CASES]
)
def test_given_a_wrong_field_when_read_then_it_is_named(
    name: ResidentName, path: str, value: object, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        resident_draft_from_json(name, changed(minimal(), path, value))
    noun = "service" if name.kind is Kind.SERVICE else "worker_pool"
    assert (f"{noun}.{field}" if field else noun) in [violation.field for violation in caught.value.violations]


def test_given_two_containers_when_read_then_sidecars_are_refused_by_name() -> None:
    body = minimal()
    template = body["template"]
    assert isinstance(template, dict)
    template["containers"] = [{"name": name, "image": "i"} for name in ("a", "b")]
    with pytest.raises(InvalidArgument, match="sidecars are not supported"):
        resident_draft_from_json(SERVICE, body)


def test_given_the_number_of_the_project_in_the_name_when_read_then_it_stands_for_its_id() -> None:
    body = {**minimal(), "name": "projects/123/locations/us-central1/services/api"}
    assert resident_draft_from_json(SERVICE, body).template.members


# -- masks -----------------------------------------------------------------------------------------------------------


def test_given_a_mask_when_changed_then_only_the_named_fields_are_other_ones() -> None:
    held = a_resident(POOL, full_pool())
    tree = resident_with_changes(POOL, held, {"scaling": {"manualInstanceCount": 9}, "labels": {"x": "y"}}, "scaling")
    draft = resident_draft_from_json(POOL, tree)
    assert draft.scaling.manual == 9
    assert draft.labels == held.labels
    assert draft.template == held.template
    assert draft.etag == ""


def test_given_a_mask_within_a_template_when_changed_then_the_rest_of_it_stays() -> None:
    held = a_resident(SERVICE, full_service())
    before = copy.deepcopy(resident_to_json(held))
    body = {"template": {"scaling": {"minInstanceCount": 4}}}
    tree = resident_with_changes(SERVICE, held, body, "template.scaling.min_instance_count")
    assert resident_draft_from_json(SERVICE, tree).template.min_instances == 4
    assert resident_to_json(held) == before


@pytest.mark.parametrize("mask", ["bogus", "uid", "template.bogus", "trafficStatuses"])
def test_given_a_mask_of_no_field_when_changed_then_it_is_refused(mask: str) -> None:
    with pytest.raises(InvalidArgument, match=mask):
        resident_with_changes(SERVICE, a_resident(SERVICE), {}, mask)


# -- what is printed -------------------------------------------------------------------------------------------------


def test_given_a_ready_service_when_printed_then_it_says_where_it_is_and_who_serves() -> None:
    tree = resident_to_json(a_resident(SERVICE, full_service()))
    number = tree["uri"].partition("api-")[2].partition(".")[0]
    assert number.isdigit()
    assert tree["uri"] == f"https://api-{number}.us-central1.run.app"
    assert tree["urls"] == [tree["uri"], "http://127.0.0.1:18080"]
    assert tree["latestReadyRevision"] == f"{SERVICE}/revisions/api-00002-xyz"
    assert tree["trafficStatuses"] == [
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "revision": "api-00002-xyz", "percent": 90},
        {
            "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
            "revision": "api-00001-abc",
            "percent": 10,
            "tag": "old",
            "uri": f"https://old---api-{number}.us-central1.run.app",
        },
    ]
    assert tree["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"
    assert [condition["type"] for condition in tree["conditions"]] == ["ConfigurationsReady", "RoutesReady"]
    assert (tree["generation"], tree["observedGeneration"], "reconciling" in tree) == ("2", "2", False)


def test_given_a_service_without_its_url_when_printed_then_only_the_loopback_port_is_shown() -> None:
    tree = resident_to_json(a_resident(SERVICE, {**minimal(), "defaultUriDisabled": True}))
    assert tree["urls"] == ["http://127.0.0.1:18080"]
    assert "uri" not in tree


def test_given_no_ready_revision_when_printed_then_nobody_serves() -> None:
    tree = resident_to_json(a_resident(SERVICE, latest_ready="", is_reconciling=True, observed_generation=0))
    assert "trafficStatuses" not in tree
    assert tree["traffic"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    assert tree["reconciling"] is True
    assert "observedGeneration" not in tree


def test_given_a_pool_when_printed_then_its_split_names_revisions_and_it_has_no_url() -> None:
    tree = resident_to_json(a_resident(POOL))
    assert tree["instanceSplitStatuses"] == [
        {"type": "INSTANCE_SPLIT_ALLOCATION_TYPE_LATEST", "revision": "consumer-00002-xyz", "percent": 100}
    ]
    assert not {"uri", "urls", "traffic", "ingress"} & tree.keys()
    assert "timeout" not in tree["template"]


def test_given_a_service_that_failed_when_printed_then_it_says_that_its_revision_did_and_the_revision_why() -> None:
    failed = a_resident(SERVICE, ready_reason="REVISION_FAILED", ready_message="it did not listen")
    condition = resident_to_json(failed)["terminalCondition"]
    assert (condition["reason"], condition["message"]) == ("REVISION_FAILED", "it did not listen")
    assert condition["state"] == "CONDITION_FAILED"
    reason = "HEALTH_CHECK_CONTAINER_ERROR"
    revision = a_revision(SERVICE, state=RevisionState.FAILED, reason=reason, message="it did not listen")
    ready = revision_to_json(revision)["conditions"][0]
    assert (ready["revisionReason"], ready["message"], "reason" in ready) == (reason, "it did not listen", False)


def test_given_a_revision_when_printed_then_it_has_the_settings_of_its_template() -> None:
    tree = revision_to_json(a_revision(SERVICE, full_service()))
    assert tree["name"] == f"{SERVICE}/revisions/api-00002-xyz"
    assert (tree["service"], tree["maxInstanceRequestConcurrency"], tree["timeout"]) == ("api", 7, "60s")
    assert tree["scaling"] == {"minInstanceCount": 2, "maxInstanceCount": 5}
    assert tree["scalingStatus"] == {"desiredMinInstanceCount": 2}
    assert {condition["type"] for condition in tree["conditions"]} >= {"Ready", "Active", "ContainerHealthy"}
    assert "healthCheckDisabled" not in tree


def test_given_a_revision_under_way_when_printed_then_it_is_reconciling() -> None:
    tree = revision_to_json(a_revision(POOL, state=RevisionState.DEPLOYING))
    assert tree["reconciling"] is True
    assert not {"observedGeneration", "service", "timeout"} & tree.keys()


# -- operations ------------------------------------------------------------------------------------------------------

_OPERATION = OperationName.make("p1", "us-central1", "op1")


def test_given_a_create_when_printed_then_metadata_and_response_are_the_service() -> None:
    resident = a_resident(SERVICE, {**full_service(), "functionalType": "FUNCTIONAL_TYPE_AGENT"})
    operation = ResidentOperation(
        name=_OPERATION,
        verb=ResidentVerb.CREATE,
        target=SERVICE,
        create_time_s=CREATED_S,
        done=False,
        resource=resident,
    )
    tree = any_operation_to_json(operation)
    assert tree["metadata"]["@type"] == "type.googleapis.com/google.cloud.run.v2.Service"
    assert "response" not in tree
    assert "functionalType" not in tree["metadata"]  # the protobuf message has no such field
    done = any_operation_to_json(
        ResidentOperation(
            name=_OPERATION,
            verb=ResidentVerb.DELETE,
            target=SERVICE,
            create_time_s=CREATED_S,
            done=True,
            resource=resident,
        )
    )
    assert done["response"]["deleteTime"] == "2026-11-23T05:00:00.101000Z"


def test_given_a_failed_delete_of_a_revision_when_printed_then_there_is_an_error_and_no_response() -> None:
    operation = ResidentOperation(
        name=_OPERATION,
        verb=ResidentVerb.DELETE_REVISION,
        target=POOL.revision("consumer-00002-xyz"),
        create_time_s=CREATED_S,
        done=True,
        resource=a_revision(POOL),
        error=(9, "it serves"),
    )
    tree = any_operation_to_json(operation)
    assert tree["metadata"]["@type"] == "type.googleapis.com/google.cloud.run.v2.Revision"
    assert (tree["error"], "response" in tree) == ({"code": 9, "message": "it serves"}, False)
