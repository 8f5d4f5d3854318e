"""A fixed set of simulations. `make simulate` runs thousands."""

from __future__ import annotations

import pytest

from hakobune.testing.simulator import Part, run_seed

# Seeds that once found a bug stay here for ever, with what they found in the world as it was then.
FOUND = {
    5: "a START whose answer was lost was performed again after its attempt had ended and was forgotten",
    13: "a turn that was committed while the runtime stopped started a performer in a group that had ended",
    81: "a repeated START raced the acknowledgement of the end of its attempt",
    135: "a performer waited for a connection event that had been replaced",
    209: "a client waited for a runtime that died while it started",
    10_172: "cancelling a shielded turn kept the virtual clock from going on",
    21_599: "a turn that was committed while the runtime stopped started a performer that nobody cancelled",
    642: "a call that was under way when the engine died reached its next life",
}


@pytest.mark.parametrize("seed", sorted(FOUND))
def test_a_seed_that_found_a_bug_holds(seed: int) -> None:
    run_seed(seed, part=Part.JOBS)


@pytest.mark.parametrize("first", range(10_000, 10_080, 20))
def test_twenty_seeds_hold(first: int) -> None:
    for seed in range(first, first + 20):
        run_seed(seed, part=Part.JOBS)


def test_a_seed_repeats_to_the_last_digit() -> None:
    assert run_seed(7, part=Part.JOBS) == run_seed(7, part=Part.JOBS)


def test_the_world_really_is_bad() -> None:
    outcomes = [run_seed(seed, part=Part.JOBS) for seed in range(300, 320)]
    assert sum(outcome.crashes for outcome in outcomes) > 10
    assert sum(outcome.stops for outcome in outcomes) > 2
    assert sum(outcome.engine_lives - 1 for outcome in outcomes) > 5
    assert sum(outcome.processes for outcome in outcomes) > 200


@pytest.mark.parametrize("first", range(40, 60, 10))
def test_without_faults_nothing_ends_but_tasks(first: int) -> None:
    for seed in range(first, first + 10):
        outcome = run_seed(seed, is_quiet=True, part=Part.JOBS)
        assert (outcome.crashes, outcome.stops, outcome.engine_lives) == (0, 0, 1)
