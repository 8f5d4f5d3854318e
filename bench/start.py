"""How long does `hakobune up` take to its first answer, beside the mere import of what it imports?

The list of modules is taken from a real start (PYTHONPROFILEIMPORTTIME), in the order in which they were loaded. Fresh
directories, a directory with the 10,000 ended tasks of an execution, and the bare import alternate. The import leaves
without tidying up, so that nothing is in its figure that is not in ours; the supervisor, which starts beside the
control plane, takes the other processor and counts in wall time only.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from bench.house import House
from bench.processes import Cost, cost
from bench.report import POWER, Report, at_most, middle

ROUNDS = 15
TASKS = 10_000
_IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)
_IMPORT_ALL = """\
import os, sys
for name in sys.argv[1].split(","):
    try:
        __import__(name)
    except ImportError:
        pass
os._exit(0)
"""


def modules_of_a_start(directory: Path) -> list[str]:
    """What `hakobune up` has imported when it answers, in order."""
    house = House(directory, environ={"PYTHONPROFILEIMPORTTIME": "1"})
    with house:
        house.start()
        text = house.log.read_text()
    return list(dict.fromkeys(_IMPORTED.findall(text)))


def _start(house: House) -> Cost:
    """Start, look, stop."""
    with house:
        wall_s = house.start()
        return Cost(wall_s=wall_s, cpu_s=house.control_plane_cpu_s())


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate imports, fresh starts and restarts."""
    report = Report("start", directory, durability=POWER, is_quick=is_quick)
    modules = modules_of_a_start(directory / "modules")
    importing = [sys.executable, "-c", _IMPORT_ALL, ",".join(modules)]
    used = directory / "used"
    with House(used) as house:
        house.start()
        house.wait(house.run_job(house.create_job(["/bin/true"], tasks=TASKS, parallelism=8)))
    found: dict[str, list[Cost]] = {"importing the same modules": [], "new directory": [], f"{TASKS:,} ended tasks": []}
    for number in range(3 if is_quick else ROUNDS):
        runs = (cost(importing), _start(House(directory / f"new-{number}")), _start(House(used)))
        for costs, run in zip(found.values(), runs, strict=True):
            costs.append(run)
    report.figure("modules", len(modules))
    for name, costs in found.items():
        report.sample(f"{name}: wall", [one.wall_s * 1e3 for one in costs], "ms")
        report.sample(f"{name}: CPU", [one.cpu_s * 1e3 for one in costs], "ms")
    rival, *starts = found.items()
    for name, costs in starts:
        walls = [one.wall_s / bare.wall_s for one, bare in zip(costs, rival[1], strict=True)]
        report.figure(f"{name}: wall", middle(walls), "x the imports", target=at_most(1.5, "x the imports"))
        cpu = middle([one.cpu_s for one in costs]) / middle([one.cpu_s for one in rival[1]])
        report.figure(f"{name}: CPU", cpu, "x the imports")
        wall_ms = middle([one.wall_s for one in costs]) * 1e3
        report.figure(f"{name}: wall", wall_ms, "ms", target=at_most(500, "ms on a quiet machine"))
    return report
