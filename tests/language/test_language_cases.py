"""Every rule of the language: the cases of this folder, played on the machine alone."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from runner import FIELDS, Case, all_cases, judge

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_given_a_definition_when_it_is_deployed_and_run_then_it_does_what_the_rule_says(case: Case) -> None:
    judge(case)


def test_given_the_cases_then_each_has_a_name_of_its_own_a_rule_and_something_that_is_expected() -> None:
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []
    for case in CASES:
        assert re.match(r"\d+(\.\d+)?( \[D\])? .{8,}", case.rule), case.id
        assert case.fields.keys() <= FIELDS, (case.id, case.fields.keys() - FIELDS)
        expected = {"result", "pattern", "fails", "payload", "context", "rejected", "cancelled"} & case.fields.keys()
        assert expected or any(marker.kind in ("ERROR", "FAILS") for marker in case.markers), case.id


def test_given_the_cases_then_there_are_enough_of_both_kinds() -> None:
    assert len(CASES) >= 450
    assert sum(case.is_refused for case in CASES) >= 90
