"""Plays language cases: the pure machine, a virtual clock, and a world that answers from the case's script.

There are no sockets and no waiting: a year's sleep takes a millisecond. `README.md` tells how a case is written.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from hakobune.core.workflows.build import check_source, compile_source
from hakobune.core.workflows.effects import (
    Answer,
    AwaitCallback,
    CallbackRequest,
    Done,
    Effect,
    HttpRequest,
    HttpResponse,
    NoResponse,
    Trouble,
    Wait,
    WriteLog,
)
from hakobune.core.workflows.events import (
    Answered,
    CallbackArrived,
    CallId,
    CancelRequested,
    Command,
    Event,
    Expired,
    Moved,
    Stamped,
    Started,
)
from hakobune.core.workflows.journal import encode
from hakobune.core.workflows.limits import RunLimits, Strictness
from hakobune.core.workflows.machine import Cancelled, Failed, Machine, Outcome, Succeeded
from hakobune.core.workflows.model import StepCounts
from hakobune.core.workflows.plan import Plan
from hakobune.core.workflows.positions import Problem, Severity
from hakobune.core.workflows.problem_texts import problem_text, source_lines
from hakobune.core.workflows.values import to_json

CASES: Final = Path(__file__).resolve().parent
START_S: Final = 1_767_225_600.0  # 2026-01-01T00:00:00Z
HTTP_S: Final = 0.5  # how long a request takes, unless the script says otherwise
EXECUTION: Final = "projects/p/locations/us-central1/workflows/w/executions/e"
ENVIRONMENT: Final[Mapping[str, str]] = {
    "GOOGLE_CLOUD_LOCATION": "us-central1",
    "GOOGLE_CLOUD_PROJECT_ID": "p",
    "GOOGLE_CLOUD_PROJECT_NUMBER": "1",
    "GOOGLE_CLOUD_SERVICE_ACCOUNT_NAME": "w@p.iam.gserviceaccount.com",
    "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ATTEMPT": "1",
    "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID": "e",
    "GOOGLE_CLOUD_WORKFLOW_ID": "w",
    "GOOGLE_CLOUD_WORKFLOW_REVISION_ID": "000001-abc",
}
FIELDS: Final = frozenset(
    {"id", "rule", "workflow", "expression", "given", "argument", "env", "answers", "events", "limits", "strictness"}
    | {"result", "type", "pattern", "fails", "payload", "context", "rejected", "told", "cancelled"}
    | {"calls", "logs", "waits", "steps", "callbacks"}
)
_MARKER = re.compile(r"# (ERROR|WARNING|FAILS) (.+?)\s*$")
_TAGGED = re.compile(r"(\w+Error)(?:: (.*))?", re.DOTALL)
_MASK: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15  # a step that makes the seeds differ in all their bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """An expectation that stands beside the line that causes it."""

    kind: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One rule of the language, with a definition that shows it. `fields` are those of the file."""

    chapter: str
    fields: Mapping[str, Any]
    source: str
    markers: tuple[Marker, ...]

    @property
    def id(self) -> str:
        """Unique among all cases."""
        return f"{self.chapter}/{self.fields['id']}"

    @property
    def rule(self) -> str:
        """The rule in words, after the number of its chapter."""
        return str(self.fields["rule"])

    @property
    def is_refused(self) -> bool:
        """Whether it must not be deployed."""
        return "rejected" in self.fields or any(marker.kind == "ERROR" for marker in self.markers)

    @property
    def is_failing(self) -> bool:
        """Whether an error at run time is expected of it."""
        return bool({"fails", "payload", "context"} & self.fields.keys()) or any(
            marker.kind == "FAILS" for marker in self.markers
        )

    @property
    def limits(self) -> RunLimits:
        """The bounds of the run."""
        return RunLimits(**self.fields.get("limits", {}))

    @property
    def strictness(self) -> Strictness:
        """How limits are taken at deployment."""
        return Strictness(self.fields.get("strictness", "strict"))


