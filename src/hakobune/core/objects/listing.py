"""Lists of objects: prefixes, delimiters, offsets, patterns, pages.

The list walks over names in order through a `Seek`, and jumps over what collapses into a prefix, so a page costs what
it shows, however many names lie below. A page of a filtered list ends early after `PAGE_SCANNED` names: it may be
short, even empty, and still not be the last. A page token says after which name the next page begins, so it survives
what comes and goes between pages. Source: Cloud Storage JSON API v1, `objects.list`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hakobune.core import paging
from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.globs import Glob, compile_glob
from hakobune.core.objects.limits import OBJECT_NAME_BYTES, PAGE_ITEMS, PAGE_SCANNED
from hakobune.core.objects.model import ListQuery, ObjectsPage, ObjectVersion
from hakobune.core.objects.names import successor

BEFORE_ALL = -1  # below every generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Between versions: what is listed next is greater than (name, generation)."""

    name: str
    generation: int = BEFORE_ALL

    def token(self) -> str:
        """As the content of a page token."""
        return f"{self.generation}/{self.name}"


class Entry(Protocol):
    """A version of which only the name is read yet."""

    @property
    def name(self) -> str: ...

    @property
    def generation(self) -> int: ...

    def version(self) -> ObjectVersion:
        """All of it."""
        ...


# Entries from a position on, in order; read one by one, and given up when they are jumped over.
Seek = Callable[[Position], Iterator[Entry]]


def page(bucket: str, query: ListQuery, seek: Seek) -> ObjectsPage:
    """One page. Raises InvalidRequest (bounds, pattern), InvalidArgument of core.errors (page token)."""
    return _Lister(bucket, query, seek).page()


@dataclass(slots=True)
class _Found:
    items: list[ObjectVersion] = field(default_factory=list[ObjectVersion])
    prefixes: list[str] = field(default_factory=list[str])

    @property
    def count(self) -> int:
        return len(self.items) + len(self.prefixes)


class _Lister:
    def __init__(self, bucket: str, query: ListQuery, seek: Seek) -> None:
        self._kind = f"buckets/{bucket}/objects"
        self._query = query
        self._seek = seek
        if query.max_results < 0:
            raise InvalidRequest("maxResults must not be negative.")
        if query.is_soft_deleted and query.has_versions:
            raise InvalidRequest("softDeleted and versions cannot be asked for together.")
        if query.match_glob and query.delimiter not in {"", "/"}:
            raise InvalidRequest("With matchGlob, the delimiter must be '/'.")
        for text in (query.prefix, query.start_offset, query.end_offset, query.delimiter):
            _check(text)
        self._limit = min(query.max_results or PAGE_ITEMS, PAGE_ITEMS)
        self._glob: Glob | None = compile_glob(query.match_glob) if query.match_glob else None
        self._stop = successor(query.prefix) if query.prefix else None
        if query.end_offset and (self._stop is None or query.end_offset < self._stop):
            self._stop = query.end_offset
        self._found = _Found()

    def page(self) -> ObjectsPage:
        position: Position | None = self._first()
        scanned = 0
        token: Position | None = None
        while position is not None and token is None:
            jump: Position | None = None
            for entry in self._seek(position):
                if self._stop is not None and entry.name >= self._stop:
                    break
                if self._found.count >= self._limit or scanned >= PAGE_SCANNED:
                    token = position
                    break
                scanned += 1
                position = Position(name=entry.name, generation=entry.generation)
                prefix = self._take(entry)
                if prefix is not None:
                    after = successor(prefix)
                    jump = None if after is None else Position(name=after)
                    if jump is not None:
                        position = jump
                    break
            else:
                break
            if token is None:
                position = jump
        next_token = "" if token is None else paging.encode(self._kind, token.token())
        return ObjectsPage(
            items=tuple(self._found.items), prefixes=tuple(self._found.prefixes), next_page_token=next_token
        )

    def _first(self) -> Position:
        begin = max(self._query.prefix, self._query.start_offset)
        generation, _, name = paging.decode(self._kind, self._query.page_token, field="pageToken").partition("/")
        if not generation:
            return Position(name=begin)
        last = Position(name=name, generation=int(generation))
        return last if last.name >= begin else Position(name=begin)

    def _take(self, entry: Entry) -> str | None:
        """Put an entry into the page. A prefix: all that begins with it is settled."""
        if self._glob is not None and self._glob.fullmatch(entry.name) is None:
            return None
        prefix = self._collapsed(entry.name)
        if prefix is None:
            self._found.items.append(entry.version())
            return None
        if not self._found.prefixes or self._found.prefixes[-1] != prefix:
            self._found.prefixes.append(prefix)
        if self._query.includes_trailing_delimiter and entry.name == prefix:
            self._found.items.append(entry.version())
            return None
        return prefix

    def _collapsed(self, name: str) -> str | None:
        """The prefix that stands for a name, if one does."""
        delimiter = self._query.delimiter
        if not delimiter:
            return None
        place = name.find(delimiter, len(self._query.prefix))
        return None if place < 0 else name[: place + len(delimiter)]


def _check(text: str) -> None:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest("Prefixes, offsets and delimiters must be valid Unicode.") from error
    if size_bytes > OBJECT_NAME_BYTES or "\0" in text:
        raise InvalidRequest(f"Prefixes, offsets and delimiters have at most {OBJECT_NAME_BYTES} bytes and no NUL.")
