"""What the platform says about instances that end by themselves, on its way to the log `varlog/system`. A crash may cut
off the last of it: the counts and the reason are kept with the instance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hakobune.core.logs.residents import instance_ended
from hakobune.core.services import texts
from hakobune.core.services.model import Revision
from hakobune.engines.api import Ended, EndKind
from hakobune.runtime.attempts import Observer
from hakobune.runtime.log_gathering import Entries, Gathering
from hakobune.runtime.service_lanes import revision_of_lane

_WAITING_MAX = 5_000  # entries that wait to be written; what comes beyond them is dropped
_SILENT = frozenset({EndKind.LOST, EndKind.STOPPED})  # we ended it


class InstanceLog(Observer):
    """Hears of ends from the engine. `find` gives a revision by its uid."""

    def __init__(self, entries: Entries, find: Callable[[str], Revision | None]) -> None:
        self._gathering = Gathering(entries, "instances", at_most=_WAITING_MAX)
        self._find = find

    def ended(self, report: Ended) -> None:
        """An instance is over."""
        revision_uid = revision_of_lane(report.lane_uid)
        revision = None if revision_uid is None else self._find(revision_uid)
        if revision is None or report.kind in _SILENT:
            return
        text = texts.ended(report.exit_code, report.signal, report.detail)
        is_good = report.exit_code == 0
        self._gathering.take(partial(instance_ended, revision, report.attempt_uid, report.at_s, text, is_good=is_good))

    async def run(self) -> None:
        """Until cancelled."""
        await self._gathering.run()
