"""How the tests call a library function: by its name, with arguments bound as the interpreter binds them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from hakobune.core.workflows.effects import Answer, Effect
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.stdlib.library import find
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, bind_named, bind_positional, invoke
from hakobune.core.workflows.values import Value

EXECUTION = "projects/p/locations/l/workflows/w/executions/e1"
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "GOOGLE_CLOUD_PROJECT_ID": "harbour",
        "GOOGLE_CLOUD_LOCATION": "asia-northeast1",
        "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID": "e1",
        "PORT_NAME": "kobe",
        "EMPTY": "",
    }
)


class AContext:
    """The world at 1000 s; it does not go on by itself."""

    def __init__(self, now_s: float = 1000.0, environment: Mapping[str, str] = ENVIRONMENT) -> None:
        self.meter = Meter()
        self.environment = environment
        self.at_s = now_s
        self.methods: list[str] = []

    def now_s(self) -> float:
        return self.at_s

    def unique_id(self) -> str:
        return "3f2c8c1e-5a0f-4d7e-9a54-0f5b8f1f6f10"

    def create_callback(self, method: str) -> str:
        self.methods.append(method)
        return f"http://127.0.0.1:8642/v1/{EXECUTION}/callbacks/c{len(self.methods)}"


def function(name: str) -> LibraryFunction:
    found = find(name)
    assert found is not None, name
    return found


def call(name: str, *arguments: Value) -> Value:
    """The value of a function that does not wait."""
    called = function(name)
    assert called.kind is not Kind.BLOCKING
    return invoke(called, AContext(), bind_positional(called, arguments))  # type: ignore[return-value]


def refused(name: str, *arguments: Value) -> str:
    """The message of the error of a pure function; its first tag is what the message begins with."""
    with pytest.raises(Failure) as raised:
        call(name, *arguments)
    return message(raised.value)


def message(failed: Failure) -> str:
    assert isinstance(failed.value, dict)
    text, tags = failed.value["message"], failed.value["tags"]
    assert isinstance(text, str)
    assert isinstance(tags, list)
    assert text.startswith(f"{tags[0]}: ")
    return text


class Running:
    """A procedure and its effects. `effects` holds what it asked for; `value` is there when it has ended."""

    def __init__(self, context: AContext, name: str, positional: tuple[Value, ...], named: Mapping[str, Value]) -> None:
        called = function(name)
        assert called.kind is Kind.BLOCKING
        bound = bind_positional(called, positional) if positional else bind_named(called, named)
        self.context = context
        self.effects: list[Effect] = []
        self.has_ended = False
        self.value: Value = None
        self._procedure = called.run(context, *bound)
        self._advance(None)

    def answer(self, answer: Answer) -> Running:
        assert not self.has_ended
        self._advance(answer)
        return self

    @property
    def effect(self) -> Effect:
        assert not self.has_ended
        return self.effects[-1]

    def _advance(self, answer: Answer | None) -> None:
        try:
            self.effects.append(self._procedure.send(answer))  # type: ignore[union-attr, arg-type]
        except StopIteration as stop:
            self.has_ended = True
            self.value = stop.value


def started(name: str, *positional: Value, context: AContext | None = None, **named: Value) -> Running:
    return Running(context or AContext(), name, positional, named)


def not_started(name: str, *positional: Value, **named: Value) -> str:
    """The message of the error of a procedure that fails before it asks for anything."""
    with pytest.raises(Failure) as raised:
        started(name, *positional, **named)
    return message(raised.value)
