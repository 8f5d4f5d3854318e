"""Services, worker pools and revisions over v1, as gcloud sends and reads them; they mean what v2 means."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from bodies import changed
from pictured_residents import POOL, SERVICE, a_resident, a_revision, full_pool, full_service, minimal, resident_of

from hakobune.core.errors import InvalidArgument
from hakobune.core.services.model import RevisionState, Scaling, ScalingMode, Share
from hakobune.core.services.names import Kind, ResidentName
from hakobune.wire.run_v1_residents import resident_draft_from_v1, resident_to_v1, resident_v1_path
from hakobune.wire.run_v1_revisions import configuration_to_v1, revision_labels, revision_to_v1, route_to_v1
from hakobune.wire.run_v2_residents import resident_draft_from_json

RUN = "run.googleapis.com/"


def service(**spec: object) -> dict[str, object]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "p1"},
        "spec": {"template": {"spec": {"containers": [{"image": "local", "command": ["true"]}]}}, **spec},
    }


def pool() -> dict[str, object]:
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "WorkerPool",
        "metadata": {"name": "consumer"},
        "spec": {"template": {"spec": {"containers": [{"image": "local", "command": ["true"]}]}}},
    }


# -- the same meaning --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [SERVICE, POOL], ids=["service", "pool"])
@pytest.mark.parametrize("is_full", [True, False], ids=["full", "minimal"])
def test_given_a_resident_of_v2_when_printed_by_v1_and_read_again_then_it_is_the_same(
    name: ResidentName, is_full: bool
) -> None:
    body = {Kind.SERVICE: full_service, Kind.POOL: full_pool}[name.kind]() if is_full else minimal()
    if name.kind is Kind.POOL and not is_full:
        body["scaling"] = {"manualInstanceCount": 1}  # v1 always says it
    draft = resident_draft_from_json(name, body)
    printed = resident_to_v1(resident_of(name, draft))
    found, again = resident_draft_from_v1(name.kind, printed, namespace="p1")
    memory = again.template.members[0].container.memory_set_by_user
    members = tuple(
        replace(member, container=replace(member.container, memory_set_by_user=memory))
        for member in draft.template.members
    )
    wanted = replace(draft, etag='"abc"', template=replace(draft.template, members=members))
    assert (found, again) == (name.id, wanted)


def test_given_what_v1_says_by_annotations_when_read_then_it_means_the_fields_of_v2() -> None:
    body = service(
        traffic=[{"latestRevision": True, "percent": 60}, {"revisionName": "api-1", "percent": 40, "tag": "t"}]
    )
    body["metadata"] = {
        "name": "api",
        "annotations": {
            f"{RUN}ingress": "internal-and-cloud-load-balancing",
            f"{RUN}ingress-status": "all",
            f"{RUN}urls": '["https://x"]',
            f"{RUN}scalingMode": "manual",
            f"{RUN}manualInstanceCount": "3",
            f"{RUN}minScale": "1",
            f"{RUN}description": "d",
            f"{RUN}custom-audiences": '["a"]',
            "serving.knative.dev/creator": "x@y",
        },
    }
    template: Any = body["spec"]["template"]  # type: ignore[index]
    template["metadata"] = {
        "name": "api-blue",
        "labels": {"client.knative.dev/nonce": "abc"},
        "annotations": {
            "autoscaling.knative.dev/minScale": "2",
            "autoscaling.knative.dev/maxScale": "9",
            f"{RUN}cpu-throttling": "false",
            f"{RUN}startup-cpu-boost": "true",
            f"{RUN}sessionAffinity": "true",
            f"{RUN}execution-environment": "gen1",
            f"{RUN}cloudsql-instances": "p:r:i",
        },
    }
    template["spec"] |= {"containerConcurrency": 5, "timeoutSeconds": 7, "serviceAccountName": "a@b"}
    _, draft = resident_draft_from_v1(Kind.SERVICE, body, namespace="p1")
    assert draft.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    assert draft.scaling == Scaling(min_instances=1, manual=3, mode=ScalingMode.MANUAL)
    assert (draft.description, draft.custom_audiences, dict(draft.annotations)) == ("d", ("a",), {})
    assert draft.shares == (Share(percent=60), Share(revision="api-1", percent=40, tag="t"))
    found = draft.template
    assert (found.revision, found.min_instances, found.max_instances) == ("api-blue", 2, 9)
    assert (found.max_concurrency, found.timeout_s, found.service_account) == (5, 7.0, "a@b")
    assert (found.session_affinity, found.execution_environment) == (True, "EXECUTION_ENVIRONMENT_GEN1")
    assert found.members[0].container.other["resources"] == {"cpuIdle": False, "startupCpuBoost": True}
    assert found.members[0].container.name == "api-1"
    assert found.volumes == ({"name": "cloudsql", "cloudSqlInstance": {"instances": ["p:r:i"]}},)
    assert found.labels == {"client.knative.dev/nonce": "abc"}


# -- what is refused ---------------------------------------------------------------------------------------------------

S = "spec/template/spec"
REFUSED = [
    ("apiVersion", "v2", "apiVersion"),
    ("kind", "Job", "kind"),
    ("metadata/namespace", "p2", "metadata.namespace"),
    ("metadata/name", "", "metadata.name"),
    ("metadata/generateName", "x", "metadata.generateName"),
    ("spec/bogus", 1, "spec"),
    ("spec/template", None, "spec.template"),
    ("spec/traffic", [{"percent": 100}], "spec.traffic[0]"),
    ("spec/traffic", [{"percent": 100, "latestRevision": True, "revisionName": "api-1"}], "spec.traffic[0].revisionName"),
    ("spec/traffic", [{"percent": 9, "latestRevision": True}], "spec.traffic"),
    ("metadata/annotations", {f"{RUN}minScale": "x"}, f"metadata.annotations['{RUN}minScale']"),
    ("metadata/annotations", {f"{RUN}minScale": "3", f"{RUN}maxScale": "2"}, f"metadata.annotations['{RUN}minScale']"),
    ("metadata/annotations", {f"{RUN}ingress": "none"}, f"metadata.annotations['{RUN}ingress']"),
    ("metadata/annotations", {f"{RUN}custom-audiences": "{}"}, f"metadata.annotations['{RUN}custom-audiences']"),
    ("metadata/annotations", {f"{RUN}description": "x" * 513}, f"metadata.annotations['{RUN}description']"),
    ("spec/template/metadata/name", "other", "spec.template.metadata.name"),
    (f"{S}/containerConcurrency", 1001, "spec.template.spec.containerConcurrency"),
    (f"{S}/timeoutSeconds", 3601, "spec.template.spec.timeoutSeconds"),
    (f"{S}/imagePullSecrets", [{"name": "x"}], "spec.template.spec.imagePullSecrets"),
    (f"{S}/nodeSelector", {"zone": "a"}, "spec.template.spec.nodeSelector['zone']"),
    (f"{S}/containers/0/command", [], "spec.template.spec.containers[0].command"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "field"), REFUSED, ids=[f"{path}-{field}" for path, _, field in REFUSED])
def test_given_a_wrong_field_when_read_then_it_is_named_as_v1_names_it(path: str, value: object, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        resident_draft_from_v1(Kind.SERVICE, changed(service(), path, value), namespace="p1")
    assert field in [violation.field for violation in caught.value.violations]


@pytest.mark.parametrize("annotation", [{"scalingMode": "automatic"}, {"minScale": "1"}, {"maxScale": "2"}])
def test_given_a_pool_that_is_to_scale_by_itself_when_read_then_it_is_refused(annotation: dict[str, str]) -> None:
    body = pool()
    body["metadata"] = {"name": "consumer", "annotations": {RUN + key: text for key, text in annotation.items()}}
    with pytest.raises(InvalidArgument, match="scaled by hand"):
        resident_draft_from_v1(Kind.POOL, body, namespace="p1")


def test_given_a_wrong_value_of_the_autoscaler_when_read_then_the_annotation_is_named_as_v1_names_it() -> None:
    scaling = {"hakobune.dev/scaling-pubsub-subscription": "orders", "hakobune.dev/scaling-pubsub-target": "0"}
    body = pool() | {"metadata": {"name": "consumer", "annotations": scaling}}
    with pytest.raises(InvalidArgument, match="must be a number from") as caught:
        resident_draft_from_v1(Kind.POOL, body, namespace="p1")
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["metadata.annotations['hakobune.dev/scaling-pubsub-target']"]


def test_given_a_scaled_pool_when_printed_by_v1_then_its_count_is_there() -> None:
    annotations = resident_to_v1(a_resident(POOL, auto_count=3))["metadata"]["annotations"]
    assert annotations["hakobune.dev/scaled-instances"] == "3"


def test_given_paths_of_v2_when_rendered_then_instance_splits_and_scaling_are_where_v1_has_them() -> None:
    assert resident_v1_path("instanceSplits[1].revision") == "spec.instanceSplits[1].revisionName"
    assert resident_v1_path("scaling.manualInstanceCount") == f"metadata.annotations['{RUN}manualInstanceCount']"


# -- what is printed -----------------------------------------------------------------------------------------------------


def test_given_a_service_when_printed_then_gcloud_finds_what_it_looks_for() -> None:
    tree = resident_to_v1(a_resident(SERVICE))
    metadata, status = tree["metadata"], tree["status"]
    assert (tree["apiVersion"], tree["kind"]) == ("serving.knative.dev/v1", "Service")
    assert metadata["selfLink"] == "/apis/serving.knative.dev/v1/namespaces/p1/services/api"
    assert metadata["labels"] == {"cloud.googleapis.com/location": "us-central1"}
    assert metadata["annotations"]["serving.knative.dev/lastModifier"] == "you@example.com"
    assert metadata["annotations"][f"{RUN}ingress-status"] == "all"
    assert "http://127.0.0.1:18080" in metadata["annotations"][f"{RUN}urls"]
    assert status["url"] == status["address"]["url"]
    assert status["traffic"] == [{"revisionName": "api-00002-xyz", "percent": 100, "latestRevision": True}]
    assert status["latestReadyRevisionName"] == "api-00002-xyz"
    assert [(item["type"], item["status"]) for item in status["conditions"]] == [
        ("Ready", "True"),
        ("ConfigurationsReady", "True"),
        ("RoutesReady", "True"),
    ]
    assert status["observedGeneration"] == metadata["generation"] == 2
    spec = tree["spec"]["template"]["spec"]
    assert (spec["containerConcurrency"], spec["timeoutSeconds"]) == (80, 300)
    assert spec["containers"][0]["ports"] == [{"name": "http1", "containerPort": 8080}]


def test_given_a_pool_when_printed_then_it_is_of_run_and_has_instance_splits() -> None:
    tree = resident_to_v1(a_resident(POOL, {**minimal(), "scaling": {"manualInstanceCount": 0}}))
    assert (tree["apiVersion"], tree["kind"]) == ("run.googleapis.com/v1", "WorkerPool")
    assert tree["metadata"]["annotations"][f"{RUN}manualInstanceCount"] == "0"
    assert tree["spec"]["instanceSplits"] == [{"latestRevision": True, "percent": 100}]
    assert "url" not in tree["status"]
    assert "timeoutSeconds" not in tree["spec"]["template"]["spec"]


def test_given_revisions_when_printed_then_labels_say_whose_they_are() -> None:
    assert revision_labels(a_revision(SERVICE))["serving.knative.dev/service"] == "api"
    assert revision_labels(a_revision(POOL))["run.googleapis.com/workerPool"] == "consumer"
    tree = revision_to_v1(a_revision(SERVICE, state=RevisionState.RETIRED))
    assert tree["metadata"]["selfLink"].endswith("/namespaces/p1/revisions/api-00002-xyz")
    active = next(item for item in tree["status"]["conditions"] if item["type"] == "Active")
    assert (active["status"], active["reason"]) == ("False", "Retired")
    assert tree["status"]["serviceName"] == "api"
    assert "serviceName" not in revision_to_v1(a_revision(POOL))["status"]


def test_given_a_service_when_split_as_knative_does_then_both_parts_have_a_condition_of_their_own() -> None:
    held = a_resident(SERVICE)
    before = copy.deepcopy(resident_to_v1(held))
    configuration, route = configuration_to_v1(held), route_to_v1(held)
    for part in (configuration, route):
        assert [item["type"] for item in part["status"]["conditions"]] == ["Ready"]
        assert part["metadata"]["labels"]["serving.knative.dev/service"] == "api"
    assert configuration["status"]["latestReadyRevisionName"] == "api-00002-xyz"
    assert route["status"]["traffic"]
    assert "/routes/" in route["metadata"]["selfLink"]
    assert resident_to_v1(held) == before


def test_given_a_pool_of_v1_when_read_then_its_kind_is_checked_too() -> None:
    assert resident_draft_from_v1(Kind.POOL, pool(), namespace="p1")[0] == "consumer"
    with pytest.raises(InvalidArgument, match="kind: must be WorkerPool"):
        resident_draft_from_v1(Kind.POOL, {**pool(), "kind": "Service"}, namespace="p1")
