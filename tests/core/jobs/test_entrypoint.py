"""How a source is started when nobody says how."""

from __future__ import annotations

import json

import pytest

from hakobune.core.errors import FailedPrecondition
from hakobune.core.jobs.entrypoint import entrypoint


@pytest.mark.parametrize(
    ("files", "procfile", "package", "argv"),
    [
        ({"main.py": False}, "web: python3 -m app --x 'a b'\nother: y", None, ("python3", "-m", "app", "--x", "a b")),
        ({}, "# a comment\n\ntask: ./run now\n", None, ("./run", "now")),
        ({}, "web: echo $HOME | cat", None, ("/bin/sh", "-c", "echo $HOME | cat")),
        ({}, "web: python3 main.py > $OUT", None, ("/bin/sh", "-c", "exec python3 main.py > $OUT")),
        ({}, "web: cd app && ./run", None, ("/bin/sh", "-c", "cd app && ./run")),
        ({}, "web: MODE=fast ./run", None, ("/bin/sh", "-c", "MODE=fast ./run")),
        ({"main.py": False, "package.json": False}, None, "{}", ("python3", "main.py")),
        ({}, None, json.dumps({"scripts": {"start": "node x.js"}}), ("npm", "start", "--silent")),
        ({"app.js": False}, None, json.dumps({"main": "app.js", "scripts": {"test": "x"}}), ("node", "app.js")),
        ({}, None, json.dumps({"main": "lib/app.js"}), ("node", "lib/app.js")),
        ({"server.js": False}, None, "{}", ("node", "server.js")),
        ({"run": True, "main": False}, None, None, ("./run",)),
    ],
)
def test_given_a_source_when_asked_then_the_first_that_fits_is_chosen(
    files: dict[str, bool], procfile: str | None, package: str | None, argv: tuple[str, ...]
) -> None:
    assert entrypoint(files, procfile, package) == argv


@pytest.mark.parametrize(
    ("procfile", "package", "text"),
    [
        (None, None, "The source has no entry point"),
        ("", None, "The Procfile has no line"),
        ("a: x\nb: y", None, "The Procfile has no line"),
        ("web: 'open", None, "cannot be read"),
        (None, "{", "package.json cannot be read"),
        (None, "[]", "names no start script"),
        (None, json.dumps({"main": "gone.js"}), "names no start script"),
    ],
)
def test_given_a_source_without_an_entry_point_when_asked_then_the_remedy_is_named(
    procfile: str | None, package: str | None, text: str
) -> None:
    with pytest.raises(FailedPrecondition, match=text):
        entrypoint({"readme.md": False}, procfile, package)


def test_given_a_package_json_that_is_nested_too_deeply_when_started_then_it_says_so() -> None:
    with pytest.raises(FailedPrecondition, match="nested too deeply"):
        entrypoint({}, None, "[" * 100_000)
