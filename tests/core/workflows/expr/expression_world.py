"""Variables, frames and evaluation for tests of expressions."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hakobune.core.workflows.expr.compile import compile_expression
from hakobune.core.workflows.expr.grammar import parse_expression
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.frames import UNSET, Frame, Place, Unset
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.values import Value


class FixedContext:
    """A world in which nothing moves."""

    meter = Meter()
    environment: Mapping[str, str] = {"COLOUR": "blue"}

    def now_s(self) -> float:
        return 1_700_000_000.0

    def unique_id(self) -> str:
        return "00000000-0000-4000-8000-000000000001"

    def create_callback(self, method: str) -> str:
        return f"http://127.0.0.1/{method}"


class Variables:
    """The names of a place: own variables, then those of each outer frame; routines."""

    def __init__(self, *levels: Mapping[str, Value | Unset], routines: tuple[str, ...] = ()) -> None:
        self.levels = levels or ({},)
        self.routines = routines

    def place(self, name: str) -> Place | None:
        for level, variables in enumerate(self.levels):
            if name in variables:
                return Place(level, list(variables).index(name))
        return None

    def is_routine(self, name: str) -> bool:
        return name in self.routines

    def frame(self) -> Frame:
        frame: Frame | None = None
        for variables in reversed(self.levels):
            frame = Frame(len(variables), FixedContext(), frame)
            frame.slots[:] = variables.values()
        assert frame is not None
        return frame


def evaluated(text: str, /, **variables: Value | Unset) -> Value:
    names = Variables(variables)
    return compile_expression(parse_expression(text), names)(names.frame())


def error_of(text: str, /, **variables: Value | Unset) -> tuple[str, list[str]]:
    """Message and tags of the error that the expression raises."""
    with pytest.raises(Failure) as raised:
        evaluated(text, **variables)
    value = raised.value.value
    assert isinstance(value, dict)
    message, tags = value["message"], value["tags"]
    assert isinstance(message, str)
    assert isinstance(tags, list)
    return message, [str(tag) for tag in tags]


__all__ = ["UNSET", "FixedContext", "Variables", "error_of", "evaluated"]
