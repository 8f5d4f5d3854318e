"""Files of cases: how they are read, what is wrong with them, and how they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hakobune.testing.workflows.case_files import CaseFileInvalid, read_case_file
from hakobune.testing.workflows.durations import length_text, seconds
from hakobune.testing.workflows.expectations import Expectation
from hakobune.testing.workflows.results import Session


def a_file(folder: Path, text: str, workflow: str = "- done: {return: 1}") -> Path:
    (folder / "flow.yaml").write_text(workflow)
    path = folder / "flow_test.yaml"
    path.write_text(text)
    return path


def problems_of(folder: Path, text: str) -> list[tuple[int, str]]:
    with pytest.raises(CaseFileInvalid) as caught:
        read_case_file(a_file(folder, text))
    return [(problem.position.line, problem.message) for problem in caught.value.problems]


def run(path: Path) -> Session:
    session = Session()
    session.run_file(read_case_file(path), is_chosen=lambda _: True, tell=lambda _: None)
    return session


def test_given_a_whole_file_then_everything_in_it_counts(tmp_path: Path) -> None:
    workflow = """
main:
  params: [a]
  steps:
    - make: {call: events.create_callback_endpoint, args: {http_callback_method: PUT}, result: c}
    - ask: {call: http.post, args: {url: "https://x.example/1", body: "${a}"}, result: r}
    - wait: {call: events.await_callback, args: {callback: "${c}", timeout: 90000}, result: got}
    - tell: {call: sys.log, args: {text: '${sys.get_env("PLACE") + sys.get_env("TEAM")}'}}
    - done: {return: ["${r.body}", "${got.http_request.body}"]}
"""
    text = """
workflow: flow.yaml
env: {PLACE: tokyo, TEAM: a}
mocks:
  - {url: "POST https://x.example/*", text: shared}
cases:
  - name: first
    argument: {k: [1, true, null]}
    env: {TEAM: b}
    mocks:
      - step: ask
        answers: [{json: {own: 1}, headers: {X-A: "1"}, delay: 1m30s}]
    callbacks: [{after: 1d, json: ok}]
    expect:
      result: [{own: 1}, ok]
      logs: [tokyob]
      duration: 24h
      calls:
        - {method: POST, url: "https://x.example/1", json: {k: [1, true, null]}}
  - callbacks: [{after: 2, text: plain, headers: {Content-Type: text/plain}}]
    expect: {result: [shared, plain], steps: [make, done], waits: []}
  - name: third
    cancel_after: 1h
    expect: {cancelled: true}
