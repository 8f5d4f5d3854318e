"""Pages of lists."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.core import paging
from hakobune.core.errors import InvalidArgument


@pytest.mark.parametrize(("wanted", "size"), [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_page_sizes_have_a_default_and_a_maximum(wanted: int, size: int) -> None:
    assert paging.page_size(wanted) == size


def test_given_a_negative_size_when_asked_then_the_field_is_named() -> None:
    with pytest.raises(InvalidArgument) as caught:
        paging.page_size(-1, field="pageSize")
    assert caught.value.violations[0].field == "pageSize"


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_a_token_leads_back_to_its_position(kind: str, after: str) -> None:
    token = paging.encode(kind, after)
    assert paging.decode(kind, token) == after
    assert token.replace("-", "").replace("_", "").isalnum()


def test_no_token_is_the_beginning() -> None:
    assert paging.decode("jobs", "") == ""


def test_given_a_token_of_another_list_when_used_then_it_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="page_token: is not a page token of this list"):
        paging.decode("jobs/p2/us-central1", paging.encode("jobs/p1/us-central1", "thumbs"))


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "bogus",
        "ü",
        "a" * 10_000,
        "AAAAAAAAAAAAAAAA",
        paging.encode("jobs", "thumbs")[:-1],
        paging.encode("jobs", "thumbs") + "=",
        " " + paging.encode("jobs", "thumbs"),
        base64.urlsafe_b64encode(b"\xff" * 20).decode(),
    ],
)
def test_given_a_token_that_we_did_not_make_when_used_then_it_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        paging.decode("jobs", token)
    assert caught.value.violations[0].field == "page_token"


@settings(deadline=None)
@given(st.text(max_size=60))
def test_made_up_tokens_never_pass(token: str) -> None:
    if token:
        with pytest.raises(InvalidArgument):
            paging.decode("jobs", token)
