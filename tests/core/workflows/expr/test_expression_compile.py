"""What an expression gives in a frame: names, elements, containers, calls of the library."""

from __future__ import annotations

import pytest
from expression_world import UNSET, FixedContext, Variables, error_of, evaluated

from hakobune.core.workflows.expr.compile import Unresolved, compile_expression
from hakobune.core.workflows.expr.grammar import parse_expression
from hakobune.core.workflows.expr.nodes import Binary, CallOf, Held, Literal, Operator
from hakobune.core.workflows.expr.walk import rebuilt
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.frames import Frame
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.values import FunctionValue, Value


def in_scope(text: str, names: Variables) -> Value:
    return compile_expression(parse_expression(text), names)(names.frame())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("near", 1),
        ("middle", 2),
        ("far", 3),
        ("farther", 4),
        ("near + middle + far + farther", 10),
        ("shadowed", "own"),
    ],
)
def test_given_frames_inside_one_another_when_a_variable_is_read_then_the_nearest_is_meant(
    text: str, value: Value
) -> None:
    names = Variables({"near": 1, "shadowed": "own"}, {"middle": 2, "shadowed": "outer"}, {"far": 3}, {"farther": 4})
    assert in_scope(text, names) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+".join(["n"] * 20_000), 20_000),
        ("n" + "-2+n*3" * 5_000, 5_001),
        ("+".join(["word"] * 5_000), "ab" * 5_000),
        (" and ".join(["yes", "n == 1"] * 5_000), True),
        (" and ".join(["yes"] * 5_000) + " and n == 2 and gone", False),
        (" or ".join(["n == 2"] * 5_000), False),
        (" or ".join(["n == 2"] * 5_000) + " or yes or gone", True),
        ("len([" + ", ".join(["n+n+n"] * 5_000) + "])", 5_000),
    ],
    ids=lambda value: str(value)[:20],
)
def test_given_a_chain_longer_than_the_stack_when_evaluated_then_it_gives_its_value(text: str, value: Value) -> None:
    assert in_scope(text, Variables({"n": 1, "word": "ab", "yes": True, "gone": UNSET})) == value


def test_given_a_long_chain_with_a_wrong_operand_when_evaluated_then_the_error_is_that_of_a_short_one() -> None:
    long = "+".join(["n"] * 1_000) + "- word + n"
    assert error_of(long, n=1, word="a") == error_of("n + n - word + n", n=1, word="a")


@pytest.mark.parametrize("name", ["near", "middle", "far"])
def test_given_nothing_assigned_when_a_variable_is_read_then_it_raises(name: str) -> None:
    with pytest.raises(Failure) as raised:
        in_scope(name, Variables({"near": UNSET}, {"middle": UNSET}, {"far": UNSET}))
    assert raised.value.value == {
        "message": f"ValueError: variable not initialized: {name}",
        "tags": ["ValueError"],
    }
    assert raised.value.is_catchable


def test_given_a_routine_when_named_then_it_is_a_function_unless_a_variable_hides_it() -> None:
    assert in_scope("sub", Variables({}, routines=("sub",))) == FunctionValue("sub")
    assert in_scope("sub", Variables({"sub": 1}, routines=("sub",))) == 1
    assert in_scope("len", Variables({}, routines=("len",))) == FunctionValue("len")


def test_given_a_routine_when_an_element_of_it_is_read_then_it_raises() -> None:
    with pytest.raises(Failure, match="'function' object is not a list or map"):
        in_scope("sub.x", Variables({}, routines=("sub",)))


@pytest.mark.parametrize("path", ["http.default_retry_predicate", "http.default_retry_predicate_non_idempotent", "len"])
def test_given_a_function_of_the_library_when_named_then_it_is_a_value(path: str) -> None:
    assert evaluated(path) == FunctionValue(path)


@pytest.mark.parametrize("path", ["http.default_retry", "http.default_retry_non_idempotent", "retry.default_backoff"])
def test_given_a_constant_of_the_library_when_named_then_it_is_its_value(path: str) -> None:
    assert evaluated(path) == library.find_value(path)


def test_given_a_constant_of_the_library_when_an_element_is_read_then_it_is_found() -> None:
    backoff = library.find_value("retry.default_backoff")
    assert isinstance(backoff, dict)
    assert evaluated("retry.default_backoff.multiplier") == backoff["multiplier"]


def test_given_a_variable_with_a_module_name_when_read_then_it_is_the_variable_but_calls_are_the_library() -> None:
    assert evaluated("text.find_all", text={"find_all": 5}) == 5
    assert evaluated("text.to_upper(text.x)", text={"x": "a"}) == "A"


@pytest.mark.parametrize("text", ["missing", "missing.key", "http.nothing", "sub(1)", "http.get(x)", "sys.nothing()"])
def test_given_names_that_nothing_has_when_compiled_then_it_is_a_bug_of_ours(text: str) -> None:
    with pytest.raises(Unresolved):
        compile_expression(parse_expression(text), Variables({"x": 1}, routines=("sub",)))


