"""What a measurement prints and keeps: conditions, samples with their spread, figures beside their targets."""

from __future__ import annotations

import json
import math
import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
POWER = "power: SQLite in WAL mode, synchronous=FULL"
_BUSY_LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a figure should be: at most or at least `bound`. `text` says where it comes from, with the unit."""

    bound: float
    is_at_least: bool = False
    text: str = ""

    def is_met(self, value: float) -> bool:
        """Whether `value` reaches it."""
        return value >= self.bound if self.is_at_least else value <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.is_at_least else "≤"
        return f"{sign} {self.bound:g} {self.text}".rstrip()


def at_least(bound: float, text: str = "") -> Target:
    """A target from below."""
    return Target(bound=bound, is_at_least=True, text=text)


def at_most(bound: float, text: str = "") -> Target:
    """A target from above."""
    return Target(bound=bound, text=text)


def middle(values: Sequence[float]) -> float:
    """The median (nearest rank): a value that was measured."""
    return rank(values, 0.5)


def rank(values: Sequence[float], part: float) -> float:
    """The smallest value that `part` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Number, p50, p95, p99, least and most. With few values the high ranks are the most."""
    found = {"p50": rank(values, 0.5), "p95": rank(values, 0.95), "p99": rank(values, 0.99)}
    found |= {"min": min(values), "max": max(values)}
    return {"n": len(values)} | {name: _short(value) for name, value in found.items()}


def _short(value: float) -> float:
    """Four digits that count are more than a shared machine gives."""
    return float(f"{value:.4g}")


def busy_percent(over_s: float = _BUSY_LOOK_S) -> float:
    """How busy all processors are while we do nothing: the work of others."""
    before = _processor_times()
    time.sleep(over_s)
    after = _processor_times()
    total = sum(after) - sum(before)
    idle = after[3] + after[4] - before[3] - before[4]  # idle and iowait; proc(5), /proc/stat
    return round(100 * (1 - idle / total), 1) if total else 0.0


def _processor_times() -> list[int]:
    with open("/proc/stat") as file:
        return [int(word) for word in file.readline().split()[1:9]]


def _model() -> str:
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def file_system(directory: Path) -> str:
    """The type of the file system that a directory is on."""
    best = ("", "unknown")
    with open("/proc/mounts") as file:
        for line in file:
            _, place, kind, *_ = line.split()
            if str(directory.resolve()).startswith(place) and len(place) > len(best[0]):
                best = (place, kind)
    return best[1]


def conditions(directory: Path) -> dict[str, object]:
    """Machine, versions, load."""
    return {
        "cpu": _model(),
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "file_system": file_system(directory),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load1": round(os.getloadavg()[0], 2),
        "busy_before_percent": busy_percent(),
    }


class Report:
    """One question's answer. Prints as it goes; `close` appends one JSON line to `results/QUESTION.jsonl`."""

    def __init__(self, question: str, directory: Path, *, durability: str, is_quick: bool) -> None:
        self.question = question
        self._line: dict[str, object] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "is_quick": is_quick,
            "durability": durability,
            "conditions": conditions(directory),
        }
        self._samples: dict[str, dict[str, object]] = {}
        self._figures: dict[str, dict[str, object]] = {}
        print(f"\n== {question} ==")
        found = self._line["conditions"]
        assert isinstance(found, dict)  # made above
        print("   " + ", ".join(f"{name} {value}" for name, value in found.items()))
        print(f"   durability: {durability}", flush=True)

    def sample(self, name: str, values: Sequence[float], unit: str) -> float:
        """Print and keep the spread of what was measured several times; the median."""
        found = spread(values)
        self._samples[name] = {"unit": unit, **found}
        ranks = "  ".join(f"{key} {found[key]:g}" for key in ("p50", "p95", "p99", "min", "max"))
        print(f"   {name:<46} {ranks}  {unit} (n={len(values)})")
        return middle(values)

    def figure(self, name: str, value: float, unit: str = "", *, target: Target | None = None) -> None:
        """Print and keep a figure that is quoted, beside its target."""
        kept: dict[str, object] = {"value": _short(value), "unit": unit}
        verdict = ""
        if target is not None:
            kept |= {"target": str(target), "is_met": target.is_met(value)}
            verdict = f"   target {target}: {'met' if target.is_met(value) else 'MISSED'}"
        self._figures[f"{name} ({unit})" if unit else name] = kept
        print(f" > {name:<46} {_short(value):g} {unit}{verdict}")

    def close(self, results: Path | None) -> None:
        """Keep the line, unless there is no place for it."""
        self._line["load1_after"] = round(os.getloadavg()[0], 2)
        line = {"question": self.question, **self._line, "figures": self._figures, "samples": self._samples}
        print(f"   load at the end {self._line['load1_after']}", flush=True)
        if results is not None:
            results.mkdir(parents=True, exist_ok=True)
            with open(results / f"{self.question}.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
