from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from storage_stand_in import StorageStandIn

from hakobune.sdk import CorruptRecord
from hakobune.sdk.owners import Owner
from hakobune.sdk.receipts import (
    FINAL_STATES,
    Claim,
    Failure,
    Progress,
    Receipt,
    Seen,
    State,
    completed,
    merged,
)
from hakobune.sdk.receipts_store import Place, ReceiptStore

IDS = [f"{number:032x}" for number in range(4)]


def a_receipt(**fields: object) -> Receipt:
    plain: dict[str, object] = {"id": IDS[0], "digest": "d", "request": {"n": 1}, "created_at": 5.0, "updated_at": 5.0}
    return Receipt(**{**plain, **fields})  # type: ignore[arg-type]


def a_running_receipt(**fields: object) -> Receipt:
    return a_receipt(state=State.RUNNING, execution="e", **fields)


counts = st.none() | st.integers(0, 1000)
progresses = st.builds(
    Progress, fraction=st.floats(-1, 2), done=counts, total=counts, note=st.sampled_from(["", "a", "b"])
)
sights = st.builds(
    Seen,
    state=st.sampled_from([State.RUNNING, State.RUNNING, State.RUNNING, *State]),
    progress=st.none() | progresses,
    result=st.none() | st.just({"sum": 1}),
)


@given(st.lists(sights, max_size=20))
def test_no_history_lets_a_receipt_go_back(history: list[Seen]) -> None:
    receipt = a_running_receipt()
    for seen in history:
        after = receipt.observed(seen, now=6.0)
        assert after.revision - receipt.revision in (0, 1)
        assert (after == receipt) is (after.revision == receipt.revision)
        assert 0.0 <= receipt.progress.fraction <= after.progress.fraction <= 1.0
        if receipt.progress.done is not None:
            assert after.progress.done is not None
            assert after.progress.done >= receipt.progress.done
        if after.progress.done is not None and after.progress.total is not None:
            assert after.progress.done <= after.progress.total
        assert after.state is not State.ACCEPTED
        if receipt.is_final:
            assert after == receipt
        assert Receipt.from_record(after.to_record()) == after
        receipt = after


@given(progresses, progresses)
def test_the_order_of_what_is_seen_does_not_count(first: Progress, second: Progress) -> None:
    one, other = merged(merged(Progress(), first), second), merged(merged(Progress(), second), first)
    assert replace(one, note="") == replace(other, note="")
    assert merged(one, second) == replace(one, note=second.note or one.note)


def test_given_success_then_the_progress_is_complete() -> None:
    assert completed(Progress(fraction=0.2, done=3, total=10, note="x")) == Progress(
        fraction=1.0, done=10, total=10, note="x"
    )
    assert completed(Progress()) == Progress(fraction=1.0)


def test_given_a_failure_then_the_progress_stays_and_the_reason_is_shown() -> None:
    progress = Progress(fraction=0.5, done=5, total=10)
    failed = a_running_receipt(progress=progress).observed(
        Seen(state=State.FAILED, failure=Failure(message="no frames", detail={"code": 3})), now=9.5
    )
    assert failed.to_json() == {
        "id": IDS[0],
        "state": "failed",
        "revision": 2,
        "progress": {"fraction": 0.5, "done": 5, "total": 10, "note": ""},
        "createTime": "1970-01-01T00:00:05.000Z",
        "updateTime": "1970-01-01T00:00:09.500Z",
        "execution": "e",
        "error": {"message": "no frames", "detail": {"code": 3}},
    }


def test_given_a_start_confirmed_twice_then_the_second_changes_nothing() -> None:
    started = a_receipt().started("first", now=6.0)
    assert (started.state, started.revision) == (State.RUNNING, 2)
    assert started.started("second", now=7.0) == started


def test_given_a_claim_then_watchers_see_no_change_and_it_is_kept() -> None:
    claim = Claim(owner=Owner.new(), expires_at=7.0)
    claimed = a_receipt().claimed(claim)
    assert claimed.to_json() == a_receipt().to_json()
    assert Receipt.from_record(claimed.to_record()).claim == claim


