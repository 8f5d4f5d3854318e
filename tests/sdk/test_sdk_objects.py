"""gs:// locations, through the real google-cloud-storage client over HTTP."""

from __future__ import annotations

import threading

import pytest
from storage_stand_in import StorageStandIn, StoredObject

from hakobune.sdk import ContentMismatch, overwrite, write_json, write_once
from hakobune.sdk.cells import ObjectCell
from hakobune.sdk.objects import Location

KEY = ("bucket", "results/a b/運転.json")
ADDRESS = "gs://bucket/results/a b/運転.json"


def test_given_no_object_when_written_once_then_this_call_made_it(storage: StorageStandIn) -> None:
    written = write_once(ADDRESS, "hello")
    assert written
    assert (written.existed, written.same, written.size_bytes) == (False, True, 5)
    assert storage.objects[KEY].content == b"hello"
    assert storage.objects[KEY].generation == written.generation


@pytest.mark.parametrize(("later", "is_same"), [("hello", True), ("hullo", False), ("hello!", False)])
@pytest.mark.parametrize("is_composed", [False, True])
def test_given_an_object_when_written_once_again_then_it_stays_and_the_answer_compares(
    storage: StorageStandIn, later: str, is_same: bool, is_composed: bool
) -> None:
    first = write_once(ADDRESS, "hello")
    storage.objects[KEY].is_composed = is_composed
    written = write_once(ADDRESS, later)
    assert not written
    assert (written.existed, written.same, written.generation) == (True, is_same, first.generation)
    assert storage.objects[KEY].content == b"hello"


def test_given_a_lost_answer_when_the_client_repeats_the_write_then_it_counts_as_ours(storage: StorageStandIn) -> None:
    storage.lose_answers = 1
    written = write_once(ADDRESS, "hello")
    assert storage.uploads == 2  # carried out, then refused by its own condition
    assert written
    assert written.existed is False
    assert written.generation == storage.objects[KEY].generation


def test_given_another_attempts_object_when_our_answer_is_lost_then_it_is_not_taken_for_ours(
    storage: StorageStandIn,
) -> None:
    storage.objects[KEY] = StoredObject(b"hello", 7, "text/plain", {"hakobune-write": "of another call"})
    assert not write_once(ADDRESS, "hello")


def test_given_other_bytes_when_they_must_match_then_it_is_an_error(storage: StorageStandIn) -> None:
    write_once(ADDRESS, "first")
    with pytest.raises(ContentMismatch, match="other bytes"):
        write_once(ADDRESS, "second", must_match=True)


def test_given_an_object_when_overwritten_then_it_has_a_new_generation(storage: StorageStandIn) -> None:
    first = overwrite(ADDRESS, "one")
    second = overwrite(ADDRESS, iter([b"t", "wo"]))
    assert (first.existed, second.existed) == (False, True)
    assert first.generation != second.generation
    assert storage.objects[KEY].content == b"two"


@pytest.mark.parametrize(
    ("address", "data", "given", "expected"),
    [
        ("gs://bucket/x.png", b"x", None, "image/png"),
        ("gs://bucket/x", "x", None, "text/plain; charset=utf-8"),
        ("gs://bucket/x", b"x", None, "application/octet-stream"),
        ("gs://bucket/x.png", b"x", "video/mp4", "video/mp4"),
    ],
)
def test_given_a_name_and_data_when_written_then_the_content_type_fits(
    storage: StorageStandIn, address: str, data: str | bytes, given: str | None, expected: str
) -> None:
    write_once(address, data, content_type=given)
    assert storage.objects["bucket", address.rpartition("/")[2]].content_type == expected


def test_given_a_large_stream_when_written_then_it_goes_up_whole(storage: StorageStandIn) -> None:
    pieces = [bytes([number]) * (1 << 20) for number in range(10)]  # above the limit of a single request
    written = write_once("gs://bucket/large", iter(pieces))
    assert storage.objects["bucket", "large"].content == b"".join(pieces)
    assert written.size_bytes == 10 << 20
    assert write_once("gs://bucket/large", iter(pieces)).same


def test_given_json_when_written_to_an_object_then_it_is_json(storage: StorageStandIn) -> None:
    write_json("gs://bucket/x", {"b": 1, "a": 2}, once=True)
    assert storage.objects["bucket", "x"].content == b'{\n  "a": 2,\n  "b": 1\n}\n'
    assert storage.objects["bucket", "x"].content_type == "application/json"


@pytest.mark.parametrize(
    "address", ["gs://", "gs://bucket", "gs://bucket/", "gs://B!/x", "gs://bucket/a\nb", "gs:///x"]
)
def test_given_no_address_when_written_then_it_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no valid"):
        write_once(address, "x")


def test_given_a_cell_in_an_object_when_swapped_then_only_the_seen_generation_gives_way(
    storage: StorageStandIn,
) -> None:
    cell = ObjectCell(location=Location.parse("gs://bucket/cell.json"))
    assert cell.read() is None
    first = cell.swap(None, {"n": 1})
    assert first is not None
    assert cell.swap(None, {"n": 2}) is None
    storage.lose_answers = 1
    second = cell.swap(first, {"n": 3})
    assert second is not None
    assert cell.swap(first, {"n": 4}) is None
    found = cell.read()
    assert found is not None
    assert (found.record, found.version) == ({"n": 3}, second)
    third = cell.put({"n": 5})
    assert cell.swap(second, {"n": 6}) is None
    assert cell.swap(third, {"n": 7})


def test_given_many_threads_when_all_write_one_name_then_one_creates_it(storage: StorageStandIn) -> None:
    created: list[bool] = []

    def write(number: int) -> None:
        created.append(bool(write_once("gs://bucket/one", f"from {number}")))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == [False] * 7 + [True]
