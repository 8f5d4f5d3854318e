"""Programs as graphs: what follows what, and where it stands."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.core.workflows.graph import Edge, EdgeKind, Frame, FrameKind, Graph, Node, NodeKind, Row, Stack, nodes_of
from hakobune.core.workflows.graph_builder import graph_of
from hakobune.core.workflows.graph_layout import Box, Layout, lay_out, placed_frames, placed_nodes
from hakobune.core.workflows.graph_mermaid import to_mermaid
from hakobune.core.workflows.graph_svg import to_svg
from hakobune.core.workflows.parse import parse_source


def a_graph(source: str) -> Graph:
    program, problems = parse_source(source)
    assert program is not None, problems
    return graph_of(program)


def steps(text: str) -> Graph:
    """The graph of a `main` with these steps, written at the margin."""
    return a_graph("main:\n  steps:\n" + "".join(f"    {line}\n" for line in text.strip("\n").splitlines()))


def names(graph: Graph) -> dict[str, str]:
    """Node id → what a person would call it: its first line, `*` for a point."""
    return {node.id: node.lines[0] if node.lines else "*" for routine in graph.routines for node in nodes_of(routine)}


def edges(graph: Graph) -> list[str]:
    """`a -> b`, with the kind where it is not the plain flow, and the label."""
    called = names(graph)
    found: list[str] = []
    for edge in graph.edges:
        arrow = "->" if edge.kind is EdgeKind.FLOW else f"-{edge.kind}->"
        found.append(
            f"{called[edge.source]} {arrow} {called[edge.target]}" + (f" [{edge.label}]" if edge.label else "")
        )
    return sorted(found)


# -- what follows what --------------------------------------------------------------------------------------------


def test_given_steps_then_each_follows_the_one_before_and_the_last_one_ends() -> None:
    assert edges(steps("- a: {assign: [{x: 1}]}\n- b: {call: sys.log, args: {data: 1}}")) == [
        "a -> b", "b -> end", "start -> a",
    ]  # fmt: skip


def test_given_a_return_or_a_raise_then_nothing_follows() -> None:
    graph = steps("- a: {return: 1}\n- b: {raise: x}")
    assert edges(graph) == ["start -> a"]
    assert [node.kind for node in nodes_of(graph.routines[0])] == [NodeKind.START, NodeKind.RETURN, NodeKind.RAISE]


def test_given_next_then_the_way_leads_there() -> None:
    text = "- a: {assign: [{x: 1}], next: c}\n- b: {next: end}\n- c: {assign: [{x: 2}], next: b}"
    assert edges(steps(text)) == ["a -jump-> c", "b -> end", "c -jump-> b", "start -> a"]


def test_given_next_to_the_step_below_then_it_is_the_plain_way() -> None:
    assert edges(steps("- a: {assign: [{x: 1}], next: b}\n- b: {return: 1}")) == ["a -> b", "start -> a"]


def test_given_a_switch_then_each_case_has_its_condition_and_the_rest_goes_on() -> None:
    text = """
- s:
    switch:
      - condition: ${x > 1}
        steps:
          - one: {assign: [{y: 1}]}
      - condition: ${x > 2}
        next: far
      - condition: ${x > 3}
        return: 3
      - condition: ${x > 4}
        next: end
- near: {return: 1}
- far: {return: 2}
"""
    assert edges(steps(text)) == [
        "* -> near",
        "one -> near",
        "s -> * [otherwise]",
        "s -> end [x > 4]",
        "s -> one [x > 1]",
        "s -> return 3 [x > 3]",
        "s -jump-> far [x > 2]",
        "start -> s",
    ]


def test_given_a_case_that_always_holds_then_there_is_no_otherwise() -> None:
    text = "- s:\n    switch:\n      - {condition: true, next: b}\n- a: {return: 1}\n- b: {return: 2}"
    assert edges(steps(text)) == ["s -jump-> b [true]", "start -> s"]


def test_given_cases_that_only_go_on_then_their_labels_share_a_way() -> None:
    text = "- s:\n    switch:\n      - {condition: '${x}', next: a}\n- a: {return: 1}"
    assert edges(steps(text)) == ["s -> a [x / otherwise]", "start -> s"]


def test_given_a_loop_then_its_body_leads_back_and_past_it_lies_what_follows() -> None:
    text = """
- l:
    for:
      value: i
      range: [1, 3]
      steps:
        - s:
            switch:
              - {condition: '${i == 1}', next: continue}
              - {condition: '${i == 2}', next: break}
        - a: {assign: [{x: 1}]}
- r: {return: 1}
"""
    assert edges(steps(text)) == [
        "* -> r",
        "a -back-> l",
        "l -> s",
        "l -skip-> *",
        "s -> a [otherwise]",
        "s -back-> l [i == 1]",
        "s -jump-> * [i == 2]",
        "start -> l",
    ]


def test_given_branches_then_they_part_and_meet() -> None:
    text = """
