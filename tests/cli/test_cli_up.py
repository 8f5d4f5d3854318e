"""What `hakobune up` prints while it runs."""

from __future__ import annotations

import time

from runtime_process import RuntimeProcess

WITHIN_S = 10.0  # a look takes a quarter of a second; the rest is for a busy machine


def lines_of(runtime: RuntimeProcess, execution: str) -> list[str]:
    """What was printed about an execution, once its end was."""
    name = execution.rpartition("/")[2]
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        found = [line for line in runtime.log.splitlines() if line.startswith(f"{name}: ")]
        if any(": started" not in line for line in found):
            return [line.removeprefix(f"{name}: ") for line in found]
        time.sleep(0.02)
    raise AssertionError(f"no line about the end of {name} within {WITHIN_S} s:\n{runtime.log}")


def test_given_thousands_of_short_tasks_when_they_run_then_their_changes_hide_neither_begin_nor_end(
    own_runtime: RuntimeProcess,
) -> None:
    runtime = own_runtime.start()
    runtime.create("wide", ["/bin/true"], tasks=2_500, parallelism=8)
    execution = runtime.run("wide")
    runtime.wait(execution)
    assert lines_of(runtime, execution) == [
        "started, 2500 tasks",
        "succeeded (2500 succeeded, 0 failed, 0 cancelled of 2500)",
    ]


def test_given_executions_one_after_the_other_when_they_end_then_each_is_told_once(own_runtime: RuntimeProcess) -> None:
    runtime = own_runtime.start()
    runtime.create("fails", ["/bin/false"], maxRetries=0)
    executions = [runtime.run("fails") for _ in range(3)]
    for execution in executions:
        runtime.wait(execution)
    for execution in executions:
        assert lines_of(runtime, execution)[-1] == "failed (0 succeeded, 1 failed, 0 cancelled of 1)"
    assert runtime.log.count(": failed (") == 3
