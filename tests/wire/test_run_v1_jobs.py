"""Jobs over v1: what gcloud sends, and what it means."""

from __future__ import annotations

import pytest
from bodies import changed
from bodies_v1 import A, C, T, read, v1_minimal, with_value
from pictured import EXECUTIONS, JOB, TASKS, a_job, job_of, minimal, named

from hakobune.core.containers import EnvVar, SecretRef
from hakobune.wire import run_v1, run_v2


def test_given_a_minimal_job_when_read_then_it_is_the_job_of_v2() -> None:
    assert read(v1_minimal()) == run_v2.job_draft_from_json(named(), name=JOB)


def test_given_containers_without_names_when_read_then_they_get_those_of_the_service() -> None:
    body = with_value(f"{T}/containers", [{"image": "x"}, {"name": "mine", "image": "y"}, {"image": "z"}])
    assert [container.name for container in read(body).template.template.containers] == ["thumbs-1", "mine", "thumbs-3"]
    long = changed(with_value("metadata/name", "a" * 63), "metadata/labels", {})
    _, draft = run_v1.job_draft_from_v1(long, namespace="p1")
    assert draft.template.template.containers[0].name == "a" * 60 + "-1"


def test_given_a_job_when_shown_then_gcloud_can_say_when_it_was_last_updated() -> None:
    labels = run_v1.job_labels(a_job())
    assert labels["run.googleapis.com/lastUpdatedTime"] == "2026-11-23T05:01:00.101000Z"
    assert read(with_value("metadata/labels", labels)).labels == {}


def test_given_an_account_for_jobs_without_one_when_read_then_it_is_filled_in() -> None:
    _, draft = run_v1.job_draft_from_v1(v1_minimal(), namespace="p1", service_account="a@b")
    assert draft.template.template.service_account == "a@b"


def test_given_what_gcloud_sends_when_read_then_annotations_become_fields() -> None:
    body = with_value(
        A,
        {
            "run.googleapis.com/execution-environment": "gen1",
            "run.googleapis.com/cloudsql-instances": "p:r:i, p:r:j",
            "run.googleapis.com/vpc-access-connector": "conn",
            "run.googleapis.com/vpc-access-egress": "all-traffic",
            "run.googleapis.com/network-interfaces": '[{"network":"default","subnetwork":"s"}]',
            "run.googleapis.com/encryption-key": "key",
            "run.googleapis.com/gpu-zonal-redundancy-disabled": "false",
            "run.googleapis.com/secrets": "alias:projects/1/secrets/s",
            "run.googleapis.com/something-new": "kept",
        },
    )
    draft = read(body)
    task = draft.template.template
    assert task.execution_environment == "EXECUTION_ENVIRONMENT_GEN2"
    assert task.volumes == ({"name": "cloudsql", "cloudSqlInstance": {"instances": ["p:r:i", "p:r:j"]}},)
    assert task.containers[0].other == {"volumeMounts": [{"name": "cloudsql", "mountPath": "/cloudsql"}]}
    assert task.other == {
        "encryptionKey": "key",
        "vpcAccess": {
            "connector": "conn",
            "egress": "ALL_TRAFFIC",
            "networkInterfaces": [{"network": "default", "subnetwork": "s"}],
        },
        "gpuZonalRedundancyDisabled": False,
    }
    assert draft.template.annotations == {
        "run.googleapis.com/secrets": "alias:projects/1/secrets/s",
        "run.googleapis.com/something-new": "kept",
    }


def test_given_annotations_that_no_field_stands_for_when_shown_then_v1_shows_them_and_v2_does_not() -> None:
    job = job_of(read(with_value("metadata/annotations", {"run.googleapis.com/new": "x", "mine": "y"})))
    assert run_v2.job_to_json(job)["annotations"] == {"mine": "y"}
    shown = run_v1.job_to_v1(job)["metadata"]["annotations"]
    assert (shown["run.googleapis.com/new"], shown["mine"]) == ("x", "y")


