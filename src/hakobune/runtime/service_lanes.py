"""Uids by which the engine knows residents: a lane for each revision, an attempt for each instance."""

from __future__ import annotations

_LANE = "resident-"  # no execution has such a uid


def lane_uid(revision_uid: str) -> str:
    """The lane of a revision: the folder of its output is named so, too."""
    return f"{_LANE}{revision_uid}"


def instance_uid(revision_uid: str, index: int, number: int) -> str:
    """The uid of the `number`th instance of a revision that was ever begun, in the place `index`."""
    return f"{lane_uid(revision_uid)}.{index}.{number}"


def revision_of_lane(lane: str) -> str | None:
    """The uid of the revision whose lane it is; None: it is no resident's."""
    return lane.removeprefix(_LANE) if lane.startswith(_LANE) else None
