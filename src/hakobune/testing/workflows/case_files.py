"""Reads a file of cases, `NAME_test.yaml`: which workflow, with which mocks, and what is expected of it.

    workflow: order.yaml              # beside this file
    mocks:                            # for all cases, after their own
      - {url: "https://stock.example/*", json: {left: 3}}
    cases:
      - name: a busy payment service is asked again
        argument: {order: 7}
        mocks:
          - step: charge
            answers: [{status: 503, times: 2}, {json: {id: "p-1"}, delay: 2s}]
        expect:
          result: {payment: "p-1"}
          waits: [1, 2]
          calls: ["GET https://stock.example/items", "POST https://pay.example/charge", …]

The file is read as a workflow is: YAML 1.2 or JSON, with the place of everything. All mistakes are told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeVar

from hakobune.core.workflows.effects import Trouble
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Position, Problem
from hakobune.core.workflows.problem_texts import problem_text, source_lines
from hakobune.core.workflows.source import SourceOptions, read_source
from hakobune.core.workflows.syntax import Program
from hakobune.core.workflows.tree import Map, Node, Scalar, SourceTree, kind_of
from hakobune.core.workflows.tree import Sequence as ListNode
from hakobune.core.workflows.values import Value
from hakobune.testing.workflows.durations import seconds
from hakobune.testing.workflows.expectations import Expectation, ExpectedCall, ExpectedError, ExpectedLog
from hakobune.testing.workflows.functions import FunctionNotFound, load_function
from hakobune.testing.workflows.mocks import NOTHING, Mock, Nothing, Response, Scripted
from hakobune.testing.workflows.runs import CallbackCall
from hakobune.testing.workflows.step_names import StepName, StepNames

_T = TypeVar("_T")

RULE: Final = "test-file"
_STATUS_MIN: Final = 100
_STATUS_MAX: Final = 599
FILE_KEYS: Final = ("workflow", "env", "mocks", "cases")
CASE_KEYS: Final = ("name", "argument", "env", "mocks", "callbacks", "cancel_after", "expect")
ANSWER_KEYS: Final = ("status", "json", "text", "result", "headers", "delay", "error", "detail", "python", "times")
MOCK_KEYS: Final = ("step", "url", "method", "answers", *ANSWER_KEYS)
CALLBACK_KEYS: Final = ("after", "endpoint", "json", "text", "headers")
CALL_KEYS: Final = ("method", "url", "step", "headers", "query", "json")
ERROR_KEYS: Final = ("tags", "message", "code", "step", "payload")
LOG_KEYS: Final = ("severity", "text", "json")
EXPECT_KEYS: Final = (
    *("result", "result_includes", "error", "cancelled", "calls", "calls_any_order", "calls_include"),
    *("steps", "steps_exactly", "steps_not", "logs", "waits", "duration", "max_steps"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of a file."""

    name: str
    line: int
    argument: Value = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    mocks: Sequence[Mock] = ()
    callbacks: Sequence[CallbackCall] = ()
    cancel_after_s: float | None = None
    expect: Expectation = field(default_factory=Expectation)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A file of cases."""

    path: Path
    workflow: Path
    cases: Sequence[Case]
    text: str = ""
    steps: Sequence[StepName] = ()  # all that are named in it

    def check_steps(self, program: Program) -> None:
        """Raises CaseFileInvalid where a step is named that the workflow does not have."""
        known = StepNames(program)
        problems = [
            Problem(
                rule=RULE,
                message=f"{one.what} names the step '{one.name}', which {self.workflow.name} does not have",
                position=one.position,
                remedy=known.remedy(one.name),
            )
            for one in known.unknown(self.steps)
        ]
        if problems:
            raise CaseFileInvalid(self.path, problems, self.text)


class CaseFileInvalid(Exception):
    """A file of cases that cannot be read; the text tells all that is wrong with it."""

    def __init__(self, path: Path, problems: Sequence[Problem], text: str) -> None:
        lines = source_lines(text)
        super().__init__("\n".join(problem_text(problem, lines, name=str(path)) for problem in problems))
        self.problems = tuple(problems)


def read_case_file(path: Path) -> CaseFile:
    """The cases of a file. Raises CaseFileInvalid, OSError."""
    data = path.read_bytes()
    text = data.decode(errors="replace")
    tree, problems = read_source(data, SourceOptions(limits=Strictness.OFF))
    if tree is None:
        raise CaseFileInvalid(path, problems, text)
    reader = _Reader(tree, path, text)
    file = reader.file()
    if reader.problems or file is None:
        raise CaseFileInvalid(path, reader.problems, text)
    return file


class _Reader:
    """One reading of a file; what is wrong is noted and left out."""

    def __init__(self, tree: SourceTree, path: Path, text: str) -> None:
        self._tree = tree
        self._path = path
        self._source = text
        self._steps: list[StepName] = []
        self.problems: list[Problem] = []

    def file(self) -> CaseFile | None:
        """The whole file."""
        root = self._map(self._tree.root, "the file", FILE_KEYS)
        workflow = self._text(root, "workflow")
        if not workflow:
            self._complain(self._tree.root, "there is no 'workflow'", "name the file of the definition")
        env = self._texts(root, "env")
        shared = self._mocks(root)
        cases = [self._case(node, number, env, shared) for number, node in enumerate(self._list(root, "cases"), 1)]
        if not cases:
            self._complain(self._tree.root, "there are no 'cases'", "write '- name: …' for each case below 'cases:'")
        names = [case.name for case in cases]
        for case in cases:
            if names.count(case.name) > 1:
                self._problem(Position(case.line, 1), f"two cases have the name {case.name!r}", "give each its own")
                break
        return CaseFile(
            path=self._path,
            workflow=self._path.parent / (workflow or ""),
            cases=cases,
            text=self._source,
            steps=self._steps,
        )

    def _case(self, node: Node, number: int, env: Mapping[str, str], shared: Sequence[Mock]) -> Case:
        case = self._map(node, "a case", CASE_KEYS)
        argument = case.get("argument")
        return Case(
            name=self._text(case, "name") or f"case {number}",
            line=self._tree.position_of(node).line,
            argument=None if argument is None else value_of(argument),
            env={**env, **self._texts(case, "env")},
            mocks=[*self._mocks(case), *shared],
            callbacks=[self._callback(item) for item in self._list(case, "callbacks")],
            cancel_after_s=self._seconds(case, "cancel_after"),
            expect=self._expectation(case.get("expect")),
        )

    # -- mocks --------------------------------------------------------------------------------------------------

    def _mocks(self, node: Map) -> list[Mock]:
        return [self._mock(item) for item in self._list(node, "mocks")]

    def _mock(self, node: Node) -> Mock:
        mock = self._map(node, "a mock", MOCK_KEYS)
        method, url = self._text(mock, "method"), self._text(mock, "url")
        if not method and " " in url:
            method, _, url = url.partition(" ")
        step = self._step(mock, "a mock")
        if not step and not url:
            self._complain(node, "a mock has neither 'step' nor 'url'", "say which requests it answers")
        if mock.get("answers") is None:
            return Mock(step=step, url=url, method=method, answers=[self._answer(mock)])
        both = [key for key in ANSWER_KEYS if mock.get(key) is not None]
        if both:
            self._complain(node, f"a mock has 'answers' and '{both[0]}'", "write it in an entry of 'answers'")
        answers = [self._answer(self._map(item, "an answer", ANSWER_KEYS)) for item in self._list(mock, "answers")]
        if not answers:
            self._complain(node, "a mock has no answers", "write at least one")
        return Mock(step=step, url=url, method=method, answers=answers)

    def _answer(self, node: Map) -> Scripted:
        times = self._number(node, "times")
        python = self._text(node, "python")
        if python:
            try:
                return Scripted(answer=load_function(python, self._path.parent), times=times)
            except FunctionNotFound as error:
                self._complain(node.get("python") or node, str(error), "write FILE.py:FUNCTION, or MODULE:FUNCTION")
        return Scripted(answer=self._response(node), times=times)

    def _response(self, node: Map) -> Response:
        error = self._text(node, "error")
        troubles = {trouble.value: trouble for trouble in Trouble}
        if error and error not in troubles:
            self._complain(node.get("error") or node, f"unknown error {error!r}", f"one of {', '.join(troubles)}")
        status = self._number(node, "status")
        if status is not None and not _STATUS_MIN <= status <= _STATUS_MAX:
            self._complain(node.get("status") or node, f"{status} is no HTTP status", "write 100 to 599")
        return Response(
            status=200 if status is None else status,
            json=self._value(node, "json"),
            text=self._text(node, "text") if node.get("text") is not None else None,
            result=self._value(node, "result"),
            headers=self._texts(node, "headers"),
            delay_s=self._seconds(node, "delay") or 0.0,
            error=troubles.get(error),
            detail=self._text(node, "detail") or "from the test",
        )

    def _callback(self, node: Node) -> CallbackCall:
        call = self._map(node, "a callback", CALLBACK_KEYS)
        return CallbackCall(
            after_s=self._seconds(call, "after") or 0.0,
            endpoint=self._number(call, "endpoint") or 0,
            response=Response(
                json=self._value(call, "json"),
                text=self._text(call, "text") if call.get("text") is not None else None,
                headers=self._texts(call, "headers"),
            ),
        )

    # -- expectations -------------------------------------------------------------------------------------------

    def _expectation(self, node: Node | None) -> Expectation:
        if node is None:
            return Expectation()
        expect = self._map(node, "'expect'", EXPECT_KEYS)
        error = expect.get("error")
        if error is not None and (expect.get("result") is not None or expect.get("result_includes") is not None):
            self._complain(error, "a case expects a result and an error", "leave one of them out")
        return Expectation(
            result=self._value(expect, "result"),
            result_includes=self._value(expect, "result_includes"),
            error=None if error is None else self._error(error),
            is_cancelled=self._flag(expect, "cancelled"),
            calls=self._if_given(expect, "calls", self._calls),
            calls_any_order=self._if_given(expect, "calls_any_order", self._calls),
            calls_include=self._calls(expect, "calls_include"),
            steps=self._step_names(expect, "steps"),
            steps_exactly=self._if_given(expect, "steps_exactly", self._step_names),
            steps_not=self._step_names(expect, "steps_not"),
            logs=[self._log(item) for item in self._list(expect, "logs")],
            waits_s=self._if_given(expect, "waits", self._lengths),
            duration_s=self._seconds(expect, "duration"),
            max_steps=self._number(expect, "max_steps"),
        )

    def _error(self, node: Node) -> ExpectedError:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return ExpectedError(message=node.value)
        error = self._map(node, "'error'", ERROR_KEYS)
        return ExpectedError(
            tags=self._names(error, "tags"),
            message=self._text(error, "message"),
            code=self._number(error, "code"),
            step=self._step(error, "'error'"),
            payload=self._value(error, "payload"),
        )

    def _calls(self, node: Map, key: str) -> list[ExpectedCall]:
        return [self._call(item) for item in self._list(node, key)]

    def _call(self, node: Node) -> ExpectedCall:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            method, _, url = node.value.rpartition(" ")
            return ExpectedCall(method=method, url=url)
        call = self._map(node, "a call", CALL_KEYS)
        return ExpectedCall(
            method=self._text(call, "method"),
            url=self._text(call, "url"),
            step=self._step(call, "a call"),
            headers=dict(self._texts(call, "headers")),
            query=dict(self._texts(call, "query")),
            body=self._value(call, "json"),
        )

    def _log(self, node: Node) -> ExpectedLog:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return ExpectedLog(text=node.value)
        log = self._map(node, "a log entry", LOG_KEYS)
        return ExpectedLog(
            severity=self._text(log, "severity"), text=self._text(log, "text"), json=self._value(log, "json")
        )

    # -- words --------------------------------------------------------------------------------------------------

    def _map(self, node: Node, what: str, keys: Sequence[str]) -> Map:
        """The node as a map with no other keys than these; an empty map where it is none."""
        if not isinstance(node, Map):
            self._complain(node, f"{what} must be a map, it is {kind_of(node)}", f"its keys are {', '.join(keys)}")
            return Map((), node.start, node.end)
        for entry in node.entries:
            if entry.key not in keys:
                near = get_close_matches(entry.key, keys, n=1)
                remedy = f"did you mean '{near[0]}'?" if near else f"the keys are {', '.join(keys)}"
                self._complain(entry.key_node, f"unknown key '{entry.key}' of {what}", remedy)
        return node

    def _list(self, node: Map, key: str) -> Sequence[Node]:
        found = node.get(key)
        if found is None or isinstance(found, ListNode):
            return () if found is None else found.items
        self._complain(found, f"'{key}' must be a list, it is {kind_of(found)}", "write '- …' for each entry")
        return ()

    def _text(self, node: Map, key: str) -> str:
        """Text as it is; numbers and booleans as they are written."""
        found = node.get(key)
        if found is None:
            return ""
        if isinstance(found, Scalar) and found.value is not None:
            return found.value if isinstance(found.value, str) else self._tree.source.text[found.start : found.end]
        self._complain(found, f"'{key}' must be text, it is {kind_of(found)}", "write it in quotes")
        return ""

    def _texts(self, node: Map, key: str) -> dict[str, str]:
        found = node.get(key)
        if found is None:
            return {}
        if not isinstance(found, Map):
            self._complain(found, f"'{key}' must be a map, it is {kind_of(found)}", "write 'NAME: value'")
            return {}
        return {entry.key: self._text(found, entry.key) for entry in found.entries}

    def _names(self, node: Map, key: str) -> list[str]:
        names: list[str] = []
        for item in self._list(node, key):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                names.append(item.value)
            else:
                self._complain(item, f"an entry of '{key}' must be text", "write a name")
        return names

    def _step(self, node: Map, what: str) -> str:
        """The step that a map names under `step`."""
        found, name = node.get("step"), self._text(node, "step")
        if found is not None and name:
            self._steps.append(StepName(name=name, what=what, position=self._tree.position_of(found)))
        return name

    def _step_names(self, node: Map, key: str) -> list[str]:
        for item in self._list(node, key):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                position = self._tree.position_of(item)
                self._steps.append(StepName(name=item.value, what=f"'{key}'", position=position))
        return self._names(node, key)

    def _number(self, node: Map, key: str) -> int | None:
        found = node.get(key)
        if found is None:
            return None
        number = found.value if isinstance(found, Scalar) else None
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            return number
        self._complain(found, f"'{key}' must be a whole number", "write 0 or more")
        return None

    def _seconds(self, node: Map, key: str) -> float | None:
        found = node.get(key)
        return None if found is None else self._length(found, key)

    def _length(self, node: Node, key: str) -> float:
        length_s = seconds(node.value) if isinstance(node, Scalar) else None
        if length_s is None:
            self._complain(node, f"'{key}' must be a length of time", "write seconds, or 20ms, 90s, 1h30m, 365d")
        return length_s or 0.0

    def _lengths(self, node: Map, key: str) -> list[float]:
        return [self._length(item, key) for item in self._list(node, key)]

    def _flag(self, node: Map, key: str) -> bool:
        found = node.get(key)
        if found is not None and not (isinstance(found, Scalar) and isinstance(found.value, bool)):
            self._complain(found, f"'{key}' must be true or false", "")
        return isinstance(found, Scalar) and found.value is True

    def _value(self, node: Map, key: str) -> Value | Nothing:
        found = node.get(key)
        return NOTHING if found is None else value_of(found)

    def _if_given(self, node: Map, key: str, read: Callable[[Map, str], list[_T]]) -> list[_T] | None:
        return None if node.get(key) is None else read(node, key)

    def _complain(self, node: Node, message: str, remedy: str) -> None:
        self._problem(self._tree.position_of(node), message, remedy)

    def _problem(self, position: Position, message: str, remedy: str) -> None:
        self.problems.append(Problem(rule=RULE, message=message, position=position, remedy=remedy))


def value_of(node: Node) -> Value:
    """The value that a node of a file writes."""
    match node:
        case Scalar():
            return node.value
        case ListNode():
            return [value_of(item) for item in node.items]
        case Map():
            return {entry.key: value_of(entry.value) for entry in node.entries}
