"""Names of buckets and objects, and their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.names import check_bucket, check_object, successor

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6)


@pytest.mark.parametrize("name", ["abc", "a-b_c.d", "0ab", "x" * 63, ".".join(["x" * 63] * 3), "a1.b2", "1.2.3.a"])
def test_given_a_name_that_a_bucket_can_have_when_it_is_checked_then_it_is_taken(name: str) -> None:
    assert check_bucket(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "ab", "x" * 64, "Abc", "-abc", "abc-", "_abc", "a..b", "a.-b", "1.2.3.4", "google1", "goog-x", "a/b", "a b",
     "é" * 5, "abc\n", "healthz", "storage", ".".join(["x" * 63] * 4), "a." + "x" * 64],
)  # fmt: skip
def test_given_a_name_that_no_bucket_can_have_when_it_is_checked_then_it_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid bucket name"):
        check_bucket(name)


@pytest.mark.parametrize("name", ["a", "x" * 1024, "é" * 512, "a/../b", "/", " ", "...", "\x01", "\U0010ffff"])
def test_given_a_name_that_an_object_can_have_when_it_is_checked_then_it_is_taken(name: str) -> None:
    assert check_object(name) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "empty"),
        ("x" * 1025, "1025"),
        ("é" * 513, "1026"),
        (".", "not be"),
        ("..", "not be"),
        ("a\0", "NUL"),
        ("a\r", "NUL"),
        ("a\n", "NUL"),
        ("\ud800", "Unicode"),
        (".well-known/acme-challenge/x", "begin with"),
    ],
)
def test_given_a_name_that_no_object_can_have_when_it_is_checked_then_it_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        check_object(name)


@given(TEXTS, TEXTS)
def test_a_text_lies_below_the_successor_of_a_prefix_exactly_if_it_lies_below_or_begins_with_it(
    prefix: str, text: str
) -> None:
    after = successor(prefix)
    is_below = text.startswith(prefix) or text.encode() < prefix.encode()
    assert (after is None or text.encode() < after.encode()) == is_below


def test_given_the_last_code_points_when_the_successor_is_asked_for_then_it_steps_over_them() -> None:
    assert successor("a\U0010ffff") == "b"
    assert successor("\U0010ffff") is None
    assert successor("") is None
    assert successor("a\ud7ff") == "a\ue000"
