"""Reading a YAML (or JSON) file that a person wrote. PyYAML loads only here and where YAML is printed."""

from __future__ import annotations

import sys

import yaml

from hakobune.cli.errors import CommandError

_FILE_BYTES_MAX = 16 * 1024 * 1024


def read_yaml(text: str, path: str) -> object:
    """The document in `text`. Raises CommandError with the line where it is broken."""
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise CommandError(f"Failed to parse YAML from [{path}]{where}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise CommandError(f"Failed to parse YAML from [{path}]: {error}") from error


def read_file(path: str) -> object:
    """The document in the file, `-` for stdin. Raises CommandError."""
    try:
        if path == "-":
            text = sys.stdin.read(_FILE_BYTES_MAX)
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise CommandError(f"Unable to read file [{path}]: {error.strerror or error}") from error
    except UnicodeError as error:
        raise CommandError(f"Unable to read file [{path}]: it is not UTF-8 text: {error}") from error
    return read_yaml(text, path)
