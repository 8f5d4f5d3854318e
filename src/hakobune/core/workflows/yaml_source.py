"""YAML to a tree. YAML is read as events, not as a tree of the YAML library: so depth, and the number of nodes that
aliases stand for, are bounded before anything is built, and no recursion of foreign code sees the input."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import Final

import yaml

from hakobune.core.workflows.positions import Problem
from hakobune.core.workflows.protection import Span, covered
from hakobune.core.workflows.scalars import NumberError, resolve_plain
from hakobune.core.workflows.tree import Node, Scalar, SourceText
from hakobune.core.workflows.tree_builder import Built, SourceRefused, TreeBuilder
from hakobune.core.workflows.yaml_mistakes import problem_of

Loader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]

FASTEST_LOADER: Final[Loader] = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""libyaml where PyYAML was built with it: about fifty times as fast as the reader in Python."""

_TAG_PREFIX: Final = "tag:yaml.org,2002:"
_CONTAINER_TAGS: Final = {"map": True, "seq": False}
_SCALAR_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "float": (float, int),
    "int": (int,),
    "null": (type(None),),
}
_FOLD: Final = re.compile(r"[ \t]*((?:(?:\r\n|[\n\r])[ \t]*)+)")
_BREAK: Final = re.compile(r"\r\n|[\n\r]")


def read_yaml(
    source: SourceText, spans: tuple[Span, ...], loader: Loader = FASTEST_LOADER
) -> tuple[Node, list[Problem]]:
    """The tree of a YAML text whose `spans` must be hidden from YAML, and problems that do not stop the reading.

    Raises SourceRefused.
    """
    reader = _YamlReader(source, spans)
    events = _events(covered(source.text, spans), loader)
    try:
        for event in events:
            reader.take(event)
    except yaml.YAMLError as error:
        raise SourceRefused(problem_of(error, source)) from error
    return reader.root(), reader.problems


def _events(text: str, loader: Loader) -> Iterator[yaml.Event]:
    return iter(yaml.parse(text, Loader=loader))


class _YamlReader:
    """Turns events into nodes."""

    def __init__(self, source: SourceText, spans: tuple[Span, ...]) -> None:
        self._source = source
        self._spans = spans
        self._span_starts = [span.start for span in spans]
        self._builder = TreeBuilder(source)
        self._anchors: dict[str, Built] = {}
        self._anchors_open: list[str | None] = []
        self._documents = 0
        self.problems = self._builder.problems

    def root(self) -> Node:
        """The whole tree."""
        root = self._builder.root
        return Scalar(None, 0, 0, is_plain=True) if root is None else root

    def take(self, event: yaml.Event) -> None:
        """The next event."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                built = self._builder.close(_extent(event)[1])
                anchor = self._anchors_open.pop()
                if anchor is not None:
                    self._anchors[anchor] = built
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._refused(
                        event, "a source is one YAML document, here begins a second one", "remove '---'"
                    )
            case _:
                pass  # the ends of document and stream say nothing

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        is_map = isinstance(event, yaml.MappingStartEvent)
        if event.tag is not None and event.tag != "!":
            kind = event.tag.removeprefix(_TAG_PREFIX)
            if _CONTAINER_TAGS.get(kind) is not is_map:
                raise self._custom_tag(event, event.tag)
        self._builder.open(_extent(event)[0], is_map=is_map)
        self._anchors_open.append(event.anchor)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor
        assert name is not None  # an alias has a name
        built = self._anchors.get(name)
        if built is not None:
            self._builder.add_alias(built, _extent(event)[0])
        elif name in self._anchors_open:
            raise self._refused(event, f"alias *{name} stands inside its own anchor", "copy what it should hold")
        else:
            raise self._refused(
                event, f"alias *{name} has no anchor before it", f"write &{name} at the first place, or quote '*{name}'"
            )

    # -- scalars ------------------------------------------------------------------------------------------------

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start, end = _extent(event)
        is_plain = event.implicit[0]
        text = self._uncovered(event, start, end) if self._spans else event.value
        if event.tag is not None:
            value, is_plain = self._tagged(event, text)
        elif is_plain:
            if text == "<<":
                raise self._refused(
                    event,
                    "merge keys (<<) are not supported",
                    "write the entries out, or use map.merge in an expression",
                )
            value = self._resolved(text, start, end)
        else:
            value = text
        scalar = Scalar(value, start, end, is_plain)
        if event.anchor is not None:
            self._anchors[event.anchor] = Built(scalar)
        self._builder.add_scalar(scalar)

    def _resolved(self, text: str, start: int, end: int) -> bool | int | float | str | None:
        try:
            return resolve_plain(text)
        except NumberError as error:
            self.problems.append(
                Problem(
                    rule="number",
                    message=str(error),
                    position=self._source.position(start, end),
                    remedy="quote it to keep it as text",
                )
            )
            return 0

    def _tagged(self, event: yaml.ScalarEvent, text: str) -> tuple[bool | int | float | str | None, bool]:
        """The value of a scalar with a tag, and whether it counts as written without quotes."""
        tag = event.tag
        assert tag is not None  # the caller looked
        kind = tag.removeprefix(_TAG_PREFIX)
        if tag == "!" or kind == "str":
            return text, False
        if kind not in _SCALAR_KINDS or kind == tag:
            raise self._custom_tag(event, tag)
        value = self._resolved(text, *_extent(event))
        if not isinstance(value, _SCALAR_KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise self._refused(event, f"tag !!{kind} does not fit '{text[:40]}'", "remove the tag")
        return (float(value) if kind == "float" and isinstance(value, int) else value), True

    def _uncovered(self, event: yaml.ScalarEvent, start: int, end: int) -> str:
        """The scalar's text, with the expressions in it as they were written, folded as YAML folds lines."""
        first = bisect.bisect_left(self._span_starts, start)
        if not event.implicit[0] and event.tag is None:
            return event.value
        if first == len(self._spans) or self._spans[first].start >= end:
            return event.value
        return _folded(self._source.text[start:end])

    # -- refusals -----------------------------------------------------------------------------------------------

    def _custom_tag(self, event: yaml.NodeEvent, tag: str) -> SourceRefused:
        return self._refused(
            event, f"YAML tags are not supported: {tag}", "remove the tag; quote the text to keep a '!'"
        )

    def _refused(self, event: yaml.Event, message: str, remedy: str) -> SourceRefused:
        position = self._source.position(*_extent(event))
        return SourceRefused(Problem(rule="yaml", message=message, position=position, remedy=remedy))


def _extent(event: yaml.Event) -> tuple[int, int]:
    """Where the text of an event begins and ends."""
    start, end = event.start_mark, event.end_mark
    assert start is not None  # events that were read have marks
    assert end is not None
    return start.index, end.index


def _folded(text: str) -> str:
    """Lines of a plain scalar as one: a break becomes a space, n blank lines become n breaks."""
    return _FOLD.sub(lambda gap: "\n" * (len(_BREAK.findall(gap[1])) - 1) or " ", text)
