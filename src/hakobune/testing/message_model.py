"""What is known of a topic and of each subscription, and what must be true of every delivery."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from hakobune.testing.checkers import demand
from hakobune.testing.clock import VirtualClock
from hakobune.testing.data_plans import Kind, LanePlan

ACK_DEADLINE_S = 10
ATTEMPTS_MAX = 5
WANTED_COLOR = "red"
KEPT_S = 6 * 86_400.0  # messages are kept for a week; a clock that jumped further says nothing
POISON = "poison"


@dataclass(slots=True, kw_only=True)
class Sent:
    """One message that somebody published, perhaps several times, since answers are lost."""

    text: str
    key: str
    color: str
    begun_s: float  # of the loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One delivery."""

    ack_id: str
    id: int
    text: str
    key: str
    color: str
    publish_time: str
    attempt: int


@dataclass(slots=True, kw_only=True)
class Board:
    """A topic: texts that were sent, and ids as they become known, from answers or from deliveries."""

    texts: dict[str, Sent] = field(default_factory=dict[str, Sent])
    ids: dict[int, Sent] = field(default_factory=dict[int, Sent])
    instants: dict[int, str] = field(default_factory=dict[int, str])

    def learn(self, number: int, text: str) -> Sent:
        """The message of an id. Raises Violation: nobody sent such a text, or the id was another one's."""
        sent = self.texts.get(text)
        assert sent is not None or text, "a text is never empty"
        demand(sent is not None, f"message {number}: nobody sent {text!r}")
        assert sent is not None  # demanded
        known = self.ids.setdefault(number, sent)
        demand(known is sent, f"message {number}: first {known.text!r}, then {text!r}")
        return sent


@dataclass(slots=True, kw_only=True)
class Mark:
    """A snapshot: what was acknowledged then."""

    acked: dict[int, float]
    unsure: dict[int, float]
    floor: int
    purged_s: float


