"""Programs that cannot be started: each says what is wrong and what would help."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from engine_world import PATH, ProcessWorld, Watch, a_lane, a_shell, an_attempt

from hakobune.core.errors import InvalidArgument
from hakobune.engines.api import EndKind, Lane

pytestmark = pytest.mark.anyio


@pytest.fixture
async def watch(world: ProcessWorld) -> AsyncIterator[Watch]:
    found = Watch(world.engine())
    await found.engine.open()
    yield found
    await found.engine.close(stop_attempts=True)


def a_script(folder: Path, content: bytes, *, mode: int = 0o755) -> str:
    path = folder / "a script, 台本"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


CASES: dict[str, tuple[Callable[[Path], Lane], list[str]]] = {
    "absolute path that is not there": (lambda _: a_lane("/no/such"), ["/no/such", "does not exist"]),
    "directory": (lambda folder: a_lane(str(folder)), ["is a directory"]),
    "not executable": (
        lambda folder: a_lane(a_script(folder, b"#!/bin/sh\n", mode=0o644)),
        ["not executable", "chmod +x"],
    ),
    "not executable on PATH": (
        lambda folder: a_lane("a script, 台本", env={"PATH": str(Path(a_script(folder, b"#!", mode=0o644)).parent)}),
        ["not executable", "chmod +x"],
    ),
    "bad interpreter": (
        lambda folder: a_lane(a_script(folder, b"#!/no/such/python3 -u\nprint()\n")),
        ["interpreter", "/no/such/python3"],
    ),
    "interpreter with a carriage return": (
        lambda folder: a_lane(a_script(folder, b"#!/bin/sh\r\necho\r\n")),
        ["interpreter", r"/bin/sh\r"],
    ),
    "no program": (lambda folder: a_lane(a_script(folder, b"just text\n")), ["exec format error"]),
    "too long": (lambda _: a_shell("x" * 3_000_000), ["too long"]),
    "no PATH": (lambda _: a_lane("sh", env={}), ["PATH is empty"]),
    "missing working directory": (
        lambda folder: a_lane("/bin/true", working_dir=str(folder / "not there")),
        ["working directory", "not there", "does not exist"],
    ),
    "working directory that is a file": (
        lambda folder: a_lane("/bin/true", working_dir=a_script(folder, b"")),
        ["working directory", "not a directory"],
    ),
    "missing source": (
        lambda folder: a_lane("/bin/true", source=str(folder / "gone")),
        ["source directory", "gone", "does not exist"],
    ),
    "NUL in an argument": (lambda _: a_lane("/bin/echo", "a\0b"), ["not valid", "null byte"]),
}


@pytest.mark.parametrize("case", CASES)
async def test_given_a_program_that_cannot_start_when_it_is_run_then_the_detail_says_why(
    watch: Watch, tmp_path: Path, case: str
) -> None:
    make, words = CASES[case]
    ended = await watch.run(make(tmp_path))
    assert (ended.kind, ended.exit_code, ended.signal, ended.started_at_s) == (EndKind.NOT_STARTED, None, None, None)
    for word in words:
        assert word in ended.detail


async def test_given_a_program_without_a_slash_when_it_is_run_then_the_path_of_the_attempt_counts(
    watch: Watch, tmp_path: Path
) -> None:
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    lane = a_lane("tool")
    assert (await watch.run(lane)).kind is EndKind.NOT_STARTED
    ended = await watch.run(lane, an_attempt(1, env={"PATH": f"/nowhere:{tmp_path}:{PATH}"}))
    assert (await watch.run(lane, an_attempt(1))).exit_code == ended.exit_code == 3


async def test_given_a_relative_program_when_it_is_run_then_it_is_found_from_the_working_directory(
    watch: Watch, tmp_path: Path
) -> None:
    program = tmp_path / "run.sh"
    program.write_text("#!/bin/sh\nexit 4\n")
    program.chmod(0o755)
    assert (await watch.run(a_lane("./run.sh", working_dir=str(tmp_path)))).exit_code == 4


async def test_given_half_a_surrogate_pair_when_a_program_gets_it_then_it_runs_all_the_same(watch: Watch) -> None:
    lane = a_shell('[ "$WORD" = "a?b" ]', env={"PATH": PATH, "WORD": "a\ud800b"})
    assert (await watch.run(lane)).exit_code == 0


async def test_given_a_lane_that_can_never_run_when_it_is_started_then_it_is_refused(watch: Watch) -> None:
    with pytest.raises(InvalidArgument):
        await watch.engine.start(a_lane(width=0), [an_attempt()])


async def test_given_a_program_that_appears_later_when_the_next_attempt_starts_then_it_is_found(
    watch: Watch, tmp_path: Path
) -> None:
    lane = a_lane("tool", env={"PATH": str(tmp_path)})
    assert (await watch.run(lane)).kind is EndKind.NOT_STARTED
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\nexit 5\n")
    program.chmod(0o755)
    assert (await watch.run(lane, an_attempt(1))).exit_code == 5
