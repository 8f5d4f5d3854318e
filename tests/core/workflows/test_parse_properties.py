"""Whatever is read: the same program from YAML and JSON, and never anything but a program or problems."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_parse import shape
from test_source import data_of

from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.protection import expression_end, spans_to_cover
from hakobune.core.workflows.source import SourceOptions, read_source

NASTY = st.text(alphabet="ab${}\"' :#,[]|>-?&*!%@\\\n\té😀", max_size=20)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    NASTY,
    st.sampled_from(
        ["${a}", '${a + " # b"}', '${"a: " + b}', "${if(a, {}, [])}", "<<", "yes", "010", "1:30", "null", ""]
    ),
)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY, inner, max_size=4), max_leaves=12
)


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, as data that is read has none."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(value: object, flow: bool | None, style: str | None, width: int) -> str:
    """YAML 1.2 as a dumper for 1.1 writes it, except floats without a point, which 1.1 spells differently."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=flow,
        default_style=style,
        width=width,
        allow_unicode=True,
        sort_keys=False,
    )


@given(
    DATA.filter(lambda value: value not in ("", None)), st.sampled_from([True, False, None]), st.sampled_from([10, 80])
)
@settings(max_examples=300)
def test_whatever_data_is_dumped_as_yaml_is_read_as_it_was(value: object, flow: bool | None, width: int) -> None:
    text = _dump({"k": value}, flow, None, width)
    assume(
        "\\\\\n" not in re.sub(" +", "", text)
    )  # PyYAML folds a break before a blank so that it reads as a backslash
    tree, problems = read_source(text)
    assert problems == []
    assert tree is not None
    assert data_of(tree.root) == {"k": value}


@given(DATA, st.sampled_from([None, 1, "\t"]), st.booleans())
@settings(max_examples=200)
def test_whatever_data_is_dumped_as_json_is_read_as_it_was(
    value: object, indent: int | str | None, is_ascii: bool
) -> None:
    tree, problems = read_source(json.dumps([value], indent=indent, ensure_ascii=is_ascii))
    assert problems == []
    assert tree is not None
    assert data_of(tree.root) == [value]


# -- programs ---------------------------------------------------------------------------------------------------------

EXPRESSIONS = st.sampled_from(["${a}", '${"x: " + a}', "${a[0].b}", '${f({"k": 1})}', "${1 + 2}", '${a + " # "}'])
VALUES = st.recursive(
    st.one_of(SCALARS, EXPRESSIONS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "l", "${m}"]), inner, max_size=2),
    max_leaves=5,
)
TARGETS = st.sampled_from(["x", "x.y", 'x["k"]', "x[i + 1]"])
SIMPLE_BODIES = st.one_of(
    st.fixed_dictionaries({"return": VALUES}),
    st.fixed_dictionaries({"raise": VALUES}),
    st.fixed_dictionaries({"next": st.sampled_from(["end", "s0"])}),
    st.fixed_dictionaries(
        {"assign": st.lists(st.dictionaries(TARGETS, VALUES, min_size=1, max_size=1), min_size=1, max_size=3)}
    ),
    st.fixed_dictionaries(
        {"call": st.just("http.get"), "args": st.dictionaries(st.sampled_from(["url", "body"]), VALUES)},
        optional={"result": TARGETS, "next": st.just("end")},
    ),
)


def _named(bodies: list[dict[str, Any]], counter: list[int]) -> list[dict[str, Any]]:
    """Steps with names that nothing else has."""
    steps = []
    for body in bodies:
        counter[0] += 1
        steps.append({f"s{counter[0]}": body})
    return steps


