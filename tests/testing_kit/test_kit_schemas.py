"""The schemas for editors: as the tables say, and they take what the runtime takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import json_schema
import pytest

from hakobune.core.workflows.build import check_source
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Severity
from hakobune.core.workflows.source import SourceOptions, read_source
from hakobune.testing.workflows.case_words import value_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "workflows_kit"
sys.path.append(str(ROOT / "tests" / "language"))
from runner import all_cases  # noqa: E402 - the language cases are a folder beside this one


def a_schema(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "docs" / "schema" / f"{name}.schema.json").read_text(encoding="utf-8"))


def a_document(text: str) -> Any:
    tree, problems = read_source(text, SourceOptions(limits=Strictness.OFF))
    assert tree is not None, problems
    return value_of(tree.root)


def fits(text: str, name: str = "workflow") -> bool:
    schema = a_schema(name)
    return json_schema.is_valid(a_document(text), schema, schema)


def test_the_schemas_are_those_of_the_tables() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_schemas.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_definition_that_can_be_deployed_fits() -> None:
    schema = a_schema("workflow")
    refused: list[str] = []
    for case in all_cases():
        program, problems = check_source(case.source)
        if program is None or any(problem.severity is Severity.WARNING for problem in problems):
            continue
        if "FAILS" in case.source or {"fails", "payload"} & case.fields.keys():
            continue  # what fails when it runs may be a mistake that the schema sees
        if not json_schema.is_valid(a_document(case.source), schema, schema):
            refused.append(case.id)
    assert refused == []


@pytest.mark.parametrize(
    "text",
    [
        "- a: {return: 1}",
        "- a: {call: sys.log, args: {text: hi, severity: INFO}}",
        "- a: {call: text.split, args: ['a,b', ',']}",
        "- a: {call: own_routine, args: {anything: 1}}",
        "- a: {call: googleapis.run.v2.projects.locations.jobs.run, args: {name: n}}",
        "- a: {switch: [{condition: true, return: 1}, {condition: '${x}', next: end}, {condition: false}]}",
        "main: {params: [a, {b: 1}], steps: [{a: {steps: [{b: {next: end}}]}}]}",
        "- a: {try: {raise: x}, retry: '${http.default_retry}', except: {as: e, steps: [{b: {raise: '${e}'}}]}}",
        "- a: {parallel: {shared: [x], branches: [{b: {steps: [{c: {assign: [{x: 1}]}}]}}]}}",
        "- a: {for: {value: v, range: [1, 2], steps: [{b: {next: continue}}]}}",
    ],
)
def test_what_is_written_well_fits(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "sub: {steps: [{a: {return: 1}}]}",
        "- a: {}",
        "- a: {retrun: 1}",
        "- a: {call: sys.log, assign: [{x: 1}]}",
        "- a: {call: sys.log, args: {txt: hi}}",
        "- a: {call: http.get, args: {timeout: 3}}",
        "- a: {call: sys.log, args: {text: hi, severity: LOUD}}",
        "- a: {call: googleapis.nothing.v1.get}",
        "- a: {switch: [{return: 1}]}",
        "- a: {for: {value: v, steps: [{b: {return: 1}}]}}",
        "- a: {parallel: {shared: [x]}}",
        "- a: {try: {raise: x}, retry: {max_retries: 3}}",
        "- a: {assign: {x: 1}}",
    ],
)
def test_what_is_a_mistake_does_not(text: str) -> None:
    assert not fits(text)


def test_files_of_cases_fit() -> None:
    assert fits((EXAMPLE / "order_test.yaml").read_text(), "workflow_test")
    assert fits(
        "workflow: a.yaml\ncases: [{callbacks: [{after: 1h}], expect: {error: x, waits: [1, 2s]}}]", "workflow_test"
    )


@pytest.mark.parametrize(
    "text",
    [
        "workflow: a.yaml",
        "workflow: a.yaml\ncases: []",
        "workflow: a.yaml\ncases: [{nme: x}]",
        "workflow: a.yaml\ncases: [{mocks: [{json: 1}]}]",
        "workflow: a.yaml\ncases: [{expect: {waits: [soon]}}]",
        "workflow: a.yaml\ncases: [{mocks: [{step: a, error: Oops}]}]",
    ],
)
def test_files_of_cases_with_a_mistake_do_not(text: str) -> None:
    assert not fits(text, "workflow_test")
