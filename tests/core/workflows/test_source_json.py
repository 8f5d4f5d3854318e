"""Sources in JSON: the same tree as YAML, with places, and with errors that speak of JSON."""

import json

import pytest
from test_source import problem_of, read, tree_of

from hakobune.core.workflows.source import read_source
from hakobune.core.workflows.tree import Map, Scalar, Sequence


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": []},
        [[], {}, [{}]],
        {"a": {"b": [1, -2, 2.5, 1e3, True, False, None, "x", ""]}},
        ['"\\/\b\f\n\r\té€😀\u2028'],
        {"k" * 2000: 1, "": 2, "a b": {"c": "${x}"}},
        [9223372036854775807, -9223372036854775808, 0, 1e-7],
    ],
)
@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_given_json_when_it_is_read_then_it_is_the_same_data(
    value: object, indent: int | str | None, is_ascii: bool
) -> None:
    assert read(json.dumps(value, indent=indent, ensure_ascii=is_ascii)) == value
    assert read(" \n" + json.dumps(value, indent=indent, ensure_ascii=is_ascii) + "\n ") == value


def test_given_json_when_it_is_read_then_each_node_has_its_place() -> None:
    tree = tree_of('{\n\t"é": [1,\r\n  "ü"]\n}')
    assert isinstance(tree.root, Map)
    items = tree.root.entries[0].value
    assert isinstance(items, Sequence)
    nodes = [tree.root, tree.root.entries[0].key_node, items, *items.items]
    places = [tree.position_of(node) for node in nodes]
    assert [(place.line, place.column) for place in places] == [(1, 1), (2, 2), (2, 7), (2, 8), (3, 3)]
    assert [place.length for place in places[1:2] + places[3:]] == [4, 1, 4]
    text = items.items[1]
    assert isinstance(text, Scalar)
    assert tree.position_in(text, 0).column == 4


@pytest.mark.parametrize(
    ("source", "place", "words"),
    [
        ('{"a": 1 "b": 2}', (1, 9), "expected ',' or '}'"),
        ('{"a": 1,\n "b" 2}', (2, 6), "expected ':'"),
        ('{"a": [1, 2}', (1, 12), "expected ',' or ']'"),
        ('{"a": [1,\n 2}', (2, 3), "expected ',' or ']'"),
        ('{"a": {"b": 1}', (1, 1), "'{' is never closed"),
        ('{"a": "x\n y"', (1, 7), "not closed on its line"),
        ('{"a": "x\\q}', (1, 7), "not closed"),
        ('{"a": "x\\q"', (1, 9), "no escape of JSON"),
        ('{"a": "\\ud800"', (1, 8), "no escape of JSON"),
        ('{"a": "\\u12"', (1, 8), "no escape of JSON"),
        ('{"a": tru@}]', (1, 7), "expected a value"),
        ('{"a": 1}}', (1, 9), "behind the end"),
        ('{"a": }]', (1, 7), "expected a value"),
        ('{"a": ', (1, 7), "the end of the source"),
        ('{"a": 1, 5: @}', (1, 10), "expected a key in double quotes"),
        ('[{"a": 1},, ]]', (1, 11), "expected a value"),
    ],
)
def test_given_broken_json_when_it_is_read_then_the_problem_says_where_and_what_json_wants(
    source: str, place: tuple[int, int], words: str
) -> None:
    problem = problem_of(source)
    assert problem.rule == "json"
    assert words in problem.message
    assert (problem.position.line, problem.position.column) == place


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{a: 1}", {"a": 1}),
        ("{'a': yes, b: ${c}}", {"a": "yes", "b": "${c}"}),
        ('{"a": 1,}', {"a": 1}),
        ('["a", ]', ["a"]),
        ('{"a": 1} # comment', {"a": 1}),
        ('{"a": 010}', {"a": 10}),
        ("{}\n", {}),
    ],
)
def test_given_yaml_that_begins_like_json_when_it_is_read_then_it_is_yaml(source: str, value: object) -> None:
    assert read(source) == value


def test_given_broken_yaml_that_is_no_json_either_when_it_is_read_then_the_problem_is_that_of_yaml() -> None:
    assert problem_of("{a: 1").rule == "yaml"


def test_given_an_integer_beyond_64_bits_in_json_when_it_is_read_then_it_is_a_problem() -> None:
    _, [problem] = read_source('{"a": 9223372036854775808}')
    assert problem.rule == "number"
    assert problem.position.column == 7
