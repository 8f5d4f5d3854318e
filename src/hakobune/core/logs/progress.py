"""How far the tasks of an execution are, from the structured lines by which they say it.

The line (ours, written by the SDK's `progress`): {"hakobune.dev/progress": {"done": 12, "total": 40, "note": "…"}}.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from hakobune.core.logs.structured import parse_line

PROGRESS_KEY = "hakobune.dev/progress"
_KEY_BYTES = PROGRESS_KEY.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Units of work, done and in all, of those tasks that have said so (`tasks` of them), and the newest note."""

    done: int
    total: int
    note: str = ""
    tasks: int = 1


def progress_from_line(data: bytes) -> Progress | None:
    """What one line says of its task, None if it is another line. Cheap for lines that are."""
    if _KEY_BYTES not in data:
        return None
    payload = parse_line(data).json_payload
    report = None if payload is None else payload.get(PROGRESS_KEY)
    if not isinstance(report, dict):
        return None
    fields = cast("dict[str, object]", report)
    done, total, note = fields.get("done"), fields.get("total", 0), fields.get("note", "")
    if not _is_count(done) or not _is_count(total):
        return None
    return Progress(done=cast("int", done), total=cast("int", total), note=note if isinstance(note, str) else "")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
