"""Hostile bodies: any field of a wrong type, any value at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bodies import refused
from hypothesis import given, settings
from hypothesis import strategies as st
from pictured_residents import POOL, SERVICE

from hakobune.core.errors import InvalidArgument
from hakobune.core.services.names import ResidentName
from hakobune.wire import run_v1, run_v2, run_v2_resident_schema
from hakobune.wire.run_v1_residents import resident_draft_from_v1
from hakobune.wire.run_v1_schema import JOB as V1_SCHEMA
from hakobune.wire.run_v2_residents import resident_draft_from_json
from hakobune.wire.run_v2_schema import JOB as SCHEMA
from hakobune.wire.schema import Choice, FieldType, ListOf, MapOf, Message, Scalar, snake

Place = tuple[list[object], str, FieldType]


def _places(kind: FieldType, path: list[object], shown: str, spell: Callable[[str], str]) -> list[Place]:
    """Every field of the schema: where it is in a body, and how errors call it."""
    found: list[Place] = [(path, shown, kind)] if path else []
    match kind:
        case Message():
            for name, inner in kind.fields.items():
                found += _places(inner, [*path, name], f"{shown}.{spell(name)}".lstrip("."), spell)
        case ListOf():
            found += _places(kind.item, [*path, 0], f"{shown}[0]", spell)
        case MapOf():
            found += [([*path, "k"], f"{shown}['k']", Scalar.TEXT)]
        case Choice() | Scalar():
            pass
    return found


V2_PLACES = _places(SCHEMA, [], "job", snake)
_OF_SERVICES = _places(run_v2_resident_schema.SERVICE, [], "service", snake)
_OF_POOLS = _places(run_v2_resident_schema.WORKER_POOL, [], "worker_pool", snake)
RESIDENT_PLACES = [(SERVICE, place) for place in _OF_SERVICES] + [(POOL, place) for place in _OF_POOLS]
V1_PLACES = [place for place in _places(V1_SCHEMA, [], "", str) if place[2] is not Scalar.ANYTHING]
_WRONG: dict[object, list[object]] = {
    Scalar.TEXT: [5, 1.5, True, [], {}, "a\0b"],
    Scalar.FLAG: [1, "true", [], {}],
    Scalar.INT32: [True, 1.5, "x", "", 2**31, -(2**31) - 1, [], {}, "1e2"],
    Scalar.INT64: [True, 1.5, "x", 2**63, [], {}],
    Scalar.FLOAT: [True, "x", float("nan"), 1e39, 10**400, [], {}],
    Scalar.DURATION: [5, "5", "5m", True, [], {}],
    Scalar.TIMESTAMP: [5, "now", True, [], {}],
    ListOf: [5, "x", {}, True],
    MapOf: [5, "x", [], True],
    Message: [5, "x", [], True],
    Choice: ["NO_SUCH_NAME", 999, -1, True, 1.5, [], {}],
}


def _wrong(place: Place, data: st.DataObject) -> object:
    """A body with a value of a wrong type at this place."""
    path, _, kind = place
    value: object = data.draw(st.sampled_from(_WRONG[kind if isinstance(kind, Scalar) else type(kind)]))
    for key in reversed(path):
        value = [value] if isinstance(key, int) else {str(key): value}
    return value


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(V2_PLACES), st.data())
def test_given_any_one_field_of_a_wrong_type_when_read_over_v2_then_it_is_named(
    place: Place, data: st.DataObject
) -> None:
    assert refused(_wrong(place, data)) == [place[1]]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(V1_PLACES), st.data())
def test_given_any_one_field_of_a_wrong_type_when_read_over_v1_then_it_is_named(
    place: Place, data: st.DataObject
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        run_v1.job_draft_from_v1(_wrong(place, data), namespace="p1")
    assert [violation.field for violation in caught.value.violations] == [place[1]]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(RESIDENT_PLACES), st.data())
def test_given_any_one_field_of_a_service_or_a_pool_of_a_wrong_type_when_read_over_v2_then_it_is_named(
    pair: tuple[ResidentName, Place], data: st.DataObject
) -> None:
    name, place = pair
    with pytest.raises(InvalidArgument) as caught:
        resident_draft_from_json(name, _wrong(place, data))
    assert [violation.field for violation in caught.value.violations] == [place[1]]


def test_the_schemas_are_not_small() -> None:
    assert len(RESIDENT_PLACES) > 400
    assert len(V2_PLACES) > 200
    assert len(V1_PLACES) > 150


_NAMES = ["template", "containers", "image", "labels", "env", "name", "timeout", "volumes", "spec", "metadata", "x"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["template", "containers", "image", "labels", "env", "name", "timeout", "volumes", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=25,
    )
)
@settings(max_examples=300, deadline=None)
def test_given_any_value_at_all_when_read_then_there_is_a_job_or_a_refusal(value: object) -> None:
    try:
        run_v2.job_draft_from_json(value)
    except InvalidArgument as error:
        assert error.violations  # noqa: PT017 (either outcome is right)
    with pytest.raises(InvalidArgument):  # the values have no name, and v1 needs one
        run_v1.job_draft_from_v1(value, namespace="p1")
    for name in (SERVICE, POOL):
        try:
            resident_draft_from_json(name, value)
        except InvalidArgument as error:
            assert error.violations  # noqa: PT017 (either outcome is right)
        with pytest.raises(InvalidArgument):
            resident_draft_from_v1(name.kind, value, namespace="p1")
