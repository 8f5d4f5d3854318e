"""Traffic and instances, divided among revisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from resident_builders import a_service

from hakobune.core.services.model import Share
from hakobune.core.services.shares import chosen, divided, percents, resolved, serving


def test_given_no_shares_then_all_goes_to_the_latest_ready_revision() -> None:
    service = a_service(latest_ready="web-2")
    assert resolved(service) == (Share(revision="web-2", percent=100),)
    assert serving(service) == {"web-2"}
    assert resolved(a_service()) == ()


def test_given_shares_then_a_revision_with_a_tag_alone_serves_as_well() -> None:
    shares = (
        Share(percent=90),
        Share(revision="web-1", percent=10),
        Share(revision="web-0", tag="old"),
        Share(revision="x"),
    )
    service = a_service(latest_ready="web-2", shares=shares)
    assert percents(service) == {"web-2": 90, "web-1": 10, "web-0": 0, "x": 0}
    assert serving(service) == {"web-2", "web-1", "web-0"}


@pytest.mark.parametrize(
    ("tag", "seed", "expected"),
    [("", 0.0, "a"), ("", 0.29, "a"), ("", 0.31, "b"), ("", 0.999, "b"), ("t", 0.5, "c"), ("u", 0.5, None)],
)
def test_given_a_seed_then_the_percentages_choose(tag: str, seed: float, expected: str | None) -> None:
    shares = [Share(revision="a", percent=30), Share(revision="b", percent=70), Share(revision="c", tag="t")]
    assert chosen(shares, tag, seed) == expected


@given(st.integers(0, 1_000), st.lists(st.integers(0, 100), max_size=6))
def test_what_is_divided_adds_up_and_is_close_to_the_ratio(total: int, parts: list[int]) -> None:
    found = divided(total, parts)
    whole = sum(parts)
    assert sum(found) == (total if whole else 0)
    assert all(abs(count - total * part / whole) < 1 for count, part in zip(found, parts, strict=True) if whole)
