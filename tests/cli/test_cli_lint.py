"""`hakobune lint`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_calls import Call

WARNED = "- a: {call: http.get, args: {url: 'https://a.example', timeout: 3}}\n"
REFUSED = "- a: {return: '${nobody}'}\n"


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text("- a: {return: 1}\n")
    (tmp_path / "warned.yaml").write_text(WARNED)
    (tmp_path / "refused.yaml").write_text(REFUSED)
    (tmp_path / "embedded.yaml").write_text("- a: {return: 'see ${x}'}")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good.yaml"], 0),
        (["warned.yaml"], 0),
        (["warned.yaml", "--strict"], 1),
        (["warned.yaml", "--strict", "--ignore", "unhandled-call"], 0),
        (["warned.yaml", "--strict", "--select", "near-limit,busy-loop"], 0),
        (["refused.yaml"], 1),
        (["good.yaml", "refused.yaml"], 1),
        (["refused.yaml", "--select", "near-limit"], 1),
        (["embedded.yaml", "--strict"], 1),
        (["embedded.yaml", "--strict", "--ignore", "embedded-expression,unknown-symbol"], 0),
        (["gone.yaml"], 2),
        (["good.yaml", "--select", "unhandled-cal"], 2),
        ([], 2),
    ],
)
def test_the_exit_code_tells_errors_from_what_cannot_be_read(
    hakobune: Call, flow: Path, arguments: list[str], code: int
) -> None:
    assert hakobune("lint", *arguments).code == code


def test_findings_go_to_stdout_and_their_number_to_stderr(hakobune: Call, flow: Path) -> None:
    outcome = hakobune("lint", "warned.yaml", "refused.yaml")
    assert outcome.out.startswith("warned.yaml:1:13: warning: in step a: an error of http.get ends the execution")
    assert "refused.yaml:1:" in outcome.out
    assert outcome.err == "1 error, 1 warning\n"


def test_json_and_sarif_are_printed_alone(hakobune: Call, flow: Path) -> None:
    outcome = hakobune("lint", "refused.yaml", "--output", "json")
    assert [finding["rule"] for finding in json.loads(outcome.out)] == ["unknown-symbol"]
    assert (outcome.code, outcome.err) == (1, "")
    document = json.loads(hakobune("lint", "warned.yaml", "--output=sarif").out)
    assert document["runs"][0]["results"][0]["ruleId"] == "unhandled-call"


def test_a_rule_that_is_mistyped_is_guessed(hakobune: Call, flow: Path) -> None:
    assert "did you mean unhandled-call?" in hakobune("lint", "good.yaml", "--ignore", "unhandled-cal").err
    assert "the rules are unstable-key" in hakobune("lint", "good.yaml", "--ignore", "zzz").err


def test_a_file_that_is_no_utf_8_is_named(hakobune: Call, flow: Path) -> None:
    (flow / "bytes.yaml").write_bytes(b"\xff\xfe")
    outcome = hakobune("lint", "bytes.yaml")
    assert outcome.code == 2
    assert "[bytes.yaml]: line 1 is not UTF-8 text" in outcome.err


def test_limits_can_be_off(hakobune: Call, flow: Path) -> None:
    many = ", ".join(f"{{x{number}: 1}}" for number in range(60))
    (flow / "many.yaml").write_text(f"- a: {{assign: [{many}]}}")
    assert hakobune("lint", "many.yaml").code == 1
    assert hakobune("lint", "many.yaml", "--limits", "off").code == 0


def test_a_folder_means_the_workflows_below_it_and_the_rest_is_named(hakobune: Call, flow: Path) -> None:
    folder = flow / "flows"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "a.yaml").write_text(WARNED)
    (folder / "deep" / "b.yml").write_text("main: {steps: [{a: {return: '${nobody}'}}]}")
    (folder / "deep" / "c.json").write_text('{"sub": {"steps": [{"a": {"return": 1}}]}}')
    (folder / "deep" / "d.yaml").write_text("main:\n\tsteps: []\n")
    (folder / ".hidden" / "e.yaml").write_text(REFUSED)
    (folder / "a_test.yaml").write_text("workflow: a.yaml\ncases: [{name: a}]")
    (folder / "build.yaml").write_text("steps:\n  - name: build\n")
    (folder / "list.json").write_text("[1]")
    (folder / "odd.yaml").write_text("- {a: {return: 1}, b: {return: 2}}\n")
    (folder / "raw.yaml").write_bytes(b"# caf\xc3\xa9\nname: caf\xe9\n")
    (folder / "void.yaml").write_bytes(b" \n")
    (folder / "text.yaml").write_text("name: x\nversion: 1\n")
    outcome = hakobune("lint", "flows", "--output", "json")
    assert outcome.code == 1
    assert {finding["file"] for finding in json.loads(outcome.out)} == {
        "flows/a.yaml",
        "flows/deep/b.yml",
        "flows/deep/c.json",
        "flows/deep/d.yaml",
    }
    assert outcome.err.splitlines() == [
        "flows/a_test.yaml: skipped, cases of a test",
        "flows/build.yaml: skipped, no workflow",
        "flows/list.json: skipped, no workflow",
        "flows/odd.yaml: skipped, no workflow",
        "flows/raw.yaml: skipped, no workflow as far as it can be read: line 2 is not UTF-8 text",
        "flows/text.yaml: skipped, no workflow",
        "flows/void.yaml: skipped, it is empty",
    ]


@pytest.mark.parametrize("source", ["main:\n  steps:\n    - a: {return: 'caf\xe9'}\n", "- a: {return: 'caf\xe9'}\n"])
def test_a_workflow_of_a_folder_that_is_not_utf_8_is_no_success(hakobune: Call, flow: Path, source: str) -> None:
    (flow / "flows").mkdir()
    (flow / "flows" / "a.yaml").write_bytes(source.encode("latin-1"))
    outcome = hakobune("lint", "flows")
    assert (outcome.code, "[flows/a.yaml]: line" in outcome.err, "is not UTF-8 text" in outcome.err) == (2, True, True)


def test_a_folder_without_a_workflow_is_told(hakobune: Call, flow: Path) -> None:
    (flow / "empty").mkdir()
    outcome = hakobune("lint", "empty")
    assert (outcome.code, "there is no workflow in empty" in outcome.err) == (2, True)


def test_cases_among_the_files_are_left_out(hakobune: Call, flow: Path) -> None:
    (flow / "good_test.yaml").write_text("workflow: good.yaml\ncases: [{name: a}]")
    outcome = hakobune("lint", "good.yaml", "good_test.yaml", "good.yaml")
    assert (outcome.code, outcome.err) == (0, "good_test.yaml: skipped, cases of a test\nnothing found\n")


def test_a_file_that_cannot_be_read_hides_nothing_of_the_others(hakobune: Call, flow: Path) -> None:
    (flow / "bad.yaml").write_text(REFUSED)
    outcome = hakobune("lint", "bad.yaml", "nofile.yaml", "--output", "json")
    assert (outcome.code, "nofile.yaml" in outcome.err) == (2, True)
    assert [found["rule"] for found in json.loads(outcome.out)] == ["unknown-symbol"]
