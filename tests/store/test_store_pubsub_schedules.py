"""Random schedules of publishes, pulls, acks, nacks, deadlines and waits: what may never happen, and what must."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from pubsub_desk import Desk

from hakobune.core.pubsub.model import Delivery, RetryPolicy

KEYS = ("", "a", "b")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(KEYS), st.integers(1, 4)),
        st.tuples(st.just("pull"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("ack"), st.integers(0, 9), st.integers(1, 4)),
        st.tuples(st.just("nack"), st.integers(0, 9), st.integers(1, 3)),
        st.tuples(st.just("extend"), st.integers(0, 9), st.integers(5, 40)),
        st.tuples(st.just("wait"), st.integers(1, 15), st.just(0)),
        st.tuples(st.just("clean"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@dataclass
class Seen:
    """What a subscriber knows."""

    held: list[Delivery] = field(default_factory=list)  # every delivery, newest last
    acked: set[int] = field(default_factory=set)
    delivered: set[int] = field(default_factory=set)
    published: dict[str, list[int]] = field(default_factory=dict)  # by key, in order

    def take(self, deliveries: list[Delivery], *, is_ordered: bool) -> None:
        for one in deliveries:
            assert one.message_id not in self.acked, "a message came after its acknowledgement"
            if is_ordered and one.ordering_key:
                order = self.published[one.ordering_key]
                earlier = order[: order.index(one.message_id)]
                missing = [number for number in earlier if number not in self.delivered]
                assert not missing, f"message {one.message_id} came before {missing}"
            self.delivered.add(one.message_id)
        self.held += deliveries


def run(steps: list[tuple[str, object, object]], **fields: object) -> None:
    desk = Desk(**fields)
    is_ordered = bool(fields.get("enable_message_ordering"))
    seen = Seen()
    for step, first, second in steps:
        chosen = seen.held[-(int(first) + 1) :][: int(second)] if step in ("ack", "nack", "extend") else []  # type: ignore[call-overload]
        if step == "publish":
            assert isinstance(first, str)
            assert isinstance(second, int)
            seen.published.setdefault(first, []).extend(desk.publish(*["x"] * second, key=first))
        elif step == "pull":
            assert isinstance(first, int)
            seen.take(desk.pull(first), is_ordered=is_ordered)
        elif step == "wait":
            assert isinstance(first, int)
            desk.now_s += first
        elif step == "clean":
            desk.clean()
        elif chosen and step == "ack":
            desk.ack(chosen)
            seen.acked |= {one.message_id for one in chosen}
        elif chosen and step == "nack":
            desk.modify(chosen)
        elif chosen:
            assert isinstance(second, int)
            desk.modify(chosen[:1], second)
    drain(desk, seen, is_ordered=is_ordered)


def drain(desk: Desk, seen: Seen, *, is_ordered: bool) -> None:
    """In the end everything that was published comes, and nothing is left."""
    everything = {number for order in seen.published.values() for number in order}
    for _ in range(200):
        batch = desk.pull()
        seen.take(batch, is_ordered=is_ordered)
        desk.ack(batch)
        seen.acked |= {one.message_id for one in batch}
        if seen.acked == everything:
            break
        desk.now_s += 15
    assert seen.acked == everything
    assert desk.pull() == []
    desk.now_s += 1_000
    assert desk.pull() == []
    desk.clean()
    assert (desk.count("messages"), desk.count("deliveries")) == (0, 0)


@given(STEPS)
def test_given_any_schedule_then_keys_keep_their_order_nothing_is_lost_and_nothing_comes_after_its_ack(
    steps: list[tuple[str, object, object]],
) -> None:
    run(steps, enable_message_ordering=True)


@given(STEPS)
def test_given_any_schedule_with_backoff_then_the_same_holds(steps: list[tuple[str, object, object]]) -> None:
    run(steps, enable_message_ordering=True, retry=RetryPolicy(minimum_backoff_s=1, maximum_backoff_s=20))


@given(STEPS)
def test_given_any_schedule_without_order_then_nothing_is_lost_and_nothing_comes_after_its_ack(
    steps: list[tuple[str, object, object]],
) -> None:
    run(steps)
