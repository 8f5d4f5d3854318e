"""What a case expects of a run, and what is told where it is not so.

Everything that is not as expected is told at once; a value that differs is told by the path to each difference, with
what was expected and what came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hakobune.core.workflows.outcomes import Cancelled, Failed, Succeeded
from hakobune.core.workflows.values import Value, deep_equal, from_json, to_json
from hakobune.testing.workflows.mocks import NOTHING, Exchange, Nothing, matches
from hakobune.testing.workflows.runs import Log, WorkflowRun

_DIFFERENCES: Final = 20  # told of one value
_VALUE_CHARACTERS: Final = 300  # of a value in a message
_DURATION_S: Final = 0.001  # how exactly a duration is compared: reads of the clock move it by microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """A request. What is not given may be anything; `url` is a pattern as in a mock."""

    method: str = ""
    url: str = ""
    step: str = ""
    headers: Mapping[str, Value] = field(default_factory=dict[str, Value])
    query: Mapping[str, Value] = field(default_factory=dict[str, Value])
    body: Value | Nothing = NOTHING

    def describe(self) -> str:
        """The request in a line."""
        parts = [self.method, self.url or ("" if self.method else "any request")]
        if self.step:
            parts.append(f"in step {self.step}")
        if self.body is not NOTHING:
            parts.append(f"with body {_shown(self.body)}")
        return " ".join(part for part in parts if part)

    def mismatch(self, exchange: Exchange) -> str:
        """What is different about a request; "" if it is as expected."""
        request = exchange.request
        if self.method and self.method.upper() != request.method:
            return f"method {request.method}, expected {self.method.upper()}"
        if self.url and not matches(self.url, request.url):
            return f"address {request.url}, expected {self.url}"
        if self.step and self.step not in (request.step, f"{request.routine}.{request.step}"):
            return f"step {request.step}, expected {self.step}"
        given = {name.lower(): value for name, value in request.headers.items()}
        for name, value in self.headers.items():
            got = given.get(name.lower())
            if got is None or not _is_text(value, got):
                return f"header {name} is {_shown(got)}, expected {_shown(value)}"
        for name, value in self.query.items():
            got = request.query.get(name)
            if got is None or not _is_text(value, got):
                return f"query parameter {name} is {_shown(got)}, expected {_shown(value)}"
        if self.body is not NOTHING:
            told = list(differences(self.body, request.body, "body"))
            return told[0] if told else ""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedError:
    """The error that ends the workflow. What is not given may be anything; `payload` is the whole error value."""

    tags: Sequence[str] = ()
    message: str = ""
    code: int | None = None
    step: str = ""
    payload: Value | Nothing = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLog:
    """An entry of the log: its severity, a part of its text, some of its fields."""

    severity: str = ""
    text: str = ""
    json: Value | Nothing = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a case expects. None, or NOTHING: not asked for. Without `error` or `is_cancelled`: success.

    `calls` are all requests, in order; `calls_any_order` all of them; `calls_include` some of them. `steps` were
    reached in this order, with others between; `steps_exactly` are all steps; `steps_not` none of them.
    """

    result: Value | Nothing = NOTHING
    result_includes: Value | Nothing = NOTHING
    error: ExpectedError | None = None
    is_cancelled: bool = False
    calls: Sequence[ExpectedCall] | None = None
    calls_any_order: Sequence[ExpectedCall] | None = None
    calls_include: Sequence[ExpectedCall] = ()
    steps: Sequence[str] = ()
    steps_exactly: Sequence[str] | None = None
    steps_not: Sequence[str] = ()
    logs: Sequence[ExpectedLog] = ()
    waits_s: Sequence[float] | None = None
    duration_s: float | None = None
    max_steps: int | None = None


def judge(run: WorkflowRun, expected: Expectation) -> list[str]:
    """All that is not as expected; an empty list is good."""
    if run.outcome is None:
        return [run.trouble]
    return [
        *_judge_ending(run, expected),
        *_judge_calls(run, expected),
        *_judge_steps(run, expected),
        *_judge_logs(run.logs, expected.logs),
        *_judge_time(run, expected),
    ]


# -- the end ----------------------------------------------------------------------------------------------------


def _judge_ending(run: WorkflowRun, expected: Expectation) -> Iterator[str]:
    outcome = run.outcome
    if expected.is_cancelled:
        if not isinstance(outcome, Cancelled):
            yield f"expected: cancelled\ngot:      {run.ending()}"
    elif expected.error is not None:
        if isinstance(outcome, Failed):
            yield from _judge_error(outcome, expected.error)
        else:
            yield f"expected: an error\ngot:      {run.ending()}"
    elif isinstance(outcome, Succeeded):
        result = from_json(outcome.result)
        if expected.result is not NOTHING:
            yield from _told("result", expected.result, result, is_part=False)
        if expected.result_includes is not NOTHING:
            yield from _told("result", expected.result_includes, result, is_part=True)
    else:
        yield f"expected: success\ngot:      {run.ending()}"