"""
    session = run(a_file(tmp_path, text, workflow))
    assert [(result.case.name, list(result.failures)) for result in session.results] == [
        ("first", []),
        ("case 2", []),
        ("third", []),
    ]
    assert [result.case.line for result in session.results] == [7, 20, 22]


def test_a_file_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "flow_test.json"
    (tmp_path / "flow.yaml").write_text("- done: {return: 1}")
    path.write_text('{"workflow": "flow.yaml", "cases": [{"name": "one", "expect": {"result": 1}}]}')
    assert run(path).results[0].is_good


def test_texts_that_yaml_1_1_would_change_stay_texts(tmp_path: Path) -> None:
    text = "workflow: flow.yaml\ncases: [{name: on, argument: {a: yes, b: 010, c: 2020-01-01}}]"
    (case,) = read_case_file(a_file(tmp_path, text)).cases
    assert case.name == "on"
    assert case.argument == {"a": "yes", "b": 10, "c": "2020-01-01"}


def test_a_result_may_be_null(tmp_path: Path) -> None:
    text = "workflow: flow.yaml\ncases: [{name: a, expect: {result: null}}]"
    (result,) = run(a_file(tmp_path, text)).results
    assert "expected null, got 1" in result.message()


CASE = "workflow: flow.yaml\ncases:\n  - name: a\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("- a\n", 1, "the file must be a map, it is a list"),
        ("cases: [{name: a}]\n", 1, "there is no 'workflow'"),
        ("workflow: flow.yaml\n", 1, "there are no 'cases'"),
        ("workflow: flow.yaml\ncases: {}\n", 2, "'cases' must be a list, it is an empty map"),
        ("workflow: flow.yaml\ncases: [1]\n", 2, "a case must be a map, it is a number"),
        ("workflow: [a]\ncases: [{name: a}]\n", 1, "'workflow' must be text, it is a list"),
        ("workflow: flow.yaml\nwokflow: b\ncases: [{name: a}]\n", 2, "unknown key 'wokflow'"),
        ("workflow: flow.yaml\nenv: [a]\ncases: [{name: a}]\n", 2, "'env' must be a map, it is a list"),
        (CASE + "  - name: a\n", 3, "two cases have the name 'a'"),
        (CASE + "    expct: {}\n", 4, "unknown key 'expct'"),
        (CASE + "    cancel_after: soon\n", 4, "'cancel_after' must be a length of time"),
        (CASE + "    mocks: [{json: 1}]\n", 4, "a mock has neither 'step' nor 'url'"),
        (CASE + "    mocks: [{step: s, answers: []}]\n", 4, "a mock has no answers"),
        (CASE + "    mocks: [{step: s, json: 1, answers: [{json: 1}]}]\n", 4, "a mock has 'answers' and 'json'"),
        (CASE + "    mocks: [{step: s, error: Oops}]\n", 4, "unknown error 'Oops'"),
        (CASE + "    mocks: [{step: s, status: 99}]\n", 4, "99 is no HTTP status"),
        (CASE + "    mocks: [{step: s, status: ok}]\n", 4, "'status' must be a whole number"),
        (CASE + "    mocks: [{step: s, python: nothing}]\n", 4, "'nothing' does not name a function"),
        (CASE + "    mocks: [{step: s, python: 'gone.py:f'}]\n", 4, "'gone.py' cannot be imported"),
        (CASE + "    mocks: [{step: s, python: 'json:nobody'}]\n", 4, "'json' has no function 'nobody'"),
        (CASE + "    expect: {result: 1, error: x}\n", 4, "a case expects a result and an error"),
        (CASE + "    expect: {steps: [1]}\n", 4, "an entry of 'steps' must be text"),
        (CASE + "    expect: {cancelled: maybe}\n", 4, "'cancelled' must be true or false"),
        (CASE + "    expect: {waits: [1, -2]}\n", 4, "'waits' must be a length of time"),
        (CASE + "    expect: {calls: [{verb: GET}]}\n", 4, "unknown key 'verb'"),
    ],
)
def test_given_a_mistake_then_its_line_is_told(tmp_path: Path, text: str, line: int, message: str) -> None:
    problems = problems_of(tmp_path, text)
    assert any(at == line and message in told for at, told in problems), problems


STEPS = """
main:
  steps:
    - stock: {call: sys.log, args: {text: a}}
    - pay: {switch: [{condition: true, return: 1}]}
"""


@pytest.mark.parametrize(
    ("case", "column", "what", "remedy"),
    [
        ("mocks: [{step: stok, json: 1}]", 20, "a mock", "did you mean 'stock'?"),
        ("mocks: [{step: main.payy, json: 1}]", 20, "a mock", "did you mean 'main.pay'?"),
        ("expect: {steps: [stock, zzz]}", 29, "'steps'", "the steps are stock, pay"),
        ("expect: {steps_exactly: [stok]}", 30, "'steps_exactly'", "did you mean 'stock'?"),
        ("expect: {steps_not: [other.pay]}", 26, "'steps_not'", "the steps are stock, pay"),
        ("expect: {calls: [{step: stok}]}", 29, "a call", "did you mean 'stock'?"),
        ("expect: {calls_include: [{step: stok}]}", 37, "a call", "did you mean 'stock'?"),
        ("expect: {error: {step: stok}}", 28, "'error'", "did you mean 'stock'?"),
    ],
)
def test_given_a_step_that_the_workflow_does_not_have_then_its_place_is_told(
    tmp_path: Path, case: str, column: int, what: str, remedy: str
) -> None:
    file = read_case_file(a_file(tmp_path, f"{CASE}    {case}\n", STEPS))
    with pytest.raises(CaseFileInvalid) as caught:
        Session().check(file)
    (problem,) = caught.value.problems
    assert (problem.position.line, problem.position.column) == (4, column)
    assert problem.message.startswith(f"{what} names the step ")
    assert problem.message.endswith(", which flow.yaml does not have")
    assert problem.remedy == remedy
    assert str(caught.value).startswith(f"{tmp_path / 'flow_test.yaml'}:4:{column}: ")


def test_given_steps_that_the_workflow_has_then_nothing_is_told(tmp_path: Path) -> None:
    case = "    mocks: [{step: stock, json: 1}, {step: main.pay, json: 1}]\n    expect: {steps: [main.stock, pay]}\n"
    Session().check(read_case_file(a_file(tmp_path, CASE + case, STEPS)))


def test_given_a_workflow_that_cannot_be_loaded_then_its_steps_are_not_judged(tmp_path: Path) -> None:
    case = "    expect: {steps: [nobody]}\n"
    Session().check(read_case_file(a_file(tmp_path, CASE + case, "- a: {return: '${nobody}'}")))
    Session().check(read_case_file(a_file(tmp_path, (CASE + case).replace("flow.yaml", "gone.yaml"))))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = CASE + "    nme: b\n    cancel_after: x\n    mocks: [{json: 1}]\n"
    assert len(problems_of(tmp_path, text)) == 3


def test_a_file_that_is_no_yaml_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(CaseFileInvalid, match=r"flow_test\.yaml:2:"):
        read_case_file(a_file(tmp_path, "workflow: flow.yaml\n\tcases: []\n"))


def test_functions_come_from_a_file_beside_or_from_a_module(tmp_path: Path) -> None:
    (tmp_path / "answers.py").write_text("def seven(request):\n    return {'step': request.step}\n")
    workflow = "- get: {call: http.get, args: {url: 'https://x.example'}, result: r}\n- done: {return: '${r.body}'}"
    text = """
