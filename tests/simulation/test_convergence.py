"""Whatever goes wrong on the way, a plain scenario ends as it does on a quiet day."""

from __future__ import annotations

import pytest

from hakobune.testing.simulator import Part, run_seed


@pytest.mark.parametrize("first", range(50_000, 50_060, 20))
def test_given_faults_when_nobody_interferes_then_every_task_ends_as_without_them(first: int) -> None:
    compared = 0
    for seed in range(first, first + 20):
        bad = run_seed(seed, part=Part.JOBS)
        if bad.is_plain:
            quiet = run_seed(seed, is_quiet=True, part=Part.JOBS)
            assert bad.ends == quiet.ends, f"seed {seed}"
            compared += sum(len(states) for states in bad.ends.values())
    assert compared > 100
