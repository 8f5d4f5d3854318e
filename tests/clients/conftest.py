"""The runtime of the clients' checks tells what they called: it is compared with `checks.json`, or recorded anew."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from client_checks import SET_UP, load_checks, methods_of

from gcloud_process import environ_of
from runtime_process import RuntimeProcess

_CALLS = pytest.StashKey[Path]()
_RECORDED = load_checks()


def _recorded(directory: Path, calls: Path) -> RuntimeProcess:
    program = (sys.executable, str(Path(__file__).with_name("recorded_runtime.py")), str(calls))
    return RuntimeProcess(directory, program=program, headers={"User-Agent": SET_UP})


@pytest.fixture(scope="session")
def calls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of what was called."""
    found = tmp_path_factory.mktemp("calls") / "calls.jsonl"
    found.touch()
    request.config.stash[_CALLS] = found
    return found


@pytest.fixture(scope="session")
def runtime(calls: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuntimeProcess]:
    """A running runtime that tests share: use names of your own."""
    found = _recorded(tmp_path_factory.mktemp("runtime") / "data", calls).start()
    yield found
    assert found.stop() == 0, found.log


@pytest.fixture(scope="module")
def environ(runtime: RuntimeProcess, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In what gcloud finds the shared runtime."""
    return environ_of(runtime, tmp_path_factory.mktemp("gcloud-config"))


@pytest.fixture
def own_runtime(calls: Path, tmp_path: Path) -> Iterator[RuntimeProcess]:
    """A runtime of one test: not started; what is left of it is killed."""
    found = _recorded(tmp_path / "data", calls)
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What a check calls in its body, without its fixtures, must be all that the record says of it."""
    path = item.config.stash.get(_CALLS, None)
    begin = path.stat().st_size if path else 0
    result = yield
    called = methods_of(path.read_bytes()[begin:]) if path else frozenset()
    folder, _, rest = item.nodeid.partition("::")
    name = f"{folder.rpartition('/')[2]}::{rest}"
    target = os.environ.get("HAKOBUNE_RECORD_CHECKS")
    if target:
        with open(target, "ab", buffering=0) as file:
            file.write(json.dumps([name, sorted(called)]).encode() + b"\n")
    elif not called.issuperset(_RECORDED.get(name, ())):
        missing = sorted(set(_RECORDED[name]) - called)
        pytest.fail(
            f"checks.json says that this calls {missing}, and it did not: tools/record_checks.py", pytrace=False
        )
    return result
