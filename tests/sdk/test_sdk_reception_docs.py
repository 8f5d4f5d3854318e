"""The programs of docs/reception.md and docs/workers.md, run as they stand, on a stand-in of the platform."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from platform_stand_in import PlatformStandIn

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("reception.md", "workers.md")
PROGRAMS = [
    pytest.param(program, id=f"{page}-{number}")
    for page in PAGES
    for number, program in enumerate(
        re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    )
]


@pytest.fixture(scope="module")
def platform() -> Iterator[PlatformStandIn]:
    with PlatformStandIn() as server:
        yield server


@pytest.mark.parametrize("program", PROGRAMS)
def test_given_a_program_of_the_page_when_run_then_it_works(
    program: str, tmp_path: Path, platform: PlatformStandIn
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env={**os.environ, **platform.environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
