"""What is told where a run is not as expected."""

from __future__ import annotations

import pytest

from hakobune.core.workflows.values import Value
from hakobune.testing.workflows import Mock, Response, Workflow, WorkflowRun
from hakobune.testing.workflows.expectations import (
    Expectation,
    ExpectedCall,
    ExpectedError,
    ExpectedLog,
    differences,
    judge,
)

SOURCE = """
main:
  params: [n]
  steps:
    - start: {call: sys.log, args: {json: {event: start, n: "${n}"}, severity: NOTICE}}
    - post: {call: http.post, args: {url: "https://a.example/x", headers: {X-Key: k1}, query: {q: "1"}, body: {n: "${n}"}}, result: r}
    - nap: {call: sys.sleep, args: {seconds: 5}}
    - get: {call: http.get, args: {url: "https://b.example/y"}}
    - check: {switch: [{condition: "${n == 9}", steps: [{bad: {raise: {message: "n is nine", code: 9, tags: [Nine]}}}]}]}
    - done: {return: {n: "${n}", list: [1, {a: b}]}}
"""


def a_run(n: int = 1) -> WorkflowRun:
    return Workflow(SOURCE).run(n, mocks=[Mock(url="*", answers=[Response(json={})])])


RESULT: Value = {"n": 1, "list": [1, {"a": "b"}]}
POST = ExpectedCall(method="POST", url="https://a.example/x?q=1", body={"n": 1})
GET = ExpectedCall(url="https://b.example/*")


@pytest.mark.parametrize(
    "expected",
    [
        Expectation(),
        Expectation(result=RESULT),
        Expectation(result={"n": 1.0, "list": [1, {"a": "b"}]}),
        Expectation(result_includes={"list": [1, {}]}),
        Expectation(calls=[POST, GET]),
        Expectation(calls_any_order=[GET, POST]),
        Expectation(calls_include=[GET]),
        Expectation(calls_include=[ExpectedCall(step="main.post", headers={"x-key": "k*"}, query={"q": 1})]),
        Expectation(steps=["start", "main.get", "done"], steps_not=["bad"]),
        Expectation(steps_exactly=["start", "post", "nap", "get", "check", "done"]),
        Expectation(logs=[ExpectedLog(severity="NOTICE", json={"n": 1})]),
        Expectation(logs=[ExpectedLog(text="start")]),
        Expectation(waits_s=[5.0], duration_s=5.0, max_steps=6),
    ],
)
def test_given_a_run_as_expected_then_nothing_is_told(expected: Expectation) -> None:
    assert judge(a_run(), expected) == []


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (Expectation(result={**RESULT, "n": 2}), ["$.n: expected 2, got 1"]),
        (Expectation(result={"n": True, "list": [1, {"a": "b"}]}), ["$.n: expected true, got 1"]),
        (Expectation(result={"n": 1}), ['$.list: expected nothing, got [1,{"a":"b"}]']),
        (Expectation(result_includes={"m": 1}), ["$.m: expected 1, got nothing"]),
        (Expectation(result_includes={"list": [1]}), ['$.list[1]: expected nothing, got {"a":"b"}']),
        (Expectation(error=ExpectedError()), ["expected: an error", "got:      succeeded with"]),
        (Expectation(is_cancelled=True), ["expected: cancelled"]),
        (Expectation(calls=[POST]), ["expected 1, got 2", "not expected: GET https://b.example/y in step get"]),
        (Expectation(calls=[GET, POST]), ["call 1: address https://a.example/x?q=1, expected https://b.example/*"]),
        (Expectation(calls=[POST, GET, GET]), ["expected 3, got 2", "did not come: https://b.example/*"]),
        (Expectation(calls=[ExpectedCall(body={"n": 2}), GET]), ["call 1: body.n: expected 2, got 1"]),
        (Expectation(calls=[ExpectedCall(method="PUT"), GET]), ["call 1: method POST, expected PUT"]),
        (Expectation(calls=[ExpectedCall(step="other"), GET]), ["call 1: step post, expected other"]),
        (Expectation(calls=[ExpectedCall(headers={"X-Key": "k2"}), GET]), ['header X-Key is "k1", expected "k2"']),
        (Expectation(calls=[ExpectedCall(headers={"X-No": "1"}), GET]), ["header X-No is null"]),
        (Expectation(calls=[ExpectedCall(query={"q": "2"}), GET]), ['parameter q is "1", expected "2"']),
        (Expectation(calls_any_order=[GET]), ["not expected: POST"]),
        (Expectation(calls_include=[ExpectedCall(method="PUT")]), ["did not come: PUT", "these came: POST"]),
        (Expectation(steps=["get", "post"]), ["expected post after get", "got:   start, post, nap, get, check, done"]),
        (Expectation(steps=["nobody"]), ["expected nobody\n"]),
        (
            Expectation(steps_exactly=["start"]),
            ["expected exactly start", "first difference: step 2, expected the end, got post"],
        ),
        (
            Expectation(steps_exactly=["start", "post", "get", "get", "check", "done"]),
            ["first difference: step 3, expected get, got nap"],
        ),
        (
            Expectation(steps_exactly=["start", "post", "nap", "get", "check", "done", "again"]),
            ["first difference: step 7, expected again, got the end"],
        ),
        (Expectation(steps_not=["get", "bad"]), ["did not expect get\n"]),
        (Expectation(logs=[ExpectedLog(severity="ERROR", text="x")]), ["expected ERROR 'x'", "NOTICE"]),
        (Expectation(logs=[ExpectedLog(json={"n": 2})]), ['expected {"n":2}']),
        (Expectation(waits_s=[1.0, 2.0]), ["waits: expected 1 s, 2 s", "got:   5 s"]),
        (Expectation(waits_s=[]), ["expected none"]),
        (Expectation(duration_s=4.0), ["expected 4 s", "got:      5 s"]),
        (Expectation(max_steps=5), ["at most 5", "got:   6"]),
    ],
)
def test_given_a_run_that_is_different_then_the_difference_is_told(expected: Expectation, told: list[str]) -> None:
    failures = judge(a_run(), expected)
    assert len(failures) == 1
    for text in told:
        assert text in failures[0]


