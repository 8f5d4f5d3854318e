"""What the steps of a run would cost on the real service: an estimate, from a table with its date.

Steps are billed by the month, in increments of 1,000, after a free number; what a run costs therefore depends on how
many there are. Source: https://cloud.google.com/workflows/pricing (the table of prices, "Free quota").
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from typing import Final

from hakobune.core.errors import InvalidArgument
from hakobune.core.workflows.model import StepCounts

_INCREMENT: Final = 1_000  # steps that are billed together


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices, and `as_of`, the day on which they were checked. Dollars for 1,000 steps, steps a month that are free."""

    as_of: str
    internal_usd: float
    internal_free: int
    external_usd: float
    external_free: int


PRICES: Final = Prices(
    as_of="2026-11-25", internal_usd=0.01, internal_free=5_000, external_usd=0.025, external_free=2_000
)
"""The list prices in US dollars that are taken unless a table is given.

Checked on that day: the free steps, the increments and what counts as a step against a copy of the page above, the two
prices against several public documents that repeat them (the copy had none).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What so many runs a month cost. `run_usd` is the price of one run beyond the free steps, not rounded up."""

    prices: Prices
    steps: StepCounts
    runs: int
    run_usd: float
    month_usd: float

    def describe(self) -> str:
        """The estimate in a line."""
        counts = f"{self.steps.internal} internal and {self.steps.external} external steps"
        runs = "1 run" if self.runs == 1 else f"{self.runs:,} runs"
        return f"{counts}; {runs} a month: ${self.month_usd:,.2f} (prices of {self.prices.as_of})"


def estimate(steps: StepCounts, *, runs: int = 1, prices: Prices = PRICES) -> Estimate:
    """What `runs` runs of so many steps each cost in a month in which nothing else runs."""
    return Estimate(
        prices=prices,
        steps=steps,
        runs=runs,
        run_usd=(steps.internal * prices.internal_usd + steps.external * prices.external_usd) / _INCREMENT,
        month_usd=_billed_usd(steps.internal * runs, prices.internal_free, prices.internal_usd)
        + _billed_usd(steps.external * runs, prices.external_free, prices.external_usd),
    )


def _billed_usd(steps: int, free: int, usd: float) -> float:
    return math.ceil(max(0, steps - free) / _INCREMENT) * usd


def read_prices(text: str) -> Prices:
    """A table in TOML: `as_of = "2026-11-25"`, `internal_usd = 0.01`, …; what is left out is as in PRICES, but the date
    must be there. Raises InvalidArgument.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidArgument(f"the table of prices is no TOML: {error}") from error
    known = [field.name for field in fields(Prices)]
    for name, value in given.items():
        if name not in known:
            raise InvalidArgument(f"the table of prices has an unknown key {name!r}; its keys are {', '.join(known)}")
        is_good = isinstance(value, str) if name == "as_of" else _is_amount(value, is_whole=name.endswith("_free"))
        if not is_good:
            raise InvalidArgument(f"the table of prices: {name} must be {_wanted(name)}, not {value!r}")
    if "as_of" not in given:
        raise InvalidArgument('the table of prices has no date: write as_of = "YYYY-MM-DD"')
    return Prices(
        as_of=str(given["as_of"]),
        internal_usd=float(given.get("internal_usd", PRICES.internal_usd)),
        internal_free=int(given.get("internal_free", PRICES.internal_free)),
        external_usd=float(given.get("external_usd", PRICES.external_usd)),
        external_free=int(given.get("external_free", PRICES.external_free)),
    )


def _is_amount(value: object, *, is_whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        return False
    return 0 <= value < math.inf


def _wanted(name: str) -> str:
    if name == "as_of":
        return 'a date such as "2026-11-25"'
    return "a whole number of steps" if name.endswith("_free") else "dollars for 1,000 steps"
