"""Jobs of the Cloud Scheduler API v1 as JSON, both ways. In the house they are called schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from hakobune.core.errors import Code
from hakobune.core.instants import duration_to_text, timestamp_to_text
from hakobune.core.schedules.model import (
    Extension,
    HttpTarget,
    PubsubTarget,
    RetryConfig,
    Schedule,
    ScheduleName,
)
from hakobune.wire.octets import octets_to_text
from hakobune.wire.pubsub_v1_rules import refuse_unsupported
from hakobune.wire.scheduler_v1_rules import schedule_from_tree
from hakobune.wire.scheduler_v1_schema import JOB
from hakobune.wire.schema import Json, Message, Reader, snake
from hakobune.wire.violations import Violations

_FIELD = "job"
_MASK = "update_mask"
_MASK_PATHS_MAX = 100  # ours: a job has two dozen fields that can be changed
_UNSUPPORTED = {"appEngineHttpTarget": "App Engine targets (use httpTarget with the service's URL)"}
_TARGETS = ("httpTarget", "pubsubTarget")
_TOKENS = ("oauthToken", "oidcToken")
_MAPS = (("httpTarget", "headers"), ("pubsubTarget", "attributes"))


# -- shown ----------------------------------------------------------------------------------------------------------


def job_to_json(schedule: Schedule, next_s: float | None) -> Json:
    """A schedule as it is shown; `next_s`: when its next run or retry begins."""
    tree = _settings_to_json(schedule)
    tree["state"] = schedule.state.value
    tree["userUpdateTime"] = timestamp_to_text(schedule.user_update_s)
    if schedule.outcome is not None:
        outcome = schedule.outcome
        tree["status"] = {} if outcome.code is Code.OK else {"code": int(outcome.code), "message": outcome.message}
    if schedule.last_attempt_s is not None:
        tree["lastAttemptTime"] = timestamp_to_text(schedule.last_attempt_s)
    if next_s is not None:
        tree["scheduleTime"] = timestamp_to_text(next_s)
    return tree


def _settings_to_json(schedule: Schedule) -> Json:
    """All that a user sets."""
    tree: Json = {"name": str(schedule.name)}
    if schedule.description:
        tree["description"] = schedule.description
    tree["schedule"] = schedule.schedule
    tree["timeZone"] = schedule.time_zone
    if schedule.http is not None:
        tree["httpTarget"] = _http_to_json(schedule.http)
        tree["attemptDeadline"] = duration_to_text(schedule.attempt_deadline_s)
    if schedule.pubsub is not None:
        tree["pubsubTarget"] = _pubsub_to_json(schedule.pubsub)
    tree["retryConfig"] = _retry_to_json(schedule.retry)
    if schedule.extension != Extension():
        tree["hakobune"] = _extension_to_json(schedule.extension)
    return tree


def _http_to_json(target: HttpTarget) -> Json:
    tree: Json = {"uri": target.uri, "httpMethod": target.method.value}
    if target.headers:
        tree["headers"] = dict(target.headers)
    if target.body:
        tree["body"] = octets_to_text(target.body)
    if target.oauth is not None:
        account, scope = target.oauth.service_account_email, target.oauth.scope
        tree["oauthToken"] = {"serviceAccountEmail": account, **({"scope": scope} if scope else {})}
    if target.oidc is not None:
        account, audience = target.oidc.service_account_email, target.oidc.audience
        tree["oidcToken"] = {"serviceAccountEmail": account, **({"audience": audience} if audience else {})}
    return tree


def _pubsub_to_json(target: PubsubTarget) -> Json:
    tree: Json = {"topicName": target.topic}
    if target.data:
        tree["data"] = octets_to_text(target.data)
    if target.attributes:
        tree["attributes"] = dict(target.attributes)
    return tree


def _retry_to_json(retry: RetryConfig) -> Json:
    tree: Json = {
        "maxRetryDuration": duration_to_text(retry.max_retry_duration_s),
        "minBackoffDuration": duration_to_text(retry.min_backoff_s),
        "maxBackoffDuration": duration_to_text(retry.max_backoff_s),
        "maxDoublings": retry.max_doublings,
    }
    if retry.retry_count:
        tree["retryCount"] = retry.retry_count
    return tree


def _extension_to_json(extension: Extension) -> Json:
    tree: Json = {"overlap": extension.overlap.value, "catchUp": extension.catch_up.value}
    if extension.catch_up_window_s is not None:
        tree["catchUpWindow"] = duration_to_text(extension.catch_up_window_s)
    if extension.jitter_s:
        tree["jitter"] = duration_to_text(extension.jitter_s)
    return tree


# -- read -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What `jobs.create` was asked. `name` None: the id is ours to choose."""

    name: ScheduleName | None
    make: Callable[[str, ScheduleName], Schedule]  # from the uid and the name


def new_job_from_json(value: object, project: str, location: str) -> NewJob:
    """The body of `jobs.create`. Raises InvalidArgument with all that is wrong, Unimplemented."""
    tree, found = _read(value)
    name = None
    text: str = tree.pop("name", "")
    parent = f"projects/{project}/locations/{location}/jobs/"
    if text and not text.startswith(parent):
        found.add(f"{_FIELD}.name", f"must begin with the parent, {parent}")
    elif text:
        name = ScheduleName.make(project, location, text.removeprefix(parent), field=f"{_FIELD}.name")
    draft = schedule_from_tree(tree, name or ScheduleName(project=project, location=location, job="-"), "-", found)
    found.check()
    return NewJob(name=name, make=lambda uid, chosen: replace(draft, uid=uid, name=chosen))


