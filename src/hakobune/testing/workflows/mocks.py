"""Stand-ins for what a workflow calls: chosen by the name of a step or by an address, and what they answer.

A mock answers in the order of its list; the last answer stays, unless it says how often it may be given. A request that
no mock answers ends the run: a test never calls anything real, and never passes by an answer nobody wrote down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final, TypeAlias, assert_never
from urllib.parse import parse_qsl, urlsplit

from hakobune.core.workflows.connectors.methods import PREFIX, Style, method
from hakobune.core.workflows.effects import (
    Answer,
    AwaitCallback,
    CallbackRequest,
    HttpRequest,
    HttpResponse,
    NoResponse,
    Trouble,
    Wait,
    WriteLog,
)
from hakobune.core.workflows.events import Command
from hakobune.core.workflows.stdlib.http_messages import decode_body
from hakobune.core.workflows.values import Value, to_json
from hakobune.testing.workflows.durations import length_text
from hakobune.testing.workflows.virtual_run import Reply


class Nothing(Enum):
    """The type of NOTHING. (An enumeration of one, so that `is` narrows types.)"""

    NOTHING = "NOTHING"


NOTHING: Final = Nothing.NOTHING
"""Stands for a value that was not given; null is a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a mock is asked. `body` is decoded by its content type; `attempt` counts the requests that this mock got,
    from 1. A wait for a callback has the method `CALLBACK` and no address."""

    method: str
    url: str
    step: str
    routine: str
    attempt: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Value = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a mock answers, `delay_s` after it was asked. `json` and `text` set a content type unless `headers` do.

    `result` is what the call gives, whatever it takes to get there: the body of an `http` call, what becomes of the
    operation of a connector. With `error` there is no answer at all.
    """

    status: int = 200
    json: Value | Nothing = NOTHING
    text: str | None = None
    result: Value | Nothing = NOTHING
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay_s: float = 0.0
    error: Trouble | None = None
    detail: str = "from the test"


