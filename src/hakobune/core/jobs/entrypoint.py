"""How a source directory is started when the deploy names no command, as Google's buildpacks choose it.

Order: `Procfile` (its `web` line, else its only line), then Python's `main.py`, then Node's `package.json` (its `start`
script, else its `main`, else `index.js` or `server.js`), then one executable file named like a program.
Source: https://cloud.google.com/docs/buildpacks/build-application, sections on entry points.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import cast

from hakobune.core.errors import FailedPrecondition

_PLAIN = ("main", "run", "job", "app")  # executables that are tried last


def entrypoint(files: Mapping[str, bool], procfile: str | None, package_json: str | None) -> tuple[str, ...]:
    """The argv of a source. `files` are the names at its top, with whether each is executable.
    Raises FailedPrecondition with the remedy."""
    if procfile is not None:
        return _from_procfile(procfile)
    if "main.py" in files:
        return ("python3", "main.py")
    if package_json is not None:
        return _from_package(package_json, files)
    for name in _PLAIN:
        if files.get(name):
            return (f"./{name}",)
    raise FailedPrecondition(
        "The source has no entry point: give --command, or add a Procfile (web: COMMAND), a main.py, a package.json "
        f"with a start script, or an executable file named {', '.join(_PLAIN[:-1])} or {_PLAIN[-1]}."
    )


def _from_procfile(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines()]
    found = {
        name.strip(): command.strip()
        for name, colon, command in (line.partition(":") for line in lines if line and not line.startswith("#"))
        if colon and name.strip()
    }
    command = found.get("web") or (next(iter(found.values())) if len(found) == 1 else "")
    if not command:
        raise FailedPrecondition("The Procfile has no line `web: COMMAND`, and not exactly one other line.")
    if "=" in command.split()[0] or any(mark in command for mark in "|&;"):
        return ("/bin/sh", "-c", command)  # Procfiles are run by a shell
    if any(mark in command for mark in "<>$`*?"):
        return ("/bin/sh", "-c", f"exec {command}")  # one program: the shell gives way to it, so that it gets SIGTERM
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise FailedPrecondition(f"The Procfile's command cannot be read: {error}: {command[:120]!r}.") from None


def _from_package(text: str, files: Mapping[str, bool]) -> tuple[str, ...]:
    try:
        package: object = json.loads(text)
    except ValueError as error:
        raise FailedPrecondition(f"package.json cannot be read: {error}.") from None
    except RecursionError:
        raise FailedPrecondition("package.json cannot be read: it is nested too deeply.") from None
    fields = cast("dict[str, object]", package) if isinstance(package, dict) else {}
    scripts = fields.get("scripts")
    if isinstance(scripts, dict) and "start" in scripts:
        return ("npm", "start", "--silent")
    main = fields.get("main")
    for name in ([main] if isinstance(main, str) else []) + ["index.js", "server.js"]:
        if name in files or "/" in name:
            return ("node", name)
    raise FailedPrecondition("package.json names no start script and no main file: add one, or give --command.")
