"""What one seed asks of objects and messages: buckets, writers, racers, topics, subscribers. Drawn, and then only read;
what a client does next it draws itself, from a stream of its own and what it knows."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum

KEPT, OPEN = "kept", "open"  # buckets: the first tells a topic of every change, in the second many write to a name
_STEPS = (2, 4, 8)


class Kind(StrEnum):
    """What is special about a subscription."""

    PLAIN = "plain"
    ORDERED = "ordered"
    EXACT = "exact"  # exactly-once delivery
    PICKY = "picky"  # a filter
    DYING = "dying"  # a dead letter topic
    SEEKING = "seeking"  # snapshots, seeks, replay
    PATIENT = "patient"  # a retry policy


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterPlan:
    """Somebody who alone writes some names, one change after the other."""

    name: str
    steps: int
    stream: int  # the seed of what is drawn on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class RacePlan:
    """Several upload to one name that must not be there yet."""

    name: str
    delays_s: tuple[float, ...]  # of each racer


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """One subscription."""

    kind: Kind
    is_exact: bool
    consumers: int
    stream: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherPlan:
    """Somebody who publishes batches, some of them under an ordering key of its own."""

    name: str
    batches: int
    stream: int


@dataclass(slots=True, kw_only=True)
class DataScenario:
    """Everything that a seed asks of objects and messages."""

    is_versioned: bool = False  # the bucket KEPT
    writers: list[WriterPlan] = field(default_factory=list[WriterPlan])
    races: list[RacePlan] = field(default_factory=list[RacePlan])
    counters: int = 0  # clients that count up one object
    lanes: list[LanePlan] = field(default_factory=list[LanePlan])
    publishers: list[PublisherPlan] = field(default_factory=list[PublisherPlan])
    has_expiry: bool = False  # at the end a week passes

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return not self.writers and not self.lanes


def draw(rng: random.Random) -> DataScenario:
    """One or two writers, up to two races, two or three subscriptions."""
    kinds = [Kind.PLAIN, *rng.sample([kind for kind in Kind if kind is not Kind.PLAIN], rng.randint(1, 2))]
    return DataScenario(
        is_versioned=rng.random() < 0.5,
        writers=[
            WriterPlan(name=f"w{number}", steps=rng.choice(_STEPS), stream=rng.getrandbits(32))
            for number in range(rng.randint(1, 2))
        ],
        races=[
            RacePlan(
                name=f"race-{number}",
                delays_s=tuple(rng.choice((0.0, 0.0, 0.1, 2.0)) for _ in range(rng.randint(2, 3))),
            )
            for number in range(rng.randint(0, 2))
        ],
        counters=rng.choice((0, 2, 2)),
        lanes=[
            LanePlan(
                kind=kind,
                is_exact=kind is Kind.EXACT or (kind is Kind.ORDERED and rng.random() < 0.3),
                consumers=2 if kind in {Kind.PLAIN, Kind.EXACT} and rng.random() < 0.5 else 1,
                stream=rng.getrandbits(32),
            )
            for kind in kinds
        ],
        publishers=[
            PublisherPlan(name=f"p{number}", batches=rng.randint(2, 4), stream=rng.getrandbits(32))
            for number in range(rng.randint(1, 2))
        ],
        has_expiry=rng.random() < 0.25,
    )
