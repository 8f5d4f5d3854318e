"""What an attempt sends, and what an answer means.

Source: Cloud Scheduler API v1, HttpTarget; https://cloud.google.com/scheduler/docs/overview.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hakobune.core.errors import Code
from hakobune.core.instants import timestamp_to_text
from hakobune.core.schedules.model import METHODS_WITH_BODY, HttpTarget, Outcome, Run, Schedule

Headers = tuple[tuple[str, str], ...]

_AGENT = "Google-Cloud-Scheduler"
_OWN_PREFIXES = ("x-google-", "x-appengine-", "x-cloudscheduler")
# Computed for each request, or about the connection.
_OWN_NAMES = frozenset(
    {
        "host",
        "content-length",
        "user-agent",
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-authorization",
    }
)

# The usual mapping of HTTP to google.rpc.Code, where it is not by hundreds.
_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


def is_own_header(name: str) -> bool:
    """Whether a header is the scheduler's or the connection's: a user's value for it is not sent."""
    lower = name.lower()
    return lower in _OWN_NAMES or lower.startswith(_OWN_PREFIXES)


def request_headers(schedule: Schedule, target: HttpTarget, run: Run) -> Headers:
    """The headers of an attempt, but for the token and those of the connection."""
    has_token = target.oauth is not None or target.oidc is not None
    headers = [
        (name, value)
        for name, value in target.headers.items()
        if not is_own_header(name) and not (has_token and name.lower() == "authorization")
    ]
    has_body = bool(target.body) and target.method in METHODS_WITH_BODY
    if has_body and all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/octet-stream"))
    headers += [
        ("User-Agent", _AGENT),
        ("X-CloudScheduler", "true"),
        ("X-CloudScheduler-JobName", schedule.name.job),
        ("X-CloudScheduler-ScheduleTime", slot_text(run.slot_s, schedule.time_zone)),
    ]
    return tuple(headers)


def idempotency_key(schedule: Schedule, run: Run) -> str:
    """The same for all attempts of a run, so that what our own APIs begin for it is begun once."""
    return run.uid if run.is_forced else f"{schedule.uid}-{run.slot_s:.0f}"


def slot_text(slot_s: float, zone: str) -> str:
    """RFC 3339, with the offset of the schedule's zone: `2026-06-01T02:00:00+09:00`; `Z` where that is UTC."""
    whole_s = int(slot_s)
    local = datetime.fromtimestamp(whole_s, ZoneInfo(zone))
    offset = local.utcoffset()
    assert offset is not None
    if slot_s != whole_s or offset.total_seconds() % 60:
        return timestamp_to_text(slot_s)
    return local.isoformat() if offset else datetime.fromtimestamp(whole_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def outcome_of(status: int, reason: str = "", execution: str = "") -> Outcome:
    """What an HTTP answer says about its attempt."""
    if 200 <= status < 300:
        return Outcome(code=Code.OK, execution=execution)
    code = _CODES.get(status)
    if code is None:
        code = Code.FAILED_PRECONDITION if 400 <= status < 500 else Code.UNKNOWN
    return Outcome(code=code, message=f"The target answered HTTP {status}{f' ({reason})' if reason else ''}.")
