"""Jobs over v2: all that is refused, with the field that is to blame."""

from __future__ import annotations

import pytest
from bodies import CONTAINER, TASK, C, changed, refused
from pictured import JOB, minimal

from hakobune.core.errors import InvalidArgument
from hakobune.wire import run_v2

_MANY = {f"k{number}": "v" for number in range(65)}
REFUSED = [
    # names, wrong types, unknown things: as Google's front end says it
    ("bogus", 1, "job"),
    (f"{C}/bogus", 1, CONTAINER),
    ("template/taskCount", "five", "job.template.task_count"),
    ("template/taskCount", True, "job.template.task_count"),
    ("template/taskCount", 1.5, "job.template.task_count"),
    ("template/taskCount", "1.0", "job.template.task_count"),
    ("template/taskCount", 2**31, "job.template.task_count"),
    ("template/taskCount", 10**400, "job.template.task_count"),
    ("template", [], "job.template"),
    ("template/template/containers", {}, f"{TASK}.containers"),
    ("template/template/containers", [None], f"{TASK}.containers[0]"),
    (f"{C}/command", "true", f"{CONTAINER}.command"),
    (f"{C}/command", ["a", 5], f"{CONTAINER}.command[1]"),
    (f"{C}/command", ["a\0b"], f"{CONTAINER}.command[0]"),
    (f"{C}/args", [["a"]], f"{CONTAINER}.args[0]"),
    (f"{C}/image", 5, f"{CONTAINER}.image"),
    ("labels", ["a"], "job.labels"),
    ("labels", {"a": 1}, "job.labels['a']"),
    ("labels", {"a\0": "b"}, "job.labels['a\\x00']"),
    ("launchStage", "SOON", "job.launch_stage"),
    ("launchStage", 99, "job.launch_stage"),
    ("launchStage", -1, "job.launch_stage"),
    ("launchStage", True, "job.launch_stage"),
    ("template/template/timeout", 600, f"{TASK}.timeout"),
    ("template/template/timeout", "10m", f"{TASK}.timeout"),
    ("template/template/timeout", "999999999999s", f"{TASK}.timeout"),
    ("template/delayExecution", "true", "job.template.delay_execution"),
    ("createTime", "yesterday", "job.create_time"),
    ("createTime", 5, "job.create_time"),
    ("conditions", [{"reason": 2}], "job.conditions[0].reason"),
    # ranges
    ("template/taskCount", -1, "job.template.task_count"),
    ("template/taskCount", 10_001, "job.template.task_count"),
    ("template/parallelism", -1, "job.template.parallelism"),
    ("template/template/maxRetries", -1, f"{TASK}.max_retries"),
    ("template/template/maxRetries", 11, f"{TASK}.max_retries"),
    ("template/template/timeout", "0s", f"{TASK}.timeout"),
    ("template/template/timeout", "0.999s", f"{TASK}.timeout"),
    ("template/template/timeout", "604800.001s", f"{TASK}.timeout"),
    ("template/template/timeout", "-1s", f"{TASK}.timeout"),
    ("launchStage", "PRELAUNCH", "job.launch_stage"),
    # required
    ("template", None, "job.template"),
    ("template/template", None, TASK),
    ("template/template/containers", [], f"{TASK}.containers"),
    ("template/template/containers", [{"name": f"c{n}", "image": "x"} for n in range(11)], f"{TASK}.containers"),
    (f"{C}/image", "", f"{CONTAINER}.image"),
    (f"{C}/image", "a b", f"{CONTAINER}.image"),
    (f"{C}/image", "a" * 2_049, f"{CONTAINER}.image"),
    # names
    ("name", "projects/p1/locations/us-central1/jobs/other", "job.name"),
    ("name", "other", "job.name"),
    (f"{C}/name", "A", f"{CONTAINER}.name"),
    (f"{C}/name", "a-", f"{CONTAINER}.name"),
    (f"{C}/name", "a" * 64, f"{CONTAINER}.name"),
    ("template/template/serviceAccount", "nobody", f"{TASK}.service_account"),
    ("template/template/serviceAccount", "a b@c", f"{TASK}.service_account"),
    # labels and annotations
    ("labels", _MANY, "job.labels"),
    ("labels", {"": "x"}, "job.labels['']"),
    ("labels", {"a b": "x"}, "job.labels['a b']"),
    ("labels", {"a" * 64: "x"}, f"job.labels['{'a' * 64}']"),
    ("labels", {"a": "x" * 64}, "job.labels['a']"),
    ("labels", {"a": "x y"}, "job.labels['a']"),
    ("labels", {"/a": "x"}, "job.labels['/a']"),
    ("labels", {"run.googleapis.com/job": "x"}, "job.labels['run.googleapis.com/job']"),
    ("annotations", {"cloud.googleapis.com/x": "y"}, "job.annotations['cloud.googleapis.com/x']"),
    ("annotations", {"a.serving.knative.dev/x": "y"}, "job.annotations['a.serving.knative.dev/x']"),
    ("annotations", {"a": "x" * 262_144}, "job.annotations"),
    ("annotations", {"a b": "x"}, "job.annotations['a b']"),
    ("template/labels", {"autoscaling.knative.dev/x": "y"}, "job.template.labels['autoscaling.knative.dev/x']"),
    (
        "template/annotations",
        {"hakobune.dev/max-failed-tasks": "x"},
        "job.template.annotations['hakobune.dev/max-failed-tasks']",
    ),
    ("template/annotations", {"hakobune.dev/typo": "x"}, "job.template.annotations['hakobune.dev/typo']"),
    # tokens
    ("startExecutionToken", "A", "job.start_execution_token"),
    ("runExecutionToken", "a-", "job.run_execution_token"),
    ("startExecutionToken", "a" * 56, "job.start_execution_token"),
    # variables, commands
    (f"{C}/env", [{"value": "x"}], f"{CONTAINER}.env[0].name"),
    (f"{C}/env", [{"name": "A=B"}], f"{CONTAINER}.env[0].name"),
    (f"{C}/env", [{"name": "A" * 32_769}], f"{CONTAINER}.env[0].name"),
    (f"{C}/env", [{"name": "A", "value": "v" * 32_767 + "é"}], f"{CONTAINER}.env[0].value"),
    (f"{C}/env", [{"name": "A", "value": "\0"}], f"{CONTAINER}.env[0].value"),
    (f"{C}/env", [{"name": "A", "valueSource": {}}], f"{CONTAINER}.env[0].value_source.secret_key_ref"),
    (
        f"{C}/env",
        [{"name": "A", "valueSource": {"secretKeyRef": {}}}],
        f"{CONTAINER}.env[0].value_source.secret_key_ref.secret",
    ),
    (
        f"{C}/env",
        [{"name": "A", "valueSource": {"secretKeyRef": {"secret": "s", "version": "v 1"}}}],
        f"{CONTAINER}.env[0].value_source.secret_key_ref.version",
    ),
    (
        f"{C}/env",
        [{"name": "A", "value": "x", "valueSource": {"secretKeyRef": {"secret": "s"}}}],
        f"{CONTAINER}.env[0].value_source",
    ),
    (f"{C}/args", ["x" * 131_072], f"{CONTAINER}.args[0]"),
    (f"{C}/command", ["ok", "x" * 131_072], f"{CONTAINER}.command[1]"),
    (f"{C}/workingDir", "/" * 4_096, f"{CONTAINER}.working_dir"),
    # resources
    (f"{C}/resources/limits", {"cpu": "3"}, f"{CONTAINER}.resources.limits['cpu']"),
    (f"{C}/resources/limits", {"cpu": "0"}, f"{CONTAINER}.resources.limits['cpu']"),
    (f"{C}/resources/limits", {"cpu": "many"}, f"{CONTAINER}.resources.limits['cpu']"),
    (f"{C}/resources/limits", {"memory": "512"}, f"{CONTAINER}.resources.limits['memory']"),
    (f"{C}/resources/limits", {"memory": "33Gi"}, f"{CONTAINER}.resources.limits['memory']"),
    (f"{C}/resources/limits", {"memory": "big"}, f"{CONTAINER}.resources.limits['memory']"),
    (f"{C}/resources/limits", {"cpu": "4", "memory": "1Gi"}, f"{CONTAINER}.resources.limits['memory']"),
    (f"{C}/resources/limits", {"cpu": "8"}, f"{CONTAINER}.resources.limits['memory']"),
    (f"{C}/resources/limits", {"disk": "1Gi"}, f"{CONTAINER}.resources.limits['disk']"),
    (f"{C}/resources/limits", {"nvidia.com/gpu": "1"}, f"{CONTAINER}.resources.limits['nvidia.com/gpu']"),
    (
        f"{C}/resources/limits",
        {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "2"},
        f"{CONTAINER}.resources.limits['nvidia.com/gpu']",
    ),
    # ports and probes
    (f"{C}/ports", [{}, {}], f"{CONTAINER}.ports"),
    (f"{C}/ports", [{"containerPort": 65_536}], f"{CONTAINER}.ports[0].container_port"),
    (f"{C}/ports", [{"name": "http"}], f"{CONTAINER}.ports[0].name"),
    (f"{C}/startupProbe", {"initialDelaySeconds": 241}, f"{CONTAINER}.startup_probe.initial_delay_seconds"),
    (f"{C}/startupProbe", {"periodSeconds": 241}, f"{CONTAINER}.startup_probe.period_seconds"),
    (f"{C}/livenessProbe", {"periodSeconds": -1}, f"{CONTAINER}.liveness_probe.period_seconds"),
    (
        f"{C}/livenessProbe",
        {"periodSeconds": 3600, "timeoutSeconds": 3601},
        f"{CONTAINER}.liveness_probe.timeout_seconds",
    ),
    (f"{C}/readinessProbe", {"timeoutSeconds": 11}, f"{CONTAINER}.readiness_probe.timeout_seconds"),
    (f"{C}/livenessProbe", {"failureThreshold": -1}, f"{CONTAINER}.liveness_probe.failure_threshold"),
    (f"{C}/livenessProbe", {"httpGet": {"port": -1}}, f"{CONTAINER}.liveness_probe.http_get.port"),
    (f"{C}/livenessProbe", {"httpGet": {}, "grpc": {}}, f"{CONTAINER}.liveness_probe.grpc"),
    # volumes and mounts
    ("template/template/volumes", [{"name": "v"}], f"{TASK}.volumes[0]"),
    ("template/template/volumes", [{"name": "V", "emptyDir": {}}], f"{TASK}.volumes[0].name"),
    ("template/template/volumes", [{"name": "v", "emptyDir": {}, "gcs": {"bucket": "b"}}], f"{TASK}.volumes[0].gcs"),
    ("template/template/volumes", [{"name": "v", "emptyDir": {}}] * 2, f"{TASK}.volumes[1].name"),
    ("template/template/volumes", [{"name": "v", "gcs": {}}], f"{TASK}.volumes[0].gcs.bucket"),
    ("template/template/volumes", [{"name": "v", "nfs": {"path": "/x"}}], f"{TASK}.volumes[0].nfs.server"),
    (
        "template/template/volumes",
        [{"name": "v", "emptyDir": {"sizeLimit": "x"}}],
        f"{TASK}.volumes[0].empty_dir.size_limit",
    ),
    ("template/template/volumes", [{"name": "v", "secret": {"secret": "a b"}}], f"{TASK}.volumes[0].secret.secret"),
    (
        "template/template/volumes",
        [{"name": "v", "secret": {"secret": "s", "defaultMode": 512}}],
        f"{TASK}.volumes[0].secret.default_mode",
    ),
    (
        "template/template/volumes",
        [{"name": "v", "secret": {"secret": "s", "items": [{"version": "1"}]}}],
        f"{TASK}.volumes[0].secret.items[0].path",
    ),
    (
        "template/template/volumes",
        [{"name": "v", "secret": {"secret": "s", "items": [{"path": "../x", "mode": -1}]}}],
        f"{TASK}.volumes[0].secret.items[0].path",
    ),
    (f"{C}/volumeMounts", [{"name": "gone", "mountPath": "/x"}], f"{CONTAINER}.volume_mounts[0].name"),
]


