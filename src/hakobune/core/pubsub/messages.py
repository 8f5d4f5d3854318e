"""Bodies of messages: `google.pubsub.v1.PubsubMessage` in protobuf's binary form, with `data` and `attributes` alone.

That is how messages are stored and handed on, so that none is looked into on its way. Id, instant and key stand beside
it; as protobuf messages are joined by joining their bytes, an answer in binary form is made without parsing.
Source: https://protobuf.dev/programming-guides/encoding/ and google/pubsub/v1/pubsub.proto (data = 1, attributes = 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hakobune.core.errors import CorruptStore, FieldViolation, InvalidArgument
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.model import NewMessage

_DATA, _ATTRIBUTE = 0x0A, 0x12  # field number × 8 + 2: bytes of a length
_KEY, _VALUE = 0x0A, 0x12  # of an entry of a map
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def new_message(data: bytes, attributes: Mapping[str, str], ordering_key: str = "") -> NewMessage:
    """A message within its bounds. Raises InvalidArgument."""
    check_message(data, attributes, ordering_key)
    return NewMessage(encode_body(data, attributes), ordering_key)


def check_message(data: bytes, attributes: Mapping[str, str], ordering_key: str) -> None:
    """The bounds of one message. Raises InvalidArgument."""
    size_bytes = len(data) + len(ordering_key.encode())
    if not data and not attributes:
        _refuse("messages", "Some messages are empty: a message has data or at least one attribute.")
    if len(attributes) > limits.ATTRIBUTES:
        _refuse("messages.attributes", f"A message has at most {limits.ATTRIBUTES} attributes.")
    for key, value in attributes.items():
        key_bytes, value_bytes = len(key.encode()), len(value.encode())
        size_bytes += key_bytes + value_bytes
        if not 0 < key_bytes <= limits.ATTRIBUTE_KEY_BYTES:
            _refuse(
                "messages.attributes", f"The key of an attribute has 1 to {limits.ATTRIBUTE_KEY_BYTES} bytes in UTF-8."
            )
        if value_bytes > limits.ATTRIBUTE_VALUE_BYTES:
            _refuse(
                "messages.attributes",
                f"The value of an attribute has at most {limits.ATTRIBUTE_VALUE_BYTES} bytes in UTF-8.",
            )
    if len(ordering_key.encode()) > limits.ORDERING_KEY_BYTES:
        _refuse("messages.ordering_key", f"An ordering key has at most {limits.ORDERING_KEY_BYTES} bytes in UTF-8.")
    if size_bytes > limits.MESSAGE_BYTES:
        _refuse("messages", f"A message has at most {limits.MESSAGE_BYTES} bytes.")


def check_request(messages: Sequence[NewMessage]) -> None:
    """The bounds of one publish. Raises InvalidArgument."""
    if not messages:
        _refuse("messages", "A publish needs at least one message.")
    if len(messages) > limits.REQUEST_MESSAGES:
        _refuse("messages", f"A publish has at most {limits.REQUEST_MESSAGES} messages.")
    # One message of the largest size, with its framing, passes.
    if len(messages) > 1 and sum([len(message.body) for message in messages]) > limits.REQUEST_BYTES:
        _refuse("messages", f"The messages of a publish have at most {limits.REQUEST_BYTES} bytes together.")


def _refuse(field: str, text: str) -> None:
    raise InvalidArgument(text, violations=[FieldViolation(field=field, description=text)])


# -- the binary form ------------------------------------------------------------------------------------------------


def encode_body(data: bytes, attributes: Mapping[str, str]) -> bytes:
    """The body of a message."""
    parts: list[bytes] = []
    if data:
        parts += (b"\x0a", _varint(len(data)), data)
    for key, value in attributes.items():
        raw_key, raw_value = key.encode(), value.encode()
        entry = b"".join((b"\x0a", _varint(len(raw_key)), raw_key, b"\x12", _varint(len(raw_value)), raw_value))
        parts += (b"\x12", _varint(len(entry)), entry)
    return b"".join(parts)


def decode_body(body: bytes) -> tuple[bytes, dict[str, str]]:
    """(data, attributes). Raises CorruptStore."""
    data = b""
    attributes: dict[str, str] = {}
    for tag, value in _fields(body):
        if tag == _DATA:
            data = value
        elif tag == _ATTRIBUTE:
            key, text = _entry(value)
            attributes[key] = text
    return data, attributes


def attributes_of(body: bytes) -> dict[str, str]:
    """The attributes alone. Raises CorruptStore."""
    return dict(_entry(value) for tag, value in _fields(body) if tag == _ATTRIBUTE)


def _entry(entry: bytes) -> tuple[str, str]:
    key = value = b""
    for tag, content in _fields(entry):
        if tag == _KEY:
            key = content
        elif tag == _VALUE:
            value = content
    return key.decode(), value.decode()


def _fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of the fields that have a length; others are passed by."""
    place, end = 0, len(raw)
    try:
        while place < end:
            tag, place = _read_varint(raw, place)
            kind = tag & 7
            if kind == _BYTES:
                length, place = _read_varint(raw, place)
                if place + length > end:
                    raise CorruptStore("a stored message is cut")
                yield tag, raw[place : place + length]
                place += length
            elif kind == _VARINT:
                _, place = _read_varint(raw, place)
            elif kind in (_FIXED32, _FIXED64):
                place += 4 if kind == _FIXED32 else 8
            else:
                raise CorruptStore("a stored message cannot be read")
    except IndexError:
        raise CorruptStore("a stored message is cut") from None


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _read_varint(raw: bytes, place: int) -> tuple[int, int]:
    """(number, place behind it). Raises IndexError at the end."""
    byte = raw[place]
    if byte < 0x80:
        return byte, place + 1
    number, shift = byte & 0x7F, 7
    while True:
        place += 1
        byte = raw[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + 1
        shift += 7
        if shift > 63:
            raise CorruptStore("a stored message cannot be read")
