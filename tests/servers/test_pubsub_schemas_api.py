"""Schemas of the Pub/Sub API: revisions, validation, and topics that use them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from pubsub_calls import Pubsub, b64

from runtime_process import RuntimeProcess

fastavro = pytest.importorskip("fastavro")
pytest.importorskip("grpc_tools")

FIELDS = [{"name": "text", "type": "string"}]
AVRO = {"type": "record", "name": "A", "fields": FIELDS}
AVRO_2 = {"type": "record", "name": "A", "fields": [{"name": "text", "type": "string"}, {"name": "n", "type": "int"}]}
PROTO = 'syntax = "proto3"; message M { string text = 1; }'


@pytest.fixture
def pubsub(runtime: RuntimeProcess) -> Pubsub:
    return Pubsub(runtime)


def a_schema(pubsub: Pubsub, kind: str = "AVRO", definition: object = AVRO) -> tuple[str, Any]:
    name = pubsub.name("schema")
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return name, pubsub.ok("POST", f"schemas?schemaId={name}", {"type": kind, "definition": text})


def in_avro(value: dict[str, object], definition: object = AVRO) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, definition, value)
    return stream.getvalue()


def test_given_a_schema_when_revised_and_rolled_back_then_its_revisions_are_listed_newest_first(pubsub: Pubsub) -> None:
    name, first = a_schema(pubsub)
    assert (first["name"], first["type"]) == (pubsub.full("schemas", name), "AVRO")
    assert len(first["revisionId"]) == 8
    second = pubsub.ok("POST", f"schemas/{name}:commit", {"schema": {"type": "AVRO", "definition": json.dumps(AVRO_2)}})
    third = pubsub.ok("POST", f"schemas/{name}:rollback", {"revisionId": first["revisionId"]})
    assert third["definition"] == first["definition"] != second["definition"]
    assert pubsub.ok("GET", f"schemas/{name}") == third
    assert pubsub.ok("GET", f"schemas/{name}@{second['revisionId']}")["definition"] == second["definition"]
    listed = pubsub.ok("GET", f"schemas/{name}:listRevisions?view=FULL")["schemas"]
    assert [one["revisionId"] for one in listed] == [one["revisionId"] for one in (third, second, first)]
    assert listed[0]["name"].endswith("@" + third["revisionId"])
    paged = pubsub.ok("GET", f"schemas/{name}:listRevisions?pageSize=2")
    rest = pubsub.ok("GET", f"schemas/{name}:listRevisions?pageSize=2&pageToken={paged['nextPageToken']}")
    assert [one["revisionId"] for one in rest["schemas"]] == [first["revisionId"]]
    basic = next(one for one in pubsub.ok("GET", "schemas?pageSize=1000")["schemas"] if one["name"] == first["name"])
    assert "definition" not in basic
    left = pubsub.ok("DELETE", f"schemas/{name}@{third['revisionId']}:deleteRevision")
    assert left["revisionId"] == second["revisionId"]
    pubsub.ok("DELETE", f"schemas/{name}@{second['revisionId']}:deleteRevision")
    assert pubsub.refused("DELETE", f"schemas/{name}@{first['revisionId']}:deleteRevision")[0] == 400
    assert pubsub.refused("DELETE", f"schemas/{name}:deleteRevision")[0] == 400
    assert pubsub.ok("DELETE", f"schemas/{name}") == {}
    assert pubsub.refused("GET", f"schemas/{name}")[1] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "AVRO", "definition": "nope"}, "no Avro definition"),
        ({"type": "AVRO", "definition": '"string"'}, "must be a record"),
        ({"type": "PROTOCOL_BUFFER", "definition": "nope"}, "no Protocol Buffers definition"),
        ({"type": "PROTOCOL_BUFFER", "definition": 'syntax="proto3"; message A{} message B{}'}, "one message type"),
        (
            {
                "type": "PROTOCOL_BUFFER",
                "definition": 'syntax="proto3"; import "google/protobuf/any.proto"; message A{google.protobuf.Any a=1;}',
            },
            "imports",
        ),
        ({"definition": "x"}, "schema.type"),
        ({"type": "AVRO"}, "schema.definition"),
        ({"type": "JSON", "definition": "x"}, "Invalid value"),
        ({"type": "AVRO", "definition": "x" * 307_201}, "307200 bytes"),
    ],
)
def test_given_a_wrong_definition_when_validated_or_made_then_it_is_refused(
    pubsub: Pubsub, body: dict[str, object], words: str
) -> None:
    for path, sent in (("schemas:validate", {"schema": body}), (f"schemas?schemaId={pubsub.name('bad')}", body)):
        status, code, message = pubsub.refused("POST", path, sent)
        assert (status, code) == (400, "INVALID_ARGUMENT")
        assert words in message


def test_given_what_avro_could_use_against_us_when_made_then_it_is_refused_by_name(pubsub: Pubsub) -> None:
    for field in ({"type": "array", "items": "null"}, ["null", "A"]):
        definition = {"type": "record", "name": "A", "fields": [{"name": "x", "type": field}]}
        body = {"schema": {"type": "AVRO", "definition": json.dumps(definition)}}
        assert pubsub.refused("POST", "schemas:validate", body)[:2] == (501, "UNIMPLEMENTED")


def test_given_an_avro_definition_that_stands_for_very_much_when_made_then_it_is_refused(pubsub: Pubsub) -> None:
    doubled: list[dict[str, object]] = [{"name": "x", "type": {"type": "record", "name": "D0", "fields": []}}]
    chain = list(doubled)
    for level in range(1, 1_000):
        twice = [{"name": name, "type": f"D{level - 1}"} for name in ("a", "b")]
        doubled.append({"name": f"x{level}", "type": {"type": "record", "name": f"D{level}", "fields": twice}})
        once = {"type": "record", "name": f"D{level}", "fields": twice[:1]}
        chain.append({"name": f"x{level}", "type": once})
    for fields, words in ((doubled[:40], "more than"), (chain, "nested deeper")):
        definition = json.dumps({"type": "record", "name": "A", "fields": fields})
        body = {"schema": {"type": "AVRO", "definition": definition}, "encoding": "BINARY", "message": ""}
        status, _, message = pubsub.refused("POST", "schemas:validateMessage", body)
        assert status == 400
        assert words in message


def test_given_a_list_of_nothing_in_avro_when_a_message_says_it_is_endless_then_it_is_refused(pubsub: Pubsub) -> None:
    nothing: dict[str, object] = {"type": "record", "name": "N", "fields": []}
    fields = [{"name": "x", "type": nothing}, {"name": "y", "type": {"type": "array", "items": "N"}}]
    definition = json.dumps({"type": "record", "name": "A", "fields": fields})
    message = b64(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00")
    body = {"schema": {"type": "AVRO", "definition": definition}, "encoding": "BINARY", "message": message}
    assert pubsub.refused("POST", "schemas:validateMessage", body)[0] == 400


AVRO_DEFAULT = json.dumps({**AVRO, "fields": [*FIELDS, {"name": "n", "type": "int", "default": 3}]})
CASES = [
    ("AVRO", json.dumps(AVRO), "BINARY", in_avro({"text": "é"}), True),
    ("AVRO", json.dumps(AVRO), "BINARY", in_avro({"text": "x"}) + b"!", False),
    ("AVRO", json.dumps(AVRO), "BINARY", b"\xff", False),
    ("AVRO", json.dumps(AVRO), "JSON", b'{\n"text": "x"\n}', True),
    ("AVRO", json.dumps(AVRO), "JSON", b'{"text": 5}', False),
    ("AVRO", json.dumps(AVRO), "JSON", b"nope", False),
    ("AVRO", AVRO_DEFAULT, "JSON", b'{"text": "x"}', False),  # as Avro's own reader
    ("AVRO", AVRO_DEFAULT, "JSON", b'{"text": "x", "n": 1}', True),
    ("PROTOCOL_BUFFER", PROTO, "BINARY", b"\x0a\x01x", True),
    ("PROTOCOL_BUFFER", PROTO, "BINARY", b"\x0a\x05x", False),
    ("PROTOCOL_BUFFER", PROTO, "JSON", b'{"text": "x"}', True),
    ("PROTOCOL_BUFFER", PROTO, "JSON", b'{"nope": "x"}', False),
    ("PROTOCOL_BUFFER", PROTO, "JSON", b"[]", False),
    ("PROTOCOL_BUFFER", "message M { required int32 a = 1; }", "BINARY", b"", False),
    ("PROTOCOL_BUFFER", "message M { required int32 a = 1; }", "JSON", b"{}", False),
    ("PROTOCOL_BUFFER", "message M { required int32 a = 1; }", "BINARY", b"\x08\x01", True),
]


@pytest.mark.parametrize(("kind", "definition", "encoding", "data", "fits"), CASES)
def test_given_a_message_when_validated_then_it_fits_or_not(
    pubsub: Pubsub, kind: str, definition: str, encoding: str, data: bytes, fits: bool
) -> None:
    body = {"schema": {"type": kind, "definition": definition}, "encoding": encoding, "message": b64(data)}
    answer = pubsub.call("POST", "schemas:validateMessage", body)
    assert answer.status == (200 if fits else 400), answer.body


def test_given_a_stored_schema_when_a_message_is_validated_then_its_newest_or_a_named_revision_counts(
    pubsub: Pubsub,
) -> None:
    name, first = a_schema(pubsub)
    pubsub.ok("POST", f"schemas/{name}:commit", {"schema": {"type": "AVRO", "definition": json.dumps(AVRO_2)}})
    full = pubsub.full("schemas", name)
    body = {"name": full, "encoding": "JSON", "message": b64('{"text": "x"}')}
    assert pubsub.refused("POST", "schemas:validateMessage", body)[0] == 400
    assert pubsub.ok("POST", "schemas:validateMessage", {**body, "name": f"{full}@{first['revisionId']}"}) == {}
    assert pubsub.refused("POST", "schemas:validateMessage", {"name": full, "message": ""})[0] == 400


def test_given_a_topic_with_a_schema_when_published_then_only_what_fits_passes_and_tells_its_revision(
    pubsub: Pubsub,
) -> None:
    name, first = a_schema(pubsub)
    full = pubsub.full("schemas", name)
    topic = pubsub.topic(schemaSettings={"schema": full, "encoding": "JSON"})
    sub = pubsub.subscription(topic)
    second = pubsub.ok("POST", f"schemas/{name}:commit", {"schema": {"type": "AVRO", "definition": json.dumps(AVRO_2)}})
    good = {
        "messages": [{"data": b64('{"text": "x"}'), "attributes": {"a": "b"}}, {"data": b64('{"text": "y", "n": 1}')}]
    }
    pubsub.ok("POST", f"topics/{topic}:publish", good)
    found = [one["message"]["attributes"] for one in pubsub.pull(sub)]
    assert found[0] == {
        "a": "b",
        "googclient_schemaencoding": "JSON",
        "googclient_schemaname": full,
        "googclient_schemarevisionid": first["revisionId"],
    }
    assert found[1]["googclient_schemarevisionid"] == second["revisionId"]
    bad = {"messages": [good["messages"][0], {"data": b64("{}")}]}
    status, code, message = pubsub.refused("POST", f"topics/{topic}:publish", bad)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert "message 1" in message
    assert pubsub.pull(sub) == []
    settings = {"schema": full, "encoding": "JSON", "firstRevisionId": second["revisionId"]}
    pubsub.ok("PATCH", f"topics/{topic}", {"topic": {"schemaSettings": settings}, "updateMask": "schemaSettings"})
    assert pubsub.refused("POST", f"topics/{topic}:publish", {"messages": good["messages"][:1]})[0] == 400
    pubsub.ok("DELETE", f"schemas/{name}")
    assert pubsub.ok("GET", f"topics/{topic}")["schemaSettings"]["schema"] == "_deleted-schema_"
    assert pubsub.refused("POST", f"topics/{topic}:publish", good)[1] == "FAILED_PRECONDITION"


def test_given_a_revision_that_is_not_there_when_a_topic_names_it_then_it_is_refused(pubsub: Pubsub) -> None:
    name, _ = a_schema(pubsub)
    settings = {"schema": pubsub.full("schemas", name), "encoding": "BINARY", "lastRevisionId": "00000000"}
    assert pubsub.refused("PUT", f"topics/{pubsub.name('topic')}", {"schemaSettings": settings})[0] == 400
    settings = {"schema": pubsub.full("schemas", "not-there"), "encoding": "BINARY"}
    assert pubsub.refused("PUT", f"topics/{pubsub.name('topic')}", {"schemaSettings": settings})[0] == 404
    other = {"schema": {"type": "PROTOCOL_BUFFER", "definition": PROTO}}
    assert pubsub.refused("POST", f"schemas/{name}:commit", other)[0] == 400
    assert (
        pubsub.refused("POST", f"schemas?schemaId={name}", {"type": "AVRO", "definition": json.dumps(AVRO)})[0] == 409
    )
