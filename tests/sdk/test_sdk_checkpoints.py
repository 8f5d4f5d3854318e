from __future__ import annotations

import json
from pathlib import Path

import pytest
from storage_stand_in import StorageStandIn

from hakobune.sdk import (
    Checkpoint,
    CheckpointConflict,
    CorruptCheckpoint,
    ForeignCheckpoint,
    SdkError,
    progress_meter,
)

TASK = {
    "CLOUD_RUN_JOB": "thumbs",
    "CLOUD_RUN_EXECUTION": "thumbs-x7k2p",
    "CLOUD_RUN_TASK_INDEX": "3",
    "CLOUD_RUN_TASK_COUNT": "8",
}


@pytest.fixture(autouse=True)
def _a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_meter, "_process_meter", None)


@pytest.fixture(params=["directory", "gs"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "gs":
        request.getfixturevalue("storage")
    return str(tmp_path) if request.param == "directory" else "gs://bucket/checkpoints"


def test_given_nothing_saved_when_opened_then_the_default_comes(where: str) -> None:
    checkpoint = Checkpoint.open("c", where)
    assert checkpoint.load({"page": 0}) == {"page": 0}
    assert checkpoint.done == 0


def test_given_a_saved_value_when_the_next_attempt_opens_it_then_it_is_there(where: str) -> None:
    Checkpoint.open("c", where, environ=TASK).save({"page": 7})
    again = Checkpoint.open("c", where, environ={**TASK, "CLOUD_RUN_TASK_ATTEMPT": "1"})
    assert again.load(None) == {"page": 7}
    again.save({"page": 8})
    assert Checkpoint.open("c", where, environ=TASK).load(None) == {"page": 8}


def test_given_none_saved_when_loaded_then_it_is_none_and_not_the_default(where: str) -> None:
    Checkpoint.open("c", where).save(None)
    assert Checkpoint.open("c", where).load("default") is None  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    "other",
    [
        {"CLOUD_RUN_TASK_INDEX": "4"},
        {"CLOUD_RUN_EXECUTION": "thumbs-zzzzz"},
        {"CLOUD_RUN_JOB": "other", "CLOUD_RUN_EXECUTION": "other-x7k2p"},
    ],
)
def test_given_another_task_or_execution_when_opened_then_it_has_a_checkpoint_of_its_own(
    tmp_path: Path, other: dict[str, str]
) -> None:
    Checkpoint.open("c", tmp_path, environ=TASK).save(1)
    assert Checkpoint.open("c", tmp_path, environ={**TASK, **other}).load(0) == 0
    assert Checkpoint.open("d", tmp_path, environ=TASK).load(0) == 0


def test_given_the_scope_of_a_job_when_a_later_execution_opens_it_then_it_goes_on(tmp_path: Path) -> None:
    Checkpoint.open("c", tmp_path, scope="job", environ=TASK).save(1)
    later = {**TASK, "CLOUD_RUN_EXECUTION": "thumbs-zzzzz"}
    assert Checkpoint.open("c", tmp_path, scope="job", environ=later).load(0) == 1
    with pytest.raises(ForeignCheckpoint, match="count 8, this task has 9"):
        Checkpoint.open("c", tmp_path, scope="job", environ={**later, "CLOUD_RUN_TASK_COUNT": "9"})


def test_given_a_directory_of_the_runtime_when_opened_then_it_comes_before_the_programs(tmp_path: Path) -> None:
    environ = {**TASK, "HAKOBUNE_CHECKPOINT_DIR": str(tmp_path / "runtime")}
    Checkpoint.open("c", "gs://bucket/never-asked", environ=environ).save(1)
    assert (tmp_path / "runtime/thumbs/thumbs-x7k2p/3/c.json").exists()


def test_given_no_place_when_opened_then_the_remedy_is_named() -> None:
    with pytest.raises(SdkError, match="where="):
        Checkpoint.open("c")


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "a b", "x" * 101])
def test_given_no_plain_name_when_opened_then_it_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="checkpoint name"):
        Checkpoint.open(name, tmp_path)


def test_given_ids_with_path_characters_when_saved_then_nothing_leaves_the_directory(tmp_path: Path) -> None:
    Checkpoint.open("c", tmp_path / "in", environ={"CLOUD_RUN_JOB": "../../out", "CLOUD_RUN_EXECUTION": "a/b"}).save(1)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert len(list((tmp_path / "in").rglob("c.json"))) == 1


def saved(tmp_path: Path) -> Path:
    Checkpoint.open("c", tmp_path).save({"n": 1})
    return tmp_path / "none" / "none" / "0" / "c.json"


def changed(text: str, field: str, value: object) -> str:
    whole = json.loads(text)
    whole["record"][field] = value
    return json.dumps(whole)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[1]",
        lambda text: '{"page": 7}',
        lambda text: changed(text, "value", {"n": 2}),
        lambda text: changed(text, "done", 5),
        lambda text: changed(text, "format", "other"),
    ],
    ids=["empty", "torn", "list", "foreign", "value edited", "count edited", "format"],
)
def test_given_a_file_that_is_no_checkpoint_when_opened_then_it_is_an_error_or_a_fresh_start(
    tmp_path: Path, spoil: object
) -> None:
    path = saved(tmp_path)
    path.write_text(spoil(path.read_text()))  # type: ignore[operator]
    with pytest.raises(CorruptCheckpoint, match="on_unreadable"):
        Checkpoint.open("c", tmp_path)
    fresh = Checkpoint.open("c", tmp_path, on_unreadable="fresh")
    assert fresh.load("nothing") == "nothing"
    fresh.save(2)
    fresh.save(3)
    assert Checkpoint.open("c", tmp_path).load(0) == 3


