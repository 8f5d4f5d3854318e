"""What every engine does: the suite is the definition of an engine."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from engine_world import (
    PATH,
    PYTHON,
    EngineFactory,
    Watch,
    a_lane,
    a_python,
    a_shell,
    a_slot,
    an_attempt,
    attempts,
    field_of_stat,
    has_signal,
    is_running,
    soon,
)

from hakobune.core.errors import Unavailable
from hakobune.engines.api import Attempt, Ended, EndKind, Report, Started

pytestmark = pytest.mark.anyio


# -- how attempts end --------------------------------------------------------------------------------------------------


async def test_given_a_program_when_it_exits_then_its_code_and_times_are_reported(watch: Watch) -> None:
    before_s = time.time()
    ended = await watch.run(a_shell("exit 3"))
    started = watch.started["lane.0.1"]
    assert (ended.kind, ended.exit_code, ended.signal) == (EndKind.EXITED, 3, None)
    assert ended.started_at_s is not None
    assert before_s <= ended.started_at_s <= ended.at_s <= time.time()
    assert (started.lane_uid, started.at_s, started.pid > 0) == ("lane", ended.started_at_s, True)


async def test_given_a_program_when_it_kills_itself_then_the_signal_is_reported(watch: Watch) -> None:
    ended = await watch.run(a_shell("kill -SEGV $$"))
    assert (ended.kind, ended.exit_code, ended.signal) == (EndKind.SIGNALED, None, 11)


async def test_given_a_deadline_when_it_passes_then_sigterm_is_enough_for_a_program_that_listens(watch: Watch) -> None:
    ended = await watch.run(a_shell("trap 'exit 0' TERM; sleep 60 & wait", timeout_s=1.0, grace_s=30.0))
    assert (ended.kind, ended.exit_code) == (EndKind.TIMED_OUT, 0)


async def test_given_a_program_that_ignores_sigterm_when_the_deadline_passes_then_it_is_killed(watch: Watch) -> None:
    ended = await watch.run(a_shell("trap '' TERM; sleep 60 & wait; sleep 60", timeout_s=1.0, grace_s=0.2))
    assert (ended.kind, ended.signal) == (EndKind.TIMED_OUT, 9)


async def test_given_no_such_program_when_it_is_run_then_the_text_names_it_and_the_path(watch: Watch) -> None:
    ended = await watch.run(a_lane("no-such-program"))
    assert (ended.kind, ended.started_at_s) == (EndKind.NOT_STARTED, None)
    assert "no-such-program" in ended.detail
    assert PATH in ended.detail
    assert watch.started == {}


async def test_given_usage_when_an_attempt_ends_then_it_is_reported(watch: Watch) -> None:
    ended = await watch.run(a_python("b = bytearray(64 << 20); [None for _ in range(3_000_000)]"))
    assert ended.cpu_s > 0.01
    assert 64 << 20 <= ended.max_rss_bytes <= 256 << 20


# -- stopping ----------------------------------------------------------------------------------------------------------


async def test_given_waiting_and_running_attempts_when_the_lane_is_stopped_then_all_end_as_stopped(
    watch: Watch,
) -> None:
    lane, wanted = a_shell("exec sleep 60", width=1), attempts(3)
    await watch.engine.start(lane, wanted)
    await watch.start_of(wanted[0])
    await watch.engine.stop(lane.uid)
    ended = await watch.all_ended(wanted)
    assert [one.kind for one in ended] == [EndKind.STOPPED] * 3
    assert [one.started_at_s is None for one in ended] == [False, True, True]
    assert ended[0].signal == 15


async def test_given_a_waiting_attempt_when_it_alone_is_stopped_then_the_others_run(watch: Watch) -> None:
    lane, wanted = a_shell("sleep 0.2", width=1), attempts(3)
    await watch.engine.start(lane, wanted)
    await watch.engine.stop(lane.uid, [wanted[1].uid, "unknown"])
    ended = await watch.all_ended(wanted)
    assert [one.kind for one in ended] == [EndKind.EXITED, EndKind.STOPPED, EndKind.EXITED]


async def test_given_a_running_attempt_when_it_exits_0_after_stop_then_it_is_stopped_all_the_same(
    watch: Watch,
) -> None:
    lane, attempt = a_shell("trap 'exit 0' TERM; sleep 60 & wait", grace_s=30.0), an_attempt()
    await watch.engine.start(lane, [attempt])
    await watch.start_of(attempt)
    await watch.engine.stop(lane.uid, [attempt.uid])
    ended = await watch.end_of(attempt)
    assert ended.kind is EndKind.STOPPED


async def test_given_an_unknown_lane_when_it_is_stopped_then_nothing_happens(watch: Watch) -> None:
    await watch.engine.stop("unknown")
    await watch.engine.signal("unknown", 15)
    assert (await watch.run(a_shell("exit 0"))).exit_code == 0


async def test_given_a_held_attempt_when_it_is_resumed_then_it_goes_on(watch: Watch, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    # No shell: one that is just starting a program (vfork) stands still without being shown as stopped.
    code = "import sys, time\nwhile True:\n  open(sys.argv[1], 'a').write('.')\n  time.sleep(0.01)"
    lane = a_python(code, str(counter))
    attempt = an_attempt()
    await watch.engine.start(lane, [attempt])
    await soon(lambda: counter.exists() and counter.stat().st_size > 2)
    pid = (await watch.start_of(attempt)).pid
    await watch.engine.hold(attempt.uid)
    await soon(lambda: field_of_stat(pid, 3) == "T")
    held = counter.stat().st_size
    await watch.engine.resume(attempt.uid)
    await soon(lambda: counter.stat().st_size > held + 2)
    await watch.engine.hold(attempt.uid)
    await watch.engine.stop(lane.uid)
    assert (await watch.end_of(attempt)).kind is EndKind.STOPPED


async def test_given_a_running_attempt_when_it_is_signalled_then_it_gets_the_signal(watch: Watch) -> None:
    lane, attempt = a_shell("trap 'exit 7' USR1; echo; while :; do sleep 0.01; done"), an_attempt()
    await watch.engine.start(lane, [attempt])
    pid = (await watch.start_of(attempt)).pid
    await soon(lambda: has_signal(pid, "SigCgt", 10))
    await watch.engine.signal(attempt.uid, 10)
    assert (await watch.end_of(attempt)).exit_code == 7


# -- what a task finds -------------------------------------------------------------------------------------------------


async def test_given_a_lane_an_overlay_and_a_slot_when_an_attempt_runs_then_its_environment_is_their_sum(
    watch: Watch, tmp_path: Path
) -> None:
    found = tmp_path / "env.json"
    code = f"import json, os; json.dump(dict(os.environ), open({str(found)!r}, 'w'))"
    lane = a_python(
        code,
        env={"PATH": PATH, "HOST": "lane", "USER_SET": "lane", "OVER": "lane", "CLOUD_RUN_TASK_INDEX": "forged"},
        slot_variables=("HOST", "OVER"),
    )
    await watch.engine.offer_slots([a_slot(7, HOST="slot", USER_SET="slot", OVER="slot")])
    attempt = Attempt(uid="lane.5.2", index=5, number=1, env={"OVER": "attempt"})
    await watch.run(lane, attempt)
    env = json.loads(found.read_text())
    own = {name: env.pop(name) for name in [name for name in env if name.startswith("HAKOBUNE_")]}
    env.pop("LC_CTYPE", None)  # Python sets it for itself
    assert env == {
        "PATH": PATH,
        "HOST": "slot",
        "USER_SET": "lane",
        "OVER": "attempt",
        "CLOUD_RUN_TASK_INDEX": "5",
        "CLOUD_RUN_TASK_ATTEMPT": "1",
    }
    assert own["HAKOBUNE_ATTEMPT"] == "lane.5.2"
    assert watch.started["lane.5.2"].slot == 7


async def test_given_a_working_directory_when_an_attempt_runs_then_it_begins_there(
    watch: Watch, tmp_path: Path
) -> None:
    folder = tmp_path / "a folder, ふね"
    folder.mkdir()
    await watch.run(a_shell("pwd > here", working_dir=str(folder)))
    assert (folder / "here").read_text() == f"{folder}\n"


async def test_given_no_working_directory_when_attempts_run_then_each_finds_an_empty_one_that_is_removed(
    watch: Watch, tmp_path: Path
) -> None:
    places = tmp_path / "places"
    script = f"ls -A | wc -l >> {tmp_path}/counts; pwd >> {places}; mkdir -p deep/er; echo > deep/er/file"
    wanted = attempts(5)
    await watch.engine.start(a_shell(script, width=1), wanted)
    await watch.all_ended(wanted)
    assert (tmp_path / "counts").read_text().split() == ["0"] * 5
    await soon(lambda: not any(Path(place).exists() for place in places.read_text().split()))


async def test_given_a_source_when_attempts_write_into_it_then_no_other_attempt_sees_it(
    watch: Watch, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "package").mkdir(parents=True)
    (source / "main.sh").write_text("echo ran >> $1")
    (source / "package" / "state").write_text("0")
    (source / "package" / "state").chmod(0o444)
    log = tmp_path / "log"
    script = (
        f"sh main.sh {log}; {{ ls | sort; ls package; cat package/state; }} | tr '\\n' ' ' >> {log};"
        "echo 1 >> package/state; touch package/left; rm main.sh; ln -s /bin/false main.sh"
    )
    wanted = attempts(3)
    await watch.engine.start(a_shell(script, width=1, source=str(source)), wanted)
    ended = await watch.all_ended(wanted)
    assert [one.exit_code for one in ended] == [0, 0, 0]
    assert log.read_text() == "ran\nmain.sh package state 0" * 3
    assert (source / "main.sh").read_text() == "echo ran >> $1"
    assert (source / "package" / "state").read_text() == "0"
    assert [entry.name for entry in (source / "package").iterdir()] == ["state"]


async def test_given_attempts_whose_source_is_being_copied_when_they_are_stopped_then_they_end_and_nothing_is_left(
    watch: Watch, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3000):
        (source / f"{number}").write_text("x")
    wanted = attempts(4)
    lane = a_shell("sleep 600", source=str(source))
    await watch.engine.start(lane, wanted)
    await watch.engine.stop(lane.uid)
    ended = await watch.all_ended(wanted)
    assert {one.kind for one in ended} == {EndKind.STOPPED}


async def test_given_an_attempt_when_it_runs_then_it_leads_a_session_and_reads_nothing(
    watch: Watch, tmp_path: Path
) -> None:
    seen = str(tmp_path / "seen")
    code = f"import os, sys; open({seen!r}, 'w').write(f'{{os.getsid(0) == os.getpid()}} {{sys.stdin.read()!r}}')"
    await watch.run(a_python(code))
    assert (tmp_path / "seen").read_text() == "True ''"


# -- order and bounds --------------------------------------------------------------------------------------------------


def _most_at_once(reports: list[Report]) -> int:
    running = most = 0
    for report in reports:
        if isinstance(report, Started):
            running += 1
            most = max(most, running)
        elif report.started_at_s is not None:
            running -= 1
    return most


@pytest.mark.parametrize("width", [1, 3])
async def test_given_a_width_when_more_attempts_are_handed_over_then_it_is_used_and_never_exceeded(
    watch: Watch, width: int
) -> None:
    wanted = attempts(12)
    await watch.engine.start(a_shell("sleep 0.03", width=width), wanted)
    await watch.all_ended(wanted)
    assert _most_at_once(watch.reports) == width


async def test_given_a_lane_when_attempts_start_then_it_is_in_the_order_of_their_hand_over(watch: Watch) -> None:
    lane = a_shell("sleep 0.01", width=2)
    first, second = attempts(6, first=10), attempts(6, first=0)
    await watch.engine.start(lane, first)
    await watch.engine.start(lane, second)
    await watch.all_ended(first + second)
    order = [report.attempt_uid for report in watch.reports if isinstance(report, Started)]
    assert order == [attempt.uid for attempt in first + second]


async def test_given_an_attempt_when_it_is_handed_over_twice_then_it_runs_once(watch: Watch, tmp_path: Path) -> None:
    lane, attempt = a_shell(f"echo >> {tmp_path}/ran; sleep 0.1"), an_attempt()
    for _ in range(3):
        await watch.engine.start(lane, [attempt])
    await watch.start_of(attempt)
    await watch.engine.start(lane, [attempt])
    await watch.end_of(attempt)
    assert (tmp_path / "ran").read_text() == "\n"


async def test_given_an_ended_attempt_that_nobody_acknowledged_when_it_is_handed_over_again_then_it_does_not_run(
    watch: Watch, tmp_path: Path
) -> None:
    watch.acknowledges = False
    lane, attempt = a_shell(f"echo >> {tmp_path}/ran"), an_attempt()
    await watch.run(lane, attempt)
    await watch.engine.start(lane, [attempt])
    await watch.run(lane, an_attempt(1))
    assert (tmp_path / "ran").read_text() == "\n\n"


async def test_given_slots_when_attempts_run_then_each_has_the_lowest_free_one_or_none(watch: Watch) -> None:
    await watch.engine.offer_slots([a_slot(3), a_slot(1)])
    lane, wanted = a_shell("exec sleep 60", width=3), attempts(3)
    await watch.engine.start(lane, wanted)
    for attempt in wanted:
        await watch.start_of(attempt)
    assert [watch.started[attempt.uid].slot for attempt in wanted] == [1, 3, None]
    assert await watch.engine.slot_holder(3) == wanted[1].uid
    await watch.engine.stop(lane.uid, [wanted[0].uid])
    await watch.end_of(wanted[0])
    assert await watch.engine.slot_holder(1) is None
    later = an_attempt(9)
    await watch.engine.start(lane, [later])
    assert (await watch.start_of(later)).slot == 1
    await watch.engine.stop(lane.uid)


# -- connections -------------------------------------------------------------------------------------------------------


async def test_given_no_connection_when_anything_is_asked_then_the_engine_is_unavailable(
    engine_factory: EngineFactory,
) -> None:
    engine = engine_factory().engine
    with pytest.raises(Unavailable):
        await engine.start(a_lane(), [an_attempt()])
    with pytest.raises(Unavailable):
        await engine.stop("lane")
    with pytest.raises(Unavailable):
        await anext(engine.reports())  # type: ignore[call-overload]


async def test_given_a_disconnected_engine_when_it_is_opened_again_then_it_names_what_it_holds(
    engine_factory: EngineFactory,
) -> None:
    first = engine_factory()
    assert list(await first.engine.open()) == []
    await first.engine.offer_slots([a_slot(0), a_slot(1)])
    lane = a_shell("exec sleep 60", width=1)
    short = a_shell("exit 4", uid="short")
    await first.engine.start(lane, attempts(2))
    running = await first.start_of(an_attempt(0))
    first.acknowledges = False
    await first.run(short)
    await first.engine.close(stop_attempts=False)

    second = engine_factory()
    known = {one.uid: one.slot for one in await second.engine.open()}
    assert known == {"lane.0.1": 0, "lane.1.1": None, "short.0.1": None}
    assert is_running(running.pid)
    ended = await second.end_of(an_attempt(lane="short"))
    assert (ended.kind, ended.exit_code) == (EndKind.EXITED, 4)
    await second.engine.stop(lane.uid)
    await second.all_ended(attempts(2))
    await second.engine.close(stop_attempts=True)


async def test_given_an_unacknowledged_report_when_the_engine_is_opened_again_then_it_comes_again(
    engine_factory: EngineFactory,
) -> None:
    first = engine_factory()
    await first.engine.open()
    first.acknowledges = False
    one = await first.run(a_shell("exit 1"))
    await first.engine.acknowledge(first.batches[-1].cursor)
    other = await first.run(a_shell("exit 2"), an_attempt(1))
    await first.engine.close(stop_attempts=False)

    second = engine_factory()
    known = await second.engine.open()
    assert [held.uid for held in known] == ["lane.1.1"]
    await second.run(a_shell("exit 0"), an_attempt(2))
    assert second.ended["lane.1.1"] == other
    assert one.attempt_uid not in second.ended
    await second.engine.close(stop_attempts=True)


async def test_given_attempts_when_the_engine_is_closed_in_order_then_they_end_as_lost_and_the_next_open_tells(
    engine_factory: EngineFactory,
) -> None:
    first = engine_factory()
    await first.engine.open()
    lane, wanted = a_shell("exec sleep 60", width=1), attempts(2)
    await first.engine.start(lane, wanted)
    pid = (await first.start_of(wanted[0])).pid
    await first.engine.close(stop_attempts=True)
    assert not is_running(pid)

    second = engine_factory()
    assert sorted(held.uid for held in await second.engine.open()) == ["lane.0.1", "lane.1.1"]
    ended = await second.all_ended(wanted)
    assert [(one.kind, one.started_at_s is None) for one in ended] == [(EndKind.LOST, False), (EndKind.LOST, True)]
    assert all(isinstance(one, Ended) for one in ended)
    await second.engine.close(stop_attempts=True)


async def test_given_an_engine_when_it_is_described_then_the_facts_are_text(watch: Watch) -> None:
    facts = await watch.engine.describe()
    assert facts["engine"]
    assert all(isinstance(value, str) for value in facts.values())


@pytest.mark.parametrize("argv", [(PYTHON, "-c", "print('x' * 10)")])
async def test_given_output_when_an_attempt_ends_then_nothing_of_it_is_in_the_reports(
    watch: Watch, argv: tuple[str, ...]
) -> None:
    ended = await watch.run(a_lane(*argv))
    assert (ended.kind, ended.exit_code, ended.detail) == (EndKind.EXITED, 0, "")
