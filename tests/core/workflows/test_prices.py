"""What steps would cost."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.workflows.model import StepCounts
from hakobune.core.workflows.prices import PRICES, Prices, estimate, read_prices


def test_the_list_prices_are_those_of_the_public_page() -> None:
    assert (PRICES.internal_usd, PRICES.internal_free) == (0.01, 5_000)
    assert (PRICES.external_usd, PRICES.external_free) == (0.025, 2_000)


@pytest.mark.parametrize(
    ("internal", "external", "runs", "month_usd"),
    [
        (5_000, 2_000, 1, 0.0),
        (5_001, 0, 1, 0.01),
        (6_000, 0, 1, 0.01),
        (6_001, 0, 1, 0.02),
        (0, 2_001, 1, 0.025),
        (10, 5, 10_000, 95 * 0.01 + 48 * 0.025),
    ],
)
def test_a_month_is_billed_in_thousands_after_what_is_free(
    internal: int, external: int, runs: int, month_usd: float
) -> None:
    found = estimate(StepCounts(internal=internal, external=external), runs=runs)
    assert found.month_usd == pytest.approx(month_usd)


def test_a_run_costs_its_steps() -> None:
    found = estimate(StepCounts(internal=100, external=10))
    assert found.run_usd == pytest.approx(0.001 + 0.00025)
    assert found.describe() == (f"100 internal and 10 external steps; 1 run a month: $0.00 (prices of {PRICES.as_of})")


def test_a_table_of_ones_own_takes_the_place_of_the_list() -> None:
    prices = read_prices('as_of = "2030-01-01"\ninternal_usd = 1\nexternal_free = 0\n')
    assert prices == Prices(
        as_of="2030-01-01", internal_usd=1.0, internal_free=5_000, external_usd=0.025, external_free=0
    )
    assert estimate(StepCounts(internal=1_000), prices=prices).run_usd == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("as_of = ", "no TOML"),
        ("internal_usd = 1", "no date"),
        ("as_of = 3", "as_of must be a date"),
        ('as_of = "x"\ninternal_usd = "1"', "internal_usd must be dollars"),
        ('as_of = "x"\ninternal_usd = -1', "internal_usd must be dollars"),
        ('as_of = "x"\nexternal_free = 1.5', "external_free must be a whole number"),
        ('as_of = "x"\nexternal_free = true', "external_free must be a whole number"),
        ('as_of = "x"\ncurrency = "EUR"', "unknown key 'currency'"),
    ],
)
def test_a_table_with_a_mistake_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        read_prices(text)