@pytest.mark.parametrize(
    ("path", "value", "field"), REFUSED, ids=[f"{path}={str(value)[:40]}" for path, value, _ in REFUSED]
)
def test_what_is_wrong_is_refused_with_its_field(path: str, value: object, field: str) -> None:
    assert field in refused(changed(minimal(), path, value), name=JOB)


@pytest.mark.parametrize(
    ("mount", "field"),
    [
        ({"name": "e", "mountPath": "x"}, "mount_path"),
        ({"name": "e", "mountPath": "/a:b"}, "mount_path"),
        ({"name": "e", "mountPath": ""}, "mount_path"),
        ({"name": "e", "mountPath": "/x", "subPath": "/abs"}, "sub_path"),
        ({"name": "e", "mountPath": "/x", "subPath": "a/../../b"}, "sub_path"),
        ({"name": "s", "mountPath": "/x", "subPath": "a"}, "sub_path"),
    ],
)
def test_given_a_wrong_mount_when_read_then_it_is_refused(mount: dict[str, str], field: str) -> None:
    body = changed(
        minimal(),
        "template/template/volumes",
        [{"name": "e", "emptyDir": {}}, {"name": "s", "secret": {"secret": "x"}}],
    )
    assert refused(changed(body, f"{C}/volumeMounts", [mount])) == [f"{CONTAINER}.volume_mounts[0].{field}"]


