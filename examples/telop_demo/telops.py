"""From what single frames seemed to say to telops: grouping, voting, joining. Pure, and the same on every machine.

A *sighting* is one frame's text. A *telop* is a run of sightings that say nearly the same; its text is what most of
its frames said. A telop that crosses a segment border is seen by two tasks: each writes its part, and `join` puts
the parts together again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

# Frames are taken at whole multiples of this from the start of the clip, whichever segment they are in.
SAMPLE_MS = 200

# Two texts are readings of one telop if at most one character in five differs. Inferred: single characters are
# misread now and then, while two telops that follow each other at once differ in more than that.
ALIKE_MIN = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The text of one frame ("" if there is none). `weight` is the recogniser's trust, 0 to 1000."""

    at_ms: int
    text: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Telop:
    """A text on the screen. Seen on every sampled frame from `first_ms` to `last_ms`, both included."""

    id: int
    first_ms: int
    last_ms: int
    votes: Mapping[str, int]  # text → weight of all frames that were read so
    parts: tuple[int, ...] = field(default=())  # global ids of the parts, of which `id` is the first

    @property
    def text(self) -> str:
        """What most of its frames said; of equals the first in code point order."""
        return min(self.votes, key=lambda text: (-self.votes[text], text))

    def to_json(self) -> dict[str, object]:
        """The telop as it is written to files. Keys in a fixed order, whole numbers only."""
        return {
            "id": self.id,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
            "text": self.text,
            "votes": dict(sorted(self.votes.items())),
            "parts": list(self.parts),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Telop:
        """Read back what `to_json` wrote. Raises ValueError if it is not that."""
        match document:
            case {
                "id": int(id_),
                "first_ms": int(first_ms),
                "last_ms": int(last_ms),
                "votes": {**votes},
                "parts": [*parts],
            } if votes:
                return cls(id=id_, first_ms=first_ms, last_ms=last_ms, votes=dict(votes), parts=tuple(parts))
            case _:
                raise ValueError(f"not a telop: {document!r}")


def group(sightings: Iterable[Sighting], global_id: Callable[[int], int]) -> list[Telop]:
    """The telops of one segment. Sightings come in the order of time, and so do the telops: the first has the local
    id 0, and `global_id` makes of it one that no other segment gives out."""
    telops: list[Telop] = []
    going_on = False
    for sighting in sightings:
        if not sighting.text:
            going_on = False
            continue
        if going_on and alike(telops[-1].text, sighting.text):
            telops[-1] = _seen_again(telops[-1], sighting)
        else:
            telops.append(_first_seen(sighting, global_id(len(telops))))
        going_on = True
    return telops


def join(telops: Iterable[Telop]) -> list[Telop]:
    """Telops in the order of time, with parts of one telop put together.

    Parts belong together if no sampled frame lies between them and their texts are alike: so a text that is shown
    twice with a pause stays two telops, also if the pause is at a segment border. The joined telop keeps the id of
    its first part. The order of the argument does not matter, and joining again changes nothing.
    """
    joined: list[Telop] = []
    for telop in sorted(telops, key=lambda telop: (telop.first_ms, telop.id)):
        if joined and telop.first_ms - joined[-1].last_ms <= SAMPLE_MS and alike(joined[-1].text, telop.text):
            joined[-1] = _joined(joined[-1], telop)
        else:
            joined.append(telop)
    return joined


def alike(one: str, other: str) -> bool:
    """Whether two texts are readings of one telop. White space does not count."""
    one, other = "".join(one.split()), "".join(other.split())
    longest = max(len(one), len(other))
    return longest > 0 and 1 - distance(one, other) / longest >= ALIKE_MIN


def distance(one: str, other: str) -> int:
    """Levenshtein distance: the fewest insertions, deletions and replacements that lead from one to the other."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def clock(ms: int) -> str:
    """Minutes, seconds and hundredths: 83250 → `01:23.25`."""
    return f"{ms // 60_000:02d}:{ms // 1000 % 60:02d}.{ms % 1000 // 10:02d}"


def _first_seen(sighting: Sighting, id_: int) -> Telop:
    votes = {sighting.text: sighting.weight}
    return Telop(id=id_, first_ms=sighting.at_ms, last_ms=sighting.at_ms, votes=votes, parts=(id_,))


def _seen_again(telop: Telop, sighting: Sighting) -> Telop:
    votes = dict(telop.votes)
    votes[sighting.text] = votes.get(sighting.text, 0) + sighting.weight
    return Telop(id=telop.id, first_ms=telop.first_ms, last_ms=sighting.at_ms, votes=votes, parts=telop.parts)


def _joined(one: Telop, other: Telop) -> Telop:
    votes = dict(one.votes)
    for text, weight in other.votes.items():
        votes[text] = votes.get(text, 0) + weight
    return Telop(
        id=one.id,
        first_ms=one.first_ms,
        last_ms=max(one.last_ms, other.last_ms),
        votes=votes,
        parts=one.parts + other.parts,
    )
