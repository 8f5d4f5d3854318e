"""Kubernetes quantities."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.core.quantities import bytes_from_quantity, millicores_from_quantity


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("512Mi", 512 * 1024**2),
        ("2Gi", 2 * 1024**3),
        ("1G", 10**9),
        ("1.5Gi", 3 * 1024**3 // 2),
        ("1e3", 1000),
        ("1E-3", 1),
        ("1E", 10**18),
        ("1Ei", 1024**6),
        ("100k", 100_000),
        ("0", 0),
        ("+1", 1),
        ("1.", 1),
        ("500m", 1),  # half a byte rounds up
        ("1n", 1),
    ],
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert bytes_from_quantity(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "millicores"), [("1", 1000), ("1000m", 1000), ("0.5", 500), (".5", 500), ("1u", 1), ("80m", 80)]
)
def test_processors(text: str, millicores: int) -> None:
    assert millicores_from_quantity(text) == millicores


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-1",
        "1 Gi",
        "1gi",
        "1KiB",
        "1ki",
        "Mi",
        ".",
        "1e",
        "1e999",
        "١Gi",
        "0x10",
        "inf",
        "1" * 21,
        "1\n",
        "1Mi\0",
    ],
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        bytes_from_quantity(text)


@settings(deadline=None)
@given(st.integers(0, 10**12), st.sampled_from(["Ki", "Mi", "Gi"]))
def test_whole_sizes_are_exact(number: int, unit: str) -> None:
    power = {"Ki": 1, "Mi": 2, "Gi": 3}[unit]
    assert bytes_from_quantity(f"{number}{unit}") == number * 1024**power


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert bytes_from_quantity(text) >= 0
