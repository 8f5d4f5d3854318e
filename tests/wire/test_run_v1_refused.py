"""Jobs over v1: all that is refused, with the field that is to blame, as v1 calls it."""

from __future__ import annotations

import pytest
from bodies import changed
from bodies_v1 import ANNOTATION, TASK, A, C, T, read, with_value

from hakobune.core.errors import InvalidArgument
from hakobune.wire import run_v1

_MANY_NAMES = [{"name": f"c{number}", "image": "x"} for number in range(11)]
_ENV = f"{TASK}.containers[0].env[0]"
REFUSED = [
    ("apiVersion", "batch/v1", "apiVersion"),
    ("kind", "Service", "kind"),
    ("metadata/name", "", "metadata.name"),
    ("metadata/name", "Thumbs", "metadata.name"),
    ("metadata/namespace", "p2", "metadata.namespace"),
    ("metadata/generateName", "x-", "metadata.generateName"),
    ("metadata/labels", {"a": "x y"}, "metadata.labels['a']"),
    ("metadata/annotations", {"a b": "x"}, "metadata.annotations['a b']"),
    (
        "metadata/annotations",
        {"run.googleapis.com/launch-stage": "SOON"},
        "metadata.annotations['run.googleapis.com/launch-stage']",
    ),
    ("spec", {}, "spec.template"),
    ("spec/template/spec", {}, f"{TASK}.containers"),
    ("spec/bogus", 1, "spec"),
    ("spec/startExecutionToken", "A", "spec.startExecutionToken"),
    ("spec/startExecutionToken", "a" * 60, "spec.startExecutionToken"),
    ("spec/template/spec/taskCount", -1, "spec.template.spec.taskCount"),
    ("spec/template/spec/taskCount", "x", "spec.template.spec.taskCount"),
    ("spec/template/spec/parallelism", -1, "spec.template.spec.parallelism"),
    ("spec/template/metadata/labels", {"a": "x y"}, "spec.template.metadata.labels['a']"),
    (A, {"hakobune.dev/typo": "1"}, "spec.template.metadata.annotations['hakobune.dev/typo']"),
    (A, {"hakobune.dev/max-failed-tasks": "x"}, "spec.template.metadata.annotations['hakobune.dev/max-failed-tasks']"),
    (A, {"run.googleapis.com/execution-environment": "gen3"}, ANNOTATION.format("execution-environment")),
    (A, {"run.googleapis.com/vpc-access-egress": "some"}, ANNOTATION.format("vpc-access-egress")),
    (A, {"run.googleapis.com/network-interfaces": "{"}, ANNOTATION.format("network-interfaces")),
    (A, {"run.googleapis.com/network-interfaces": "{}"}, ANNOTATION.format("network-interfaces")),
    (A, {"run.googleapis.com/network-interfaces": '[{"x": 1}]'}, ANNOTATION.format("network-interfaces") + "[0]"),
    (A, {"run.googleapis.com/container-dependencies": "["}, ANNOTATION.format("container-dependencies")),
    (A, {"run.googleapis.com/container-dependencies": '{"x":[]}'}, ANNOTATION.format("container-dependencies")),
    (f"{T}/maxRetries", 11, f"{TASK}.maxRetries"),
    (f"{T}/timeoutSeconds", "604801", f"{TASK}.timeoutSeconds"),
    (f"{T}/timeoutSeconds", "1.5", f"{TASK}.timeoutSeconds"),
    (f"{T}/serviceAccountName", "nobody", f"{TASK}.serviceAccountName"),
    (f"{T}/nodeSelector", {"zone": "a"}, f"{TASK}.nodeSelector['zone']"),
    (f"{T}/containers", _MANY_NAMES, f"{TASK}.containers"),
    (f"{C}/image", "", f"{TASK}.containers[0].image"),
    (f"{C}/envFrom", [{}], f"{TASK}.containers[0].envFrom"),
    (f"{C}/securityContext", {"runAsUser": 0}, f"{TASK}.containers[0].securityContext"),
    (f"{C}/startupProbe", {"exec": {"command": ["x"]}}, f"{TASK}.containers[0].startupProbe.exec"),
    (f"{C}/startupProbe", {"grpc": {}, "tcpSocket": {}}, f"{TASK}.containers[0].startupProbe"),
    (f"{C}/env", [{"name": "A=B"}], f"{_ENV}.name"),
    (f"{C}/env", [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s"}}}], _ENV),
    (f"{C}/env", [{"name": "A", "valueFrom": {"configMapKeyRef": {}}}], f"{_ENV}.valueFrom.configMapKeyRef"),
    (f"{C}/env", [{"name": "A", "valueFrom": {"secretKeyRef": {}}}], f"{_ENV}.valueFrom.secretKeyRef.name"),
    (f"{C}/env", [{"name": "A", "valueFrom": {}}], f"{_ENV}.valueFrom.secretKeyRef"),
    (
        f"{C}/env",
        [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a b"}}}],
        f"{_ENV}.valueFrom.secretKeyRef.key",
    ),
    (f"{C}/volumeMounts", [{"name": "gone", "mountPath": "/x"}], f"{TASK}.containers[0].volumeMounts[0].name"),
    (f"{T}/volumes", [{"name": "v"}], f"{TASK}.volumes[0]"),
    (f"{T}/volumes", [{"name": "v", "emptyDir": {}, "nfs": {}}], f"{TASK}.volumes[0]"),
    (f"{T}/volumes", [{"name": "v", "configMap": {}}], f"{TASK}.volumes[0].configMap"),
    (f"{T}/volumes", [{"name": "v", "emptyDir": {"medium": "Tape"}}], f"{TASK}.volumes[0].emptyDir.medium"),
    (f"{T}/volumes", [{"name": "v", "csi": {"driver": "x"}}], f"{TASK}.volumes[0].csi.driver"),
    (
        f"{T}/volumes",
        [{"name": "v", "csi": {"driver": "gcsfuse.run.googleapis.com"}}],
        f"{TASK}.volumes[0].csi.volumeAttributes['bucketName']",
    ),
    (
        f"{T}/volumes",
        [{"name": "v", "csi": {"driver": "cloudsql.run.googleapis.com", "volumeAttributes": {"x": "y"}}}],
        f"{TASK}.volumes[0].csi.volumeAttributes['x']",
    ),
    (f"{T}/volumes", [{"name": "v", "secret": {}}], f"{TASK}.volumes[0].secret.secretName"),
    (
        f"{T}/volumes",
        [{"name": "v", "secret": {"secretName": "s", "items": [{"path": "p", "key": "a b"}]}}],
        f"{TASK}.volumes[0].secret.items[0].key",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "field"), REFUSED, ids=[f"{path[-30:]}={str(value)[:40]}" for path, value, _ in REFUSED]
)
def test_what_is_wrong_is_refused_with_its_field(path: str, value: object, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        run_v1.job_draft_from_v1(with_value(path, value), namespace="p1")
    fields = [violation.field for violation in caught.value.violations]
    assert field in fields
    assert len(caught.value.message.splitlines()) == len(fields)


def test_given_a_start_order_that_cannot_be_kept_when_read_then_the_annotation_is_to_blame() -> None:
    body = with_value(f"{T}/containers", [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}])
    body = changed(body, A, {"run.googleapis.com/container-dependencies": '{"a":["b"],"b":["a"]}'})
    with pytest.raises(InvalidArgument) as caught:
        read(body)
    assert [violation.field for violation in caught.value.violations] == [ANNOTATION.format("container-dependencies")]


def test_given_both_tokens_when_read_then_it_is_refused() -> None:
    body = with_value("spec/startExecutionToken", "a")
    with pytest.raises(InvalidArgument, match=r"spec\.runExecutionToken"):
        read(changed(body, "spec/runExecutionToken", "b"))
