"""Regular expressions: Python's answers, in time that does not depend on the pattern."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.logs.pattern import Pattern, PatternError


def patterns() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\d", r"\s", " ", "1", r"\.", "[[:digit:]b]"])
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0}"])).map(
                lambda pair: f"(?:{pair[0]}){pair[1]}"
            ),
            inner.map(lambda part: f"^{part}"),
            inner.map(lambda part: rf"{part}\b"),
            inner.map(lambda part: f"(?i:{part})"),
        ),
        max_leaves=8,
    )


@given(pattern=patterns(), text=st.text(alphabet="abAB1 .\n", max_size=10))
def test_matches_what_python_matches(pattern: str, text: str) -> None:
    python = pattern.replace("[[:digit:]b]", "[0-9b]")
    assert Pattern(pattern).is_in(text) == bool(re.search(python, text, re.ASCII))


@pytest.mark.parametrize(
    ("pattern", "text", "is_in"),
    [
        ("(?i)TIMEOUT", "request timeout", True),
        ("^a$", "a\n", False),
        ("(?m)^b$", "a\nb\nc", True),
        ("(?s)a.b", "a\nb", True),
        ("a.b", "a\nb", False),
        (r"\Aab\z", "ab", True),
        (r"\Bb", "ab", True),
        (r"\x{3042}", "あ", True),
        ("早い", "とても早い", True),
        (r"[\]a]+x", "]ax", True),
        ("[]a]", "]", True),
        ("(?P<word>foo)", "foo", True),
        ("a{,2}", "a{,2}", True),
        ("", "", True),
        ("x(?i)y(?-i)z", "xYz", True),
        ("x(?i)y(?-i)z", "xYZ", False),
    ],
)
def test_syntax_of_re2(pattern: str, text: str, is_in: bool) -> None:
    assert Pattern(pattern).is_in(text) is is_in


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a(?=b)", "looking around"),
        ("a(?!b)", "looking around"),
        ("(?<=a)b", "looking around"),
        (r"(a)\1", "references"),
        ("(?P=name)", "looking around"),
        ("(", "closing parenthesis"),
        ("a)", "opening parenthesis"),
        ("[a", r"closing \]"),
        ("*a", "repetition operator"),
        ("a{2,1}", "bad repetition"),
        ("a{1001}", "bad repetition"),
        ("a++", "possessive"),
        ("a\\", "trailing"),
        (r"\y", "escape"),
        ("((a{100}){100}){100}", "too large"),
        ("((a|){1000}){1000}", "too large"),
        ("(?:(?:(?:){1000}){1000}){1000}", "too large"),  # of nothing, a thousand million times
        ("(){1000}{1000}{1000}", "bad repetition"),
        ("a**", "bad repetition"),
        ("(" * 60 + ")" * 60, "too deep"),
        ("a" * 1001, "longer than"),
        ("[b-a]", "bad character range"),
        (r"\x{110000}", "escape"),
        (r"[\x{110000}]", "escape"),
    ],
)
def test_given_what_re2_refuses_or_what_is_too_large_then_it_says_why(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a*)*b", ".*.*.*.*b", "(a|aa)+$", "a{0,500}b"])
def test_no_pattern_takes_more_than_linear_time(pattern: str) -> None:
    begin = time.perf_counter()
    assert not Pattern(pattern).is_in("a" * 60_000 + "c")
    assert time.perf_counter() - begin < 5.0  # hours with backtracking


def test_given_more_states_than_are_remembered_then_the_answer_is_still_right() -> None:
    pattern = Pattern("(a|b)*a(a|b){14}c")
    text = "".join(random.Random(7).choices("ab", k=20_000))
    assert not pattern.is_in(text)
    assert pattern.is_in(text + "a" + "ab" * 7 + "c")
