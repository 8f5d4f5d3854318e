"""Hostile bodies for the Workflows APIs: any field of a wrong type, any value at all, any filter, any message."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictured_workflows import WORKFLOW
from test_run_hostile import Place, _places, _wrong

from hakobune.core.errors import InvalidArgument
from hakobune.core.filters import filter_from_text, orders_from_text
from hakobune.core.filters_of_workflows import EXECUTION_FIELDS
from hakobune.wire.executions_v1 import execution_draft_from_json, pubsub_draft_from_json
from hakobune.wire.schema import snake
from hakobune.wire.workflows_v1 import workflow_draft_from_json, workflow_patch_from_json
from hakobune.wire.workflows_v1_schema import EXECUTION, TRIGGER_PUBSUB_EXECUTION_REQUEST
from hakobune.wire.workflows_v1_schema import WORKFLOW as WORKFLOW_SCHEMA

WORKFLOW_PLACES = _places(WORKFLOW_SCHEMA, [], "workflow", snake)
EXECUTION_PLACES = _places(EXECUTION, [], "execution", snake)
TRIGGER_PLACES = _places(TRIGGER_PUBSUB_EXECUTION_REQUEST, [], "", snake)


def blamed(read: Callable[[], object]) -> list[str]:
    with pytest.raises(InvalidArgument) as caught:
        read()
    return [violation.field for violation in caught.value.violations]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WORKFLOW_PLACES), st.data())
def test_given_any_one_field_of_a_wrong_type_when_a_workflow_is_read_then_it_is_named(
    place: Place, data: st.DataObject
) -> None:
    body = _wrong(place, data)
    assert blamed(lambda: workflow_patch_from_json(body, WORKFLOW, "description")) == [place[1]]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EXECUTION_PLACES), st.data())
def test_given_any_one_field_of_a_wrong_type_when_an_execution_is_read_then_it_is_named(
    place: Place, data: st.DataObject
) -> None:
    body = _wrong(place, data)
    assert blamed(lambda: execution_draft_from_json(body)) == [place[1]]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TRIGGER_PLACES), st.data())
def test_given_any_one_field_of_a_wrong_type_when_a_message_is_read_then_it_is_named(
    place: Place, data: st.DataObject
) -> None:
    body = _wrong(place, data)
    assert blamed(lambda: pubsub_draft_from_json(body, str(WORKFLOW), 0.0))[0] == place[1]


_KEYS = ["sourceContents", "argument", "labels", "userEnvVars", "message", "data", "subscription", "name", "tags", "x"]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=25,
)


@given(_VALUES)
@settings(max_examples=300, deadline=None)
def test_given_any_value_at_all_when_read_then_there_is_a_draft_or_a_refusal(value: object) -> None:
    for read in (
        lambda: workflow_draft_from_json(value, WORKFLOW),
        lambda: workflow_patch_from_json(value, WORKFLOW, None),
        lambda: execution_draft_from_json(value),
        lambda: pubsub_draft_from_json(value, str(WORKFLOW), 0.0),
    ):
        try:
            read()
        except InvalidArgument as error:
            assert error.violations  # noqa: PT017 (either outcome is right)


_WORDS = st.sampled_from(
    [
        "state",
        "startTime",
        "label",
        "label.a",
        "stepName",
        "duration",
        "=",
        "!=",
        ">",
        ":",
        "*",
        "AND",
        "OR",
        "NOT",
        "-",
        "(",
        ")",
        ",",
        '"2023-08-01"',
        "FAILED",
        "3s",
        '"x',
        "\\",
        "'a:b'",
        "~",
        "999999999999999999999999",
        "\x00",
    ]
)


@given(st.lists(_WORDS, max_size=12).map(" ".join) | st.text(max_size=30))
@settings(max_examples=500, deadline=None)
def test_given_any_text_at_all_when_it_is_a_filter_or_an_order_then_it_is_understood_or_refused(text: str) -> None:
    for read in (
        lambda: filter_from_text(text, EXECUTION_FIELDS),
        lambda: orders_from_text(text, EXECUTION_FIELDS),
    ):
        try:
            read()
        except InvalidArgument as error:
            assert error.violations  # noqa: PT017 (either outcome is right)
