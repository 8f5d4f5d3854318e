"""JSON from outside, hostile or not."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.core.errors import InvalidArgument
from hakobune.wire.codec import BODY_MAX_BYTES, DEPTH_MAX, parse_json

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), children, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(_VALUES, st.booleans())
def test_given_any_json_when_parsed_then_it_is_the_value(value: object, is_ascii: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


@pytest.mark.parametrize("body", [b"", b"  \n "])
def test_given_an_empty_body_when_parsed_then_it_is_an_empty_object(body: bytes) -> None:
    assert parse_json(body) == {}


def test_given_brackets_in_strings_when_parsed_then_they_are_no_depth() -> None:
    body = json.dumps({'a\\"[[': "[" * 500 + '"\\' + "{" * 500}).encode()
    assert parse_json(body) == json.loads(body)


def test_given_the_deepest_allowed_when_parsed_then_it_is_read() -> None:
    assert parse_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), "Nested deeper than 100 levels."),
        (b'{"a":' * 100_000, "Nested deeper than 100 levels."),
        (b"[" * 1_000_000, "Nested deeper than 100 levels."),
        (b"{", "Expecting property name"),
        (b"nope", "Expecting value at line 1, column 1."),
        (b'{"a": 1,}', "at line 1, column"),
        (b"{} {}", "Extra data at line 1, column 4."),
        (b'"\xff"', "Not valid UTF-8 at byte 1."),
        (b"\xef\xbb\xbf{}", "at line 1, column 1."),
        (b'{"a": NaN}', "NaN is not a JSON number."),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number."),
        (b'{"a": 1e999}', "The number 1e999 is too large."),
        (b"1" * 5_000, "Exceeds the limit"),
        (b'{"a": 1, "b": 2, "a": 3}', 'Duplicate name "a".'),
        (b'{"a": "\\ud800"}', "A string holds half of a surrogate pair."),
        (b'{"\\uDFff": 1}', "A string holds half of a surrogate pair."),
        (b'{"a": "\n"}', "Invalid control character at"),
        (b"[1, ", "at line 1, column"),
        (b'"open', "Unterminated string"),
        (b"x" * (BODY_MAX_BYTES + 1), f"at most {BODY_MAX_BYTES} are accepted."),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_given_what_is_no_json_of_ours_when_parsed_then_it_is_refused_with_googles_words(
    body: bytes, problem: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_json(body)
    assert caught.value.message.startswith("Invalid JSON payload received. ")
    assert problem in caught.value.message


def test_whole_surrogate_pairs_are_text() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_given_any_bytes_when_parsed_then_there_is_a_value_or_a_refusal(body: bytes) -> None:
    try:
        parse_json(body)
    except InvalidArgument as error:
        assert error.message.startswith("Invalid JSON payload received. ")  # noqa: PT017 (either outcome is right)


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * (BODY_MAX_BYTES // 2 - 1),
        b"[" + b"[]," * (BODY_MAX_BYTES // 3 - 2) + b"[]]",
        b"{" * BODY_MAX_BYTES,
        b'"\\' * (BODY_MAX_BYTES // 2),
    ],
    ids=["quotes", "pairs", "openings", "escapes"],
)
def test_given_the_largest_hostile_bodies_when_parsed_then_the_time_is_bounded(body: bytes) -> None:
    began_s = time.process_time()
    with contextlib.suppress(InvalidArgument):
        parse_json(body)
    assert time.process_time() - began_s < 5
