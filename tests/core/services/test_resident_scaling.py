"""How many instances a revision should have, and which begin and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resident_builders import POOL, a_pool, a_revision, a_service, a_template

from hakobune.core.services.model import InstanceState, RevisionState, Scaling, ScalingMode, Share
from hakobune.core.services.scaling import Bounds, Plan, Seen, bounds, concurrency, plan, wanted

READY, STARTING, RESTING = InstanceState.READY, InstanceState.STARTING, InstanceState.RESTING


def seen(index: int, state: InstanceState = READY, *, idle_s: float | None = 100.0, restart_s: float = 0.0) -> Seen:
    return Seen(uid=f"i{index}", index=index, state=state, idle_s=idle_s, restart_s=restart_s)


def test_given_a_template_then_its_concurrency_follows_the_cpu_unless_it_is_given() -> None:
    assert concurrency(a_template()) == 80
    assert concurrency(a_template(limits={"cpu": "500m"})) == 1
    assert concurrency(a_template(limits={"cpu": "500m"}, max_concurrency=7)) == 7


@pytest.mark.parametrize(("demand", "expected"), [(0, 1), (1, 1), (10, 1), (11, 2), (1_000, 4)])
def test_given_demand_then_the_count_is_rounded_up_within_the_bounds(demand: int, expected: int) -> None:
    assert wanted(Bounds(least=1, most=4), demand, 10) == expected


def test_given_a_service_then_its_minimum_is_split_by_traffic_and_its_maximum_holds_for_each() -> None:
    shares = (Share(percent=75), Share(revision="web-1", percent=25))
    service = a_service(latest_ready="web-2", shares=shares, scaling=Scaling(min_instances=4, max_instances=9))
    revisions = [a_revision("web-2"), a_revision("web-1", template=a_template(min_instances=2, max_instances=5))]
    assert bounds(service, revisions) == {"web-2": Bounds(least=3, most=9), "web-1": Bounds(least=2, most=5)}


def test_given_a_revision_that_is_deployed_then_one_instance_shows_itself() -> None:
    deploying = a_revision("web-2", state=RevisionState.DEPLOYING, template=a_template(min_instances=5))
    retired = a_revision("web-1", state=RevisionState.RETIRED)
    found = bounds(a_service(latest_created="web-2"), [deploying, retired])
    assert found == {"web-2": Bounds(least=1, most=1), "web-1": Bounds(least=0, most=0)}


def test_given_a_manual_count_then_demand_has_no_say() -> None:
    revisions = [a_revision("web-1")]
    manual = a_service(latest_ready="web-1", scaling=Scaling(manual=3, mode=ScalingMode.MANUAL))
    assert bounds(manual, revisions)["web-1"] == Bounds(least=3, most=3)
    automatic = a_service(latest_ready="web-1", scaling=Scaling(manual=3, mode=ScalingMode.AUTOMATIC))
    assert bounds(automatic, revisions)["web-1"] == Bounds(least=0, most=100)


def test_given_a_pool_then_it_has_one_worker_unless_a_count_is_given() -> None:
    revisions = [a_revision("crew-1", POOL)]
    assert bounds(a_pool(latest_ready="crew-1"), revisions)["crew-1"] == Bounds(least=1, most=1)
    zero = a_pool(latest_ready="crew-1", scaling=Scaling(manual=0))
    assert bounds(zero, revisions)["crew-1"] == Bounds(least=0, most=0)
    asked = a_pool(latest_ready="crew-1", scaling=Scaling(manual=2), auto_count=6)
    assert bounds(asked, revisions)["crew-1"] == Bounds(least=6, most=6)


def test_given_too_few_instances_then_free_places_are_filled() -> None:
    found = plan([seen(1)], 3, 0.0, keep_idle_s=60.0)
    assert found == Plan(begins=(0, 2))
    assert not found.is_empty


def test_given_a_place_that_rests_then_it_counts_and_begins_again_when_its_time_has_come() -> None:
    resting = [seen(0, RESTING, restart_s=10.0)]
    assert plan(resting, 1, 9.0, keep_idle_s=0.0).is_empty
    assert plan(resting, 1, 10.0, keep_idle_s=0.0) == Plan(restarts=("i0",))
    assert plan(resting, 0, 9.0, keep_idle_s=60.0) == Plan(drops=("i0",))


def test_given_too_many_instances_then_those_that_were_idle_longest_go_and_busy_ones_stay() -> None:
    several = [seen(0, idle_s=None), seen(1, idle_s=70.0), seen(2, idle_s=90.0), seen(3, idle_s=10.0)]
    assert plan(several, 1, 0.0, keep_idle_s=60.0) == Plan(drains=("i2", "i1"))
    assert plan(several, 0, 0.0, keep_idle_s=0.0, may_drain_busy=True) == Plan(drains=("i2", "i1", "i3", "i0"))


def test_given_an_instance_that_starts_when_too_many_then_it_is_kept_while_idle_ones_are() -> None:
    assert plan([seen(0, STARTING)], 0, 0.0, keep_idle_s=60.0).is_empty
    assert plan([seen(0, STARTING)], 0, 0.0, keep_idle_s=0.0) == Plan(drains=("i0",))


def test_given_an_instance_that_drains_then_its_place_is_not_given_away() -> None:
    assert plan([seen(0, InstanceState.DRAINING)], 1, 0.0, keep_idle_s=60.0) == Plan(begins=(1,))


_STATES = st.sampled_from(list(InstanceState))
_SEEN = st.lists(st.tuples(_STATES, st.one_of(st.none(), st.floats(0, 200))), max_size=8)


@given(_SEEN, st.integers(0, 8), st.booleans())
def test_no_plan_stops_a_busy_instance_or_goes_past_the_count(
    states: list[tuple[InstanceState, float | None]], count: int, is_pool: bool
) -> None:
    instances = [seen(place, state, idle_s=idle_s) for place, (state, idle_s) in enumerate(states)]
    found = plan(instances, count, 0.0, keep_idle_s=0.0 if is_pool else 60.0)
    by_uid = {one.uid: one for one in instances}
    assert all(by_uid[uid].idle_s is not None or by_uid[uid].state is not READY for uid in found.drains)
    counted = sum(one.state in (READY, STARTING, RESTING) for one in instances)
    left = counted - len(found.drains) - len(found.drops) + len(found.begins)
    assert left >= min(count, counted)
    assert not found.begins or left == count
    assert not set(found.begins) & {one.index for one in instances}
