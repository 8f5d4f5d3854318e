"""How long does a user wait for `deploy`, and for `execute --wait` of one task that does nothing?

Wall time from the shell's point of view, beside a bare interpreter and beside the task alone. No target: a command
that answers within 0.3 s feels immediate, and gcloud takes 0.35 to 0.6 s to start (shared figures, other machines).
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.command_line import REGION, environment
from bench.house import HAKOBUNE, House
from bench.processes import Cost, cost
from bench.report import POWER, Report

ROUNDS = 20


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate the rivals, deploys and executions."""
    report = Report("waits", directory, durability=POWER, is_quick=is_quick)
    jobs = [HAKOBUNE, "run", "jobs"]
    place = ["--region", REGION, "--quiet"]
    commands = {
        "/bin/true": ["/bin/true"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "deploy": [*jobs, "deploy", "waits", "--image", "local", "--command", "/bin/true", *place],
        "execute": [*jobs, "execute", "waits", *place],
        "execute --wait": [*jobs, "execute", "waits", "--wait", *place],
    }
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    with House(directory / "data") as house:
        house.start()
        env = environment(house)
        for words in commands.values():
            cost(words, env=env)  # the first time compiles
        for _ in range(3 if is_quick else ROUNDS):
            for name, words in commands.items():
                found[name].append(cost(words, env=env))
    for name, costs in found.items():
        wall_ms = report.sample(f"{name}: wall", [one.wall_s * 1e3 for one in costs], "ms")
        report.sample(f"{name}: CPU", [one.cpu_s * 1e3 for one in costs], "ms")
        report.figure(f"{name}: wall", wall_ms, "ms")
    return report
