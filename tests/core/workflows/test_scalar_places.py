"""Where the characters of a text stand, however the source writes it."""

import json

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from hakobune.core.workflows.scalar_places import raw_indexes
from hakobune.core.workflows.source import read_source
from hakobune.core.workflows.tree import Map, Scalar

LETTERS = st.text(st.sampled_from("ab \n'\"\\é🙂:#-|>\t\u00a0\x07"), max_size=60)


@pytest.mark.parametrize(
    ("raw", "value", "indexes"),
    [
        ("", "", []),
        ("ab c", "ab c", [0, 1, 2, 3]),
        ("a\\\\b''c", "a\\\\b''c", [0, 1, 2, 3, 4, 5, 6]),  # plain: nothing is an escape
        ("a\n   b", "a b", [0, 1, 5]),
        ("a  \r\n\r\n  b", "a\nb", [0, 1, 9]),
        ("'it''s\\n'", "it's\\n", [1, 2, 3, 5, 6, 7]),
        (r'"\u00e9\x41\U0001F642\"b"', 'éA🙂"b', [1, 7, 11, 21, 23]),
        (r'"\ud83d\ude42b"', "🙂b", [1, 13]),
        ('"a\\\n  \\ b"', "a b", [1, 6, 8]),
        ("|2-  # words\n  a\n   b", "a\n b", [15, 16, 17, 20]),
        (">\r\n  a\r\n  b\r\n", "a b\n", [5, 6, 10, 11]),
        ("&x !!str 'a'", "a", [10]),
    ],
)
def test_given_a_text_as_it_is_written_when_looked_up_then_each_character_has_its_index(
    raw: str, value: str, indexes: list[int]
) -> None:
    assert raw_indexes(raw, value) == indexes


@pytest.mark.parametrize(("raw", "value"), [("a", "b"), ("'a'", "b"), ("'a'", "'"), ('"a\\', "ab"), ("", "a")])
def test_given_texts_that_do_not_belong_together_when_looked_up_then_no_index_is_told(raw: str, value: str) -> None:
    assert raw_indexes(raw, value) is None


@given(LETTERS, st.sampled_from([None, "'", '"', "|", ">", "json"]), st.sampled_from([8, 80]))
def test_whatever_text_is_written_in_whatever_style_its_characters_are_found(
    text: str, style: str | None, width: int
) -> None:
    if style == "json":
        source = json.dumps({"k": text})
    else:
        source = yaml.dump({"k": text}, default_style=style, width=width, allow_unicode=True)
    tree, problems = read_source(source)
    assume(tree is not None and not problems)
    assert tree is not None
    assert isinstance(tree.root, Map)
    node = tree.root.entries[0].value
    assume(isinstance(node, Scalar) and node.value == text)
    assert isinstance(node, Scalar)
    raw = tree.source.text[node.start : node.end]
    indexes = raw_indexes(raw, text)
    assert indexes is not None
    assert indexes == sorted(indexes)
    for character, index in zip(text, indexes, strict=True):
        if character not in " \t\n":
            assert raw[index] in (character, "\\") or raw[index : index + 2] == "''"