def _judge_error(failed: Failed, expected: ExpectedError) -> Iterator[str]:
    error = failed.error
    value = from_json(error.payload)
    fields = value if isinstance(value, dict) else {}
    tags = fields.get("tags")
    known = tags if isinstance(tags, list) else []
    missing = [tag for tag in expected.tags if tag not in known]
    if missing:
        yield f"error: expected the tags {', '.join(expected.tags)}\ngot:    {error.context}"
    message = fields.get("message")
    text = message if isinstance(message, str) else error.payload
    if expected.message and expected.message not in text:
        yield f"error: expected a message with {expected.message!r}\ngot:    {text!r}"
    if expected.code is not None and fields.get("code") != expected.code:
        yield f"error: expected the code {expected.code}\ngot:    {_shown(fields.get('code'))} in {error.context}"
    places = [(frame.routine, frame.step) for frame in error.stack_trace[:1]]
    if expected.step and not any(_is_step(expected.step, place) for place in places):
        got = f"step {places[0][1]}" if places else "no step"
        yield f"error: expected it in step {expected.step}\ngot:    {got}"
    if expected.payload is not NOTHING:
        yield from _told("error", expected.payload, value, is_part=False)


# -- requests ---------------------------------------------------------------------------------------------------


def _judge_calls(run: WorkflowRun, expected: Expectation) -> Iterator[str]:
    if expected.calls is not None:
        yield from _judge_order(run.requests, expected.calls)
    if expected.calls_any_order is not None:
        missing, left = _matched(run.requests, expected.calls_any_order)
        if missing or left:
            yield _calls_told("calls in any order", missing, left)
    missing, _ = _matched(run.requests, expected.calls_include)
    if missing:
        yield _calls_told("calls", missing, run.requests, "these came")


def _judge_order(requests: Sequence[Exchange], expected: Sequence[ExpectedCall]) -> Iterator[str]:
    for number, (call, exchange) in enumerate(zip(expected, requests, strict=False), 1):
        why = call.mismatch(exchange)
        if why:
            yield f"call {number}: {why}\nexpected: {call.describe()}\ngot:      {_request_text(exchange)}"
            return
    if len(requests) != len(expected):
        missing = expected[len(requests) :]
        left = requests[len(expected) :]
        yield _calls_told(f"calls: expected {len(expected)}, got {len(requests)}", missing, left)


def _matched(
    requests: Sequence[Exchange], expected: Sequence[ExpectedCall]
) -> tuple[list[ExpectedCall], list[Exchange]]:
    """Expected calls that did not come, and requests that nobody expected."""
    left = list(requests)
    missing: list[ExpectedCall] = []
    for call in expected:
        found = next((index for index, exchange in enumerate(left) if not call.mismatch(exchange)), None)
        if found is None:
            missing.append(call)
        else:
            del left[found]
    return missing, left


def _calls_told(
    title: str, missing: Sequence[ExpectedCall], left: Sequence[Exchange], left_title: str = "not expected"
) -> str:
    lines = [title]
    lines += [f"  did not come: {call.describe()}" for call in missing]
    lines += [f"  {left_title}: {_request_text(exchange)}" for exchange in left]
    return "\n".join(lines)


def _request_text(exchange: Exchange) -> str:
    request = exchange.request
    body = "" if request.body is None else f" with body {_shown(request.body)}"
    return f"{request.method} {request.url} in step {request.step}{body}"


# -- steps, logs, time ------------------------------------------------------------------------------------------


def _judge_steps(run: WorkflowRun, expected: Expectation) -> Iterator[str]:
    reached = list(run.steps)
    shown = ", ".join(step for _, step in reached)
    at = 0
    for name in expected.steps:
        found = next((index for index in range(at, len(reached)) if _is_step(name, reached[index])), None)
        if found is None:
            behind = "" if at == 0 else f" after {reached[at - 1][1]}"
            yield f"steps: expected {name}{behind}\ngot:   {shown}"
            break
        at = found + 1
    if expected.steps_exactly is not None:
        why = _first_difference(expected.steps_exactly, reached)
        if why:
            yield f"steps: expected exactly {', '.join(expected.steps_exactly)}\ngot:   {shown}\n{why}"
    wrong = [name for name in expected.steps_not if any(_is_step(name, step) for step in reached)]
    if wrong:
        yield f"steps: did not expect {', '.join(wrong)}\ngot:   {shown}"
    total = run.counts.internal + run.counts.external
    if expected.max_steps is not None and total > expected.max_steps:
        yield f"steps: expected at most {expected.max_steps} billed ones\ngot:   {total}"


