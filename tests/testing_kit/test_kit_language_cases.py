"""The language cases, played by the kit: the same outcomes as in their own runner, and a lint that answers them all."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.effects import HttpRequest
from hakobune.core.workflows.events import Command
from hakobune.core.workflows.graph_builder import graph_of
from hakobune.core.workflows.graph_mermaid import to_mermaid
from hakobune.core.workflows.graph_svg import to_svg
from hakobune.core.workflows.lint import RULES, lint_source
from hakobune.core.workflows.parse import parse_source
from hakobune.testing.workflows.virtual_run import Reply, VirtualRun

sys.path.append(str(Path(__file__).resolve().parents[1] / "language"))
import runner

_DICE = ("uuid.generate", "create_callback_endpoint")  # their texts follow from the seeds, which are not the same here


class CaseWorld:
    """Answers as the case's script says."""

    def __init__(self, case: runner.Case) -> None:
        self.world = runner.World(case.fields.get("answers", ()))

    def reply(self, command: Command, now_s: float) -> Reply | None:
        if not isinstance(command.effect, HttpRequest):
            return None
        answer, took_s = self.world._respond(command.effect)
        return Reply(answer=answer, after_s=took_s)


def played(case: runner.Case) -> VirtualRun:
    started: Any = runner.started(case).event
    run = VirtualRun(
        compile_source(case.source, strictness=case.strictness),
        CaseWorld(case),
        argument=started.argument,
        environment=started.environment,
        limits=case.limits,
        start_s=runner.START_S,
        expires_after_s=math.inf,  # the cases say themselves when their time is over
    )
    for entry in case.fields.get("events", ()):
        run.schedule(entry["after_s"], event_of(entry))
    run.finish()
    return run


def event_of(entry: Mapping[str, Any]) -> Any:
    return lambda machine: runner._scripted(entry, runner.START_S + entry["after_s"], machine)


def told(outcome: object) -> str:
    """An outcome; the two worlds have words of their own for an answer that comes too late."""
    return re.sub(r"no answer (in time|within [0-9.]+ seconds)", "no answer", repr(outcome))


@pytest.mark.parametrize("chapter", runner.chapter_names())
def test_the_kit_plays_each_case_as_its_own_runner_does(chapter: str) -> None:
    for case in runner.read_cases(chapter):
        if case.is_refused or any(word in case.source for word in _DICE):
            continue
        theirs, ours = runner.play(case), played(case)
        assert told(ours.machine.outcome) == told(theirs.outcome), case.id
        assert ours.machine.steps == theirs.steps, case.id


@pytest.mark.parametrize("chapter", runner.chapter_names())
def test_lint_answers_every_case_and_finds_what_refuses_its_deployment(chapter: str) -> None:
    for case in runner.read_cases(chapter):
        findings = lint_source(case.source, strictness=case.strictness)
        is_refused = any(finding.level == "error" and finding.rule not in RULES for finding in findings)
        assert is_refused == case.is_refused, case.id


def test_what_lint_says_can_never_work_fails() -> None:
    """Where a bad argument is told, the case says that its step fails."""
    told = 0
    for case in [case for chapter in runner.chapter_names() for case in runner.read_cases(chapter)]:
        for finding in lint_source(case.source, select=["bad-argument"]):
            if finding.rule == "bad-argument":
                told += 1
                assert "ValueError" in f"{case.fields}{case.markers}", case.id
    assert told >= 4


_NODE = re.compile(
    r'^ +(r\d+n\d+)(\(\["|\["|\{"|\{\{"|\(\("|\[\["|\("|>")[^"]*(?:"\]\)|"\]|"\}|"\}\}|"\)\)|"\]\]|"\))$'
)
_FRAME = re.compile(r'^ +subgraph (f[\d_]+)\["[^"]*"\]$')
_EDGE = re.compile(r"^  (r\d+n\d+) (?:-->|-\.->)(?:\|[^|]*\|)? (r\d+n\d+)$")
_OTHER = re.compile(r"^(?:flowchart TD| +end|  classDef error stroke:#[0-9a-f]{6}|  class [\w,]+ error)$")


@pytest.mark.parametrize("chapter", runner.chapter_names())
def test_each_case_that_can_be_read_has_its_pictures(chapter: str) -> None:
    """The SVG is well-formed; of the Mermaid, each line has one of its forms, and edges join nodes that there are."""
    for case in runner.read_cases(chapter):
        program, _ = parse_source(case.source)
        if program is None:
            continue
        graph = graph_of(program)
        assert ET.fromstring(to_svg(graph, title=case.id)).tag == "{http://www.w3.org/2000/svg}svg", case.id
        nodes: set[str] = set()
        ends: set[str] = set()
        for line in to_mermaid(graph).splitlines():
            if found := _NODE.match(line):
                nodes.add(found[1])
            elif found := _EDGE.match(line):
                ends |= {found[1], found[2]}
            else:
                assert _FRAME.match(line) or _OTHER.match(line), (case.id, line)
        assert ends <= nodes, case.id
