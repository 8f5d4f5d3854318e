"""How arguments meet parameters."""

from __future__ import annotations

import pytest
from library_calls import message

from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.stdlib import arguments
from hakobune.core.workflows.stdlib.registry import (
    MISSING,
    Kind,
    LibraryFunction,
    LibraryParameter,
    bind_named,
    bind_positional,
)
from hakobune.core.workflows.values import Value

FUNCTION = LibraryFunction(
    name="a.b",
    parameters=(
        LibraryParameter("x"),
        LibraryParameter("y", is_required=False, default=5),
        LibraryParameter("z", is_required=False),
    ),
    kind=Kind.PURE,
    run=lambda *bound: list(bound),
)
OPEN = LibraryFunction(name="a.open", parameters=(LibraryParameter("x"),), kind=Kind.PURE, run=list, is_open=True)


def test_arguments_by_position_and_by_name_are_bound_in_the_order_of_the_parameters() -> None:
    assert bind_positional(FUNCTION, [1]) == [1, 5, MISSING]
    assert bind_positional(FUNCTION, [1, None, 3]) == [1, None, 3]
    assert bind_named(FUNCTION, {"z": 3, "x": None}) == [None, 5, 3]
    assert repr(MISSING) == "MISSING"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "TypeError: a.b: missing argument x"),
        ({"y": 1}, "TypeError: a.b: missing argument x"),
        ({"x": 1, "w": 2}, "TypeError: a.b: unknown argument w"),
    ],
)
def test_named_arguments_that_do_not_fit(given: dict[str, Value], text: str) -> None:
    with pytest.raises(Failure) as raised:
        bind_named(FUNCTION, given)
    assert message(raised.value) == text


def test_too_many_and_too_few_positional_arguments() -> None:
    with pytest.raises(Failure, match="takes 3 arguments, got 4"):
        bind_positional(FUNCTION, [1, 2, 3, 4])
    with pytest.raises(Failure, match="missing argument x"):
        bind_positional(FUNCTION, [])


def test_an_open_function_takes_other_names_in_a_last_map() -> None:
    assert bind_named(OPEN, {"x": 1, "q": "a", "r": None}) == [1, {"q": "a", "r": None}]
    assert bind_named(OPEN, {"x": 1}) == [1, {}]


def test_null_and_absence_are_the_same_to_an_optional_argument() -> None:
    assert arguments.given(MISSING, 3) == 3
    assert arguments.given(None, 3) == 3
    assert arguments.given(False, 3) is False
    assert not arguments.is_given(MISSING)
    assert not arguments.is_given(None)
    assert arguments.is_given("")


def test_a_check_says_what_was_wanted_and_what_came() -> None:
    with pytest.raises(Failure) as raised:
        arguments.text("a.b", "x", MISSING)
    assert message(raised.value) == "TypeError: a.b: argument 'x' must be 'str', not nothing"
    with pytest.raises(Failure) as raised:
        arguments.whole("a.b", "x", True)
    assert message(raised.value) == "TypeError: a.b: argument 'x' must be 'int', not 'bool'"
    with pytest.raises(Failure) as raised:
        arguments.number("a.b", "x", "1")
    assert message(raised.value) == "TypeError: a.b: argument 'x' must be a number, not 'str'"
