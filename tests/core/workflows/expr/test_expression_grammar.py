"""How the text of an expression is read: precedence, literals, what is refused and with which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.grammar import ExpressionError, parse_expression, parse_target
from hakobune.core.workflows.expr.nodes import (
    Binary,
    CallOf,
    Expression,
    Held,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Member,
    Name,
    Not,
    Sign,
)
from hakobune.core.workflows.expr.walk import height


def shown(node: Expression) -> str:
    """The tree with all its brackets."""
    match node:
        case Literal():
            return repr(node.value)
        case Name():
            return node.name
        case Member():
            return f"{shown(node.of)}.{node.key}"
        case Index():
            return f"{shown(node.of)}[{shown(node.index)}]"
        case Not():
            return f"(not {shown(node.operand)})"
        case Sign():
            return f"({'-' if node.is_minus else '+'}{shown(node.operand)})"
        case Binary():
            return f"({shown(node.left)} {node.operator} {shown(node.right)})"
        case Logic():
            return f"({shown(node.left)} {'and' if node.is_and else 'or'} {shown(node.right)})"
        case ListOf():
            return f"[{', '.join(shown(item) for item in node.items)}]"
        case MapOf():
            return f"{{{', '.join(f'{key}: {shown(value)}' for key, value in node.entries)}}}"
        case CallOf():
            return f"{node.path}({', '.join(shown(argument) for argument in node.arguments)})"
        case Held():
            raise AssertionError("nobody writes it")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a or b and c", "(a or (b and c))"),
        ("a and b or c and d", "((a and b) or (c and d))"),
        ("a or b or c", "((a or b) or c)"),
        ("a == b and c != d", "((a == b) and (c != d))"),
        ("not a == b", "((not a) == b)"),
        ("not a + b", "((not a) + b)"),
        ("not a.b", "(not a.b)"),
        ("not a[0]", "(not a[0])"),
        ('not("x" in e.tags)', "(not ('x' in e.tags))"),
        ("not not a", "(not (not a))"),
        ("not -a", "(not (-a))"),
        ("-a * b", "((-a) * b)"),
        ("-a.b", "(-a.b)"),
        ("--a", "(-(-a))"),
        ("+a - -b", "((+a) - (-b))"),
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
        ("10 - 4 - 3", "((10 - 4) - 3)"),
        ("8 / 4 / 2", "((8 / 4) / 2)"),
        ("a // b % c", "((a // b) % c)"),
        ("a + b < c - d", "((a + b) < (c - d))"),
        ("a < b < c", "((a < b) < c)"),
        ("a in b == c", "((a in b) == c)"),
        ("a <= b", "(a <= b)"),
        ("a >= b", "(a >= b)"),
        ("a > b", "(a > b)"),
        ("a IN b AND NOT c OR d", "(((a in b) and (not c)) or d)"),
        ("a.b.c[d.e][0].f", "a.b.c[d.e][0].f"),
        ("f()", "f()"),
        ('text.split(a, ",")[0]', "text.split(a, ',')[0]"),
        ("f(g(1), [2])", "f(g(1), [2])"),
        ("googleapis.a.v1.b.c(x)", "googleapis.a.v1.b.c(x)"),
        ("m.in", "m.in"),
        ("m.null.NOT", "m.null.NOT"),
        ("[]", "[]"),
        ("[1, 2,]", "[1, 2]"),
        ("{}", "{}"),
        ('{"a": 1, b: [c], not: 2,}', "{a: 1, b: [c], not: 2}"),
        ("true", "True"),
        ("[True, TRUE, false, False, FALSE, null]", "[True, True, False, False, False, None]"),
        (" \n\t\r a\n+\nb ", "(a + b)"),
        ("nota", "nota"),
        ("order", "order"),
        ("_a1", "_a1"),
    ],
)
def test_given_an_expression_when_read_then_it_groups_by_precedence(text: str, tree: str) -> None:
    assert shown(parse_expression(text)) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("1.5e-3", 0.0015),
        ("2E+2", 200.0),
        ('"a"', "a"),
        ("'a'", "a"),
        ('"it\'s"', "it's"),
        ("'say \"x\"'", 'say "x"'),
        (r"'it\'s'", "it's"),
        (r'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
        (r'"\u0041\u00e9"', "Aé"),
        (r'"x\ud83d\ude00\u0041"', "x😀A"),
        (r'"\u0041\ud83d\ude00"', "A😀"),
        ('"two\nlines"', "two\nlines"),
        ('"日本"', "日本"),
        ('""', ""),
        ('"${x}"', "${x}"),
    ],
)
def test_given_a_literal_when_read_then_it_has_its_value_and_its_type(text: str, value: object) -> None:
    tree = parse_expression(text)
    assert isinstance(tree, Literal)
    assert (tree.value, type(tree.value)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message", "at", "remedy"),
    [
        ("", "empty expression", 0, "write a value between '${' and '}'"),
        ("  ", "empty expression", 0, "write a value between '${' and '}'"),
        ("a +", "expected a value, found the end of the expression", 3, "write a value behind '+', or leave it out"),
        ("a + * b", "expected a value, found '*'", 4, "write one operator, or a value between '+' and '*'"),
        (
            "a b",
            "expected an operator or the end of the expression, found 'b'",
            2,
            'write an operator between them, or "a b" if it is a text, or a(b) to call a function',
        ),
        (
            'a "b"',
            'expected an operator or the end of the expression, found the string "b"',
            2,
            'write an operator between them, or a("b") to call a function',
        ),
        (
            "a not in b",
            "expected an operator or the end of the expression, found 'not'",
            2,
            "write not(x in y) for 'x not in y'",
        ),
        (
            "a Not in b",
            "expected an operator or the end of the expression, found 'Not'",
            2,
            "write not(x in y) for 'x not in y'",
        ),
        ("a And b", "expected an operator or the end of the expression, found 'And'", 2, "write 'and' or 'AND'"),
        ("(a Or b)", "expected an operator or ')', found 'Or'", 3, "write 'or' or 'OR'"),
        ("(a", "expected an operator or ')', found the end of the expression", 2, "close '(' with ')'"),
        ("a)", "expected an operator or the end of the expression, found ')'", 1, "remove ')'"),
        ("a[1", "expected an operator or ']', found the end of the expression", 3, "close '[' with ']'"),
        ("a[]", "expected a value, found ']'", 2, 'write an index or a key: x[0], x["key"]'),
        (
            "a[1:2]",
            "expected an operator or ']', found ':'",
            3,
            "'[…]' reads one element and no part of a list; text.substring(text, first, end) reads a part of a text",
        ),
        ("[1 2]", "expected ',' or ']', found '2'", 3, "write a ',' between them"),
        ("[1", "expected ',' or ']', found the end of the expression", 2, "close '[' with ']'"),
        ("[,]", "expected a value, found ','", 1, "remove the ','"),
        ("f(1,)", "expected a value, found ')'", 4, "remove the ','"),
        ("f(1 2)", "expected ',' or ')', found '2'", 4, "write a ',' between them"),
        (
            "f(a=1)",
            "unexpected character '='",
            3,
            "write '==' to compare; variables are set in 'assign', and arguments are given in their order",
        ),
        ("{a 1}", "expected ':' after the key 'a', found '1'", 3, 'write "key": value'),
        ("{1: 2}", "expected a key of the map, found '1'", 1, 'write "key": value'),
        ('{"a": 1', "expected ',' or '}', found the end of the expression", 7, "close '{' with '}'"),
        ("m.1", "expected a name after '.', found '1'", 2, 'write ["1"]'),
        (
            "m.",
            "expected a name after '.', found the end of the expression",
            2,
            "write the name of a key behind the '.', or leave it out",
        ),
        ('m."a"', "expected a name after '.', found the string \"a\"", 2, "write [\"a\"] without the '.'"),
        (".5", "expected a value, found '.'", 0, "write 0.5"),
        (".a", "expected a value, found '.'", 0, "write a value before '.'"),
        ("in(a, b)", "expected a value, found 'in'", 0, "write x in y: 'in' is an operator, not a function"),
        (
            "a = b",
            "unexpected character '='",
            2,
            "write '==' to compare; variables are set in 'assign', and arguments are given in their order",
        ),
        ("a && b", "unexpected character '&'", 2, "write 'and'"),
        ("a || b", "unexpected character '|'", 2, "write 'or'"),
        ("!a", "unexpected character '!'", 0, "write 'not', or '!=' to compare"),
        ("a ? b : c", "unexpected character '?'", 2, "write if(condition, value, other value)"),
        ("${a}", "unexpected character '$'", 0, "leave out '${' and '}' inside an expression"),
        ("a # b", "unexpected character '#'", 2, "leave out the comment"),
        ("a ; b", "unexpected character ';'", 2, "write one value; another one is a step of its own"),
        (
            "é",
            "unexpected character 'é'",
            0,
            "names have the letters a to z, digits and '_'; write m[\"…\"] for other keys, and texts in double quotes",
        ),
        ("a ** b", "expected a value, found '*'", 3, "there is no operator for powers: multiply"),
        (
            "1abc",
            "a name begins with a letter, found '1a'",
            0,
            "write the digits of a number together, and a text in double quotes",
        ),
        (
            "1.5x",
            "a name begins with a letter, found '1.5x'",
            0,
            "write the digits of a number together, and a text in double quotes",
        ),
        ("9223372036854775808", "integer does not fit into 64 bits", 0, "write it as a double, for example 1e20"),
        ("+9223372036854775808", "integer does not fit into 64 bits", 1, "write it as a double, for example 1e20"),
        ("1 - 9223372036854775808", "integer does not fit into 64 bits", 4, "write it as a double, for example 1e20"),
        ("-9223372036854775809", "integer does not fit into 64 bits", 1, "write it as a double, for example 1e20"),
        ("9" * 5000, "integer does not fit into 64 bits", 0, "write it as a double, for example 1e20"),
        ("1e999", "number is too large for a double", 0, "the largest one is about 1.8e308"),
        ('"abc', "string without an end", 0, 'close it with "'),
        ("a + 'abc\"", "string without an end", 4, "close it with '"),
        (r'"a\q"', r"unknown escape '\q' in a string", 2, r"write '\\' for a backslash"),
        (r'"\u12"', r"'\u' needs four hexadecimal digits", 1, "write it as \\u00e9"),
        (r'"a\ud83d"', r"'\ud83d' is half of a surrogate pair", 2, "write the character itself, or both halves"),
        (r'"\ude00"', r"'\ude00' is half of a surrogate pair", 1, "write the character itself, or both halves"),
        ("(a.b)(1)", "only a function can be called, by its name", 5, "write an operator before '('"),
        ("f(1)(2)", "only a function can be called, by its name", 4, "write an operator before '('"),
        ("a[0](2)", "only a function can be called, by its name", 4, "write an operator before '('"),
        ("f(1).g(2)", "only a function can be called, by its name", 6, "write an operator before '('"),
        ('"a"(1)', "only a function can be called, by its name", 3, "write an operator before '('"),
        (
            "a\n+ 'x' 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'",
            "expected an operator or the end of the expression, found the string 'yyyyyyyyyyyyyyyyyyyyyyy…",
            8,
            "write an operator between them",
        ),
    ],
)
def test_given_a_wrong_expression_when_read_then_the_error_says_what_where_and_what_to_write(
    text: str, message: str, at: int, remedy: str
) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_expression(text)
    assert (refused.value.message, refused.value.at, refused.value.remedy) == (message, at, remedy)


def test_given_nodes_when_read_then_each_knows_where_it_begins() -> None:
    tree = parse_expression("  a.b[1] + not(c)")
    assert isinstance(tree, Binary)
    assert (tree.at, tree.left.at, tree.right.at) == (2, 2, 11)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 400,
        "(" * 5_000 + "1" + ")" * 5_000,
        "[" * 400,
        '{"a":' * 400,
        "a[" * 400,
        "f(" * 400,
        "0or 0and 0<0+0*(" * 300,
        "-" * 400 + "1",
        "not " * 400 + "a",
        "a" + ".b" * 100_000,
        "a" + "[0]" * 300,
        "-" * 201 + "1",
    ],
)
def test_given_deep_nesting_when_read_then_it_is_refused_and_nothing_overflows(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


@pytest.mark.parametrize("text", ["+".join("a" * 200), "a" + ".b" * 199, "(" * 99 + "a" + ")" * 99, "a" + "[0]" * 133])
def test_given_the_longest_chains_of_400_characters_when_read_then_they_are_accepted(text: str) -> None:
    assert len(text) <= limits.EXPRESSION_CHARACTERS
    parse_expression(text)


@pytest.mark.parametrize("text", ["+".join(["a"] * 50_000), " and ".join(["a == 1 or b"] * 5_000)])
def test_given_a_chain_of_operators_when_read_then_its_length_is_no_depth(text: str) -> None:
    assert height(parse_expression(text)) <= 4


@given(st.text(alphabet="ab1.5\"'\\u{}[]()+-*/%<>=!,: \nnotandri$é😀", max_size=60))
def test_given_any_text_when_read_then_only_an_expression_error_is_raised(text: str) -> None:
    for read in (parse_expression, parse_target):
        refused: ExpressionError | None = None
        try:
            read(text)
        except ExpressionError as error:
            refused = error
        assert refused is None or (refused.message and 0 <= refused.at <= len(text))


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("a", "a", []),
        ("m.key", "m", ["'key'"]),
        ("m.in.null", "m", ["'in'", "'null'"]),
        ('m["odd key!"]', "m", ["'odd key!'"]),
        ("m[key + '1']", "m", ["(key + '1')"]),
        ("l[len(l) - 1]", "l", ["(len(l) - 1)"]),
        ("grid[0][i].x", "grid", ["0", "i", "'x'"]),
        (" m . a [ 0 ] ", "m", ["'a'", "0"]),
    ],
)
def test_given_a_left_side_when_read_then_it_is_a_variable_and_a_path(text: str, name: str, path: list[str]) -> None:
    found, keys = parse_target(text)
    assert (found, [shown(key) for key in keys]) == (name, path)


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("", "expected the name of a variable, found the end of the expression", 0),
        ("1a", "a name begins with a letter, found '1a'", 0),
        ("1", "expected the name of a variable, found '1'", 0),
        ("null", "'null' is a word of the language, not a variable", 0),
        ("NOT", "'NOT' is a word of the language, not a variable", 0),
        ("a b", "expected '.', '[' or the end of the left side, found 'b'", 2),
        ("a-b", "expected '.', '[' or the end of the left side, found '-'", 1),
        ("f()", "expected '.', '[' or the end of the left side, found '('", 1),
        ("m[", "expected a value, found the end of the expression", 2),
        ("m[0", "expected an operator or ']', found the end of the expression", 3),
        ("m.0", "expected a name after '.', found '0'", 2),
        ("${m}", "unexpected character '$'", 0),
    ],
)
def test_given_a_wrong_left_side_when_read_then_the_error_says_why(text: str, message: str, at: int) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_target(text)
    assert (refused.value.message, refused.value.at) == (message, at)


def test_given_a_left_side_with_a_huge_index_when_read_then_it_is_refused() -> None:
    with pytest.raises(ExpressionError, match="201 levels"):
        parse_target(f"m[{'-' * 200}a]")
