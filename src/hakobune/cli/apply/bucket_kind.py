"""Buckets, in the fields of the JSON API of Cloud Storage v1."""

from __future__ import annotations

from hakobune.cli.apply.kinds import Ground, Key, Wanted, labels_of, name_of, without
from hakobune.cli.apply.problems import Fault, RefusedError
from hakobune.cli.document import Document, as_dict, is_dict, list_at, text_at
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.run_api import quoted
from hakobune.core.names import project_number
from hakobune.core.objects.contents import check_settings
from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.names import check_bucket
from hakobune.wire.storage_v1_buckets import settings_from_json, settings_to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

_BUCKETS = "/storage/v1/b"
_LABELS = ("labels",)
# What a definition may say. The API ignores other fields without a word; here they are mistakes.
FIELDS = frozenset(
    {
        "autoclass", "billing", "cors", "customPlacementConfig", "defaultEventBasedHold", "encryption",
        "hierarchicalNamespace", "iamConfiguration", "kind", "labels", "lifecycle", "location", "logging", "name",
        "objectRetention", "retentionPolicy", "rpo", "softDeletePolicy", "storageClass", "versioning", "website",
    }
)  # fmt: skip
_KEPT_ONCE_SET = ("location", "iamConfiguration")  # the runtime shows its own where none was given


class BucketKind:
    """`kind: Bucket`."""

    name = "Bucket"
    stage = 0
    label_path = _LABELS
    immutable = frozenset({"location"})

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The bucket in `body`. Raises RefusedError, HakobuneError."""
        del ground
        name = name_of(body)
        faults = [
            Fault(field, "is no field of this kind", "Remove it, or mend its spelling.")
            for field in body
            if field not in FIELDS
        ]
        try:
            check_bucket(name)
        except InvalidRequest as error:
            faults.append(Fault("name", error.message))
        try:
            settings = settings_to_json(check_settings(settings_from_json(without(body, ["kind"]))))
        except InvalidRequest as error:
            faults.append(Fault("", error.message))
            settings = {}
        if faults:
            raise RefusedError(*faults)
        if text_at(body, "location"):
            settings["location"] = text_at(body, "location").upper()
        return Wanted(key=Key(self.name, "", name), body=settings)

    def find(self, session: Session, key: Key) -> Document | None:
        """The bucket, or None. Raises CommandError for one of another project: names are everybody's."""
        try:
            held = session.call("GET", _path(key.id))
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        if text_at(held, "projectNumber") != project_number(session.project):
            raise CommandError("it belongs to another project. Choose another name.")
        return held

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted. What the runtime chose by itself counts only where something is said."""
        del session
        before: Document = settings_to_json(settings_from_json(held))
        before["location"] = text_at(held, "location")
        return without(before, [name for name in _KEPT_ONCE_SET if name not in wanted.body]), wanted.body

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it."""
        body = {**wanted.body, "name": wanted.key.id}
        session.call("POST", f"{_BUCKETS}?project={quoted(session.project)}", body)

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change what differs."""
        session.call("PATCH", _path(wanted.key.id), merge_patch(before, after))

    def delete(self, session: Session, key: Key) -> None:
        """Remove it. Raises CommandError while there are objects in it."""
        session.call("DELETE", _path(key.id))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """The buckets of the project, with their labels."""
        for bucket in _items(session, f"{_BUCKETS}?project={quoted(session.project)}"):
            yield Key(self.name, "", text_at(bucket, "name")), labels_of(bucket, _LABELS)


def holds_objects(session: Session, bucket: str) -> bool:
    """Whether there is an object in it, in any version."""
    return any(True for _ in _items(session, f"{_path(bucket)}/o?versions=true&maxResults=1"))


def remove_objects(session: Session, bucket: str) -> None:
    """Remove all objects of a bucket, in all versions."""
    for item in _items(session, f"{_path(bucket)}/o?versions=true"):
        generation = quoted(text_at(item, "generation"))
        session.call("DELETE", f"{_path(bucket)}/o/{quoted(text_at(item, 'name'))}?generation={generation}")


def _path(bucket: str) -> str:
    return f"{_BUCKETS}/{quoted(bucket)}"


def _items(session: Session, target: str) -> Iterator[Document]:
    """All items of a list, page by page."""
    token = ""
    while True:
        page = session.call("GET", target + (f"&pageToken={quoted(token)}" if token else ""))
        for item in list_at(page, "items"):
            yield as_dict(item)
        token = text_at(page, "nextPageToken")
        if not token:
            return


def merge_patch(before: Document, after: Document) -> Document:
    """The JSON merge patch (RFC 7396) that makes `after` of `before`."""
    patch: Document = {name: None for name in before if name not in after}
    for name, value in after.items():
        held = before.get(name)
        if is_dict(value) and is_dict(held):
            inner = merge_patch(as_dict(held), as_dict(value))
            if inner:
                patch[name] = inner
        elif value != held:
            patch[name] = value
    return patch
