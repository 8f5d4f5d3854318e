"""Every rule of the language: the cases of this folder, played on the machine alone."""

from __future__ import annotations

from collections import Counter

import pytest
from rule_tables import SUBJECTS, chapter_of
from runner import FIELDS, Case, all_cases, case_of, judge

from hakobune.core.workflows.build import InvalidDefinition

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_given_a_definition_when_it_is_deployed_and_run_then_it_does_what_the_rule_says(case: Case) -> None:
    judge(case)


def test_given_the_cases_then_each_has_a_name_of_its_own_a_rule_and_something_that_is_expected() -> None:
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []
    for case in CASES:
        assert chapter_of(case) in SUBJECTS, case.id
        assert case.fields.keys() <= FIELDS, (case.id, case.fields.keys() - FIELDS)
        expected = {"result", "pattern", "fails", "payload", "context", "rejected", "cancelled"} & case.fields.keys()
        assert expected or any(marker.kind in ("ERROR", "FAILS") for marker in case.markers), case.id


def test_given_the_cases_then_there_are_enough_of_both_kinds() -> None:
    assert len(CASES) >= 450
    assert sum(case.is_refused for case in CASES) >= 90


def a_case(**fields: object) -> Case:
    return case_of("made", {"id": "x", "rule": "0 a rule made for this test", **fields})


WRONG = {
    "another result": a_case(expression="1 + 1", result=3),
    "another type": a_case(expression="1 + 1", result=2, type="double"),
    "success instead of an error": a_case(expression="1 + 1", fails="TypeError"),
    "an error instead of success": a_case(expression="1 / 0", result=0),
    "another error": a_case(expression="1 / 0", fails="TypeError"),
    "another text of an error": a_case(expression="1 / 0", fails="ZeroDivisionError: modulo"),
    "another payload": a_case(expression="1 / 0", payload="{}"),
    "another context": a_case(expression="1 / 0", context="ZeroDivisionError"),
    "an error at another line": a_case(workflow="- a: {assign: [{x: 1}]} # FAILS x\n- b: {raise: x}\n"),
    "deployed instead of refused": a_case(expression="1 + 1", rejected=["syntax: "]),
    "refused instead of deployed": a_case(expression="1 +", result=1),
    "another rule": a_case(expression="1 +", rejected=["limit: "]),
    "refused at another line": a_case(workflow="- a: {assign: [{x: 1}]} # ERROR syntax:\n- b: {return: '${1 +}'}\n"),
    "another text of a problem": a_case(expression="1 +", rejected=["syntax: "], told="line 1:1: something else"),
    "more errors than told": a_case(workflow="- a: {return: '${x}'} # ERROR unknown-symbol:\n- b: {return: '${y}'}\n"),
    "no warning": a_case(workflow="- a: {return: 1} # WARNING limit:\n", result=1),
    "a call that is not made": a_case(expression="1", result=1, calls=["GET http://port/"]),
    "a log that is not written": a_case(expression="1", result=1, logs=[["INFO", "x"]]),
    "a wait that is not taken": a_case(expression="1", result=1, waits=[1]),
    "another number of steps": a_case(expression="1", result=1, steps=2),
    "a callback that is not opened": a_case(expression="1", result=1, callbacks=["POST"]),
    "not cancelled": a_case(expression="1", cancelled=True),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=list(WRONG))
def test_given_a_case_that_expects_something_else_when_judged_then_it_fails(case: Case) -> None:
    with pytest.raises((AssertionError, InvalidDefinition)):
        judge(case)


def test_given_a_source_of_128_kb_when_deployed_then_it_is_accepted_and_one_byte_more_is_not() -> None:
    source = "- a: {return: 1} #" + " " * (131_072 - 18)
    judge(a_case(workflow=source, result=1))
    judge(a_case(workflow=source + " ", rejected=["limit: 131073 bytes"]))
