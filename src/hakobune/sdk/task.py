"""Which task this process is, and which part of the work is its own.

Source of the variables: "Container runtime contract", section on jobs
(https://cloud.google.com/run/docs/container-contract#jobs-env-vars).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeVar, overload

from hakobune.sdk.errors import TaskEnvironmentError
from hakobune.sdk.shards import Weight, check_part, contiguous_range, weighted_positions

T = TypeVar("T")

INDEX_VARIABLE = "CLOUD_RUN_TASK_INDEX"
COUNT_VARIABLE = "CLOUD_RUN_TASK_COUNT"
ATTEMPT_VARIABLE = "CLOUD_RUN_TASK_ATTEMPT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of a job execution. The defaults describe a program that runs outside any job: one task of one.

    index: 0..count - 1. count: tasks of the execution. attempt: tries before this one. job, execution: their ids, ""
    outside a job. Raises ValueError for an index that is not below the count.
    """

    index: int = 0
    count: int = 1
    attempt: int = 0
    job: str = ""
    execution: str = ""

    def __post_init__(self) -> None:
        check_part(self.index, self.count)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The task that the environment describes. Raises TaskEnvironmentError, which names the wrong variable."""
        count = _number(environ, COUNT_VARIABLE, default=1)
        if count < 1:
            raise TaskEnvironmentError(COUNT_VARIABLE, "must be at least 1, not 0")
        index = _number(environ, INDEX_VARIABLE, default=0)
        if index >= count:
            raise TaskEnvironmentError(
                INDEX_VARIABLE, f"must be below {COUNT_VARIABLE}, which is {count}; it is {index}"
            )
        return cls(
            index=index,
            count=count,
            attempt=_number(environ, ATTEMPT_VARIABLE, default=0),
            job=environ.get("CLOUD_RUN_JOB", ""),
            execution=environ.get("CLOUD_RUN_EXECUTION", ""),
        )

    @overload
    def shard(self, items: Sequence[T]) -> Sequence[T]: ...
    @overload
    def shard(self, items: Iterable[T]) -> Iterable[T]: ...
    def shard(self, items: Sequence[T] | Iterable[T]) -> Sequence[T] | Iterable[T]:
        """Every `count`-th item from `index` on: `items[index::count]`.

        Of a sequence you get a slice; of any other iterable an iterator that reads it as you go. All tasks must see
        the same items in the same order, so a set is refused (TypeError): its order differs between processes.
        """
        if isinstance(items, (set, frozenset)):
            raise TypeError("a set has no order that all tasks share: shard(sorted(items)) instead")
        if isinstance(items, Sequence):
            return items[self.index :: self.count]
        return islice(items, self.index, None, self.count)

    def contiguous(self, items: Sequence[T]) -> Sequence[T]:
        """This task's run of neighbouring items. Sizes differ by at most one between tasks; longer runs come first."""
        part = contiguous_range(len(items), self.index, self.count)
        return items[part.start : part.stop]

    def weighted(self, items: Sequence[T], weights: Sequence[Weight]) -> list[T]:
        """This task's items when the parts shall weigh nearly the same, in their order.

        `weights[i]` is the cost of `items[i]` in any unit (bytes, seconds): finite, not negative, the same on every
        task. The algorithm and its bound: `hakobune.sdk.shards.weighted_positions`. Raises ValueError.
        """
        if len(items) != len(weights):
            raise ValueError(f"{len(items)} items but {len(weights)} weights: give one weight per item")
        return [items[position] for position in weighted_positions(weights, self.count)[self.index]]


@overload
def shard(items: Sequence[T]) -> Sequence[T]: ...
@overload
def shard(items: Iterable[T]) -> Iterable[T]: ...
def shard(items: Sequence[T] | Iterable[T]) -> Sequence[T] | Iterable[T]:
    """`Task.from_env().shard(items)`: every `count`-th item from this task's index on."""
    return Task.from_env().shard(items)


def contiguous(items: Sequence[T]) -> Sequence[T]:
    """`Task.from_env().contiguous(items)`: this task's run of neighbouring items."""
    return Task.from_env().contiguous(items)


def weighted(items: Sequence[T], weights: Sequence[Weight]) -> list[T]:
    """`Task.from_env().weighted(items, weights)`: this task's items when all parts shall weigh nearly the same."""
    return Task.from_env().weighted(items, weights)


def _number(environ: Mapping[str, str], variable: str, *, default: int) -> int:
    text = environ.get(variable)
    if text is None:
        return default
    # int() would also take " 1", "1_0" and digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise TaskEnvironmentError(variable, f"must be a whole number that is not negative, not {text[:40]!r}")
    return int(text)
