"""Expressions are kept out of the sight of YAML, and put back where they stood."""

import pytest
from test_source import problem_of, read, tree_of

from hakobune.core.workflows.positions import Severity
from hakobune.core.workflows.protection import WASTE_CHARACTERS_MAX, expression_end, spans_to_cover
from hakobune.core.workflows.source import SourceOptions, read_source
from hakobune.core.workflows.tree import Map, Scalar, Sequence


@pytest.mark.parametrize(
    ("source", "value"),
    [
        # flow collections
        ("body: { video: ${input.video} }", {"body": {"video": "${input.video}"}}),
        ("{ocr: ${x.body}, asr: ${y.body}}", {"ocr": "${x.body}", "asr": "${y.body}"}),
        ('args: [${myVar}, "ERROR"]', {"args": ["${myVar}", "ERROR"]}),
        ('args: { text: ${"failed: " + e.message}, severity: ERROR }', {"args": {"text": '${"failed: " + e.message}', "severity": "ERROR"}}),
        ("a: [${x[0]}, ${f(a, b)}, [${{}}]]", {"a": ["${x[0]}", "${f(a, b)}", ["${{}}"]]}),
        ("a: {${k}: v, b: 2}", {"a": {"${k}": "v", "b": 2}}),
        ("a: [x${y}, ${a} b, ${a}${b}]", {"a": ["x${y}", "${a} b", "${a}${b}"]}),
        ("a: [\n  ${x +\n  y},\n  2 ]", {"a": ["${x + y}", 2]}),
        ("a: {b: ${x}}\nc: ${y}", {"a": {"b": "${x}"}, "c": "${y}"}),
        ("a: {'b':${x}, c: ${y}}", {"a": {"b": "${x}", "c": "${y}"}}),
        # what plain loaders refuse or cut
        ('x: ${"a: " + b}', {"x": '${"a: " + b}'}),
        ('x: ${if(a, {"k": 1}, 2)}', {"x": '${if(a, {"k": 1}, 2)}'}),
        ('x: ${a + " # b"}', {"x": '${a + " # b"}'}),
        ('- ${a + " # b"} # comment', ['${a + " # b"}']),
        ('x: ${"}" + \'}: \'}', {"x": '${"}" + \'}: \'}'}),
        (r'x: ${"\"}: " + a}', {"x": r'${"\"}: " + a}'}),
        ('url: https://x/${"a: " + b}/c', {"url": 'https://x/${"a: " + b}/c'}),
        # as they are
        ("x: ${a}", {"x": "${a}"}),
        ("x: ${a} # comment", {"x": "${a}"}),
        ("${k}: v", {"${k}": "v"}),
        ('${k + ": "}: v', {'${k + ": "}': "v"}),
        ("- ${a}\n- ${b}", ["${a}", "${b}"]),
        ("x: $\ny: $a\nz: ${\n", {"x": "$", "y": "$a", "z": "${"}),
        # quotes, block scalars, comments are left alone
        ("x: '${\"a: \" + b}'", {"x": '${"a: " + b}'}),
        ('x: "${\\"a: \\" + b}"', {"x": '${"a: " + b}'}),
        ('x: |\n  ${a +\n    "b: c"}\ny: ${d}', {"x": '${a +\n  "b: c"}\n', "y": "${d}"}),
        ("x: >-\n  ${a\n  # b: \n  }\ny: 1", {"x": "${a # b:  }", "y": 1}),
        ('x: |2\n    ${"a: \n  b\ny: 1', {"x": '  ${"a: \nb\n', "y": 1}),
        ("- |\n ${a: \n- ${b}", ["${a: \n", "${b}"]),
        ("- - |\n    ${a: {\n  - {b: ${c}}", [["${a: {\n", {"b": "${c}"}]]),
        ("k:\n- >\n  '\n- [${c}]", {"k": ["'\n", ["${c}"]]}),
        ("x: | # '${ comment\n  'text\ny: [${a}]", {"x": "'text\n", "y": ["${a}"]}),
        ("x: |+\n\n\ny: [${a}]", {"x": "\n\n", "y": ["${a}"]}),
        ("x: |\ny: [${a}]", {"x": "", "y": ["${a}"]}),
        ("# it's ${ a comment: {\nx: [${a}]", {"x": ["${a}"]}),
        ("x: 1 # it's ${\ny: [${a}]", {"x": 1, "y": ["${a}"]}),
        ("x: a#'b ${c}\ny: [${a}]", {"x": "a#'b ${c}", "y": ["${a}"]}),
        ("x: don't\ny: [${a}, don't]\nz: {it's: ${b}}", {"x": "don't", "y": ["${a}", "don't"], "z": {"it's": "${b}"}}),
        ('x: say "hi\ny: [${a}]', {"x": 'say "hi', "y": ["${a}"]}),
        ("x: one\n  'two\n  \"three\ny: [${a}]", {"x": "one 'two \"three", "y": ["${a}"]}),
        ("x: one\n\n  'two\ny: [${a}]", {"x": "one\n'two", "y": ["${a}"]}),
        ("x:\n  one\n  'two\ny: [${a}]", {"x": "one 'two", "y": ["${a}"]}),
        ("- one\n  'two\n- [${a}]", ["one 'two", ["${a}"]]),
        ("- |#c\n  'x\n- [${a}]", ["'x\n", ["${a}"]]),
        ("x: [one\n  'two, ${a}]", {"x": ["one 'two", "${a}"]}),
        ("'quoted key': [${a}]\n\"other's\": {b: ${c}}", {"quoted key": ["${a}"], "other's": {"b": "${c}"}}),
        ("'quoted\n  text': 1\n", None),
        ("? [${a}]\n", None),
        ("? a\n: [${b}]", {"a": ["${b}"]}),
        ("a: &x [${b}]\nc: *x\nd: !!str ${e}", {"a": ["${b}"], "c": ["${b}"], "d": "${e}"}),
        ("--- \na: [${b}]\n...\n", {"a": ["${b}"]}),
        ("--- [${b}]", ["${b}"]),
        ('a:\n  - b: x\n    c:\n      - ${"d: e"}\n  - [${f}]', {"a": [{"b": "x", "c": ['${"d: e"}']}, ["${f}"]]}),
        # over several lines
        ("x: ${a +\n  b}", {"x": "${a + b}"}),
        ('x:\n  ${a +\n   "c: d" +\n\n  b}\ny: 1', {"x": '${a + "c: d" +\nb}', "y": 1}),
        ('x: ${if(a,\n  {"k": 1},\n  2)}\ny: 2', {"x": '${if(a, {"k": 1}, 2)}', "y": 2}),
        ('- x: ${a +\n    " # b"}\n  y: 2', [{"x": '${a + " # b"}', "y": 2}]),
        ("${a +\n b}", "${a + b}"),
        ("x: ${a +\n# not: a comment\n b}", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_given_expressions_in_yaml_when_it_is_read_then_they_are_as_they_were_written(
    source: str, value: object, line_break: str
) -> None:
    written = source.replace("\n", line_break)
    if value is None:
        assert problem_of(written).rule == "yaml"
    else:
        assert read(written) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('x: ${"abc}\ny: 1', {"x": '${"abc}', "y": 1}),
        ("x: ${abc\ny: b }", {"x": "${abc", "y": "b }"}),
        ('x: ${"abc}\ny: "}"', {"x": '${"abc}', "y": "}"}),
        ('x: ${"abc}\ny: ${"d"}', {"x": '${"abc}', "y": '${"d"}'}),
        ("x: ${a ${b}\ny: [${c}]", {"x": "${a ${b}", "y": ["${c}"]}),
        ("x: ${a \\ }\ny: [${c}]", {"x": "${a \\ }", "y": ["${c}"]}),
    ],
)
def test_given_an_expression_that_is_not_closed_when_it_is_read_then_what_comes_after_is_safe(
    source: str, value: object
) -> None:
    assert read(source) == value


def test_given_covered_expressions_when_they_are_read_then_all_places_are_those_of_the_source() -> None:
    tree = tree_of('a: { é: ${"ü: " +\n      b}, c: 1 }\nd: ${"x: y"} # e\nf: 2\n')
    assert isinstance(tree.root, Map)
    inner = tree.root.entries[0].value
    assert isinstance(inner, Map)
    nodes = [inner.entries[0].key_node, inner.entries[0].value, inner.entries[1].key_node, inner.entries[1].value]
    nodes += [tree.root.entries[1].value, tree.root.entries[2].value]
    places = [tree.position_of(node) for node in nodes]
    assert [(place.line, place.column, place.length) for place in places] == [
        (1, 6, 2),
        (1, 9, 19),
        (2, 11, 1),
        (2, 14, 1),
        (3, 4, 9),
        (4, 4, 1),
    ]
    expression = inner.entries[0].value
    assert isinstance(expression, Scalar)
    b = tree.position_in(expression, str(expression.value).rindex("b"))
    assert (b.line, b.column) == (2, 7)


@pytest.mark.parametrize(
    ("source", "reasons"),
    [
        ("x: [${a}]", ["inside [...] or {...}"]),
        ('x: ${"a: " + b}', ["a colon and a space"]),
        ('x: ${a + " # b"}', ["a '#'"]),
        ("x: ${a}\ny: '${\"a: \"}'\nz: |\n  ${a: }\n", []),
        ('{"x": "${a}"}', []),
        ("x: ${a +\n  b}", []),
    ],
)
def test_given_expressions_that_other_tools_cannot_read_when_warnings_are_wanted_then_they_are_named(
    source: str, reasons: list[str]
) -> None:
    tree, problems = read_source(source, SourceOptions(warns_plain_yaml=True))
    assert tree is not None
    assert [(problem.rule, problem.severity) for problem in problems] == [("plain-yaml", Severity.WARNING)] * len(
        reasons
    )
    assert all(reason in problem.message for reason, problem in zip(reasons, problems, strict=True))
    assert read_source(source)[1] == []


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("${a}", 4),
        ("${a}${b}", 4),
        ("${}", 3),
        ("${{}}", 5),
        ('${"}"}', 6),
        ("${'}'}", 6),
        (r'${"\"}"}', 8),
        ("${", None),
        ("${a", None),
        ('${"a}', None),
        ("${a ${b}}", None),
        ("${a\\}", None),
    ],
)
def test_given_a_text_when_the_end_of_its_expression_is_looked_for_then_braces_and_quotes_count(
    text: str, end: int | None
) -> None:
    assert expression_end(text, 0) == end


@pytest.mark.parametrize(
    "end", ['"\\', "'", '"', "|", "&", "*", "- ", "? ", ": ", "[", "{", "]", "}", ",", "#", "$", "${", "%", "\t"]
)
def test_given_a_text_that_ends_within_something_when_it_is_covered_then_the_reading_ends(end: str) -> None:
    assert len(spans_to_cover('x: ${"a: "}\n' + end)) == 1
    assert len(spans_to_cover("x: [${a}, " + end)) >= 1


def test_given_too_many_expressions_without_end_when_they_are_read_then_the_search_gives_up() -> None:
    line = "${ '" + "x" * 1000 + "' \\\n "
    source = "x:\n " + line * (WASTE_CHARACTERS_MAX // 1000 + 1) + '${"a: b"}'
    assert spans_to_cover(source) == ()


def test_given_a_list_of_lists_when_a_flow_collection_ends_then_lines_are_block_lines_again() -> None:
    tree = tree_of("- [a,\n  b]\n- c: 'd'\n  e: [${f}]\n")
    assert isinstance(tree.root, Sequence)
    assert len(tree.root.items) == 2
