"""Jobs over v2: what is accepted, and what it means."""

from __future__ import annotations

import pytest
from bodies import C, accepted, changed
from pictured import JOB, a_job, full, minimal

from hakobune.core.containers import EnvVar, SecretRef
from hakobune.wire import run_v2


def test_given_a_minimal_job_when_read_then_the_defaults_of_the_service_are_filled_in() -> None:
    draft = run_v2.job_draft_from_json(minimal())
    task = draft.template.template
    assert (draft.template.task_count, draft.template.parallelism) == (1, 0)
    assert (task.max_retries, task.timeout_s, task.execution_environment) == (3, 600.0, "EXECUTION_ENVIRONMENT_GEN2")
    assert task.containers[0].limits == {"cpu": "1000m", "memory": "512Mi"}
    assert not task.containers[0].memory_set_by_user
    assert run_v2.job_to_json(a_job())["launchStage"] == "GA"


def test_given_an_account_for_jobs_without_one_when_read_then_it_is_filled_in_and_a_named_one_wins() -> None:
    default = "1-compute@developer.gserviceaccount.com"
    assert run_v2.job_draft_from_json(minimal(), service_account=default).template.template.service_account == default
    named = changed(minimal(), "template/template/serviceAccount", "me@p1.iam.gserviceaccount.com")
    draft = run_v2.job_draft_from_json(named, service_account=default)
    assert draft.template.template.service_account == "me@p1.iam.gserviceaccount.com"


@pytest.mark.parametrize(("value", "retries"), [(0, 0), ("2", 2), (10, 10), (1e1, 10), (None, 3)])
def test_retries_have_presence(value: object, retries: int) -> None:
    assert accepted("template/template/maxRetries", value).template.template.max_retries == retries


def test_given_snake_case_and_enums_as_numbers_when_read_then_they_mean_the_same() -> None:
    body = {
        "launch_stage": 3,
        "template": {"task_count": "5", "template": {"containers": [{"image": "local", "working_dir": "/x"}]}},
    }
    draft = run_v2.job_draft_from_json(body)
    assert (draft.launch_stage, draft.template.task_count) == ("BETA", 5)
    assert draft.template.template.containers[0].working_dir == "/x"


@pytest.mark.parametrize("stage", ["GA", 4, "LAUNCH_STAGE_UNSPECIFIED", 0, None])
def test_general_availability_is_the_stage_that_needs_no_word(stage: object) -> None:
    assert accepted("launchStage", stage).launch_stage == ""


def test_given_a_memory_limit_when_read_then_it_is_known_to_be_the_users() -> None:
    draft = accepted(f"{C}/resources", {"limits": {"memory": "64Mi"}, "cpuIdle": True})
    container = draft.template.template.containers[0]
    assert container.memory_set_by_user
    assert container.limits == {"cpu": "1000m", "memory": "64Mi"}
    assert container.other == {"resources": {"cpuIdle": True}}


def test_given_variables_when_read_then_literals_and_secrets_are_told_apart() -> None:
    env = [
        {"name": "A"},
        {"name": "B", "value": ""},
        {"name": "C", "valueSource": {"secretKeyRef": {"secret": "projects/p1/secrets/s"}}},
    ]
    draft = accepted(f"{C}/env", env)
    assert draft.template.template.containers[0].env == (
        EnvVar(name="A"),
        EnvVar(name="B", value=""),
        EnvVar(name="C", secret=SecretRef(secret="projects/p1/secrets/s", version="latest")),
    )


def test_given_what_only_the_service_says_when_sent_back_then_it_is_ignored() -> None:
    body = {**minimal(), "uid": "other", "generation": "99", "conditions": [{"type": "Ready", "state": 4}]}
    body |= {"createTime": "2026-11-23T05:00:00Z", "latestCreatedExecution": {"completionStatus": "EXECUTION_FAILED"}}
    assert run_v2.job_draft_from_json(body) == run_v2.job_draft_from_json(minimal())


@pytest.mark.parametrize(
    "name", ["", str(JOB), str(JOB).replace("p1", "123456789012")], ids=["none", "same", "number of the project"]
)
def test_given_the_name_of_the_url_in_the_body_when_read_then_it_is_accepted(name: str) -> None:
    assert run_v2.job_draft_from_json({**minimal(), "name": name}, name=JOB)


ACCEPTED = [
    ("labels", {"team": "media", "Größe": "1", "a/b": "c", "example.com/x": ""}),
    ("annotations", {"example.com/x": "any text, even\nlines"}),
    ("template/annotations", {"hakobune.dev/max-failed-tasks": "3"}),
    ("template/taskCount", 10_000),
    ("template/parallelism", 20_000),
    ("template/template/timeout", "1s"),
    ("template/template/timeout", "604800s"),
    ("template/template/serviceAccount", "123"),
    (f"{C}/resources/limits", {"cpu": "0.5"}),
    (f"{C}/resources/limits", {"cpu": "4", "memory": "2Gi"}),
    (f"{C}/resources/limits", {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "0"}),
    (f"{C}/ports", [{"containerPort": 8080, "name": "h2c"}]),
    (f"{C}/startupProbe", {"initialDelaySeconds": 240, "periodSeconds": 240, "timeoutSeconds": 240, "tcpSocket": {}}),
    (f"{C}/env", [{"name": "É x.y", "value": "v" * 32_768}]),
    ("startExecutionToken", "a" * 55),
    ("template/template/volumes", [{"name": "e", "emptyDir": {}}, {"name": "c", "cloudSqlInstance": {}}]),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED, ids=[f"{path}={str(value)[:30]}" for path, value in ACCEPTED])
def test_what_lies_within_the_bounds_is_accepted(path: str, value: object) -> None:
    assert accepted(path, value)


def test_given_a_full_job_when_read_then_it_is_accepted() -> None:
    assert run_v2.job_draft_from_json(full(), name=JOB)
