"""What attempts do to the world through our servers, on record: begun, applied (in the transaction that did it),
answered. Of each attempt the newest are kept (`wheel.EFFECTS_KEPT`)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hakobune.core.errors import ResourceExhausted, Unavailable
from hakobune.runtime.attempts import lane_of
from hakobune.runtime.service_lanes import revision_of_lane
from hakobune.runtime.wheel import Origin, Wheel, origin
from hakobune.store.api import EffectPhase

T = TypeVar("T")

_TARGET_CHARS = 500
_KEY_CHARS = 200
_log = logging.getLogger("hakobune.effects")


class Effects:
    """The one way onto the record, for HTTP and gRPC alike. `is_on`: whether there is any."""

    def __init__(self, wheel: Wheel, *, is_on: bool) -> None:
        self._wheel = wheel
        self._is_on = is_on

    async def noted(self, attempt_uid: str, target: str, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` answers: a call by which an attempt changes something. `target` is its method and path in REST,
        `key` what makes it safe to repeat. Raises what the work raises, and Unavailable or ResourceExhausted: it cannot
        be recorded, and was not begun."""
        if not self._is_on or revision_of_lane(lane_of(attempt_uid)) is not None:
            return await work()  # instances of services and workers live on: there is no end to what they do
        mark = Origin(
            attempt_uid=attempt_uid, call=self._wheel.new_call(), target=target[:_TARGET_CHARS], key=key[:_KEY_CHARS]
        )
        await self._wheel.note(mark, EffectPhase.STARTED)
        token = origin.set(mark)
        try:
            return await work()
        finally:
            origin.reset(token)
            await self._note_answer(mark)

    async def _note_answer(self, mark: Origin) -> None:
        """What was applied keeps its answer, also when the disk has no room for the note."""
        try:
            await self._wheel.note(mark, EffectPhase.ANSWERED)
        except (ResourceExhausted, Unavailable) as refusal:
            _log.warning("the answer to a call of attempt %s is not on record: %s", mark.attempt_uid, refusal.message)
