"""`text.*` but for regular expressions, and what a result may be large."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_calls import call, refused

from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.limits import CEILING_CHARACTERS
from hakobune.core.workflows.stdlib.sizes import check_result
from hakobune.core.workflows.values import Value

ONE_TEXT = ["text.to_lower", "text.to_upper", "text.url_decode", "text.url_encode", "text.url_encode_plus"]
TWO_TEXTS = [("text.find_all", "substr"), ("text.split", "separator")]


@pytest.mark.parametrize(
    ("source", "separator", "parts"),
    [
        ("baaab", "aa", ["b", "ab"]),
        ("abc", "a", ["", "bc"]),
        ("abbc", "b", ["a", "", "c"]),
        ("abc", "x", ["abc"]),
        ("", ",", [""]),
        ("日本、東京", "、", ["日本", "東京"]),
    ],
)
def test_split(source: str, separator: str, parts: Value) -> None:
    assert call("text.split", source, separator) == parts


def test_split_and_find_all_refuse_an_empty_text() -> None:
    assert refused("text.split", "abc", "") == "ValueError: text.split: separator is empty"
    assert refused("text.find_all", "abc", "") == "ValueError: text.find_all: substr is empty"


@pytest.mark.parametrize(
    ("source", "substr", "indexes"),
    [
        ("abcabc", "bc", [1, 4]),
        ("aaaa", "aa", [0, 2]),
        ("abc", "x", []),
        ("日本日", "日", [0, 2]),
        ("😀a😀a", "a", [1, 3]),
    ],
)
def test_find_all_counts_characters_from_the_left_without_overlap(source: str, substr: str, indexes: Value) -> None:
    assert call("text.find_all", source, substr) == indexes


@pytest.mark.parametrize(
    ("source", "start", "end", "part"),
    [
        ("hello", 2, 4, "ll"),
        ("hello", -10, 10, "hello"),
        ("hello", -3, -1, "ll"),
        ("hello", 3, 3, ""),
        ("hello", 4, 2, ""),
        ("hello", 9, 12, ""),
        ("日本語", 1, 2, "本"),
    ],
)
def test_substring_counts_from_the_end_and_clamps(source: str, start: int, end: int, part: str) -> None:
    assert call("text.substring", source, start, end) == part


@pytest.mark.parametrize("index", [1.0, True, None, "1"])
def test_substring_takes_integers(index: Value) -> None:
    assert refused("text.substring", "abc", index, 1).startswith("TypeError: text.substring: argument 'start'")
    assert refused("text.substring", "abc", 0, index).startswith("TypeError: text.substring: argument 'end'")


def test_substring_needs_both_indexes() -> None:
    assert refused("text.substring", "abc", 1) == "TypeError: text.substring: missing argument end"


@pytest.mark.parametrize(
    ("source", "substr", "repl", "result"),
    [
        ("2024/06/01", "/", "-", "2024-06-01"),
        ("aaa", "aa", "b", "ba"),
        ("abc", "x", "y", "abc"),
        ("a.c", ".", "$1\\1", "a$1\\1c"),
        ("日本", "", "-", "-日-本-"),
    ],
)
def test_replace_all(source: str, substr: str, repl: str, result: str) -> None:
    assert call("text.replace_all", source, substr, repl) == result


def test_replace_all_refuses_half_of_a_surrogate_pair() -> None:
    assert refused("text.replace_all", "a\ud800", "a", "b").startswith("ValueError: text.replace_all: character 1")


def test_replace_all_refuses_a_result_that_would_fill_the_memory() -> None:
    with pytest.raises(Failure) as raised:
        call("text.replace_all", "a" * 1000, "a", "b" * (CEILING_CHARACTERS // 999))
    assert not raised.value.is_catchable


def test_case() -> None:
    assert call("text.to_upper", "kobe maru é") == "KOBE MARU É"
    assert call("text.to_lower", "KOBE Maru É") == "kobe maru é"


def test_worked_values_of_url_encoding() -> None:
    assert call("text.url_encode", "a/b/c?item=d+e f") == "a%2Fb%2Fc%3Fitem%3Dd%2Be%20f"
    assert call("text.url_encode_plus", "a/b/c?item=d+e f") == "a%2Fb%2Fc%3Fitem%3Dd%2Be+f"
    assert call("text.url_decode", "a%2Fb%2Fc%3Fitem%3Dd%2Be") == "a/b/c?item=d+e"
    assert call("text.url_encode", ".-_~日") == ".-_%7E%E6%97%A5"
    assert call("text.url_decode", "a+b%20c%2b") == "a b c+"


@pytest.mark.parametrize("source", ["%", "a%2", "%zz", "%%20", "% 20"])
def test_url_decode_wants_two_digits_after_each_percent_sign(source: str) -> None:
    assert refused("text.url_decode", source).startswith("ValueError: text.url_decode: no two hexadecimal digits")


def test_url_decode_refuses_bytes_that_are_no_utf_8() -> None:
    assert refused("text.url_decode", "%ff") == "ValueError: text.url_decode: byte 0 cannot be decoded as utf-8"


def test_url_encode_refuses_half_of_a_surrogate_pair() -> None:
    assert refused("text.url_encode", "\udfff").startswith("ValueError: text.url_encode: ")


@given(st.text(max_size=60))
def test_url_encoding_there_and_back(source: str) -> None:
    assert call("text.url_decode", call("text.url_encode", source)) == source
    assert call("text.url_decode", call("text.url_encode_plus", source)) == source
    assert call("text.url_encode", source) == quote(source, safe="").replace("~", "%7E")
    assert call("text.url_encode_plus", source) == quote_plus(source).replace("~", "%7E")


@given(st.text(alphabet="ab,", max_size=20), st.text(alphabet="ab,", min_size=1, max_size=3))
def test_joined_again_the_parts_are_the_text(source: str, separator: str) -> None:
    parts = call("text.split", source, separator)
    assert isinstance(parts, list)
    assert separator.join(str(part) for part in parts) == source
    found = call("text.find_all", source, separator)
    assert isinstance(found, list)
    assert len(found) == len(parts) - 1


@pytest.mark.parametrize(
    ("charset", "content"),
    [
        ("UTF-8", "日本".encode()),
        (None, "日本".encode()),
        ("utf8", "日本".encode()),
        ("Shift_JIS", b"\x93\xfa\x96\x7b"),
        ("EUC-JP", b"\xc6\xfc\xcb\xdc"),
        ("UTF-16LE", b"\xe5\x65\x2c\x67"),
    ],
)
def test_text_in_other_character_sets(charset: Value, content: bytes) -> None:
    assert call("text.encode", "日本", charset) == content
    assert call("text.decode", content, charset) == "日本"


@pytest.mark.parametrize("charset", ["ISO-8859-1", "latin1", "windows-1252", "ISO_8859-15"])
def test_labels_of_western_character_sets(charset: str) -> None:
    assert call("text.encode", "é", charset) == b"\xe9"


@pytest.mark.parametrize("charset", ["", "rot13", "base64", "idna", "unicode_escape", "utf-9", "x" * 100, "\0"])
def test_unknown_character_sets(charset: str) -> None:
    assert refused("text.encode", "a", charset).startswith("ValueError: text.encode: unknown charset ")
    assert refused("text.decode", b"a", charset).startswith("ValueError: text.decode: unknown charset ")


def test_what_a_character_set_does_not_have() -> None:
    assert refused("text.encode", "日", "US-ASCII") == "ValueError: text.encode: character 0 cannot be encoded as ascii"
    assert refused("text.decode", b"a\xff") == "ValueError: text.decode: byte 1 cannot be decoded as utf-8"
    assert refused("text.encode", "\ud800").startswith("ValueError: text.encode: ")


def test_decode_and_encode_know_their_types() -> None:
    assert refused("text.decode", "a") == "TypeError: text.decode: argument 'data' must be 'bytes', not 'str'"
    assert refused("text.encode", b"a") == "TypeError: text.encode: argument 'text' must be 'str', not 'bytes'"
    assert refused("text.encode", "a", 8).startswith("TypeError: text.encode: argument 'charset'")


@pytest.mark.parametrize("value", [1, 1.5, True, None, b"a", [], {}])
def test_texts_only(value: Value) -> None:
    for name in ONE_TEXT:
        assert refused(name, value).startswith(f"TypeError: {name}: argument 'source' must be 'str'")
    for name, parameter in TWO_TEXTS:
        assert refused(name, value, "a").startswith(f"TypeError: {name}: argument 'source'")
        assert refused(name, "a", value).startswith(f"TypeError: {name}: argument '{parameter}'")
    assert refused("text.replace_all", value, "a", "b").startswith("TypeError: text.replace_all: argument 'source'")
    assert refused("text.replace_all", "a", value, "b").startswith("TypeError: text.replace_all: argument 'substr'")
    assert refused("text.replace_all", "a", "b", value).startswith("TypeError: text.replace_all: argument 'repl'")


def test_a_result_is_measured_before_it_is_made() -> None:
    check_result("f", CEILING_CHARACTERS)
    with pytest.raises(Failure) as raised:
        check_result("f", CEILING_CHARACTERS + 1)
    assert raised.value.value == {
        "message": f"ResourceLimitError: f: the result would have {CEILING_CHARACTERS + 1} characters, "
        f"the limit is {CEILING_CHARACTERS}",
        "tags": ["ResourceLimitError"],
    }
