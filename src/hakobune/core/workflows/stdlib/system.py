"""`sys.*` and `uuid.generate`. Clock and dice are the journal's.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/sys/log and the pages beside it,
https://cloud.google.com/workflows/docs/reference/stdlib/uuid/generate
"""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.effects import Done, NoResponse, Procedure, Wait, WriteLog
from hakobune.core.workflows.failures import key_error, type_error, value_error
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.arguments import given, is_given, mapping, number, text
from hakobune.core.workflows.stdlib.conversions import to_string
from hakobune.core.workflows.stdlib.http_messages import trouble_failure, unexpected
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.stdlib.times import instant
from hakobune.core.workflows.values import Value, to_json, type_name

SEVERITIES: Final = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")


def now(context: Context) -> Value:
    """Seconds since the epoch, a double."""
    return context.now_s()


def get_env(context: Context, name: Value, default: Value | Missing) -> Value:
    """An environment variable of the workflow, or `default`. Raises Failure (TypeError; KeyError without a default)."""
    wanted = text("sys.get_env", "name", name)
    fallback = text("sys.get_env", "default", default) if is_given(default) else None
    value = context.environment.get(wanted, fallback)
    if value is None:
        raise key_error(wanted)
    return value


def generate(context: Context) -> Value:
    """A random UUID (version 4), lower case."""
    return context.unique_id()


def sleep(context: Context, seconds: Value) -> Procedure:
    """Null, after that many seconds; one year at most. Raises Failure (TypeError, ValueError)."""
    length_s = number("sys.sleep", "seconds", seconds)
    if not 0 <= length_s <= limits.SLEEP_S_MAX:
        raise value_error(f"sys.sleep: seconds must be between 0 and {limits.SLEEP_S_MAX}")
    yield from _wait(context.now_s() + length_s)
    return None


def sleep_until(context: Context, time: Value) -> Procedure:
    """Null, at that RFC 3339 timestamp; at once if it is over. Raises Failure (TypeError, ValueError)."""
    until_s = instant("sys.sleep_until", text("sys.sleep_until", "time", time))
    now_s = context.now_s()
    if until_s > now_s + limits.SLEEP_S_MAX:
        raise value_error("sys.sleep_until: time is more than a year ahead")
    if until_s > now_s:
        yield from _wait(until_s)
    return None


def _wait(until_s: float) -> Procedure:
    effect = Wait(until_s=until_s)
    answer = yield effect
    if not isinstance(answer, Done):
        raise unexpected(effect, answer)
    return None


def log(
    _context: Context,
    data: Value | Missing,
    severity: Value | Missing,
    text_value: Value | Missing,
    json_value: Value | Missing,
    timeout: Value | Missing,
) -> Procedure:
    """Null, after one entry was written. Raises Failure (TypeError; ValueError for an unknown severity)."""
    level = text("sys.log", "severity", given(severity, "DEFAULT"))
    if level not in SEVERITIES:
        raise value_error(f'sys.log: unknown severity "{level[:60]}", want one of {", ".join(SEVERITIES)}')
    if is_given(timeout):
        number("sys.log", "timeout", timeout)
    effect = _entry(level, given(data), given(text_value), given(json_value))
    answer = yield effect
    if isinstance(answer, NoResponse):
        raise trouble_failure(answer)
    if not isinstance(answer, Done):
        raise unexpected(effect, answer)
    return None


def _entry(severity: str, data: Value, text_value: Value, json_value: Value) -> WriteLog:
    """A map as `data` is structured; all else, and all of `text`, is text."""
    count = sum(value is not None for value in (data, text_value, json_value))
    if count != 1:
        raise type_error(f"sys.log: exactly one of data, text and json must be given, got {count}")
    structured = data if isinstance(data, dict) else json_value
    if structured is not None:
        content = mapping("sys.log", "json", structured)
        to_json(content)  # what JSON cannot hold is refused before anything is written
        return WriteLog(severity=severity, json=content)
    name = "text" if data is None else "data"
    return WriteLog(severity=severity, text=_text_of(name, text_value if data is None else data))


def _text_of(name: str, value: Value) -> str:
    if isinstance(value, list | dict):
        return to_json(value)
    if isinstance(value, str | int | float):
        return text("sys.log", name, to_string(value))
    raise type_error(f"sys.log: '{name}' must be a string, number, boolean, list or map, not '{type_name(value)}'")


FUNCTIONS = (
    LibraryFunction(name="sys.now", parameters=(), kind=Kind.CONTEXT, run=now),
    LibraryFunction(
        name="sys.get_env",
        parameters=(LibraryParameter("name"), LibraryParameter("default", is_required=False)),
        kind=Kind.CONTEXT,
        run=get_env,
    ),
    LibraryFunction(name="uuid.generate", parameters=(), kind=Kind.CONTEXT, run=generate),
    LibraryFunction(name="sys.sleep", parameters=(LibraryParameter("seconds"),), kind=Kind.BLOCKING, run=sleep),
    LibraryFunction(
        name="sys.sleep_until", parameters=(LibraryParameter("time"),), kind=Kind.BLOCKING, run=sleep_until
    ),
    LibraryFunction(
        name="sys.log",
        parameters=(
            LibraryParameter("data", is_required=False),
            LibraryParameter("severity", is_required=False, default="DEFAULT"),
            LibraryParameter("text", is_required=False),
            LibraryParameter("json", is_required=False),
            LibraryParameter("timeout", is_required=False),
        ),
        kind=Kind.BLOCKING,
        run=log,
    ),
)
