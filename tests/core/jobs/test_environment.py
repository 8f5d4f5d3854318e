"""What a task finds in its environment."""

from __future__ import annotations

from world import an_execution

from hakobune.core.containers import DEFAULT_PATH, Container, EnvVar, SecretRef
from hakobune.core.jobs.environment import ATTEMPT_VARIABLE, INDEX_VARIABLE, task_environment


def environment(*env: EnvVar, runtime: dict[str, str] | None = None) -> dict[str, str]:
    return task_environment(
        an_execution(task_count=7),
        Container(image="local", env=env),
        home="/home/someone",
        runtime=runtime or {},
    )


def test_given_a_plain_job_when_it_runs_then_it_has_the_documented_variables_and_no_others() -> None:
    assert environment() == {
        "PATH": DEFAULT_PATH,
        "HOME": "/home/someone",
        "CLOUD_RUN_JOB": "thumbs",
        "CLOUD_RUN_EXECUTION": "thumbs-x7k2p",
        "CLOUD_RUN_TASK_COUNT": "7",
    }


def test_index_and_attempt_are_left_to_the_engine() -> None:
    assert (INDEX_VARIABLE, ATTEMPT_VARIABLE) == ("CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT")


def test_given_a_variable_of_the_runtime_when_the_user_sets_it_too_then_the_user_wins() -> None:
    found = environment(
        EnvVar(name="GOOGLE_CLOUD_PROJECT", value="mine"), runtime={"GOOGLE_CLOUD_PROJECT": "p1", "X": "y"}
    )
    assert (found["GOOGLE_CLOUD_PROJECT"], found["X"]) == ("mine", "y")


def test_given_a_reserved_name_when_the_user_sets_it_then_the_service_wins() -> None:
    found = environment(
        EnvVar(name="CLOUD_RUN_TASK_INDEX", value="99"),
        EnvVar(name="CLOUD_RUN_JOB", value="other"),
        EnvVar(name="CLOUD_RUN_ANYTHING", value="x"),
    )
    assert found["CLOUD_RUN_JOB"] == "thumbs"
    assert "CLOUD_RUN_TASK_INDEX" not in found
    assert "CLOUD_RUN_ANYTHING" not in found


def test_given_a_secret_then_its_variable_is_left_to_each_attempt() -> None:
    variable = EnvVar(name="TOKEN", secret=SecretRef(secret="api-token", version="latest"))
    assert "TOKEN" not in environment(variable)
    assert "TOKEN" not in environment(EnvVar(name="TOKEN", value="plain"), variable, runtime={"TOKEN": "x"})
