"""What does a command cost before it does anything: `--help` and a list, beside a bare interpreter?

CPU time, since a shared machine gives no steady wall time; the three alternate.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.house import HAKOBUNE, PROJECT, House
from bench.processes import Cost, cost
from bench.report import POWER, Report, at_most

ROUNDS = 40
JOBS = 10
REGION = "asia-northeast1"


def environment(house: House) -> dict[str, str]:
    """As a user's shell has it after `eval "$(hakobune env)"`."""
    import subprocess

    words = [HAKOBUNE, "env", "--port", str(house.port), "--grpc-port", str(house.grpc_port)]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    script = f"{text}\nenv -0"
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ))
    found = dict(entry.split("=", 1) for entry in shell.stdout.split("\0") if entry)
    return {**found, "CLOUDSDK_RUN_REGION": REGION, "GOOGLE_CLOUD_PROJECT": PROJECT, "CLOUDSDK_CORE_PROJECT": PROJECT}


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate a bare interpreter, `--help` and `run jobs list`."""
    report = Report("command_line", directory, durability=POWER, is_quick=is_quick)
    with House(directory / "data") as house:
        house.start()
        for _ in range(JOBS):
            house.create_job(["/bin/true"], tasks=1, parallelism=1)
        env = environment(house)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "hakobune --help": [HAKOBUNE, "--help"],
            "hakobune run jobs list": [HAKOBUNE, "run", "jobs", "list", "--region", REGION],
        }
        found: dict[str, list[Cost]] = {name: [] for name in commands}
        for words in commands.values():
            cost(words, env=env)  # the first time compiles
        for _ in range(3 if is_quick else ROUNDS):
            for name, words in commands.items():
                found[name].append(cost(words, env=env))
    cpu = {
        name: report.sample(f"{name}: CPU", [one.cpu_s * 1e3 for one in costs], "ms") for name, costs in found.items()
    }
    for name, costs in found.items():
        report.sample(f"{name}: wall", [one.wall_s * 1e3 for one in costs], "ms")
    bare, helped, listed = cpu.values()
    report.figure("--help: CPU", helped / bare, "x python -c pass", target=at_most(2, "x python -c pass"))
    report.figure("run jobs list: CPU", listed / bare, "x python -c pass", target=at_most(3, "x python -c pass"))
    return report
