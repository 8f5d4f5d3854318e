"""The objects room: buckets, objects, uploads. Each desk of it has a chapter of its own (`objects_*`).

The signatures of the desks are stable: what changes are docstrings, new keyword parameters with a default, and the
order of what is not keyword. All of them raise `core.objects.failures.ObjectsError` for what users did, and
Unavailable or ResourceExhausted of `core.errors` when the store or the disk refuses (nothing happened, try again).
"""

from __future__ import annotations

import anyio

from hakobune.runtime.clock import Identifiers
from hakobune.runtime.objects_buckets import Buckets
from hakobune.runtime.objects_changes import ObjectChanges
from hakobune.runtime.objects_cleaning import Cleaning
from hakobune.runtime.objects_composing import Composing
from hakobune.runtime.objects_examination import Examination
from hakobune.runtime.objects_multipart import MultipartUploads
from hakobune.runtime.objects_notices import ROOM, Notices, Notifications
from hakobune.runtime.objects_questions import ObjectQuestions
from hakobune.runtime.objects_sessions import Sessions
from hakobune.runtime.objects_uploads import Uploads
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Wheel
from hakobune.store.blobs import Blobs


class ObjectsRoom:
    """Buckets and objects of all projects.

    `buckets` makes, changes and removes buckets; `notifications` holds who is told; `questions` gets, lists and opens
    objects; `changes` patches, deletes, copies, moves and restores them; `composing` joins them; `uploads` takes whole
    contents, `sessions` resumable ones, `multipart` those of the XML API.
    """

    def __init__(self, wheel: Wheel, identifiers: Identifiers, blobs: Blobs, threads: Threads) -> None:
        self.notices = Notices()
        self.cleaning = cleaning = Cleaning(wheel, blobs, threads)
        self.buckets = Buckets(wheel, cleaning)
        self.notifications = Notifications(wheel)
        self.questions = ObjectQuestions(wheel.store, blobs, threads)
        self.changes = ObjectChanges(wheel, cleaning)
        self.uploads = Uploads(wheel, identifiers, blobs, threads, cleaning)
        self.sessions = Sessions(wheel, identifiers, blobs, threads, cleaning)
        self.multipart = MultipartUploads(wheel, identifiers, blobs, threads, cleaning)
        self.composing = Composing(wheel, identifiers, blobs, threads, cleaning)
        self.examination = Examination(wheel.store, blobs, threads)
        self._blobs = blobs
        wheel.add_room(ROOM, self.notices)

    async def run(self) -> None:
        """Remove what is of no use any more, apply lifecycle rules, examine when asked to, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.cleaning.run)
            group.start_soon(self.examination.run)

    def close(self) -> None:
        """End the threads of the content files."""
        self._blobs.close()
