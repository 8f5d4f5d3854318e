"""The file of a definition, as text."""

from __future__ import annotations

import os

from hakobune.cli.errors import CommandError

CASES_ENDINGS = ("_test.yaml", "_test.yml", "_test.json")
_BYTES_MAX = 16 * 1024 * 1024  # far above the bound of a definition, which is checked elsewhere


def read_source(path: str) -> str:
    """The text of the file. Raises CommandError."""
    data = read_bytes(path)
    wrong = line_without_utf8(data)
    if wrong:
        raise CommandError(
            f"Unable to read file [{path}]: line {wrong} is not UTF-8 text. Remedy: save the file as UTF-8"
        )
    source = data.decode("utf-8-sig")
    if is_cases(path) and "\ncases:" in f"\n{source}":
        raise CommandError(f"[{path}] has the cases of a test, it is no workflow. Run them with: hakobune test {path}")
    return source


def read_bytes(path: str) -> bytes:
    """What is in the file. Raises CommandError."""
    try:
        with open(path, "rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise CommandError(f"Unable to read file [{path}]: {error.strerror or error}") from error
    if len(data) > _BYTES_MAX:
        raise CommandError(f"Unable to read file [{path}]: it has more than {_BYTES_MAX} bytes")
    return data


def may_be_read(path: str) -> bool:
    """Whether a name that was found in a folder is a file's, or of nothing that is there any more. To open a pipe would
    be to wait for whoever writes into it."""
    return os.path.isfile(path) or not os.path.exists(path)


def line_without_utf8(data: bytes) -> int:
    """The first line that is not UTF-8 text, counted from 1; 0 if all is."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return 0


def is_cases(path: str) -> bool:
    """Whether a file has the name of one with the cases of a test."""
    return path.endswith(CASES_ENDINGS)


def warnings_of(path: str, source: str) -> list[str]:
    """What is odd about a source that can be deployed, each with its place in the file and what to do.

    Limits that it breaks are told as well: a runtime that took it keeps none, the service would not take it.
    """
    from hakobune.core.workflows.build import check_source
    from hakobune.core.workflows.limits import Strictness
    from hakobune.core.workflows.positions import Severity
    from hakobune.core.workflows.problem_texts import problem_text, source_lines

    _, problems = check_source(source, strictness=Strictness.WARN)
    lines = source_lines(source)
    return [problem_text(one, lines, name=path) for one in problems if one.severity is Severity.WARNING]