- p:
    parallel:
      shared: [x]
      branches:
        - left:
            steps:
              - a: {assign: [{x: 1}]}
        - right:
            steps:
              - b: {assign: [{x: 2}]}
"""
    graph = steps(text)
    assert edges(graph) == ["* -> end", "a -> *", "b -> *", "p -> a", "p -> b", "start -> p"]
    titles = [box.block.title for box in lay_out(graph).boxes if isinstance(box.block, Frame)]
    assert titles == ["main()", "left", "right"]


def test_given_a_parallel_loop_then_its_iterations_meet_and_do_not_lead_back() -> None:
    text = "- p:\n    parallel:\n      for:\n        value: v\n        in: [1]\n        steps:\n          - a: {assign: [{x: 1}]}"
    assert edges(steps(text)) == ["* -> end", "a -> *", "p -> a", "start -> p"]


def test_given_a_try_then_errors_and_raises_lead_to_except() -> None:
    text = """
- t:
    try:
      steps:
        - a: {call: http.get, args: {url: "http://x"}}
        - b: {raise: oh}
    retry: ${http.default_retry}
    except:
      as: e
      steps:
        - c: {raise: "${e}"}
        - d: {return: 1}
"""
    graph = steps(text)
    assert edges(graph) == ["a -> b", "b -error-> c", "start -> t", "t -> a", "t -error-> c [on an error]"]
    kinds = [frame.kind for frame, _ in placed_frames(lay_out(graph).boxes)]
    assert kinds == [FrameKind.ROUTINE, FrameKind.TRY, FrameKind.EXCEPT]


def test_given_nested_steps_then_they_have_a_frame_and_jumps_to_it_reach_its_first_step() -> None:
    text = "- g:\n    steps:\n      - a: {assign: [{x: 1}]}\n- b: {next: g}"
    graph = steps(text)
    assert edges(graph) == ["a -> b", "b -jump-> a", "start -> a"]
    assert [frame.title for frame, _ in placed_frames(lay_out(graph).boxes)] == ["main()", "g"]


def test_given_subworkflows_then_main_is_first_and_calls_name_them() -> None:
    source = "sub:\n  params: [x, y: 1]\n  steps:\n    - r: {return: 1}\nmain:\n  steps:\n    - c: {call: sub, args: {x: 1}}\n"
    graph = a_graph(source)
    assert [routine.title for routine in graph.routines] == ["main()", "sub(x, y)"]
    assert [node.calls for node in nodes_of(graph.routines[0])] == ["", "sub", ""]
    assert "-.->|calls|" in to_mermaid(graph)
    assert '<a href="#routine-sub">' in to_svg(graph)
    assert 'id="routine-sub"' in to_svg(graph)


# -- Mermaid ------------------------------------------------------------------------------------------------------


def test_given_texts_with_marks_of_mermaid_then_they_are_written_as_entities() -> None:
    text = to_mermaid(steps("- a: {return: '<b>\"#;|`'}"))
    assert "return #quot;#lt;b#gt;#92;#quot;#35;;#124;#96;#quot;" in text
    assert text.endswith("\n")


def test_given_a_graph_then_mermaid_opens_and_closes_each_frame_and_names_each_node_once() -> None:
    text = to_mermaid(steps("- g:\n    steps:\n      - a: {assign: [{x: 1}]}\n- b: {raise: x}"))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "flowchart TD"
    assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end") == 2
    assert [line for line in lines if line.startswith("class ")] == ["class r0n3 error"]


# -- places -------------------------------------------------------------------------------------------------------


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.w and other.x < one.x + one.w and one.y < other.y + other.h and other.y < one.y + one.h
    )


def _is_within(inner: Box, outer: Box) -> bool:
    fuzz = 0.01
    return (
        inner.x >= outer.x - fuzz
        and inner.y >= outer.y - fuzz
        and inner.x + inner.w <= outer.x + outer.w + fuzz
        and inner.y + inner.h <= outer.y + outer.h + fuzz
    )


def check_places(layout: Layout) -> None:
    """No node covers another one, each stands within its frame, and ways begin and end at their nodes."""
    nodes = {node.id: box for node, box in placed_nodes(layout.boxes)}
    for one, other in combinations(nodes.values(), 2):
        assert not _overlap(one, other), (one.block, other.block)
    for box in layout.boxes:
        if box.parent is not None:
            assert _is_within(box, box.parent), (box.block, box.parent.block)
        assert box.x >= 0
        assert box.x + box.w <= layout.w
        assert box.y + box.h <= layout.h
    for way in layout.ways:
        source, target = nodes[way.edge.source], nodes[way.edge.target]
        (start_x, start_y), *_, (end_x, end_y) = way.points
        assert source.x <= start_x <= source.x + source.w
        assert source.y <= start_y <= source.y + source.h
        assert target.x <= end_x <= target.x + target.w
        assert target.y <= end_y <= target.y + target.h
        if way.is_curved:
            heights = [y for _, y in way.points]
            assert heights == sorted(heights)


@st.composite
def definitions(draw: st.DrawFn) -> str:
    """Definitions of all kinds of steps within one another, with jumps to any of them."""
    count = 0

    def block(depth: int) -> list[dict[str, object]]:
        nonlocal count
        found: list[dict[str, object]] = []
        for _ in range(draw(st.integers(1, 3))):
            count += 1
            name = f"s{count}"
            found.append({name: body(draw(st.sampled_from(LEAVES if depth == 0 else LEAVES + BLOCKS)), depth - 1)})
        return found

    def body(kind: str, depth: int) -> dict[str, object]:
        found = parts(kind, depth)
        if kind not in ("return", "raise") and draw(st.booleans()):
            found["next"] = draw(TARGETS)
        return found

    def parts(kind: str, depth: int) -> dict[str, object]:
        nonlocal count
        match kind:
            case "switch":
                cases: list[dict[str, object]] = []
                for _ in range(draw(st.integers(1, 3))):
                    inner = draw(st.sampled_from(["next", "return", "steps"]))
                    values = {"next": draw(TARGETS), "return": 1, "steps": block(depth) if inner == "steps" else []}
                    cases.append({"condition": draw(st.sampled_from([True, "${x > 1}"])), inner: values[inner]})
                return {"switch": cases}
            case "for":
                return {"for": {"value": "v", "in": "${l}", "steps": block(depth)}}
            case "parallel":
                branches: list[dict[str, object]] = []
                for _ in range(2):
                    count += 1
                    branches.append({f"b{count}": {"steps": block(depth)}})
                return {"parallel": {"branches": branches}}
            case "each":
                return {"parallel": {"for": {"value": "v", "in": "${l}", "steps": block(depth)}}}
            case "try":
                return {"try": {"steps": block(depth)}, "except": {"as": "e", "steps": block(depth)}}
            case "steps":
                return {"steps": block(depth)}
            case _:
                return {
                    "assign": {"assign": [{"x": 1}]},
                    "call": {"call": "sys.log", "args": {"data": 1}},
                    "return": {"return": 1},
                    "raise": {"raise": "x"},
                }[kind]

    return json.dumps({"main": {"steps": block(draw(st.integers(0, 3)))}})


LEAVES = ["assign", "call", "return", "raise"]
BLOCKS = ["switch", "for", "parallel", "each", "try", "steps"]
TARGETS = st.sampled_from(["end", "break", "continue", "s1", "s2", "s3", "s5", "s9"])


@settings(max_examples=150)
@given(definitions())
def test_whatever_is_drawn_is_in_order(source: str) -> None:
    graph = a_graph(source)
    known = {node.id for routine in graph.routines for node in nodes_of(routine)}
    assert all(edge.source in known and edge.target in known for edge in graph.edges)
    check_places(lay_out(graph))
    ET.fromstring(to_svg(graph))
    assert to_mermaid(graph).count("subgraph ") == sum(1 for _ in placed_frames(lay_out(graph).boxes))


def test_given_a_definition_with_everything_then_its_picture_is_in_order() -> None:
    graph = a_graph(EVERYTHING)
    check_places(lay_out(graph))
    ET.fromstring(to_svg(graph))


def test_given_a_jump_down_and_a_jump_up_then_they_run_at_opposite_sides() -> None:
    graph = steps("- a: {assign: [{x: 1}], next: c}\n- b: {return: 1}\n- c: {assign: [{x: 2}], next: b}")
    layout = lay_out(graph)
    nodes = {node.step: box for node, box in placed_nodes(layout.boxes)}
    lanes = {way.edge.source: way.points[1][0] for way in layout.ways if not way.is_curved}
    a, c = nodes["a"].block, nodes["c"].block
    assert isinstance(a, Node)
    assert isinstance(c, Node)
    assert lanes[a.id] > nodes["c"].x + nodes["c"].w
    assert lanes[c.id] < nodes["b"].x


def test_given_a_condition_that_only_jumps_then_the_switch_says_where_to() -> None:
    layout = lay_out(
        steps("- s:\n    switch:\n      - {condition: '${x > 1}', next: b}\n- a: {return: 1}\n- b: {return: 2}")
    )
    box = next(box for node, box in placed_nodes(layout.boxes) if node.kind is NodeKind.SWITCH)
    assert box.lines == ("s", "x > 1 → b")


# -- SVG ----------------------------------------------------------------------------------------------------------


def test_given_texts_with_marks_of_xml_then_they_are_escaped() -> None:
    text = to_svg(steps("- a: {return: '<&>\"\\u0001'}"), title="<t>\x0b")
    root = ET.fromstring(text)
    assert "<t> " in [element.text for element in root.iter() if element.tag.endswith("title")]


def test_given_marks_then_the_nodes_of_these_steps_have_their_classes() -> None:
    text = to_svg(
        steps("- a: {assign: [{x: 1}]}\n- b: {return: 1}"), marks={("main", "a"): "seen", ("main", "b"): "missed"}
    )
    assert '<g class="node assign seen" data-step="main.a">' in text
    assert '<g class="node return missed" data-step="main.b">' in text


def test_given_wide_characters_then_nodes_are_wide_enough() -> None:
    narrow = lay_out(steps("- a: {return: 'aaaaaaaaaaaaaaaaaaaa'}")).w
    wide = lay_out(steps("- a: {return: 'ああああああああああああああああああああ'}")).w
    assert wide > narrow + 100


def test_given_many_routines_then_they_begin_a_new_row_of_the_picture() -> None:
    subs = "".join(f"s{n}:\n  steps:\n    - r: {{return: {n}}}\n" for n in range(40))
    layout = lay_out(a_graph(f"main:\n  steps:\n    - r: {{return: 1}}\n{subs}"))
    check_places(layout)
    assert layout.w < 2_600


@pytest.mark.parametrize("kind", [EdgeKind.FLOW, EdgeKind.ERROR])
def test_given_an_empty_row_then_its_place_can_be_told(kind: EdgeKind) -> None:
    one, other = (
        Node(id=name, kind=NodeKind.TRY, routine="main", step=name, lines=(name,), line=1) for name in ("a", "b")
    )
    frame = Frame(FrameKind.ROUTINE, "main()", Stack((one, Row(()), other)))
    layout = lay_out(Graph(routines=(frame,), edges=(Edge(source="a", target="b", kind=kind),)))
    check_places(layout)


EVERYTHING = """\
main:
  params: [args]
  steps:
    - init:
        assign: [{n: 3}, {a: 1}, {b: 2}, {c: [1]}, {d: {}}, {e: "a text that is much too long for a line of a picture"}]
    - check:
        switch:
          - {condition: "${n > 100}", next: too_many}
          - {condition: "${n == 0}", next: end}
          - condition: ${n < 0}
            steps:
              - complain: {call: sys.log, args: {text: negative}}
              - inner:
                  switch:
                    - condition: ${n < -1}
                      assign: [{n: 2}]
                      next: loop
                    - condition: ${n < -2}
                      call: helper
                      args: {x: 1}
                      result: n
          - {condition: "${n == 7}", return: seven}
    - loop:
        for:
          value: i
          index: k
          in: ${c}
          steps:
            - deeper:
                for:
                  value: j
                  range: ${c}
                  steps:
                    - odd:
                        switch:
                          - {condition: "${j % 2 == 1}", next: continue}
                          - {condition: "${j > 90}", next: break}
                    - add: {assign: [{n: "${n + j}"}]}
    - fetch:
        try:
          steps:
            - get: {call: http.get, args: {url: "https://example.com/x"}, result: r}
            - verify:
                switch:
                  - {condition: "${r.code != 200}", raise: bad code}
        retry: {predicate: "${http.default_retry_predicate}", max_retries: 2,
                backoff: {initial_delay: 1, max_delay: 60, multiplier: 2}}
        except:
          as: e
          steps:
            - known:
                switch:
                  - {condition: "${e.code == 404}", next: finish}
            - unhandled: {raise: "${e}"}
    - both:
        parallel:
          shared: [n]
          concurrency_limit: 2
          branches:
            - left:
                steps:
                  - call_left: {call: helper, args: {x: 1}, result: n}
                  - inner_try: {try: {call: helper, args: {x: 1}}, except: {as: e2, steps: [{noted: {assign: [{n: 1}]}}]}}
            - right:
                steps:
                  - fail: {raise: oh}
    - each:
        parallel:
          for:
            value: v
            in: [1, 2, 3]
            steps:
              - nap: {call: sys.sleep, args: {seconds: 1}}
    - repeat_it:
        switch:
          - {condition: "${n < 10}", next: loop}
        next: finish
    - too_many: {raise: {code: 7}}
    - finish: {return: "${n}"}
helper:
  params: [x, y: 2]
  steps:
    - block:
        steps:
          - one: {assign: [{z: "${x + y}"}]}
          - two: {call: sys.sleep, args: {seconds: 0}}
    - out: {return: "${z}"}
"""