class LaneModel:
    """What a subscription has still to deliver, and what it must not. Instants are the loop's, but for leases."""

    def __init__(self, plan: LanePlan, board: Board, clock: VirtualClock) -> None:
        self.plan = plan
        self.name = plan.kind.value
        self.board = board
        self.acked: dict[int, float] = {}  # when that was answered
        self.unsure: dict[int, float] = {}  # acks without an answer, and when that was known; inf: under way
        self.buried: set[str] = set()  # texts that came as dead letters
        self.tries: Counter[str] = Counter()  # deliveries, by text
        self.lost_pulls = 0
        self.deliveries = 0
        self._purged_s = -math.inf  # the last purge: what was published before its end is gone, or not
        self._floor = 0  # the last rewind: messages before this one count as acknowledged
        # The clock's instant before which nobody else may get it, and the ack id of who has it.
        self._leases: dict[int, tuple[float, str]] = {}
        self._clock = clock

    def wants(self, sent: Sent) -> bool:
        """Whether a message passes the filter."""
        return self.plan.kind is not Kind.PICKY or sent.color == WANTED_COLOR

    def missing(self) -> list[int]:
        """Messages that must still come."""
        return [
            number
            for number, sent in self.board.ids.items()
            if number >= self._floor
            and number not in self.acked
            and number not in self.unsure
            and self.wants(sent)
            and sent.text not in self.buried
            and sent.begun_s > self._purged_s
            and not self._is_old(sent)
        ]

    def _is_old(self, sent: Sent) -> bool:
        return self._clock.most_s(sent.begun_s) - self._clock.least_s(sent.begun_s) > KEPT_S

    # -- deliveries ---------------------------------------------------------------------------------------------------

    def take(self, received: list[Received], begun_s: float) -> None:
        """The answer to a pull that was sent at an instant. Raises Violation."""
        here: set[int] = set()
        for item in received:
            where = f"{self.name}: message {item.id}"
            sent = self.board.learn(item.id, item.text)
            self.board.instants.setdefault(item.id, item.publish_time)
            demand((item.key, item.color) == (sent.key, sent.color), f"{where}: is {item}, sent was {sent}")
            demand(self.board.instants[item.id] == item.publish_time, f"{where}: published at two instants")
            demand(self.wants(sent), f"{where}: {sent.text!r} does not pass the filter")
            demand(item.id not in here, f"{where}: twice in one answer")
            demand(item.attempt <= ATTEMPTS_MAX, f"{where}: attempt {item.attempt}")
            demand(self.acked.get(item.id, math.inf) >= begun_s, f"{where}: acknowledged, and there again")
            if self.unsure.get(item.id, math.inf) < begun_s:
                del self.unsure[item.id]
            self._check_lease(where, item.id, begun_s)
            if self.plan.kind is Kind.ORDERED and sent.key:
                self._check_order(where, item.id, sent, here)
            here.add(item.id)
            self.tries[item.text] += 1
            self._leases[item.id] = self._clock.least_s(begun_s) + ACK_DEADLINE_S, item.ack_id
        self.deliveries += len(received)

    def _check_lease(self, where: str, number: int, begun_s: float) -> None:
        until_s, _ = self._leases.get(number, (-math.inf, ""))
        if self.plan.kind is not Kind.ORDERED:  # there, the end of one lease ends those behind it
            demand(self._clock.most_s(begun_s) >= until_s, f"{where}: somebody else has it still")

    def _check_order(self, where: str, number: int, sent: Sent, here: set[int]) -> None:
        before = [
            other
            for other, that in self.board.ids.items()
            if other < number and that.key == sent.key and other not in here
        ]
        open_ones = [other for other in before if other not in self.acked and other not in self.unsure]
        demand(not open_ones, f"{where}: of key {sent.key!r}, and {sorted(open_ones)} were before it")

    def is_held(self, item: Received, begun_s: float) -> bool:
        """Whether a lease has lasted for sure since an instant."""
        until_s, ack_id = self._leases.get(item.id, (-math.inf, ""))
        is_free = self.plan.kind is Kind.ORDERED
        return not is_free and ack_id == item.ack_id and self._clock.most_s(begun_s) < until_s

    def is_busy(self) -> bool:
        """Whether something was delivered that is not acknowledged."""
        return any(number not in self.acked and number not in self.unsure for number in self._leases)

    def gives_up(self, items: list[Received]) -> None:
        """Negative acknowledgements are about to be sent."""
        for item in items:
            self._leases.pop(item.id, None)

    def extends(self, items: list[Received], begun_s: float, seconds: int) -> None:
        """New deadlines were accepted, within the old ones."""
        for item in items:
            self._leases[item.id] = self._clock.least_s(begun_s) + seconds, item.ack_id

    # -- acknowledgements ---------------------------------------------------------------------------------------------

    def acks(self, numbers: list[int]) -> None:
        """An acknowledgement is about to be sent."""
        for number in numbers:
            if number not in self.acked:
                self.unsure[number] = math.inf

    def answered(self, numbers: list[int], now_s: float, *, is_done: bool | None) -> None:
        """What became of it; None: nobody knows."""
        for number in numbers:
            if number in self.acked:
                continue
            self.unsure.pop(number, None)
            if is_done is None:
                self.unsure[number] = now_s
            elif is_done:
                self.acked[number] = now_s

    # -- seeks --------------------------------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """What a snapshot keeps."""
        return Mark(acked=dict(self.acked), unsure=dict(self.unsure), floor=self._floor, purged_s=self._purged_s)

    def returns(self, mark: Mark, now_s: float) -> None:
        """A seek to a snapshot was answered."""
        self.acked = dict(mark.acked)
        self.unsure = dict.fromkeys(mark.unsure, now_s)
        self._floor, self._purged_s = mark.floor, mark.purged_s
        self._leases.clear()

    def returns_to(self, first: int, now_s: float) -> None:
        """A seek to the instant of a message was answered: it and all after it come again."""
        instant = self.board.instants[first]
        instants = self.board.instants
        before = [number for number in self.board.ids if number < first]
        self.acked = {number: now_s for number in before if instants.get(number, instant) < instant}
        self.unsure = {number: now_s for number in before if number not in self.acked}
        self._floor, self._purged_s = first, -math.inf
        self._leases.clear()

    def purges(self, known: list[int], now_s: float) -> None:
        """A seek to the future was answered: these, which were known before it began, never come."""
        self.acked = dict.fromkeys(known, now_s)
        self.unsure = {}
        self._purged_s = now_s
        self._leases.clear()
