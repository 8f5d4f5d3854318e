"""What a workflow of a simulation must come to: computed from its plan, with nothing of the interpreter."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from hakobune.testing.flow_plans import CHILD_LOCATION, GIVE_UP_RETRIES, FlowPlan, Kind, Part, Revision

MODULUS = 9_973
UNAVAILABLE = 503
NOT_FOUND = 404
JOB_TASKS = 2
_SILENCE_ADDS = 7


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """One call, as its receiver knows it: the part, its place in the part, the number in its body."""

    step: str
    i: int
    n: int


@dataclass(slots=True)
class Expected:
    """What an execution comes to. `stages`: calls in their order; those of one stage have none among themselves."""

    acc: int
    stages: list[frozenset[Asked]] = field(default_factory=list[frozenset[Asked]])
    attempts: dict[Asked, int] = field(default_factory=dict[Asked, int])  # where there is more than one
    logs: int = 0
    jobs: int = 0
    children: list[int] = field(default_factory=list[int])  # their arguments

    @property
    def calls(self) -> frozenset[Asked]:
        """All of them."""
        return frozenset(asked for stage in self.stages for asked in stage)


def answer(step: str, i: int, n: int) -> int:
    """What the partner makes of a number."""
    return (n * 31 + sum(step.encode()) * 17 + i * 7 + 5) % MODULUS


@cache
def expect(revision: Revision, n: int, child: Revision | None) -> Expected:
    """The whole of it. `child`: the revision that children run."""
    found = Expected(acc=n)
    for part in revision.parts:
        _follow(found, part, child)
    return found


def child_of(flows: list[FlowPlan]) -> Revision | None:
    """The revision of the workflow that others run."""
    return next((flow.revisions[0] for flow in flows if flow.location == CHILD_LOCATION), None)


def _follow(found: Expected, part: Part, child: Revision | None) -> None:
    kind, acc = part.kind, found.acc
    match kind:
        case Kind.CALL | Kind.SUB | Kind.CALLBACK | Kind.RETRY:
            _ask(found, part, 0)
            if kind is Kind.RETRY:
                found.attempts[Asked(part.name, 0, acc)] = part.failures + 1
        case Kind.LOOP:
            for i in range(part.count):
                _ask(found, part, i)
        case Kind.FOR | Kind.BRANCHES:
            found.stages.append(frozenset(Asked(part.name, i, acc) for i in range(part.count)))
            found.acc = (acc + sum(answer(part.name, i, acc) for i in range(part.count))) % MODULUS
        case Kind.GIVE_UP | Kind.REFUSED:
            asked = Asked(part.name, 0, acc)
            found.stages.append(frozenset({asked}))
            found.attempts[asked] = GIVE_UP_RETRIES + 1 if kind is Kind.GIVE_UP else 1
            found.acc = (acc + (UNAVAILABLE if kind is Kind.GIVE_UP else NOT_FOUND)) % MODULUS
        case Kind.TWICE:
            found.stages += [frozenset({Asked(part.name, i, acc)}) for i in range(2)]
            found.acc = answer(part.name, 1, acc)
        case Kind.SILENCE:
            found.acc = (acc + _SILENCE_ADDS) % MODULUS
        case Kind.JOB:
            found.jobs += 1
            found.acc = (acc + JOB_TASKS) % MODULUS
        case Kind.CHILD:
            assert child is not None  # a plan with such a part has one
            found.children.append(acc)
            found.acc = expect(child, acc, None).acc
        case Kind.LOG:
            found.logs += 1
        case Kind.SLEEP:
            pass


def _ask(found: Expected, part: Part, i: int) -> None:
    found.stages.append(frozenset({Asked(part.name, i, found.acc)}))
    found.acc = answer(part.name, i, found.acc)
