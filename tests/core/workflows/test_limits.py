"""The limits of the service: what a run without them is told."""

from __future__ import annotations

from hakobune.core.workflows.limits import ARGUMENT_BYTES, NO_LIMITS, RunLimits, exceeded


def test_given_a_run_within_all_limits_then_nothing_is_told() -> None:
    assert exceeded(steps=100_000, argument_bytes=ARGUMENT_BYTES, result_bytes=524_288) == []


def test_given_a_run_beyond_each_limit_then_each_is_told_with_its_limit() -> None:
    assert exceeded(steps=100_001, argument_bytes=524_289, result_bytes=524_289) == [
        "100001 steps were executed, the limit of the service is 100000",
        "524289 bytes were in the argument, the limit of the service is 524288",
        "524289 bytes were in the result, the limit of the service is 524288",
    ]


def test_given_no_limits_then_each_bound_is_above_that_of_the_service_and_memory_has_one() -> None:
    for name in RunLimits.__slots__:
        assert getattr(NO_LIMITS, name) > getattr(RunLimits(), name), name
    for name in ("memory_bytes", "string_bytes", "result_bytes"):
        assert getattr(NO_LIMITS, name) <= 64 * 1_048_576
