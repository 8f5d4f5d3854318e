"""Which triggers want an event: an index, so that an event costs as much as there are triggers that may want it.

Triggers are found by their channel and type, and by the one exact filter, or segment of a path pattern, that fewest
others share; what is left of their filters is looked at one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import eq

from hakobune.core.triggers.event_types import AUDIT_LOG, MESSAGE_PUBLISHED
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.model import Filter, Trigger
from hakobune.core.triggers.patterns import compile_pattern, literal_segments

_Pair = tuple[str, str]  # an attribute in lower case, and its value
_TYPE = "type"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What must hold of an event that was found under a key."""

    trigger: Trigger
    checks: tuple[tuple[str, Callable[[str], bool]], ...]

    def holds(self, attributes: Mapping[str, str]) -> bool:
        return all(name in attributes and check(attributes[name]) for name, check in self.checks)


class _Group:
    """The triggers of one channel and type."""

    def __init__(self, triggers: Sequence[Trigger]) -> None:
        counts = Counter(key for trigger in triggers for key in _keys(trigger))
        self._by_key: dict[_Pair, list[_Rule]] = {}
        self._others: list[_Rule] = []
        self._with_patterns = {
            one.attribute.lower() for trigger in triggers for one in trigger.filters if one.is_pattern
        }
        for trigger in triggers:
            keys = _keys(trigger)
            key = min(keys, key=lambda key: counts[key]) if keys else None
            rule = _Rule(trigger, tuple(_check(one) for one in trigger.filters if _is_checked(one, key)))
            if key is None:
                self._others.append(rule)
            else:
                self._by_key.setdefault(key, []).append(rule)

    def matching(self, attributes: Mapping[str, str]) -> list[Trigger]:
        found = [rule.trigger for rule in self._others if rule.holds(attributes)]
        for key in self._keys_of(attributes):
            found += [rule.trigger for rule in self._by_key.get(key, ()) if rule.holds(attributes)]
        return found

    def _keys_of(self, attributes: Mapping[str, str]) -> Iterator[_Pair]:
        """All under which a trigger that wants such an event may lie, each once."""
        yield from attributes.items()
        for name in self._with_patterns:
            if name in attributes:
                for segment in set(attributes[name].split("/")):
                    yield _segment_key(name, segment)

    def may_want(self, pair: _Pair) -> bool:
        return bool(self._others) or pair in self._by_key or bool(self._with_patterns)


class TriggerIndex:
    """All triggers of the house. Never changed: another set of triggers is another index."""

    def __init__(self, triggers: Iterable[Trigger]) -> None:
        grouped: dict[_Pair, list[Trigger]] = {}
        for trigger in triggers:
            if trigger.event_type != MESSAGE_PUBLISHED or trigger.channel:  # those come by their subscription
                grouped.setdefault((trigger.channel, trigger.event_type), []).append(trigger)
        self._groups = {key: _Group(found) for key, found in grouped.items()}
        self.wants_audit = ("", AUDIT_LOG) in self._groups

    def may_want(self, event_type: str, attribute: str, value: str) -> bool:
        """Whether it is worth while to make an event of this type, in which this attribute has this value."""
        group = self._groups.get(("", event_type))
        return group is not None and group.may_want((attribute, value))

    def matching(self, event: CloudEvent, *, channel: str = "") -> list[Trigger]:
        """The triggers that want an event. `channel`: where it was published, "" for those of our own sources."""
        group = self._groups.get((channel, event.type))
        if group is None:
            return []
        return group.matching({name: value for name, value in event.attributes() if name != _TYPE})


def _keys(trigger: Trigger) -> list[_Pair]:
    """What an event must have to match: attributes with their values, and segments of those that have a pattern."""
    found: list[_Pair] = []
    for one in trigger.filters:
        name = one.attribute.lower()
        if one.is_pattern:
            found += [_segment_key(name, segment) for segment in set(literal_segments(one.value))]
        elif name != _TYPE:
            found.append((name, one.value))
    return found


def _segment_key(name: str, segment: str) -> _Pair:
    return f"{name}/", segment


def _is_checked(one: Filter, key: _Pair | None) -> bool:
    return one.attribute != _TYPE and (one.is_pattern or (one.attribute.lower(), one.value) != key)


def _check(one: Filter) -> tuple[str, Callable[[str], bool]]:
    check = compile_pattern(one.value) if one.is_pattern else partial(eq, one.value)
    return one.attribute.lower(), check
