"""Buckets: made, shown, changed, removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hakobune.core import paging
from hakobune.core.objects import conditions as preconditions
from hakobune.core.objects.contents import check_settings
from hakobune.core.objects.failures import Conflicts, InvalidRequest
from hakobune.core.objects.limits import PAGE_ITEMS
from hakobune.core.objects.model import (
    DEFAULT_LOCATION,
    NO_CONDITIONS,
    Bucket,
    BucketSettings,
    BucketsPage,
    Preconditions,
)
from hakobune.core.objects.names import check_bucket
from hakobune.runtime.objects_cleaning import Cleaning
from hakobune.runtime.objects_versions import the_bucket
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx

_LOCATION_CHARS = 63


class Buckets:
    """What callers may do to buckets."""

    def __init__(self, wheel: Wheel, cleaning: Cleaning) -> None:
        self._wheel = wheel
        self._cleaning = cleaning

    async def create(self, project: str, name: str, settings: BucketSettings, *, location: str = "") -> Bucket:
        """A new bucket. Raises InvalidRequest (name, settings), Conflicts (the name is taken, in any project)."""
        check_bucket(name)
        check_settings(settings)
        if (not location.replace("-", "").isalnum() and location) or len(location) > _LOCATION_CHARS:
            raise InvalidRequest("The specified location constraint is not valid.")

        def unit(turn: Turn) -> Bucket:
            bucket = Bucket(
                name=name,
                project=project,
                create_s=turn.now_s,
                update_s=turn.now_s,
                location=location.upper() or DEFAULT_LOCATION,
                settings=_dated(settings, None, turn.now_s),
            )
            old = turn.tx.objects.find_bucket(name)
            if old is not None and old.project != project:
                raise Conflicts(
                    "The requested bucket name is not available. The bucket namespace is shared by all "
                    "projects of this house. Please select a different name and try again."
                )
            turn.tx.objects.add_bucket(bucket)
            return bucket

        return await self._wheel.turn(unit)

    async def get(self, name: str, conditions: Preconditions = NO_CONDITIONS) -> Bucket:
        """The bucket. `conditions`: only the two of metagenerations. Raises NothingFound, ConditionNotMet,
        NotModified."""

        def unit(tx: ReadTx) -> Bucket:
            bucket = the_bucket(tx.objects, name)
            _check(conditions, bucket, is_read=True)
            return bucket

        return await self._wheel.store.read(unit)

    async def list(self, project: str, *, prefix: str = "", max_results: int = 0, page_token: str = "") -> BucketsPage:
        """Buckets of a project by name. Raises InvalidRequest, and InvalidArgument of core.errors for a page token of
        another list."""
        if max_results < 0:
            raise InvalidRequest("maxResults must not be negative.")
        limit = min(max_results or PAGE_ITEMS, PAGE_ITEMS)
        kind = f"projects/{project}/buckets"
        page = Page(limit=limit + 1, after=paging.decode(kind, page_token, field="pageToken"))
        found = await self._wheel.store.read(lambda tx: tx.objects.list_buckets(project, prefix, page))
        token = paging.encode(kind, found[limit - 1].name) if len(found) > limit else ""
        return BucketsPage(items=tuple(found[:limit]), next_page_token=token)

    async def change(
        self, name: str, change: Callable[[BucketSettings], BucketSettings], conditions: Preconditions = NO_CONDITIONS
    ) -> Bucket:
        """Patch or update: `change` gets the settings as they are and returns the new ones; it is pure, runs inside the
        transaction, and may raise. The metageneration rises, also when nothing differs. Raises NothingFound,
        ConditionNotMet, InvalidRequest."""

        def unit(turn: Turn) -> Bucket:
            old = the_bucket(turn.tx.objects, name)
            _check(conditions, old, is_read=False)
            settings = _dated(check_settings(change(old.settings)), old.settings, turn.now_s)
            new = replace(old, settings=settings, metageneration=old.metageneration + 1, update_s=turn.now_s)
            turn.tx.objects.replace_bucket(new)
            return new

        return await self._wheel.turn(unit)

    async def delete(self, name: str, conditions: Preconditions = NO_CONDITIONS) -> None:
        """Remove an empty bucket with its notification configs and open uploads; its IAM policy (resource
        `buckets/NAME` of the store's policies) goes, too. Raises NothingFound, ConditionNotMet, Conflicts (it has
        objects, noncurrent ones included)."""

        def unit(turn: Turn) -> None:
            bucket = the_bucket(turn.tx.objects, name)
            _check(conditions, bucket, is_read=False)
            if turn.tx.objects.has_objects(name):
                raise Conflicts("The bucket you tried to delete is not empty.")
            turn.tx.objects.remove_bucket(bucket)

        await self._wheel.turn(unit)
        self._cleaning.nudge()


def _check(conditions: Preconditions, bucket: Bucket, *, is_read: bool) -> None:
    wanted = replace(conditions, generation_match=None, generation_not_match=None)
    preconditions.check(wanted, 1, bucket.metageneration, is_read=is_read)


def _dated(new: BucketSettings, old: BucketSettings | None, now_s: float) -> BucketSettings:
    """Settings that say since when the soft delete retention is in force."""
    if not new.soft_delete_s:
        return replace(new, soft_delete_since_s=0.0)
    if old is not None and old.soft_delete_s == new.soft_delete_s:
        return replace(new, soft_delete_since_s=old.soft_delete_since_s)
    return replace(new, soft_delete_since_s=now_s)