def test_given_a_new_version_of_the_program_when_opened_then_the_old_shape_is_not_taken_for_its_own(
    tmp_path: Path,
) -> None:
    saved(tmp_path)
    with pytest.raises(ForeignCheckpoint, match="version 1, this task has 2"):
        Checkpoint.open("c", tmp_path, version=2)
    assert Checkpoint.open("c", tmp_path, version=2, on_unreadable="fresh").load(0) == 0


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_given_a_value_that_json_cannot_hold_when_saved_then_the_older_one_stays(tmp_path: Path, value: object) -> None:
    checkpoint = Checkpoint.open("c", tmp_path)
    checkpoint.save(1)
    for keep in (checkpoint.save, checkpoint.stage):
        with pytest.raises((TypeError, ValueError)):
            keep(value)
    assert checkpoint.load(0) == 1
    assert Checkpoint.open("c", tmp_path).load(0) == 1


def test_given_an_orphan_of_an_earlier_attempt_when_it_saves_then_it_is_refused(where: str) -> None:
    orphan = Checkpoint.open("c", where)
    orphan.save(1)
    successor = Checkpoint.open("c", where)
    successor.save(2)
    with pytest.raises(CheckpointConflict, match="must stop"):
        orphan.save(3)
    successor.save(4)
    assert Checkpoint.open("c", where).load(0) == 4


def test_given_a_lost_answer_when_saved_in_cloud_storage_then_it_is_no_conflict(storage: StorageStandIn) -> None:
    checkpoint = Checkpoint.open("c", "gs://bucket/checkpoints")
    storage.lose_answers = 1
    checkpoint.save(1)
    checkpoint.save(2)
    assert Checkpoint.open("c", "gs://bucket/checkpoints").load(0) == 2


def test_given_items_when_an_attempt_dies_in_the_middle_then_the_next_gets_the_rest(where: str) -> None:
    seen = []
    with pytest.raises(RuntimeError):  # noqa: PT012 - the loop is what is tested
        for item in Checkpoint.open("c", where).items("abcde"):
            seen.append(item)
            if item == "c":
                raise RuntimeError
    assert seen == ["a", "b", "c"]
    again = Checkpoint.open("c", where)
    assert again.done == 2
    assert list(again.items("abcde")) == ["c", "d", "e"]
    assert list(Checkpoint.open("c", where).items("abcde")) == []


def test_given_a_loop_that_is_left_early_when_gone_on_then_the_item_in_hand_comes_again(tmp_path: Path) -> None:
    for item in Checkpoint.open("c", tmp_path).items(range(5)):
        if item == 3:
            break
    assert list(Checkpoint.open("c", tmp_path).items(range(5))) == [3, 4]


def test_given_a_staged_value_when_the_item_is_not_finished_then_neither_is_kept(tmp_path: Path) -> None:
    checkpoint = Checkpoint.open("c", tmp_path)
    for item in checkpoint.items([10, 20, 30]):
        checkpoint.stage(checkpoint.load(0) + item)
        if item == 20:
            break
    again = Checkpoint.open("c", tmp_path)
    assert (again.load(0), again.done) == (10, 1)


def test_given_marks_saved_seldom_when_the_loop_fails_then_those_of_finished_items_are_saved(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012
        for item in Checkpoint.open("c", tmp_path).items(range(10), save_every=4):
            if item == 6:
                raise RuntimeError
    assert Checkpoint.open("c", tmp_path).done == 6
    assert list(Checkpoint.open("c", tmp_path).items(range(10), save_every=4)) == [6, 7, 8, 9]
    assert Checkpoint.open("c", tmp_path).done == 10


@pytest.mark.parametrize("items", [[1, 3, 2, 4], [1], [], [0, 1, 2, 3]])
def test_given_other_items_when_gone_on_then_it_is_an_error(tmp_path: Path, items: list[int]) -> None:
    for item in Checkpoint.open("c", tmp_path).items([1, 2, 3, 4]):
        if item == 3:
            break
    with pytest.raises(ForeignCheckpoint, match="says that 2 items are done"):
        list(Checkpoint.open("c", tmp_path).items(items))


def test_given_more_items_at_the_end_when_gone_on_then_they_are_new_work(tmp_path: Path) -> None:
    assert list(Checkpoint.open("c", tmp_path).items([1, 2])) == [1, 2]
    assert list(Checkpoint.open("c", tmp_path).items([1, 2, 3])) == [3]


def test_given_items_without_identity_when_looped_over_then_a_key_is_needed(tmp_path: Path) -> None:
    items = [{"id": 1}, {"id": 2}]
    with pytest.raises(TypeError, match="key="):
        list(Checkpoint.open("c", tmp_path).items(items))
    assert list(Checkpoint.open("c", tmp_path).items(items, key=lambda item: item["id"])) == items
    paths = [Path("a"), Path("b")]
    assert list(Checkpoint.open("paths", tmp_path).items(paths)) == paths
    with pytest.raises(ValueError, match="save_every"):
        list(Checkpoint.open("c", tmp_path).items(items, save_every=0))


def test_given_progress_before_a_crash_when_the_next_attempt_begins_lower_then_it_is_not_shown_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = Checkpoint.open("c", tmp_path)
    progress_meter.progress(5, 10)
    checkpoint.save("half")
    monkeypatch.setattr(progress_meter, "_process_meter", None)  # the next attempt
    capsys.readouterr()
    Checkpoint.open("c", tmp_path)
    progress_meter.progress(1, 10, "again")
    assert json.loads(capsys.readouterr().out)["message"] == "5/10 again"
