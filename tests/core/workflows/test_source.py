"""A source as a tree: scalars of YAML 1.2, keys, places, problems."""

import math

import pytest
import yaml

from hakobune.core.workflows import limits
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Problem, Severity
from hakobune.core.workflows.protection import spans_to_cover
from hakobune.core.workflows.source import SOURCE_BYTES_MAX, SourceOptions, read_source
from hakobune.core.workflows.tree import Map, Node, Scalar, Sequence, SourceText, SourceTree
from hakobune.core.workflows.tree_builder import SourceRefused
from hakobune.core.workflows.yaml_mistakes import problem_of as yaml_problem_of
from hakobune.core.workflows.yaml_source import read_yaml


def tree_of(source: str | bytes) -> SourceTree:
    tree, problems = read_source(source)
    assert problems == []
    assert tree is not None
    return tree


def data_of(node: Node) -> object:
    if isinstance(node, Map):
        return {entry.key: data_of(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [data_of(item) for item in node.items]
    return node.value


def read(source: str | bytes) -> object:
    return data_of(tree_of(source).root)


def problem_of(source: str | bytes, options: SourceOptions | None = None) -> Problem:
    tree, problems = read_source(source) if options is None else read_source(source, options)
    assert tree is None
    [problem] = problems
    assert problem.severity is Severity.ERROR
    assert problem.remedy
    return problem


# -- scalars ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("tRUE", "tRUE"),
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("-17", -17),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("0b11", "0b11"),
        ("0o8", "0o8"),
        ("12_000", "12_000"),
        ("1:30", "1:30"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("00000000000000000000000000000000001", 1),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        ("1.5e+2", 150.0),
        (".", "."),
        ("e3", "e3"),
        ("1.2.3", "1.2.3"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        ("2024-05-08T13:22:58Z", "2024-05-08T13:22:58Z"),
        ("2024-05-08", "2024-05-08"),
        ("'true'", "true"),
        ('"12"', "12"),
        ("''", ""),
        ("it's", "it's"),
        ("'it''s'", "it's"),
        (r'"\u00e9\t\x41"', "é\tA"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12.0),
        ("!!bool true", True),
        ("!!null ~", None),
    ],
)
def test_given_a_scalar_when_it_is_read_then_it_means_what_yaml_1_2_says(text: str, value: object) -> None:
    found = read(f"k: {text}")
    assert found == {"k": value}
    assert isinstance(found, dict)
    assert type(found["k"]) is type(value)


def test_given_not_a_number_when_it_is_read_then_it_is_a_double() -> None:
    found = read("- .nan")
    assert isinstance(found, list)
    assert math.isnan(found[0])


@pytest.mark.parametrize(
    "text",
    ["9223372036854775808", "-9223372036854775809", "0xFFFFFFFFFFFFFFFF", "0o7777777777777777777777", "9" * 5000],
)
def test_given_an_integer_beyond_64_bits_when_it_is_read_then_it_is_a_problem(text: str) -> None:
    _, [problem] = read_source(f"a: [1, {text}]")
    assert (problem.rule, problem.position.line, problem.position.column) == ("number", 1, 8)
    assert "64 bits" in problem.message


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_given_a_number_beyond_a_double_when_it_is_read_then_it_is_a_problem(text: str) -> None:
    _, [problem] = read_source(f"a: {text}")
    assert problem.rule == "number"
    assert "double" in problem.message


@pytest.mark.parametrize("text", ["!!int x", "!!bool 1", "!!int true", "!!null 0", "!!float x"])
def test_given_a_tag_that_does_not_fit_when_it_is_read_then_it_is_refused(text: str) -> None:
    assert "does not fit" in problem_of(f"a: {text}").message


@pytest.mark.parametrize(
    "text",
    ["!mine 1", "!!python/object:os.system x", "!!timestamp 2024-01-01", "!!binary aGk=", "!mine {a: 1}", "!!set {a}"],
)
def test_given_a_custom_tag_when_it_is_read_then_it_is_refused(text: str) -> None:
    problem = problem_of(f"a: {text}")
    assert problem.rule == "yaml"
    assert "tags are not supported" in problem.message
    assert (problem.position.line, problem.position.column) == (1, 4)


def test_given_tags_of_containers_that_fit_when_they_are_read_then_they_say_nothing() -> None:
    assert read("!!map {a: !!seq [1]}") == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("|\n  a\n  b\n", "a\nb\n"),
        ("|-\n  a\n   b\n", "a\n b"),
        ("|+\n  a\n\n", "a\n\n"),
        (">\n  a\n  b\n", "a b\n"),
        ("|1\n  a\n", " a\n"),
        ("a\n  b\n\n  c", "a b\nc"),
        ('"a\n  b\\\n  c"', "a bc"),
        ("'a\n  b'", "a b"),
    ],
)
def test_given_a_text_of_several_lines_when_it_is_read_then_it_is_folded_as_yaml_does(text: str, value: str) -> None:
    assert read(f"k: {text}") == {"k": value}


