"""What a kind of resource is to `apply`: how its definition is read, found, compared, made, changed, removed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Protocol

from hakobune.cli.apply.problems import Fault, RefusedError
from hakobune.cli.document import Document, as_dict, dict_at, text_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hakobune.cli.session import Session

MARK = "hakobune-dev-applied"  # label: keys of labels may have no slash
"""The label of what `apply` made; its value is the set, which is one folder (decision 0032)."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One resource of a project: its kind, where it is (empty for what has no location), its id."""

    kind: str
    location: str
    id: str

    def __str__(self) -> str:
        words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in self.kind).strip()
        return f"{words} {self.id}" + (f" ({self.location})" if self.location else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where definitions are applied: names that say neither are of this project and location."""

    project: str
    location: str
    folder: str  # of the file that is read: paths in it begin there

    def full_name(self, collection: str, text: str) -> str:
        """`projects/P/COLLECTION/ID` of an id or a full name."""
        return text if "/" in text else f"projects/{self.project}/{collection}/{text}"

    def located_name(self, collection: str, text: str) -> str:
        """`projects/P/locations/L/COLLECTION/ID` of an id or a full name."""
        return text if "/" in text else f"projects/{self.project}/locations/{self.location}/{collection}/{text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A definition that was read: the resource as the runtime would show it. `secret` holds what is never printed."""

    key: Key
    body: Document
    references: frozenset[Key] = frozenset()
    watched: frozenset[str] = frozenset()  # files and folders beside the definition that it is made of
    secret: bytes | None = field(default=None, repr=False)


class Kind(Protocol):
    """All that `apply` knows of a kind. Methods that call raise CommandError."""

    @property
    def name(self) -> str:
        """The word in `kind:`."""
        ...

    @property
    def stage(self) -> int:
        """What is of a lower one is made before, and removed after."""
        ...

    @property
    def label_path(self) -> tuple[str, ...]:
        """Where its labels are; empty: it has none, and the record keeps what was made."""
        ...

    @property
    def immutable(self) -> frozenset[str]:
        """Top-level fields that cannot be changed."""
        ...

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The definition in `body`. Raises RefusedError, HakobuneError with all that is wrong."""
        ...

    def find(self, session: Session, key: Key) -> Document | None:
        """The resource as it is there, or None."""
        ...

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there and what would be there, both without what only the runtime says."""
        ...

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it, and wait until it is ready."""
        ...

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change it to `after`, and wait until it is ready."""
        ...

    def delete(self, session: Session, key: Key) -> None:
        """Remove it, and wait until it is gone."""
        ...

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """Those of the project, with their labels; of a kind without labels, none."""
        ...


def changed_fields(before: Document, after: Document) -> list[str]:
    """The top-level fields in which the two differ."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def without(document: Document, names: Iterable[str]) -> Document:
    """The document without these top-level fields."""
    left_out = set(names)
    return {name: value for name, value in document.items() if name not in left_out}


def name_of(body: Document) -> str:
    """The `name` of a definition. Raises RefusedError."""
    name = text_at(body, "name")
    if not name:
        raise RefusedError(Fault("", "it has no name", "Add: name: ID"))
    return name


def split_name(name: str, pattern: str) -> list[str]:
    """The ids in a full name such as `projects/*/topics/*`. Raises RefusedError."""
    words, wanted = name.split("/"), pattern.split("/")
    if len(words) != len(wanted) or any(there not in ("*", word) for word, there in zip(words, wanted, strict=True)):
        shown = pattern.replace("*", "…")
        raise RefusedError(Fault("name", f"{name[:120]!r} is no name of this kind", f"Write the id, or {shown}"))
    return [word for word, there in zip(words, wanted, strict=True) if there == "*"]


def path_of(ground: Ground, text: str, field: str) -> str:
    """The whole path of a file or folder that a definition names. Raises RefusedError for what is no path."""
    if "\0" in text:
        raise RefusedError(Fault(field, "it has a NUL character", "Write the path of a file."))
    return os.path.abspath(os.path.join(ground.folder, os.path.expanduser(text)))


def check_own_project(project: str, ground: Ground) -> None:
    """Raises RefusedError for a resource of another project: one call of `apply` is one project's."""
    if project != ground.project:
        raise RefusedError(
            Fault("name", f"it is of project {project}, not {ground.project}", f"Apply it with --project {project}.")
        )


def labels_of(body: Document, path: tuple[str, ...]) -> Document:
    """The labels of a resource; an empty map where there are none."""
    return dict_at(body, *path) if path else {}


def with_label(body: Document, path: tuple[str, ...], value: str) -> Document:
    """A copy with the mark set, or (an empty value) taken away."""
    if not path:
        return body
    name, *rest = path
    if rest:
        return {**body, name: with_label(as_dict(body.get(name)), tuple(rest), value)}
    labels = without(as_dict(body.get(name)), [MARK])
    if value:
        labels[MARK] = value
    return {**body, name: labels} if labels else without(body, [name])


def account_reference(text: str, project: str) -> Iterator[Key]:
    """The service account of this project that an address or a full name means, as a reference."""
    email = text.rpartition("/")[2]
    name, _, domain = email.partition("@")
    if domain == f"{project}.iam.gserviceaccount.com":
        yield Key("ServiceAccount", "", name)
