"""Path patterns: the cases of Eventarc's page about them, and what is refused."""

from __future__ import annotations

import time

import pytest

from hakobune.core.triggers.patterns import BadPattern, compile_pattern

OBJECTS = "projects/_/buckets/"


@pytest.mark.parametrize(
    ("pattern", "value", "is_matched"),
    [
        ("projects/_/buckets/b/objects/a.txt", "projects/_/buckets/b/objects/a.txt", True),
        ("projects/_/buckets/b/objects/a.txt", "projects/_/buckets/b/objects/aXtxt", False),
        (OBJECTS + "*/objects/a", OBJECTS + "b1/objects/a", True),
        (OBJECTS + "*/objects/a", OBJECTS + "b1/x/objects/a", False),
        (OBJECTS + "*/objects/a", OBJECTS + "/objects/a", True),
        (OBJECTS + "**/r*.txt", OBJECTS + "b/objects/d/r1.txt", True),
        (OBJECTS + "**/r*.txt", OBJECTS + "r1.txt", True),
        (OBJECTS + "**/r*.txt", OBJECTS + "b/objects/x1.txt", False),
        (OBJECTS + "**/r*.txt", OBJECTS + "b/objects/r1.txt/more", False),
        ("a/**", "a", True),
        ("a/**", "a/b/c", True),
        ("a/**", "ab", False),
        ("**", "", True),
        ("**", "a/b\nc", True),
        ("**/b", "b", True),
        ("**/b", "a/x/b", True),
        ("*", "a", True),
        ("*", "a/b", False),
        ("pre*post/x**y", "pre-post/x/1/y", True),
        ("pre*post/x**y", "pre/post/xy", False),
        ("a.b/*", "aXb/c", False),
        ("映像/*", "映像/一", True),
        ("A/*", "a/b", False),
    ],
)
def test_a_pattern_matches_whole_values_segment_by_segment(pattern: str, value: str, *, is_matched: bool) -> None:
    assert compile_pattern(pattern)(value) is is_matched


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "is empty"),
        ("a/{name=*}", "captures such as"),
        ("a/***", "three stars"),
        ("a//b", "empty segment"),
        ("a" * 1_025, "more than 1024 characters"),
        ("*/" * 30 + "a", "more than 20 stars"),
    ],
)
def test_what_is_no_pattern_says_why(pattern: str, reason: str) -> None:
    with pytest.raises(BadPattern, match=reason):
        compile_pattern(pattern)


def test_no_value_makes_a_pattern_slow() -> None:
    matches = compile_pattern("a*" * 20)
    begin = time.process_time()
    assert not matches("a" * 100_000 + "/")
    assert time.process_time() - begin < 1.0
