"""What all folders share: a runtime of this worker, started once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from runtime_process import RuntimeProcess

# What a shell starts in the background ignores Ctrl-C, and so would the programs that are to end by it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines that run tests are shared: how long an example takes says nothing.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuntimeProcess]:
    """A running runtime that tests share: use names of your own."""
    found = RuntimeProcess(tmp_path_factory.mktemp("runtime") / "data").start()
    yield found
    assert found.stop() == 0, found.log


@pytest.fixture
def own_runtime(tmp_path: Path) -> Iterator[RuntimeProcess]:
    """A runtime of one test: not started; what is left of it is killed."""
    found = RuntimeProcess(tmp_path / "data")
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop()
