"""Findings for people, for programs, and as SARIF 2.1.0 for the tools that review code.

Source of SARIF: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html (sections 3.13 to 3.28, 3.49)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hakobune.core.workflows.lint_findings import ALL_RULES, Finding, Level, level_of
from hakobune.core.workflows.problem_texts import labelled, marked_line, source_lines

SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INFORMATION: Final = "https://github.com/hakobune/hakobune"

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | int"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A file and what was found in it."""

    name: str
    source: str
    findings: Sequence[Finding]


def text_report(files: Sequence[CheckedFile]) -> str:
    """A paragraph for each finding: place, level, message, rule, the line, the remedy."""
    told: list[str] = []
    for file in files:
        lines = source_lines(file.source)
        told += [f"{_paragraph(file, lines, finding)}\n" for finding in file.findings]
    return "".join(told)


def _paragraph(file: CheckedFile, lines: Sequence[str], finding: Finding) -> str:
    position = finding.position
    message = labelled(finding.level, finding.message)
    told = [
        f"{file.name}:{position.line}:{position.column}: {message} [{finding.rule}]",
        *marked_line(position, lines),
    ]
    if finding.remedy:
        told.append(f"  {finding.remedy}")
    return "\n".join(told)


def summary(files: Sequence[CheckedFile]) -> str:
    """How many findings of each level there are."""
    levels = [finding.level for file in files for finding in file.findings]
    counts = [_count(levels.count(level), level) for level in Level if level in levels]
    return ", ".join(counts) if counts else "nothing found"


def _count(number: int, level: Level) -> str:
    return f"{number} {level}" if number == 1 else f"{number} {level}s"


def json_report(files: Sequence[CheckedFile]) -> str:
    """A list of findings, each a map."""
    findings: list[_Json] = [
        {
            "file": file.name,
            "line": finding.position.line,
            "column": finding.position.column,
            "level": finding.level.value,
            "rule": finding.rule,
            "message": finding.message,
            "remedy": finding.remedy,
            "routine": finding.routine,
            "step": finding.step,
        }
        for file in files
        for finding in file.findings
    ]
    return json.dumps(findings, ensure_ascii=False, indent=2) + "\n"


def sarif_report(files: Sequence[CheckedFile], version: str) -> str:
    """One run with one result for each finding; only rules that found something are described."""
    names = sorted({finding.rule for file in files for finding in file.findings})
    places = {name: index for index, name in enumerate(names)}
    results: list[_Json] = [_result(file, finding, places[finding.rule]) for file in files for finding in file.findings]
    driver: dict[str, _Json] = {
        "name": "hakobune lint",
        "version": version,
        "informationUri": _INFORMATION,
        "rules": [_rule(name) for name in names],
    }
    run: dict[str, _Json] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    document: dict[str, _Json] = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _rule(name: str) -> _Json:
    text = ALL_RULES.get(name, "The definition can be deployed.")
    return {"id": name, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level_of(name).value}}


def _result(file: CheckedFile, finding: Finding, index: int) -> _Json:
    remedy = f" {finding.remedy[:1].upper()}{finding.remedy[1:]}." if finding.remedy else ""
    region: dict[str, _Json] = {"startLine": finding.position.line, "startColumn": finding.position.column}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.level.value,
        "message": {"text": f"{finding.message}.{remedy}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(file.name)}, "region": region}}],
    }


def _uri(name: str) -> str:
    """The name of a file as a relative or absolute reference."""
    from urllib.parse import quote

    return ("file://" if name.startswith("/") else "") + quote(name)
