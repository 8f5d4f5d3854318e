"""Which patterns RE2 finds in linear time, and what the matches of a text are charged."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_calls import AContext, function

from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.meter import OP_NS, Meter
from hakobune.core.workflows.stdlib.pattern_reach import Reach
from hakobune.core.workflows.stdlib.pattern_shapes import shape_of
from hakobune.core.workflows.stdlib.registry import bind_positional, invoke
from hakobune.core.workflows.values import Value

LINES = [
    "[a-z]+",
    r"\w+",
    r"\b\w+\b",
    r"(\w+)\s(\w+)",
    r"a.*b",
    r"<[^>]+>",
    r'"[^"]*"',
    r"\s*,\s*",
    r"\p{L}+\pN?",
    r"[\w.+-]+@[\w-]+\.[A-Za-z]{2,}",
    r"https?://[^\s]+",
    r"\d{4}-\d{2}-\d{2}",
    r"\w+@\w+\.(?:com|org)",
    r"(?P<year>\d+)-(?:\d+)",
    r"(?i)x+?y",
    r"[]a]+b",
    r"[[:alpha:]]*\x{41}",
]
TAILS = [
    r"\d+|[a-z]+",
    "(?:ab)+",
    r"[a-z]+(?:\.[a-z]+)*",
    "fox|dog|wolves",
    "(?:a{400}b|a)",
    r"(?:\w+\s?)+",
    "(?:a*|b)*",
    "ab?c{2,}|",
]
FAR = [
    "a*b|a",
    ".*x|a",
    "(?:a+)+b",
    r"(?:\w+\.)+com",
    r"^\s+|\s+$",
    "(?:a+){2}",
    "(?:ab|c)*d",
    "(?:a|bb)c*d",
    "(?:ab)?c*d",
    "(?:a+){2,}|b",
]


@pytest.mark.parametrize("pattern", LINES)
def test_given_characters_one_after_the_other_then_the_pattern_is_linear_and_reads_nothing_twice_more(
    pattern: str,
) -> None:
    shape = shape_of(pattern)
    assert shape is not None
    assert (shape.is_linear, shape.overrun) == (True, 0)


@pytest.mark.parametrize("pattern", TAILS)
def test_given_nothing_needed_behind_an_endless_part_then_the_pattern_is_linear_and_reads_its_own_length_more(
    pattern: str,
) -> None:
    shape = shape_of(pattern)
    assert shape is not None
    assert (shape.is_linear, shape.overrun) == (True, shape.characters)


@pytest.mark.parametrize("pattern", FAR)
def test_given_a_pattern_of_which_a_match_may_look_far_then_it_is_not_linear(pattern: str) -> None:
    shape = shape_of(pattern)
    assert shape is not None
    assert not shape.is_linear


@pytest.mark.parametrize(
    ("pattern", "characters"),
    [("", 0), ("a{3}b", 4), ("(?:ab){2,5}", 10), ("(?:ab){2,}", 4), ("a|bc", 3), (r"^\p{Greek}$", 1), ("a{1}", 1)],
)
def test_the_characters_of_a_pattern_are_those_of_its_counted_repetitions_too(pattern: str, characters: int) -> None:
    shape = shape_of(pattern)
    assert shape is not None
    assert shape.characters == characters


@pytest.mark.parametrize("pattern", [r"\Qa*\E", r"\C", "a)", "(a"])
def test_given_syntax_that_is_not_known_then_there_is_no_shape(pattern: str) -> None:
    assert shape_of(pattern) is None


def test_given_thousands_of_groups_in_one_another_then_nothing_overflows() -> None:
    shape = shape_of("(?:" * 5_000 + "a" + ")" * 5_000)
    assert shape is not None
    assert shape.characters == 1


# -- what is charged ------------------------------------------------------------------------------------------------


def charged_ns(name: str, *arguments: Value) -> int:
    """What a call costs."""
    context = AContext()
    called = function(name)
    invoke(called, context, bind_positional(called, arguments))
    return context.meter.op_ns


WORDS = ("abc de " * 9_000)[:60_000]
FULL = "the quick brown fox, 2026-11-25: lazy@dog.example.com " * 4_600  # 248 KB


@pytest.mark.parametrize("pattern", ["[a-z]+", r"\w+", r"\d+|[a-z]+", r"\b\w+\b", r"\p{L}+", r"[a-z]+(?:\.[a-z]+)*"])
def test_given_60_kb_of_words_when_all_are_found_then_the_step_goes_on(pattern: str) -> None:
    assert charged_ns("text.find_all_regex", WORDS, pattern) < OP_NS / 2


@pytest.mark.parametrize("pattern", [r"\w+", r"[\w.+-]+@[\w-]+\.[a-z]{2,}", r"\d{4}-\d{2}-\d{2}", r"\s+", "fox|lazy"])
def test_given_a_text_as_long_as_one_may_be_when_all_matches_are_replaced_then_the_step_goes_on(pattern: str) -> None:
    assert charged_ns("text.replace_all_regex", FULL, pattern, "-") < OP_NS


@pytest.mark.parametrize("pattern", [r"\w+@\w+", "a.*z", r"(?:\w+\.)+org", r'"[^"]*"|[0-9]{9}'])
def test_given_a_text_as_long_as_the_memory_when_it_is_matched_then_the_step_goes_on(pattern: str) -> None:
    assert charged_ns("text.match_regex", (FULL * 3)[:512_000], pattern) < OP_NS / 10


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("a" * 65_000, "a*b|a"),
        ("a" * 65_000, ".*x|a"),
        ("ab" * 32_000, "a.*x|b"),
        ("a" * 65_000, "(?:a+)+b|a"),
        ("a" * 65_000, "(?:a|aa){500}b"),
        ("a" * 65_000, "(?:a{400}b|a)"),
        ("ab" * 32_000, "[ab]*a[ab]{12}c|a"),
        ("é" * 60_000, r"(?:\p{L}|\p{N}){200}"),
    ],
)
@pytest.mark.parametrize(("name", "rest"), [("text.find_all_regex", ()), ("text.replace_all_regex", ("",))])
def test_given_a_pattern_that_reads_the_rest_for_each_match_when_all_are_wanted_then_the_step_is_refused(
    name: str, rest: tuple[str, ...], source: str, pattern: str
) -> None:
    with pytest.raises(Failure) as raised:
        charged_ns(name, source, pattern, *rest)
    assert isinstance(raised.value.value, dict)
    assert raised.value.value["tags"] == ["ResourceLimitError"]


# -- what is read behind a match ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("www.site.com is here. " * 11_500, r"(\w+\.)+com"),
        ("see été.com, où\n" * 16_000, r"(?:\pL+\.)+com"),
        ("abc,x\n" * 30_000, "(?:.+,)+x"),
        ("aaaa b\n" * 20_000, "a*b|a{4}"),
        ("ABC.COM; " * 20_000, r"(?i)(?:[a-z]+\.)+com|\d"),
        ("x " * 100 + "a." * 100_000, r"(?:\w+\.)+com|x"),
    ],
)
def test_given_repeated_groups_in_a_text_of_words_when_all_are_found_then_the_step_goes_on(
    source: str, pattern: str
) -> None:
    shape = shape_of(pattern)
    assert shape is not None
    assert not shape.is_linear
    assert charged_ns("text.replace_all_regex", source, pattern, "-") < OP_NS


def test_given_a_word_that_goes_on_behind_the_matches_then_none_of_it_is_looked_at_twice_to_tell_how_far() -> None:
    way = "a" * 50_000
    meter = Meter()
    reach = Reach(meter, f"{way} {way}", re.compile("a*"))
    assert [reach.behind(end) for end in (0, 10, 49_999, 50_000, 50_001, 100_001)] == [50_000, 49_990, 1, 0, 50_000, 0]
    once = meter.op_ns
    reach.behind(100_001)
    assert meter.op_ns == once
    assert once < 100_000 * 30 + 1_000_000


def test_given_no_alphabet_then_the_rest_of_the_text_is_read() -> None:
    reach = Reach(Meter(), "abc", None)
    assert (reach.is_told, reach.behind(1)) == (False, 2)


@pytest.mark.parametrize("pattern", [*LINES, *TAILS, *FAR, r"(?s)a.b|c", r"(?s:.)x*y", "(?i)k+ſ|Ö", "[^a]*b|a", "{|}"])
@given(source=st.text(alphabet="aAbBkKſcdxyz01 .@\n\t,-é\u212aÖö{}", max_size=40))
def test_whatever_a_pattern_matches_is_of_its_alphabet(pattern: str, source: str) -> None:
    shape = shape_of(pattern)
    assert shape is not None
    found = invoke_found(source, pattern)
    for match in found:
        [whole, *_] = invoke_found(match, f"(?:{shape.alphabet})*") or [""]
        assert whole == match


def test_given_more_parts_than_are_looked_at_then_there_is_no_alphabet() -> None:
    shape = shape_of("|".join(chr(0x4E00 + number) for number in range(201)))
    assert shape is not None
    assert shape.alphabet == ""


def invoke_found(source: str, pattern: str) -> list[str]:
    """The matches that are not empty."""
    context = AContext()
    called = function("text.find_all_regex")
    value = invoke(called, context, bind_positional(called, [source, pattern]))
    assert isinstance(value, list)
    return [str(match["match"]) for match in value if isinstance(match, dict) and match["match"]]
