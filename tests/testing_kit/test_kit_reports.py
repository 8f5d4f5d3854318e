"""Results for people, for build servers and as pages."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from hakobune.core.workflows.prices import PRICES
from hakobune.testing.workflows.case_files import read_case_file
from hakobune.testing.workflows.html_report import write_pages
from hakobune.testing.workflows.junit_report import junit_text
from hakobune.testing.workflows.results import Session
from hakobune.testing.workflows.terminal_report import (
    case_text,
    coverage_text,
    failures_text,
    percent,
    prices_text,
    summary_text,
)

WORKFLOW = """
main:
  params: [n]
  steps:
    - choose:
        switch:
          - {condition: "${n < 1}", return: small}
          - {condition: "${n < 2}", return: "<b>\\u0001"}
    - nap: {call: sys.sleep, args: {seconds: 86400000}}
"""
CASES = """
workflow: flow.yaml
cases:
  - {name: "a <good> one", argument: 1}
  - {name: a bad one, argument: 1, expect: {result: "other & more"}}
"""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "flow.yaml").write_text(WORKFLOW.replace("86400000", "8640000"))
    path = tmp_path / "flow_test.yaml"
    path.write_text(CASES)
    session = Session()
    session.run_file(read_case_file(path), is_chosen=lambda _: True, tell=lambda _: None)
    return session


def test_each_case_has_a_line(session: Session) -> None:
    assert [case_text(result) for result in session.results] == [
        "ok   flow_test.yaml: a <good> one (0 s, 1 internal + 0 external steps)",
        "FAIL flow_test.yaml: a bad one (0 s, 1 internal + 0 external steps)",
    ]
    assert summary_text(session) == "1 passed, 1 failed"


def test_failures_have_their_place_the_difference_and_the_trace(session: Session) -> None:
    text = failures_text(session.results)
    assert "flow_test.yaml:5: a bad one" in text
    assert '$: expected "other & more", got' in text
    assert "choose: condition 2 is true" in text
    assert "a <good> one" not in text


def test_what_was_not_reached_is_named(session: Session) -> None:
    (workflow,) = session.workflows.values()
    assert coverage_text(workflow).splitlines() == [
        "coverage of flow.yaml: steps 1/2 (50 %), branches 1/3 (33 %), except and retry none",
        "  not reached: line 5: main.choose: no condition true",
        "  not reached: line 7: main.choose: condition 1",
        "  not reached: line 9: main.nap",
    ]


def test_of_many_points_the_first_ones_are_named() -> None:
    from hakobune.testing.workflows import Workflow

    steps = "".join(f"- s{number}: {{assign: [{{x: 1}}]}}\n" for number in range(30))
    assert "… and 10 more" in coverage_text(Workflow(steps))


@pytest.mark.parametrize(("reached", "of", "share"), [(0, 3, 0), (2, 3, 66), (3, 3, 100), (0, 0, 100)])
def test_shares_are_rounded_down(reached: int, of: int, share: int) -> None:
    assert percent(reached, of) == share


def test_the_price_of_the_longest_case_is_told(session: Session) -> None:
    assert prices_text(session, PRICES) == (
        "price of flow.yaml, its longest case: 1 internal and 0 external steps; 10,000 runs a month: $0.05 "
        f"(prices of {PRICES.as_of})"
    )


def test_junit_has_suites_cases_and_failures(session: Session) -> None:
    root = ET.fromstring(junit_text(session.results))
    assert root.attrib["tests"] == "2"
    assert root.attrib["failures"] == "1"
    (suite,) = root
    assert {"name", "tests", "failures", "errors", "skipped", "time"} <= suite.attrib.keys()  # Surefire requires them
    good, bad = suite
    assert good.attrib["name"] == "a <good> one"
    assert good.attrib["classname"] == "flow_test"
    assert list(good) == []
    (failure,) = bad
    assert failure.attrib == {"message": "result", "type": "CaseFailed"}
    assert "other & more" in (failure.text or "")
    assert float(bad.attrib["time"]) >= 0


def test_pages_show_the_picture_and_each_line_in_the_colour_of_what_was_reached(
    session: Session, tmp_path: Path
) -> None:
    index, page = write_pages(session, tmp_path / "pages")
    assert "2 of 5 points (40 %)" in index.read_text()
    assert page.name in index.read_text()
    text = page.read_text()
    assert '<g class="node call missed"' in text
    assert '<g class="node switch seen part"' in text
    rows = [line for line in text.splitlines() if line.startswith(("<tr class=", "</table><figure>"))]
    by_number = {row.split('class="number">')[1].split("<")[0]: row for row in rows if 'class="number"' in row}
    assert by_number["5"].startswith('<tr class="part">')
    assert by_number["7"].startswith('<tr class="miss">')
    assert by_number["8"].startswith('<tr class="hit">')
    assert by_number["9"].startswith('<tr class="miss">')
    assert "not reached: main.nap" in by_number["9"]
    assert "&lt;b&gt;" in by_number["8"]
