"""`events.*`."""

from __future__ import annotations

import math

import pytest
from library_calls import AContext, function, message, not_started, started

from hakobune.core.errors import IllegalTransition
from hakobune.core.workflows.effects import AwaitCallback, CallbackRequest, Done, NoResponse, Trouble
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.stdlib.registry import Kind, bind_positional
from hakobune.core.workflows.values import Value

URL = "http://127.0.0.1:8642/v1/projects/p/locations/l/workflows/w/executions/e1/callbacks/c7"


def create(context: AContext, *arguments: Value) -> Value:
    called = function("events.create_callback_endpoint")
    assert called.kind is Kind.CONTEXT
    return called.run(context, *bind_positional(called, arguments))  # type: ignore[return-value]


def a_request(**changed: object) -> CallbackRequest:
    fields: dict[str, object] = {
        "method": "POST",
        "url": "/v1/projects/p/callbacks/c7?k=v",
        "query": (("k", "v"),),
        "headers": (("Content-Type", "application/json"),),
        "body": b'{"ok": true}',
        "received_s": 1767323045.678,
    }
    return CallbackRequest(**(fields | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_an_endpoint_has_a_method(method: str) -> None:
    context = AContext()
    assert create(context, method) == {"url": f"{URL[:-2]}c1"}
    assert context.methods == [method]


def test_an_endpoint_is_for_post_by_default() -> None:
    context = AContext()
    create(context)
    create(context, None)
    assert context.methods == ["POST", "POST"]


@pytest.mark.parametrize(("method", "tag"), [("TRACE", "ValueError"), ("post", "ValueError"), (1, "TypeError")])
def test_an_endpoint_for_another_method(method: Value, tag: str) -> None:
    with pytest.raises(Failure) as raised:
        create(AContext(), method)
    assert message(raised.value).startswith(f"{tag}: events.create_callback_endpoint: ")


def test_await_waits_for_twelve_hours_by_default() -> None:
    assert started("events.await_callback", {"url": URL}).effect == AwaitCallback(callback="c7", until_s=44_200.0)
    assert started("events.await_callback", {"url": URL}, 5).effect == AwaitCallback(callback="c7", until_s=1005.0)
    assert started("events.await_callback", {"url": URL}, 0).effect == AwaitCallback(callback="c7", until_s=1000.0)


def test_await_gives_the_request() -> None:
    running = started("events.await_callback", {"url": URL}).answer(a_request())
    assert running.value == {
        "http_request": {
            "body": {"ok": True},
            "headers": {"Content-Type": "application/json"},
            "method": "POST",
            "query": {"k": "v"},
            "url": "/v1/projects/p/callbacks/c7?k=v",
        },
        "received_time": "2026-01-02T03:04:05.678000Z",
        "type": "HTTP",
    }


@pytest.mark.parametrize(
    ("headers", "body", "value"),
    [
        ((), b"", None),
        ((("Content-Type", "text/plain"),), b"", None),
        ((("Content-Type", "text/plain"),), b"hi", "hi"),
        ((("Content-Type", "application/octet-stream"),), b"\x00", b"\x00"),
    ],
)
def test_the_body_is_decoded_as_that_of_an_answer_and_null_when_empty(
    headers: tuple[tuple[str, str], ...], body: bytes, value: Value
) -> None:
    running = started("events.await_callback", {"url": URL}).answer(a_request(headers=headers, body=body))
    assert isinstance(running.value, dict)
    request = running.value["http_request"]
    assert isinstance(request, dict)
    assert request["body"] == value


def test_a_repeated_query_parameter_is_a_list() -> None:
    query = (("k", "1"), ("k", "2"), ("k", "3"), ("x", ""))
    running = started("events.await_callback", {"url": URL}).answer(a_request(query=query))
    assert isinstance(running.value, dict)
    request = running.value["http_request"]
    assert isinstance(request, dict)
    assert request["query"] == {"k": ["1", "2", "3"], "x": ""}


def test_await_gives_up_with_a_timeout_error() -> None:
    running = started("events.await_callback", {"url": URL}, 2.5)
    with pytest.raises(Failure) as raised:
        running.answer(Done())
    assert message(raised.value) == "TimeoutError: no callback was received within 2.5 seconds"


def test_an_answer_of_another_kind_is_our_bug() -> None:
    with pytest.raises(IllegalTransition):
        started("events.await_callback", {"url": URL}).answer(NoResponse(trouble=Trouble.SYSTEM, detail=""))


@pytest.mark.parametrize("timeout", [-1, math.nan, 31_536_001])
def test_await_with_a_timeout_that_cannot_be(timeout: Value) -> None:
    assert not_started("events.await_callback", {"url": URL}, timeout).startswith("ValueError: events.await_callback: ")


@pytest.mark.parametrize(
    "arguments", [(URL,), (None,), ({},), ({"url": 1},), ({"url": URL}, "5"), ({"url": URL}, True)]
)
def test_await_with_arguments_of_the_wrong_type(arguments: tuple[Value, ...]) -> None:
    assert not_started("events.await_callback", *arguments).startswith("TypeError: events.await_callback: ")


@pytest.mark.parametrize(
    "url", ["", "http://127.0.0.1/", URL + "?x=1", URL + "/", URL.replace("callbacks/", ""), URL.replace("e1", "e2")]
)
def test_await_with_an_endpoint_that_is_not_one_of_this_execution(url: str) -> None:
    assert not_started("events.await_callback", {"url": url}).startswith("ValueError: events.await_callback: ")


def test_given_a_body_that_no_execution_can_hold_then_the_execution_fails() -> None:
    waiting = started("events.await_callback", {"url": URL})
    with pytest.raises(Failure, match="lists and maps") as raised:
        waiting.answer(a_request(body=b"[" + b"[]," * 600_000 + b"1]"))
    assert not raised.value.is_catchable
