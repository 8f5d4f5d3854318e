"""Which methods of Google's APIs there are (`methods.yaml`), and which of them a check of the clients calls
(`checks.json`, written by `tools/record_checks.py`): what the tables of the documents are drawn from."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

import yaml

from hakobune.core.objects.names import RESERVED_BUCKETS

FOLDER = Path(__file__).resolve().parent
METHODS = FOLDER / "methods.yaml"
CHECKS = FOLDER / "checks.json"
SET_UP = "hakobune-set-up"  # how our own calls around a check name themselves: they are not counted

HERE = ("same", "differs", "kept", "refused")
_NOT_XML = RESERVED_BUCKETS | {"", ".well-known", "o"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A method: its name in its API, the calls that are it (`POST /path/{one}/{rest*}?field=value`), the full name over
    gRPC, and what it is here: one of `HERE`, with a note."""

    api: str
    name: str
    calls: tuple[str, ...]
    grpc: str
    here: str
    note: str

    @property
    def key(self) -> str:
        return f"{self.api}.{self.name}"


@cache
def rows() -> tuple[Row, ...]:
    """All methods, in the order in which a call is looked for."""
    return tuple(
        Row(
            api=api,
            name=entry["name"],
            calls=tuple(found if isinstance(found := entry.get("call", []), list) else [found]),
            grpc=entry.get("grpc", ""),
            here=entry["here"],
            note=entry.get("note", ""),
        )
        for api, entries in yaml.safe_load(METHODS.read_text(encoding="utf-8")).items()
        for entry in entries
    )


def load_checks() -> dict[str, list[str]]:
    """The record: names of checks, each with the keys of what it calls. A call over gRPC is `gRPC /service/method`."""
    if not CHECKS.exists():
        return {}
    return {
        f"{file}::{name}": keys
        for file, checks in json.loads(CHECKS.read_text(encoding="utf-8")).items()
        for name, keys in checks.items()
    }


def save_checks(checks: Mapping[str, list[str]]) -> None:
    """Write the record: a line for each check, so that a change of it can be read."""
    files: dict[str, list[str]] = {}
    for name in sorted(checks):
        file, _, rest = name.partition("::")
        keys = json.dumps(sorted(checks[name]))
        files.setdefault(file, []).append(f"  {json.dumps(rest)}: {keys}")
    text = ",\n".join(f" {json.dumps(file)}: {{\n" + ",\n".join(lines) + "\n }" for file, lines in files.items())
    CHECKS.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def methods_of(lines: bytes) -> frozenset[str]:
    """The keys of what was called, from lines of `recorded_runtime.py`. What has no row is left out."""
    return frozenset(key for line in lines.splitlines() if (key := _key(*json.loads(line))) is not None)


def counts(checks: Mapping[str, list[str]]) -> dict[str, int]:
    """How many checks call what."""
    found: dict[str, int] = {}
    for keys in checks.values():
        for key in keys:
            found[key] = found.get(key, 0) + 1
    return found


def check_functions() -> set[str]:
    """The names of all checks there are, without their parameters."""
    return {
        f"{path.name}::{node.name}"
        for path in sorted(FOLDER.glob("test_*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _key(verb: str, path: str, query: str, is_xml: bool, status: int) -> str | None:
    if verb == "gRPC":
        return f"gRPC {path}"
    fields = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if is_xml or path.split("/")[1].lower() not in _NOT_XML:
        path = f"xml:/{path.lstrip('/')}"
    for row, patterns in _patterns():
        if (row.here == "refused") == (status == 501) and any(
            pattern.matches(verb, path, fields) for pattern in patterns
        ):
            return row.key
    return None


@dataclass(frozen=True, slots=True)
class _Pattern:
    verb: str
    path: re.Pattern[str]
    fields: Mapping[str, str]

    def matches(self, verb: str, path: str, fields: Mapping[str, str]) -> bool:
        return (
            self.verb in (verb, "*")
            and self.path.fullmatch(path) is not None
            and all(name in fields and value in ("", fields[name]) for name, value in self.fields.items())
        )


@cache
def _patterns() -> tuple[tuple[Row, tuple[_Pattern, ...]], ...]:
    """`…/{topic}:publish` before `…/{topic}`, which would take it, too."""
    in_order = sorted(rows(), key=lambda row: not any("}:" in call for call in row.calls))
    return tuple((row, tuple(_pattern(call) for call in row.calls)) for row in in_order)


def _pattern(call: str) -> _Pattern:
    verb, _, rest = call.partition(" ")
    path, _, query = rest.partition("?")
    parts: Iterator[str] = iter(re.split(r"(\{\w+\*?\})", path))
    text = "".join(
        re.escape(part) if part[:1] != "{" else (".+" if part.endswith("*}") else "[^/]+?") for part in parts
    )
    fields = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    return _Pattern(verb, re.compile(text), fields)
