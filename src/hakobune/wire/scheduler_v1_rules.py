"""What a job of the Cloud Scheduler API v1 may say: each rule names its field. Bounds: `core.schedules.limits`."""

from __future__ import annotations

import re

from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import duration_from_text
from hakobune.core.pubsub.names import TopicName
from hakobune.core.schedules import limits
from hakobune.core.schedules.cron import BadSchedule
from hakobune.core.schedules.model import (
    METHODS_WITH_BODY,
    CatchUp,
    Extension,
    HttpMethod,
    HttpTarget,
    OAuthToken,
    OidcToken,
    Overlap,
    PubsubTarget,
    RetryConfig,
    Schedule,
    ScheduleName,
)
from hakobune.core.schedules.occurrences import parse_schedule
from hakobune.core.schedules.started import starts_executions
from hakobune.core.schedules.zones import UTC_NAME, check_zone
from hakobune.wire.octets import octets_from_text
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations
from hakobune.wire.web_urls import is_web_url

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", re.ASCII)  # RFC 9110 section 5.6.2
_HEADER_VALUE = re.compile(r"[^\x00-\x1f\x7f]*\Z")
_DAY_S = 86_400.0
_OVERLAP_RULE = (
    "is only for targets that start executions: POST .../jobs/JOB:run of Cloud Run, or POST .../workflows/W/executions"
)


def schedule_from_tree(tree: Json, name: ScheduleName, uid: str, found: Violations) -> Schedule:
    """A schedule from the canonical JSON of a job; what is wrong is noted."""
    description = tree.get("description", "")
    if len(description) > limits.DESCRIPTION_CHARACTERS:
        found.add("job.description", f"has more than {limits.DESCRIPTION_CHARACTERS} characters")
    has_http, has_pubsub = "httpTarget" in tree, "pubsubTarget" in tree
    if not has_http and not has_pubsub:
        found.add("job.target", "must be given: http_target or pubsub_target")
    http = _http(tree["httpTarget"], found) if has_http else None
    extension = _extension(tree.get("hakobune", {}), found)
    if extension.overlap is not Overlap.ALLOW and (http is None or not starts_executions(http)):
        found.add("job.hakobune.overlap", _OVERLAP_RULE)
    schedule = Schedule(
        name=name,
        uid=uid,
        schedule=_schedule(tree, found),
        time_zone=_zone(tree, found),
        http=http,
        pubsub=_pubsub(tree["pubsubTarget"], name, found) if has_pubsub else None,
        description=description,
        retry=_retry(tree.get("retryConfig", {}), found),
        attempt_deadline_s=_attempt_deadline_s(tree, found) if has_http else limits.ATTEMPT_DEADLINE_DEFAULT_S,
        extension=extension,
    )
    if schedule.size_bytes > limits.RESOURCE_BYTES:
        found.add("job", f"has more than {limits.RESOURCE_BYTES} bytes with all that it sends")
    return schedule


def _schedule(tree: Json, found: Violations) -> str:
    text: str = tree.get("schedule", "")
    try:
        parse_schedule(text)
    except BadSchedule as error:
        found.add("job.schedule", str(error))
    return text


def _zone(tree: Json, found: Violations) -> str:
    text: str = tree.get("timeZone", "") or UTC_NAME
    try:
        return check_zone(text)
    except ValueError as error:
        found.add("job.time_zone", str(error))
        return UTC_NAME


# -- targets --------------------------------------------------------------------------------------------------------


def _http(tree: Json, found: Violations) -> HttpTarget:
    path = "job.http_target"
    method = HttpMethod(tree.get("httpMethod") or HttpMethod.POST)
    body = _octets(tree.get("body", ""), f"{path}.body", found)
    if body and method not in METHODS_WITH_BODY:
        allowed = ", ".join(sorted(METHODS_WITH_BODY))
        found.add(f"{path}.body", f"is only sent with {allowed}, and the method is {method}")
    headers: dict[str, str] = tree.get("headers", {})
    _check_headers(headers, f"{path}.headers", found)
    return HttpTarget(
        uri=_uri(tree.get("uri", ""), f"{path}.uri", found),
        method=method,
        headers=headers,
        body=body,
        oauth=_oauth(tree.get("oauthToken"), f"{path}.oauth_token", found),
        oidc=_oidc(tree.get("oidcToken"), f"{path}.oidc_token", found),
    )


def _uri(text: str, path: str, found: Violations) -> str:
    if not text:
        found.add_missing(path)
        return text
    if len(text) > limits.URI_CHARACTERS:
        found.add(path, f"has more than {limits.URI_CHARACTERS} characters")
        return text
    if not is_web_url(text) or any(char.isspace() or ord(char) < 0x21 for char in text):
        found.add(path, f"{text[:200]!r} is no URL that begins with http:// or https://")
    elif not text.isascii():
        found.add(path, f"{text[:200]!r} has characters that must be percent-encoded")
    return text


