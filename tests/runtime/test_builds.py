"""What a source needs beside itself, built by real tools, without a network."""

from __future__ import annotations

import os
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from hakobune.core.errors import FailedPrecondition
from hakobune.runtime import builds as module
from hakobune.runtime.builds import Build, Builds
from hakobune.runtime.threads import WorkerThreads

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    folder = tmp_path / "sources" / "digest-one"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def builds(tmp_path: Path) -> Builds:
    return Builds(tmp_path / "data", WorkerThreads())


def a_wheel(path: Path, text: str) -> None:
    """A package that says something, as pip takes it without building anything."""
    name = "telops-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("telops.py", f"WORD = {text!r}\n")
        file.writestr(f"{name}/METADATA", "Metadata-Version: 2.1\nName: telops\nVersion: 1.0\n")
        file.writestr(
            f"{name}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{name}/RECORD", f"telops.py,,\n{name}/METADATA,,\n{name}/WHEEL,,\n{name}/RECORD,,\n")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search path of our own: no uv and no npm but what a test puts there."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def a_tool(tools: Path, name: str, script: str) -> None:
    path = tools / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# Makes what the real one makes, and notes what it was asked. `$3 $4 $5` are `--python PYTHON VENV` of `uv venv`.
UV = 'echo "$@" >> {log}; if [ $1 = venv ]; then mkdir -p $5/bin; touch $5/bin/python; else {install}; fi'


# -- what needs no tool -------------------------------------------------------------------------------------------


async def test_given_sources_without_dependencies_when_built_then_nothing_is_made(
    builds: Builds, snapshot: Path, tmp_path: Path
) -> None:
    assert await builds.make(snapshot) == Build()
    (snapshot / "main.py").touch()
    assert await builds.make(snapshot) == Build(env=(("PYTHONUNBUFFERED", "TRUE"),))
    assert not (tmp_path / "data" / "builds").exists()


# -- Python -------------------------------------------------------------------------------------------------------


async def test_given_a_package_in_the_source_when_built_with_pip_then_programs_find_it_and_the_snapshot_is_untouched(
    builds: Builds, snapshot: Path, tools: Path
) -> None:
    a_wheel(snapshot / "telops-1.0-py3-none-any.whl", "速報")
    (snapshot / "requirements.txt").write_text("./telops-1.0-py3-none-any.whl\n")
    before = sorted(os.listdir(snapshot))
    build = await builds.make(snapshot)
    env = {**os.environ, **dict(build.env), "PATH": f"{build.path_entries[0]}:/usr/bin:/bin"}
    said = await anyio.run_process(["python3", "-c", "import telops; print(telops.WORD)"], env=env)
    assert said.stdout.decode().strip() == "速報"
    assert sorted(os.listdir(snapshot)) == before
    began = time.monotonic()
    assert await builds.make(snapshot) == build
    assert time.monotonic() - began < 0.5
    (snapshot / "requirements.txt").write_text("./gone-1.0-py3-none-any.whl\n")
    with pytest.raises(FailedPrecondition, match="Building the source failed") as caught:
        await builds.make(snapshot)
    assert "gone-1.0-py3-none-any.whl" in str(caught.value)


async def test_given_uv_when_it_is_installed_then_it_is_used(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    a_tool(tools, "uv", UV.format(log=log, install="true"))
    (snapshot / "requirements.txt").write_text("# nothing\nrequests==2.0  # a comment\n")
    build = await builds.make(snapshot)
    made, installed = log.read_text().splitlines()
    venv = Path(dict(build.env)["VIRTUAL_ENV"])
    assert made.endswith(f"{getattr(sys, '_base_executable', sys.executable)} {venv}")
    assert installed.endswith(f"--python {venv}/bin/python -r {snapshot}/requirements.txt")
    assert build.path_entries == (f"{venv}/bin",)


async def test_given_equal_requirements_of_two_sources_when_built_then_they_share_one_environment(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install="true"))
    other = snapshot.parent / "digest-two"
    other.mkdir()
    for folder in (snapshot, other):
        (folder / "requirements.txt").write_text("requests>=2,<3 ; python_version > '3'\nurllib3[socks]\n")
    assert await builds.make(snapshot) == await builds.make(other)


@pytest.mark.parametrize(
    "line", ["./pkg", "-e ./pkg", "-r more.txt", "pkg @ file:///srv/pkg", "local.whl", "--find-links wheels"]
)
async def test_given_requirements_that_speak_of_the_source_when_the_source_changed_then_it_is_built_anew(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path, line: str
) -> None:
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install="true"))
    other = snapshot.parent / "digest-two"
    other.mkdir()
    for folder in (snapshot, other):
        (folder / "requirements.txt").write_text(line)
        (folder / "local.whl").touch()
    assert await builds.make(snapshot) != await builds.make(other)


