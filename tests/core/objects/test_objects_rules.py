"""Preconditions, patterns, lifecycle rules, what may be stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hakobune.core.objects import conditions, lifecycle
from hakobune.core.objects.contents import check_change, check_metadata, check_notification, check_settings, made
from hakobune.core.objects.failures import ConditionNotMet, InvalidRequest, NotModified
from hakobune.core.objects.globs import compile_glob
from hakobune.core.objects.model import (
    BucketSettings,
    Checksums,
    LifecycleRule,
    NotificationConfig,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
    Preconditions,
)

DAY_S = 86_400.0
NOW_S = 100 * DAY_S


def outcome(wanted: Preconditions, generation: int | None, metageneration: int | None, *, is_read: bool) -> int:
    try:
        conditions.check(wanted, generation, metageneration, is_read=is_read)
    except NotModified:
        return 304
    except ConditionNotMet:
        return 412
    return 200


@pytest.mark.parametrize(
    ("wanted", "there", "absent"),
    [
        ({}, 200, 200),
        ({"generation_match": 7}, 200, 412),
        ({"generation_match": 8}, 412, 412),
        ({"generation_match": 0}, 412, 200),
        ({"generation_not_match": 7}, 304, 304),
        ({"generation_not_match": 8}, 200, 304),
        ({"generation_not_match": 0}, 200, 304),
        ({"metageneration_match": 3}, 200, 412),
        ({"metageneration_match": 4}, 412, 412),
        ({"metageneration_not_match": 3}, 304, 304),
        ({"metageneration_not_match": 4}, 200, 304),
        ({"generation_match": 7, "metageneration_match": 3}, 200, 412),
        ({"generation_match": 7, "metageneration_match": 4}, 412, 412),
        ({"generation_match": 8, "generation_not_match": 8}, 412, 412),
    ],
)
def test_preconditions(wanted: dict[str, int], there: int, absent: int) -> None:
    """Of a live object 7 with metageneration 3, and of none. Writes know no 304."""
    these = Preconditions(**wanted)
    assert outcome(these, 7, 3, is_read=True) == there
    assert outcome(these, None, None, is_read=True) == absent
    assert outcome(these, 7, 3, is_read=False) == (412 if there == 304 else there)
    assert outcome(these, None, None, is_read=False) == (412 if absent == 304 else absent)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("*.txt", ["a.txt", ".txt"], ["a/b.txt", "a.txt2"]),
        ("**.txt", ["a/b.txt", "b.txt"], ["a/b"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb", "ab"]),
        ("**/b", ["b", "x/b"], ["xb"]),
        ("a?c", ["abc", "aéc"], ["a/c", "ac"]),
        ("[abc]x", ["ax", "cx"], ["dx", "x"]),
        ("[!abc]x", ["dx"], ["ax", "/x"]),
        ("[a-c]x", ["bx"], ["dx"]),
        ("[^a]x", ["bx"], ["ax"]),
        ("[]a]x", ["]x", "ax"], ["bx"]),
        ("{a,b/*}.c", ["a.c", "b/x.c"], ["b.c"]),
        ("{a,{b,c}}d", ["ad", "cd"], ["d"]),
        ("a.b+c(d)|$", ["a.b+c(d)|$"], ["axb+c(d)|$"]),
        (r"\*\{x", ["*{x"], ["a{x"]),
        ("a,b}", ["a,b}"], ["a"]),
        ("**", ["", "a\nb", "a/b"], []),
        ("***a", ["x/a"], ["x/b"]),
        ("a\\", ["a\\"], ["a"]),
    ],
)
def test_globs(pattern: str, names: list[str], others: list[str]) -> None:
    glob = compile_glob(pattern)
    assert [name for name in names if glob.fullmatch(name) is None] == []
    assert [name for name in others if glob.fullmatch(name) is not None] == []


@pytest.mark.parametrize("pattern", ["[abc", "{a,b", "[z-a]", "{" * 11 + "}" * 11, "x" * 1025])
def test_given_what_is_no_glob_when_it_is_compiled_then_it_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidRequest, match="matchGlob"):
        compile_glob(pattern)


def a_version(**fields: object) -> ObjectVersion:
    version = ObjectVersion(
        bucket="b",
        name="logs/x.txt",
        generation=1,
        metageneration=1,
        state=ObjectState.LIVE,
        size_bytes=1,
        checksums=Checksums(crc32c=0),
        content="c",
        create_s=NOW_S - 10 * DAY_S,
        update_s=NOW_S,
        class_update_s=NOW_S,
        metadata=ObjectMetadata(storage_class="STANDARD", custom_time_s=NOW_S - 5 * DAY_S),
    )
    return replace(version, **fields)  # type: ignore[arg-type]


OLD = {"state": ObjectState.NONCURRENT, "delete_s": NOW_S - 3 * DAY_S}


@pytest.mark.parametrize(
    ("rule", "version", "newer", "holds"),
    [
        ({"age_days": 10}, {}, 0, True),
        ({"age_days": 11}, {}, 0, False),
        ({"age_days": 0}, {"create_s": NOW_S}, 0, True),
        ({"created_before_s": NOW_S - 9 * DAY_S}, {}, 0, True),
        ({"created_before_s": NOW_S - 10 * DAY_S}, {}, 0, False),
        ({"is_live": True}, {}, 0, True),
        ({"is_live": False}, {}, 0, False),
        ({"is_live": False}, OLD, 0, True),
        ({"newer_versions": 2}, OLD, 2, True),
        ({"newer_versions": 2}, OLD, 1, False),
        ({"days_since_noncurrent": 3}, OLD, 0, True),
        ({"days_since_noncurrent": 4}, OLD, 0, False),
        ({"days_since_noncurrent": 0}, {}, 0, False),
        ({"noncurrent_before_s": NOW_S}, OLD, 0, True),
        ({"days_since_custom_time": 5}, {}, 0, True),
        ({"custom_time_before_s": NOW_S}, {"metadata": ObjectMetadata()}, 0, False),
        ({"prefixes": ("a", "logs/")}, {}, 0, True),
        ({"prefixes": ("a",)}, {}, 0, False),
        ({"suffixes": (".txt",), "age_days": 1}, {}, 0, True),
        ({"suffixes": (".csv",)}, {}, 0, False),
        ({"storage_classes": ("STANDARD",)}, {}, 0, True),
        ({"storage_classes": ("ARCHIVE",)}, {}, 0, False),
    ],
)
def test_lifecycle_conditions(rule: dict[str, object], version: dict[str, object], newer: int, holds: bool) -> None:
    one = LifecycleRule(action="Delete", **rule)  # type: ignore[arg-type]
    found = lifecycle.due([one], a_version(**version), newer, NOW_S)
    assert found == (one if holds else None)


def test_given_several_rules_when_they_act_then_delete_wins_and_a_class_is_set_once() -> None:
    colder = LifecycleRule(action="SetStorageClass", storage_class="COLDLINE", age_days=1)
    archive = LifecycleRule(action="SetStorageClass", storage_class="ARCHIVE", age_days=1)
    delete = LifecycleRule(action="Delete", age_days=1)
    assert lifecycle.due([colder, archive, delete], a_version(), 0, NOW_S) is delete
    assert lifecycle.due([colder, archive], a_version(), 0, NOW_S) is colder
    cold = a_version(metadata=ObjectMetadata(storage_class="COLDLINE"))
    assert lifecycle.due([colder], cold, 0, NOW_S) is None


def test_given_metadata_when_it_is_made_then_the_bucket_says_what_is_not_said() -> None:
    bucket = BucketSettings(storage_class="NEARLINE")
    assert made(ObjectMetadata(), bucket) == ObjectMetadata(
        content_type="application/octet-stream", storage_class="NEARLINE"
    )
    own = ObjectMetadata(content_type="a/b", storage_class="ARCHIVE")
    assert made(own, bucket) == own
    assert check_change(own, ObjectMetadata()).storage_class == "ARCHIVE"


@pytest.mark.parametrize(
    "settings",
    [
        {"labels": {"k": "v", "kö-_1": ""}},
        {"soft_delete_s": 7 * 86_400},
        {"lifecycle": (LifecycleRule(action="SetStorageClass", storage_class="ARCHIVE"),)},
        {"extra": {"cors": [{"origin": ["*"]}]}},
    ],
)
def test_given_settings_that_a_bucket_can_have_when_they_are_checked_then_they_are_taken(
    settings: dict[str, object],
) -> None:
    check_settings(BucketSettings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {"labels": {str(number): "" for number in range(65)}},
        {"labels": {"K": "v"}},
        {"labels": {"1k": "v"}},
        {"labels": {"k": "V"}},
        {"labels": {"k": "v" * 64}},
        {"soft_delete_s": 5},
        {"soft_delete_s": 91 * 86_400},
        {"storage_class": "FAST"},
        {"lifecycle": (LifecycleRule(action="Explode"),)},
        {"lifecycle": (LifecycleRule(action="SetStorageClass"),)},
        {"lifecycle": (LifecycleRule(action="Delete"),) * 101},
        {"extra": {"x": "y" * 70_000}},
        {"extra": {"x": float("nan")}},
    ],
)
def test_given_settings_that_no_bucket_can_have_when_they_are_checked_then_they_are_refused(
    settings: dict[str, object],
) -> None:
    with pytest.raises(InvalidRequest):
        check_settings(BucketSettings(**settings))  # type: ignore[arg-type]


def test_given_a_notification_when_it_is_checked_then_its_bounds_hold() -> None:
    fine = NotificationConfig(id="", topic="projects/p/topics/t", custom_attributes={"k": "v"})
    assert check_notification(fine) is fine
    for wrong in (
        replace(fine, topic="//pubsub.googleapis.com/projects/p/topics/t"),
        replace(fine, custom_attributes={str(number): "" for number in range(6)}),
        replace(fine, custom_attributes={"": "v"}),
        replace(fine, custom_attributes={"k": "v" * 1_025}),
        replace(fine, object_name_prefix="\ud800"),
    ):
        with pytest.raises(InvalidRequest):
            check_notification(wrong)


@pytest.mark.parametrize("field", ["content_type", "content_encoding", "content_disposition", "content_language"])
@pytest.mark.parametrize("value", ["a\r\nb", "\x7f", "x" * 2_049, "\ud800"])
def test_given_a_header_value_that_could_break_an_answer_when_it_is_checked_then_it_is_refused(
    field: str, value: str
) -> None:
    with pytest.raises(InvalidRequest):
        check_metadata(replace(ObjectMetadata(), **{field: value}))  # type: ignore[arg-type]
