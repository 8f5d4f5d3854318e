"""Answers over HTTP as values and errors."""

from __future__ import annotations

import pytest
from library_calls import AContext, started

from hakobune.core.errors import IllegalTransition
from hakobune.core.workflows.effects import Answer, Done, HttpRequest, HttpResponse, NoResponse, Trouble, Wait
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.stdlib.http_messages import Exchange, decode_body, patient_exchange
from hakobune.core.workflows.stdlib.retries import is_retried
from hakobune.core.workflows.values import Value

REQUEST = HttpRequest(method="GET", url="https://example.com/")


def an_answer(code: int = 200, body: bytes = b"", content_type: str = "") -> HttpResponse:
    headers = (("Content-Type", content_type),) if content_type else ()
    return HttpResponse(code=code, headers=headers, body=body)


def failed_by(answer: Answer) -> Failure:
    with pytest.raises(Failure) as raised:
        started("http.get", "https://example.com/").answer(answer)
    return raised.value


@pytest.mark.parametrize("code", [100, 200, 201, 204, 304, 399])
def test_an_answer_below_400_is_a_value(code: int) -> None:
    answer = an_answer(code, b'[{"name": "Maru"}]', "application/json")
    assert started("http.get", "https://example.com/").answer(answer).value == {
        "body": [{"name": "Maru"}],
        "code": code,
        "headers": {"Content-Type": "application/json"},
    }


@pytest.mark.parametrize("code", [400, 404, 410, 500, 503, 599])
def test_an_answer_from_400_on_is_an_http_error(code: int) -> None:
    failed = failed_by(an_answer(code, b"sunk", "text/plain"))
    assert failed.is_catchable
    assert failed.value == {
        "body": "sunk",
        "code": code,
        "headers": {"Content-Type": "text/plain"},
        "message": f"HTTP server responded with error code {code}",
        "tags": ["HttpError"],
    }


@pytest.mark.parametrize(
    ("trouble", "tag"),
    [
        (Trouble.CONNECTION_FAILED, "ConnectionFailedError"),
        (Trouble.CONNECTION, "ConnectionError"),
        (Trouble.TIMEOUT, "TimeoutError"),
        (Trouble.AUTH, "AuthError"),
        (Trouble.INVALID, "ValueError"),
        (Trouble.SYSTEM, "SystemError"),
    ],
)
def test_no_answer_is_an_error_with_the_tag_of_its_cause(trouble: Trouble, tag: str) -> None:
    failed = failed_by(NoResponse(trouble=trouble, detail="what happened"))
    assert failed.is_catchable
    assert failed.value == {"message": f"{tag}: what happened", "tags": [tag]}


def test_an_answer_that_is_too_large_cannot_be_caught() -> None:
    failed = failed_by(NoResponse(trouble=Trouble.TOO_LARGE, detail="more than 2 MB"))
    assert not failed.is_catchable
    assert failed.value == {"message": "ResourceLimitError: more than 2 MB", "tags": ["ResourceLimitError"]}


def test_an_answer_of_another_kind_is_our_bug() -> None:
    with pytest.raises(IllegalTransition, match="HttpRequest was answered by Done"):
        started("http.get", "https://example.com/").answer(Done())


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("Application/JSON;charset=utf-8", b"2.5", 2.5),
        ("application/problem+json", b'{"a": 1}', {"a": 1}),
        ("application/json", b"not json", "not json"),
        ("application/json", b"\xff\xfe", b"\xff\xfe"),
        ("application/json", b"", None),
        ("application/json", b" \n", None),
        ("text/plain", b"", ""),
        ("text/plain", "日本".encode(), "日本"),
        ("text/html; charset=Shift_JIS", b"\x93\xfa\x96\x7b", "日本"),
        ('text/html; charset="iso-8859-1"', b"\xe9", "é"),
        ("text/html; charset=unheard-of", b"a", "a"),
        ("text/plain", b"\xff", b"\xff"),
        ("text/plain", b'{"a": 1}', '{"a": 1}'),
        ("application/xml", b"<a/>", "<a/>"),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("application/x-www-form-urlencoded", b"a=1", "a=1"),
        ("application/yaml", b"a: 1", "a: 1"),
        ("application/octet-stream", b"text", b"text"),
        ("image/png", b"\x89PNG", b"\x89PNG"),
        ("application/octet-stream", b"", b""),
        ("", b'{"a": 1}', {"a": 1}),
        ("", b"plain", "plain"),
        ("", b"\xff\x00", b"\xff\x00"),
        ("", b"", ""),
        ("nonsense", b"[1]", [1]),
    ],
)
def test_a_body_is_decoded_as_its_type_says(content_type: str, body: bytes, value: Value) -> None:
    headers = (("X-Other", "1"), ("content-type", content_type)) if content_type else (("X-Other", "1"),)
    decoded = decode_body(headers, body)
    assert type(decoded) is type(value)
    assert decoded == value


# -- retries ----------------------------------------------------------------------------------------------------


def next_effect(running: Exchange, answer: Answer | None) -> object:
    return running.send(answer)  # type: ignore[arg-type]  # the first one is sent nothing


def test_given_what_may_pass_when_it_passes_then_the_answer_counts() -> None:
    running = patient_exchange(AContext(), REQUEST, is_retried)
    assert next_effect(running, None) == REQUEST
    assert next_effect(running, an_answer(503)) == Wait(until_s=1001.0)
    assert next_effect(running, Done()) == REQUEST
    assert next_effect(running, NoResponse(trouble=Trouble.TIMEOUT, detail="")) == Wait(until_s=1001.25)
    assert next_effect(running, Done()) == REQUEST
    with pytest.raises(StopIteration) as stopped:
        running.send(an_answer(200, b"x"))
    assert stopped.value.value == an_answer(200, b"x")


def test_given_what_does_not_pass_when_five_retries_failed_then_the_last_error_counts() -> None:
    running = patient_exchange(AContext(), REQUEST, is_retried)
    assert next_effect(running, None) == REQUEST
    for _ in range(5):
        assert isinstance(next_effect(running, an_answer(503)), Wait)
        assert next_effect(running, Done()) == REQUEST
    with pytest.raises(Failure) as raised:
        running.send(an_answer(429))
    assert isinstance(raised.value.value, dict)
    assert raised.value.value["code"] == 429


@pytest.mark.parametrize("answer", [an_answer(500), NoResponse(trouble=Trouble.TOO_LARGE, detail="")])
def test_what_cannot_pass_is_not_tried_again(answer: Answer) -> None:
    running = patient_exchange(AContext(), REQUEST, is_retried)
    next_effect(running, None)
    with pytest.raises(Failure):
        running.send(answer)


@pytest.mark.parametrize("content_type", ["application/json", ""])
def test_given_json_that_no_execution_can_hold_then_the_answer_is_an_error_and_no_text(content_type: str) -> None:
    failed = failed_by(an_answer(200, b"[" + b"[]," * 600_000 + b"1]", content_type))
    assert not failed.is_catchable
    assert "lists and maps" in str(failed.value)


def test_given_many_brackets_that_are_no_json_then_the_answer_is_a_text() -> None:
    body = b"[[" * 300_000
    assert decode_body([("Content-Type", "text/plain")], body) == body.decode()
    assert decode_body([], b"x" + body) == "x" + body.decode()
