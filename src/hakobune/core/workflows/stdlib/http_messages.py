"""Answers over HTTP as values: `{body, code, headers}`, `HttpError`, and the errors of a request without an answer.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/http/request, …/docs/reference/syntax/error-types
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Final, TypeAlias

from hakobune.core.errors import IllegalTransition
from hakobune.core.workflows.effects import Answer, Effect, HttpRequest, HttpResponse, NoResponse, Trouble, Wait
from hakobune.core.workflows.failures import Failure, failure, resource_limit
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.charsets import codec
from hakobune.core.workflows.stdlib.retries import DEFAULT_MAX_RETRIES, Predicate, default_backoff_s
from hakobune.core.workflows.values import Value, from_json

Exchange: TypeAlias = Generator[Effect, Answer, HttpResponse]
"""The part of a procedure that ends with an answer."""

ERROR_CODE_MIN: Final = 400  # from here on an answer is an HttpError

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s";]+)', re.IGNORECASE)
_TEXT_SUFFIXES: Final = ("+xml", "+yaml")
_TEXT_TYPES: Final = frozenset(
    f"application/{name}"
    for name in (
        *("xml", "javascript", "x-javascript", "ecmascript", "yaml", "x-yaml", "toml", "sql", "graphql"),
        *("x-www-form-urlencoded", "x-ndjson", "jsonl", "x-sh"),
    )
)


def header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The value of a header, whatever the case of its name; None if it is not there."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


def media_type(content_type: str | None) -> str:
    """`application/json` of `Application/JSON; charset=utf-8`; "" where there is none."""
    plain = (content_type or "").partition(";")[0].strip().lower()
    return plain if "/" in plain else ""


def is_json(media: str) -> bool:
    """Whether a media type says that the body is JSON."""
    return media == "application/json" or media.endswith("+json")


def decode_body(headers: Iterable[tuple[str, str]], body: bytes) -> Value:
    """The value of a body. JSON: what it says (null when empty, a string when it is no JSON). Text: a string.
    Another type: bytes. No type: JSON if it is JSON, else a string if it is UTF-8, else bytes. Raises Failure
    (ResourceLimitError) for JSON that no execution can hold.
    """
    content_type = header(headers, "Content-Type")
    media = media_type(content_type)
    if not media:
        return _json_or_text(body)
    if is_json(media):
        return _json_or_text(body) if body.strip() else None
    if media.startswith("text/") or media in _TEXT_TYPES or media.endswith(_TEXT_SUFFIXES):
        charset = _CHARSET.search(content_type or "")
        return _text(body, (codec(charset[1]) if charset else None) or "utf-8")
    return body


def _json_or_text(body: bytes) -> Value:
    try:
        return from_json(body)
    except Failure as failed:
        if not failed.is_catchable:
            raise
        return _text(body, "utf-8")  # not JSON: then it is taken as it is


def _text(body: bytes, codec_name: str) -> Value:
    try:
        return body.decode(codec_name)
    except UnicodeDecodeError:  # not the text that its type promises: nothing of it is lost as bytes
        return body


def http_value(response: HttpResponse) -> dict[str, Value]:
    """`{body, code, headers}`: the result of `http.*`."""
    return {
        "body": decode_body(response.headers, response.body),
        "code": response.code,
        "headers": dict[str, Value](response.headers),
    }


def http_failure(response: HttpResponse) -> Failure:
    """The HttpError of an answer with a status of 400 or more, with `code`, `headers` and `body`."""
    message = f"HTTP server responded with error code {response.code}"
    return failure(["HttpError"], message, extra=http_value(response))


def trouble_failure(no_response: NoResponse) -> Failure:
    """The error of a request that got no answer."""
    if no_response.trouble is Trouble.TOO_LARGE:
        return resource_limit(no_response.detail)
    tag = no_response.trouble.value
    return failure([tag], f"{tag}: {no_response.detail}")


def exchange(request: HttpRequest) -> Exchange:
    """Send a request once; gives an answer below 400. Raises Failure (HttpError and the errors of the network)."""
    answer = yield request
    match answer:
        case HttpResponse():
            if answer.code >= ERROR_CODE_MIN:
                raise http_failure(answer)
            return answer
        case NoResponse():
            raise trouble_failure(answer)
        case _:
            raise unexpected(request, answer)


def patient_exchange(context: Context, request: HttpRequest, is_retried: Predicate) -> Exchange:
    """As `exchange`, and again after `retry.default_backoff` while `is_retried` says so, five times at most. All tries
    have one idempotency key."""
    if request.method != "GET":
        request = replace(request, key=context.unique_id())
    for attempt in range(1, DEFAULT_MAX_RETRIES + 1):
        try:
            return (yield from exchange(request))
        except Failure as failed:
            if not failed.is_catchable or not is_retried(failed.value):
                raise
        yield Wait(until_s=context.now_s() + default_backoff_s(attempt))
    return (yield from exchange(request))


def unexpected(effect: Effect, answer: Answer) -> IllegalTransition:
    """An answer that this effect cannot have. Always our bug."""
    return IllegalTransition(f"{type(effect).__name__} was answered by {type(answer).__name__}")
