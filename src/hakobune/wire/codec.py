"""JSON from outside as plain values, within bounds of size, depth and time.

Refused with the words of Google's front end: what is no UTF-8, no JSON, too big, too deep, a key given twice, a
number that is none (NaN, Infinity), half a surrogate pair. An empty body is an empty object, as it is for protobuf.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from math import isfinite
from typing import NoReturn

from hakobune.core.errors import InvalidArgument

BODY_MAX_BYTES = 4 * 1024 * 1024  # ours: ten containers with all their variables fit several times
DEPTH_MAX = 100  # protobuf's own parsers stop here: https://protobuf.dev/programming-guides/proto-limits/

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# +1 for an opening bracket, -1 (as a signed byte) for a closing one, everything else goes.
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"{[}]"))


def parse_json(body: bytes, *, size_max: int = BODY_MAX_BYTES) -> object:
    """The value of a JSON text. Raises InvalidArgument."""
    if len(body) > size_max:
        _refuse(f"The body has {len(body)} bytes: at most {size_max} are accepted.")
    if not body.strip():
        return {}
    _check_depth(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"Not valid UTF-8 at byte {error.start}.")
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at line {error.lineno}, column {error.colno}.")
    except ValueError as error:  # an integer of thousands of digits
        _refuse(f"{error}.")
    if _SURROGATE.search(text):
        _check_surrogates(value)
    return value


def _refuse(problem: str) -> NoReturn:
    raise InvalidArgument(f"Invalid JSON payload received. {problem}") from None


def _check_depth(body: bytes) -> None:
    """Count brackets outside strings, without building anything: escapes go, then every second part is a string."""
    outside = b"".join(_ESCAPE.sub(b"", body).split(b'"')[::2])
    steps = memoryview(outside.translate(_STEPS, delete=_NOT_BRACKETS)).cast("b")
    if max(accumulate(steps), default=0) > DEPTH_MAX:
        _refuse(f"Nested deeper than {DEPTH_MAX} levels.")


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        _refuse("A string holds half of a surrogate pair.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                _refuse(f"Duplicate name {json.dumps(key[:60])}.")
            seen.add(key)
    return found


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is not a JSON number.")


def _float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        _refuse(f"The number {text[:40]} is too large.")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
