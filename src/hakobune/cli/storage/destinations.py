"""Where each item of a copy goes: the rules of `cp`, for folders that are there and for names that are not.

As gcloud (and cp of Unix) does: what is copied into a container that exists keeps the name of its last folder; a
destination that does not exist becomes the new name of the one folder that is copied.
"""

from __future__ import annotations

import os

from hakobune.cli.errors import CommandError
from hakobune.cli.storage.entries import FileEntry, FolderEntry, ObjectEntry
from hakobune.cli.storage.urls import CloudUrl, FileUrl, Url, joined, last_part, local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.storage.expansion import Expansion
    from hakobune.cli.storage.sources import Item, Sources

_DOTS = frozenset({"", ".", ".."})


class Destination:
    """The destination as it was typed, and what there is of it now."""

    def __init__(self, url: Url, expansion: Expansion) -> None:
        """Raises CommandError for what cannot be a destination."""
        self.url = _resolved(url, expansion)
        if isinstance(self.url, FileUrl):
            self.is_existing_container = os.path.isdir(self.url.path) and not self.url.is_stream
            self.is_known = self.url.is_stream or os.path.exists(self.url.path)
            self.is_container = self.is_existing_container
        else:
            self._look(self.url, expansion)

    def _look(self, url: CloudUrl, expansion: Expansion) -> None:
        if url.is_bucket:
            self.is_existing_container = self.is_known = self.is_container = True
            return
        found = list(expansion.entries(url))
        self.is_known = bool(found)
        folders = [entry for entry in found if not isinstance(entry, ObjectEntry)]
        if len(found) > 1 and not url.name.endswith("/"):
            raise CommandError(f"Destination ({url}) must match exactly one URL.")
        self.is_existing_container = bool(folders)
        self.is_container = bool(folders) or url.name.endswith("/")

    def check(self, sources: Sources) -> None:
        """Raises CommandError where the sources cannot go there."""
        if not isinstance(self.url, FileUrl) or self.url.is_stream:
            return
        path = self.url.path
        first = sources.first
        is_folder_needed = sources.is_plural or (first is not None and first.is_from_folder)
        if path.endswith(os.sep) and not self.is_existing_container:
            raise CommandError(
                f"Destination URL must name an existing directory if it ends with a delimiter. Provided: {path}."
            )
        if is_folder_needed and not self.is_existing_container:
            raise CommandError(f"Destination URL must name an existing directory. Provided: {path}.")

    def of(self, item: Item, sources: Sources) -> Url:
        """Where an item goes. Raises CommandError."""
        if isinstance(self.url, FileUrl) and self.url.is_stream:
            return self.url
        if not (self.is_container or sources.is_plural or item.is_from_folder):
            return self.url
        if isinstance(item.content, FileEntry) and item.content.url.is_stream:
            raise CommandError("Destination object name needed when source is stdin.")
        rest = self._rest_below(item, sources) if item.is_from_folder else _own_name(item)
        if isinstance(self.url, FileUrl):
            path = local_path(self.url.path, rest)
            return FileUrl(f"{path}{os.sep}" if rest.endswith("/") else path)
        return CloudUrl(self.url.bucket, joined(self.url.name, rest))

    def _rest_below(self, item: Item, sources: Sources) -> str:
        """The name of an item below the folder that was opened for it, with that folder's name where it is kept."""
        top, content = item.top, item.content
        if isinstance(top, FolderEntry) and isinstance(content, FileEntry):
            relative = os.path.relpath(content.url.path, top.url.path).replace(os.sep, "/")
            leaf = os.path.basename(top.url.path.rstrip(os.sep))
        elif isinstance(content, ObjectEntry) and isinstance(top.url, CloudUrl):
            relative = content.url.name[len(top.url.name) :]
            leaf = last_part(top.url.name, "/").rstrip("/") if top.url.name else top.url.bucket
        else:
            raise TypeError("an item lies below a folder of its own kind")
        is_named = leaf not in _DOTS
        if not is_named and sources.has_several_tops:
            raise CommandError(
                "Presence of multiple top-level sources and invalid expanded URL make file name conflicts possible for"
                f" URL: {content.url}"
            )
        is_treated_as_folder = self.is_existing_container or (not self.is_known and self._ends_with_delimiter)
        is_kept = (not self.is_known and sources.has_several_tops) or (is_named and is_treated_as_folder)
        return f"{leaf}/{relative.lstrip('/')}" if is_kept and is_named else relative.lstrip("/")

    @property
    def _ends_with_delimiter(self) -> bool:
        url = self.url
        return url.path.endswith(os.sep) if isinstance(url, FileUrl) else url.name.endswith("/")


def _own_name(item: Item) -> str:
    content = item.content
    if isinstance(content, FileEntry):
        return os.path.basename(content.url.path)
    return last_part(content.url.name, "/")


def _resolved(url: Url, expansion: Expansion) -> Url:
    """The destination with its wildcards replaced by the one thing that they match. Raises CommandError."""
    if isinstance(url, FileUrl):
        return url
    if url.is_provider:
        raise CommandError("The cp command does not support provider-only destination URLs.")
    if url.generation:
        raise CommandError(f"The destination argument of the cp command cannot be a version-specific URL ({url}).")
    if not url.is_wild:
        return url
    found = [entry.url for entry in expansion.entries(url)]
    if not found:
        raise CommandError(f"Destination ({url}) contains an unexpected wildcard.")
    if len(found) > 1:
        raise CommandError(f"Destination ({url}) must match exactly one URL.")
    return CloudUrl(found[0].bucket, found[0].name)