def test_given_two_mounts_at_one_path_when_read_then_the_second_is_refused() -> None:
    body = changed(minimal(), "template/template/volumes", [{"name": "e", "emptyDir": {}}])
    body = changed(body, f"{C}/volumeMounts", [{"name": "e", "mountPath": "/x"}] * 2)
    assert refused(body) == [f"{CONTAINER}.volume_mounts[1].mount_path"]


def _containers(*order: tuple[str, list[str]]) -> dict[str, object]:
    containers = [{"name": name, "image": "x", "dependsOn": before} for name, before in order]
    return changed(minimal(), "template/template/containers", containers)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (_containers(("a", ["b"]), ("b", ["a"])), "containers[0].depends_on"),
        (_containers(("c", []), ("a", ["a"])), "containers[1].depends_on"),
        (_containers(("a", ["gone"])), "containers[0].depends_on[0]"),
        (_containers(("a", []), ("a", [])), "containers[1].name"),
        (_containers(("a", []), ("", [])), "containers[1].name"),
    ],
)
def test_given_containers_that_do_not_fit_together_when_read_then_they_are_refused(
    body: dict[str, object], field: str
) -> None:
    assert f"{TASK}.{field}" in refused(body)


def test_given_a_start_order_when_it_can_be_kept_then_it_is_accepted() -> None:
    body = _containers(("a", ["b", "c"]), ("b", ["c"]), ("c", []))
    assert run_v2.job_draft_from_json(body).template.template.containers[0].other == {"dependsOn": ["b", "c"]}


