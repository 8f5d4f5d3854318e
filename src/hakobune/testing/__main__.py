"""`python -m hakobune.testing --seeds N` or `--seed N`: simulations, over all cores."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from hakobune.testing.simulator import Outcome, SimulationFailed, run_seed


def _try(seed: int) -> Outcome | str:
    import logging
    import traceback

    logging.disable(logging.ERROR)  # of faults that were wanted
    try:
        return run_seed(seed)
    except SimulationFailed as failure:
        return "".join(traceback.format_exception(failure))


def main() -> int:
    """Exit code 0 if every seed held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one, with its traceback")
    options = parser.parse_args()
    if options.seed is not None:
        found = _try(options.seed)
        print(found)
        return int(isinstance(found, str))
    began = time.monotonic()
    crashes = stops = processes = lives = flows = calls = leaps = versions = deliveries = 0
    virtual_s = 0.0
    failed: list[str] = []
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        for seed, found in zip(seeds, pool.map(_try, seeds, chunksize=8), strict=True):
            if isinstance(found, str):
                failed.append(found)
                print(f"seed {seed} failed: make simulate SEED={seed}", file=sys.stderr)
                continue
            crashes += found.crashes
            stops += found.stops
            lives += found.engine_lives - 1
            processes += found.processes
            flows += found.flow_executions
            calls += found.calls
            leaps += found.leaps
            versions += found.versions
            deliveries += found.deliveries
            virtual_s += found.virtual_s
    if failed:
        print(failed[0], file=sys.stderr)
    print(
        f"simulate: {options.seeds} seeds, {len(failed)} failed; {crashes} crashes and {stops} stops of the "
        f"runtime, {lives} lives more of the engine, {processes} processes, "
        f"{flows} executions of workflows with {calls} calls and {leaps} long waits, "
        f"{versions} versions of objects, {deliveries} deliveries of messages, "
        f"{virtual_s / 3600:.0f} virtual hours in {time.monotonic() - began:.1f} s"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
