"""Traffic of services and instances of worker pools, divided among revisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hakobune.core.services.model import Resident, Share


def resolved(resident: Resident) -> tuple[Share, ...]:
    """The shares as they are now: each names a revision. Those of the latest ready one are left out while there is
    none."""
    declared = resident.shares or (Share(percent=100),)
    named = (replace(share, revision=share.revision or resident.latest_ready) for share in declared)
    return tuple(share for share in named if share.revision)


def serving(resident: Resident) -> frozenset[str]:
    """Ids of the revisions that something leads to: a percentage, or a tag."""
    return frozenset(share.revision for share in resolved(resident) if share.percent or share.tag)


def percents(resident: Resident) -> dict[str, int]:
    """What each revision has, by id."""
    found: dict[str, int] = {}
    for share in resolved(resident):
        found[share.revision] = found.get(share.revision, 0) + share.percent
    return found


def chosen(shares: Iterable[Share], tag: str, seed: float) -> str | None:
    """The revision that a request goes to: that of the tag, or one by percentage (0 ≤ seed < 1). None: no one."""
    offers = [share for share in shares if (share.tag == tag if tag else share.percent > 0)]
    if not offers:
        return None
    place = seed * sum(share.percent for share in offers)
    for share in offers:
        place -= share.percent
        if place < 0:
            return share.revision
    return offers[-1].revision


def divided(total: int, parts: Sequence[int]) -> list[int]:
    """`total` in the ratio of the parts, in whole numbers that add up to it: the largest rests get one more. Ours:
    Google does not say how instances are rounded."""
    whole = sum(parts)
    if not whole:
        return [0 for _ in parts]
    counts = [total * part // whole for part in parts]
    order = sorted(range(len(parts)), key=lambda place: (-(total * parts[place] % whole), place))
    for place in order[: total - sum(counts)]:
        counts[place] += 1
    return counts
