"""Three ways to cut a list of work into one part per task. Pure functions of the length or weights and the task count.

Every split is complete (each position is in a part), disjoint (in one part only), stable (the same inputs give the
same parts on every machine and Python version) and keeps the order of the items.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

Weight = int | float


def check_part(index: int, count: int) -> None:
    """Raises ValueError unless 0 ≤ index < count."""
    if count < 1:
        raise ValueError(f"the number of tasks must be at least 1, not {count}")
    if not 0 <= index < count:
        raise ValueError(f"the task index must be in 0..{count - 1}, not {index}")


def contiguous_range(length: int, index: int, count: int) -> range:
    """The positions of part `index` when `length` items are cut into `count` runs of neighbours.

    Sizes differ by at most one; the longer runs come first.
    """
    check_part(index, count)
    size, longer = divmod(length, count)
    start = index * size + min(index, longer)
    return range(start, start + size + (1 if index < longer else 0))


def weighted_positions(weights: Sequence[Weight], count: int) -> list[list[int]]:
    """The positions of every part, so that the parts weigh nearly the same.

    Longest processing time first: items are taken from the heaviest to the lightest (equal weights: lower position
    first), each goes to the part that is lightest so far (equal loads: fewer items first, then lower index). Loads are
    exact integers, so no rounding can differ between machines.

    No part weighs more than total / count + (1 - 1 / count) × heaviest item, nor more than 4/3 - 1/(3 × count) times
    the best split there is (R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969).

    Raises ValueError for a weight that is negative or not finite.
    """
    check_part(0, count)
    exact = _exact(weights)
    parts: list[list[int]] = [[] for _ in range(count)]
    lightest = [(0, 0, part) for part in range(count)]  # sorted, hence a heap
    for position in sorted(range(len(exact)), key=lambda position: (-exact[position], position)):
        load, items, part = lightest[0]
        parts[part].append(position)
        heapq.heapreplace(lightest, (load + exact[position], items + 1, part))
    return [sorted(part) for part in parts]


def _exact(weights: Sequence[Weight]) -> list[int]:
    """The weights as integers in one common unit. A float is a fraction over a power of two, so nothing is lost."""
    ratios: list[tuple[int, int]] = []
    for position, weight in enumerate(weights):
        if not math.isfinite(weight) or weight < 0:
            raise ValueError(f"the weight at position {position} must be finite and not negative, not {weight!r}")
        ratios.append(weight.as_integer_ratio())
    unit = max((denominator for _, denominator in ratios), default=1)
    return [numerator * (unit // denominator) for numerator, denominator in ratios]
