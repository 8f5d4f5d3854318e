from __future__ import annotations

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.sdk import StrideOverflow, global_id, stable_id

parts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.integers(1, 10**6), st.integers(0, 9_999), st.integers(0, 9_999), st.data())
def test_global_ids_of_two_tasks_never_meet(stride: int, one: int, other: int, data: st.DataObject) -> None:
    local_ids = st.integers(0, stride - 1)
    first, second = data.draw(local_ids), data.draw(local_ids)
    same = global_id(first, stride, one) == global_id(second, stride, other)
    assert same == ((one, first) == (other, second))


def test_given_a_task_when_a_global_id_is_made_then_it_is_the_guides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", "7")
    monkeypatch.setenv("CLOUD_RUN_TASK_COUNT", "8")
    assert global_id(42) == 7 * 100_000 + 42
    assert global_id(9, stride=10) == 79
    assert global_id(9, stride=10, index=0) == 9


@pytest.mark.parametrize("local_id", [-1, 10, 11])
def test_given_a_local_id_outside_the_stride_when_a_global_id_is_made_then_it_is_refused(local_id: int) -> None:
    with pytest.raises(StrideOverflow, match=r"outside 0\.\.9"):
        global_id(local_id, stride=10, index=1)


@pytest.mark.parametrize(("stride", "index"), [(0, 0), (-5, 0), (10, -1)])
def test_given_a_wrong_stride_or_index_when_a_global_id_is_made_then_it_is_refused(stride: int, index: int) -> None:
    with pytest.raises(ValueError, match="must"):
        global_id(0, stride, index)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (("a",), "110b4e8918ca637ca410ed2fff0577b0"),
        (("ab", "c"), "7a0e7dda8337b60971fd180299be64d2"),
        (("a", "bc"), "76a039969bb86b591422c8dd5a485058"),
        ((1,), "95ead5efe3ad28b362e6cab7a0e07994"),
        (("1",), "446c92ad25418d917b8b7db94e4be265"),
        ((0,), "0929bba6baac981aa5b368661b9e5856"),
        ((-1,), "e2aba73d9f9f3ba43a2444db56db4dd6"),
        ((127,), "3a179f4683c55b1061f3263fb14a03f3"),
        ((128,), "15cc9d711267f92c6d121885a1a8e088"),
        ((-128,), "c4c78626b3cf2f0eaed5dfda3081d5c0"),
        ((-129,), "c9997f492f790c668d95ec8b571d16ed"),
        ((18446744073709551616,), "553b5244ec45f3044697173b63cc89ce"),
        ((1.5,), "d48ee63f898918f48029da2e7008e437"),
        ((True,), "5b9ca33be17899dca3fdcf90a0f4298b"),
        ((None,), "f19790f7cc11f827a8365c297b1ecc9f"),
        ((b"\x00\xff",), "d0f4036f5f4b036e909927ffa791503f"),
        (("運転", "segment", 7), "cdeb35ad9633552d505706a99d04e9ca"),
        ((["a", ["b"]],), "1d22dce88750288d6fce85fb84b99ad1"),
    ],
)
def test_stable_ids_are_fixed_for_ever(value: tuple[object, ...], expected: str) -> None:
    assert stable_id(*value) == expected  # type: ignore[arg-type]


def test_given_parts_that_only_look_alike_when_hashed_then_the_ids_differ() -> None:
    alike: list[tuple[object, ...]] = [
        ("ab", "c"), ("a", "bc"), ("abc",), (["ab", "c"],), ("ab", ["c"]), (b"ab", "c"),
        (1,), ("1",), (1.0,), (True,), (b"1",), ([1],), (0,), (False,), (None,), ("",), (b"",), ([],), (0.0,), (-0.0,),
        ("é",), ("e\u0301",), (255,), (-1,), (256,), ("a", None), ("a",), (None, "a"),
    ]  # fmt: skip
    assert len({stable_id(*value) for value in alike}) == len(alike)  # type: ignore[arg-type]


@given(st.lists(parts, min_size=1, max_size=4), st.lists(parts, min_size=1, max_size=4))
def test_stable_ids_are_the_same_for_the_same_parts_only(one: list[object], other: list[object]) -> None:
    assert (stable_id(*one) == stable_id(*other)) == (typed(one) == typed(other))  # type: ignore[arg-type]


def typed(value: object) -> object:
    """The value with its types, so that 1, True and 1.0, or 0.0 and -0.0, are not the same."""
    if isinstance(value, (list, tuple)):
        return [typed(part) for part in value]
    return type(value), repr(value)


def test_given_lists_tuples_and_enums_when_hashed_then_they_are_their_content() -> None:
    class Kind(StrEnum):
        VIDEO = "video"

    assert stable_id(["a", 1]) == stable_id(("a", 1))
    assert stable_id(Kind.VIDEO) == stable_id("video")


def test_given_a_file_name_that_is_no_utf8_when_hashed_then_it_has_an_id() -> None:
    assert stable_id("a\udc80") != stable_id("a")


@pytest.mark.parametrize("value", [object(), {"a": 1}, {1}, 1j])
def test_given_another_type_when_hashed_then_it_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot take"):
        stable_id(value)  # type: ignore[arg-type]


def test_given_nothing_or_no_number_when_hashed_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        stable_id()
    with pytest.raises(ValueError, match="NaN"):
        stable_id(float("nan"))
