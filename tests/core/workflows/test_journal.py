"""Rows of a journal: what is written is read again, exactly, and what is not ours is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import CorruptJournal
from hakobune.core.workflows.effects import CallbackRequest, Done, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.events import (
    Answered,
    CallbackArrived,
    CallId,
    CancelRequested,
    Event,
    Expired,
    Moved,
    Stamped,
    Started,
)
from hakobune.core.workflows.journal import VERSION, decode, encode

REQUEST = CallbackRequest(
    method="POST",
    url="/v1/x?a=b",
    query=(("a", "b"), ("a", "c")),
    headers=(("X", "y"),),
    body=b"\x00\xff",
    received_s=1.25,
)
EVENTS: list[Event] = [
    Started(
        argument={"a": [1, 2.0, 1e300, -0.0, "é\ud800", None, True]},
        environment={"A": "b"},
        execution="e",
        base_url="http://h",
    ),
    Answered(call=CallId("0#1"), answer=Done()),
    Answered(
        call=CallId("0.1.2#3"), answer=HttpResponse(code=200, headers=(("A", "b"), ("C", "")), body=bytes(range(256)))
    ),
    *(Answered(call=CallId("0#1"), answer=NoResponse(trouble=trouble, detail="why")) for trouble in Trouble),
    Answered(call=CallId("0#1"), answer=REQUEST),
    CallbackArrived(callback="abc", request=REQUEST),
    CancelRequested(),
    Expired(),
    Moved(base_url="http://other"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_given_an_event_when_it_is_written_then_it_is_read_again(event: Event) -> None:
    stamped = Stamped(event=event, at_s=1_700_000_000.123456, seed=2**128 - 1)
    row = encode(stamped)
    assert decode(row) == stamped
    assert b" " not in row.replace(b"http://h", b"")


def test_given_numbers_then_their_kinds_and_signs_are_kept() -> None:
    stamped = Stamped(event=Started(argument=[1, 1.0, -0.0], environment={}, execution="", base_url=""), at_s=0, seed=0)
    event = decode(encode(stamped)).event
    assert isinstance(event, Started)
    assert isinstance(event.argument, list)
    assert [type(number) for number in event.argument] == [int, float, float]
    assert math.copysign(1, event.argument[2]) == -1  # type: ignore[arg-type]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values, st.floats(0, 4e9), st.integers(0, 2**64 - 1), st.binary())
def test_given_any_event_then_it_is_read_again(argument: object, at_s: float, seed: int, body: bytes) -> None:
    for event in (
        Started(argument=argument, environment={}, execution="e", base_url=""),  # type: ignore[arg-type]
        Answered(call=CallId("0#1"), answer=HttpResponse(code=200, headers=(), body=body)),
    ):
        stamped = Stamped(event=event, at_s=at_s, seed=seed)
        assert decode(encode(stamped)) == stamped


def row(**fields: object) -> bytes:
    whole = {"v": VERSION, "at": 1.0, "seed": 1, "event": "expired", **fields}
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


RESPONSE = {"kind": "response", "code": 200, "headers": [], "body": ""}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{",
        row(event="unknown"),
        row(event=...),
        row(event=1),
        row(at="x"),
        row(at=True),
        row(seed=1.5),
        row(seed=...),
        row(event="answered", call="0#1", answer={"kind": "other"}),
        row(event="answered", call=1, answer={"kind": "done"}),
        row(event="answered", call="0#1", answer=[]),
        row(event="answered", call="0#1", answer={**RESPONSE, "body": "*"}),
        row(event="answered", call="0#1", answer={**RESPONSE, "headers": [["a"]]}),
        row(event="answered", call="0#1", answer={**RESPONSE, "headers": {}}),
        row(event="answered", call="0#1", answer={"kind": "noResponse", "trouble": "Nothing", "detail": ""}),
        row(event="started", argument=1, environment={"a": 1}, execution="", baseUrl=""),
    ],
)
def test_given_a_row_that_nobody_wrote_then_it_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptJournal, match="a row of a journal"):
        decode(data)


@pytest.mark.parametrize("version", [0, VERSION + 1, "1", None, ...])
def test_given_another_version_then_the_error_names_it_and_what_to_do(version: object) -> None:
    with pytest.raises(
        CorruptJournal, match=r"version .*; this program reads version 1: start the version of Hakobune"
    ):
        decode(row(v=version))


def test_given_a_row_of_the_first_version_then_it_is_read_for_ever() -> None:
    data = b'{"v":1,"at":1700000000.5,"seed":7,"event":"answered","call":"0.1.0#2","answer":{"kind":"response","code":200,"headers":[["Content-Type","text/plain"]],"body":"aGk="}}'
    assert decode(data) == Stamped(
        event=Answered(
            call=CallId("0.1.0#2"), answer=HttpResponse(code=200, headers=(("Content-Type", "text/plain"),), body=b"hi")
        ),
        at_s=1_700_000_000.5,
        seed=7,
    )
