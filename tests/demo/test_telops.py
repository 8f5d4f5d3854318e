"""Grouping, voting and joining of telops, on made-up sightings."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telops import SAMPLE_MS, Sighting, Telop, alike, clock, distance, group, join

from hakobune.sdk import global_id

FRAMES = 15  # of one segment
STRIDE = 1_000

TEXTS = ("関係者意外の立ち入りは禁止", "あすは全国的に晴れ", "東京の最高気温25度", "")


def seen(*texts: str, start_ms: int = 0, weight: int = 1000) -> list[Sighting]:
    return [Sighting(at_ms=start_ms + n * SAMPLE_MS, text=text, weight=weight) for n, text in enumerate(texts)]


def a_telop(first: int, last: int, text: str = TEXTS[0], id_: int = 0, weight: int = 1000) -> Telop:
    """A telop seen on the sampled frames `first` to `last`."""
    votes = {text: weight * (last - first + 1)}
    return Telop(id=id_, first_ms=first * SAMPLE_MS, last_ms=last * SAMPLE_MS, votes=votes, parts=(id_,))


def numbered(segment: int) -> Callable[[int], int]:
    return lambda local_id: global_id(local_id, STRIDE, segment)


def read_in_segments(texts: list[str], frames: int) -> list[Telop]:
    """What tasks would write that read a clip, one text a frame, in segments of so many frames."""
    parts: list[Telop] = []
    for segment, start in enumerate(range(0, len(texts), frames)):
        sightings = seen(*texts[start : start + frames], start_ms=start * SAMPLE_MS)
        parts += group(sightings, numbered(segment))
    return parts


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", 0),
        ("以外", "意外", 1),
        ("晴れ", "晴れ", 0),
        ("サービス", "サビース", 2),
        ("", "雨", 1),
        ("雨の朝", "朝", 2),
    ],
)
def test_given_two_texts_then_the_distance_counts_the_edits(one: str, other: str, expected: int) -> None:
    assert distance(one, other) == distance(other, one) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("関係者以外の立ち入りは禁止", "関係者意外の立ち入りは禁止", True),
        ("港の新しい橋 きょう開通", "港の新しい橋きょう開通", True),
        ("あすは全国的に晴れ", "あさっては全国的に雨", False),
        ("晴れ", "雨", False),
        ("", "", False),
    ],
)
def test_given_two_texts_then_only_readings_of_one_telop_are_alike(one: str, other: str, expected: bool) -> None:
    assert alike(one, other) is alike(other, one) is expected


def test_given_a_text_a_gap_and_the_text_again_when_grouped_then_there_are_two_telops_with_ids_in_order() -> None:
    telops = group(seen("", "週末は雨", "週末は雨", "", "週末は雨"), numbered(7))

    assert [(t.id, t.first_ms, t.last_ms, t.text) for t in telops] == [
        (7000, 1 * SAMPLE_MS, 2 * SAMPLE_MS, "週末は雨"),
        (7001, 4 * SAMPLE_MS, 4 * SAMPLE_MS, "週末は雨"),
    ]


def test_given_one_text_followed_at_once_by_another_when_grouped_then_they_are_two_telops() -> None:
    telops = group(seen(TEXTS[0], TEXTS[0], TEXTS[1]), numbered(0))

    assert [t.text for t in telops] == [TEXTS[0], TEXTS[1]]


def test_given_a_misread_frame_when_grouped_then_the_other_frames_outvote_it() -> None:
    wrong = "関係者意外の立ち人りは禁止"

    (telop,) = group(seen(wrong, TEXTS[0], TEXTS[0]), numbered(0))

    assert telop.text == TEXTS[0]
    assert telop.votes == {wrong: 1000, TEXTS[0]: 2000}


def test_given_equal_votes_then_the_text_does_not_depend_on_which_came_first() -> None:
    one = Telop(id=0, first_ms=0, last_ms=0, votes={"晴れる": 5, "晴わる": 5}, parts=(0,))
    other = Telop(id=0, first_ms=0, last_ms=0, votes={"晴わる": 5, "晴れる": 5}, parts=(0,))

    assert one.text == other.text


def test_given_parts_on_both_sides_of_a_border_when_joined_then_they_are_one_telop_with_the_first_id() -> None:
    before, after = a_telop(12, 14, id_=2000), a_telop(15, 20, id_=3000)

    (telop,) = join([after, before])

    assert (telop.id, telop.parts, telop.first_ms, telop.last_ms) == (
        2000,
        (2000, 3000),
        12 * SAMPLE_MS,
        20 * SAMPLE_MS,
    )
    assert telop.votes == {TEXTS[0]: 9000}


def test_given_the_same_text_with_one_frame_between_when_joined_then_it_stays_two_telops() -> None:
    telops = [a_telop(12, 14, id_=2000), a_telop(16, 20, id_=3000)]

    assert join(telops) == telops


def test_given_other_texts_that_touch_at_a_border_when_joined_then_they_stay_two_telops() -> None:
    telops = [a_telop(12, 14, TEXTS[1], id_=2000), a_telop(15, 20, TEXTS[2], id_=3000)]

    assert join(telops) == telops


@given(st.lists(st.tuples(st.sampled_from(TEXTS), st.integers(1, 40)), max_size=8), st.integers(1, 30), st.randoms())
def test_wherever_the_borders_are_and_in_whatever_order_parts_come_the_same_telops_come_out(
    shown: list[tuple[str, int]], frames: int, dice: random.Random
) -> None:
    texts = [text for text, count in shown for _ in range(count)]
    whole = read_in_segments(texts, max(len(texts), 1))
    parts = read_in_segments(texts, frames)
    dice.shuffle(parts)

    joined = join(parts)

    assert [(t.text, t.first_ms, t.last_ms, t.votes) for t in joined] == [
        (t.text, t.first_ms, t.last_ms, t.votes) for t in whole
    ]
    assert join(joined) == joined
    assert sorted(part for t in joined for part in t.parts) == sorted(t.id for t in parts)
    assert all(t.id == t.parts[0] for t in joined)


@given(st.lists(st.sampled_from(TEXTS), max_size=3 * FRAMES))
def test_no_frame_with_text_is_lost_or_counted_twice(texts: list[str]) -> None:
    joined = join(read_in_segments(texts, FRAMES))

    assert sum(sum(t.votes.values()) for t in joined) == 1000 * sum(1 for text in texts if text)
    assert all(one.last_ms < other.first_ms for one, other in pairwise(joined))


@given(st.lists(st.sampled_from(TEXTS), max_size=2 * FRAMES))
def test_a_telop_read_back_from_its_document_is_the_same(texts: list[str]) -> None:
    telops = read_in_segments(texts, FRAMES)

    assert [Telop.from_json(json.loads(json.dumps(t.to_json()))) for t in telops] == telops


@pytest.mark.parametrize(
    "document", [{}, {"id": "1"}, {"id": 1, "first_ms": 0, "last_ms": 0, "votes": {}, "parts": []}]
)
def test_given_a_document_that_is_no_telop_when_read_then_it_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a telop"):
        Telop.from_json(document)


def test_given_an_instant_then_the_clock_shows_minutes_seconds_and_hundredths() -> None:
    assert clock(83_250) == "01:23.25"
