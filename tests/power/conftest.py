"""The recorder is built once a session, with the machine's C compiler."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from recording import build_recorder


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("the recorder of file operations needs gcc")
    return build_recorder(tmp_path_factory.mktemp("recorder"))
