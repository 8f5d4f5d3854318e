"""Ways through a tree: calls, names, and trees made anew."""

from __future__ import annotations

import pytest

from hakobune.core.workflows.expr.grammar import parse_expression
from hakobune.core.workflows.expr.nodes import CallOf, Expression, Held
from hakobune.core.workflows.expr.walk import (
    calls,
    contains_call,
    dotted_path,
    height,
    names_read,
    nodes,
    paths_read,
    rebuilt,
)

EVERYTHING = 'f(a.b, not g(c[h(d)])) + -e * len([i, {"k": j(k)}]) == null or l and 1'


def test_given_calls_inside_calls_when_listed_then_outer_ones_come_first() -> None:
    tree = parse_expression(EVERYTHING)
    assert [call.path for call in calls(tree)] == ["f", "g", "h", "len", "j"]
    assert contains_call(tree, lambda call: call.path == "j")
    assert not contains_call(tree, lambda call: call.path == "a")


def test_given_names_when_listed_then_functions_of_calls_are_not_among_them() -> None:
    assert [name.name for name in names_read(parse_expression(EVERYTHING))] == list("acdeikl")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a.b.c", ["a.b.c"]),
        ("a.b[0].c", ["a.b"]),
        ('"x" in e.tags', ["e.tags"]),
        ("f(a.b, c)", ["a.b", "c"]),
        ("f(1).x", []),
        ("a[b.c].d", ["a", "b.c"]),
    ],
)
def test_given_members_when_listed_then_the_longest_dotted_paths_come(text: str, paths: list[str]) -> None:
    tree = parse_expression(text)
    assert [path for _, path in paths_read(tree)] == paths
    assert [name.name for name, _ in paths_read(tree)] == [path.partition(".")[0] for path in paths]


def test_given_a_tree_when_something_else_than_members_is_in_it_then_it_has_no_path() -> None:
    assert dotted_path(parse_expression("a.b")) == "a.b"
    assert dotted_path(parse_expression("a.b[0].c")) is None
    assert dotted_path(parse_expression("1")) is None


def test_given_a_tree_when_measured_then_the_longest_way_down_counts() -> None:
    assert height(parse_expression("1")) == 1
    assert height(parse_expression("a.b + c[1 + 2]")) == 4


def test_given_calls_when_replaced_then_inner_ones_come_first_and_the_rest_stays() -> None:
    seen: list[str] = []

    def held(node: Expression) -> Expression:
        if not isinstance(node, CallOf):
            return node
        seen.append(node.path)
        return Held(len(seen))

    tree = rebuilt(parse_expression(EVERYTHING), held)
    assert seen == ["h", "g", "f", "j", "len"]
    assert not list(calls(tree))
    assert sum(isinstance(node, Held) for node in nodes(tree)) == 2


def test_given_a_part_that_changes_when_rebuilt_then_every_kind_of_node_around_it_is_new() -> None:
    for text in ("f().a", "f()[1]", "x[f()]", "not f()", "-f()", "f() + 1", "1 and f()", "[1, f()]", '{"a": f()}'):
        tree = parse_expression(text)
        changed = rebuilt(tree, lambda node: parse_expression("y") if isinstance(node, CallOf) else node)
        assert changed != tree
        assert [name.name for name in names_read(changed)][-1] == "y"
        assert list(calls(tree))


def test_given_no_calls_when_replaced_then_the_same_tree_comes_back() -> None:
    tree = parse_expression("a + [1, {b: -c.d}]")
    assert rebuilt(tree, lambda node: Held(0) if isinstance(node, CallOf) else node) is tree
