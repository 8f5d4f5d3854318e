#!/usr/bin/env python3
"""The demo: a video's on-screen texts are read by a sharded job, once in peace and once through two kills.

`make demo` runs it. It starts a runtime of its own on free ports, deploys the job with the command line, runs it
twice, and shows that both results are the same, byte for byte. Exit code 0 only if everything holds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from house import DemoError, House, typed
from merge import merge
from results import segment_file
from screen import Pace, Screen
from telops import Telop, clock
from video import segments
from watch import Attempt, Watch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HAKOBUNE = Path(sys.prefix) / "bin" / "hakobune"
CLIP = HERE / "clip.mp4"

T = TypeVar("T")

JOB = "telop-demo"
REGION = "asia-northeast1"
TASKS = 4
PARALLELISM = 2
VICTIM = 0  # the task that is killed: one with three segments
SETTLED_S = 0.05  # after a segment's file appeared its task has also saved the checkpoint, nearly always
WITHIN_S = 300.0  # no single step of the demo takes longer, not on a slow machine either


class Demo:
    """One run of the demo in a folder of its own."""

    def __init__(self, folder: Path, screen: Screen) -> None:
        self._folder = folder
        self._screen = screen
        self._house = House(HAKOBUNE, folder)
        self._segment_count = len(segments(CLIP))
        self._took: dict[str, float] = {}
        self._calm = folder / "undisturbed"
        self._rough = folder / "disturbed"

    def run(self) -> None:
        """All parts. Raises DemoError at the first thing that does not hold."""
        try:
            self._deploy()
            self._undisturbed_run()
            with Watch("OUT", str(self._rough)) as watch:
                try:
                    execution, attempts = self._disturbed_run(watch)
                finally:
                    for attempt in watch.alive():  # none, unless something went wrong
                        os.killpg(attempt.pid, signal.SIGKILL)
            self._show_telops(self._compare())
            self._show_attempts(execution, attempts)
            self._show_times()
        finally:
            self._house.stop()

    def _deploy(self) -> None:
        self._screen.heading("A runtime, and a job: 4 tasks, 2 at once, each retried up to 3 times")
        self._start("start")
        self._screen.command(self._house.find())
        program = [str(HERE / "read_telops.py"), str(CLIP)]
        arguments = ["run", "jobs", "deploy", JOB, "--region", REGION, "--image", "local"]
        arguments += ["--command", sys.executable, "--args", _listed(program)]
        arguments += ["--tasks", str(TASKS), "--parallelism", str(PARALLELISM), "--max-retries", "3"]
        arguments += ["--set-env-vars", f"OUT={self._calm}"]
        with self._timed("deploy"):
            self._command(*arguments)

    def _undisturbed_run(self) -> None:
        self._screen.heading(f"First run, undisturbed: {CLIP.name}, {self._segment_count} segments of 3 seconds")
        arguments = ["run", "jobs", "execute", JOB, "--region", REGION, "--wait"]
        self._screen.command(typed(arguments))
        with self._timed("undisturbed run") as seconds:
            process = self._house.begin(*arguments)
            self._wait(self._calm, lambda: process.poll() is not None)
            printed, _ = process.communicate()
        if process.returncode != 0:
            raise DemoError(f"exit code {process.returncode} of {typed(arguments)}\n{printed.rstrip()}")
        self._screen.fact("done", seconds())

    def _disturbed_run(self, watch: Watch) -> tuple[str, dict[Attempt, str]]:
        """Run the job through a killed task and a killed runtime: the execution, and what became of each attempt."""
        self._screen.heading("Second run: kill a task, then the whole runtime")
        arguments = ["run", "jobs", "execute", JOB, "--region", REGION, "--async", "--format", "value(metadata.name)"]
        arguments += ["--update-env-vars", f"OUT={self._rough}"]
        with self._timed("up to the kills"):
            execution = self._command(*arguments)
            killed = self._kill_a_task(watch)
            kept = self._finished(VICTIM)
            retried = self._wait_for_retry(watch, killed)
            running = watch.alive()
        with self._timed("no runtime"):
            self._kill_the_runtime(running)
        self._start("restart")
        adopted = [attempt for attempt in running if attempt.is_alive()]
        before = watch.attempts()
        self._screen.fact(f"{_tasks(adopted)} still running: adopted" if adopted else "no task running any more")
        with self._timed("resumed run") as seconds:
            self._wait(self._rough, lambda: self._is_over(execution))
        self._screen.fact("done", seconds())
        self._check_execution(execution)
        _until(lambda: not watch.alive(), "a process of the execution is left")

        fates = dict.fromkeys(watch.attempts(), "started after the restart") | dict.fromkeys(before, "")
        fates |= dict.fromkeys(running, "ended while no runtime ran, outcome kept")
        fates |= dict.fromkeys(adopted, "adopted across the restart")
        fates[killed] = f"killed by signal 9 after {len(kept)} of {len(self._share(VICTIM))} segments"
        fates[retried] = f"retried after signal 9, {self._resumed(kept)}; {fates[retried]}"
        self._check_attempts(list(fates))
        return execution, fates

    def _resumed(self, kept: dict[Path, tuple[int, int]]) -> str:
        """What the retry did with the segments that were finished before the kill."""
        after = self._finished(VICTIM)
        again = sum(after[path] != stamp for path, stamp in kept.items())
        # A kill between a segment's file and its checkpoint: the segment is read again, to the same bytes.
        return f"read {again} segment again" if again else "went on with the next segment"

    def _kill_a_task(self, watch: Watch) -> Attempt:
        """SIGKILL to the first task once it has finished a segment but not its last."""

        def victim() -> Attempt | None:
            finished = self._finished(VICTIM)
            if len(finished) == len(self._share(VICTIM)):
                raise DemoError(f"task {VICTIM} finished before it could be killed; try again")
            if not any(time.time() - written_ns / 1e9 >= SETTLED_S for _, written_ns in finished.values()):
                return None
            return next((attempt for attempt in watch.alive() if attempt.index == VICTIM), None)

        attempt = _until(victim, f"task {VICTIM} finished no segment")
        os.kill(attempt.pid, signal.SIGKILL)
        self._screen.command(f"kill -9 {attempt.pid}")
        done = f"after {len(self._finished(VICTIM))} of its {len(self._share(VICTIM))} segments"
        self._screen.fact(f"that was task {attempt.index}, attempt {attempt.number}, {done}")
        return attempt

    def _wait_for_retry(self, watch: Watch, killed: Attempt) -> Attempt:
        def retry() -> Attempt | None:
            later = [a for a in watch.alive() if a.index == killed.index and a.number > killed.number]
            return later[0] if later else None

        attempt = _until(retry, f"task {killed.index} was not tried again")
        self._screen.fact(f"task {attempt.index} runs again: attempt {attempt.number}, pid {attempt.pid}")
        return attempt

    def _kill_the_runtime(self, running: list[Attempt]) -> None:
        """SIGKILL to the runtime's process group; it stays away until the tasks have got on without it."""
        pid, before = self._house.pid, self._count(self._rough)
        self._house.kill()
        self._screen.command(f"kill -9 -- -{pid}")
        self._screen.fact(f"that was the whole runtime, with {before} of {self._segment_count} segments finished")
        _until(
            lambda: self._count(self._rough) > before or not any(attempt.is_alive() for attempt in running),
            "the tasks did not go on without the runtime",
        )
        self._screen.fact(f"nobody in charge; {_tasks(running)} went on: {self._count(self._rough)} segments finished")

    def _compare(self) -> list[Telop]:
        """Join the telops of both runs and compare all files byte for byte. Returns the telops."""
        self._screen.heading("The two results")
        with self._timed("merge and compare"):
            telops = merge(self._calm)
            merge(self._rough)
            calm, rough = _digest(self._calm), _digest(self._rough)
        for run, (digest, count) in (("undisturbed", calm), ("disturbed", rough)):
            self._screen.row(f"  {run:<12} {count} files  sha256 {digest}")
        if calm != rough:
            raise DemoError(f"the results differ: compare {self._calm} with {self._rough}")
        self._screen.fact("the same, byte for byte")
        return telops

    def _show_telops(self, telops: list[Telop]) -> None:
        truth = json.loads((HERE / "clip.json").read_text(encoding="utf-8"))["telops"]
        burned_in = ["".join(telop["text"].split()) for telop in truth]
        read = ["".join(telop.text.split()) for telop in telops]
        right = sum(text == other for text, other in zip(read, burned_in, strict=False))
        self._screen.heading(f"The telops as burned in ({right} of {len(truth)} read without an error)")
        self._screen.row(f"  {'first seen':<12}{'last seen':<12}{'id':<7}text")
        for telop in telops:
            times = f"{clock(telop.first_ms):<12}{clock(telop.last_ms):<12}"
            self._screen.row(f"  {times}{telop.id:<7}{telop.text}")

    def _show_attempts(self, execution: str, fates: dict[Attempt, str]) -> None:
        self._screen.heading(f"The disturbed run needed {len(fates)} attempts for {TASKS} tasks")
        arguments = ["run", "jobs", "executions", "tasks", "list", "--execution", execution, "--region", REGION]
        self._screen.command(typed(arguments))
        for line in self._house.run(*arguments).stdout.splitlines():
            self._screen.row(f"  {line}")
        self._screen.row("")
        self._screen.row("  task  attempt  segments  as seen from outside")
        for attempt, fate in fates.items():
            numbers = ", ".join(str(number) for number in self._share(attempt.index))
            self._screen.row(f"  {attempt.index:<6}{attempt.number:<9}{numbers:<10}{fate}".rstrip())

    def _show_times(self) -> None:
        self._screen.heading("Seconds")
        for part, seconds in self._took.items():
            self._screen.row(f"  {part:<18}{seconds:6.1f}")
        self._screen.row(f"  {'all':<18}{sum(self._took.values()):6.1f}")

    # What the parts are made of.

    def _start(self, part: str) -> None:
        self._screen.command(typed(self._house.up_arguments))
        self._took[part] = self._house.start()
        self._screen.fact("ready", self._took[part])

    def _command(self, *arguments: str) -> str:
        """Run a command that prints; shows the command and its last line, returns what stdout holds."""
        self._screen.command(typed(arguments))
        began = time.monotonic()
        done = self._house.run(*arguments)
        spoken = [line.strip() for line in (done.stderr + done.stdout).splitlines() if "has successfully" in line]
        self._screen.fact(spoken[-1] if spoken else done.stdout.strip(), time.monotonic() - began)
        return done.stdout.strip()

    def _wait(self, out: Path, is_over: Callable[[], bool]) -> None:
        """Wait for the end of a run, showing how far it is. Raises DemoError after WITHIN_S."""
        pace = Pace(self._segment_count, self._count(out))

        def over() -> bool:
            self._screen.progress(pace.text(self._count(out)))
            return is_over()

        _until(over, f"the run into {out} did not end", every_s=0.2)

    def _is_over(self, execution: str) -> bool:
        return bool(self._described(execution, "value(status.completionTime)"))

    def _check_execution(self, execution: str) -> None:
        counts = self._described(
            execution, "value(status.succeededCount,status.failedCount,status.cancelledCount,status.retriedCount)"
        ).split("\t")
        if [int(count or 0) for count in counts] != [TASKS, 0, 0, 1]:
            raise DemoError(f"{execution}: succeeded, failed, cancelled, retried are {counts}, not [{TASKS}, 0, 0, 1]")

    def _described(self, execution: str, what: str) -> str:
        arguments = ["run", "jobs", "executions", "describe", execution, "--region", REGION, "--format", what]
        return self._house.run(*arguments).stdout.rstrip("\n")

    def _check_attempts(self, attempts: list[Attempt]) -> None:
        ran = [(attempt.index, attempt.number) for attempt in attempts]
        expected = sorted([(index, 0) for index in range(TASKS)] + [(VICTIM, 1)])
        if ran != expected:
            raise DemoError(f"attempts (task, number) that ran: {ran}; expected: {expected}")

    def _share(self, index: int) -> list[int]:
        """The segments of a task."""
        return list(range(self._segment_count))[index::TASKS]

    def _finished(self, index: int) -> dict[Path, tuple[int, int]]:
        """The segment files that a task has written, with what changes if one is written again."""
        files = [segment_file(self._rough, number) for number in self._share(index)]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files if path.exists()}

    def _count(self, out: Path) -> int:
        return sum(segment_file(out, number).exists() for number in range(self._segment_count))

    @contextmanager
    def _timed(self, part: str) -> Iterator[Callable[[], float]]:
        began = time.monotonic()
        yield lambda: time.monotonic() - began
        self._took[part] = time.monotonic() - began