# -- keys, anchors ----------------------------------------------------------------------------------------------------


def test_given_keys_that_are_no_text_when_they_are_read_then_they_become_text() -> None:
    found = read("1: a\ntrue: b\n1.5: c\n2.0: d\n~: e\n0x10: f\n010: g\n'x': h\n1e3: i\n")
    assert found == {
        "1": "a",
        "true": "b",
        "1.5": "c",
        "2": "d",
        "null": "e",
        "16": "f",
        "10": "g",
        "x": "h",
        "1000": "i",
    }


@pytest.mark.parametrize("source", ["a: 1\nb: 2\na: 3\n", '{"a": 1,\n "b": 2,\n "a": 3}', "1: x\nb: y\n'1': z\n"])
def test_given_a_key_twice_when_it_is_read_then_both_lines_are_named(source: str) -> None:
    _, [problem] = read_source(source)
    assert problem.rule == "duplicate-key"
    assert "in line 1 and in line 3" in problem.message
    assert problem.position.line == 3


def test_given_the_same_key_in_two_maps_when_they_are_read_then_that_is_fine() -> None:
    assert read("a: {k: 1}\nb: {k: 1}") == {"a": {"k": 1}, "b": {"k": 1}}


def test_given_anchors_when_they_are_used_then_the_node_stands_there_again() -> None:
    assert read("a: &x {k: [1]}\nb: *x\nc: &y 5\nd: *y\n*y : key\n") == {
        "a": {"k": [1]},
        "b": {"k": [1]},
        "c": 5,
        "d": 5,
        "5": "key",
    }


def test_given_an_anchor_twice_when_it_is_used_then_the_later_one_counts() -> None:
    assert read("[&x 1, *x, &x 2, *x]") == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a: *x\n", "no anchor before it"),
        ("a: &x [*x]\n", "inside its own anchor"),
        ("a: *x\nb: &x 1\n", "no anchor before it"),
        ("base: &b {k: 1}\na:\n  <<: *b\n", "merge keys"),
        ("{a: 1}: b\n", "cannot be a key"),
        ("? [a]\n: b\n", "cannot be a key"),
        ("x: &l [1]\n*l : 2\n", "cannot be a key"),
        ("a: 1\n---\nb: 2\n", "one YAML document"),
    ],
)
def test_given_yaml_that_is_not_for_sources_when_it_is_read_then_it_is_refused(source: str, words: str) -> None:
    problem = problem_of(source)
    assert problem.rule == "yaml"
    assert words in problem.message


def test_given_a_quoted_merge_sign_when_it_is_read_then_it_is_a_key() -> None:
    assert read("'<<': 1") == {"<<": 1}


def test_given_one_document_with_marks_when_it_is_read_then_it_is_the_source() -> None:
    assert read("%YAML 1.1\n---\na: 1\n...\n") == {"a": 1}


# -- places -----------------------------------------------------------------------------------------------------------

