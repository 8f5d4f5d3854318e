"""Lifecycle rules: what becomes of a version as time passes.

Source: Cloud Storage documentation, "Object Lifecycle Management": a rule acts when all its conditions hold; Delete
wins over SetStorageClass.
"""

from __future__ import annotations

from collections.abc import Iterable

from hakobune.core.objects.model import LifecycleRule, ObjectState, ObjectVersion

_DAY_S = 86_400.0
DELETE = "Delete"
SET_STORAGE_CLASS = "SetStorageClass"


def due(
    rules: Iterable[LifecycleRule], version: ObjectVersion, newer_versions: int, now_s: float
) -> LifecycleRule | None:
    """The rule that acts upon a version now, or None. `newer_versions` of the name are newer than it."""
    found: LifecycleRule | None = None
    for rule in rules:
        if not _holds(rule, version, newer_versions, now_s):
            continue
        if rule.action == DELETE:
            return rule
        if found is None and rule.storage_class != version.metadata.storage_class:
            found = rule
    return found


def _holds(rule: LifecycleRule, version: ObjectVersion, newer_versions: int, now_s: float) -> bool:
    is_live = version.state is ObjectState.LIVE
    return (
        (rule.is_live is None or rule.is_live == is_live)
        and (rule.newer_versions is None or newer_versions >= rule.newer_versions)
        and _is_old(version.create_s, rule.age_days, rule.created_before_s, now_s)
        and _is_old(version.delete_s, rule.days_since_noncurrent, rule.noncurrent_before_s, now_s)
        and _is_old(version.metadata.custom_time_s, rule.days_since_custom_time, rule.custom_time_before_s, now_s)
        and (not rule.prefixes or version.name.startswith(rule.prefixes))
        and (not rule.suffixes or version.name.endswith(rule.suffixes))
        and (not rule.storage_classes or version.metadata.storage_class in rule.storage_classes)
    )


def _is_old(instant_s: float | None, days: int | None, before_s: float | None, now_s: float) -> bool:
    """Whether an instant lies `days` back and before `before_s`, as far as these are set."""
    if days is None and before_s is None:
        return True
    if instant_s is None:
        return False
    return (days is None or now_s - instant_s >= days * _DAY_S) and (before_s is None or instant_s < before_s)
