"""A fixed set of simulations of workflows. `make simulate` runs thousands, together with jobs."""

from __future__ import annotations

import pytest

from hakobune.testing.simulator import Part, run_seed

# Seeds that once found something stay here for ever, with what they found in the world as it was then.
FOUND = {
    42: "an execution that was cancelled at once, and told again after a crash, had no entry of its begin in the log",
    69: "a cancel that was asked for again and again left one command each time while the first could not be performed",
    511: "a job that ran twice: a call repeated after a crash was refused, and then made under another key",
    284: "a call that was begun in the same turn as a cancel",
}

FOUND_WITH_JOBS = {
    52: "an execution whose runtime crashed again and again before the log was written had no entry of its begin",
}


@pytest.mark.parametrize("seed", sorted(FOUND_WITH_JOBS))
def test_a_seed_with_jobs_that_found_a_bug_holds(seed: int) -> None:
    run_seed(seed, part=Part.RUNS)


@pytest.mark.parametrize("seed", sorted(FOUND))
def test_a_seed_that_found_a_bug_holds(seed: int) -> None:
    run_seed(seed, part=Part.WORKFLOWS)


@pytest.mark.parametrize("first", range(20_000, 20_040, 20))
def test_twenty_seeds_hold(first: int) -> None:
    for seed in range(first, first + 20):
        run_seed(seed, part=Part.WORKFLOWS)


def test_jobs_and_workflows_together_hold() -> None:
    for seed in range(30_000, 30_010):
        run_seed(seed, part=Part.RUNS)


def test_a_seed_repeats_to_the_last_digit() -> None:
    assert run_seed(7, part=Part.WORKFLOWS) == run_seed(7, part=Part.WORKFLOWS)


def test_the_world_really_is_bad() -> None:
    outcomes = [run_seed(seed, part=Part.WORKFLOWS) for seed in range(500, 515)]
    assert sum(outcome.crashes for outcome in outcomes) > 10
    assert sum(outcome.stops for outcome in outcomes) > 2
    assert sum(outcome.flow_executions for outcome in outcomes) > 40
    assert sum(outcome.calls for outcome in outcomes) > 150
    assert sum(outcome.leaps for outcome in outcomes) > 7


def test_given_faults_when_nobody_interferes_then_each_execution_ends_as_without_them() -> None:
    compared = 0
    for seed in range(50_000, 50_020):
        bad = run_seed(seed, part=Part.WORKFLOWS)
        quiet = run_seed(seed, is_quiet=True, part=Part.WORKFLOWS)
        assert (quiet.crashes, quiet.stops) == (0, 0)
        assert bad.flow_ends == quiet.flow_ends, f"seed {seed}"
        compared += len(bad.flow_ends)
    assert compared > 20
