"""Which objects and files a command is about: URLs expanded, folders opened when that is wanted."""

from __future__ import annotations

from hakobune.cli.errors import CommandError
from hakobune.cli.storage import files
from hakobune.cli.storage.entries import BucketEntry, Container, Content, Entry, FileEntry, FolderEntry, ObjectEntry
from hakobune.cli.storage.urls import CloudUrl, Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hakobune.cli.console import Console
    from hakobune.cli.storage.expansion import Expansion


class Item:
    """An object or file, and what was found at first: the same, or the folder above it. `is_pinned`: the URL that was
    typed names a generation."""

    __slots__ = ("content", "is_pinned", "top")

    def __init__(self, content: Content, top: Entry, *, is_pinned: bool = False) -> None:
        self.content = content
        self.top = top
        self.is_pinned = is_pinned

    @property
    def is_from_folder(self) -> bool:
        """Whether a folder was opened to find it."""
        return self.content is not self.top


class Sources:
    """The items of several URLs, one after the other."""

    def __init__(self, urls: Sequence[Url], expansion: Expansion, console: Console, *, is_recursive: bool) -> None:
        self._expansion = expansion
        self._console = console
        self._is_recursive = is_recursive
        self._texts = [_typed(url) for url in urls]
        self._urls = urls
        self._matched: set[int] = set()
        self._tops = self._top_entries()
        self._waiting: list[tuple[int, Entry]] = []
        self._fill(2)
        self.has_several_tops = len(urls) > 1 or len(self._waiting) > 1
        self._items = self._all_items()
        self._first: list[Item] = []
        for item in self._items:
            self._first.append(item)
            if len(self._first) == 2:
                break
        self.is_plural = len(self._first) > 1

    @property
    def first(self) -> Item | None:
        """The first item, or None where there is none."""
        return self._first[0] if self._first else None

    def items(self) -> Iterator[Item]:
        """All of them, once."""
        yield from self._first
        yield from self._items

    def check(self) -> None:
        """After the last item: raises CommandError naming the URLs that matched nothing."""
        unmatched = [text for place, text in enumerate(self._texts) if place not in self._matched]
        if unmatched:
            raise CommandError("The following URLs matched no objects or files:\n" + "\n".join(unmatched))

    def _top_entries(self) -> Iterator[tuple[int, Entry]]:
        for place, url in enumerate(self._urls):
            found: Iterator[Entry] = (
                self._expansion.entries(url) if isinstance(url, CloudUrl) else files.entries(url.path)
            )
            for entry in found:
                yield place, entry

    def _fill(self, count: int) -> None:
        while len(self._waiting) < count:
            found = next(self._tops, None)
            if found is None:
                return
            self._waiting.append(found)

    def _all_items(self) -> Iterator[Item]:
        while True:
            self._fill(1)
            if not self._waiting:
                return
            place, top = self._waiting.pop(0)
            if isinstance(top, ObjectEntry | FileEntry):
                self._matched.add(place)
                typed = self._urls[place]
                yield Item(top, top, is_pinned=isinstance(typed, CloudUrl) and bool(typed.generation))
            elif self._is_recursive:
                for content in self._below(top):
                    self._matched.add(place)
                    yield Item(content, top)
            else:
                self._console.warn(f"Omitting {top.url} because it is a container, and recursion is not enabled.")

    def _below(self, top: Container) -> Iterator[Content]:
        return files.below(top.url.path) if isinstance(top, FolderEntry) else self._expansion.below(top)


def buckets_of(urls: Sequence[CloudUrl], expansion: Expansion) -> Iterator[BucketEntry]:
    """The buckets among what the URLs name."""
    for url in urls:
        if not url.name:
            yield from (entry for entry in expansion.entries(url) if isinstance(entry, BucketEntry))


def _typed(url: Url) -> str:
    if isinstance(url, CloudUrl):
        return str(url).rstrip("/") if url.is_bucket else str(url)
    return url.path
