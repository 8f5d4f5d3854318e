"""The call of a method: one request, tried again where that is safe, and the wait for its operation.

Source: https://cloud.google.com/workflows/docs/connectors, https://cloud.google.com/workflows/docs/reference/googleapis
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.connectors.methods import Method, Waiting
from hakobune.core.workflows.connectors.options import PARAMETER, Polling, read_options
from hakobune.core.workflows.connectors.requests import Arguments, build_request, root
from hakobune.core.workflows.connectors.waiting import CHILD_FAILED, end_of, poll_path, response_type
from hakobune.core.workflows.effects import Answer, Effect, HttpRequest, Procedure, Wait
from hakobune.core.workflows.failures import Failure, failure, system_error, timeout_error
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.http_messages import decode_body, exchange
from hakobune.core.workflows.stdlib.retries import (
    DEFAULT_MAX_RETRIES,
    default_backoff_s,
    is_retried,
    is_retried_non_idempotent,
)
from hakobune.core.workflows.values import Value, number_text

# What our own front door says, under 501, of an API or a method that it does not have.
_MISSING_HERE: Final = "not supported by this version of hakobune"
_NOT_IMPLEMENTED: Final = 501


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call of a connector: its name in messages, and when it must have come to an end."""

    context: Context
    function: str
    timeout_s: float
    deadline_s: float

    def remaining_s(self) -> float:
        """Seconds until the end. Raises Failure (TimeoutError) when there are none."""
        remaining_s = self.deadline_s - self.context.now_s()
        if remaining_s <= 0:
            raise timeout_error(f"{self.function} did not end within {number_text(self.timeout_s)} seconds")
        return remaining_s

    def pause(self, delay_s: float) -> Wait:
        """A wait that does not go beyond the end."""
        return Wait(until_s=min(self.context.now_s() + delay_s, self.deadline_s))


def perform(context: Context, function: str, method: Method, arguments: Arguments) -> Procedure:
    """What a method answers, decoded; null where there is no content. Of a long-running operation: what comes of it.

    `function` is the name that the workflow called. Arguments that say nothing are MISSING. Raises Failure
    (TypeError, ValueError, HttpError, OperationError, ResponseTypeError, TimeoutError, AuthError, SystemError and the
    errors of the network).
    """
    waiting = method.waiting
    options = read_options(function, arguments[PARAMETER], is_long=waiting is not None)
    request = build_request(method, function, arguments, options.scopes)
    call = _Call(
        context=context,
        function=function,
        timeout_s=options.timeout_s,
        deadline_s=context.now_s() + options.timeout_s,
    )
    # A poll is a question: each has a key of its own.
    answer = yield from _ask(call, request if request.method == "GET" else replace(request, key=context.unique_id()))
    if waiting is None or options.is_polling_skipped:
        return answer
    poll = replace(
        request,
        method="GET",
        url=root(method, function, arguments),
        headers=request.headers[:1],  # without the type of a body
        body=None,
    )
    return (yield from _end(call, waiting, options.polling, arguments, poll, answer))


def _end(
    call: _Call, waiting: Waiting, polling: Polling, arguments: Arguments, poll: HttpRequest, answer: Value
) -> Procedure:
    """Ask again and again, with longer and longer pauses, until it has ended. `poll` has the root as its URL."""
    base = poll.url
    delay_s = polling.initial_delay_s
    while True:
        if not isinstance(answer, dict):
            raise response_type(call.function, "it is no resource")
        ended = end_of(waiting.style, answer)
        if ended is not None:
            break
        path = poll_path(waiting, call.function, arguments, answer)
        yield call.pause(min(delay_s, polling.max_delay_s))
        answer = yield from _ask(call, replace(poll, url=base + path))
        delay_s = min(delay_s * polling.multiplier, polling.max_delay_s)
    if ended.error is not None:
        raise _operation_failure(call.function, ended.error, answer)
    return ended.result


def _operation_failure(function: str, error: str, operation: Value) -> Failure:
    """The wording of all but a child execution's failure is ours."""
    message = error if error == CHILD_FAILED else f"OperationError: {function}: {error or 'the operation failed'}"
    return failure(["OperationError"], message, extra={"operation": operation})


def _ask(call: _Call, request: HttpRequest) -> Generator[Effect, Answer, Value]:
    """The decoded body of an answer below 400. What may pass is tried again, as long as there is time."""
    may_retry = is_retried if request.method == "GET" else is_retried_non_idempotent
    retries = 0
    while True:
        timeout_s = min(call.remaining_s(), limits.HTTP_TIMEOUT_S_MAX)
        try:
            response = yield from exchange(replace(request, timeout_s=timeout_s))
        except Failure as failed:
            missing = _what_is_missing(failed.value)
            if missing:
                raise system_error(f"connector {call.function} is not supported here: {missing}") from failed
            if retries == DEFAULT_MAX_RETRIES or not failed.is_catchable or not may_retry(failed.value):
                raise
        else:
            return decode_body(response.headers, response.body) if response.body else None
        retries += 1
        yield call.pause(default_backoff_s(retries))


def _what_is_missing(error: Value) -> str:
    """What an error says of something that is not served here; "" for any other error."""
    match error:
        case {"tags": ["SystemError"], "message": str(message)}:
            return message.removeprefix("SystemError: ")
        case {"code": int(code), "body": {"error": {"message": str(detail)}}}:
            return detail if code == _NOT_IMPLEMENTED and _MISSING_HERE in detail else ""
        case _:
            return ""
