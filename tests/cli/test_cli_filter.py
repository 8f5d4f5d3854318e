"""Filter expressions. Most rows were read off gcloud 528's own answers."""

from __future__ import annotations

import pytest
from test_cli_format import ONE, TWO

from hakobune.cli.errors import CommandError
from hakobune.cli.filter import compile_filter

THREE = {"metadata": {"name": "gamma-3", "generation": 1}, "spec": {"count": -1}}
ALL = [ONE, TWO, THREE]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("", "alpha, Beta Two, gamma-3"),
        ("metadata.name=alpha", "alpha"),
        ("metadata.name=ALPHA", "alpha"),
        ("metadata.name:alp", "alpha"),
        ("metadata.name:alp*", "alpha"),
        ("metadata.name:*pha", "alpha"),
        ("metadata.name:a*a", "alpha"),
        ("metadata.name:two", "Beta Two"),
        ('metadata.name="Beta Two"', "Beta Two"),
        ("metadata.name!=alpha", "Beta Two, gamma-3"),
        ("metadata.name~^a", "alpha"),
        ("metadata.name~A", ""),
        ("metadata.name!~^a", "Beta Two, gamma-3"),
        ("metadata.name=(alpha,gamma-3)", "alpha, gamma-3"),
        ("metadata.name:(alp beta)", "alpha, Beta Two"),
        ("spec.count>9", "alpha"),
        ("spec.count>=9", "alpha, Beta Two"),
        ("spec.count<0", "gamma-3"),
        ("spec.count<=9", "Beta Two, gamma-3"),
        ("spec.count=10.0", "alpha"),
        ("spec.ratio<1", "alpha, Beta Two, gamma-3"),  # nothing is less than anything
        ("metadata.labels.env:*", "alpha"),
        ("-metadata.labels.env:*", "Beta Two, gamma-3"),
        ("NOT metadata.labels.env:*", "Beta Two, gamma-3"),
        ("metadata.labels:env", "alpha"),
        ("metadata.labels:prod", "alpha"),
        ("spec.tags:a", "alpha"),
        ("spec.tags:*", "alpha"),
        ("spec.none:*", ""),
        ("spec.none=null", "alpha, Beta Two, gamma-3"),
        ("spec.flag=true", "alpha"),
        ("spec.flag=false", ""),
        ("metadata.name=alpha OR metadata.name:gamma", "alpha, gamma-3"),
        ("metadata.name=alpha AND spec.count=10", "alpha"),
        ("metadata.name=alpha spec.count=10", "alpha"),
        ("metadata.name=alpha AND (spec.count=1 OR spec.ratio=0.5)", "alpha"),
        ("NOT (metadata.name=alpha OR metadata.name:beta)", "gamma-3"),
        ("((metadata.name=alpha))", "alpha"),
        ("metadata.creationTimestamp>2026-11-20", "alpha"),
        ("metadata.creationTimestamp<2026-11-20", ""),
        ('metadata.creationTimestamp<"2026-11-20T01:02:04Z"', "alpha"),
        ("metadata.creationTimestamp=2026-11-20T01:02:03.456789Z", "alpha"),
        ("metadata.creationTimestamp>-P1D", ""),
        ("spec.containers.image=img:2", "alpha"),
        ("spec.containers[0].image=img:2", ""),
        ("spec.url.basename()=i-1", "alpha"),
        ("spec.tags.len()>2", "alpha"),
        ('metadata.annotations."run.googleapis.com/creator":me', "alpha"),
        ("media", "alpha"),
        ("-media", "Beta Two, gamma-3"),
        ("zzz", ""),
    ],
)
def test_a_filter_chooses(expression: str, names: str) -> None:
    holds = compile_filter(expression)
    assert ", ".join(item["metadata"]["name"] for item in ALL if holds(item)) == names  # type: ignore[index]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("a=b AND c=d OR e=f", "Parenthesis grouping is required when AND and OR are combined"),
        ("a:", "Term operand expected [a: *HERE*]"),
        ("=x", "Key name expected [*HERE* =x]"),
        ("a==b", "Malformed operator"),
        ("a=b)", "Unexpected tokens [a=b *HERE* )]"),
        ("(a=b", "More tokens expected"),
        ("a=b AND", "Term expected [a=b AND *HERE*]"),
        ("AND a=b", "Term expected"),
        ("a=AND", "Logical operator not expected"),
        ("a~[", "Filter expression RE pattern [[] does not compile"),
        ("a:b*c*d", "At most one * expected in : patterns [b*c*d]"),
        ("a.nope()=1", "Unknown transform function [nope]"),
        ("(" * 200 + "a=b" + ")" * 200, "Too many brackets"),
    ],
)
def test_a_broken_filter_shows_where_it_is_broken(expression: str, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        compile_filter(expression)
    assert text in str(caught.value)
