"""How differences are found and told, and what a JSON merge patch of them is."""

from __future__ import annotations

import pytest

from hakobune.cli.apply.bucket_kind import merge_patch
from hakobune.cli.apply.difference import changes, leaves


def lines(before: object, after: object) -> list[str]:
    return [line for change in changes(before, after) for line in change.lines()]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": {"c": "x"}}, {"a": 2, "b": {"c": "y"}}, ["a: 1 → 2", "b.c: x → y"]),
        ({}, {"a": True}, ["a: true"]),
        ({"a": {"b": 1}}, {}, ['a: {"b": 1} → nothing']),
        ({"a": ""}, {"a": " x"}, ['a: "" → " x"']),
        ({"run.dev/x": "1"}, {"run.dev/x": "2"}, ["['run.dev/x']: 1 → 2"]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, ["a[1]: 2 → 3", "a[2]: 4"]),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"env": [{"name": "B", "value": "3"}]},
            ['env[A]: {"name": "A", "value": "1"} → nothing', "env[B].value: 2 → 3"],
        ),
        (
            {"env": [{"name": "A"}, {"name": "B"}]},
            {"env": [{"name": "B"}, {"name": "A"}]},
            ['env: ["A", "B"] → ["B", "A"]'],
        ),
        ({"a": "x" * 200}, {"a": "y"}, [f"a: {'x' * 120}… → y"]),
    ],
)
def test_each_field_that_differs_is_told_once(before: object, after: object, told: list[str]) -> None:
    assert lines(before, after) == told


def test_a_long_text_is_told_by_the_lines_that_differ_and_is_cut() -> None:
    before = "".join(f"line {number}\n" for number in range(100))
    assert lines({"s": before}, {"s": before.replace("line 50\n", "line fifty\n")}) == [
        "s:",
        "  @@ -50,3 +50,3 @@",
        "   line 49",
        "  -line 50",
        "  +line fifty",
        "   line 51",
    ]
    assert lines({"s": before}, {"s": before.replace("line", "row")})[-1] == "  … and 161 more lines"


def test_of_what_is_new_all_fields_are_told() -> None:
    found = {"a": {"b": 1, "c": {}}, "env": [{"name": "A", "value": "x"}], "args": ["a", "b"], "s": "1\n2\n", "n": None}
    assert [line for change in leaves(found) for line in change.lines()] == [
        "a.b: 1",
        "env[A].value: x",
        'args: ["a", "b"]',
        "s: 2 lines",
    ]


def test_a_merge_patch_makes_the_one_of_the_other() -> None:
    before = {"labels": {"a": "1", "b": "2"}, "cors": [1], "versioning": {"enabled": True}}
    after = {"labels": {"b": "3", "c": "4"}, "cors": [2], "website": {"x": 1}}
    assert merge_patch(before, after) == {
        "labels": {"a": None, "b": "3", "c": "4"},
        "cors": [2],
        "versioning": None,
        "website": {"x": 1},
    }
    assert merge_patch(after, after) == {}