async def test_given_a_pyproject_when_built_then_the_tool_works_on_a_copy(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install="touch left-behind"))
    (snapshot / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    build = await builds.make(snapshot)
    assert os.listdir(snapshot) == ["pyproject.toml"]
    copy = Path(dict(build.env)["VIRTUAL_ENV"]) / ".source"
    assert (copy / "left-behind").exists()
    assert (tmp_path / "log").read_text().splitlines()[1].endswith(f" {copy}")


async def test_given_a_tool_that_fails_when_built_then_its_last_lines_are_told_and_the_next_try_is_a_new_one(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    script = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done; echo the cause >&2; exit 3"
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install=script))
    (snapshot / "requirements.txt").write_text("requests\n")
    with pytest.raises(FailedPrecondition) as caught:
        await builds.make(snapshot)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("Building the source failed (")
    assert lines[-2:] == ["line 100", "the cause"]
    assert len(lines) == 16
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install="true"))
    assert (await builds.make(snapshot)).path_entries


async def test_given_a_build_that_was_interrupted_when_asked_again_then_it_is_not_gone_on_with(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install="true"))
    (snapshot / "requirements.txt").write_text("requests\n")
    first = await builds.make(snapshot)
    venv = dict(first.env)["VIRTUAL_ENV"]
    os.unlink(f"{venv}/.complete")
    assert builds.find(snapshot) is None
    assert await builds.make(snapshot) != first
    builds.keep_only([snapshot])
    assert not is_there(venv)


async def test_given_a_running_tool_when_the_build_is_cancelled_then_the_tool_and_its_children_are_killed(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install=f"sleep 100 & echo $! $$ > {pids}; wait"))
    (snapshot / "requirements.txt").write_text("requests\n")
    async with anyio.create_task_group() as group:
        group.start_soon(builds.make, snapshot)
        await until(lambda: is_written(pids))
        began = time.monotonic()
        group.cancel_scope.cancel()
    assert time.monotonic() - began < 2
    await until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))
    assert builds.find(snapshot) is None


def is_there(path: str) -> bool:
    return Path(path).exists()


def is_written(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("\n")


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not holds():  # noqa: ASYNC110 - a process of another is watched
            await anyio.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def test_given_a_runtime_that_is_killed_when_it_builds_then_its_tool_ends(
    snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install=f"echo $$ > {pid_file}; exec sleep 100"))
    (snapshot / "requirements.txt").write_text("requests\n")
    code = (
        "import anyio, sys; from pathlib import Path; from hakobune.runtime.builds import Builds\n"
        "from hakobune.runtime.threads import WorkerThreads\n"
        f"anyio.run(Builds(Path({str(tmp_path / 'data')!r}), WorkerThreads()).make, Path({str(snapshot)!r}))"
    )
    builder = await anyio.open_process([sys.executable, "-c", code], stdin=None, stdout=None, stderr=None)
    await until(lambda: is_written(pid_file))
    builder.kill()
    await builder.wait()
    pid = int(pid_file.read_text())
    await until(lambda: not is_alive(pid))


async def test_given_a_tool_that_never_ends_when_built_then_the_time_is_bounded(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUILD_TIMEOUT_S", 0.5)
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install="exec sleep 100"))
    (snapshot / "requirements.txt").write_text("requests\n")
    with pytest.raises(FailedPrecondition, match="took more than"):
        await builds.make(snapshot)


async def test_given_builds_when_only_some_sources_are_left_then_the_others_go(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path
) -> None:
    a_tool(tools, "uv", UV.format(log=tmp_path / "log", install="true"))
    other = snapshot.parent / "digest-two"
    other.mkdir()
    (snapshot / "requirements.txt").write_text("one\n")
    (other / "requirements.txt").write_text("two\n")
    builds.keep_only([])  # there is nothing yet
    kept, gone = await builds.make(snapshot), await builds.make(other)
    builds.keep_only([snapshot])
    assert (builds.find(snapshot), builds.find(other)) == (kept, None)
    assert not is_there(dict(gone.env)["VIRTUAL_ENV"])


# -- Node ---------------------------------------------------------------------------------------------------------


async def test_given_a_package_json_when_npm_is_missing_then_the_remedy_is_named(
    builds: Builds, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (snapshot / "package.json").write_text("{}")
    with pytest.raises(FailedPrecondition, match=r"install Node\.js"):
        await builds.make(snapshot)


@pytest.mark.parametrize(("has_lock", "word"), [(True, "ci"), (False, "install")])
async def test_given_npm_when_built_then_modules_lie_in_the_source_and_are_made_once(
    builds: Builds, snapshot: Path, tools: Path, tmp_path: Path, has_lock: bool, word: str
) -> None:
    log = tmp_path / "log"
    a_tool(tools, "npm", f'echo "$1" >> {log}; mkdir -p node_modules/.bin')
    (snapshot / "package.json").write_text("{}")
    if has_lock:
        (snapshot / "package-lock.json").write_text("{}")
    build = await builds.make(snapshot)
    assert build.path_entries == (str(snapshot / "node_modules" / ".bin"),)
    assert dict(build.env)["NODE_ENV"] == "production"
    assert await builds.make(snapshot) == build
    assert log.read_text().split() == [word]
