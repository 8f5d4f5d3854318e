"""`json.*`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_calls import call, refused

from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.limits import CEILING_CHARACTERS
from hakobune.core.workflows.values import FunctionValue, Value


def test_decode_takes_bytes_and_strings() -> None:
    assert call("json.decode", b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert call("json.decode", '"\\u65e5"') == "日"


@pytest.mark.parametrize("data", ["", "{", "nope", "[1,]", b"\xff", "NaN"])
def test_decode_refuses_what_is_no_json(data: Value) -> None:
    assert refused("json.decode", data).startswith("ValueError: ")


@pytest.mark.parametrize("data", [1, None, True, {}, []])
def test_decode_refuses_other_types(data: Value) -> None:
    assert refused("json.decode", data).startswith("TypeError: json.decode: ")


def test_encode_is_compact_and_sorted_without_indent() -> None:
    assert call("json.encode", {"b": 1, "a": "日"}) == '{"a":"日","b":1}'.encode()
    assert call("json.encode_to_string", {"a": 1}) == '{"a":1}'
    assert call("json.encode_to_string", {"a": 1}, False) == '{"a":1}'
    assert call("json.encode_to_string", {"a": 1}, None) == '{"a":1}'


def test_indent_is_laid_out_with_four_spaces() -> None:
    value: Value = {"k": [1, {"x": 'a,b:{}[]"\\'}], "e": {}, "l": []}
    expected = json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)
    assert call("json.encode_to_string", value, True) == expected
    assert call("json.encode_to_string", value, {}) == expected
    assert call("json.encode", value, True) == expected.encode()


def test_prefix_and_indent_stand_on_each_new_line() -> None:
    assert call("json.encode_to_string", {"k": 1}, {"prefix": ">", "indent": "-"}) == '{\n>-"k": 1\n>}'
    assert call("json.encode_to_string", [[1]], {"indent": "\t"}) == "[\n\t[\n\t\t1\n\t]\n]"
    assert call("json.encode_to_string", 5, {"prefix": ">"}) == "5"


@pytest.mark.parametrize("indent", [1, "  ", [], {"prefix": 1}, {"indent": True}])
def test_indent_of_another_type(indent: Value) -> None:
    assert refused("json.encode_to_string", {}, indent).startswith("TypeError: json.encode_to_string: ")


def test_an_unknown_key_in_indent() -> None:
    assert 'unknown key "indents"' in refused("json.encode", {}, {"indents": " "})


@pytest.mark.parametrize("value", [b"x", [b"x"], {"f": FunctionValue("retry.always")}])
def test_what_json_cannot_hold(value: Value) -> None:
    assert refused("json.encode", value).startswith("ValueError: ")
    assert refused("json.encode_to_string", value, True).startswith("ValueError: ")


def test_a_layout_that_would_fill_the_memory_is_refused_before_it_is_made() -> None:
    wide: Value = {"prefix": "x" * (CEILING_CHARACTERS // 100)}
    with pytest.raises(Failure) as raised:
        call("json.encode_to_string", list(range(200)), wide)
    assert not raised.value.is_catchable


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


@given(json_values, st.booleans())
def test_json_there_and_back(value: Value, indent: bool) -> None:
    assert call("json.decode", call("json.encode", value, indent)) == value
    assert call("json.decode", call("json.encode_to_string", value, indent)) == value


@given(json_values)
def test_the_layout_is_the_common_one(value: Value) -> None:
    assert call("json.encode_to_string", value, True) == json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)
