"""What does a preloaded interpreter save? The same Python script as a job with and without `warm-modules`.

The script is a real one: it imports json, reads its index and writes a file under its final name. Cold and warm
executions alternate. CPU time is that of control plane, supervisor and tasks, the preloading included.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from pathlib import Path

from bench.house import House
from bench.processes import Cost
from bench.report import POWER, Report, at_least, middle

TASKS = 200
WIDTH = 8
ROUNDS = 7
SCRIPT = """\
import json
import os

index = os.environ["CLOUD_RUN_TASK_INDEX"]
path = os.path.join(os.environ["OUT"], index + ".json")
with open(path + ".part", "w") as file:
    json.dump({"index": int(index), "count": int(os.environ["CLOUD_RUN_TASK_COUNT"])}, file)
os.replace(path + ".part", path)
"""


def bare_interpreter() -> str:
    """The interpreter outside our virtual environment: nothing of ours in its start."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sysconfig.get_config_var("BINDIR")) / version)


def _round(house: House, job: str, out: Path) -> Cost:
    for path in out.iterdir():
        path.unlink()
    cpu_s, started_s = house.cpu_s(), time.perf_counter()
    house.wait(house.run_job(job), poll_s=0.01)
    found = Cost(wall_s=time.perf_counter() - started_s, cpu_s=house.cpu_s() - cpu_s)
    if len(list(out.glob("*.json"))) != TASKS:
        raise RuntimeError("not every task wrote its file")
    return found


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate cold and warm executions."""
    report = Report("warm_start", directory, durability=POWER, is_quick=is_quick)
    script, out = directory / "task.py", directory / "out"
    script.write_text(SCRIPT)
    out.mkdir()
    command = [bare_interpreter(), str(script)]
    jobs: dict[str, str] = {}
    found: dict[str, list[Cost]] = {}
    with House(directory / "data") as house:
        house.start()
        for kind, annotations in {"cold": {}, "warm": {"hakobune.dev/warm-modules": "json"}}.items():
            env = {"OUT": str(out)}
            jobs[kind] = house.create_job(command, tasks=TASKS, parallelism=WIDTH, annotations=annotations, env=env)
        for _ in range(2 if is_quick else ROUNDS):
            for kind, job in jobs.items():
                found.setdefault(kind, []).append(_round(house, job, out))
    cpu = {kind: [one.cpu_s / TASKS * 1e3 for one in costs] for kind, costs in found.items()}
    for kind, costs in found.items():
        report.sample(f"{kind}: rate", [TASKS / one.wall_s for one in costs], "tasks/s")
        report.sample(f"{kind}: all CPU", cpu[kind], "ms/task")
    report.figure("CPU a task, cold / warm", middle(cpu["cold"]) / middle(cpu["warm"]), "x", target=at_least(6, "x"))
    walls = [cold.wall_s / warm.wall_s for cold, warm in zip(found["cold"], found["warm"], strict=True)]
    report.figure("wall time, cold / warm", middle(walls), "x", target=at_least(6, "x"))
    return report