PLACES = """\
a:
  - é: "ü}"
    b: ${x}
  - |
    text
"""


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_given_a_source_when_it_is_read_then_each_node_has_its_place(line_break: str, mark: str) -> None:
    tree = tree_of(mark + PLACES.replace("\n", line_break))
    assert isinstance(tree.root, Map)
    items = tree.root.entries[0].value
    assert isinstance(items, Sequence)
    first, text = items.items
    assert isinstance(first, Map)
    places = [
        tree.position_of(node)
        for node in (tree.root, first, first.entries[0].key_node, first.entries[0].value, first.entries[1].value, text)
    ]
    assert [(place.line, place.column) for place in places] == [(1, 1), (2, 5), (2, 5), (2, 8), (3, 8), (4, 5)]
    assert [place.length for place in places[2:5]] == [2, 5, 4]  # bytes of UTF-8, with the quotes


def test_given_a_source_when_its_lines_are_asked_for_then_they_come_without_breaks() -> None:
    source = SourceText("a\r\nb\rc\n")
    assert [source.line(number) for number in range(1, 7)] == ["a", "b", "c", "", "", ""]


@pytest.mark.parametrize(
    ("source", "word", "place"),
    [
        ("k: abc def", "def", (1, 8)),
        ("k: 'it''s def'", "def", (1, 11)),
        (r'k: "\u00e9\n\\ def"', "def", (1, 16)),
        ("k: |\n  abc\n  def\n", "def", (3, 3)),
        ("k: |\n  def abc\n  def\n", "abc", (2, 7)),
        ("k: abc\n\n   def", "def", (3, 4)),
        ("k: 'abc\n   def'", "def", (2, 4)),
    ],
)
def test_given_a_text_when_a_word_in_it_is_looked_up_then_its_place_in_the_source_is_found(
    source: str, word: str, place: tuple[int, int]
) -> None:
    tree = tree_of(source)
    assert isinstance(tree.root, Map)
    scalar = tree.root.entries[0].value
    assert isinstance(scalar, Scalar)
    found = tree.position_in(scalar, str(scalar.value).rindex(word))
    assert (found.line, found.column) == place


def test_given_an_offset_behind_a_text_when_it_is_looked_up_then_the_place_is_within_the_text() -> None:
    tree = tree_of("k: 'ab'\nl: |\n  ab\n")
    assert isinstance(tree.root, Map)
    quoted, block = (entry.value for entry in tree.root.entries)
    assert isinstance(quoted, Scalar)
    assert isinstance(block, Scalar)
    assert tree.position_in(quoted, 99).line == 1
    assert tree.position_in(block, 99).line == 3


# -- problems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
@pytest.mark.parametrize(
    ("source", "line", "message", "remedy"),
    [
        ("a:\n\tb: 1\n", 2, "tab", "spaces"),
        ("a:\n  b: 1\n \tc: 2\n", 3, "tab", "spaces"),
        ("a: b: c\n", 1, "no key may be", "quote"),
        ("a: 1\n  b: 2\n", 2, "no key may be", "indent"),
        ("a: 1\nb:2\nc: 3\n", 2, "':' is missing", "space behind the colon"),
        ("a: 1\nword\n", 2, "':' is missing", "space behind the colon"),
        ("a:\n    b: 1\n  c: 2\n", 3, "does not fit into", "same number of spaces"),
        ("- a\nb: 1\n", 2, "does not fit into the list", "same"),
        ("a: - b\n", 1, "list cannot begin here", "line of its own"),
        ("a: [1, 2\nb: 3\n", 1, "'[' is not closed", "]"),
        ("a: {b: 1\nc: 3", 1, "'{' is not closed", "}"),
        ("x: 0\na: 'text\nb: 3\n", 2, "quote is not closed", "''"),
        ('x: 0\na: "text\nb: 3\n', 2, "quote is not closed", '\\"'),
        ('a: "\\d"\n', 1, "backslash", "single quotes"),
        ('a: "\\xZZ"\n', 1, "hexadecimal", "digits"),
        ("a: @b\n", 1, "cannot begin with", "quote"),
        ("a: `b`\n", 1, "cannot begin with", "quote"),
        ("a: %b\n", 1, "cannot begin with", "quote"),
        ("a: *\n", 1, "needs a name", "quote"),
        ("[1]\n[2]\n", 2, "behind the end", "indent"),
        ("'a' b: 1\n", 1, "behind the quote", "quotes"),
        ("a: ]\n", 1, "where a value must be", "quote"),
        ('a: "b" c\n', 1, "behind the quote", "quotes"),
    ],
)
def test_given_broken_yaml_when_it_is_read_then_the_problem_says_where_and_what_to_write(
    source: str, line: int, message: str, remedy: str, loader: type[yaml.SafeLoader]
) -> None:
    with pytest.raises(SourceRefused) as refused:
        read_yaml(SourceText(source), spans_to_cover(source), loader)
    problem = refused.value.problem
    assert problem.rule == "yaml"
    assert problem.position.line == line
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
def test_given_either_reader_when_a_source_is_read_then_the_places_are_the_same(loader: type[yaml.SafeLoader]) -> None:
    source = SourceText("é:\r\n  - { ü: ${a + \"ß\"}, b: 'x' }\r\n  - |\r\n    öö\r\n")
    root, problems = read_yaml(source, spans_to_cover(source.text), loader)
    assert problems == []
    assert data_of(root) == {"é": [{"ü": '${a + "ß"}', "b": "x"}, "öö\n"]}
    assert isinstance(root, Map)
    items = root.entries[0].value
    assert isinstance(items, Sequence)
    first = items.items[0]
    assert isinstance(first, Map)
    assert [source.text[entry.value.start : entry.value.end] for entry in first.entries] == ['${a + "ß"}', "'x'"]