MESSAGES = [
    ("m.absent", "KeyError: key not found: absent", ["KeyError", "LookupError"]),
    ('m["absent"]', "KeyError: key not found: absent", ["KeyError", "LookupError"]),
    ("m[k]", "KeyError: key not found: kk", ["KeyError", "LookupError"]),
    ("m[7]", "KeyError: key not found: 7", ["KeyError", "LookupError"]),
    ("l[2]", "IndexError: list index out of range: 2 (length 2)", ["IndexError", "LookupError"]),
    ("l[-1]", "IndexError: list index out of range: -1 (length 2)", ["IndexError", "LookupError"]),
    ('l["0"]', "TypeError: list indices must be integers, not 'str'", ["TypeError"]),
    ("l[0.0]", "TypeError: list indices must be integers, not 'float'", ["TypeError"]),
    ("l[true]", "TypeError: list indices must be integers, not 'bool'", ["TypeError"]),
    ("l[null]", "TypeError: list indices must be integers, not 'NoneType'", ["TypeError"]),
    ("l.key", "TypeError: list indices must be integers, not 'str'", ["TypeError"]),
    ("m[1.0]", "TypeError: map keys must be strings, not 'float'", ["TypeError"]),
    ("m[true]", "TypeError: map keys must be strings, not 'bool'", ["TypeError"]),
    ("m[null]", "TypeError: map keys must be strings, not 'NoneType'", ["TypeError"]),
    *[
        (f"x_{kind}{access}", f"TypeError: '{kind}' object is not a list or map: it has no elements", ["TypeError"])
        for kind in ("NoneType", "str", "int", "float", "bool", "bytes")
        for access in (".key", '["key"]', "[0]")
    ],
]


@pytest.mark.parametrize(("text", "message", "tags"), MESSAGES)
def test_given_an_element_that_is_not_there_when_read_then_it_raises(text: str, message: str, tags: list[str]) -> None:
    variables: dict[str, Value] = {
        "m": {"a": 1},
        "l": [10, 20],
        "k": "kk",
        "x_NoneType": None,
        "x_str": "text",
        "x_int": 1,
        "x_float": 1.5,
        "x_bool": True,
        "x_bytes": b"raw",
    }
    assert error_of(text, **variables) == (message, tags)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("m.a", 1),
        ('m["a"]', 1),
        ("m[k]", 1),
        ('m["odd key!"]', 2),
        ("m[1]", "one"),
        ("m.deep.list[1].x", "found"),
        ("l[0] + l[n - 1]", 30),
        ("[1, 2][1]", 2),
        ('{"a": {"b": 5}}.a.b', 5),
        ("m.nothing", None),
    ],
)
def test_given_elements_when_read_then_the_value_comes(text: str, value: Value) -> None:
    m: Value = {"a": 1, "odd key!": 2, "1": "one", "nothing": None, "deep": {"list": [0, {"x": "found"}]}}
    assert evaluated(text, m=m, l=[10, 20], k="a", n=2) == value


def test_given_containers_when_evaluated_twice_then_they_are_built_anew_in_order() -> None:
    names = Variables({"a": 1})
    evaluate = compile_expression(parse_expression('{"z": a, y: [a + 1, {}], "z2": null}'), names)
    frame = names.frame()
    first, second = evaluate(frame), evaluate(frame)
    assert first == second == {"z": 1, "y": [2, {}], "z2": None}
    assert first is not second
    assert isinstance(first, dict)
    assert list(first) == ["z", "y", "z2"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("len(l)", 2),
        ('len(text.split(s, ",")) + 1', 3),
        ('if(l[0] == 10, "yes", "no")', "yes"),
        ("default(null, 5)", 5),
        ('keys({"b": 1, "a": 2})', ["a", "b"]),
        ('map.get({"a": {"b": 1}}, ["a", "b"])', 1),
        ('text.replace_all(s, ",", ";")', "x;y"),
        ("text.substring(s, 0, 1)", "x"),
        ('sys.get_env("COLOUR")', "blue"),
        ('sys.get_env("SHAPE", "round")', "round"),
        ("uuid.generate()", "00000000-0000-4000-8000-000000000001"),
    ],
)
def test_given_a_call_of_the_library_when_evaluated_then_its_value_comes(text: str, value: Value) -> None:
    assert evaluated(text, l=[10, 20], s="x,y") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("len()", "TypeError: len: missing argument"),
        ("len(1, 2)", "TypeError: len takes 1 arguments, got 2"),
        ("sys.get_env()", "TypeError: sys.get_env: missing argument"),
        ("len(1 / 0)", "ZeroDivisionError: division by zero"),
        ("len(1 / 0, 2)", "ZeroDivisionError: division by zero"),
    ],
)
def test_given_wrong_arguments_when_called_then_it_raises_after_they_were_evaluated(text: str, message: str) -> None:
    assert error_of(text)[0].startswith(message)


def test_given_number_literals_when_their_operation_raises_then_it_does_so_in_the_execution() -> None:
    for text in ("1 / 0", "true + 1", "-9223372036854775808 - 1", "-null"):
        evaluate = compile_expression(parse_expression(text), Variables())
        with pytest.raises(Failure):
            evaluate(Variables().frame())


def test_given_a_held_value_when_evaluated_then_the_own_slot_is_read() -> None:
    tree = rebuilt(parse_expression("sub(1) + 1"), lambda node: Held(1, node.at) if isinstance(node, CallOf) else node)
    assert tree == Binary(Operator.ADD, Held(1), Literal(1, 9))
    evaluate = compile_expression(tree, Variables())
    frame = Frame(2, FixedContext())
    frame.slots[1] = 41
    assert evaluate(frame) == 42


def test_given_the_longest_chain_when_evaluated_then_the_stack_holds() -> None:
    assert evaluated("+".join("a" * 200), a=1) == 200
    assert evaluated("[" * 99 + "]" * 99) is not None
