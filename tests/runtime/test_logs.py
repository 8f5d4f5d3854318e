"""The logs room over a real store and real folders: one order over executions, pages, progress, custom logs."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hakobune.core.containers import Container
from hakobune.core.errors import InvalidArgument, ResourceExhausted
from hakobune.core.jobs.decide import AttemptEnded, Created, Event, Reported, decide
from hakobune.core.jobs.model import AttemptResult, Execution, ExecutionTemplate, Job, ResultKind, TaskTemplate
from hakobune.core.jobs.states import ExecutionState
from hakobune.core.logs.entries import LogEntry, Resource, Severity
from hakobune.core.logs.listing import ListEntries, Order
from hakobune.core.logs.progress import Progress
from hakobune.core.logs.query import parse
from hakobune.core.names import JobName
from hakobune.engines.logs.writer import LaneLog
from hakobune.runtime import logs as room_module
from hakobune.runtime.logs import LogsRoom, project_lane
from hakobune.store.api import WriteTx
from hakobune.store.sqlite.database import SqliteStore

pytestmark = pytest.mark.anyio

BASE_S = 1_790_000_000.0
SYSTEM = "projects/p1/logs/run.googleapis.com%2Fvarlog%2Fsystem"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class StandingClock:
    def __init__(self, now_s: float) -> None:
        self.now = now_s

    def now_s(self) -> float:
        return self.now


class House:
    """A store, a folder of logs, and the room over both."""

    def __init__(self, store: SqliteStore, root: Path) -> None:
        self.store = store
        self.root = root
        self.clock = StandingClock(BASE_S)
        self.room = LogsRoom(store, root, self.clock)
        self.logs: dict[str, LaneLog] = {}

    async def execution(
        self, job: str = "thumbs", suffix: str = "aaaaa", *, tasks: int = 1, at_s: float = 0.0
    ) -> Execution:
        template = TaskTemplate(containers=(Container(image="local", limits={"memory": "512Mi"}),), max_retries=0)
        name = JobName(project="p1", location="us-central1", job=job)
        execution = Execution(
            name=name.execution(f"{job}-{suffix}"),
            uid=f"uid-{job}-{suffix}",
            job_uid=f"uid-{job}",
            job_generation=1,
            etag="",
            task_count=tasks,
            parallelism=tasks,
            template=template,
            state=ExecutionState.RUNNING,
            create_time_s=BASE_S + at_s,
            update_time_s=BASE_S + at_s,
            operation_id=f"op-{suffix}",
        )

        def unit(tx: WriteTx) -> Execution:
            if tx.jobs.find_job(name) is None:
                tx.jobs.add_job(
                    Job(
                        name=name,
                        uid=f"uid-{job}",
                        generation=1,
                        etag="",
                        create_time_s=BASE_S,
                        update_time_s=BASE_S,
                        template=ExecutionTemplate(template=template),
                    )
                )
            tx.jobs.add_execution(execution)
            return _happen(tx, execution.uid, Created(), BASE_S + at_s)

        return await self.store.write(unit)

    def say(self, execution: Execution, at_s: float, text: str | bytes, *, index: int = 0, stream: int = 1) -> None:
        log = self.logs.get(execution.uid)
        if log is None:
            log = LaneLog(str(self.root / execution.uid), tail_limit_bytes=1 << 20)
            self.logs[execution.uid] = log
        data = text if isinstance(text, bytes) else text.encode()
        log.append(BASE_S + at_s, index, 0, 1, stream, data)
        log.flush()

    async def end(self, execution: Execution, at_s: float, result: AttemptResult, *, index: int = 0) -> None:
        def unit(tx: WriteTx) -> Execution:
            task = tx.jobs.find_task(execution, index)
            assert task is not None
            report = AttemptEnded(
                index=index,
                attempt_uid=task.attempt_uid,
                at_s=BASE_S + at_s,
                result=result,
                started_at_s=BASE_S,
            )
            return _happen(tx, execution.uid, Reported(reports=(report,)), BASE_S + at_s, named=[index])

        await self.store.write(unit)

    async def list(
        self,
        query: str = "",
        *,
        order: Order = Order.OLDEST_FIRST,
        size: int = 1_000,
        token: str = "",
        projects: tuple[str, ...] = ("p1",),
    ) -> tuple[list[LogEntry], str]:
        return await self.room.list_entries(
            ListEntries(projects=projects, query=parse(query), order=order, page_size=size, page_token=token)
        )

    async def texts(self, query: str = "", *, order: Order = Order.OLDEST_FIRST) -> list[str | None]:
        entries, token = await self.list(query, order=order)
        assert token == ""
        return [entry.text_payload for entry in entries]


def _happen(tx: WriteTx, uid: str, event: Event, now_s: float, named: Sequence[int] = ()) -> Execution:
    view = tx.jobs.load_view(uid, named, now_s)
    assert view is not None
    decision = decide(view, event, now_s)
    tx.jobs.save(decision)
    return decision.execution


SUCCESS = AttemptResult(kind=ResultKind.SUCCESS, exit_code=0)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await SqliteStore.open(tmp_path / "data")
    house = House(store, tmp_path / "data" / "logs")
    yield house
    for log in house.logs.values():
        log.close()
    await store.close()


async def test_given_output_of_a_task_then_it_is_read_back_as_the_real_service_gives_it(house: House) -> None:
    execution = await house.execution()
    house.say(execution, 1.0, "resized 120 images")
    house.say(execution, 2.0, '{"severity": "ERROR", "message": "bad", "n": 1}', stream=2)
    await house.end(execution, 3.0, SUCCESS)
    plain, structured, system = (await house.list())[0]

    assert plain.text_payload == "resized 120 images"
    assert plain.severity is Severity.DEFAULT
    assert plain.log_name == "projects/p1/logs/run.googleapis.com%2Fstdout"
    assert plain.timestamp_s == BASE_S + 1.0
    assert plain.resource == Resource(
        type="cloud_run_job", labels={"project_id": "p1", "location": "us-central1", "job_name": "thumbs"}
    )
    assert plain.labels["run.googleapis.com/execution_name"] == "thumbs-aaaaa"
    assert plain.labels["run.googleapis.com/task_index"] == "0"
    assert plain.labels["run.googleapis.com/task_attempt"] == "0"
    assert structured.severity is Severity.ERROR
    assert structured.json_payload == {"message": "bad", "n": 1}
    assert structured.log_name == "projects/p1/logs/run.googleapis.com%2Fstderr"
    assert (system.log_name, system.text_payload) == (SYSTEM, "Container called exit(0).")


async def test_entries_of_executions_at_once_come_in_one_order_both_ways(house: House) -> None:
    first = await house.execution("thumbs", "aaaaa")
    second = await house.execution("encode", "bbbbb", at_s=2.0)
    for at_s in range(10):
        house.say(first if at_s % 3 else second, float(at_s) + 3.0, f"line {at_s}")
    await house.end(first, 8.5, SUCCESS)
    await house.end(second, 12.5, SUCCESS)
    expected = [*(f"line {at_s}" for at_s in range(6)), "Container called exit(0)."]
    expected += [*(f"line {at_s}" for at_s in range(6, 10)), "Container called exit(0)."]
    assert await house.texts() == expected
    assert await house.texts(order=Order.NEWEST_FIRST) == expected[::-1]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("size", [1, 2, 7])
async def test_pages_are_the_whole_list_and_ids_are_unique_and_stable(house: House, order: Order, size: int) -> None:
    executions = [await house.execution("job", f"{number}aaaa", tasks=2) for number in range(3)]
    for number in range(20):
        house.say(executions[number % 3], number // 4, f"line {number}", index=number % 2)
    for execution in executions:
        await house.end(execution, 4.0, SUCCESS)
    await house.room.write_entries([a_custom_entry("custom")])
    whole, _ = await house.list(order=order)
    assert len(whole) == 24
    assert len({entry.insert_id for entry in whole}) == 24

    paged: list[LogEntry] = []
    token = ""
    while True:
        entries, token = await house.list(order=order, size=size, token=token)
        assert 0 < len(entries) <= size
        paged += entries
        if not token:
            break
    assert paged == whole


async def test_given_new_output_between_pages_newest_first_then_it_does_not_disturb_the_next_page(house: House) -> None:
    execution = await house.execution()
    for number in range(6):
        house.say(execution, number, f"line {number}")
    first, token = await house.list(order=Order.NEWEST_FIRST, size=3)
    house.say(execution, 10.0, "new")
    second, rest = await house.list(order=Order.NEWEST_FIRST, size=3, token=token)
    assert [entry.text_payload for entry in first + second] == [f"line {number}" for number in range(5, -1, -1)]
    assert rest == ""


async def test_filters_choose_by_job_execution_task_severity_log_and_time(house: House) -> None:
    first = await house.execution("thumbs", "aaaaa", tasks=2)
    second = await house.execution("encode", "bbbbb")
    house.say(first, 1.0, "first 0")
    house.say(first, 2.0, "first 1", index=1, stream=2)
    house.say(second, 3.0, '{"severity": "warning", "message": "second"}')
    await house.end(first, 4.0, AttemptResult(kind=ResultKind.EXIT, exit_code=3))

    assert await house.texts("resource.type=cloud_run_job resource.labels.job_name=encode") == ["second"]
    assert await house.texts('labels."run.googleapis.com/execution_name"=thumbs-aaaaa severity>=DEFAULT') == [
        "first 0",
        "first 1",
        "Container called exit(3).",
    ]
    assert await house.texts('labels."run.googleapis.com/task_index"="1"') == ["first 1"]
    assert await house.texts("severity>=WARNING") == ["second", "Container called exit(3)."]
    assert await house.texts('log_id("run.googleapis.com/stderr")') == ["first 1"]
    assert await house.texts('log_id("run.googleapis.com/varlog/system")') == ["Container called exit(3)."]
    assert await house.texts(f'logName="{SYSTEM}"') == ["Container called exit(3)."]
    assert await house.texts("resource.labels.location=elsewhere") == []
    assert await house.texts('log_id("other")') == []
    at_two = "2026-09-21T14:13:22Z"
    assert await house.texts(f'timestamp>="{at_two}" AND timestamp<="{at_two}"') == ["first 1"]
    assert await house.texts(f'timestamp<"{at_two}"') == ["first 0"]
    assert await house.texts(f'timestamp>"{at_two}"', order=Order.NEWEST_FIRST) == [
        "Container called exit(3).",
        "second",
    ]


async def test_given_times_of_their_own_then_filters_and_pages_use_them(house: House) -> None:
    execution = await house.execution()
    for number, time in ((1.0, "2026-09-21T14:13:24Z"), (2.0, "2026-09-21T14:13:21.000000001Z")):
        house.say(execution, number, json.dumps({"time": time, "message": time}))
    assert await house.texts() == ["2026-09-21T14:13:21.000000001Z", "2026-09-21T14:13:24Z"]
    assert await house.texts('timestamp<"2026-09-21T14:13:22Z"') == ["2026-09-21T14:13:21.000000001Z"]
    entries, _ = await house.list()
    assert entries[0].timestamp == "2026-09-21T14:13:21.000000001Z"


async def test_given_a_line_in_pieces_then_it_is_one_entry_or_numbered_ones(house: House) -> None:
    execution = await house.execution()
    house.say(execution, 1.0, b'{"message": "' + b"m" * 200_000 + b'"}')
    house.say(execution, 2.0, b"x" * 600_000)
    entries, _ = await house.list()
    assert entries[0].text_payload == "m" * 200_000
    assert "".join(entry.text_payload or "" for entry in entries[1:]) == "x" * 600_000
    splits = [entry.split for entry in entries[1:]]
    assert [split.index for split in splits if split] == list(range(len(splits)))
    assert len({split.uid for split in splits if split}) == 1
    assert (await house.list(order=Order.NEWEST_FIRST))[0] == entries[::-1]


async def test_given_a_deleted_execution_then_it_has_no_logs_even_before_its_folder_is_gone(house: House) -> None:
    gone = await house.execution("thumbs", "aaaaa")
    kept = await house.execution("thumbs", "bbbbb")
    house.say(gone, 1.0, "gone")
    house.say(kept, 2.0, "kept")
    assert await house.texts() == ["gone", "kept"]
    await house.store.write(lambda tx: tx.jobs.hide_execution(gone.uid))
    assert await house.texts() == ["kept"]


async def test_given_executions_that_end_or_begin_between_lists_then_the_room_sees_it(house: House) -> None:
    first = await house.execution("thumbs", "aaaaa")
    house.say(first, 1.0, "one")
    assert await house.texts() == ["one"]
    await house.end(first, 2.0, SUCCESS)
    second = await house.execution("thumbs", "bbbbb", at_s=3.0)
    house.say(second, 4.0, "two")
    assert await house.texts() == ["one", "Container called exit(0).", "two"]


async def test_other_projects_are_not_seen(house: House) -> None:
    house.say(await house.execution(), 1.0, "mine")
    entries, _ = await house.list(projects=("p2",))
    assert entries == []
    entries, _ = await house.list(projects=("p2", "p1"))
    assert [entry.text_payload for entry in entries] == ["mine"]


async def test_a_page_token_belongs_to_its_list(house: House) -> None:
    execution = await house.execution()
    for number in range(4):
        house.say(execution, number, f"line {number}")
    _, token = await house.list(size=2)
    assert token
    for changed in (
        house.list("severity>=DEFAULT", token=token),
        house.list(order=Order.NEWEST_FIRST, token=token),
        house.list(projects=("p2",), token=token),
        house.list(token=token[:-2]),
        house.list(token="made-up"),
    ):
        with pytest.raises(InvalidArgument, match="page token"):
            await changed


async def test_given_more_lines_than_one_page_may_look_at_then_the_search_goes_on_with_the_next_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "_LINES_MAX", 500)
    execution = await house.execution()
    for number in range(3_000):
        house.say(execution, number / 100, f"line {number}")
    house.say(execution, 31.0, '{"severity": "ERROR", "message": "needle"}')
    pages, token, found = 0, "", []
    while True:
        entries, token = await house.list("severity=ERROR", token=token)
        pages += 1
        found += entries
        if not token:
            break
    assert [entry.text_payload for entry in found] == ["needle"]
    assert pages > 3


def a_custom_entry(text: str, **fields: object) -> LogEntry:
    values: dict[str, object] = {
        "insert_id": "",
        "log_name": "projects/p1/logs/my-log",
        "timestamp_s": 0.0,
        "receive_s": 0.0,
        "text_payload": text,
        "resource": Resource(type="global"),
    }
    return LogEntry(**{**values, **fields})  # type: ignore[arg-type]


async def test_given_entries_that_were_written_then_they_are_listed_by_this_and_the_next_room(house: House) -> None:
    house.clock.now = BASE_S + 5.0
    await house.room.write_entries(
        [
            a_custom_entry("hello", severity=Severity.NOTICE, labels={"a": "b"}),
            a_custom_entry(
                "timed",
                insert_id="mine",
                timestamp_s=BASE_S + 1.0,
                timestamp_text="2026-09-21T14:13:21.000000Z",
                json_payload={"a": [1, None]},
            ),
            a_custom_entry("elsewhere", log_name="projects/p2/logs/my-log"),
        ]
    )
    entries, _ = await house.list('log_id("my-log")')
    assert [entry.text_payload for entry in entries] == ["timed", "hello"]
    assert entries[0].insert_id == "mine"
    assert entries[0].json_payload == {"a": [1, None]}
    assert entries[1].timestamp_s == entries[1].receive_s == BASE_S + 5.0
    assert entries[1].labels == {"a": "b"}
    assert entries[1].insert_id

    again = LogsRoom(house.store, house.root, house.clock)
    assert (await again.list_entries(ListEntries(projects=("p1",), query=parse(""))))[0] == entries
    assert sorted(os.listdir(house.root)) == sorted([project_lane("p1"), project_lane("p2")])


async def test_given_an_entry_that_is_too_large_then_none_is_kept(house: House) -> None:
    with pytest.raises(InvalidArgument, match=r"entries\[1\]"):
        await house.room.write_entries([a_custom_entry("small"), a_custom_entry("x" * 300_000)])
    assert await house.texts() == []


async def test_given_no_place_for_entries_then_the_caller_hears_of_it_and_they_may_be_written_later(
    house: House,
) -> None:
    house.root.parent.mkdir(exist_ok=True)
    house.root.write_text("a file stands where the folder should be")
    with pytest.raises(ResourceExhausted):
        await house.room.write_entries([a_custom_entry("lost")])
    house.root.unlink()
    await house.room.write_entries([a_custom_entry("kept")])
    assert await house.texts() == ["kept"]


def a_report(done: int, total: int, note: str = "") -> str:
    return json.dumps({"message": "m", "hakobune.dev/progress": {"done": done, "total": total, "note": note}})


async def test_progress_is_the_sum_of_the_newest_reports(house: House) -> None:
    execution = await house.execution(tasks=3)
    assert await house.room.progress(execution) is None
    house.say(execution, 1.0, "no report")
    assert await house.room.progress(execution) is None
    house.say(execution, 2.0, a_report(1, 10))
    house.say(execution, 3.0, a_report(4, 10, "first"), index=1)
    house.say(execution, 4.0, a_report(2, 10, "second"))
    assert await house.room.progress(execution) == Progress(done=6, total=20, note="second", tasks=2)
    house.say(execution, 4.0, a_report(9, 10, "third"), index=1)
    house.say(execution, 5.0, a_report(5, 5, "fourth"), index=2)
    assert await house.room.progress(execution) == Progress(done=16, total=25, note="fourth", tasks=3)
    assert await house.room.progress(execution) == Progress(done=16, total=25, note="fourth", tasks=3)


async def test_given_reports_far_back_then_they_are_found_by_the_calls_that_follow(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hakobune.runtime.log_progress._RECORDS_MAX", 100)
    execution = await house.execution(tasks=2)
    house.say(execution, 1.0, a_report(1, 2), index=1)
    for number in range(250):
        house.say(execution, 2.0 + number / 100, "filler")
    house.say(execution, 9.0, a_report(3, 4))
    found = [await house.room.progress(execution) for _ in range(4)]
    assert found[0] == Progress(done=3, total=4, tasks=1)
    assert found[-1] == Progress(done=4, total=6, tasks=2)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_given_entries_of_one_instant_when_listed_then_they_keep_the_order_in_which_they_came(
    house: House, size: int
) -> None:
    for batch in (["a", "b"], ["c"], ["d", "e", "f"]):
        entries = [replace(a_custom_entry(text), timestamp_s=BASE_S, timestamp_text="") for text in batch]
        await house.room.write_entries(entries)

    async def listed(order: Order) -> list[str | None]:
        texts: list[str | None] = []
        token = ""
        while True:
            found, token = await house.list(order=order, size=size, token=token)
            texts += [entry.text_payload for entry in found]
            if not token:
                return texts

    for _ in range(2):
        assert await listed(Order.OLDEST_FIRST) == list("abcdef")
        assert await listed(Order.NEWEST_FIRST) == list("fedcba")
