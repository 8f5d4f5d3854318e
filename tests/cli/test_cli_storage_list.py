"""`hakobune storage ls | du | cat | hash | rm`: what is shown and what goes, against a running server."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import google_crc32c
import pytest
from command_calls import Call

from hakobune.cli.storage.display import readable


@pytest.fixture
def filled(storage: Call, bucket: str, tmp_path: Path) -> str:
    """A bucket with `a.txt` (5 bytes), `d/b.txt` (3), `d/e/c.bin` (1) and `z/` (a folder's sign, empty)."""
    for name, text in (("a.txt", "aaaaa"), ("d/b.txt", "bbb"), ("d/e/c.bin", "c")):
        (tmp_path / "f").write_text(text)
        assert storage("cp", "f", f"{bucket}/{name}").code == 0
    return bucket


def shown(text: str, bucket: str) -> list[str]:
    """Lines without what differs by nature."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:]+Z", "INSTANT", text.replace(bucket, "B"))
    return [line.rstrip() for line in text.splitlines()]


# -- ls -------------------------------------------------------------------------------------------------------------

LISTS = [
    (["{b}"], ["B/a.txt", "B/d/"]),
    (["{b}/d"], ["B/d/b.txt", "B/d/e/"]),
    (["{b}/d/"], ["B/d/b.txt", "B/d/e/"]),
    (["{b}/a.txt"], ["B/a.txt"]),
    (["{b}/*"], ["B/a.txt", "", "B/d/:", "B/d/b.txt", "B/d/e/"]),
    (["{b}/**"], ["B/a.txt", "B/d/b.txt", "B/d/e/c.bin"]),
    (["{b}/**/*.txt"], ["B/a.txt", "B/d/b.txt"]),
    (["{b}/d/?.txt"], ["B/d/b.txt"]),
    (["{b}/[a-c].txt"], ["B/a.txt"]),
    (["{b}/[!a].txt", "{b}/a.txt"], None),
    (["{b}/d/*/c.bin"], ["B/d/e/c.bin"]),
    (["-b", "{b}"], ["B/"]),
    (["-r", "{b}"], ["B/:", "B/a.txt", "", "B/d/:", "B/d/b.txt", "", "B/d/e/:", "B/d/e/c.bin"]),
    (["-l", "{b}/d"], ["         3  INSTANT  B/d/b.txt", " " * 34 + "B/d/e/", "TOTAL: 1 objects, 3 bytes (3.00B)"]),
    (["-lr", "{b}/d/e"], ["B/d/e/:", "         1  INSTANT  B/d/e/c.bin", "TOTAL: 1 objects, 1 bytes (1.00B)"]),
    (["{b}/none"], None),
    (["{b}/none*"], None),
]


@pytest.mark.parametrize(("words", "expected"), LISTS)
def test_given_objects_when_they_are_listed_then_the_lines_are_gclouds(
    storage: Call, filled: str, words: list[str], expected: list[str] | None
) -> None:
    done = storage("ls", *(word.format(b=filled) for word in words))
    if expected is None:
        assert done.code == 1
        assert done.err == "ERROR: (hakobune.storage.ls) One or more URLs matched no objects.\n"
    else:
        assert (done.code, shown(done.out, filled)) == (0, expected), done.err


def test_given_buckets_when_nothing_is_named_then_those_of_the_project_are_listed(storage: Call, bucket: str) -> None:
    assert storage("ls").lines == [f"{bucket}/"]
    assert storage("ls", "gs://").lines == [f"{bucket}/"]
    assert storage("ls", f"{bucket[:-2]}*", "-b").lines == [f"{bucket}/"]


def test_given_no_bucket_of_that_name_when_it_is_listed_then_it_is_named(storage: Call) -> None:
    done = storage("ls", "gs://no-such-bucket-of-ours")
    assert (done.code, done.err) == (1, "ERROR: (hakobune.storage.ls) gs://no-such-bucket-of-ours not found: 404.\n")


def test_given_an_object_when_all_is_asked_then_titles_and_places_are_gclouds(storage: Call, filled: str) -> None:
    lines = shown(storage("ls", "-L", f"{filled}/a.txt").out, filled)
    assert lines[:4] == [
        "B/a.txt:",
        "  Creation Time:               INSTANT",
        "  Update Time:                 INSTANT",
        "  Storage Class Update Time:   INSTANT",
    ]
    assert "  Content-Length:              5" in lines
    assert lines[-2:] == ["  ACL:                         []", "TOTAL: 1 objects, 5 bytes (5.00B)"]


def test_given_a_bucket_when_all_is_asked_then_what_is_not_set_says_none(storage: Call, filled: str) -> None:
    lines = shown(storage("ls", "-L", "-b", filled).out, filled)
    assert lines[:3] == [
        "B/:",
        "  Storage Class:               STANDARD",
        "  Location Type:               multi-region",
    ]
    assert "  Lifecycle Configuration:     None" in lines


def test_given_objects_when_json_is_asked_then_each_has_url_type_and_metadata(storage: Call, filled: str) -> None:
    for flags in (["--json"], ["--format=json"], ["-j"]):
        found = json.loads(storage("ls", *flags, filled).out)
        assert [(item["type"], item["url"].partition("#")[0]) for item in found] == [
            ("cloud_object", f"{filled}/a.txt"),
            ("prefix", f"{filled}/d/"),
        ]
        assert found[0]["metadata"]["size"] == "5"


def test_given_more_objects_than_a_page_when_they_are_listed_then_none_is_missing(
    storage: Call, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "many").mkdir()
    for number in range(1003):
        (tmp_path / "many" / f"{number:04}").touch()
    assert storage("cp", "-r", "many", bucket).code == 0
    assert storage("ls", f"{bucket}/many").lines == [f"{bucket}/many/{number:04}" for number in range(1003)]
    assert storage("du", "-s", f"{bucket}/many").lines == [f"0            {bucket}/many"]


def test_given_versions_when_all_are_listed_then_each_has_its_generation(
    storage: Call, bucket: str, tmp_path: Path
) -> None:
    storage("buckets", "update", bucket, "--versioning")
    for text in ("1", "22"):
        (tmp_path / "f").write_text(text)
        storage("cp", "f", f"{bucket}/v")
    urls = storage("ls", "-a", f"{bucket}/v").lines
    assert [url.partition("#")[0] for url in urls] == [f"{bucket}/v"] * 2
    assert (storage("cat", urls[0]).out, storage("cat", f"{bucket}/v").out) == ("1", "22")
    assert "metageneration=1" in storage("ls", "-la", f"{bucket}/v").out
    assert storage("rm", urls[0]).code == 0
    assert storage("ls", "-a", f"{bucket}/v").lines == urls[1:]
    assert storage("rm", "-a", f"{bucket}/v").code == 0
    assert storage("ls", "-a", f"{bucket}/v").code == 1


# -- du -------------------------------------------------------------------------------------------------------------

SUMS = [
    (["{b}"], ["5            B/a.txt", "3            B/d/b.txt", "1            B/d/e/c.bin", "1            B/d/e/",
               "4            B/d/"]),
    (["-s", "{b}"], ["9            B"]),
    (["-s", "-r", "-c", "{b}"], ["9.00B        B", "9.00B        total"]),
    (["{b}/d/e"], ["1            B/d/e/c.bin", "1            B/d/e/"]),
    (["-c", "{b}/a.txt", "{b}/d/b.txt"], ["5            B/a.txt", "3            B/d/b.txt", "8            total"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), SUMS)
def test_given_objects_when_their_sizes_are_summed_then_the_lines_are_gclouds(
    storage: Call, filled: str, words: list[str], expected: list[str]
) -> None:
    done = storage("du", *(word.format(b=filled) for word in words))
    assert (done.code, shown(done.out, filled)) == (0, expected)


def test_given_nothing_when_it_is_summed_then_that_is_an_error(storage: Call, filled: str) -> None:
    assert storage("du", f"{filled}/none").code == 1


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (12, "12.00B"), (1024, "1.00kiB"), (1536, "1.50kiB"), (5 << 30, "5.00GiB")]
)
def test_sizes_for_people_are_powers_of_1024(size: int, text: str) -> None:
    assert readable(size) == text


# -- cat ------------------------------------------------------------------------------------------------------------

RANGES = [("0-1", "he"), ("1-3", "ell"), ("3-", "lo"), ("-2", "lo"), ("-", "hello"), ("-99", "hello"), ("9-", "")]


@pytest.mark.parametrize(("span", "expected"), RANGES)
def test_given_an_object_when_a_range_is_asked_then_only_that_is_written(
    storage: Call, bucket: str, tmp_path: Path, span: str, expected: str
) -> None:
    (tmp_path / "f").write_text("hello")
    storage("cp", "f", f"{bucket}/x")
    done = storage("cat", "-r", span, f"{bucket}/x")
    assert (done.code, done.out) == (0, expected), done.err


def test_given_several_objects_when_they_are_written_then_in_order_and_with_headers_if_wished(
    storage: Call, filled: str
) -> None:
    done = storage("cat", "-d", f"{filled}/**")
    assert done.out == "aaaaabbbc"
    assert done.err.splitlines()[0] == f"==> {filled}/a.txt <=="


@pytest.mark.parametrize("span", ["x", "5", "3-1", "1-2-3"])
def test_given_what_is_no_range_when_it_is_asked_then_it_is_a_mistake_of_usage(
    storage: Call, filled: str, span: str
) -> None:
    assert storage("cat", "-r", span, f"{filled}/a.txt").code == 2


def test_given_a_path_when_cat_is_called_then_it_says_what_it_works_for(storage: Call) -> None:
    done = storage("cat", "hello.txt")
    said = "cat only works for valid cloud URLs. file://hello.txt is an invalid cloud URL."
    assert (done.code, done.err) == (1, f"ERROR: (hakobune.storage.cat) {said}\n")


# -- hash -----------------------------------------------------------------------------------------------------------


def test_given_a_file_and_its_object_when_they_are_hashed_then_both_are_the_same(
    storage: Call, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"\x00\x01hash me")
    storage("cp", "f", f"{bucket}/f")
    crc = google_crc32c.value(b"\x00\x01hash me").to_bytes(4, "big")
    md5 = hashlib.md5(b"\x00\x01hash me", usedforsecurity=False).digest()
    found = json.loads(storage("hash", "f", f"{bucket}/f", "--format=json").out)
    expected = {
        "crc32c_hash": base64.b64encode(crc).decode(),
        "digest_format": "base64",
        "md5_hash": base64.b64encode(md5).decode(),
    }
    assert found == [{**expected, "url": "f"}, {**expected, "url": f"{bucket}/f"}]
    hexadecimal = json.loads(storage("hash", "--hex", "--skip-md5", f"{bucket}/f", "--format=json").out)
    assert hexadecimal == [{"crc32c_hash": crc.hex(), "digest_format": "hex", "url": f"{bucket}/f"}]


def test_given_nothing_of_that_name_when_it_is_hashed_then_it_is_named(storage: Call, bucket: str) -> None:
    done = storage("hash", f"{bucket}/none")
    assert (done.code, done.err) == (
        1,
        f"WARNING: No matches found for {bucket}/none\nERROR: (hakobune.storage.hash) No URLS matched.\n",
    )


# -- rm -------------------------------------------------------------------------------------------------------------

REMOVALS = [
    (["{b}/a.txt"], 0, ["d/b.txt", "d/e/c.bin"]),
    (["{b}/d/*"], 0, ["a.txt", "d/e/c.bin"]),
    (["{b}/**.txt"], 0, ["d/e/c.bin"]),
    (["-r", "{b}/d"], 0, ["a.txt"]),
    (["{b}/d"], 1, ["a.txt", "d/b.txt", "d/e/c.bin"]),
    (["{b}/a.txt", "{b}/none"], 1, ["d/b.txt", "d/e/c.bin"]),
    (["-r", "{b}/none"], 1, ["a.txt", "d/b.txt", "d/e/c.bin"]),
    (["--if-generation-match=1", "{b}/a.txt"], 1, ["a.txt", "d/b.txt", "d/e/c.bin"]),
]


@pytest.mark.parametrize(("words", "code", "left"), REMOVALS)
def test_given_objects_when_some_are_removed_then_the_others_stay(
    storage: Call, filled: str, words: list[str], code: int, left: list[str]
) -> None:
    done = storage("rm", *(word.format(b=filled) for word in words))
    assert done.code == code, done.err
    assert [line.removeprefix(f"{filled}/") for line in storage("ls", f"{filled}/**").lines] == left


def test_given_a_bucket_when_it_is_removed_with_all_that_is_in_it_then_it_is_gone(storage: Call, filled: str) -> None:
    done = storage("rm", "-r", filled)
    assert done.code == 0, done.err
    assert done.err.splitlines()[-2:] == ["Removing buckets:", f"Removing {filled}/..."]
    assert storage("ls").out == ""


def test_given_an_empty_bucket_when_it_is_removed_recursively_then_it_is_gone(storage: Call, bucket: str) -> None:
    assert storage("rm", "-r", bucket).code == 0
    assert storage("ls").out == ""


def test_given_noncurrent_versions_when_a_folder_is_removed_recursively_then_they_go_too(
    storage: Call, filled: str
) -> None:
    storage("buckets", "update", filled, "--versioning")
    storage("rm", f"{filled}/d/b.txt")
    assert len(storage("ls", "-a", f"{filled}/d/b.txt").lines) == 1
    assert storage("rm", "-r", f"{filled}/d").code == 0
    assert storage("ls", "-a", f"{filled}/d/**").code == 1
