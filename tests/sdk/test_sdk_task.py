from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import count as count_up

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hakobune.sdk as sdk
from hakobune.sdk import Task, TaskEnvironmentError
from hakobune.sdk.shards import weighted_positions

counts = st.integers(1, 40)
weights_of_items = st.lists(
    st.integers(0, 10**20) | st.floats(0, 1e300, allow_nan=False, allow_infinity=False), max_size=80
)


def tasks(count: int) -> list[Task]:
    return [Task(index=index, count=count) for index in range(count)]


def assert_is_a_split(items: Sequence[int], parts: list[Sequence[int]]) -> None:
    """Complete, disjoint, in order. The items are all different."""
    assert sorted(item for part in parts for item in part) == sorted(items)
    position = {item: place for place, item in enumerate(items)}
    for part in parts:
        places = [position[item] for item in part]
        assert places == sorted(places)


def test_given_no_job_when_the_task_is_read_then_it_is_the_only_one() -> None:
    assert Task.from_env() == Task(index=0, count=1, attempt=0, job="", execution="")


def test_given_a_job_when_the_task_is_read_then_all_variables_count() -> None:
    environ = {
        "CLOUD_RUN_JOB": "thumbs",
        "CLOUD_RUN_EXECUTION": "thumbs-x7k2p",
        "CLOUD_RUN_TASK_INDEX": "3",
        "CLOUD_RUN_TASK_COUNT": "10000",
        "CLOUD_RUN_TASK_ATTEMPT": "2",
    }
    assert Task.from_env(environ) == Task(index=3, count=10_000, attempt=2, job="thumbs", execution="thumbs-x7k2p")


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"CLOUD_RUN_TASK_INDEX": "x"}, "CLOUD_RUN_TASK_INDEX"),
        ({"CLOUD_RUN_TASK_INDEX": ""}, "CLOUD_RUN_TASK_INDEX"),
        ({"CLOUD_RUN_TASK_INDEX": "-1"}, "CLOUD_RUN_TASK_INDEX"),
        ({"CLOUD_RUN_TASK_INDEX": "1"}, "CLOUD_RUN_TASK_INDEX"),  # of one task
        ({"CLOUD_RUN_TASK_INDEX": "4", "CLOUD_RUN_TASK_COUNT": "4"}, "CLOUD_RUN_TASK_INDEX"),
        ({"CLOUD_RUN_TASK_COUNT": "0"}, "CLOUD_RUN_TASK_COUNT"),
        ({"CLOUD_RUN_TASK_COUNT": "1_0"}, "CLOUD_RUN_TASK_COUNT"),
        ({"CLOUD_RUN_TASK_COUNT": "٣"}, "CLOUD_RUN_TASK_COUNT"),
        ({"CLOUD_RUN_TASK_ATTEMPT": " 1"}, "CLOUD_RUN_TASK_ATTEMPT"),
        ({"CLOUD_RUN_TASK_ATTEMPT": "1.0"}, "CLOUD_RUN_TASK_ATTEMPT"),
    ],
)
def test_given_a_wrong_value_when_the_task_is_read_then_the_error_names_the_variable(
    environ: dict[str, str], variable: str
) -> None:
    with pytest.raises(TaskEnvironmentError, match=f"^{variable}: ") as caught:
        Task.from_env(environ)
    assert caught.value.variable == variable


@given(st.lists(st.integers(), unique=True), counts)
def test_shards_are_a_split_and_the_slice_of_the_guide(items: list[int], count: int) -> None:
    parts = [task.shard(items) for task in tasks(count)]
    assert_is_a_split(items, parts)
    assert parts == [items[index::count] for index in range(count)]
    assert [list(task.shard(iter(items))) for task in tasks(count)] == parts


def test_given_an_endless_iterable_when_sharded_then_it_is_read_as_far_as_needed() -> None:
    shard = iter(Task(index=2, count=5).shard(count_up()))
    assert [next(shard) for _ in range(3)] == [2, 7, 12]


