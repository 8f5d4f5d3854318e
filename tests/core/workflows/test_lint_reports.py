"""Findings as text, as JSON and as SARIF."""

from __future__ import annotations

import json

from hakobune.core.workflows.lint import lint_source
from hakobune.core.workflows.lint_findings import ALL_RULES, Level, level_of
from hakobune.core.workflows.lint_reports import CheckedFile, json_report, sarif_report, summary, text_report

SOURCE = "- a: {call: http.get, args: {url: 'https://run.googleapis.com/x', auth: {type: OIDC}, timeout: 3}}\n"


def checked(name: str = "flows/a b.yaml", source: str = SOURCE) -> CheckedFile:
    return CheckedFile(name=name, source=source, findings=lint_source(source))


def test_text_has_the_place_the_line_and_the_remedy() -> None:
    lines = text_report([checked()]).splitlines()
    assert lines[0].startswith("flows/a b.yaml:1:13: error: in step a: run.googleapis.com takes an OAuth2 token")
    assert lines[0].endswith("[oidc-for-google-api]")
    assert lines[1].strip() == SOURCE.strip()
    assert lines[2].index("^") == 4 + 12
    assert lines[3] == "  write 'auth: {type: OAuth2}'"
    assert len(lines) == 8


def test_an_error_is_called_one_once() -> None:
    (line, *_) = text_report([checked(source="- a: {return: '${nobody}'}")]).splitlines()
    assert ": error: in step a: error evaluating return value: " in line


def test_a_long_line_is_cut_around_the_place() -> None:
    source = f"- a: {{assign: [{{x: '{'y' * 500}'}}, {{z: '${{nobody}}'}}]}}"
    lines = text_report([checked(source=source)]).splitlines()
    assert "nobody" in lines[1]
    assert len(lines[1]) <= 164
    assert lines[1][lines[2].index("^") :].startswith("nobody")


def test_the_summary_counts_levels() -> None:
    assert summary([checked()]) == "1 error, 1 warning"
    assert summary([checked(), checked()]) == "2 errors, 2 warnings"
    assert summary([]) == "nothing found"


def test_json_has_a_map_for_each_finding() -> None:
    found = json.loads(json_report([checked()]))
    assert [(one["file"], one["line"], one["column"], one["level"], one["rule"]) for one in found] == [
        ("flows/a b.yaml", 1, 13, "error", "oidc-for-google-api"),
        ("flows/a b.yaml", 1, 13, "warning", "unhandled-call"),
    ]
    assert {"message", "remedy", "routine", "step"} <= found[0].keys()
    assert json.loads(json_report([])) == []


def test_sarif_has_one_run_with_its_rules_and_results() -> None:
    unknown = checked("/abs.yaml", "- a: {return: '${nobody}'}")
    document = json.loads(sarif_report([checked(), unknown], "1.2.3"))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("hakobune lint", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["oidc-for-google-api", "unhandled-call", "unknown-symbol"]
    assert [rule["defaultConfiguration"]["level"] for rule in driver["rules"]] == ["error", "warning", "error"]
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"].endswith(".")
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] == 1
        assert region["startColumn"] >= 1
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]]
    assert places == ["flows/a%20b.yaml", "flows/a%20b.yaml", "file:///abs.yaml"]


def test_sarif_names_the_level_at_which_a_rule_is_told() -> None:
    hiding = checked("a.yaml", "main: {steps: [{a: {return: 1}}]}\nlen: {steps: [{b: {return: 1}}]}")
    (run,) = json.loads(sarif_report([hiding, checked("b.yaml", "- a: {return: '${nobody}'}")], "1"))["runs"]
    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in run["tool"]["driver"]["rules"]}
    assert levels == {"hidden-function": "warning", "unknown-symbol": "error"}
    assert {(result["ruleId"], result["level"]) for result in run["results"]} == set(levels.items())


def test_levels_are_those_of_sarif() -> None:
    assert {level.value for level in Level} <= {"none", "note", "warning", "error"}
    assert {level_of(rule) for rule in ALL_RULES} == set(Level)