@pytest.mark.parametrize("gpu", [True, False])
def test_given_a_gpu_when_the_timeout_is_above_an_hour_then_it_is_refused(gpu: bool) -> None:
    body = changed(minimal(), "template/template/timeout", "3601s")
    if gpu:
        body = changed(body, f"{C}/resources/limits", {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"})
    else:
        body = changed(body, "template/template/nodeSelector", {"accelerator": "nvidia-l4"})
    assert refused(body) == [f"{TASK}.timeout"]


def test_given_both_tokens_when_read_then_the_second_is_refused() -> None:
    body = {**minimal(), "startExecutionToken": "a", "runExecutionToken": "b"}
    assert refused(body) == ["job.run_execution_token"]


def test_given_a_field_under_both_of_its_names_when_read_then_it_is_refused() -> None:
    assert refused(changed(changed(minimal(), "template/taskCount", 1), "template/task_count", 2)) == [
        "job.template.task_count"
    ]


def test_given_many_wrong_fields_when_read_then_all_are_named_at_once() -> None:
    body = changed(minimal(), "template/taskCount", -1)
    body = changed(body, "template/template/maxRetries", 99)
    body = changed(body, "labels", {"run.googleapis.com/x": "y"})
    body = changed(body, f"{C}/image", "")
    assert set(refused(body)) == {
        "job.template.task_count",
        f"{TASK}.max_retries",
        "job.labels['run.googleapis.com/x']",
        f"{CONTAINER}.image",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"bogus": 1}, "Invalid JSON payload received. Unknown name \"bogus\" at 'job': Cannot find field."),
        ({"template": {"taskCount": "abc"}}, "Invalid value at 'job.template.task_count' (TYPE_INT32), \"abc\""),
        (
            {"launchStage": "SOON"},
            "Invalid value at 'job.launch_stage' (type.googleapis.com/google.api.LaunchStage), \"SOON\"",
        ),
        ({"client": {}}, "Invalid value at 'job.client' (TYPE_STRING), Starting an object on a scalar field"),
        (
            {"client": []},
            "Invalid value at 'job.client' (TYPE_STRING), Proto field is not repeating, cannot start list.",
        ),
        (
            [],
            (
                "Invalid value at 'job' (type.googleapis.com/google.cloud.run.v2.Job), "
                "Proto field is not repeating, cannot start list."
            ),
        ),
    ],
)
def test_the_words_are_those_of_googles_front_end(body: object, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        run_v2.job_draft_from_json(body)
    assert caught.value.message.splitlines()[0] == message


def test_given_a_body_without_a_field_of_its_own_when_it_is_no_object_then_the_root_is_to_blame() -> None:
    with pytest.raises(InvalidArgument, match="Root element must be a message"):
        run_v2.run_request_from_json([])


def test_given_a_huge_wrong_value_when_refused_then_the_message_stays_short() -> None:
    with pytest.raises(InvalidArgument) as caught:
        run_v2.job_draft_from_json({"x" * 100_000: 1, "template": {"taskCount": "9" * 100_000}})
    assert len(caught.value.message) < 1_000
