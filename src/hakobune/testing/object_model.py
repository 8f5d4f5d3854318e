"""What a writer knows of the names that it alone writes: exact, since it asks after every answer that it lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hakobune.core.objects.model import EventType
from hakobune.testing.checkers import demand

Event = tuple[str, int]  # what a topic is told: the kind of event, and the generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A version, as it must be found."""

    generation: int
    content: bytes
    mark: str = ""  # of its metadata
    metageneration: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A version, as it is shown."""

    generation: int
    metageneration: int
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One change: which name appears with what content, which goes, which gets a mark."""

    what: str
    appears: str = ""
    content: bytes = b""
    goes: str = ""
    marked: str = ""
    mark: str = ""
    is_refused: bool = False  # a precondition does not hold

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is about."""
        return tuple(name for name in (self.appears, self.goes, self.marked) if name)


@dataclass(slots=True, kw_only=True)
class Shelf:
    """The names of one writer."""

    is_versioned: bool
    live: dict[str, Known] = field(default_factory=dict[str, Known])
    old: dict[tuple[str, int], Known] = field(default_factory=dict[tuple[str, int], Known])  # noncurrent versions
    events: set[Event] = field(default_factory=set[Event])
    newest: int = 0  # generation

    def has_happened(self, deed: Deed, seen: dict[str, Seen | None]) -> bool:
        """Whether a deed took place, by what is shown of its names after it. Raises Violation: it did by halves, or
        something else did."""
        signs: list[bool] = []
        for name in deed.names:
            known, now = self.live.get(name), seen[name]
            is_same = (known is None) == (now is None)
            if known is not None and now is not None:
                is_same = (known.generation, known.metageneration) == (now.generation, now.metageneration)
            if not is_same:
                self._check_change(deed, name, now)
            signs.append(not is_same)
        demand(len(set(signs)) == 1, f"{deed.what}: by halves: {dict(zip(deed.names, signs, strict=True))}")
        return signs[0]

    def _check_change(self, deed: Deed, name: str, now: Seen | None) -> None:
        if name == deed.appears:
            demand(now is not None and now.generation > self.newest, f"{deed.what}: {name} is now {now}")
        elif name == deed.goes:
            demand(now is None, f"{deed.what}: {name} is now {now}")
        else:
            demand(now is not None and now.mark == deed.mark, f"{deed.what}: {name} is now {now}")

    def did(self, deed: Deed, generation: int) -> None:
        """A deed took place; what appeared has this generation."""
        carried = self.live.get(deed.goes)
        if deed.appears:
            demand(generation > self.newest, f"{deed.what}: generation {generation} after {self.newest}")
            self.newest = generation
            self._retire(deed.appears)
            mark = deed.mark if carried is None else carried.mark
            self.live[deed.appears] = Known(generation=generation, content=deed.content, mark=mark)
            self.events.add((EventType.FINALIZE, generation))
        if deed.goes:
            self._retire(deed.goes)
        if deed.marked:
            known = self.live[deed.marked]
            self.live[deed.marked] = replace(known, mark=deed.mark, metageneration=known.metageneration + 1)
            self.events.add((EventType.METADATA_UPDATE, known.generation))

    def _retire(self, name: str) -> None:
        known = self.live.pop(name, None)
        if known is not None:
            self.events.add((EventType.ARCHIVE if self.is_versioned else EventType.DELETE, known.generation))
            if self.is_versioned:
                self.old[name, known.generation] = known
