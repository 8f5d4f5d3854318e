"""Who may write onto an object that is there: that needs the right to delete, too, when policies are enforced.

Source: Cloud Storage documentation, "IAM permissions for JSON methods": storage.objects.delete beside
storage.objects.create, if an existing object is overwritten.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from hakobune.core.errors import PermissionDenied
from hakobune.core.objects.failures import NothingFound
from hakobune.core.objects.model import Destination, SourceVersion, UploadTarget
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request

_DELETE = "storage.objects.delete"

Place = TypeVar("Place", UploadTarget, Destination, SourceVersion)


class Overwrites:
    """Asks the guard about names that are written."""

    def __init__(self, runtime: Runtime) -> None:
        self._objects = runtime.objects
        self._guard = runtime.guard

    async def checked(self, request: Request, place: Place) -> Place:
        """The place as the caller may write it: whoever may not delete writes only where nothing is, also when
        something comes there meanwhile. Raises PermissionDenied."""
        if not self._guard.is_enforced or await self._may_delete(request.account, place.bucket):
            return place
        try:
            await self._objects.questions.get(SourceVersion(bucket=place.bucket, name=place.name))
        except NothingFound:
            if place.conditions.generation_match is not None:
                return place  # which is not met, or says that nothing is there
            return replace(place, conditions=replace(place.conditions, generation_match=0))
        raise PermissionDenied(
            f"Permission '{_DELETE}' denied on resource 'buckets/{place.bucket}' (an object is there already, and would"
            f" be overwritten), for {request.account}."
        )

    async def _may_delete(self, account: str, bucket: str) -> bool:
        try:
            project = (await self._objects.buckets.get(bucket)).project
        except NothingFound:
            return True  # and the write says what is missing
        return bool(await self._guard.held(account, [_DELETE], f"buckets/{bucket}", project))