def test_given_an_error_without_a_place_when_it_is_told_then_it_is_at_the_beginning() -> None:
    problem = yaml_problem_of(yaml.YAMLError("odd"), SourceText("a: 1"))
    assert (problem.rule, problem.position.line, "odd" in problem.message) == ("yaml", 1, True)


@pytest.mark.parametrize("source", ["", "   \n\t\n", "\ufeff", b"", b"\xef\xbb\xbf\n"])
def test_given_an_empty_source_when_it_is_read_then_it_is_a_problem(source: str | bytes) -> None:
    assert "empty" in problem_of(source).message


def test_given_a_source_of_comments_only_when_it_is_read_then_it_is_null() -> None:
    assert read("# nothing\n") is None


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (b"a: \xff", (1, 4)),
        (b"\xff\xfea\x00", (1, 1)),
        ("a: é\nb: ".encode() + b"\xe3\x81", (2, 4)),
        ("a: \ud800", (1, 4)),
    ],
)
def test_given_bytes_that_are_no_utf_8_when_they_are_read_then_the_place_is_told(
    source: str | bytes, place: tuple[int, int]
) -> None:
    problem = problem_of(source)
    assert problem.rule == "encoding"
    assert (problem.position.line, problem.position.column) == place


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\x80", "\ufffe", "\ufeff"])
def test_given_a_control_character_when_it_is_read_then_the_place_is_told(character: str) -> None:
    problem = problem_of(f"a: 1\nb: x{character}")
    assert problem.rule == "encoding"
    assert (problem.position.line, problem.position.column) == (2, 5)
    assert f"U+{ord(character):04X}" in problem.message


def test_given_a_source_of_the_largest_size_when_it_is_read_then_it_is_fine() -> None:
    assert read(b"a: 1 #" + b"x" * (limits.SOURCE_BYTES - 6)) == {"a": 1}


@pytest.mark.parametrize(
    ("strictness", "size_bytes", "severity", "is_read"),
    [
        (Strictness.STRICT, limits.SOURCE_BYTES + 1, Severity.ERROR, False),
        (Strictness.WARN, limits.SOURCE_BYTES + 1, Severity.WARNING, True),
        (Strictness.OFF, limits.SOURCE_BYTES + 1, None, True),
        (Strictness.OFF, SOURCE_BYTES_MAX + 1, Severity.ERROR, False),
        (Strictness.WARN, SOURCE_BYTES_MAX + 1, Severity.ERROR, False),
    ],
)
def test_given_a_larger_source_when_it_is_read_then_the_limits_decide(
    strictness: Strictness, size_bytes: int, severity: Severity | None, is_read: bool
) -> None:
    source = "a: 1 #é" + "x" * (size_bytes - 8)
    tree, problems = read_source(source, SourceOptions(limits=strictness))
    assert (tree is not None) is is_read
    assert [problem.severity for problem in problems] == ([] if severity is None else [severity])


