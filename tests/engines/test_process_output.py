"""What attempts write: cut into lines, stamped, bounded, and never able to hurt anybody."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator

import pytest
from engine_world import MIB, ProcessWorld, Watch, a_python, a_shell, an_attempt, attempts, is_running, peak_rss_bytes

from hakobune.engines.api import EndKind
from hakobune.engines.logs.reader import LogReader

pytestmark = pytest.mark.anyio


@pytest.fixture
async def watch(world: ProcessWorld) -> AsyncIterator[Watch]:
    found = Watch(world.engine())
    await found.engine.open()
    yield found
    await found.engine.close(stop_attempts=True)


async def test_given_lines_when_they_are_written_then_each_is_kept_with_stream_time_and_attempt(
    watch: Watch, world: ProcessWorld
) -> None:
    before_s = time.time()
    await watch.run(a_shell("echo one; sleep 0.05; echo two >&2; sleep 0.05; printf 'no newline'"), an_attempt(3))
    found = list(LogReader(world.directory / "logs").records("lane"))
    assert [(record.stream, record.data) for record in found] == [(1, b"one"), (2, b"two"), (1, b"no newline")]
    assert {(record.task_index, record.number, record.uid_tail) for record in found} == {(3, 0, 1)}
    assert before_s <= found[0].at_s < found[1].at_s < found[2].at_s <= time.time()


async def test_given_a_running_attempt_when_it_has_written_a_line_then_it_can_be_read(
    watch: Watch, world: ProcessWorld
) -> None:
    attempt = an_attempt()
    await watch.engine.start(a_shell("echo early; exec sleep 600"), [attempt])
    await watch.start_of(attempt)
    deadline_s = time.monotonic() + 10
    while not world.output():
        assert time.monotonic() < deadline_s
    assert world.output() == [b"early"]
    await watch.engine.stop("lane")


async def test_given_bytes_that_are_no_text_when_they_are_written_then_they_are_kept_as_they_are(
    watch: Watch, world: ProcessWorld
) -> None:
    await watch.run(a_shell(r"printf '\377\376\000\n\n\r\nafter'"))
    assert world.output() == [b"\xff\xfe\x00", b"", b"\r", b"after"]


async def test_given_100_mb_on_one_line_when_it_is_written_then_the_supervisor_stays_small_and_the_end_is_kept(
    watch: Watch, world: ProcessWorld
) -> None:
    code = "import sys\nfor _ in range(1600): sys.stdout.write('x' * 62_500)\nsys.stdout.write('\\nend\\n')"
    ended = await watch.run(a_python(code, log_limit_bytes=MIB))
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 0)
    assert world.output()[-1] == b"end"
    assert peak_rss_bytes(world.supervisor_pid) < 60 * MIB
    stored = sum(path.stat().st_size for path in (world.directory / "logs" / "lane").iterdir())
    assert stored < 3 * MIB


async def test_given_a_line_longer_than_a_piece_when_it_is_read_again_then_it_is_whole(
    watch: Watch, world: ProcessWorld
) -> None:
    for index, size in enumerate((65_535, 65_536, 65_537, 131_072, 200_000)):
        code = f"import sys; sys.stdout.write('y' * {size})"
        await watch.run(a_python(code, uid=f"lane{size}"), an_attempt(index, lane=f"lane{size}"))
        assert [len(line) for line in world.output(f"lane{size}")] == [size]


async def test_given_closed_streams_when_an_attempt_goes_on_then_it_runs_to_its_end(watch: Watch) -> None:
    ended = await watch.run(a_shell("exec >&- 2>&-; sleep 0.1; exit 9"))
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 9)


async def test_given_output_that_cannot_be_stored_when_an_attempt_writes_then_it_is_not_hurt(
    watch: Watch, world: ProcessWorld
) -> None:
    (world.directory / "logs").write_text("no folder can be made here")
    ended = await watch.run(a_shell("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit 2"))
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 2)


async def test_given_many_attempts_that_write_when_all_have_ended_then_all_lines_are_there(
    watch: Watch, world: ProcessWorld
) -> None:
    wanted = attempts(100)
    await watch.engine.start(a_shell("echo $CLOUD_RUN_TASK_INDEX", width=8), wanted)
    await watch.all_ended(wanted)
    assert sorted(map(int, world.output())) == list(range(100))


async def test_given_1000_attempts_when_all_have_ended_then_the_supervisor_holds_no_more_descriptors_than_before(
    watch: Watch, world: ProcessWorld
) -> None:
    async def run(first: int, count: int) -> None:
        wanted = attempts(count, first=first)
        await watch.engine.start(a_shell("echo; exit 0", width=8), wanted)
        await watch.all_ended(wanted)

    await run(0, 20)
    folder = f"/proc/{world.supervisor_pid}/fd"
    before = len(os.listdir(folder))
    await run(100, 1000)
    assert len(os.listdir(folder)) <= before
    assert is_running(world.supervisor_pid)
