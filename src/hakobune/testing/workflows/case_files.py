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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hakobune.core.workflows.effects import Trouble
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Position, Problem
from hakobune.core.workflows.problem_texts import problem_text, source_lines
from hakobune.core.workflows.source import SourceOptions, read_source
from hakobune.core.workflows.syntax import Program
from hakobune.core.workflows.tree import Map, Node, Scalar, SourceTree
from hakobune.core.workflows.values import Value
from hakobune.testing.workflows.case_words import RULE, Words, value_of
from hakobune.testing.workflows.expectations import Expectation, ExpectedCall, ExpectedError, ExpectedLog
from hakobune.testing.workflows.functions import FunctionNotFound, load_function
from hakobune.testing.workflows.mocks import Mock, Response, Scripted
from hakobune.testing.workflows.runs import CallbackCall
from hakobune.testing.workflows.step_names import StepName, StepNames

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


class _Reader(Words):
    """One reading of a file."""

    def __init__(self, tree: SourceTree, path: Path, text: str) -> None:
        super().__init__(tree)
        self._path = path
        self._source = text

    def file(self) -> CaseFile | None:
        """The whole file."""
        root = self.map(self.tree.root, "the file", FILE_KEYS)
        workflow = self.text(root, "workflow")
        if not workflow:
            self.complain(self.tree.root, "there is no 'workflow'", "name the file of the definition")
        env = self.texts(root, "env")
        shared = self._mocks(root)
        cases = [self._case(node, number, env, shared) for number, node in enumerate(self.items(root, "cases"), 1)]
        if not cases:
            self.complain(self.tree.root, "there are no 'cases'", "write '- name: …' for each case below 'cases:'")
        names = [case.name for case in cases]
        for case in cases:
            if names.count(case.name) > 1:
                self.problem(Position(case.line, 1), f"two cases have the name {case.name!r}", "give each its own")
                break
        return CaseFile(
            path=self._path,
            workflow=self._path.parent / (workflow or ""),
            cases=cases,
            text=self._source,
            steps=self.steps,
        )

    def _case(self, node: Node, number: int, env: Mapping[str, str], shared: Sequence[Mock]) -> Case:
        case = self.map(node, "a case", CASE_KEYS)
        argument = case.get("argument")
        return Case(
            name=self.text(case, "name") or f"case {number}",
            line=self.tree.position_of(node).line,
            argument=None if argument is None else value_of(argument),
            env={**env, **self.texts(case, "env")},
            mocks=[*self._mocks(case), *shared],
            callbacks=[self._callback(item) for item in self.items(case, "callbacks")],
            cancel_after_s=self.seconds(case, "cancel_after"),
            expect=self._expectation(case.get("expect")),
        )

    # -- mocks --------------------------------------------------------------------------------------------------

    def _mocks(self, node: Map) -> list[Mock]:
        return [self._mock(item) for item in self.items(node, "mocks")]

    def _mock(self, node: Node) -> Mock:
        mock = self.map(node, "a mock", MOCK_KEYS)
        method, url = self.text(mock, "method"), self.text(mock, "url")
        if not method and " " in url:
            method, _, url = url.partition(" ")
        step = self.step(mock, "a mock")
        if not step and not url:
            self.complain(node, "a mock has neither 'step' nor 'url'", "say which requests it answers")
        if mock.get("answers") is None:
            return Mock(step=step, url=url, method=method, answers=[self._answer(mock)])
        both = [key for key in ANSWER_KEYS if mock.get(key) is not None]
        if both:
            self.complain(node, f"a mock has 'answers' and '{both[0]}'", "write it in an entry of 'answers'")
        answers = [self._answer(self.map(item, "an answer", ANSWER_KEYS)) for item in self.items(mock, "answers")]
        if not answers:
            self.complain(node, "a mock has no answers", "write at least one")
        return Mock(step=step, url=url, method=method, answers=answers)

    def _answer(self, node: Map) -> Scripted:
        times = self.number(node, "times")
        python = self.text(node, "python")
        if python:
            try:
                return Scripted(answer=load_function(python, self._path.parent), times=times)
            except FunctionNotFound as error:
                self.complain(node.get("python") or node, str(error), "write FILE.py:FUNCTION, or MODULE:FUNCTION")
        return Scripted(answer=self._response(node), times=times)

    def _response(self, node: Map) -> Response:
        error = self.text(node, "error")
        troubles = {trouble.value: trouble for trouble in Trouble}
        if error and error not in troubles:
            self.complain(node.get("error") or node, f"unknown error {error!r}", f"one of {', '.join(troubles)}")
        status = self.number(node, "status")
        if status is not None and not _STATUS_MIN <= status <= _STATUS_MAX:
            self.complain(node.get("status") or node, f"{status} is no HTTP status", "write 100 to 599")
        return Response(
            status=200 if status is None else status,
            json=self.value(node, "json"),
            text=self.text(node, "text") if node.get("text") is not None else None,
            result=self.value(node, "result"),
            headers=self.texts(node, "headers"),
            delay_s=self.seconds(node, "delay") or 0.0,
            error=troubles.get(error),
            detail=self.text(node, "detail") or "from the test",
        )

    def _callback(self, node: Node) -> CallbackCall:
        call = self.map(node, "a callback", CALLBACK_KEYS)
        return CallbackCall(
            after_s=self.seconds(call, "after") or 0.0,
            endpoint=self.number(call, "endpoint") or 0,
            response=Response(
                json=self.value(call, "json"),
                text=self.text(call, "text") if call.get("text") is not None else None,
                headers=self.texts(call, "headers"),
            ),
        )

    # -- expectations -------------------------------------------------------------------------------------------

    def _expectation(self, node: Node | None) -> Expectation:
        if node is None:
            return Expectation()
        expect = self.map(node, "'expect'", EXPECT_KEYS)
        error = expect.get("error")
        if error is not None and (expect.get("result") is not None or expect.get("result_includes") is not None):
            self.complain(error, "a case expects a result and an error", "leave one of them out")
        return Expectation(
            result=self.value(expect, "result"),
            result_includes=self.value(expect, "result_includes"),
            error=None if error is None else self._error(error),
            is_cancelled=self.flag(expect, "cancelled"),
            calls=self.if_given(expect, "calls", self._calls),
            calls_any_order=self.if_given(expect, "calls_any_order", self._calls),
            calls_include=self._calls(expect, "calls_include"),
            steps=self.step_names(expect, "steps"),
            steps_exactly=self.if_given(expect, "steps_exactly", self.step_names),
            steps_not=self.step_names(expect, "steps_not"),
            logs=[self._log(item) for item in self.items(expect, "logs")],
            waits_s=self.if_given(expect, "waits", self.lengths),
            duration_s=self.seconds(expect, "duration"),
            max_steps=self.number(expect, "max_steps"),
        )

    def _error(self, node: Node) -> ExpectedError:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return ExpectedError(message=node.value)
        error = self.map(node, "'error'", ERROR_KEYS)
        return ExpectedError(
            tags=self.names(error, "tags"),
            message=self.text(error, "message"),
            code=self.number(error, "code"),
            step=self.step(error, "'error'"),
            payload=self.value(error, "payload"),
        )

    def _calls(self, node: Map, key: str) -> list[ExpectedCall]:
        return [self._call(item) for item in self.items(node, key)]

    def _call(self, node: Node) -> ExpectedCall:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            method, _, url = node.value.rpartition(" ")
            return ExpectedCall(method=method, url=url)
        call = self.map(node, "a call", CALL_KEYS)
        return ExpectedCall(
            method=self.text(call, "method"),
            url=self.text(call, "url"),
            step=self.step(call, "a call"),
            headers=dict(self.texts(call, "headers")),
            query=dict(self.texts(call, "query")),
            body=self.value(call, "json"),
        )

    def _log(self, node: Node) -> ExpectedLog:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return ExpectedLog(text=node.value)
        log = self.map(node, "a log entry", LOG_KEYS)
        return ExpectedLog(
            severity=self.text(log, "severity"), text=self.text(log, "text"), json=self.value(log, "json")
        )
