"""Avro's binary encoding: what the library writes is read, what is broken is refused, and no message is endless."""

from __future__ import annotations

import io
import random
import time
from typing import Any

import pytest

from hakobune.core.pubsub.avro_binary import VALUES, binary_reader

fastavro = pytest.importorskip("fastavro")


def a_record(*types: object) -> dict[str, object]:
    return {"type": "record", "name": "R", "fields": [{"name": f"f{i}", "type": kind} for i, kind in enumerate(types)]}


def reader(definition: object) -> Any:
    named: dict[str, object] = {}
    return binary_reader(fastavro.parse_schema(definition, named), named)


def written(definition: object, *values: object) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, definition, {f"f{i}": value for i, value in enumerate(values)})
    return stream.getvalue()


ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "F", "size": 3}
ALL = a_record(
    "null", "boolean", "int", "long", "float", "double", "bytes", "string", ENUM, FIXED, "E", "F",
    {"type": "array", "items": "E"}, {"type": "map", "values": ["null", "string", "F"]}, ["null", "long"],
    {"type": "record", "name": "In", "namespace": "a.b", "fields": [{"name": "x", "type": {"type": "string"}}]}, "a.b.In",
    {"type": "long", "logicalType": "timestamp-micros"}, [],
)  # fmt: skip


def random_values(rng: random.Random) -> list[object]:
    text = "".join(rng.choice("aé日😀") for _ in range(rng.randrange(5)))
    return [
        None, rng.random() < 0.5, rng.randrange(-(2**31), 2**31), rng.randrange(-(2**63), 2**63), 1.5, rng.random(),
        rng.randbytes(rng.randrange(200)), text, rng.choice("AB"), b"abc", "A", b"xyz", ["A", "B"] * rng.randrange(40),
        {"k" * i: rng.choice([None, "v"]) for i in range(rng.randrange(5))}, rng.choice([None, -5]),
        {"x": "y"}, {"x": text}, rng.randrange(2**40),
    ]  # fmt: skip


def test_what_the_library_writes_is_read_and_nothing_shorter_or_longer() -> None:
    definition = a_record(*[field["type"] for field in ALL["fields"]][:-1])  # type: ignore[attr-defined]
    problem = reader(definition)
    rng = random.Random(7)
    for _ in range(50):
        data = written(definition, *random_values(rng))
        assert problem(data) == ""
        assert "left over" in problem(data + b"\0")
        assert problem(data[: rng.randrange(len(data))]) != ""


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("int", b"\x80\x80\x80\x80\x10", "larger than an int"),
        ("int", b"\xff" * 6, "too many bytes"),
        ("long", b"\xff" * 11, "too many bytes"),
        ("long", b"", "1 bytes are expected"),
        ("bytes", b"\x01", "-1 bytes are expected"),
        ("bytes", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "are left"),
        ("string", b"\x02\xff", "not UTF-8"),
        (ENUM, b"\x04", "an enum of 2"),
        (ENUM, b"\x01", "an enum of 2"),
        (FIXED, b"ab", "3 bytes are expected"),
        (["null", "int"], b"\x04", "a union of 2"),
        (["null", "int"], b"\x01", "a union of 2"),
        ([], b"\x00", "a union of 0"),
        ({"type": "map", "values": "int"}, b"\x02\x02", "are left"),
    ],
)
def test_what_is_broken_is_refused(kind: object, data: bytes, words: str) -> None:
    assert words in reader(a_record(kind))(data)


def test_a_block_may_say_its_size() -> None:
    assert reader(a_record({"type": "array", "items": "int"}))(b"\x03\x04\x02\x04\x00") == ""


EMPTY: dict[str, object] = {"type": "record", "name": "N", "fields": []}
ENDLESS = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"  # a list of 2^63 - 1 items


@pytest.mark.parametrize("item", [EMPTY, {"type": "fixed", "name": "N", "size": 0}])
def test_a_list_of_nothing_is_not_endless(item: object) -> None:
    began_s = time.monotonic()
    assert "more values" in reader(a_record(item, {"type": "array", "items": "N"}))(ENDLESS)
    assert time.monotonic() - began_s < 5


def test_a_definition_that_stands_for_too_much_is_refused() -> None:
    doubled: list[object] = [EMPTY]
    for level in range(20):
        inner = "N" if level == 0 else f"D{level - 1}"
        fields = [{"name": name, "type": inner} for name in ("a", "b")]
        doubled.append({"type": "record", "name": f"D{level}", "fields": fields})
    assert reader(a_record(*doubled[:8]))(b"") == ""
    with pytest.raises(ValueError, match=f"more than {VALUES} values"):
        reader(a_record(*doubled))


def test_a_long_chain_of_types_is_refused() -> None:
    chain: list[object] = [EMPTY]
    for level in range(2_000):
        inner = "N" if level == 0 else f"C{level - 1}"
        chain.append({"type": "record", "name": f"C{level}", "fields": [{"name": "x", "type": inner}]})
    with pytest.raises(ValueError, match="nested deeper"):
        reader(a_record(*chain))
