"""What must be true of objects in the end: they are what their writers know, each content file is whole, named as often
as the store says, and no file is left over."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import cast

from hakobune.core.objects.checksums import crc32c_to_text
from hakobune.store.blobs import extend_crc32c
from hakobune.testing.checkers import demand
from hakobune.testing.data_client import settle
from hakobune.testing.data_plans import KEPT
from hakobune.testing.object_model import Known
from hakobune.testing.object_scenario import COUNTER, ObjectHistory, read_open
from hakobune.testing.object_writers import OBJECTS, seen_from_json
from hakobune.testing.world import World

# The rows that name a content, by what they are.
_NAMED = """
SELECT content, count(*) FROM (
    SELECT content FROM objects
    UNION ALL SELECT content FROM upload_sessions WHERE result IS NULL AND json_extract(doc, '$.refusal') IS NULL
    UNION ALL SELECT content FROM upload_parts
) GROUP BY content
"""

_Version = tuple[str, int]


async def check(world: World, history: ObjectHistory) -> None:
    """In a world that is kind again. Raises Violation."""
    if not history.shelves:
        return
    await _check_versions(world, history)
    for race in history.races:
        reply = await read_open(world, race.name)
        demand(reply.content == race.winner, f"{race.name}: another winner than before")
    if history.count is not None:
        count, reply = history.count, await read_open(world, COUNTER)
        number = int(reply.content) if reply.status == 200 else 0
        most = count.done + count.unsure
        demand(count.done <= number <= most, f"{COUNTER}: {number}; {count.done} were done, {count.unsure} perhaps")
    room = (await world.runtime()).objects
    await room.cleaning.round()
    await room.cleaning.remove_unused()
    findings = await room.examination.examine()
    demand(not findings.problems, f"the examination found: {findings.problems}")
    _check_references(world.disk)


async def _check_versions(world: World, history: ObjectHistory) -> None:
    wanted: dict[_Version, tuple[Known, bool]] = {}  # the version, whether it is live
    for shelf in history.shelves:
        wanted |= {(name, known.generation): (known, True) for name, known in shelf.live.items()}
        wanted |= {version: (known, False) for version, known in shelf.old.items()}
    reply = await settle(world, "GET", f"{OBJECTS.format(KEPT)}?versions=true")
    items = cast("list[Mapping[str, object]]", reply.json().get("items", []))
    shown = {(str(item["name"]), int(str(item["generation"]))): item for item in items}
    demand(shown.keys() == wanted.keys(), f"versions {sorted(shown)}, written were {sorted(wanted)}")
    for version, (known, is_live) in wanted.items():
        item, seen = shown[version], seen_from_json(shown[version])
        demand(("timeDeleted" not in item) == is_live, f"{version}: live or not")
        demand(seen.mark == known.mark, f"{version}: its mark is {seen.mark!r}, written was {known.mark!r}")
        told = (int(str(item["size"])), str(item["crc32c"]))
        real = (len(known.content), crc32c_to_text(extend_crc32c(0, known.content)))
        demand(told == real, f"{version}: {told}, written was {real}")


def _check_references(disk: sqlite3.Connection) -> None:
    named = {row[0]: row[1] for row in disk.execute(_NAMED)}
    told = {row[0]: row[1] for row in disk.execute("SELECT content, refs FROM contents")}
    demand(told == named, f"contents are named {named}, and the store says {told}")
