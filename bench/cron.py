"""What a schedule costs: to parse it and find its next time, beside cronsim; 100,000 of them at a start and at rest.

Each text is new to both libraries, as when schedules are created. cronsim is asked for the same: to parse the text and
to give the first time after the same instant, in UTC and in a zone with summer time. What the two answer is compared.
The 100,000 schedules run once a year; the same runtime starts on a directory without any.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.house import House
from bench.processes import Cost
from bench.report import POWER, Report, at_least, at_most, middle
from hakobune.core.schedules import decide
from hakobune.core.schedules.model import HttpTarget, Schedule, ScheduleName
from hakobune.core.schedules.occurrences import next_s, parse_schedule
from hakobune.runtime.schedules import ROOM
from hakobune.store.api import Timer, WriteTx
from hakobune.store.sqlite.database import SqliteStore

SCHEDULES = 100_000
TEXTS = 20_000
ROUNDS = 9
STARTS = 5
IDLE_S = 30.0
ZONES = ("Etc/UTC", "Europe/Berlin")
AFTER_S = datetime(2026, 3, 1, 12, 30, tzinfo=UTC).timestamp()
SEED = 20_261_125
_IN_A_TURN = 5_000


def texts(dice: random.Random, count: int) -> list[str]:
    """Schedules as people write them. No two are the same, and a restricted day stands beside a free weekday or `*`."""
    found: dict[str, None] = {}
    while len(found) < count:
        days = dice.choice(("*", "*", "*", str(dice.randint(1, 28)), f"1-{dice.randint(2, 28)}"))
        weekdays = dice.choice(("*", "1-5", f"{dice.randint(0, 6)}", "MON,WED,FRI")) if days == "*" else "*"
        minutes = dice.choice((str(dice.randint(0, 59)), f"{dice.randint(0, 29)},{dice.randint(30, 59)}", "*/15", "0"))
        hours = dice.choice(("*", str(dice.randint(0, 23)), f"{dice.randint(0, 9)}-{dice.randint(10, 23)}", "*/6"))
        months = dice.choice(("*", "*", "*", str(dice.randint(1, 12)), "JAN,APR,JUL,OCT", "3-9"))
        if minutes != "*/15":
            minutes = f"{dice.randint(0, 59)},{minutes}"
        found[f"{minutes} {hours} {days} {months} {weekdays}"] = None
    return list(found)


def _ours(corpus: list[str], zone: str) -> list[float]:
    return [float(next_s(text, zone, AFTER_S) or 0) for text in corpus]


def _rival(make: Callable[[str, datetime], Any], corpus: list[str], zone: str) -> list[float]:
    after = datetime.fromtimestamp(AFTER_S, ZoneInfo(zone))
    return [next(make(text, after)).timestamp() for text in corpus]


def _beside_cronsim(report: Report, rounds: int) -> None:
    try:
        make = importlib.import_module("cronsim").CronSim
    except ImportError:
        print("   cronsim is not in this environment (pip install cronsim): parsing is not compared", flush=True)
        return
    corpus = texts(random.Random(SEED), TEXTS)
    for zone in ZONES:
        ours_s: list[float] = []
        rival_s: list[float] = []
        differing = 0
        for _ in range(rounds):
            parse_schedule.cache_clear()
            begin_s = time.process_time()
            found = _ours(corpus, zone)
            ours_s.append((time.process_time() - begin_s) / TEXTS)
            begin_s = time.process_time()
            expected = _rival(make, corpus, zone)
            rival_s.append((time.process_time() - begin_s) / TEXTS)
            differing = sum(one != other for one, other in zip(found, expected, strict=True))
        report.sample(f"hakobune, {zone}", [one * 1e6 for one in ours_s], "µs a schedule")
        report.sample(f"cronsim, {zone}", [one * 1e6 for one in rival_s], "µs a schedule")
        times = middle(rival_s) / middle(ours_s)
        report.figure(f"parse and next, {zone}", times, "x cronsim", target=at_least(2.5, "x cronsim"))
        report.figure(f"answers that differ, {zone}", differing, f"of {TEXTS:,}")


def _fill(tx: WriteTx, first: int, count: int) -> None:
    now_s = time.time()
    for number in range(first, first + count):
        schedule = decide.planned(
            Schedule(
                name=ScheduleName.make("bench-project", "asia-northeast1", f"job-{number:06d}"),
                uid=f"uid-{number:06d}",
                schedule="0 0 1 1 *",
                time_zone="Asia/Tokyo",
                http=HttpTarget(uri="http://127.0.0.1:9/", headers={"X-Number": str(number)}, body=b"{}"),
            ),
            now_s,
        )
        tx.schedules.add_schedule(schedule)
        due_s = decide.wake_s(schedule)
        assert due_s is not None
        tx.timers.set(Timer(room=ROOM, subject=schedule.uid, due_s=due_s))


async def _prepare(directory: Path, count: int) -> None:
    store = await SqliteStore.open(directory)
    for first in range(0, count, _IN_A_TURN):
        await store.write(lambda tx, first=first: _fill(tx, first, min(_IN_A_TURN, count - first)))
    await store.close()


def _start(house: House) -> Cost:
    with house:
        wall_s = house.start()
        return Cost(wall_s=wall_s, cpu_s=house.control_plane_cpu_s())


def _idle(house: House, over_s: float) -> float:
    """The share of one processor that a runtime at rest takes."""
    with house:
        house.start()
        time.sleep(3.0)  # what a start leaves to do
        begin_s = house.control_plane_cpu_s()
        time.sleep(over_s)
        return (house.control_plane_cpu_s() - begin_s) / over_s


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Both parts."""
    report = Report("cron", directory, durability=POWER, is_quick=is_quick)
    _beside_cronsim(report, 3 if is_quick else ROUNDS)
    count = SCHEDULES // 10 if is_quick else SCHEDULES
    many, none = directory / "many", directory / "none"
    asyncio.run(_prepare(many, count))
    found: dict[str, list[Cost]] = {f"{count:,} schedules": [], "no schedules": []}
    for _ in range(2 if is_quick else STARTS):
        for costs, place in zip(found.values(), (many, none), strict=True):
            costs.append(_start(House(place)))
    for name, costs in found.items():
        report.sample(f"start with {name}: wall", [one.wall_s * 1e3 for one in costs], "ms")
        report.sample(f"start with {name}: CPU", [one.cpu_s * 1e3 for one in costs], "ms")
    starts = found[f"{count:,} schedules"]
    report.figure("start", middle([one.wall_s for one in starts]), "s", target=at_most(3, "s"))
    for name, place in ((f"{count:,} schedules", many), ("no schedules", none)):
        share = _idle(House(place), 5.0 if is_quick else IDLE_S)
        report.figure(f"at rest with {name}", share * 100, "% of a processor", target=at_most(1, "%"))
    return report
