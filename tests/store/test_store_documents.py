"""The store's own format: what goes in comes out, and what does not fit is never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_builders import a_job, an_execution

from hakobune.core.errors import CorruptStore
from hakobune.core.jobs.model import Execution, Job
from hakobune.store.documents import from_document, to_document
from hakobune.store.queries import queries


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    number: float = 0.0
    colour: Colour = Colour.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    text: str
    count: int = 1
    flag: bool = False
    inner: Inner = Inner()
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    pair: tuple[str, int] = ("", 0)
    words: Mapping[str, str] = field(default_factory=dict)
    octets: bytes = b""
    anything: Mapping[str, object] = field(default_factory=dict)


INNERS = st.builds(Inner, number=st.floats(allow_nan=False, allow_infinity=False), colour=st.sampled_from(list(Colour)))
TEXTS = st.text(st.characters())  # lone surrogates and NUL included
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)
OUTERS = st.builds(
    Outer,
    text=TEXTS,
    count=st.integers(),
    flag=st.booleans(),
    inner=INNERS,
    maybe=st.none() | INNERS,
    many=st.lists(INNERS, max_size=3).map(tuple),
    pair=st.tuples(TEXTS, st.integers()),
    words=st.dictionaries(TEXTS, TEXTS, max_size=3),
    octets=st.binary(max_size=20),
    anything=st.dictionaries(TEXTS, JSONS, max_size=3),
)


@given(value=OUTERS)
def test_given_any_value_when_stored_and_read_then_it_is_the_same_and_plain_ascii(value: Outer) -> None:
    text = to_document(value)
    assert text.isascii()
    assert from_document(Outer, text) == value


def test_given_defaults_when_stored_then_they_take_no_room_and_are_there_again() -> None:
    assert to_document(Outer(text="x")) == '{"text":"x"}'
    assert from_document(Outer, '{"text":"x"}') == Outer(text="x")


def test_given_the_nouns_of_jobs_when_stored_and_read_then_they_are_the_same() -> None:
    job = replace(a_job(), other={"a": [1, 2.5, None, {"b": "c"}]})
    assert from_document(Job, to_document(job)) == job
    execution = an_execution(job, backoff_s=2.0)
    assert from_document(Execution, to_document(execution)) == execution


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"text":1}',
        '{"text":null}',
        "{}",
        '{"text":"x","count":"1"}',
        '{"text":"x","count":true}',
        '{"text":"x","flag":0}',
        '{"text":"x","unknown":1}',
        '{"text":"x","inner":{"colour":"green"}}',
        '{"text":"x","inner":[]}',
        '{"text":"x","many":{}}',
        '{"text":"x","many":"ab"}',
        '{"text":"x","pair":["a"]}',
        '{"text":"x","words":["a"]}',
        '{"text":"x","octets":"?"}',
        '{"text":"x","octets":1}',
        '{"text":"x"',
    ],
)
def test_given_a_document_that_does_not_fit_when_read_then_the_store_is_called_corrupt(text: str) -> None:
    with pytest.raises(CorruptStore, match="Outer"):
        from_document(Outer, text)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_given_a_number_that_json_has_not_when_stored_then_it_is_refused(value: float) -> None:
    with pytest.raises(CorruptStore, match="Inner"):
        to_document(Inner(number=value))


def test_given_a_value_without_a_place_when_stored_then_it_is_refused() -> None:
    with pytest.raises(CorruptStore, match="set"):
        to_document(replace(Outer(text=""), anything={"a": {1, 2}}))
    json.loads(to_document(Outer(text="")))


def test_given_named_queries_when_read_then_each_has_a_statement_without_its_comments() -> None:
    for room in ("jobs", "operations", "outbox", "changes"):
        for name, statement in queries(room).items():
            assert statement, name
            assert "--" not in statement
            assert not statement.endswith(";")
