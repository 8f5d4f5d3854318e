"""`text.find_all_regex`, `text.match_regex`, `text.replace_all_regex`."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_calls import call, refused

from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.limits import CEILING_CHARACTERS
from hakobune.core.workflows.values import Value

FUNCTIONS = [("text.find_all_regex", ()), ("text.match_regex", ()), ("text.replace_all_regex", ("-",))]


def test_the_worked_value_of_the_documentation() -> None:
    assert call("text.find_all_regex", "HelloWorld", "Hello|World") == [
        {"index": 0, "match": "Hello"},
        {"index": 5, "match": "World"},
    ]


@pytest.mark.parametrize(
    ("source", "regexp", "found"),
    [
        ("abcd", "ab|abcd", [(0, "abcd")]),  # the longest, not the first that is named
        ("aaa", "a+?", [(0, "aaa")]),
        ("日本語日本", "本|語日", [(1, "本"), (2, "語日"), (4, "本")]),  # code points, not bytes
        ("😀x😀x", "x", [(1, "x"), (3, "x")]),
        ("abc", "x", []),
        ("", "x*", [(0, "")]),
        ("日本", "", [(0, ""), (1, ""), (2, "")]),
        ("baaac", "a*", [(0, ""), (1, "aaa"), (5, "")]),  # no empty match right after another one
        ("a1b22", "[0-9]+", [(1, "1"), (3, "22")]),
        ("aB", "(?i)ab", [(0, "aB")]),
        ("a\nb", "(?m)^b$", [(2, "b")]),
        ("x y", "\\bY|\\w", [(0, "x"), (2, "y")]),
    ],
)
def test_find_all_regex(source: str, regexp: str, found: list[tuple[int, str]]) -> None:
    assert call("text.find_all_regex", source, regexp) == [{"index": index, "match": text} for index, text in found]


@pytest.mark.parametrize(
    ("source", "regexp", "is_match"),
    [
        ("IMO 9074729", "^IMO [0-9]{7}$", True),
        ("xIMO 1", "IMO", True),
        ("abc", "^b", False),
        ("", "", True),
        ("日本", "^..$", True),
    ],
)
def test_match_regex_finds_any_part(source: str, regexp: str, is_match: bool) -> None:
    assert call("text.match_regex", source, regexp) is is_match


@pytest.mark.parametrize(
    ("source", "regexp", "repl", "result"),
    [
        ("hello", "l+", "L", "heLo"),
        ("abcd", "ab|abcd", "-", "-"),
        ("ab", "(a)(b)", "\\2\\1$1${1}\\g<1>", "\\2\\1$1${1}\\g<1>"),  # nothing in it refers back
        ("日本", "", "-", "-日-本-"),
        ("baaac", "a*", "-", "-b-c-"),
        ("abc", "x", "y", "abc"),
        ("a.b", "\\.", "", "ab"),
    ],
)
def test_replace_all_regex(source: str, regexp: str, repl: str, result: str) -> None:
    assert call("text.replace_all_regex", source, regexp, repl) == result


@pytest.mark.parametrize(
    "regexp", ["(", "[a", "a**b(", "(?=a)", "(?!a)", "(?<=a)b", "(a)\\1", "(?P=n)", "a{1001}", "\\q"]
)
@pytest.mark.parametrize(("name", "rest"), FUNCTIONS)
def test_what_re2_does_not_have_is_a_value_error(name: str, rest: tuple[str, ...], regexp: str) -> None:
    assert refused(name, "aa", regexp, *rest).startswith(f"ValueError: {name}: invalid regular expression: ")


@pytest.mark.parametrize(("name", "rest"), FUNCTIONS)
@pytest.mark.parametrize("value", [None, 1, True, b"a", [], {}])
def test_texts_only(name: str, rest: tuple[str, ...], value: Value) -> None:
    assert refused(name, value, "a", *rest).startswith(f"TypeError: {name}: argument 'source' must be 'str'")
    assert refused(name, "a", value, *rest).startswith(f"TypeError: {name}: argument 'regexp' must be 'str'")
    assert refused("text.replace_all_regex", "a", "a", value).startswith("TypeError: ")


@pytest.mark.parametrize(("name", "rest"), FUNCTIONS)
def test_half_of_a_surrogate_pair_is_a_value_error(name: str, rest: tuple[str, ...]) -> None:
    assert refused(name, "\ud800", "a", *rest).startswith(f"ValueError: {name}: ")
    assert refused(name, "a", "\udc00", *rest).startswith(f"ValueError: {name}: ")
    assert refused("text.replace_all_regex", "a", "a", "\ud800").startswith("ValueError: ")


def test_the_library_is_not_loaded_before_it_is_needed() -> None:
    program = "import sys, hakobune.core.workflows.stdlib.library; sys.exit('re2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_pattern_that_takes_others_for_ever_takes_no_time() -> None:
    assert call("text.match_regex", "a" * 5000 + "!", "^(a+)+$") is False


def test_a_result_that_would_fill_the_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(Failure) as raised:
        call("text.replace_all_regex", "a" * 1000, "a", "b" * (CEILING_CHARACTERS // 999))
    assert not raised.value.is_catchable


@given(
    st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("ab|*+?()[]{}^$\\.12,"), max_size=20),
    st.text(max_size=20),
)
def test_no_pattern_and_no_text_raises_anything_but_a_failure(regexp: str, source: str) -> None:
    try:
        found = call("text.find_all_regex", source, regexp)
    except Failure:
        assert refused("text.match_regex", source, regexp).startswith("ValueError: ")
        return
    replaced = call("text.replace_all_regex", source, regexp, "·")
    assert isinstance(found, list)
    assert isinstance(replaced, str)
    assert bool(found) == call("text.match_regex", source, regexp)
    for element in found:
        assert isinstance(element, dict)
        index, match = element["index"], element["match"]
        assert isinstance(index, int)
        assert isinstance(match, str)
        assert source[index : index + len(match)] == match


@given(st.text(max_size=30), st.text(max_size=3))
def test_a_quoted_text_is_found_where_find_all_finds_it(source: str, wanted: str) -> None:
    quoted = "".join(f"\\x{{{ord(character):x}}}" for character in wanted)
    assert call("text.replace_all_regex", source, quoted, "-") == call("text.replace_all", source, wanted, "-")