@pytest.mark.parametrize("broken", [{}, {"format": "other"}, {"state": "lost"}, {"revision": "1"}])
def test_given_a_record_of_somebody_else_then_it_is_corrupt(broken: dict[str, object]) -> None:
    with pytest.raises(CorruptRecord, match="no receipt of ours"):
        Receipt.from_record({**a_receipt().to_record(), **broken} if broken else {})


def test_every_final_state_is_named() -> None:
    assert set(State) - FINAL_STATES == {State.ACCEPTED, State.RUNNING}


# -- where they are kept --------------------------------------------------------------------------------------------


@pytest.fixture(params=["directory", "sqlite", "postgres", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ReceiptStore:
    return ReceiptStore(a_place(request.param, request, tmp_path), "thumbs")


def a_place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    places: dict[str, Callable[[], Place]] = {
        "directory": lambda: tmp_path / "receipts",
        "sqlite": lambda: lambda: sqlite3.connect(tmp_path / "receipts.db"),
        "postgres": lambda: database_of(request.getfixturevalue("database")),
        "objects": lambda: bucket_of(request.getfixturevalue("storage")),
    }
    return places[kind]()


def database_of(address: str) -> Place:
    return lambda: psycopg.connect(address)


def bucket_of(storage: StorageStandIn) -> Place:
    assert storage.address
    return "gs://receipts/of-thumbs/"


def test_given_a_new_receipt_when_kept_twice_then_only_the_first_is(store: ReceiptStore) -> None:
    assert store.read(IDS[0]) is None
    version = store.swap(None, a_receipt())
    assert version is not None
    assert store.swap(None, a_receipt(digest="other")) is None
    assert store.read(IDS[0]) == (a_receipt(), version)


def test_given_an_old_version_when_changed_then_nothing_is(store: ReceiptStore) -> None:
    first = store.swap(None, a_receipt())
    second = store.swap(first, a_running_receipt())
    assert second is not None
    assert store.swap(first, a_receipt(digest="other")) is None
    assert store.read(IDS[0]) == (a_running_receipt(), second)


def test_given_marks_then_they_are_found_until_they_are_taken_away(store: ReceiptStore) -> None:
    assert store.open_ids() == []
    for receipt_id in (IDS[2], IDS[1], IDS[2]):  # a second mark changes nothing
        store.mark_open(receipt_id)
    assert store.open_ids() == [IDS[1], IDS[2]]
    store.unmark(IDS[1])
    store.unmark(IDS[1])
    assert store.open_ids() == [IDS[2]]


def test_given_two_names_in_one_place_then_they_do_not_meet(tmp_path: Path) -> None:
    one, other = ReceiptStore(tmp_path, "one"), ReceiptStore(tmp_path, "other")
    one.swap(None, a_receipt())
    one.mark_open(IDS[0])
    assert other.read(IDS[0]) is None
    assert other.open_ids() == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 32 + "\n", "0\0"])
def test_given_what_is_no_id_then_there_is_no_receipt(name: str, tmp_path: Path) -> None:
    assert ReceiptStore(tmp_path, "one").read(name) is None


def test_the_place_says_whether_dead_processes_can_be_recognised(tmp_path: Path) -> None:
    assert ReceiptStore(tmp_path, "n").is_local()
    assert ReceiptStore(lambda: sqlite3.connect(tmp_path / "r.db"), "n").is_local()
    assert not ReceiptStore("gs://receipts/x", "n").is_local()


def test_results_stand_beside_the_receipts_unless_those_are_rows(tmp_path: Path) -> None:
    assert ReceiptStore(tmp_path, "n").result_location("r") == f"{tmp_path}/results/r.json"
    assert ReceiptStore("gs://receipts/x/", "n").result_location("r") == "gs://receipts/x/results/r.json"
    assert ReceiptStore(lambda: sqlite3.connect(tmp_path / "r.db"), "n").result_location("r") == ""


def test_given_an_open_connection_as_the_place_then_it_is_refused(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "r.db")) as connection,
        pytest.raises(TypeError, match="need a function that opens"),
    ):
        ReceiptStore(connection, "n")  # type: ignore[arg-type]