Answering: TypeAlias = Callable[[Request], Response | Value]
"""A function in Python: gives a Response, or a value that is answered as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One entry of a mock's answers. `times` None: once, and for ever if it is the last one."""

    answer: Response | Answering
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mock:
    """Answers for the requests of a step (`step`, or `routine.step`), to an address, or both.

    `url` is a pattern: `*` is any text, and nothing else is special but `?` and `[…]`, which stand for themselves
    in an address with a query. "" is any.
    """

    answers: Sequence[Scripted | Response | Answering]
    step: str = ""
    url: str = ""
    method: str = ""

    def describe(self) -> str:
        """What it answers to, for people."""
        parts = [f"step {self.step}" if self.step else "", " ".join(filter(None, [self.method, self.url]))]
        return ", ".join(part for part in parts if part) or "any request"

    def fits(self, request: Request) -> bool:
        """Whether the request is for this mock."""
        if self.step and self.step not in (request.step, f"{request.routine}.{request.step}"):
            return False
        if self.method and self.method.upper() != request.method:
            return False
        return not self.url or matches(self.url, request.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that was made, what it was answered (None: it waits for a callback), and when it was made."""

    request: Request
    answer: Answer | None
    at_s: float
    delay_s: float
    service: str = ""


class NoMock(Exception):
    """A request that no mock answers."""


def matches(pattern: str, url: str) -> bool:
    """Whether an address fits: in whole, or without its query where the pattern has none."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(url, literal) or ("?" not in pattern and fnmatchcase(url.partition("?")[0], literal))


class MockedWorld:
    """A world made of mocks; the first one that fits and is not used up answers."""

    def __init__(
        self, mocks: Sequence[Mock], functions: Mapping[tuple[str, str], str], note: Callable[[str], None]
    ) -> None:
        """`functions`: what the `call` of each (routine, step) names, to know how its connector waits; `note` is told
        what happens, for people.
        """
        self.exchanges: list[Exchange] = []
        self._functions = functions
        self._note = note
        self._scripts = [_Script(mock) for mock in mocks]

    def reply(self, command: Command, now_s: float) -> Reply | None:
        """The answer of the first mock that fits. Raises NoMock."""
        effect = command.effect
        match effect:
            case Wait():
                self._note(f"waits {length_text(effect.until_s - now_s)}")
                return None
            case WriteLog():
                self._note(f"logs {effect.severity}: {effect.text if effect.json is None else to_json(effect.json)}")
                return None
            case HttpRequest() | AwaitCallback():
                return self._exchange(command, effect, now_s)
            case _:
                assert_never(effect)

    def _exchange(self, command: Command, effect: HttpRequest | AwaitCallback, now_s: float) -> Reply | None:
        service = effect.service if isinstance(effect, HttpRequest) else ""
        for script in self._scripts:
            request = _request(command, effect, script.asked + 1)
            response = script.take(request)
            if response is None:
                continue
            answer = self._answer(command, effect, response, now_s)
            self._happened(request, answer, now_s, response.delay_s, service)
            return Reply(answer=answer, after_s=response.delay_s)
        request = _request(command, effect, 1)
        self._happened(request, None, now_s, 0.0, service)
        if isinstance(effect, AwaitCallback):
            return None
        raise NoMock(self._complaint(request))

    def _happened(self, request: Request, answer: Answer | None, at_s: float, delay_s: float, service: str) -> None:
        self.exchanges.append(Exchange(request=request, answer=answer, at_s=at_s, delay_s=delay_s, service=service))
        after = f" after {length_text(delay_s)}" if delay_s else ""
        match answer:
            case HttpResponse():
                self._note(f"{request.method} {request.url} → {answer.code}{after}")
            case NoResponse():
                self._note(f"{request.method} {request.url} → {answer.trouble}{after}")
            case CallbackRequest():
                self._note(f"waits for a callback → {answer.method}{after}")
            case _:
                is_callback = request.method == "CALLBACK"
                self._note("waits for a callback" if is_callback else f"{request.method} {request.url}")

    def _complaint(self, request: Request) -> str:
        where = f"step {request.step} of routine {request.routine}"
        told = [f"no mock answers {request.method} {request.url} ({where})"]
        for script in self._scripts:
            why = "used up" if script.mock.fits(request) else "does not fit"
            told.append(f"  mock for {script.mock.describe()}: {why}")
        if not self._scripts:
            told.append("  there are no mocks")
        told.append(f"  add one:  - {{step: {request.step}, json: {{}}}}")
        return "\n".join(told)

    def _answer(
        self, command: Command, effect: HttpRequest | AwaitCallback, response: Response, now_s: float
    ) -> Answer:
        if isinstance(effect, AwaitCallback):
            return callback_request(response, "POST", f"/callbacks/{effect.callback}", now_s + response.delay_s)
        if response.error is not None:
            return NoResponse(trouble=response.error, detail=response.detail)
        if response.result is not NOTHING:
            function = self._functions.get((command.routine, command.step), "")
            response = Response(json=_ended(function, response.result), headers=response.headers)
        headers, body = content(response)
        return HttpResponse(code=response.status, headers=headers, body=body)


class _Script:
    """A mock, and how far through its answers it is."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.asked = 0
        answers = [one if isinstance(one, Scripted) else Scripted(answer=one) for one in mock.answers]
        self._entries = answers
        self._left = [
            answer.times if answer.times is not None else (1 if number < len(answers) else None)
            for number, answer in enumerate(answers, 1)
        ]

    def take(self, request: Request) -> Response | None:
        """The next answer, if the request is for this mock and there is one."""
        if not self.mock.fits(request):
            return None
        for index, entry in enumerate(self._entries):
            left = self._left[index]
            if left == 0:
                continue
            if left is not None:
                self._left[index] = left - 1
            self.asked += 1
            return _called(entry.answer, request)
        return None


def _called(answer: Response | Answering, request: Request) -> Response:
    if isinstance(answer, Response):
        return answer
    given = answer(request)
    return given if isinstance(given, Response) else Response(json=given)


def _request(command: Command, effect: HttpRequest | AwaitCallback, attempt: int) -> Request:
    if isinstance(effect, AwaitCallback):
        return Request(method="CALLBACK", url="", step=command.step, routine=command.routine, attempt=attempt)
    return Request(
        method=effect.method,
        url=effect.url,
        step=command.step,
        routine=command.routine,
        attempt=attempt,
        headers=dict(effect.headers),
        query=dict(parse_qsl(urlsplit(effect.url).query, keep_blank_values=True)),
        body=None if effect.body is None else decode_body(effect.headers, effect.body),
    )


def content(response: Response) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Headers and body of an answer."""
    headers = dict(response.headers)
    names = {name.lower() for name in headers}
    if response.json is not NOTHING:
        if "content-type" not in names:
            headers["Content-Type"] = "application/json"
        return tuple(headers.items()), to_json(response.json).encode()
    if response.text is not None:
        if "content-type" not in names:
            headers["Content-Type"] = "text/plain; charset=utf-8"
        return tuple(headers.items()), response.text.encode()
    return tuple(headers.items()), b""


def callback_request(response: Response, verb: str, path: str, received_s: float) -> CallbackRequest:
    """The request that a callback endpoint gets."""
    value = response if response.result is NOTHING else Response(json=response.result, headers=response.headers)
    headers, body = content(value)
    return CallbackRequest(method=verb, url=path, query=(), headers=headers, body=body, received_s=received_s)


def _ended(function: str, result: Value) -> Value:
    """The answer after which a call gives `result`: of a connector that waits for an operation, one that is done."""
    if not function.startswith(PREFIX):
        return result
    words = function.removeprefix(PREFIX).split(".")
    known = method(".".join(words[:2]), ".".join(words[2:]))
    waiting = None if known is None else known.waiting
    if waiting is not None and waiting.style is Style.OPERATION:
        return {"name": "operations/from-the-test", "done": True, "response": result}
    if function.endswith(".executions.run"):
        return {"name": "executions/from-the-test", "state": "SUCCEEDED", "result": json.dumps(result)}
    return result
