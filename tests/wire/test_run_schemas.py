"""The tables of messages against Google's own descriptions of the APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hakobune.wire import run_v1_resident_schema, run_v1_schema, run_v2_messages, run_v2_resident_schema, run_v2_schema
from hakobune.wire.schema import Choice, FieldType, ListOf, MapOf, Message, Scalar, snake

discovery = pytest.importorskip("googleapiclient.discovery_cache")
run_v2 = pytest.importorskip("google.cloud.run_v2")


def _schemas(version: str) -> dict[str, dict[str, object]]:
    path = Path(discovery.__file__).parent / "documents" / f"run.{version}.json"
    return json.loads(path.read_text())["schemas"]


def _described(field: dict[str, object], schemas: dict[str, dict[str, object]]) -> object:
    """What a field of the discovery document is, in a form that both sides can be brought to."""
    if "$ref" in field:
        properties = schemas[str(field["$ref"])].get("properties", {})
        assert isinstance(properties, dict)
        return {name: _described(inner, schemas) for name, inner in properties.items()}
    if field["type"] == "array":
        items = field["items"]
        assert isinstance(items, dict)
        return [_described(items, schemas)]
    if field["type"] == "object":
        return "map"
    if "enum" in field:
        names = field["enum"]
        assert isinstance(names, list)
        return frozenset(names)
    return (field["type"], field.get("format", ""))


_SCALARS = {
    Scalar.TEXT: ("string", ""),
    Scalar.FLAG: ("boolean", ""),
    Scalar.INT32: ("integer", "int32"),
    Scalar.INT64: ("string", "int64"),
    Scalar.FLOAT: ("number", "float"),
    Scalar.DURATION: ("string", "google-duration"),
    Scalar.TIMESTAMP: ("string", "google-datetime"),
}


def _ours(kind: FieldType) -> object:
    match kind:
        case Message():
            return {name: _ours(inner) for name, inner in kind.fields.items()}
        case ListOf():
            return [_ours(kind.item)]
        case MapOf():
            return "map"
        case Choice():
            return frozenset(name for name in kind.names if name is not None)
        case Scalar():
            return _SCALARS[kind]


V2 = {
    "GoogleCloudRunV2Job": run_v2_schema.JOB,
    "GoogleCloudRunV2Overrides": run_v2_schema.OVERRIDES,
    "GoogleCloudRunV2Condition": run_v2_messages.CONDITION,
    "GoogleCloudRunV2Service": run_v2_resident_schema.SERVICE,
    "GoogleCloudRunV2WorkerPool": run_v2_resident_schema.WORKER_POOL,
}


@pytest.mark.parametrize("name", V2)
def test_v2_messages_have_the_fields_and_types_of_the_discovery_document(name: str) -> None:
    schemas = _schemas("v2")
    assert _ours(V2[name]) == _described({"$ref": name}, schemas)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("GoogleCloudRunV2RunJobRequest", run_v2_schema.RUN_JOB_REQUEST),
        ("GoogleCloudRunV2CancelExecutionRequest", run_v2_schema.CANCEL_EXECUTION_REQUEST),
    ],
)
def test_v2_requests_have_the_fields_of_the_discovery_document_and_the_name_of_the_path(
    name: str, kind: Message
) -> None:
    ours = _ours(kind)
    assert isinstance(ours, dict)
    assert ours.pop("name") == ("string", "")
    assert ours == _described({"$ref": name}, _schemas("v2"))


def test_v1_jobs_have_the_fields_and_types_of_the_discovery_document() -> None:
    schemas = _schemas("v1")
    described = _described({"$ref": "Job"}, schemas)
    assert isinstance(described, dict)
    del described["status"]  # output only: whatever stands there is ignored
    fields = {name: kind for name, kind in run_v1_schema.JOB.fields.items() if name != "status"}
    assert {name: _ours(kind) for name, kind in fields.items()} == described


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Service", run_v1_resident_schema.SERVICE), ("WorkerPool", run_v1_resident_schema.WORKER_POOL)],
)
def test_v1_residents_have_the_fields_and_types_of_the_discovery_document(name: str, kind: Message) -> None:
    described = _described({"$ref": name}, _schemas("v1"))
    assert isinstance(described, dict)
    del described["status"]  # output only, as of jobs
    assert {field: _ours(inner) for field, inner in kind.fields.items() if field != "status"} == described


def test_v1_run_requests_have_the_fields_and_types_of_the_discovery_document() -> None:
    assert _ours(run_v1_schema.RUN_JOB_REQUEST) == _described({"$ref": "RunJobRequest"}, _schemas("v1"))


def test_output_only_fields_are_those_of_the_discovery_document() -> None:
    properties = _schemas("v2")["GoogleCloudRunV2Job"]["properties"]
    assert isinstance(properties, dict)
    read_only = {name for name, field in properties.items() if field.get("readOnly")}
    assert run_v2_schema.JOB.output_only == read_only | {"conditions"}


# -- protobuf --------------------------------------------------------------------------------------------------------


def _messages(kind: Message, descriptor: object, path: str) -> Iterator[tuple[str, Message, object]]:
    yield path, kind, descriptor
    for name, inner in kind.fields.items():
        field = descriptor.fields_by_name.get(snake(name))  # type: ignore[attr-defined]
        item = inner.item if isinstance(inner, ListOf) else inner
        if field is not None and isinstance(item, Message):
            yield from _messages(item, field.message_type, f"{path}.{name}")


_JOB = run_v2.Job.pb(run_v2.Job()).DESCRIPTOR
_FOUND = list(_messages(run_v2_schema.JOB, _JOB, "job")) + list(
    _messages(run_v2_schema.RUN_JOB_REQUEST, run_v2.RunJobRequest.pb(run_v2.RunJobRequest()).DESCRIPTOR, "run")
)


@pytest.mark.parametrize(("path", "kind", "descriptor"), _FOUND, ids=[path for path, _, _ in _FOUND])
def test_names_oneofs_and_enum_numbers_are_those_of_the_client_library(
    path: str, kind: Message, descriptor: object
) -> None:
    # The library puts an underscore behind names that are words of Python.
    known = {name.rstrip("_"): field for name, field in descriptor.fields_by_name.items()}  # type: ignore[attr-defined]
    assert {snake(name) for name in kind.fields} >= set(known)
    for name, inner in kind.fields.items():
        field = known.get(snake(name))
        item = inner.item if isinstance(inner, ListOf) else inner
        if field is None:
            continue
        assert field.json_name.rstrip("_") == name
        assert isinstance(inner, ListOf | MapOf) is field.is_repeated
        if isinstance(item, Choice):
            numbers = {value.name: value.number for value in field.enum_type.values}
            ours = {value: number for number, value in enumerate(item.names) if value is not None}
            assert numbers.items() <= ours.items()
        if field.message_type is None and not field.is_repeated and "Reason" not in name and name != "reason":
            in_oneof = any(name in names for names in kind.oneofs.values())
            assert field.has_presence is (name in kind.present or in_oneof)
    for oneof in descriptor.oneofs:  # type: ignore[attr-defined]
        names = {field.name for field in oneof.fields}
        if len(names) > 1 and path.rsplit(".", maxsplit=1)[-1] not in ("conditions", "terminalCondition"):
            assert any(names <= {snake(name) for name in ours} for ours in kind.oneofs.values())
