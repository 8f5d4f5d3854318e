"""What one seed asks of workflows: definitions, executions, changes. Drawn, and then only read."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum

from hakobune.testing.plans import LOCATION

CHILD_LOCATION = "europe-west1"  # children have a quota of their own: parents that wait must not keep them out
CHILD = "child"
JOB = "flow-job"  # what workflows run through the front door; its tasks never fail
RETRIES_MAX = 8  # of a call whose failures pass
GIVE_UP_RETRIES = 2
DAY_S = 86_400.0
FOREVER_S = 31_536_000.0
_LONG_S = (3 * DAY_S, 20 * DAY_S, 55 * DAY_S)  # one of them in a workflow: what has ended is kept for 90 days
_SHORT_S = (0.001, 0.5, 3.0, 7.0, 100.0, 4_000.0, DAY_S)


class Kind(StrEnum):
    """What a part of a workflow does."""

    CALL = "call"
    LOOP = "loop"  # calls one after the other, each with the answer of the one before
    FOR = "for"  # a parallel loop that adds answers up
    BRANCHES = "branches"
    RETRY = "retry"  # a call that fails some times first
    GIVE_UP = "give-up"  # a call that fails more often than it is retried
    REFUSED = "refused"  # a call whose answer is an error, caught
    SLEEP = "sleep"
    CALLBACK = "callback"
    SILENCE = "silence"  # a callback that nobody posts to
    SUB = "sub"  # a subworkflow that calls
    TWICE = "twice"  # a UUID and an instant, sent in two calls
    LOG = "log"
    JOB = "job"
    CHILD = "child"


class Post(StrEnum):
    """How the partner posts to a callback."""

    ONCE = "once"
    TWICE = "twice"  # at the same time
    EARLY = "early"  # before the workflow waits for it
    AFTER = "after"  # once, and again when it was taken
    WRONG = "wrong"  # by another method first


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some steps of a workflow. `name` begins the names of its steps and variables."""

    name: str
    kind: Kind
    count: int = 0  # of a loop's rounds, of branches
    failures: int = 0  # distinct attempts that fail first
    delay_s: float = 0.0  # of a sleep; between calls; of the first backoff
    style: int = 0  # one of several ways to write the same
    post: Post = Post.ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What one revision of a workflow does."""

    parts: tuple[Part, ...]
    is_raising: bool = False  # at its end


@dataclass(slots=True, kw_only=True)
class FlowPlan:
    """One workflow."""

    name: str
    location: str
    revisions: list[Revision]  # the first is deployed, the others are changes
    change_delays_s: list[float]
    call_log_level: str = "CALL_LOG_LEVEL_UNSPECIFIED"
    delete_after_s: float | None = None
    is_doomed: bool = False  # somebody has asked for its end
    deleted_at_s: float | None = None  # when that was answered; the loop's


@dataclass(slots=True, kw_only=True)
class FlowRun:
    """One execution, and what became of it. Instants are the loop's."""

    flow: FlowPlan
    key: str
    n: int  # its argument
    delay_s: float
    cancel_after_s: float | None = None
    name: str = ""
    uid: str = ""
    is_accepted: bool = False
    was_cancelled: bool = False  # the cancel was accepted, not refused
    stopped_at_s: float | None = None  # when that was answered


@dataclass(slots=True, kw_only=True)
class FlowScenario:
    """Everything that a seed asks of workflows."""

    flows: list[FlowPlan] = field(default_factory=list[FlowPlan])
    runs: list[FlowRun] = field(default_factory=list[FlowRun])
    quota: int = 1_000
    is_moving: bool = False  # each life of the runtime has another port

    @property
    def has_jobs(self) -> bool:
        """Whether a workflow runs a job."""
        return any(part.kind is Kind.JOB for flow in self.flows for item in flow.revisions for part in item.parts)


def draw(rng: random.Random) -> FlowScenario:
    """One to three workflows, two to six executions. In a third of the scenarios the quota is small: then no workflow
    waits for another one, and none sleeps for more than a day."""
    is_tight = rng.random() < 0.33
    draws = _Draws(rng, is_tight=is_tight)
    flows = [draws.flow(f"flow-{number}", LOCATION) for number in range(rng.randint(1, 3))]
    runs = [
        FlowRun(
            flow=rng.choice(flows),
            key=f"flow-key-{number}",
            n=rng.randrange(1_000),
            delay_s=rng.choice((0.0, 0.0, 0.3, 5.0)),
            cancel_after_s=rng.choice((0.0, 0.3, 2.0, 20.0)) if rng.random() < 0.15 else None,
        )
        for number in range(rng.randint(2, 6))
    ]
    if any(part.kind is Kind.CHILD for flow in flows for item in flow.revisions for part in item.parts):
        flows.append(draws.child())
    return FlowScenario(
        flows=flows, runs=runs, quota=rng.randint(1, 3) if is_tight else 1_000, is_moving=rng.random() < 0.5
    )


class _Draws:
    def __init__(self, rng: random.Random, *, is_tight: bool) -> None:
        self._rng = rng
        self._kinds = [kind for kind in Kind if not (is_tight and kind is Kind.CHILD)]
        self._is_tight = is_tight

    def flow(self, name: str, location: str) -> FlowPlan:
        rng = self._rng
        delays_s = [rng.choice((0.1, 2.0, 8.0)) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
        return FlowPlan(
            name=name,
            location=location,
            revisions=[self._revision() for _ in range(len(delays_s) + 1)],
            change_delays_s=delays_s,
            call_log_level=rng.choice(("CALL_LOG_LEVEL_UNSPECIFIED", "LOG_ALL_CALLS", "LOG_ERRORS_ONLY")),
            delete_after_s=rng.choice((1.0, 6.0, 40.0)) if rng.random() < 0.1 else None,
        )

    def child(self) -> FlowPlan:
        parts = (
            Part(name="p0", kind=Kind.CALL),
            Part(name="p1", kind=Kind.SLEEP, delay_s=self._rng.choice((2.0, 9.0))),
        )
        revision = Revision(parts=parts)
        return FlowPlan(name=CHILD, location=CHILD_LOCATION, revisions=[revision], change_delays_s=[])

    def _revision(self) -> Revision:
        rng = self._rng
        parts = [self._part(f"p{place}") for place in range(rng.randint(2, 4))]
        if not self._is_tight and rng.random() < 0.3:
            place = rng.randrange(len(parts))
            parts[place] = Part(name=f"p{place}", kind=Kind.SLEEP, delay_s=rng.choice(_LONG_S))
        return Revision(parts=tuple(parts), is_raising=rng.random() < 0.1)

    def _part(self, name: str) -> Part:
        rng = self._rng
        kind = rng.choice(self._kinds)
        if kind in {Kind.JOB, Kind.CHILD} and rng.random() < 0.5:  # these take many calls
            kind = Kind.CALL
        delay_s = rng.choice(_SHORT_S) if kind is Kind.SLEEP else rng.choice((0.0, 0.3, 8.0))
        return Part(
            name=name,
            kind=kind,
            count=rng.randint(2, 4),
            failures=rng.randint(0, 3),
            delay_s=delay_s,
            style=rng.randint(0, 1),
            post=rng.choice(list(Post)),
        )
