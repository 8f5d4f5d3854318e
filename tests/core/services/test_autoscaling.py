"""How many workers a backlog asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from resident_builders import a_pool

from hakobune.core.errors import InvalidArgument
from hakobune.core.services.autoscaling import (
    Asked,
    KafkaSource,
    Measure,
    Policy,
    PubsubSource,
    policy_of,
    recommended,
    stabilised,
)

POLICY = Policy(most=20)
PREFIX = "hakobune.dev/scaling-"
KAFKA = {"kafka-group": "g", "kafka-topics": "t"}


@pytest.mark.parametrize(
    ("backlog", "current", "expected"),
    [
        (0, 5, 0),
        (1, 0, 1),
        (1_000, 0, 1),
        (1_001, 0, 2),
        (5_400, 5, 5),  # within a tenth of the target for each
        (5_501, 5, 6),
        (4_499, 5, 5),  # outside, and still so many
        (3_999, 5, 4),
        (1_000_000, 5, 20),
    ],
)
def test_given_a_backlog_then_each_worker_gets_the_target_within_the_tolerance(
    backlog: int, current: int, expected: int
) -> None:
    assert recommended(POLICY, [Measure(backlog=backlog, target=1_000.0)], current, 0) == expected


def test_given_several_measures_then_the_largest_count_counts() -> None:
    measures = [Measure(backlog=10, target=5.0), Measure(backlog=7, target=1.0)]
    assert recommended(POLICY, measures, 0, 0) == 7


def test_given_bounds_then_the_count_stays_within_them_but_never_below_the_busy_ones() -> None:
    policy = replace(POLICY, least=2, most=4, activation=10.0)
    assert recommended(policy, [Measure(backlog=10, target=1.0)], 3, 0) == 2  # not active
    assert recommended(policy, [Measure(backlog=11, target=1.0)], 3, 0) == 4
    assert recommended(policy, [Measure(backlog=0, target=1.0)], 6, 5) == 5
    assert recommended(POLICY, [Measure(backlog=90, target=1.0, most=3)], 1, 0) == 3


def test_given_a_message_that_waits_too_long_then_one_more_is_asked_for() -> None:
    assert recommended(POLICY, [Measure(backlog=5, target=100.0, is_late=True)], 3, 0) == 4
    assert recommended(POLICY, [Measure(backlog=0, target=100.0, is_late=True)], 3, 0) == 0


def test_given_a_rising_count_then_it_is_followed_at_once_and_a_falling_one_after_the_cool_down() -> None:
    policy = replace(POLICY, cool_down_s=10.0)
    count, past = stabilised(policy, (), 5, 1, 100.0)
    assert (count, past) == (5, (Asked(at_s=100.0, count=5),))
    count, past = stabilised(policy, past, 2, 5, 106.0)
    assert count == 5
    count, past = stabilised(policy, past, 1, 5, 110.0)
    assert count == 2  # what was asked for within the cool-down
    count, past = stabilised(policy, past, 0, 2, 117.0)
    assert count == 1
    count, past = stabilised(policy, past, 0, 1, 121.0)
    assert count == 0
    assert len(past) <= 3


def test_given_no_cool_down_then_a_falling_count_is_followed_at_once() -> None:
    assert stabilised(replace(POLICY, cool_down_s=0.0), (), 1, 4, 5.0)[0] == 1


def test_given_annotations_then_they_are_the_policy() -> None:
    pool = a_pool(
        annotations={
            f"{PREFIX}pubsub-subscription": "orders",
            f"{PREFIX}pubsub-target": "20",
            f"{PREFIX}pubsub-oldest-age-seconds": "30",
            f"{PREFIX}max": "7",
            f"{PREFIX}cool-down-seconds": "1.5",
        }
    )
    assert policy_of(pool, "p") == Policy(
        pubsub=PubsubSource(project="p", subscription="orders", target=20.0, oldest_age_s=30.0),
        most=7,
        cool_down_s=1.5,
    )
    assert policy_of(a_pool(), "p") is None


def test_given_annotations_of_kafka_then_they_are_the_policy() -> None:
    pool = a_pool(
        annotations={
            f"{PREFIX}kafka-bootstrap-servers": "127.0.0.1:9092, other:1",
            f"{PREFIX}kafka-group": "g",
            f"{PREFIX}kafka-topics": "a,b",
        }
    )
    found = policy_of(pool, "p")
    assert found is not None
    assert found.kafka == KafkaSource(servers=("127.0.0.1:9092", "other:1"), group="g", topics=("a", "b"), target=1_000)


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"pubsub-subscriptoin": "x"}, "is no setting of the autoscaler"),
        ({"min": "1"}, "must say what is measured"),
        ({"pubsub-subscription": "projects/p/topics/t"}, "must be ID or projects/PROJECT/subscriptions/ID"),
        ({"pubsub-subscription": "s", "pubsub-target": "none"}, "must be a number from 0.001 to 1e+12, not 'none'"),
        ({"pubsub-subscription": "s", "min": "3", "max": "2"}, "3 is more than hakobune.dev/scaling-max, 2"),
        ({"pubsub-subscription": "s", "max": "nan"}, "must be a number from 1 to 1000"),
        (
            {**KAFKA, "kafka-bootstrap-servers": "a:1,broker"},
            "must be HOST:PORT, and others after commas, not 'broker'",
        ),
        ({**KAFKA, "kafka-bootstrap-servers": "broker:70000"}, "must be HOST:PORT"),
        ({"kafka-group": "g"}, "is missing: Kafka needs servers, a group and topics"),
    ],
)
def test_given_annotations_that_make_no_sense_then_the_error_names_the_one(
    annotations: dict[str, str], said: str
) -> None:
    pool = a_pool(annotations={PREFIX + name: text for name, text in annotations.items()})
    with pytest.raises(InvalidArgument, match=r"annotations\['hakobune.dev/scaling-") as caught:
        policy_of(pool, "p")
    assert said in caught.value.message
