"""Values with expressions inside: built anew, in document order."""

from __future__ import annotations

import pytest

from hakobune.core.workflows.expr.grammar import parse_expression
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.frames import UNSET, Frame, Place
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.syntax import Constant, Evaluated, ListTemplate, MapTemplate, Template
from hakobune.core.workflows.templates import compile_template, constant_value
from hakobune.core.workflows.values import Value

HERE = Position(1, 1)


class OneVariable:
    """The variable `x` and nothing else."""

    def place(self, name: str) -> Place | None:
        return Place(0, 0) if name == "x" else None

    def is_routine(self, name: str) -> bool:
        return False


class NoContext:
    """Nothing here reads the world."""

    meter = Meter()
    environment: dict[str, str] = {}  # noqa: RUF012 - never written

    def now_s(self) -> float:
        raise AssertionError

    def unique_id(self) -> str:
        raise AssertionError

    def create_callback(self, method: str) -> str:
        raise AssertionError


def template(value: object) -> Template:
    """`${…}` in strings is an expression, all else is itself."""
    if isinstance(value, str) and value.startswith("${"):
        return Evaluated(value[2:-1], parse_expression(value[2:-1]), HERE)
    if isinstance(value, list):
        return ListTemplate(tuple(template(item) for item in value), HERE)
    if isinstance(value, dict):
        entries: list[tuple[Constant | Evaluated, Template]] = []
        for key, element in value.items():
            name = template(key)
            assert isinstance(name, Constant | Evaluated)
            entries.append((name, template(element)))
        return MapTemplate(tuple(entries), HERE)
    assert value is None or isinstance(value, bool | int | float | str)
    return Constant(value, HERE)


def frame(x: Value) -> Frame:
    made = Frame(1, NoContext())
    made.slots[0] = x
    return made


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("text", "text"),
        (None, None),
        ("${x + 1}", 4),
        ([], []),
        ({}, {}),
        ([1, "${x}", [2, "${x * 2}"]], [1, 3, [2, 6]]),
        ({"a": 1, "b": {"c": "${x}"}, "d": [{"e": "${x}"}]}, {"a": 1, "b": {"c": 3}, "d": [{"e": 3}]}),
        ({"${'k' + x}": "${x}", "z": 1}, {"k3": 3, "z": 1}),
        ({"${'k'}": 1, "k": "${x}"}, {"k": 3}),
        ([1, {"a": [True, None]}], [1, {"a": [True, None]}]),
    ],
)
def test_given_a_template_when_built_then_expressions_are_replaced_by_their_values(
    value: object, expected: Value
) -> None:
    assert compile_template(template(value), OneVariable())(frame(3)) == expected


def test_given_expressions_inside_when_built_twice_then_the_containers_differ() -> None:
    build = compile_template(template([{"a": "${x}"}]), OneVariable())
    first, second = build(frame(1)), build(frame(2))
    assert (first, second) == ([{"a": 1}], [{"a": 2}])


def test_given_no_expressions_when_built_twice_then_one_value_is_shared() -> None:
    build = compile_template(template({"a": [1, 2]}), OneVariable())
    assert build(frame(1)) is build(frame(2))


@pytest.mark.parametrize("key", ["${x}", "${null}", "${true}", "${[1]}"])
def test_given_a_key_that_is_no_string_when_built_then_it_raises(key: str) -> None:
    build = compile_template(template({key: 1}), OneVariable())
    with pytest.raises(Failure, match="map keys must be strings"):
        build(frame(3))


@pytest.mark.parametrize(
    ("value", "first"),
    [
        ({"a": "${1 / 0}", "b": "${x.y}"}, "ZeroDivisionError"),
        ({"a": "${x.y}", "b": "${1 / 0}"}, "TypeError"),
        ({"${1 / 0}": "${x.y}"}, "ZeroDivisionError"),
        ({"a": "${x.y}", "${1 / 0}": 1}, "TypeError"),
        ([["${1 / 0}"], "${x.y}"], "ZeroDivisionError"),
    ],
)
def test_given_several_errors_when_built_then_the_first_of_the_document_is_raised(value: object, first: str) -> None:
    with pytest.raises(Failure) as raised:
        compile_template(template(value), OneVariable())(frame(3))
    assert isinstance(raised.value.value, dict)
    assert str(raised.value.value["message"]).startswith(first)


def test_given_a_template_when_asked_for_its_constant_then_only_expressions_have_none() -> None:
    assert constant_value(template({"a": [1]})) == {"a": [1]}
    assert constant_value(template(None)) is None
    for value in ("${1}", ["${1}"], {"a": "${1}"}, {"${'a'}": 1}):
        assert constant_value(template(value)) is UNSET
