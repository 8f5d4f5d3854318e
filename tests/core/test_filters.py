"""The filters and orders of lists: one table of what matches, one of what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.filters import Field, Fields, FieldType, Order, TextMap, filter_from_text, orders_from_text, sort
from hakobune.core.logs import limits


@dataclass
class Item:
    id: str = "blue-whale"
    state: str = "FAILED"
    start_s: float | None = 1_700_000_000.25  # 2023-11-14T22:13:20.25Z
    duration_s: float | None = 3.5
    number: int = 7
    is_big: bool = True
    steps: tuple[str, ...] = ("read", "write")
    labels: dict[str, str] = field(default_factory=lambda: {"team": "art", "a.b": "c"})


FIELDS: Fields[Item] = {
    "executionId": Field(type=FieldType.TEXT, values=lambda item: (item.id,)),
    "state": Field(type=FieldType.CHOICE, values=lambda item: (item.state,), names=frozenset({"FAILED", "SUCCEEDED"})),
    "startTime": Field(type=FieldType.INSTANT, values=lambda item: () if item.start_s is None else (item.start_s,)),
    "duration": Field(
        type=FieldType.DURATION, values=lambda item: () if item.duration_s is None else (item.duration_s,)
    ),
    "number": Field(type=FieldType.INTEGER, values=lambda item: (item.number,)),
    "isBig": Field(type=FieldType.FLAG, values=lambda item: (item.is_big,)),
    "stepName": Field(type=FieldType.TEXT, values=lambda item: item.steps),
    "label": TextMap(texts=lambda item: item.labels),
}
UNSET = Item(start_s=None, duration_s=None, steps=(), labels={})


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('state="FAILED"', True),
        ("state=FAILED", True),
        ("state:FAILED", True),
        ("state!=FAILED", False),
        ("state = SUCCEEDED", False),
        ('startTime>"2023-08-01" AND state="FAILED"', True),
        ('startTime > "2023-08-01" state = "FAILED"', True),
        ('start_time<"2023-08-01"', False),
        ('startTime="2023-11-14T22:13:20.250Z"', True),
        ('startTime>="2023-11-15T07:13:20.25+09:00"', True),
        ('startTime<="2023-11-14T22:13:20.249Z"', False),
        ("duration>3s", True),
        ("duration=3.5s", True),
        ("duration>3.5s", False),
        ("duration>-1s", True),
        ("number>=7", True),
        ("number<7", False),
        ("number!=-7", True),
        ("isBig=true", True),
        ("isBig=false", False),
        ("is_big!=false", True),
        ('executionId="blue-whale"', True),
        ('executionId="blue"', False),
        ('executionId:"blue"', True),
        ('executionId="blue*"', True),
        ('executionId="*whale"', True),
        ('executionId="b*e-w*e"', True),
        ('executionId="b*x*e"', False),
        ('executionId="blue-whale*whale"', False),
        ('executionId!="blue-whale"', False),
        ('executionId!="other"', True),
        ('executionId>"blue"', True),
        ("executionId=*", True),
        ("stepName=write", True),
        ("stepName=none", False),
        ("stepName!=write", False),
        ('label:"team:art"', True),
        ('label:"team:music"', False),
        ('label:"team"', True),
        ('label:"none"', False),
        ("label.team=art", True),
        ("label.team!=art", False),
        ("label.team:*", True),
        ("label.none!=art", False),
        ('label."a.b"=c', True),
        ("label:*", True),
        ("NOT state=FAILED", False),
        ("-state=FAILED", False),
        ("NOT -state=FAILED", True),
        ("state=SUCCEEDED OR number=7", True),
        ("state=SUCCEEDED OR number=8", False),
        # OR binds tighter than AND.
        ("state=FAILED OR state=FAILED AND number=8", False),
        ("state=FAILED OR (state=FAILED AND number=8)", True),
        ("startTime:*", True),
        ("NOT startTime:*", False),
    ],
)
def test_given_an_item_then_a_filter_matches_or_not(text: str, matches: bool) -> None:
    found = filter_from_text(text, FIELDS)
    assert found is not None
    assert found.matches(Item()) is matches


@pytest.mark.parametrize(
    "text",
    [
        'startTime>"2000-01-01"',
        'startTime!="2000-01-01"',
        "startTime:*",
        "duration<1s",
        "stepName!=x",
        "stepName:*",
        "label:*",
        "label.team=art",
        "label.team:*",
    ],
)
def test_given_a_field_without_a_value_then_no_comparison_matches(text: str) -> None:
    found = filter_from_text(text, FIELDS)
    assert found is not None
    assert not found.matches(UNSET)


@pytest.mark.parametrize("text", ["", "   ", "-- a comment"])
def test_given_nothing_then_there_is_no_filter(text: str) -> None:
    assert filter_from_text(text, FIELDS) is None


def test_given_a_filter_then_it_says_at_which_fields_it_looks() -> None:
    found = filter_from_text("start_time:* OR (stepName=x AND NOT label.a=b)", FIELDS)
    assert found is not None
    assert found.fields == {"startTime", "stepName", "label"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("state=GONE", "'GONE' is not one of a few names: FAILED, SUCCEEDED (column 7)"),
        ("state>FAILED", "'>' cannot compare one of a few names"),
        ("isBig>true", "'>' cannot compare true or false"),
        ("isBig=yes", "'yes' is not true or false"),
        ("startTime>yesterday", "'yesterday' is not a timestamp"),
        ("startTime>9999999", "is not a timestamp"),
        ('startTime>"0000-01-01"', "is not a timestamp"),
        ("duration>3", 'is not a duration such as "3.5s"'),
        ("number=1.5", "is not a whole number"),
        ("number=99999999999999999999", "is not a whole number"),
        ("nothing=1", "unknown field 'nothing', want one of duration, "),
        ("state", "an operator is missing"),
        ("state=~FAILED", "an operator is missing"),
        ("state=", "a value is missing after the operator (column 7)"),
        ("state=AND", "a value is missing"),
        ("state=(FAILED OR SUCCEEDED)", "a value is missing"),
        ("AND state=FAILED", "the name of a field is missing (column 1)"),
        ("state=FAILED AND", "the name of a field is missing"),
        ("state=FAILED OR", "the name of a field is missing"),
        ('"FAILED"', "the name of a field is missing"),
        ("(state=FAILED", "a parenthesis is not closed (column 1)"),
        ("state=FAILED)", "unexpected ')'"),
        ("state.x=FAILED", "state has no fields of its own"),
        ("label.=x", "a name is missing behind the dot"),
        ("label=x", 'a map is asked with ":"'),
        ("label.team>x", "'>' cannot compare texts of a map"),
        ("state=FAILED, number=1", "unexpected ','"),
        ("state='FAILED", "a quoted text does not end"),
        ("(" * 60 + "state=FAILED" + ")" * 60, f"nested deeper than {limits.QUERY_DEPTH_MAX} levels"),
        ("NOT " * 60 + "state=FAILED", f"nested deeper than {limits.QUERY_DEPTH_MAX} levels"),
        ("number=1 " * 51, "more than 50 terms"),
        ("x" * (limits.QUERY_MAX_CHARS + 1), f"at most {limits.QUERY_MAX_CHARS} characters"),
    ],
)
def test_given_a_filter_that_cannot_be_meant_then_it_is_refused_with_its_column(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        filter_from_text(text, FIELDS)
    assert problem in refused.value.message
    assert refused.value.violations[0].field == "filter"


def test_given_orders_then_they_are_read_in_either_spelling() -> None:
    assert orders_from_text("start_time desc, executionId,number  ASC", FIELDS) == (
        Order(field="startTime", is_falling=True),
        Order(field="executionId"),
        Order(field="number"),
    )
    assert orders_from_text(" ", FIELDS) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nothing", "unknown field 'nothing', want one of"),
        ("number up", "'number up' is not a field with asc or desc behind it"),
        ("number desc desc", "is not a field with asc or desc behind it"),
        ("number,,state", "unknown field ''"),
        ("number, number desc", "number is named twice"),
    ],
)
def test_given_an_order_that_cannot_be_meant_then_it_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        orders_from_text(text, FIELDS)
    assert problem in refused.value.message
    assert refused.value.violations[0].field == "order_by"


def test_given_items_when_sorted_then_the_first_order_counts_most_and_unset_values_come_first() -> None:
    items = [Item(id="a", number=1), Item(id="b", number=2), Item(id="c", number=1), Item(id="d", start_s=None)]
    sort(items, orders_from_text("number, executionId desc", FIELDS), FIELDS)
    assert [item.id for item in items] == ["c", "a", "b", "d"]
    sort(items, orders_from_text("startTime", FIELDS), FIELDS)
    assert [item.id for item in items] == ["d", "c", "a", "b"]
    sort(items, orders_from_text("startTime desc", FIELDS), FIELDS)
    assert items[-1].id == "d"