def _until(look: Callable[[], T | None], failure: str, every_s: float = 0.02) -> T:
    """What `look` returns once it is true. Raises DemoError with `failure` after WITHIN_S."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every_s)
    raise DemoError(f"{failure} within {WITHIN_S:.0f} s")


def _digest(folder: Path) -> tuple[str, int]:
    """One sha256 over the names and contents of the result files, and how many files there are."""
    files = [*sorted((folder / "segments").glob("*.json")), folder / "telops.json"]
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest(), len(files)


def _listed(values: list[str]) -> str:
    """Values of a list flag, with another delimiter where a comma is part of one."""
    return ",".join(values) if not any("," in value for value in values) else "^|^" + "|".join(values)


def _tasks(attempts: list[Attempt]) -> str:
    numbers = " and ".join(str(attempt.index) for attempt in attempts)
    return f"{'task' if len(attempts) == 1 else 'tasks'} {numbers}"


def main() -> int:
    """Run the demo: 0 if everything holds, 1 if not (the folder with the logs is kept), 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the folder with results and logs")
    keep = parser.parse_args().keep
    if not HAKOBUNE.exists():
        print(f"demo: no {HAKOBUNE}: run it with `make demo`", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="telop_demo."))
    try:
        Demo(folder, Screen(ROOT)).run()
    except DemoError as failure:
        keep = True
        print(f"\ndemo: FAILED: {failure}", file=sys.stderr)
        print(
            f"The log of the runtime is {folder / 'up.log'}; to look at the tasks' logs, start it again:",
            file=sys.stderr,
        )
        print(f"  hakobune up --data {folder / 'data'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130
    finally:
        if keep:
            print(f"\nAll files are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