@st.composite
def bodies(draw: st.DrawFn, counter: list[int], depth: int) -> dict[str, Any]:
    if depth == 0:
        return draw(SIMPLE_BODIES)
    kind = draw(st.sampled_from(["simple", "steps", "switch", "for", "parallel", "try"]))
    if kind == "simple":
        return draw(SIMPLE_BODIES)

    def steps() -> list[dict[str, Any]]:
        count = draw(st.integers(1, 2))
        return _named([draw(bodies(counter, depth - 1)) for _ in range(count)], counter)

    loop = {"value": "v", "in": draw(st.one_of(EXPRESSIONS, st.lists(VALUES, max_size=2)))}
    match kind:
        case "steps":
            return {"steps": steps()}
        case "switch":
            return {
                "switch": [
                    {"condition": draw(EXPRESSIONS), "steps": steps()},
                    {"condition": True, **draw(SIMPLE_BODIES)},
                ]
            }
        case "for":
            return {"for": {**loop, "steps": steps()}}
        case "parallel":
            branches = _named([{"steps": steps()} for _ in range(2)], counter)
            return {"parallel": {"shared": ["x"], "branches": branches}}
        case _:
            return {"try": {"steps": steps()}, "retry": draw(EXPRESSIONS), "except": {"as": "e", "steps": steps()}}


@st.composite
def definitions(draw: st.DrawFn) -> object:
    counter = [0]
    steps = _named([draw(bodies(counter, 2)) for _ in range(draw(st.integers(1, 3)))], counter)
    if draw(st.booleans()):
        return steps
    return {"main": {"params": ["args"], "steps": steps}, "sub": {"params": ["p", {"q": draw(VALUES)}], "steps": steps}}


@given(definitions(), st.sampled_from([True, False, None]), st.sampled_from([20, 80]))
@settings(max_examples=60)
def test_whatever_definition_is_written_in_yaml_and_in_json_gives_the_same_program(
    definition: object, flow: bool | None, width: int
) -> None:
    from_json, json_problems = parse_source(json.dumps(definition))
    text = _dump(definition, flow, None, width)
    assume(yaml.safe_load(text) == definition)  # PyYAML's writer breaks some long texts, as `":\n :"`, when width is 20
    from_yaml, yaml_problems = parse_source(text)
    assert [(problem.rule, problem.step) for problem in json_problems] == [
        (problem.rule, problem.step) for problem in yaml_problems
    ]
    assert shape(from_json) == shape(from_yaml)


# -- anything ---------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_whatever_bytes_are_read_there_is_a_program_or_an_error(source: bytes) -> None:
    program, problems = parse_source(source)
    assert (program is None) == any(problem.severity.value == "error" for problem in problems)


SOUP = st.lists(
    st.sampled_from(
        [
            *"abk:-?#&*!|>'\"%@`{}[],.$\\ \n\t0",
            *[
                "\n  ",
                "\n    ",
                "- ",
                ": ",
                "${",
                "}",
                "${a}",
                " #",
                "main:",
                "steps:",
                "return:",
                "|\n",
                "\r\n",
                "---\n",
                "é",
                "&a ",
                "*a",
            ],
        ]
    ),
    max_size=40,
).map("".join)


@given(SOUP, st.booleans())
@settings(max_examples=600)
def test_whatever_text_is_read_there_is_a_tree_or_problems_with_places_in_it(source: str, is_flow: bool) -> None:
    text = f"a: [{source}]\n" if is_flow else source
    tree, problems = read_source(text, SourceOptions(warns_plain_yaml=True))
    assert tree is not None or problems
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in problems:
        assert 1 <= problem.position.line <= len(lines)
        assert 1 <= problem.position.column <= len(lines[problem.position.line - 1]) + 2
    parse_source(text)


@given(SOUP)
@settings(max_examples=200)
def test_whatever_yaml_loads_without_expressions_is_not_changed_by_their_protection(source: str) -> None:
    text = source
    while "${" in text:  # taking one out may make another
        text = text.replace("${", "$")
    assert spans_to_cover(text) == ()


@given(SOUP)
@settings(max_examples=400)
def test_whatever_is_covered_is_a_whole_expression_and_none_covers_another(source: str) -> None:
    spans = spans_to_cover(source)
    assert all(expression_end(source, span.start) == span.end for span in spans)
    assert all(first.end <= second.start for first, second in pairwise(spans))


@pytest.mark.parametrize("size", [1, 3])
def test_given_a_cut_definition_when_parsed_then_there_is_always_an_answer(size: int) -> None:
    source = "main:\n  steps:\n    - a:\n        call: f\n        args: {x: ${\"a: \" + b}, y: [1, 'z']}\n        result: r\n"
    for end in range(0, len(source), size):
        program, problems = parse_source(source[:end])
        assert program is not None or problems
