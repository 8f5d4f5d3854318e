"""Who is let in, where, and who waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.services.admission import NO_WISH, Line, LineFull, Wish, trial_s, wait_s, waiting_max

TWO = (2, 3)  # concurrency, and how many may wait
ANY = NO_WISH


def test_bounds_follow_the_revision_and_are_never_small() -> None:
    assert [waiting_max(80, 100), waiting_max(1, 1)] == [8_000, 100]
    assert [wait_s(1.0), wait_s(20.0)] == [10.0, 70.0]
    assert trial_s(2.0) == 8.0


def test_given_several_instances_then_the_least_busy_one_takes_the_request() -> None:
    line = Line()
    assert [line.enter(number, ANY, ["a", "b"], *TWO) for number in range(5)] == ["a", "b", "a", "b", None]
    assert (line.demand, line.waiting, line.in_flight("a"), line.in_flight("c")) == (5, 1, 2, 0)


def test_given_a_session_then_its_instance_is_taken_while_it_has_room_and_is_there() -> None:
    line = Line()
    wish = Wish(preferred="b")
    assert [line.enter(number, wish, ["a", "b"], *TWO) for number in range(3)] == ["b", "b", "a"]
    assert line.enter(9, Wish(preferred="gone"), ["a", "b"], *TWO) == "a"


def test_given_instances_that_failed_a_request_then_it_waits_for_another_one() -> None:
    line = Line()
    wish = Wish(avoided=frozenset({"a"}))
    assert line.enter(1, wish, ["a"], *TWO) is None
    assert line.enter(2, ANY, ["a"], *TWO) is None  # nobody overtakes
    assert line.admit(["a"], 2) == [(2, "a")]  # but who can go is not kept waiting by who cannot
    assert line.admit(["a", "b"], 2) == [(1, "b")]


def test_given_a_full_line_then_the_next_one_is_refused_and_those_who_wait_stay() -> None:
    line = Line()
    for number in range(3):
        assert line.enter(number, ANY, [], *TWO) is None
    with pytest.raises(LineFull):
        line.enter(3, ANY, [], *TWO)
    line.withdraw(1)
    line.withdraw(1)
    assert line.enter(4, ANY, ["a"], *TWO) is None  # others were first
    assert line.admit(["a"], 2) == [(0, "a"), (2, "a")]
    assert line.leave("a") == 1
    assert line.admit(["a"], 2) == [(4, "a")]
    assert [line.leave("a"), line.leave("a"), line.is_empty] == [1, 0, True]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("enter"), st.sampled_from(["", "a", "b"])),
            st.tuples(st.just("leave"), st.integers(0, 9)),
            st.tuples(st.just("withdraw"), st.integers(0, 40)),
            st.tuples(st.just("instances"), st.sets(st.sampled_from(["a", "b", "c"])).map(sorted)),
        ),
        max_size=60,
    ),
    st.integers(1, 3),
)
def test_no_history_breaks_the_concurrency_the_order_or_loses_a_request(
    history: list[tuple[str, object]], concurrency: int
) -> None:
    line = Line()
    instances: list[str] = ["a"]
    inside: list[tuple[int, str]] = []
    waiting: list[int] = []
    number = 0
    for kind, value in history:
        match kind, value:
            case "enter", str(preferred):
                number += 1
                try:
                    chosen = line.enter(number, Wish(preferred=preferred), instances, concurrency, 5)
                except LineFull:
                    assert len(waiting) == 5
                else:
                    if chosen is None:
                        waiting.append(number)
                    else:
                        assert not waiting
                        inside.append((number, chosen))
            case "leave", int(place) if inside:
                line.leave(inside.pop(place % len(inside))[1])
            case "withdraw", int(found):
                line.withdraw(found)
                waiting = [one for one in waiting if one != found]
            case "instances", list(found_instances):
                instances = found_instances
        admitted = line.admit(instances, concurrency)
        assert [one for one, _ in admitted] == waiting[: len(admitted)]  # first come, first served
        waiting = waiting[len(admitted) :]
        inside += admitted
        counts = {one: sum(1 for _, at in inside if at == one) for one in "abc"}
        assert all(count <= concurrency for count in counts.values())
        assert {one: line.in_flight(one) for one in "abc"} == counts
        assert (line.waiting, line.demand) == (len(waiting), len(waiting) + len(inside))
        assert not waiting or all(counts[one] == concurrency for one in instances)  # nobody waits beside a free place
