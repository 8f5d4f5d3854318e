"""Work that several ask for at once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from hakobune.core.errors import NotFound
from hakobune.runtime.shared_work import SharedWork

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


class Work:
    """Takes a second, and knows how often it was done."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.times = 0
        self._problem = problem

    async def __call__(self) -> int:
        self.times += 1
        await anyio.sleep(1)
        if self._problem is not None:
            raise self._problem
        return self.times


async def test_given_work_when_several_ask_at_once_then_it_is_done_once_and_again_for_who_asks_later() -> None:
    shared, work, found = SharedWork[int](), Work(), list[int]()

    async def ask(key: str) -> None:
        found.append(await shared.get(key, work))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask, "a")
    assert found == [1, 1, 1]
    assert await shared.get("a", work) == 2


async def test_given_work_that_fails_when_several_ask_then_all_learn_it() -> None:
    shared, work, refused = SharedWork[int](), Work(NotFound("gone")), list[str]()

    async def ask() -> None:
        with pytest.raises(NotFound) as refusal:
            await shared.get("a", work)
        refused.append(refusal.value.message)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert (refused, work.times) == (["gone", "gone"], 1)


async def test_given_who_does_the_work_leaves_when_others_wait_then_one_of_them_does_it() -> None:
    shared, work, found = SharedWork[int](), Work(), list[int]()

    async def leave() -> None:
        with anyio.move_on_after(0.5):
            await shared.get("a", work)

    async def ask() -> None:
        found.append(await shared.get("a", work))

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await anyio.sleep(0.1)
        group.start_soon(ask)
        group.start_soon(ask)
    assert (found, work.times) == ([2, 2], 2)
