"""What was made of the kinds that have no labels: an object in a bucket of the project, one for each set.

Decision 0032. The object is written with the generation that was read as its precondition: of two that apply the same
set at once, the second one learns it.
"""

from __future__ import annotations

import re

from hakobune.cli.apply.kinds import Key
from hakobune.cli.document import Document, at, list_at, text_at
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.run_api import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_VERSION = 1


class Record:
    """The resources without labels that a set has made."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._bucket = bucket_of(session.project)
        self._object = f"{name}.json"
        self._generation = "0"
        self._keys: set[Key] = set()
        self._is_changed = False

    def read(self) -> None:
        """Read what is there. Raises CommandError."""
        path = f"/storage/v1/b/{quoted(self._bucket)}/o/{quoted(self._object)}"
        try:
            generation = text_at(self._session.call("GET", path), "generation")
            held = self._session.call("GET", f"{path}?alt=media&generation={generation}")
        except ApiError as error:
            if error.code == 404:
                return
            raise
        if at(held, "version") != _VERSION:
            raise CommandError(f"gs://{self._bucket}/{self._object} was written by another version of hakobune.")
        self._generation = generation
        for item in list_at(held, "resources"):
            self._keys.add(Key(text_at(item, "kind"), text_at(item, "location"), text_at(item, "id")))

    @property
    def keys(self) -> frozenset[Key]:
        """What was made and not removed."""
        return frozenset(self._keys)

    def add(self, key: Key) -> None:
        """It was made."""
        self._is_changed |= key not in self._keys
        self._keys.add(key)

    def discard(self, key: Key) -> None:
        """It was removed."""
        self._is_changed |= key in self._keys
        self._keys.discard(key)

    def write(self) -> None:
        """Keep what has changed. Raises CommandError: also when somebody else has applied the set meanwhile."""
        if not self._is_changed:
            return
        resources: list[object] = [
            {"kind": key.kind, "location": key.location, "id": key.id} for key in sorted(self._keys)
        ]
        body: Document = {"version": _VERSION, "resources": resources}
        if self._generation == "0":
            self._make_bucket()
        query = f"uploadType=media&name={quoted(self._object)}&ifGenerationMatch={self._generation}"
        try:
            answer = self._session.call("POST", f"/upload/storage/v1/b/{quoted(self._bucket)}/o?{query}", body)
        except ApiError as error:
            if error.code != 412:
                raise
            raise CommandError(
                f"Somebody else has applied this set at the same time: gs://{self._bucket}/{self._object} has changed."
                " What was made just now is not on record; apply once more"
            ) from error
        self._generation = text_at(answer, "generation")
        self._is_changed = False

    def _make_bucket(self) -> None:
        try:
            self._session.call("POST", f"/storage/v1/b?project={quoted(self._session.project)}", {"name": self._bucket})
        except ApiError as error:
            if error.code != 409:
                raise


def bucket_of(project: str) -> str:
    """The bucket of the records of a project."""
    return "hakobune-applied-" + re.sub(r"[^a-z0-9-]", "-", project)[:40].strip("-")
