"""Filters of subscriptions: one case for each rule of the grammar."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.pubsub.filters import filter_from_text

MESSAGE = {"kind": "a", "ce-type": "x.y", "empty": "", "name": "prefix-rest", "quote": 'say "hi"', "é": "ü"}

MATCHING = [
    "attributes:kind",
    "attributes:empty",
    'attributes:"ce-type"',
    "attributes:ce-type",
    'attributes.kind = "a"',
    'attributes.kind="a"',
    '  attributes . kind\t=\n"a"  ',
    'attributes.kind != "b"',
    'attributes.missing != "b"',
    'attributes.empty = ""',
    'attributes."ce-type" = "x.y"',
    'attributes.ce-type = "x.y"',
    'hasPrefix(attributes.name, "prefix")',
    'hasPrefix(attributes.name, "")',
    'hasPrefix( attributes."name" , "prefix-rest" )',
    'NOT attributes.kind = "b"',
    '-attributes.kind = "b"',
    "- attributes:missing",
    "NOT NOT attributes:kind",
    'attributes:kind AND attributes.name = "prefix-rest"',
    "attributes:kind AND attributes:name AND attributes:empty",
    "attributes:missing OR attributes:kind",
    "attributes:missing OR attributes:nope OR attributes:kind",
    "attributes:kind AND (attributes:missing OR attributes:name)",
    "(attributes:missing AND attributes:kind) OR attributes:name",
    "NOT (attributes:kind AND attributes:missing)",
    "NOT attributes:missing AND attributes:kind",
    "((attributes:kind))",
    r'attributes.quote = "say \"hi\""',
    r'attributes.kind = "\x61"',
    r'attributes.kind = "\141"',
    r'attributes.kind = "\u0061"',
    r'attributes.kind = "\U00000061"',
    'attributes."é" = "ü"',
    'attributes.kind = "a" OR hasPrefix(attributes.missing, "")',
]
NOT_MATCHING = [
    "attributes:missing",
    'attributes.kind = "A"',
    'attributes.missing = ""',
    'attributes.kind != "a"',
    'hasPrefix(attributes.name, "rest")',
    'hasPrefix(attributes.missing, "")',
    "NOT attributes:kind",
    "attributes:kind AND attributes:missing",
    "attributes:missing OR attributes:nope",
    "NOT (attributes:missing OR attributes:kind)",
    "-attributes:missing AND attributes:nope",
]
REFUSED = {
    'attributes.kind == "a"': "double quotes",
    "attributes.kind = a": "double quotes",
    "attributes.kind = 'a'": "double quotes",
    'attributes.kind = "a': "closing quote",
    r'attributes.kind = "\q"': "escape",
    r'attributes.kind = "\ud800"': "no character",
    r'attributes.kind = "\Uffffffff"': "no character",
    'attributes.kind < "a"': 'expected "=" or "!="',
    "attributes.kind": 'expected "=" or "!="',
    "attributes": 'expected ":" or "."',
    "attributes:": "key of an attribute",
    "attributes:AND": "key of an attribute",
    'attributes:""': "is empty",
    "attributes:a AND attributes:b OR attributes:c": "mixed",
    "attributes:a OR attributes:b AND attributes:c": "mixed",
    "attributes:a and attributes:b": "unexpected 'a'",
    "not attributes:a": "expected attributes",
    "(attributes:a": 'expected ")"',
    "attributes:a)": "unexpected ')'",
    "attributes:a AND": "expected attributes",
    "AND attributes:a": "expected attributes",
    "attributes:a attributes:b": "unexpected 'a'",
    "()": "expected attributes",
    " ": "expected attributes",
    'data = "a"': "expected attributes",
    'hasPrefix(attributes:name, "p")': 'expected ":" or "."',
    'hasPrefix(name, "p")': "expected attributes",
    "hasPrefix(attributes.name)": 'expected ","',
    'hasPrefix attributes.name, "p"': 'expected "("',
    'hasSuffix(attributes.name, "p")': "expected attributes",
    "attributes:a" + " AND attributes:a" * 20: "longer than 256 bytes",
    "(" * 40 + "attributes:a" + ")" * 40: "nested deeper",
    "NOT " * 40 + "attributes:a": "nested deeper",
}


@pytest.mark.parametrize("text", MATCHING)
def test_given_a_filter_that_fits_when_asked_then_the_message_is_delivered(text: str) -> None:
    assert filter_from_text(text)(MESSAGE)


@pytest.mark.parametrize("text", NOT_MATCHING)
def test_given_a_filter_that_does_not_fit_when_asked_then_the_message_is_passed_by(text: str) -> None:
    assert not filter_from_text(text)(MESSAGE)


@pytest.mark.parametrize("text", REFUSED)
def test_given_a_text_that_is_no_filter_when_read_then_it_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        filter_from_text(text)
    assert REFUSED[text] in refused.value.message.replace(" of the subscription", "")
    assert refused.value.violations[0].field == "subscription.filter"


def test_given_a_mistake_when_refused_then_its_column_is_told() -> None:
    with pytest.raises(InvalidArgument, match="column 19"):
        filter_from_text("attributes.kind = 5")
