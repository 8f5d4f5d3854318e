"""How many workers a backlog asks for: an extension, declared by annotations of a worker pool or of its template.

The rule is that of Google's scaler for Kafka (https://github.com/GoogleCloudPlatform/cloud-run-kafka-scaler), which
works as Kubernetes' horizontal autoscaler does: the average per instance is brought to a target; what is within a
tolerance changes nothing; of several measures the largest count counts; going down waits until no larger count has been
asked for during the cool-down. Ours: workers that are at work are never counted away, and a message that waits too long
asks for one more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.services.model import Resident, ResidentDraft

PREFIX = "hakobune.dev/scaling-"
_SUBSCRIPTION = "pubsub-subscription"
_PUBSUB_TARGET = "pubsub-target"
_OLDEST_AGE = "pubsub-oldest-age-seconds"
_SERVERS = "kafka-bootstrap-servers"
_GROUP = "kafka-group"
_TOPICS = "kafka-topics"
_KAFKA_TARGET = "kafka-target"
_MIN, _MAX = "min", "max"
_ACTIVATION = "activation"
_TOLERANCE = "tolerance"
_COOL_DOWN = "cool-down-seconds"
_INTERVAL = "interval-seconds"
_KNOWN = frozenset(
    {
        _SUBSCRIPTION,
        _PUBSUB_TARGET,
        _OLDEST_AGE,
        _SERVERS,
        _GROUP,
        _TOPICS,
        _KAFKA_TARGET,
        _MIN,
        _MAX,
        _ACTIVATION,
        _TOLERANCE,
        _COOL_DOWN,
        _INTERVAL,
    }
)
ANNOTATIONS = frozenset(PREFIX + name for name in _KNOWN)  # all that a pool may have
COUNT = "hakobune.dev/scaled-instances"  # output only: how many workers the autoscaler asks for now

# Defaults. Target of Kafka and tolerance: README of the scaler. The others are ours.
_PUBSUB_TARGET_DEFAULT = 100.0
_KAFKA_TARGET_DEFAULT = 1_000.0
_TOLERANCE_DEFAULT = 0.1
_MAX_DEFAULT = 10
_INSTANCES_MAX = 1_000
_COOL_DOWN_DEFAULT_S = 60.0
_INTERVAL_DEFAULT_S = 5.0
_SECONDS_MAX = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PubsubSource:
    """The backlog of a subscription. `oldest_age_s` None: how long a message waits asks for nothing."""

    project: str
    subscription: str
    target: float
    oldest_age_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSource:
    """The lag of a consumer group on topics."""

    servers: tuple[str, ...]
    group: str
    topics: tuple[str, ...]
    target: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides the number of workers of a pool."""

    pubsub: PubsubSource | None = None
    kafka: KafkaSource | None = None
    least: int = 0
    most: int = _MAX_DEFAULT
    activation: float = 0.0
    tolerance: float = _TOLERANCE_DEFAULT
    cool_down_s: float = _COOL_DOWN_DEFAULT_S
    interval_s: float = _INTERVAL_DEFAULT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A backlog as it is now. `is_late`: something waits longer than it may. `most`: more workers than this would have
    nothing to do (partitions)."""

    backlog: int
    target: float
    is_late: bool = False
    most: int | None = None


# -- the rule -------------------------------------------------------------------------------------------------------


def recommended(policy: Policy, measures: Sequence[Measure], current: int, busy: int) -> int:
    """How many workers there should be now, before the cool-down."""
    counts = [_count(policy, measure, current) for measure in measures]
    return max(busy, min(policy.most, max(policy.least, max(counts, default=policy.least))))


def _count(policy: Policy, measure: Measure, current: int) -> int:
    if measure.backlog <= policy.activation:
        return 0
    average = measure.backlog / max(current, 1)
    if current and abs(average - measure.target) <= policy.tolerance * measure.target:
        count = current
    else:
        count = math.ceil(measure.backlog / measure.target)
    if measure.is_late:
        count = max(count, current + 1)
    return count if measure.most is None else min(count, measure.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was recommended at an instant."""

    at_s: float
    count: int


