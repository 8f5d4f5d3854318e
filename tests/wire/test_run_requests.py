"""Bodies of runs, cancels and waits, over both APIs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hakobune.core.containers import EnvVar, SecretRef
from hakobune.core.errors import InvalidArgument
from hakobune.core.jobs.drafts import ContainerOverride, Overrides
from hakobune.wire import run_v1, run_v2


def test_given_an_empty_body_when_read_then_nothing_is_overridden() -> None:
    assert run_v2.run_request_from_json({}) == run_v2.RunRequest()
    assert run_v1.overrides_from_v1({}) == Overrides()
    assert run_v2.cancel_request_from_json({}) == run_v2.CancelRequest()
    run_v2.rerun_request_from_json({})


def test_given_all_overrides_when_read_then_both_apis_mean_the_same() -> None:
    expected = Overrides(
        containers=(
            ContainerOverride(
                name="app",
                args=("x", ""),
                env=(EnvVar(name="A", value="1"), EnvVar(name="S", secret=SecretRef(secret="s", version="2"))),
            ),
            ContainerOverride(args=()),
        ),
        task_count=5,
        timeout_s=30.0,
    )
    v2 = {
        "containerOverrides": [
            {
                "name": "app",
                "args": ["x", ""],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "S", "valueSource": {"secretKeyRef": {"secret": "s", "version": "2"}}},
                ],
            },
            {"clearArgs": True},
        ],
        "taskCount": 5,
        "timeout": "30s",
        "delayExecution": True,
    }
    v1 = {
        "containerOverrides": [
            {
                "name": "app",
                "args": ["x", ""],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "2"}}},
                ],
            },
            {"clearArgs": True},
        ],
        "taskCount": 5,
        "timeoutSeconds": 30,
        "delayExecution": True,
    }
    assert run_v2.run_request_from_json({"overrides": v2, "validateOnly": True, "etag": '"1"'}) == run_v2.RunRequest(
        validate_only=True, etag='"1"', overrides=expected
    )
    assert run_v2.overrides_from_json(v2) == expected
    assert run_v1.overrides_from_v1({"overrides": v1}) == expected


def test_given_counts_of_zero_and_no_arguments_when_read_then_they_are_unset() -> None:
    v2 = {"overrides": {"taskCount": 0, "containerOverrides": [{"args": []}]}}
    v1 = {"overrides": {"taskCount": 0, "timeoutSeconds": 0, "containerOverrides": [{"args": []}]}}
    expected = Overrides(containers=(ContainerOverride(),))
    assert run_v2.run_request_from_json(v2).overrides == expected
    assert run_v1.overrides_from_v1(v1) == expected


@pytest.mark.parametrize(
    ("read", "body", "field"),
    [
        (run_v2.run_request_from_json, {"bogus": 1}, ""),
        (run_v2.run_request_from_json, {"overrides": {"parallelism": 1}}, "overrides"),
        (run_v2.run_request_from_json, {"overrides": {"taskCount": "x"}}, "overrides.task_count"),
        (run_v2.run_request_from_json, {"validateOnly": 1}, "validate_only"),
        (
            run_v2.run_request_from_json,
            {"overrides": {"containerOverrides": [{"args": ["a"], "clearArgs": True}]}},
            "overrides.container_overrides[0].args",
        ),
        (
            run_v2.run_request_from_json,
            {"overrides": {"containerOverrides": [{"env": [{"name": "A=B"}]}]}},
            "overrides.container_overrides[0].env[0].name",
        ),
        (run_v2.overrides_from_json, {"timeout": "soon"}, "overrides.timeout"),
        (run_v2.cancel_request_from_json, {"etag": 5}, "etag"),
        (run_v2.rerun_request_from_json, {"x": 1}, ""),
        (run_v2.wait_timeout_from_json, {"timeout": "-1s"}, "timeout"),
        (run_v2.wait_timeout_from_json, {"timeout": 5}, "timeout"),
        (run_v1.overrides_from_v1, {"overrides": {"timeoutSeconds": "x"}}, "overrides.timeoutSeconds"),
        (run_v1.overrides_from_v1, {"overrides": {"timeout": "5s"}}, "overrides"),
        (
            run_v1.overrides_from_v1,
            {"overrides": {"containerOverrides": [{"args": ["a"], "clearArgs": True}]}},
            "overrides.containerOverrides[0].args",
        ),
        (
            run_v1.overrides_from_v1,
            {"overrides": {"containerOverrides": [{"env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}]}]}},
            "overrides.containerOverrides[0].env[0].valueFrom.secretKeyRef.name",
        ),
    ],
)
def test_given_a_wrong_body_when_read_then_its_field_is_named_as_its_api_spells_it(
    read: Callable[[object], object], body: object, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read(body)
    assert [violation.field for violation in caught.value.violations] == [field]


@pytest.mark.parametrize(("body", "timeout_s"), [({}, None), ({"timeout": "30s"}, 30.0), ({"timeout": "0s"}, 0.0)])
def test_given_a_wait_when_read_then_its_timeout_is_known(body: object, timeout_s: float | None) -> None:
    assert run_v2.wait_timeout_from_json(body) == timeout_s