# -- bounds -----------------------------------------------------------------------------------------------------------


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]" for level in range(1, levels)]
    return "\n".join(lines)


def test_given_a_few_aliases_when_they_are_read_then_that_is_fine() -> None:
    tree, problems = read_source(bomb(3))
    assert tree is not None
    assert problems == []


@pytest.mark.parametrize("levels", [5, 9, 200])
def test_given_an_alias_bomb_when_it_is_read_then_it_is_refused(levels: int) -> None:
    problem = problem_of(bomb(levels))
    assert problem.rule == "bound"
    assert "aliases" in problem.remedy


@pytest.mark.parametrize("depth", [limits.NESTING_DEPTH, limits.NESTING_DEPTH + 1])
@pytest.mark.parametrize(
    "text",
    [
        lambda depth: "[" * depth + "]" * depth,
        lambda depth: "- " * depth + "x",
        lambda depth: '{"a": ' * depth + "1" + "}" * depth,
        lambda depth: "a: &x " + "[" * (depth - 2) + "]" * (depth - 2) + "\nb: [*x]",
    ],
)
def test_given_nesting_when_it_is_deeper_than_the_bound_then_it_is_refused(text, depth: int) -> None:
    if depth <= limits.NESTING_DEPTH:
        tree_of(text(depth))
    else:
        assert problem_of(text(depth)).rule == "bound"


def test_given_nesting_that_is_too_deep_for_the_reader_when_it_is_read_then_the_remedy_speaks_of_depth() -> None:
    problem = problem_of("- r: {return: " + "[" * 3000 + "]" * 3000 + "}")
    assert problem.message.startswith("maps and lists stand too deep in one another")
    assert problem.remedy == "move inner steps to a subworkflow, or inner data to a variable"


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "[" * n,
        lambda n: "{" * n,
        lambda n: "- " * (n // 2),
        lambda n: "? " * (n // 2),
        lambda n: '{"a":' * (n // 5),
        lambda n: "[${ " * (n // 4),
        lambda n: "a: ${" * (n // 5),
        lambda n: "a: " + "${" * (n // 2),
        lambda n: "a: " + "${x{" * (n // 4),
        lambda n: "a: " + "${{}" * (n // 4),
        lambda n: "a:\n" + '  ${"\n' * (n // 6),
        lambda n: "a: " + "${'\\'" * (n // 6),
        lambda n: "a: " + '"' * n,
        lambda n: "a: " + "'" * n,
        lambda n: "'" * n,
        lambda n: " " * n + "a",
        lambda n: "a: x" + " \t" * (n // 2) + "#",
        lambda n: "a:\n" + " \n" * (n // 2),
        lambda n: "a: |\n" + " \n" * (n // 2) + "x",
        lambda n: "&a " * (n // 3),
        lambda n: "*a " * (n // 3),
        lambda n: ": " * (n // 2),
        lambda n: "a" * n,
        lambda n: "a: " + "\\" * n,
        lambda n: "a: x\n" + " b\n" * (n // 3),
        lambda n: "a: [" + "x, " * (n // 3),
        lambda n: "|\n" * (n // 2),
        lambda n: "a\n" * (n // 2),
        lambda n: "%a\n" * (n // 3),
        lambda n: "---\n" * (n // 4),
        lambda n: "a: " + "1" * n,
        lambda n: "a: 1." + "1" * n,
        lambda n: "! " * (n // 2),
        lambda n: "'a\n\n" + "\n" * n,
    ],
)
@pytest.mark.timeout(20)
def test_given_hostile_text_of_the_largest_size_when_it_is_read_then_there_is_an_answer_soon(text) -> None:
    source = text(limits.SOURCE_BYTES - 8)
    tree, problems = read_source(source)
    assert tree is not None or problems