@dataclass(slots=True, kw_only=True)
class Run:
    """What came of a case: the outcome, the journal (as rows), and everything that was asked of the world.

    Each command of `issued` stands with the number of rows that the journal had when it was asked for; `waiting` has
    the commands that were unanswered after each row.
    """

    outcome: Outcome
    steps: StepCounts
    journal: list[bytes]
    issued: list[tuple[int, Command]]
    waiting: list[dict[CallId, Command]]
    waits: list[float]
    callbacks: list[str]

    def effects(self, kind: type[Effect]) -> list[Any]:
        """The effects of one kind, in the order in which they were asked for."""
        return [command.effect for _, command in self.issued if isinstance(command.effect, kind)]


# -- reading ----------------------------------------------------------------------------------------------------


def chapter_names() -> list[str]:
    """The names of the files of cases."""
    return sorted(path.stem for path in CASES.glob("*.yaml"))


def read_cases(chapter: str) -> list[Case]:
    """The cases of one file, in its order."""
    content = yaml.load((CASES / f"{chapter}.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return [case_of(chapter, fields) for fields in content]


def all_cases() -> list[Case]:
    """All cases."""
    return [case for chapter in chapter_names() for case in read_cases(chapter)]


def runnable_cases() -> list[Case]:
    """All cases that can be deployed."""
    return [case for case in all_cases() if not case.is_refused]


def case_of(chapter: str, fields: Mapping[str, Any]) -> Case:
    """The case that these fields describe."""
    source = fields["workflow"] if "workflow" in fields else _wrapped(fields["expression"], fields.get("given", {}))
    markers = [
        Marker(kind=found[1], line=number, text=found[2])
        for number, line in enumerate(source.splitlines(), start=1)
        if (found := _MARKER.search(line))
    ]
    return Case(chapter=chapter, fields=fields, source=source, markers=tuple(markers))


def _wrapped(expression: str, given: Mapping[str, Any]) -> str:
    """A definition that gives the value of one expression."""
    steps: list[Any] = [{"answer": {"return": f"${{{expression}}}"}}]
    if given:
        steps.insert(0, {"given": {"assign": [{name: value} for name, value in given.items()]}})
    return json.dumps({"main": {"steps": steps}})


# -- playing ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class World:
    """Everything outside: what it answers, and when. The same request under the same call id has the same answer."""

    answers: Sequence[Mapping[str, Any]] = ()
    script: Sequence[Mapping[str, Any]] = ()
    now_s: float = START_S
    waits: list[float] = field(default_factory=list)
    _due: list[tuple[float, int, Event | Mapping[str, Any]]] = field(default_factory=list)
    _used: dict[int, int] = field(default_factory=dict)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for entry in self.script:
            heapq.heappush(self._due, (START_S + entry["after_s"], next(self._order), entry))

    def perform(self, command: Command) -> None:
        """Take note of what is to be done; its answer becomes an event."""
        effect = command.effect
        match effect:
            case HttpRequest():
                answer, took_s = self._respond(effect)
                at_s = self.now_s + took_s
            case Wait():
                self.waits.append(round(effect.until_s - self.now_s, 3))
                answer, at_s = Done(), effect.until_s
            case WriteLog():
                answer, at_s = Done(), self.now_s
            case AwaitCallback():
                answer, at_s = Done(), effect.until_s
        heapq.heappush(self._due, (at_s, next(self._order), Answered(call=command.call, answer=answer)))

    def next_event(self, machine: Machine) -> Stamped:
        """The next thing that happens; the clock jumps to it."""
        while True:
            assert self._due, f"nothing will ever happen; waiting for {list(machine.waiting)}"
            at_s, number, event = heapq.heappop(self._due)
            if isinstance(event, Mapping):
                event = _scripted(event, at_s, machine)
            if isinstance(event, Answered) and event.call not in machine.waiting:
                continue  # its step has been answered by somebody else: a callback came in time
            self.now_s = max(self.now_s, at_s)
            return Stamped(event=event, at_s=self.now_s, seed=(number + 1) * _GOLDEN & _MASK)

    def _respond(self, request: HttpRequest) -> tuple[Answer, float]:
        for index, entry in enumerate(self.answers):
            if self._used.get(index, 0) < entry.get("times", 2**31) and _fits(entry.get("to", ""), request):
                self._used[index] = self._used.get(index, 0) + 1
                took_s = entry.get("after_s", HTTP_S)
                if took_s >= request.timeout_s:
                    return NoResponse(trouble=Trouble.TIMEOUT, detail="no answer in time"), request.timeout_s
                if "trouble" in entry:
                    return NoResponse(trouble=Trouble(entry["trouble"]), detail=entry.get("detail", "gone")), took_s
                return _response(entry), took_s
        return HttpResponse(code=404, headers=(("Content-Type", "text/plain"),), body=b"nothing here"), HTTP_S


def _fits(to: str, request: HttpRequest) -> bool:
    """`to`: "POST /path", "/path", or "" for any request."""
    method, _, path = to.rpartition(" ")
    return method in ("", request.method) and path in ("", urlsplit(request.url).path)


def _response(entry: Mapping[str, Any]) -> HttpResponse:
    headers = {str(name): str(value) for name, value in entry.get("headers", {}).items()}
    if "json" in entry:
        headers.setdefault("Content-Type", "application/json")
        body = json.dumps(entry["json"]).encode()
    elif "base64" in entry:
        body = base64.b64decode(entry["base64"])
    else:
        if "text" in entry:
            headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        body = entry.get("text", entry.get("raw", "")).encode()
    return HttpResponse(code=entry.get("code", 200), headers=tuple(headers.items()), body=body)


def _scripted(entry: Mapping[str, Any], at_s: float, machine: Machine) -> Event:
    if "cancel" in entry:
        return CancelRequested()
    if "expire" in entry:
        return Expired()
    if "moved_to" in entry:
        return Moved(base_url=entry["moved_to"])
    callback = list(machine.callbacks.values())[entry["callback"]]
    response = _response(entry)
    query = tuple((name, value) for name, value in entry.get("query", []))
    text = "&".join(f"{name}={value}" for name, value in query)
    request = CallbackRequest(
        method=callback.method,
        url=callback.path + (f"?{text}" if text else ""),
        query=query,
        headers=response.headers,
        body=response.body,
        received_s=at_s,
    )
    return CallbackArrived(callback=callback.id, request=request)


def started(case: Case) -> Stamped:
    """The first event of a case."""
    event = Started(
        argument=case.fields.get("argument"),
        environment={**ENVIRONMENT, **case.fields.get("env", {})},
        execution=EXECUTION,
        base_url="http://127.0.0.1:8642",
    )
    return Stamped(event=event, at_s=START_S, seed=_GOLDEN)


def play(case: Case, plan: Plan | None = None) -> Run:
    """Run a case to its end."""
    plan = plan or compile_source(case.source, strictness=case.strictness)
    world = World(case.fields.get("answers", ()), case.fields.get("events", ()))
    machine = Machine(plan, limits=case.limits)
    journal: list[bytes] = []
    issued: list[tuple[int, Command]] = []
    waiting: list[dict[CallId, Command]] = []
    stamped = started(case)
    while True:
        journal.append(encode(stamped))
        machine.feed(stamped)
        while not machine.advance(10_000):
            pass
        for command in machine.take_commands():
            issued.append((len(journal), command))
            world.perform(command)
        waiting.append(dict(machine.waiting))
        if machine.outcome is not None:
            callbacks = [callback.method for callback in machine.callbacks.values()]
            return Run(
                outcome=machine.outcome,
                steps=machine.steps,
                journal=journal,
                issued=issued,
                waiting=waiting,
                waits=world.waits,
                callbacks=callbacks,
            )
        stamped = world.next_event(machine)


# -- judging ----------------------------------------------------------------------------------------------------


def judge(case: Case) -> None:
    """Raises AssertionError where a case does not come out as its file says."""
    _, problems = check_source(case.source, strictness=case.strictness)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    _judge_problems(case, "ERROR", errors)
    if "told" in case.fields:
        lines = source_lines(case.source)
        assert "\n".join(problem_text(problem, lines) for problem in problems) == case.fields["told"].rstrip("\n")
    if any(marker.kind == "WARNING" for marker in case.markers):
        _judge_problems(case, "WARNING", [problem for problem in problems if problem.severity is Severity.WARNING])
    if case.is_refused:
        return
    run = play(case)
    _judge_outcome(case, run)
    _judge_world(case, run)
    if "type" in case.fields:
        typed = _wrapped(f"get_type({case.fields['expression']})", case.fields.get("given", {}))
        kind = play(_retold(case, typed)).outcome
        assert kind == Succeeded(result=json.dumps(case.fields["type"])), kind


def _retold(case: Case, source: str) -> Case:
    return Case(chapter=case.chapter, fields=case.fields, source=source, markers=())


def _judge_problems(case: Case, kind: str, problems: Sequence[Problem]) -> None:
    """All that is expected is found, at its line, and nothing else."""
    expected = [(marker.line, marker.text) for marker in case.markers if marker.kind == kind]
    if kind == "ERROR":
        expected += [(0, text) for text in case.fields.get("rejected", [])]
    left = list(problems)
    for line, text in expected:
        rule, _, part = text.partition(":")
        found = [
            problem
            for problem in left
            if line in (0, problem.position.line) and problem.rule == rule and part.strip() in problem.message
        ]
        assert found, f"line {line}: expected {text!r}, found {_told(left)}"
        left.remove(found[0])
    assert not left, f"not expected: {_told(left)}"


def _told(problems: Sequence[Problem]) -> list[str]:
    return [f"{problem.position.line}: {problem.rule}: {problem.message}" for problem in problems]


def _judge_outcome(case: Case, run: Run) -> None:
    fields, outcome = case.fields, run.outcome
    expected = [marker for marker in case.markers if marker.kind == "FAILS"]
    if expected or {"fails", "payload", "context"} & fields.keys():
        assert isinstance(outcome, Failed), outcome
        error = outcome.error
        for text in [*(marker.text for marker in expected), *([fields["fails"]] if "fails" in fields else [])]:
            _judge_error(text, error.payload, error.context)
        for marker in expected:
            assert error.stack_trace[0].position.line == marker.line, error.context
        assert error.payload == fields.get("payload", error.payload)
        assert error.context == fields.get("context", error.context).rstrip("\n")
    elif "cancelled" in fields:
        assert outcome == Cancelled()
    else:
        assert isinstance(outcome, Succeeded), outcome
        if "pattern" in fields:
            assert re.fullmatch(fields["pattern"], outcome.result), outcome.result
        else:
            assert outcome.result == to_json(fields["result"])


def _judge_error(expected: str, payload: str, context: str) -> None:
    tagged = _TAGGED.fullmatch(expected)
    value = json.loads(payload)
    if tagged is None:
        assert expected in context.splitlines()[0], context
        return
    assert isinstance(value, dict), payload
    assert tagged[1] in value.get("tags", []), payload
    assert (tagged[2] or "") in value["message"], payload


def _judge_world(case: Case, run: Run) -> None:
    fields = case.fields
    if "calls" in fields:
        requests = run.effects(HttpRequest)
        assert [f"{request.method} {request.url}" for request in requests] == [
            call if isinstance(call, str) else call["to"] for call in fields["calls"]
        ]
        for call, request in zip(fields["calls"], requests, strict=True):
            if not isinstance(call, str):
                _judge_request(call, request)
    if "logs" in fields:
        logs = run.effects(WriteLog)
        assert [[log.severity, log.json if log.text is None else log.text] for log in logs] == fields["logs"]
    if "waits" in fields:
        assert run.waits == fields["waits"]
    if "steps" in fields:
        assert run.steps.internal + run.steps.external == fields["steps"], run.steps
    if "callbacks" in fields:
        assert run.callbacks == fields["callbacks"]


def _judge_request(call: Mapping[str, Any], request: HttpRequest) -> None:
    headers = dict(request.headers)
    for name, value in call.get("headers", {}).items():
        assert headers.get(name) == value, headers
    if "json" in call:
        assert json.loads(request.body or b"") == call["json"]
    if "body" in call:
        assert request.body == (None if call["body"] is None else call["body"].encode()), request.body
    if "timeout_s" in call:
        assert request.timeout_s == call["timeout_s"]
    if "token" in call:
        token = request.token
        told = None if token is None else f"{token.kind.value} {token.audience or ' '.join(token.scopes)}"
        assert told == call["token"]
