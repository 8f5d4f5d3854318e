"""The document about testing has all that there is."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from hakobune.core.workflows.lint import ALL_RULES, RULES
from hakobune.core.workflows.lint_findings import level_of
from hakobune.core.workflows.prices import PRICES, read_prices
from hakobune.testing.workflows import case_files

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "testing-workflows.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_every_rule_has_a_row() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| [^|]* \|$", PAGE.partition("## `hakobune lint`")[2], re.MULTILINE)
    assert rows == list(RULES)


def test_every_rule_of_deployment_has_a_row_with_its_level() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \| (error|warning) \|$", PAGE, re.MULTILINE)
    assert rows == [(name, text, level_of(name)) for name, text in ALL_RULES.items() if name not in RULES]


def test_every_key_is_explained() -> None:
    keys = (*case_files.FILE_KEYS, *case_files.CASE_KEYS, *case_files.MOCK_KEYS, *case_files.EXPECT_KEYS)
    explained = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(keys) <= explained


def test_the_cases_on_the_page_are_good(tmp_path: Path) -> None:
    from hakobune.testing.workflows.case_files import read_case_file
    from hakobune.testing.workflows.results import Session

    (text,) = blocks("yaml")
    (tmp_path / "order.yaml").write_text((ROOT / "examples" / "workflows_kit" / "order.yaml").read_text())
    (tmp_path / "order_test.yaml").write_text(text)
    session = Session()
    session.run_file(read_case_file(tmp_path / "order_test.yaml"), is_chosen=lambda _: True, tell=lambda _: None)
    assert [result.message() for result in session.results if not result.is_good] == []
    assert len(session.results) == len(yaml.safe_load(text)["cases"])


def test_the_prices_on_the_page_are_those_of_the_table() -> None:
    (table,) = blocks("toml")
    assert read_prices(table) == PRICES
