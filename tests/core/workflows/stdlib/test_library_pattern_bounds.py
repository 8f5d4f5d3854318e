"""What a pattern may cost is known before RE2 is given it."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
from library_calls import call, refused

from hakobune.core.workflows.meter import OP_NS
from hakobune.core.workflows.stdlib.pattern_bounds import PATTERN_BYTES, PatternError, bounded

MEGABYTES = 64

# Compiles each pattern of the list on its standard input in a process of its own, which may take so much memory more
# than it has; prints the signals and the exit codes of those that did not get through.
COMPILER = f"""
import json, os, resource, sys
import re2
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.stdlib.regular_expressions import match_regex

pages = int(open("/proc/self/statm").read().split()[0])
most = pages * os.sysconf("SC_PAGE_SIZE") + {MEGABYTES} * 1_048_576
bad = []
for pattern in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        try:
            match_regex(Meter(), "", pattern)
        except Failure as failure:
            os._exit(0 if failure.value["tags"] == ["ValueError"] else 3)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        bad.append((status, len(pattern), pattern[:60]))
print(json.dumps(bad))
"""
ATOMS = (
    *("a", "é", "\U0001f600", "k", ".", r"\pL", r"\PL", r"\p{Greek}", r"\w", r"\W", r"\C", "[a-z]", "[^a]", "[^k]"),
    *(r"[\pL\pN]", r"[^\pL]", r"[\PL\x{80}-\x{ffff}]", "[[:^alpha:]]", r"\x{10ffff}", r"\Qa(b\E", "^", "$", r"\b"),
    *("|", "(?i)", "(?s)", "(?U)", "", "[b-\U0010ffff]"),
)
REPEATS = ("", "", "*", "+", "?", "??", "{0,1000}", "{999}", "{2}", "{30}", "{0,9}", "{1000,}")
GROUPS = ("(", "(?:", "(?i:", "(?P<n>", "(?s-i:")


@pytest.mark.parametrize(
    "pattern",
    [
        "(" * 16_384 + ")" * 16_384,
        "()" * 130_000,
        r"\pL" * 16_384,
        r"\pL" * 2_000,
        "(?i)" + "[^a]" * 60_000,
        "(a|b)" * 50_000,
        "a{999}" * 40_000,
        "a{999}" * 800,
        "a?" * 65_536,
        "(?:a{30}){30}" * 200,
        "a{0,1000}" * 500,
        r"(?:\pL{1000})" * 10,
        r"(?i:[\PL])" * 200,
    ],
)
def test_given_a_pattern_that_takes_too_much_then_re2_never_sees_it(pattern: str) -> None:
    assert refused("text.match_regex", "a", pattern).startswith("ResourceLimitError: text.match_regex: the regular")


@pytest.mark.parametrize(
    "pattern",
    [
        r"\pL+(?:-\pL+)*@[\pL\pN]{1,63}",
        r"\w{1,255}(\.\w{1,90}){1,10}",
        ".{0,1000}" * 7,
        "|".join(f"word{number}" for number in range(800)),
        "[0-9a-f]{8}-" * 100,
        "(" * 4_000 + ")" * 4_000,
        r"\Q{999}{999}(((\E",
        r"[(]{2}[]{1000}][^]](?i)x",
    ],
)
def test_given_a_pattern_of_a_usual_size_then_it_is_taken(pattern: str) -> None:
    assert call("text.match_regex", "", pattern) in (True, False)


def test_given_parts_that_may_be_missing_then_each_pair_of_them_is_charged() -> None:
    few, many = bounded("a?" * 1_000), bounded("a?" * 4_000)
    assert many.compile_ns > 8 * few.compile_ns
    assert bounded("(?:a?b?){0,500}").options == 1_500
    assert bounded("x{3,}y*z+").options == 3
    assert not bounded("(?:a?){1000}" * 9).is_affordable


def test_given_what_counts_as_text_then_it_repeats_nothing() -> None:
    assert bounded(r"\Qa{999}\E").weight == 4 * len("a{999}")
    assert bounded(r"[a{999}]").weight < 100
    assert bounded(r"a\{999}").weight < 100
    assert bounded("(?:ab){3}").weight == 3 * (bounded("ab").weight + 1)
    assert bounded("((((").weight == bounded("(((())))").weight


def test_given_upper_and_lower_case_alike_then_a_class_in_brackets_weighs_more() -> None:
    assert bounded(r"(?i)[\pL]").weight > 2 * bounded(r"[\pL]").weight
    assert bounded(r"(?i:[\pL])").weight > 2 * bounded(r"(?s:[\pL])").weight


def test_given_groups_with_names_then_re2_keeps_no_place_for_them() -> None:
    assert bounded("(?P<year>[0-9]+)-(?<month>[0-9]+)[(?<]").text == "([0-9]+)-([0-9]+)[(?<]"
    assert call("text.find_all_regex", "on 2024-12", "(?P<year>[0-9]+)-(?<month>[0-9]+)") == [
        {"index": 3, "match": "2024-12"}
    ]


@pytest.mark.parametrize("name", ["", "a-b", "a b"])
def test_given_a_name_that_is_none_then_the_pattern_is_refused_as_re2_does(name: str) -> None:
    with pytest.raises(PatternError, match="invalid named capture group"):
        bounded(f"(?P<{name}>x)")
    assert "invalid regular expression: invalid named" in refused("text.match_regex", "x", f"(?P<{name}>x)")


def test_no_pattern_within_the_bounds_takes_more_than_a_bounded_memory_or_too_much_for_one_step() -> None:
    draw = random.Random(20)
    patterns = [pattern for pattern in (_largest(draw) for _ in range(160)) if pattern]
    assert len(patterns) > 80
    assert max(bounded(pattern).compile_ns for pattern in patterns) < OP_NS
    run = subprocess.run(
        [sys.executable, "-c", COMPILER], input=json.dumps(patterns), capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == []


def _largest(draw: random.Random) -> str:
    """A random unit, as often as the bounds allow; "" where even one is too much."""
    unit = "".join(draw.choice(ATOMS) + draw.choice(REPEATS) for _ in range(draw.randint(1, 4)))
    opening, closing = "", ""
    if draw.random() < 0.5:
        opening, closing = draw.choice(GROUPS), ")" + draw.choice(REPEATS)
    is_nested = bool(opening) and draw.random() < 0.4
    flags = draw.choice(("", "(?i)"))

    def times(number: int) -> str:
        if is_nested:
            return flags + (opening + unit) * number + closing * number
        return flags + (opening + unit + closing) * number

    number = 0
    for step in (4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1):
        pattern = times(number + step)
        if len(pattern.encode()) <= PATTERN_BYTES and bounded(pattern).is_affordable:
            number += step
    return times(number) if number else ""
