"""How the tests call a connector: by its full name, and then they are the world that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from hakobune.core.workflows.effects import Answer, Done, Effect, HttpRequest, HttpResponse, Wait
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.stdlib.library import find
from hakobune.core.workflows.stdlib.registry import LibraryFunction, bind_named, bind_positional
from hakobune.core.workflows.values import Value

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"GOOGLE_CLOUD_PROJECT_ID": "harbour", "GOOGLE_CLOUD_LOCATION": "asia-northeast1"}
)
BEGIN_S = 1000.0


class AContext:
    """The world at 1000 s. Time goes on when a wait is over, or when a test says so."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.environment = ENVIRONMENT
        self.at_s = BEGIN_S

    def now_s(self) -> float:
        return self.at_s

    def unique_id(self) -> str:
        return "3f2c8c1e-5a0f-4d7e-9a54-0f5b8f1f6f10"  # the key of the call

    def create_callback(self, method: str) -> str:
        raise AssertionError("a connector needs no callback")


class Running:
    """A connector's procedure and what it asked for."""

    def __init__(self, function: LibraryFunction, positional: tuple[Value, ...], named: Mapping[str, Value]) -> None:
        self.context = AContext()
        self.requests: list[HttpRequest] = []
        self.waits: list[float] = []
        self.value: Value = None
        self.has_ended = False
        bound = bind_positional(function, positional) if positional else bind_named(function, named)
        self._procedure = function.run(self.context, *bound)
        self._effect: Effect | None = None
        self._advance(None)

    @property
    def request(self) -> HttpRequest:
        """The request that waits for its answer; waits before it are over at once."""
        while isinstance(self._effect, Wait):
            self.waits.append(round(self._effect.until_s - self.context.at_s, 6))
            self.context.at_s = self._effect.until_s
            self._advance(Done())
        assert isinstance(self._effect, HttpRequest)
        return self._effect

    def answer(self, answer: Answer) -> Running:
        self.requests.append(self.request)
        self._advance(answer)
        return self

    def end(self) -> str:
        """The message of the error that comes when all waits are over."""
        with pytest.raises(Failure) as raised:
            _ = self.request
        return str(error_of(raised.value)["message"])

    def _advance(self, answer: Answer | None) -> None:
        try:
            self._effect = self._procedure.send(answer)  # type: ignore[union-attr, arg-type]
        except StopIteration as stop:
            self._effect, self.has_ended, self.value = None, True, stop.value


def connector(name: str) -> LibraryFunction:
    found = find(f"googleapis.{name}")
    assert found is not None, name
    return found


def started(name: str, /, *positional: Value, **named: Value) -> Running:
    return Running(connector(name), positional, named)


def refused(name: str, /, *positional: Value, **named: Value) -> str:
    """The message of a call that fails before it asks for anything."""
    with pytest.raises(Failure) as raised:
        started(name, *positional, **named)
    error = error_of(raised.value)
    assert str(error["message"]).startswith(f"{error['tags'][0]}: ")  # type: ignore[index]
    return str(error["message"])


def failed(running: Running, answer: Answer) -> dict[str, Value]:
    """The error that an answer leads to."""
    with pytest.raises(Failure) as raised:
        running.answer(answer)
    return error_of(raised.value)


def error_of(failure: Failure) -> dict[str, Value]:
    assert isinstance(failure.value, dict)
    return failure.value


def sent(request: HttpRequest) -> object:
    """The JSON that a request carries."""
    assert request.body is not None
    return json.loads(request.body)


def answered(value: object = None, code: int = 200, content_type: str = "application/json") -> HttpResponse:
    body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
    return HttpResponse(code=code, headers=(("Content-Type", content_type),), body=body)