def _first_difference(expected: Sequence[str], reached: Sequence[tuple[str, str]]) -> str:
    """Where the steps begin to differ from the expected ones, counted from 1; "" where they do not."""
    for number in range(1, max(len(expected), len(reached)) + 1):
        wanted = expected[number - 1] if number <= len(expected) else ""
        got = reached[number - 1] if number <= len(reached) else None
        if got is None:
            return f"first difference: step {number}, expected {wanted}, got the end"
        if not wanted:
            return f"first difference: step {number}, expected the end, got {got[1]}"
        if not _is_step(wanted, got):
            return f"first difference: step {number}, expected {wanted}, got {got[1]}"
    return ""


def _is_step(name: str, step: tuple[str, str]) -> bool:
    return name in (step[1], f"{step[0]}.{step[1]}")


def _judge_logs(logs: Sequence[Log], expected: Sequence[ExpectedLog]) -> Iterator[str]:
    """The entries came in this order, with others between."""
    at = 0
    for entry in expected:
        found = next((index for index in range(at, len(logs)) if _is_log(entry, logs[index])), None)
        if found is None:
            shown = "\n".join(f"  {log.severity} {_log_text(log)}" for log in logs) or "  no entries"
            yield f"logs: expected {_expected_log(entry)}\ngot:\n{shown}"
            return
        at = found + 1


def _is_log(expected: ExpectedLog, log: Log) -> bool:
    if expected.severity and expected.severity != log.severity:
        return False
    if expected.text and expected.text not in _log_text(log):
        return False
    if expected.json is NOTHING:
        return True
    return log.json is not None and not list(differences(expected.json, dict(log.json), is_part=True))


def _log_text(log: Log) -> str:
    return log.text if log.text is not None else to_json(dict(log.json or {}))


def _expected_log(entry: ExpectedLog) -> str:
    parts = [entry.severity, repr(entry.text) if entry.text else ""]
    if entry.json is not NOTHING:
        parts.append(_shown(entry.json))
    return " ".join(part for part in parts if part) or "an entry"


def _judge_time(run: WorkflowRun, expected: Expectation) -> Iterator[str]:
    if expected.waits_s is not None:
        got = list(run.waits)
        wanted = list(expected.waits_s)
        if len(got) != len(wanted) or any(abs(a - b) > _DURATION_S for a, b in zip(got, wanted, strict=True)):
            yield f"waits: expected {_seconds(wanted)}\ngot:   {_seconds(got)}"
    if expected.duration_s is not None and abs(run.elapsed_s - expected.duration_s) > _DURATION_S:
        yield f"duration: expected {expected.duration_s:g} s\ngot:      {run.elapsed_s:g} s"


def _seconds(lengths: Sequence[float]) -> str:
    return ", ".join(f"{length:g} s" for length in lengths) or "none"


# -- values -----------------------------------------------------------------------------------------------------


def differences(expected: Value, got: Value, path: str = "$", *, is_part: bool = False) -> Iterator[str]:
    """Each place where two values differ: its path, what was expected, what came.

    `is_part`: maps may have more keys than expected. Numbers are equal by value, a boolean is no number.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            if key in got:
                yield from differences(value, got[key], _key(path, key), is_part=is_part)
            else:
                yield f"{_key(path, key)}: expected {_shown(value)}, got nothing"
        if not is_part:
            for key in got.keys() - expected.keys():
                yield f"{_key(path, key)}: expected nothing, got {_shown(got[key])}"
    elif isinstance(expected, list) and isinstance(got, list):
        for index, (left, right) in enumerate(zip(expected, got, strict=False)):
            yield from differences(left, right, f"{path}[{index}]", is_part=is_part)
        for index in range(len(got), len(expected)):
            yield f"{path}[{index}]: expected {_shown(expected[index])}, got nothing"
        for index in range(len(expected), len(got)):
            yield f"{path}[{index}]: expected nothing, got {_shown(got[index])}"
    elif not deep_equal(expected, got):
        yield f"{path}: expected {_shown(expected)}, got {_shown(got)}"


def _told(title: str, expected: Value, got: Value, *, is_part: bool) -> Iterator[str]:
    found = list(differences(expected, got, is_part=is_part))
    if not found:
        return
    lines = [title, *(f"  {line}" for line in found[:_DIFFERENCES])]
    if len(found) > _DIFFERENCES:
        lines.append(f"  … and {len(found) - _DIFFERENCES} more")
    lines.append(f"  all of it: {_shown(got)}")
    yield "\n".join(lines)


def _key(path: str, key: str) -> str:
    return f"{path}.{key}" if re.fullmatch(r"\w+", key) else f"{path}[{to_json(key)}]"


def _shown(value: Value) -> str:
    text = repr(value) if isinstance(value, bytes) else to_json(value)
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"


def _is_text(expected: Value, got: str) -> bool:
    """A header or a query parameter is text; a pattern with `*` may be expected."""
    text = expected if isinstance(expected, str) else to_json(expected)
    return matches(text, got)