def test_given_what_the_service_wrote_when_sent_back_then_it_is_no_declaration() -> None:
    body = with_value(
        "metadata",
        {
            "name": "thumbs",
            "namespace": "123456789012",
            "uid": "u",
            "generation": 7,
            "resourceVersion": "3-abc",
            "creationTimestamp": "2026-11-23T05:00:00.000000Z",
            "selfLink": "/x",
            "labels": {"cloud.googleapis.com/location": "us-central1", "run.googleapis.com/job": "x", "team": "media"},
            "annotations": {
                "run.googleapis.com/creator": "a",
                "run.googleapis.com/lastModifier": "b",
                "run.googleapis.com/operation-id": "c",
                "serving.knative.dev/creator": "d",
            },
        },
    )
    body["status"] = {"conditions": "anything", "observedGeneration": None}
    draft = read(body)
    assert draft.labels == {"team": "media"}
    assert draft.annotations == {}
    assert draft.etag == '"3-abc"'


def test_given_a_binary_authorization_policy_when_read_then_it_is_one() -> None:
    annotations = {"run.googleapis.com/binary-authorization": "projects/p/platforms/x"}
    draft = read(with_value("metadata/annotations", annotations))
    assert draft.other == {"binaryAuthorization": {"policy": "projects/p/platforms/x"}}
    assert run_v1.job_to_v1(job_of(draft))["metadata"]["annotations"].items() >= annotations.items()


def test_given_variables_and_probes_of_kubernetes_when_read_then_what_jobs_do_not_need_is_left_out() -> None:
    body = with_value(
        C,
        {
            "image": "local",
            "imagePullPolicy": "Always",
            "terminationMessagePath": "/x",
            "env": [
                {"name": "A", "value": "1"},
                {
                    "name": "B",
                    "value": "",
                    "valueFrom": {"secretKeyRef": {"localObjectReference": {"name": "s"}, "key": "1"}},
                },
            ],
            "resources": {"requests": {"cpu": "1"}},
            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "startupProbe": {"successThreshold": 1, "httpGet": {"host": "x", "scheme": "HTTP", "path": "/r"}},
        },
    )
    container = read(body).template.template.containers[0]
    assert container.env == (EnvVar(name="A", value="1"), EnvVar(name="B", secret=SecretRef(secret="s", version="1")))
    assert not container.memory_set_by_user
    assert container.other == {"ports": [{"containerPort": 8080}], "startupProbe": {"httpGet": {"path": "/r"}}}


def test_given_a_fraction_of_a_second_when_shown_then_v1_rounds_up() -> None:
    job = a_job(changed(minimal(), "template/template/timeout", "1.5s"))
    assert run_v1.job_to_v1(job)["spec"]["template"]["spec"]["template"]["spec"]["timeoutSeconds"] == "2"


def test_given_a_job_that_is_not_ready_when_shown_then_gcloud_sees_it() -> None:
    shown = run_v1.job_to_v1(a_job(is_reconciling=True))
    assert shown["metadata"]["generation"] == 3
    assert shown["status"]["observedGeneration"] == 2
    assert shown["status"]["conditions"][0]["status"] == "Unknown"
    shown = run_v1.job_to_v1(a_job(ready_error="no"))
    assert shown["status"]["conditions"][0]["status"] == "False"
    assert shown["status"]["conditions"][0]["reason"] == "ContainerMissing"


@pytest.mark.parametrize(
    ("task", "state"),
    [
        ("waiting", "Pending"),
        ("running", "Running"),
        ("succeeded", "Succeeded"),
        ("failed_exit", "Failed"),
        ("cancelled", "Cancelled"),
        ("abandoned", "Abandoned"),
    ],
)
def test_tasks_carry_their_state_as_a_label(task: str, state: str) -> None:
    labels = run_v1.task_labels(EXECUTIONS["running"], TASKS[task])
    assert labels["run.googleapis.com/runningState"] == state
    assert run_v1.label_selector("run.googleapis.com/execution = thumbs-x7k2p").matches(labels)


@pytest.mark.parametrize("name", EXECUTIONS)
def test_executions_are_active_until_they_have_ended(name: str) -> None:
    labels = run_v1.execution_labels(EXECUTIONS[name])
    is_over = EXECUTIONS[name].completion_time_s is not None
    assert labels.get("run.googleapis.com/servingState") == (None if is_over else "Active")


def test_a_delete_is_answered_with_success() -> None:
    assert run_v1.status_success() == {"status": "Success"}
