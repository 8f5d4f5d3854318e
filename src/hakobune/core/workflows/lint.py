"""Checks a definition: whether it can be deployed, and what is likely to go wrong in production.

`# hakobune: ignore RULE, RULE` at the end of a line, or on a line of its own above, leaves out what these rules find
on the line; `# hakobune: ignore-file RULE` leaves it out in the whole source. What refuses a deployment stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from hakobune.core.workflows.build import check_source
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.lint_arguments import argument_findings
from hakobune.core.workflows.lint_calls import call_findings
from hakobune.core.workflows.lint_findings import ALL_RULES, RULES, Finding, Level, LintRule, of_problem
from hakobune.core.workflows.lint_flow import flow_findings
from hakobune.core.workflows.lint_limits import limit_findings
from hakobune.core.workflows.lint_loops import loop_findings
from hakobune.core.workflows.lint_parallel import parallel_findings
from hakobune.core.workflows.lint_secrets import secret_findings
from hakobune.core.workflows.lint_sites import sites

__all__ = ["ALL_RULES", "RULES", "Finding", "Level", "LintRule", "lint_source"]

_COMMENT: Final = re.compile(r"#\s*hakobune:\s*(ignore(?:-file)?)\s+([a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)")


def lint_source(
    source: str,
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    strictness: Strictness = Strictness.STRICT,
) -> list[Finding]:
    """All that is found, in the order of the source. `select`: only these rules (none: all); `ignore`: not these.

    The rules for production need a program: they find nothing where the definition cannot be deployed.
    """
    program, problems = check_source(source, strictness=strictness)
    findings = [of_problem(problem) for problem in problems]
    refused = {finding for finding in findings if finding.level is Level.ERROR}
    if program is not None:
        all_sites = sites(program)
        findings += call_findings(program, all_sites)
        findings += argument_findings(all_sites)
        findings += secret_findings(all_sites)
        findings += flow_findings(program, all_sites)
        findings += parallel_findings(all_sites)
        findings += loop_findings(program, all_sites)
        findings += limit_findings(source, program, all_sites)
    ignored = _Comments(source)
    kept = [
        finding
        for finding in dict.fromkeys(findings)
        if finding in refused
        or ((not select or finding.rule in select) and finding.rule not in ignore and not ignored.covers(finding))
    ]
    return sorted(kept, key=lambda finding: (finding.position.line, finding.position.column, finding.rule))


class _Comments:
    """What the comments of a source say is not to be told."""

    def __init__(self, source: str) -> None:
        self._file: set[str] = set()
        self._lines: dict[int, set[str]] = {}
        for number, line in enumerate(source.splitlines(), 1):
            for word, rules in _comments(line):
                if word == "ignore-file":
                    self._file |= rules
                else:
                    is_alone = line.lstrip().startswith("#")
                    self._lines.setdefault(number + is_alone, set()).update(rules)

    def covers(self, finding: Finding) -> bool:
        """Whether a comment speaks of this."""
        return finding.rule in self._file or finding.rule in self._lines.get(finding.position.line, ())


def _comments(line: str) -> Iterator[tuple[str, set[str]]]:
    for found in _COMMENT.finditer(line):
        yield found[1], {rule.strip() for rule in found[2].split(",")}
