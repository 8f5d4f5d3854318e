"""Events ↔ bytes: the rows of an execution's journal.

A row is compact JSON with the version of its form. Bytes are Base64 text; doubles are written with the digits that give
exactly the same double again. Rows are only ever appended, so every version that was ever released must stay readable:
a new form gets a new version number, and the old reader stays.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, assert_never, cast

from hakobune.core.errors import CorruptJournal
from hakobune.core.workflows.effects import Answer, CallbackRequest, Done, HttpResponse, NoResponse, Trouble
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
from hakobune.core.workflows.values import Value

VERSION: Final = 1
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
_Row: TypeAlias = Mapping[str, Json]
_Pairs: TypeAlias = tuple[tuple[str, str], ...]


def encode(stamped: Stamped) -> bytes:
    """The row of an event."""
    row: dict[str, Json] = {"v": VERSION, "at": stamped.at_s, "seed": stamped.seed, **_event_to_json(stamped.event)}
    return _WRITER.encode(row).encode("utf-8", "surrogatepass")


def decode(row: bytes) -> Stamped:
    """The event of a row. Raises CorruptJournal."""
    try:
        read: object = json.loads(row.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise CorruptJournal(f"a row of a journal is not JSON: {error}") from error
    if not isinstance(read, dict):
        raise CorruptJournal("a row of a journal is not an object")
    fields = cast("_Row", read)
    version = fields.get("v")
    if version != VERSION:
        raise CorruptJournal(
            f"a row of a journal has version {version!r}; this program reads version {VERSION}: "
            "start the version of Hakobune that wrote it, or a later one"
        )
    try:
        return Stamped(event=_event_from_json(fields), at_s=_number(fields["at"]), seed=_integer(fields["seed"]))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise CorruptJournal(f"a row of a journal cannot be read: {error!r}") from error


# -- events -----------------------------------------------------------------------------------------------------


def _event_to_json(event: Event) -> dict[str, Json]:
    match event:
        case Started():
            return {
                "event": "started",
                "argument": cast("Json", event.argument),  # it came from JSON: no bytes, no functions
                "environment": dict(event.environment),
                "execution": event.execution,
                "baseUrl": event.base_url,
            }
        case Answered():
            return {"event": "answered", "call": event.call, "answer": _answer_to_json(event.answer)}
        case CallbackArrived():
            return {
                "event": "callbackArrived",
                "callback": event.callback,
                "request": _answer_to_json(event.request),
            }
        case CancelRequested():
            return {"event": "cancelRequested"}
        case Expired():
            return {"event": "expired"}
        case Moved():
            return {"event": "moved", "baseUrl": event.base_url}
        case _:
            assert_never(event)


def _started(row: _Row) -> Event:
    environment = {name: _text(value) for name, value in _object(row["environment"]).items()}
    return Started(
        argument=cast("Value", row["argument"]),
        environment=environment,
        execution=_text(row["execution"]),
        base_url=_text(row["baseUrl"]),
    )


def _answered(row: _Row) -> Event:
    return Answered(call=CallId(_text(row["call"])), answer=_answer_from_json(_object(row["answer"])))


def _callback_arrived(row: _Row) -> Event:
    return CallbackArrived(callback=_text(row["callback"]), request=_callback_request(_object(row["request"])))


_EVENTS: Final[Mapping[str, Callable[[_Row], Event]]] = {
    "started": _started,
    "answered": _answered,
    "callbackArrived": _callback_arrived,
    "cancelRequested": lambda _: CancelRequested(),
    "expired": lambda _: Expired(),
    "moved": lambda row: Moved(base_url=_text(row["baseUrl"])),
}


def _event_from_json(row: _Row) -> Event:
    kind = _text(row["event"])
    if kind not in _EVENTS:
        raise CorruptJournal(f"a row of a journal has an unknown event: {kind}")
    return _EVENTS[kind](row)


# -- answers ----------------------------------------------------------------------------------------------------


def _answer_to_json(answer: Answer) -> dict[str, Json]:
    match answer:
        case HttpResponse():
            return {
                "kind": "response",
                "code": answer.code,
                "headers": _pairs_to_json(answer.headers),
                "body": _bytes_to_json(answer.body),
            }
        case NoResponse():
            return {"kind": "noResponse", "trouble": answer.trouble.value, "detail": answer.detail}
        case Done():
            return {"kind": "done"}
        case CallbackRequest():
            return {
                "kind": "callback",
                "method": answer.method,
                "url": answer.url,
                "query": _pairs_to_json(answer.query),
                "headers": _pairs_to_json(answer.headers),
                "body": _bytes_to_json(answer.body),
                "received": answer.received_s,
            }
        case _:
            assert_never(answer)


def _response(row: _Row) -> Answer:
    return HttpResponse(code=_integer(row["code"]), headers=_pairs(row["headers"]), body=_bytes(row["body"]))


def _no_response(row: _Row) -> Answer:
    return NoResponse(trouble=Trouble(_text(row["trouble"])), detail=_text(row["detail"]))


def _callback_request(row: _Row) -> CallbackRequest:
    return CallbackRequest(
        method=_text(row["method"]),
        url=_text(row["url"]),
        query=_pairs(row["query"]),
        headers=_pairs(row["headers"]),
        body=_bytes(row["body"]),
        received_s=_number(row["received"]),
    )


_ANSWERS: Final[Mapping[str, Callable[[_Row], Answer]]] = {
    "response": _response,
    "noResponse": _no_response,
    "done": lambda _: Done(),
    "callback": _callback_request,
}


def _answer_from_json(row: _Row) -> Answer:
    kind = _text(row["kind"])
    if kind not in _ANSWERS:
        raise CorruptJournal(f"a row of a journal has an unknown answer: {kind}")
    return _ANSWERS[kind](row)


# -- parts ------------------------------------------------------------------------------------------------------


def _bytes_to_json(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(value: Json) -> bytes:
    return base64.b64decode(_text(value), validate=True)


def _pairs_to_json(pairs: _Pairs) -> list[Json]:
    return [[name, value] for name, value in pairs]


def _pairs(value: Json) -> _Pairs:
    if not isinstance(value, list):
        raise TypeError("not a list of pairs")
    pairs: list[tuple[str, str]] = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise TypeError("not a pair")
        pairs.append((_text(pair[0]), _text(pair[1])))
    return tuple(pairs)


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _integer(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an integer")
    return value


def _number(value: Json) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("not a number")
    return float(value)


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
