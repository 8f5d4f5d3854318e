"""Our extensions as annotations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import an_execution

from hakobune.core.errors import InvalidArgument
from hakobune.core.jobs.model import Policy
from hakobune.core.jobs.policy import (
    BACKOFF,
    KNOWN,
    MAX_FAILED_TASKS,
    PREFIX,
    WARM_MODULES,
    policy_from_annotations,
    shown_annotations,
)


def test_given_no_annotations_when_read_then_nothing_differs_from_cloud_run() -> None:
    assert policy_from_annotations({"team": "media"}) == Policy()


def test_given_all_annotations_when_read_then_the_policy_holds_them() -> None:
    policy = policy_from_annotations({BACKOFF: "1.5", MAX_FAILED_TASKS: "0", WARM_MODULES: "numpy, a.b ,"})
    assert policy == Policy(backoff_s=1.5, max_failed_tasks=0, warm_modules=("numpy", "a.b"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (BACKOFF, "soon"),
        (BACKOFF, "-1"),
        (BACKOFF, "3601"),
        (BACKOFF, "nan"),
        (BACKOFF, "inf"),
        (MAX_FAILED_TASKS, ""),
        (MAX_FAILED_TASKS, "-1"),
        (MAX_FAILED_TASKS, "1.5"),
        (MAX_FAILED_TASKS, "10001"),
        (MAX_FAILED_TASKS, "²"),
        (MAX_FAILED_TASKS, "9" * 5_000),
        (WARM_MODULES, "os;rm"),
        (WARM_MODULES, "a..b"),
    ],
)
def test_given_a_wrong_annotation_when_read_then_it_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        policy_from_annotations({name: text}, field="job.template.annotations")
    assert [violation.field for violation in caught.value.violations] == [f"job.template.annotations['{name}']"]


def test_all_names_are_under_our_domain() -> None:
    assert all(name.startswith(PREFIX) for name in KNOWN)


def test_a_rerun_says_whose_failed_tasks_it_runs() -> None:
    plain = an_execution()
    assert shown_annotations(plain) == plain.annotations
    again = replace(plain, rerun_of="job-abcde")
    assert shown_annotations(again) == {**plain.annotations, "hakobune.dev/rerun-of": "job-abcde"}
