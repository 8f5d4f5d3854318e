"""How long does a definition of the largest size take, from its text to a plan, with all that is checked on the way?

The file is as long as a definition may be, 128 KiB, and dense: calls with maps as arguments, assignments of several
expressions, conditions, jumps. A file of long texts takes less. Beside it: PyYAML's C parser, which only finds the
events of the same text, and makes nothing of them.
"""

from __future__ import annotations

import time
from pathlib import Path

import yaml

from bench.report import Report, at_most, middle
from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.limits import SOURCE_BYTES

ROUNDS = 15
_VARIABLES = 40
_PART = """\
    - assign_{number}:
        assign:
          - total_{variable}: ${{args.count + {number}}}
          - list_{variable}: [1, 2, "${{args.name}}"]
    - call_{number}:
        call: http.post
        args:
          url: https://example.com/api/{number}
          headers: {{Content-Type: application/json}}
          body:
            name: ${{"item-" + string(args.count)}}
            number: {number}
        result: answer_{variable}
    - check_{number}:
        switch:
          - condition: ${{answer_{variable}.code == 200 and args.count > {number}}}
            next: assign_{following}
"""
_HEAD = "main:\n  params: [args]\n  steps:\n"
_TAIL = "    - assign_{number}:\n        return: ok\n"


def a_large_source() -> str:
    """A definition just below the limit."""
    parts, size, number = [_HEAD], len(_HEAD) + 60, 0
    while True:
        part = _PART.format(number=number, variable=number % _VARIABLES, following=number + 1)
        if size + len(part) > SOURCE_BYTES:
            return "".join([*parts, _TAIL.format(number=number)])
        parts.append(part)
        size += len(part)
        number += 1


def _compiled(source: str) -> tuple[float, float]:
    """Milliseconds, wall and CPU."""
    started_s, cpu_s = time.perf_counter(), time.process_time()
    compile_source(source)
    return (time.perf_counter() - started_s) * 1e3, (time.process_time() - cpu_s) * 1e3


def _parsed_cpu_ms(source: str) -> float:
    cpu_s = time.process_time()
    for _ in yaml.parse(source, Loader=yaml.CLoader):
        pass
    return (time.process_time() - cpu_s) * 1e3


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Alternate our way to a plan and the bare parser."""
    report = Report("workflows_sources", directory, durability="none: in memory", is_quick=is_quick)
    source = a_large_source()
    rounds = [(*_compiled(source), _parsed_cpu_ms(source)) for _ in range(3 if is_quick else ROUNDS)]
    report.figure("the file", len(source.encode()) / 1024, "KiB")
    report.figure("its lines", source.count("\n"))
    wall = report.sample("text to plan: wall", [wall for wall, _, _ in rounds], "ms")
    cpu = report.sample("text to plan: CPU", [cpu for _, cpu, _ in rounds], "ms")
    report.sample("PyYAML's C parser alone: CPU", [rival for _, _, rival in rounds], "ms")
    report.figure("text to plan: CPU", middle([cpu / rival for _, cpu, rival in rounds]), "x PyYAML's C parser alone")
    report.figure("text to plan: CPU", cpu, "ms")
    report.figure("text to plan: wall", wall, "ms", target=at_most(150, "ms on a quiet machine"))
    return report
