"""Named SQL queries: `store/sql/<room>.sql`, each introduced by `-- name: <name>` and a comment that says what for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(room: str) -> Mapping[str, str]:
    """All queries of a room by name. Raises ValueError if two have the same name."""
    text = (files("hakobune.store") / "sql" / f"{room}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"two queries are named {name} in {room}.sql")
        lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
        found[name] = "\n".join(lines).strip().rstrip(";")
    return found


def migrations() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration, in order. Raises ValueError on a gap."""
    folder = files("hakobune.store") / "migrations"
    found = sorted(
        (int(entry.name[:4]), entry.name, entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    )
    if [number for number, _, _ in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations are not numbered without gaps: {[name for _, name, _ in found]}")
    return found
