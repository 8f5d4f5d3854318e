"""All folders of tests can be run together: their files are modules without packages, so each name is there once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parent
FILES = sorted(TESTS.rglob("*.py"))


def test_given_all_folders_then_no_two_files_have_one_name() -> None:
    counts = Counter(path.name for path in FILES if path.name != "conftest.py")
    assert [name for name, count in counts.items() if count > 1] == []


def test_given_all_files_then_none_imports_from_a_conftest_which_may_be_that_of_another_folder() -> None:
    wanted = re.compile(r"^\s*(from conftest import|import conftest)\b", re.MULTILINE)
    found = [str(path.relative_to(TESTS)) for path in FILES if wanted.search(path.read_text(encoding="utf-8"))]
    assert found == []