def test_given_an_error_as_expected_then_nothing_is_told() -> None:
    whole = {"message": "n is nine", "code": 9, "tags": ["Nine"]}
    error = ExpectedError(tags=["Nine"], message="nine", code=9, step="bad", payload=whole)
    assert judge(a_run(9), Expectation(error=error)) == []
    assert judge(a_run(9), Expectation(error=ExpectedError(step="main.bad"))) == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ExpectedError(tags=["Ten"]), "expected the tags Ten"),
        (ExpectedError(message="ten"), "expected a message with 'ten'"),
        (ExpectedError(code=10), "expected the code 10"),
        (ExpectedError(step="done"), "expected it in step done"),
        (ExpectedError(step="other.bad"), "expected it in step other.bad\ngot:    step bad"),
        (ExpectedError(payload={"message": "n is nine", "code": 9}), '$.tags: expected nothing, got ["Nine"]'),
    ],
)
def test_given_another_error_then_the_difference_is_told(error: ExpectedError, told: str) -> None:
    (failure,) = judge(a_run(9), Expectation(error=error))
    assert told in failure


def test_given_success_is_expected_when_the_workflow_fails_then_its_error_is_told_with_its_place() -> None:
    (failure,) = judge(a_run(9), Expectation(result=1))
    assert "expected: success" in failure
    assert 'in step "bad", routine "main", line: 9' in failure


def test_everything_that_is_different_is_told_at_once() -> None:
    expected = Expectation(result=2, calls=[], steps=["nobody"], logs=[ExpectedLog(text="x")], duration_s=1.0)
    assert len(judge(a_run(), expected)) == 5


def test_a_run_without_an_end_tells_its_trouble_alone() -> None:
    run = Workflow(SOURCE).run(1)
    (failure,) = judge(run, Expectation(result=2, waits_s=[]))
    assert failure.startswith("no mock answers POST")


@pytest.mark.parametrize(
    ("expected", "got", "told"),
    [
        (1, 1.0, []),
        (None, 0, ["$: expected null, got 0"]),
        ({"a b": 1}, {"a b": 2}, ['$["a b"]: expected 1, got 2']),
        ([1, 2], [1], ["$[1]: expected 2, got nothing"]),
        ([], {}, ["$: expected [], got {}"]),
        ("x", b"x", ["$: expected \"x\", got b'x'"]),
        ("a" * 400, "", ['$: expected "' + "a" * 299 + '…, got ""']),
    ],
)
def test_values_differ_at_paths(expected: Value, got: Value, told: list[str]) -> None:
    assert list(differences(expected, got)) == told


def test_of_many_differences_the_first_ones_are_told() -> None:
    source = "- done: {return: '${[]}'}"
    (failure,) = judge(Workflow(source).run(), Expectation(result=list(range(50))))
    assert "… and 30 more" in failure