def job_patch_from_json(value: object, name: ScheduleName, mask: str | None) -> Callable[[Schedule], Schedule]:
    """The body of `jobs.patch`: a change of the schedule that is stored. Only what the mask names counts; without one
    (None) all that was given. A mask that names a map adds to it: a value of null removes its key, and where the map is
    not there or empty, all of it goes (so gcloud asks for it). Raises InvalidArgument, Unimplemented; the change raises
    InvalidArgument, too."""
    value, removed = _without_nulls(value)
    tree, found = _read(value)
    if tree.pop("name", str(name)) != str(name):
        found.add(f"{_FIELD}.name", f"contradicts the name in the path, {name}")
    paths = [(key,) for key in tree] if mask is None else _masked(mask, found)
    found.check()

    def change(schedule: Schedule) -> Schedule:
        merged = _settings_to_json(schedule)
        del merged["name"]
        for path in paths:
            _copy(tree, merged, path, removed)
        _drop_empty_tokens(merged)
        problems = Violations()
        changed = schedule_from_tree(merged, name, schedule.uid, problems)
        problems.check()
        return replace(
            schedule,
            description=changed.description,
            schedule=changed.schedule,
            time_zone=changed.time_zone,
            http=changed.http,
            pubsub=changed.pubsub,
            retry=changed.retry,
            attempt_deadline_s=changed.attempt_deadline_s,
            extension=changed.extension,
        )

    return change


def _read(value: object) -> tuple[Json, Violations]:
    refuse_unsupported(value, _UNSUPPORTED)
    found = Violations()
    return Reader(found=found).message(JOB, value, _FIELD), found


def _masked(mask: str, found: Violations) -> list[tuple[str, ...]]:
    """The paths of a mask, in the names of JSON."""
    texts = [text.strip() for text in mask.split(",")]
    if len(texts) > _MASK_PATHS_MAX:
        found.add(_MASK, f"has more than {_MASK_PATHS_MAX} paths")
        return []
    if texts == ["*"]:
        return [(name,) for name in JOB.fields if name not in JOB.output_only and name not in {"name", *_UNSUPPORTED}]
    paths: list[tuple[str, ...]] = []
    for text in texts:
        path = _path(text)
        if path is None:
            found.add(_MASK, f"{text[:_MASK_PATHS_MAX]!r} is no field of a job that can be changed")
        elif path[0] not in JOB.output_only and path != ("name",):  # clients name what they read: ignored
            paths.append(path)
    return paths


def _path(text: str) -> tuple[str, ...] | None:
    kind: object = JOB
    path: list[str] = []
    for part in text.split("."):
        name = kind.names.get(part) if isinstance(kind, Message) else None
        if name is None or name in _UNSUPPORTED:
            return None
        assert isinstance(kind, Message)
        path.append(name)
        kind = kind.fields[name]
    return tuple(path)


_Removed = dict[tuple[str, ...], frozenset[str]]


def _without_nulls(value: object) -> tuple[object, _Removed]:
    """A body without the null values of its maps, and their keys."""
    removed: _Removed = {}
    if not isinstance(value, dict):
        return value, removed
    tree = cast("Json", value)
    for target, name in _MAPS:
        for spelling in (target, snake(target)):
            holder: object = tree.get(spelling)
            entries: object = cast("Json", holder).get(name) if isinstance(holder, dict) else None
            if isinstance(entries, dict):
                pairs = cast("Json", entries)
                removed[target, name] = frozenset(key for key, one in pairs.items() if one is None)
                kept = {key: one for key, one in pairs.items() if one is not None}
                tree = {**tree, spelling: {**cast("Json", holder), name: kept}}
    return tree, removed


def _copy(source: Json, target: Json, path: tuple[str, ...], removed: _Removed) -> None:
    """Put what stands at a path into another tree; what is not there goes there, too."""
    *parents, last = path
    given: Any = source
    for part in path:
        given = None if given is None else given.get(part)
    if given:
        _make_room(target, path)
    for parent in parents:
        target = target.setdefault(parent, {})
    if path in _MAPS and (given or removed.get(path)):
        held = {key: one for key, one in target.get(last, {}).items() if key not in removed.get(path, ())}
        target[last] = {**held, **(given or {})}
    elif given is not None:
        target[last] = given
    else:
        target.pop(last, None)


def _make_room(target: Json, path: tuple[str, ...]) -> None:
    """Remove what cannot be beside that which comes to a path: the other target, the other token."""
    if path[0] in _TARGETS:
        for other in _TARGETS:
            if other != path[0]:
                target.pop(other, None)
    if len(path) > 1 and path[1] in _TOKENS:
        for other in _TOKENS:
            if other != path[1]:
                target.get(path[0], {}).pop(other, None)


def _drop_empty_tokens(tree: Json) -> None:
    """A token whose account was taken away is none."""
    for name in _TOKENS:
        token = tree.get("httpTarget", {}).get(name)
        if token is not None and not token.get("serviceAccountEmail"):
            del tree["httpTarget"][name]