workflow: flow.yaml
cases:
  - {name: file, mocks: [{step: get, python: "answers.py:seven"}], expect: {result: {step: get}}}
  - {name: module, mocks: [{step: get, python: "operator:attrgetter"}], expect: {result: 1}}
"""
    session = run(a_file(tmp_path, text, workflow))
    assert session.results[0].is_good
    assert "the run raised an error" in session.results[1].message()
    assert "Traceback" in session.results[1].message()


def test_given_a_function_that_raises_then_its_own_lines_are_told_and_none_of_the_kit(tmp_path: Path) -> None:
    (tmp_path / "answers.py").write_text("def bad(request):\n    return deeper()\n\ndef deeper():\n    return 1 / 0\n")
    workflow = "- get: {call: http.get, args: {url: 'https://x.example'}}"
    text = "workflow: flow.yaml\ncases: [{name: a, mocks: [{step: get, python: 'answers.py:bad'}]}]\n"
    message = run(a_file(tmp_path, text, workflow)).results[0].message()
    assert message.count('File "') == message.count("answers.py") == 2
    assert "ZeroDivisionError" in message


def test_given_a_request_without_a_mock_then_what_to_write_is_told_once(tmp_path: Path) -> None:
    workflow = "- get: {call: http.get, args: {url: 'https://x.example'}}"
    (result,) = run(a_file(tmp_path, "workflow: flow.yaml\ncases: [{name: a}]\n", workflow)).results
    assert result.message().count("add one:") == 1
    assert "main.get" in result.message()


def test_given_a_workflow_that_cannot_be_deployed_then_its_cases_fail_with_its_problems(tmp_path: Path) -> None:
    (result,) = run(a_file(tmp_path, CASE, "- a: {return: '${nobody}'}")).results
    assert "symbol 'nobody'" in result.message()


def test_given_no_such_workflow_then_the_case_says_so(tmp_path: Path) -> None:
    text = CASE.replace("flow.yaml", "gone.yaml")
    (result,) = run(a_file(tmp_path, text)).results
    assert "gone.yaml cannot be read" in result.message()


def test_a_case_without_expectations_asks_for_success(tmp_path: Path) -> None:
    assert read_case_file(a_file(tmp_path, CASE)).cases[0].expect == Expectation()
    assert run(a_file(tmp_path, CASE)).results[0].is_good
    assert not run(a_file(tmp_path, CASE, "- a: {raise: x}")).results[0].is_good


@pytest.mark.parametrize(
    ("text", "length_s"),
    [(0, 0.0), (1.5, 1.5), ("20ms", 0.02), ("90s", 90.0), ("1h30m", 5400.0), ("365d", 31_536_000.0), ("0.5h", 1800.0)],
)
def test_lengths_of_time(text: object, length_s: float) -> None:
    assert seconds(text) == pytest.approx(length_s)


@pytest.mark.parametrize("text", [-1, True, None, "", "x", "5", "5x", "s5", [1]])
def test_what_is_no_length_of_time(text: object) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize(
    ("length_s", "text"),
    [
        (0, "0 s"),
        (0.5, "0.5 s"),
        (1.999_997, "2 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3661.000_004, "1 h 1 min 1 s"),
        (7200, "2 h"),
        (2_592_000, "30 d"),
        (2_592_005.25, "30 d 5.25 s"),
    ],
)
def test_lengths_as_people_say_them(length_s: float, text: str) -> None:
    assert length_text(length_s) == text