def test_given_a_set_when_sharded_then_it_is_refused_for_its_order() -> None:
    with pytest.raises(TypeError, match="sorted"):
        Task().shard({"a", "b"})


@given(st.lists(st.integers(), unique=True), counts)
def test_contiguous_parts_are_a_split_into_runs_of_nearly_one_size(items: list[int], count: int) -> None:
    parts = [task.contiguous(items) for task in tasks(count)]
    assert [item for part in parts for item in part] == items
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


@given(weights_of_items, counts)
def test_weighted_parts_are_a_split_within_the_stated_bound(weights: list[int | float], count: int) -> None:
    items = list(range(len(weights)))
    parts = [task.weighted(items, weights) for task in tasks(count)]
    assert_is_a_split(items, parts)
    exact = [Fraction(weight) for weight in weights]
    heaviest_part = max(sum((exact[item] for item in part), Fraction()) for part in parts)
    bound = sum(exact, Fraction()) / count + (1 - Fraction(1, count)) * max(exact, default=Fraction())
    assert heaviest_part <= bound


@given(st.lists(st.integers(0, 9), max_size=9), st.integers(1, 3))
def test_weighted_parts_are_within_a_third_of_the_best_split(weights: list[int], count: int) -> None:
    parts = weighted_positions(weights, count)
    heaviest = max(sum(weights[position] for position in part) for part in parts)
    assert heaviest * 3 * count <= (4 * count - 1) * best_possible(weights, count)


def best_possible(weights: list[int], count: int) -> int:
    loads = {(0,) * count}
    for weight in weights:
        loads = {
            tuple(sorted((*load[:part], load[part] + weight, *load[part + 1 :])))
            for load in loads
            for part in range(count)
        }
    return min(max(load) for load in loads)


@given(weights_of_items, counts)
def test_weighted_parts_do_not_depend_on_the_number_type(weights: list[int | float], count: int) -> None:
    as_floats = [float(weight) for weight in weights]
    as_integers = [int(weight) for weight in as_floats]
    if as_integers == as_floats:
        assert weighted_positions(as_floats, count) == weighted_positions(as_integers, count)


@pytest.mark.parametrize(
    ("weights", "count", "expected"),
    [
        ([5, 4, 3, 3, 3], 2, [[0, 3], [1, 2, 4]]),
        ([1, 1, 1, 1, 1], 3, [[0, 3], [1, 4], [2]]),
        ([0, 0, 0, 0], 2, [[0, 2], [1, 3]]),  # weightless items are spread as well
        ([0.1, 0.2, 0.3, 0.7], 2, [[3], [0, 1, 2]]),
        ([9], 3, [[0], [], []]),
        ([], 2, [[], []]),
    ],
)
def test_weighted_parts_are_fixed_for_ever(weights: list[float], count: int, expected: list[list[int]]) -> None:
    assert weighted_positions(weights, count) == expected


@pytest.mark.parametrize("weight", [-1, -0.5, float("nan"), float("inf")])
def test_given_a_weight_that_is_none_when_split_then_its_position_is_named(weight: float) -> None:
    with pytest.raises(ValueError, match="position 1"):
        Task().weighted(["a", "b"], [1, weight])


def test_given_too_few_weights_when_split_then_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 items but 1 weights"):
        Task().weighted(["a", "b"], [1])


def test_given_a_task_of_a_job_when_the_module_functions_are_used_then_they_take_its_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", "1")
    monkeypatch.setenv("CLOUD_RUN_TASK_COUNT", "2")
    assert sdk.shard("abcde") == "bd"
    assert sdk.contiguous("abcde") == "de"
    assert sdk.weighted("abc", [1, 3, 1]) == ["a", "c"]


def test_given_an_index_that_is_not_below_the_count_when_a_task_is_made_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        Task(index=2, count=2)
