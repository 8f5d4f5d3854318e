"""The file of a definition, as text."""

from __future__ import annotations

from hakobune.cli.errors import CommandError

_BYTES_MAX = 16 * 1024 * 1024  # far above the bound of a definition, which is checked elsewhere


def read_source(path: str) -> str:
    """The text of the file. Raises CommandError."""
    try:
        with open(path, "rb") as file:
            data = file.read(_BYTES_MAX)
    except OSError as error:
        raise CommandError(f"Unable to read file [{path}]: {error.strerror or error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CommandError(
            f"Unable to read file [{path}]: line {line} is not UTF-8 text. Remedy: save the file as UTF-8"
        ) from error