def stabilised(
    policy: Policy, past: Sequence[Asked], count: int, current: int, now_s: float
) -> tuple[int, tuple[Asked, ...]]:
    """The count to go to, and what must be remembered. Up at once; down to the largest count of the cool-down."""
    since_s = now_s - policy.cool_down_s
    inside = tuple(one for one in past if one.at_s > since_s)
    older = tuple(one for one in past if one.at_s <= since_s)
    now = Asked(at_s=now_s, count=count)
    remembered = (*older[-1:], *inside, now)
    if count >= current or not policy.cool_down_s:
        return count, remembered
    if not older:
        return current, remembered  # it has not been watched for so long
    return min(current, max(one.count for one in (*inside, now))), remembered


# -- the annotations ------------------------------------------------------------------------------------------------


def policy_of(declared: Resident | ResidentDraft, project: str) -> Policy | None:
    """What the annotations of a pool declare; None: nothing. Raises InvalidArgument."""
    return policy_from_annotations({**declared.template.annotations, **declared.annotations}, project)


def policy_from_annotations(given: Mapping[str, str], project: str) -> Policy | None:
    """The same, from the annotations. A subscription without a project is one of `project`."""
    fields = {name.removeprefix(PREFIX): text for name, text in given.items() if name.startswith(PREFIX)}
    if not fields:
        return None
    for name in fields:
        if name not in _KNOWN:
            raise _bad(name, f"is no setting of the autoscaler; there are {', '.join(sorted(_KNOWN))}")
    pubsub, kafka = _pubsub(fields, project), _kafka(fields)
    if pubsub is None and kafka is None:
        raise _bad(_SUBSCRIPTION, f"must say what is measured, or {PREFIX}{_GROUP}")
    least = int(_number(fields, _MIN, 0, 0, _INSTANCES_MAX))
    most = int(_number(fields, _MAX, max(least, _MAX_DEFAULT), 1, _INSTANCES_MAX))
    if least > most:
        raise _bad(_MIN, f"{least} is more than {PREFIX}{_MAX}, {most}")
    return Policy(
        pubsub=pubsub,
        kafka=kafka,
        least=least,
        most=most,
        activation=_number(fields, _ACTIVATION, 0.0, 0.0, 1e12),
        tolerance=_number(fields, _TOLERANCE, _TOLERANCE_DEFAULT, 0.0, 1.0),
        cool_down_s=_number(fields, _COOL_DOWN, _COOL_DOWN_DEFAULT_S, 0.0, _SECONDS_MAX),
        interval_s=_number(fields, _INTERVAL, _INTERVAL_DEFAULT_S, 0.1, _SECONDS_MAX),
    )


def _pubsub(fields: Mapping[str, str], project: str) -> PubsubSource | None:
    name = fields.get(_SUBSCRIPTION)
    if name is None:
        return None
    parts = name.split("/")
    if len(parts) == 4 and parts[0::2] == ["projects", "subscriptions"]:
        project, name = parts[1], parts[3]
    elif len(parts) != 1 or not name:
        raise _bad(_SUBSCRIPTION, f"must be ID or projects/PROJECT/subscriptions/ID, not {name[:120]!r}")
    has_age = _OLDEST_AGE in fields
    return PubsubSource(
        project=project,
        subscription=name,
        target=_number(fields, _PUBSUB_TARGET, _PUBSUB_TARGET_DEFAULT, 1e-3, 1e12),
        oldest_age_s=_number(fields, _OLDEST_AGE, 0.0, 0.1, 1e9) if has_age else None,
    )


def _kafka(fields: Mapping[str, str]) -> KafkaSource | None:
    servers, topics = _words(fields.get(_SERVERS, "")), _words(fields.get(_TOPICS, ""))
    group = fields.get(_GROUP, "").strip()
    missing = [name for name, given in ((_SERVERS, servers), (_GROUP, group), (_TOPICS, topics)) if not given]
    if len(missing) == 3:
        return None
    if missing:
        raise _bad(missing[0], "is missing: Kafka needs servers, a group and topics")
    for server in servers:
        _, colon, port = server.rpartition(":")
        if not (colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
            raise _bad(_SERVERS, f"must be HOST:PORT, and others after commas, not {server[:120]!r}")
    return KafkaSource(
        servers=servers,
        group=group,
        topics=topics,
        target=_number(fields, _KAFKA_TARGET, _KAFKA_TARGET_DEFAULT, 1e-3, 1e12),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _number(fields: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = fields.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise _bad(name, f"must be a number from {least:g} to {most:g}, not {text[:60]!r}")
    return value


def _bad(name: str, text: str) -> InvalidArgument:
    field = f"annotations['{PREFIX}{name}']"
    return InvalidArgument(f"{field} {text}.", violations=[FieldViolation(field=field, description=text)])
