"""What the documents tell of the cases: how many there are of each chapter, and what was decided by ourselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from runner import Case, all_cases

SUBJECTS: Final = {
    "1.1": "The text of a definition",
    "1.2": "Parameters",
    "1.3": "Calls of routines and of the library",
    "1.4": "Steps and their names",
    "1.5": "Order and jumps",
    "1.6": "What a deployment refuses",
    "1.7": "YAML and `${…}`",
    "2.1": "Where expressions are evaluated",
    "2.2": "`assign`",
    "2.3": "`call`",
    "2.4": "`switch`",
    "2.5": "`for`",
    "2.6": "`try`, `retry`, `except`",
    "2.7": "`raise`",
    "2.8": "`parallel`",
    "2.9": "`return`",
    "2.10": "Scopes of variables",
    "3.1": "Types",
    "3.2": "Grammar of expressions",
    "3.3": "Names in expressions",
    "3.4": "`+`",
    "3.5": "Arithmetic",
    "3.6": "Comparison and `in`",
    "3.7": "`and`, `or`, `not`",
    "3.8": "Members and indexes",
    "3.9": "Conversions and helpers",
    "3.10": "The text of numbers",
    "3.11": "Functions that wait",
    "3.12": "JSON",
    "4.1": "Values and their copies",
    "4.2": "Memory",
    "4.3": "Counting of steps",
    "5.1": "Error values",
    "5.2": "Tags of errors",
    "5.3": "Status and error",
    "5.4": "Payload and context of a failure",
    "6": "The library in general",
    "6.1": "`base64`",
    "6.2": "`events`",
    "6.3": "`http`",
    "6.4": "`json`",
    "6.5": "`list`",
    "6.6": "`map`",
    "6.7": "`math`",
    "6.8": "`hash`",
    "6.9": "`retry`",
    "6.10": "`sys`",
    "6.11": "`text`",
    "6.12": "`time`",
    "6.13": "`uuid`",
    "6.14": "`experimental.executions`",
    "6.15": "`gke`",
    "7.1": "Connectors",
    "7.2": "Long-running operations",
    "7.3": "Connectors of single services",
    "8.7": "Callbacks",
    "9": "Limits",
    "10.1": "Whole definitions",
    "10.2": "Known issues of the service",
}
_RULE = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?:\(\d+\))?(?P<own> \[D\])? (?P<words>.+)", re.DOTALL)


def chapter_of(case: Case) -> str:
    """The number of the chapter that a case belongs to."""
    return _parts(case)["number"]


def chapters_table() -> str:
    """How many cases each chapter has, and in how many of them something is refused or fails."""
    lines = ["| | subject | cases | of them refused or failing |", "|---|---|---:|---:|"]
    total = negative = 0
    for number, cases in _by_chapter():
        bad = sum(case.is_refused or case.is_failing for case in cases)
        lines.append(f"| {number} | {SUBJECTS[number]} | {len(cases)} | {bad} |")
        total, negative = total + len(cases), negative + bad
    return "\n".join([*lines, f"| | **all** | **{total}** | **{negative}** |", ""])


def decisions_list() -> str:
    """What the documentation does not say, and what is done here."""
    lines: list[str] = []
    for number, cases in _by_chapter():
        own = [_parts(case)["words"] for case in cases if _parts(case)["own"]]
        if own:
            lines += [f"**{SUBJECTS[number]}**", "", *(f"- {words}" for words in dict.fromkeys(own)), ""]
    return "\n".join(lines)


def _parts(case: Case) -> re.Match[str]:
    found = _RULE.fullmatch(case.rule)
    assert found is not None, case.id
    return found


def _by_chapter() -> Iterator[tuple[str, list[Case]]]:
    cases = all_cases()
    for number in SUBJECTS:
        of_it = [case for case in cases if chapter_of(case) == number]
        if of_it:
            yield number, of_it