def _check_headers(headers: dict[str, str], path: str, found: Violations) -> None:
    size = 0
    seen: set[str] = set()
    for name, value in headers.items():
        size += len(name.encode()) + len(value.encode("utf-8", "surrogatepass"))
        where = f"{path}[{name[:100]!r}]"
        if not _HEADER_NAME.match(name):
            found.add(where, "is no name of a header")
        elif not _HEADER_VALUE.match(value):
            found.add(where, "has a line break or another control character")
        elif name.lower() in seen:
            found.add(where, "is given twice; a header has one value, which may hold commas")
        seen.add(name.lower())
    if size >= limits.HEADERS_BYTES:
        found.add(path, f"have {limits.HEADERS_BYTES} bytes or more together")


def _oauth(tree: Json | None, path: str, found: Violations) -> OAuthToken | None:
    if tree is None:
        return None
    return OAuthToken(service_account_email=_account(tree, path, found), scope=tree.get("scope", ""))


def _oidc(tree: Json | None, path: str, found: Violations) -> OidcToken | None:
    if tree is None:
        return None
    return OidcToken(service_account_email=_account(tree, path, found), audience=tree.get("audience", ""))


def _account(tree: Json, path: str, found: Violations) -> str:
    email: str = tree.get("serviceAccountEmail", "")
    if "@" not in email or len(email) > 254 or any(char.isspace() for char in email):
        found.add(f"{path}.service_account_email", "must be the email of a service account")
    return email


def _pubsub(tree: Json, name: ScheduleName, found: Violations) -> PubsubTarget:
    path = "job.pubsub_target"
    data = _octets(tree.get("data", ""), f"{path}.data", found)
    attributes: dict[str, str] = tree.get("attributes", {})
    if not data and not attributes:
        found.add(f"{path}.data", "must not be empty, unless there is an attribute")
    topic: str = tree.get("topicName", "")
    try:
        parsed = TopicName.parse(topic, field=f"{path}.topic_name")
    except InvalidArgument as error:
        found.add_all(error)
    else:
        if parsed.project != name.project:
            found.add(f"{path}.topic_name", f"must be a topic of the job's own project, {name.project}")
    return PubsubTarget(topic=topic, data=data, attributes=attributes)


def _octets(text: str, path: str, found: Violations) -> bytes:
    try:
        return octets_from_text(text)
    except ValueError as error:
        found.add(path, str(error))
        return b""


# -- numbers --------------------------------------------------------------------------------------------------------


def _retry(tree: Json, found: Violations) -> RetryConfig:
    path = "job.retry_config"
    count: int = tree.get("retryCount", 0)
    if not 0 <= count <= limits.RETRIES:
        found.add(f"{path}.retry_count", f"must be 0 to {limits.RETRIES}")
    doublings: int = tree.get("maxDoublings", limits.DOUBLINGS_DEFAULT)
    if not 0 <= doublings <= limits.DOUBLINGS:
        found.add(f"{path}.max_doublings", f"must be 0 to {limits.DOUBLINGS}")
    least_s = _length_s(tree, "minBackoffDuration", f"{path}.min_backoff_duration", found)
    most_s = _length_s(tree, "maxBackoffDuration", f"{path}.max_backoff_duration", found)
    least_s = limits.MIN_BACKOFF_DEFAULT_S if least_s is None else least_s
    most_s = limits.MAX_BACKOFF_DEFAULT_S if most_s is None else most_s
    if least_s > most_s:
        found.add(f"{path}.min_backoff_duration", f"must not be longer than max_backoff_duration, {most_s:g}s")
    total_s = _length_s(tree, "maxRetryDuration", f"{path}.max_retry_duration", found)
    return RetryConfig(
        retry_count=count,
        max_retry_duration_s=total_s or 0.0,
        min_backoff_s=least_s,
        max_backoff_s=most_s,
        max_doublings=doublings,
    )


def _attempt_deadline_s(tree: Json, found: Violations) -> float:
    path, least_s, most_s = "job.attempt_deadline", limits.ATTEMPT_DEADLINE_MIN_S, limits.ATTEMPT_DEADLINE_MAX_S
    length_s = _length_s(tree, "attemptDeadline", path, found)
    if length_s is None:
        return limits.ATTEMPT_DEADLINE_DEFAULT_S
    if not least_s <= length_s <= most_s:
        found.add(path, f"must be {least_s:g}s to {most_s:g}s")
    return length_s


def _extension(tree: Json, found: Violations) -> Extension:
    jitter_s = _length_s(tree, "jitter", "job.hakobune.jitter", found)
    return Extension(
        overlap=Overlap(tree.get("overlap") or Overlap.ALLOW),
        catch_up=CatchUp(tree.get("catchUp") or CatchUp.LATEST),
        catch_up_window_s=_length_s(tree, "catchUpWindow", "job.hakobune.catch_up_window", found),
        jitter_s=jitter_s or 0.0,
    )


def _length_s(tree: Json, name: str, path: str, found: Violations) -> float | None:
    text: str | None = tree.get(name)
    if text is None:
        return None
    length_s = duration_from_text(text)
    if not 0 <= length_s <= 366 * _DAY_S:
        found.add(path, "must be 0s to a year")
    return length_s
