"""`hakobune test`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from command_calls import Call

WORKFLOW = (
    "main: {params: [n], steps: [{done: {switch: [{condition: '${n == 1}', return: one}]}}, {last: {return: other}}]}"
)
CASES = """
workflow: flow.yaml
cases:
  - {name: good one, argument: 1, expect: {result: one}}
  - {name: bad one, argument: 2, expect: {result: one}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.yaml").write_text(WORKFLOW)
    (tmp_path / "flow_test.yaml").write_text(CASES)
    return tmp_path


def test_given_a_bad_case_then_the_exit_code_is_1_and_the_difference_is_told(hakobune: Call, folder: Path) -> None:
    outcome = hakobune("test", "flow_test.yaml")
    assert outcome.code == 1
    assert outcome.err == ""
    assert outcome.lines[:2] == [
        "ok   flow_test.yaml: good one (0 s, 1 internal + 0 external steps)",
        "FAIL flow_test.yaml: bad one (0 s, 2 internal + 0 external steps)",
    ]
    assert "flow_test.yaml:5: bad one" in outcome.out
    assert '$: expected "one", got "other"' in outcome.out
    assert "coverage of flow.yaml: steps 2/2 (100 %), branches 2/2 (100 %), except and retry none" in outcome.out
    assert "price of flow.yaml, its longest case: 2 internal and 0 external steps" in outcome.out
    assert outcome.lines[-1] == "1 passed, 1 failed"


def test_given_only_good_cases_then_the_exit_code_is_0(hakobune: Call, folder: Path) -> None:
    outcome = hakobune("test", "flow_test.yaml", "--name", "GOOD", "--trace")
    assert outcome.code == 0
    assert outcome.lines[-1] == "1 passed"
    assert "done: condition 1 is true" in outcome.out


def test_given_steps_that_are_not_there_then_all_are_told_with_their_places_and_nothing_is_tested(
    hakobune: Call, folder: Path
) -> None:
    (folder / "flow_test.yaml").write_text(
        "workflow: flow.yaml\n"
        "mocks: [{step: donne, json: 1}]\n"
        "cases:\n"
        "  - {name: one, argument: 1, expect: {result: one, steps: [lst]}}\n"
    )
    outcome = hakobune("test", "flow_test.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert "flow_test.yaml:2:16: a mock names the step 'donne', which flow.yaml does not have" in outcome.err
    assert "flow_test.yaml:4:60: 'steps' names the step 'lst'" in outcome.err
    assert "\n  did you mean 'done'?\n" in outcome.err


def test_given_a_workflow_in_the_place_of_its_cases_then_their_file_is_named(hakobune: Call, folder: Path) -> None:
    outcome = hakobune("test", "flow.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert "flow.yaml is a workflow; name the file with its cases, such as flow_test.yaml" in outcome.err


def test_given_a_folder_then_all_files_below_it_are_tested(hakobune: Call, folder: Path) -> None:
    below = folder / "deep" / "er"
    below.mkdir(parents=True)
    (below / "flow.yaml").write_text("- done: {return: 3}")
    (below / "three_test.yml").write_text("workflow: flow.yaml\ncases: [{name: three, expect: {result: 3}}]")
    assert hakobune("test", ".").lines[-1] != "1 passed"
    assert hakobune("test", "deep").lines[-1] == "1 passed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone_test.yaml"], "gone_test.yaml: No such file"),
        (["empty"], "empty: no file below it ends with _test.yaml"),
        (["broken_test.yaml", "gone_test.yaml"], "broken_test.yaml:3:15: unknown key 'nme'"),
        (["flow_test.yaml", "--name", "nobody"], "no case has 'nobody' in its name"),
        (["flow_test.yaml", "--prices", "prices.toml"], "prices.toml: the table of prices has no date"),
        (["flow_test.yaml", "--prices", "gone.toml"], "gone.toml"),
        (["flow_test.yaml", "--name", "good", "--junit", "no/folder/j.xml"], "the report cannot be written"),
    ],
)
def test_given_nothing_that_can_be_tested_then_the_exit_code_is_2(
    hakobune: Call, folder: Path, arguments: list[str], message: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "broken_test.yaml").write_text("workflow: flow.yaml\ncases:\n  - {name: x, nme: a}\n")
    (folder / "prices.toml").write_text("internal_usd = 3")
    outcome = hakobune("test", *arguments)
    assert outcome.code == 2
    assert message in outcome.err


def test_all_files_that_cannot_be_read_are_told_at_once(hakobune: Call, folder: Path) -> None:
    outcome = hakobune("test", "a_test.yaml", "b_test.yaml")
    assert "a_test.yaml" in outcome.err
    assert "b_test.yaml" in outcome.err


def test_reports_are_written(hakobune: Call, folder: Path) -> None:
    outcome = hakobune("test", "flow_test.yaml", "--junit", "results.xml", "--html", "pages")
    assert outcome.code == 1
    assert ET.parse(folder / "results.xml").getroot().attrib["failures"] == "1"
    assert "Coverage: pages/index.html" in outcome.err
    assert (folder / "pages" / "index.html").exists()


def test_given_too_little_coverage_then_the_exit_code_is_1(hakobune: Call, folder: Path) -> None:
    outcome = hakobune("test", "flow_test.yaml", "--name", "good", "--min-coverage", "60")
    assert outcome.code == 1
    assert "coverage of flow.yaml is 50 %, less than 60 %" in outcome.err
    assert hakobune("test", "flow_test.yaml", "--name", "good", "--min-coverage", "50").code == 0


def test_prices_of_ones_own_are_taken(hakobune: Call, folder: Path) -> None:
    (folder / "prices.toml").write_text('as_of = "2031-05-05"\ninternal_usd = 100\n')
    outcome = hakobune("test", "flow_test.yaml", "--name", "bad", "--prices", "prices.toml")
    assert "10,000 runs a month: $1,500.00 (prices of 2031-05-05)" in outcome.out


def test_given_limits_off_then_more_can_run(hakobune: Call, folder: Path) -> None:
    many = ", ".join(f"{{x{number}: 1}}" for number in range(60))
    (folder / "flow.yaml").write_text(f"- a: {{assign: [{many}]}}\n- b: {{return: one}}")
    assert hakobune("test", "flow_test.yaml").code == 1
    assert hakobune("test", "flow_test.yaml", "--limits", "off").lines[-1] == "2 passed"
