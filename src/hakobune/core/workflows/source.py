"""Reads the text of a source into a tree with a place for every node. YAML and JSON alike."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.json_source import looks_like_json, read_json
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.positions import Position, Problem, Severity
from hakobune.core.workflows.protection import Span, spans_to_cover
from hakobune.core.workflows.tree import Node, SourceText, SourceTree
from hakobune.core.workflows.tree_builder import SourceRefused
from hakobune.core.workflows.yaml_source import read_yaml

SOURCE_BYTES_MAX: Final = 16 * limits.SOURCE_BYTES
"""Bytes of a source when the limits are off: a bound against hostile input, of our own choice."""

_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WIDE_REMEDY: Final = "this seems to be UTF-16: save it as UTF-8"
_LOOKED_AT: Final = 100  # characters that tell whether every other one is a NUL, as in UTF-16

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source is read: `limits` for its size, `warns_plain_yaml` for expressions that other YAML tools refuse or
    cut although they work here."""

    limits: Strictness = Strictness.STRICT
    warns_plain_yaml: bool = False


DEFAULT_OPTIONS: Final = SourceOptions()


def read_source(
    source: str | bytes, options: SourceOptions = DEFAULT_OPTIONS
) -> tuple[SourceTree | None, list[Problem]]:
    """The tree of a source, and what is wrong with it. There is no tree when there is an error that hides it.

    Never raises: whatever the input is, the answer is a tree or problems. Time and memory are linear in the input and
    in `limits.SOURCE_NODES`.
    """
    try:
        text, size_problems = _decoded(source, options.limits)
        source_text = SourceText(text)
        root, problems = _read(source_text, options)
    except SourceRefused as refused:
        return None, [refused.problem]
    return SourceTree(root, source_text), [*size_problems, *problems]


def _decoded(source: str | bytes, strictness: Strictness) -> tuple[str, list[Problem]]:
    """The text without a byte order mark, checked for its size and its characters."""
    try:
        encoded = source.encode() if isinstance(source, str) else source
        size_bytes = len(encoded)
        problems = _size_problems(size_bytes, strictness)
        text = source if isinstance(source, str) else source.decode()
    except UnicodeError as error:
        raise SourceRefused(_encoding_problem(source, error)) from error
    text = text.removeprefix("\ufeff")
    if (forbidden := _FORBIDDEN.search(text)) is not None:
        is_wide = text[:_LOOKED_AT].count("\0") * 3 >= len(text[:_LOOKED_AT])
        raise SourceRefused(
            Problem(
                rule="encoding",
                message=f"the source has a character that no text may have: U+{ord(forbidden.group()):04X}",
                position=SourceText(text).position(forbidden.start()),
                remedy=_WIDE_REMEDY if is_wide else "remove it, or write it as an escape in a double-quoted text",
            )
        )
    if not text.strip():
        raise SourceRefused(
            Problem(
                rule="yaml",
                message="the source is empty",
                position=Position(1, 1),
                remedy="write a list of steps, or a map with 'main'",
            )
        )
    return text, problems


def _size_problems(size_bytes: int, strictness: Strictness) -> list[Problem]:
    """What is to be said about the size. Raises SourceRefused when it is too much."""
    if size_bytes <= limits.SOURCE_BYTES:
        return []
    is_refused = strictness is Strictness.STRICT or size_bytes > SOURCE_BYTES_MAX
    allowed = limits.SOURCE_BYTES if strictness is not Strictness.OFF else SOURCE_BYTES_MAX
    problem = Problem(
        rule="bound" if size_bytes > SOURCE_BYTES_MAX else "limit",
        message=f"the source has {size_bytes} bytes, the limit is {allowed}",
        position=Position(1, 1),
        remedy="move parts of it to a workflow of its own and call that",
        severity=Severity.ERROR if is_refused else Severity.WARNING,
    )
    if is_refused:
        raise SourceRefused(problem)
    return [] if strictness is Strictness.OFF else [problem]


def _encoding_problem(source: str | bytes, error: UnicodeError) -> Problem:
    """What is wrong with bytes that are no UTF-8, or with text that has half a surrogate pair."""
    start = error.start if isinstance(error, UnicodeDecodeError | UnicodeEncodeError) else 0
    before = source[:start] if isinstance(source, str) else source[:start].decode()
    return Problem(
        rule="encoding",
        message="the source is not valid UTF-8",
        position=SourceText(before).position(len(before)),
        remedy=_WIDE_REMEDY if isinstance(source, bytes) and source.startswith(_WIDE_MARKS) else "save it as UTF-8",
    )


def _read(source: SourceText, options: SourceOptions) -> tuple[Node, list[Problem]]:
    """The tree of a text that may be JSON or YAML (which JSON nearly is)."""
    if source.text.lstrip().startswith(("//", "/*")):
        raise SourceRefused(_comment_problem(source))
    refused_json: SourceRefused | None = None
    if source.text.lstrip()[0] in "{[":
        try:
            return read_json(source)
        except SourceRefused as refused:
            refused_json = refused
    spans = spans_to_cover(source.text)
    try:
        root, problems = read_yaml(source, spans)
    except SourceRefused:
        if refused_json is not None and looks_like_json(source.text):
            raise refused_json from None
        raise
    if options.warns_plain_yaml:
        problems.extend(_plain_yaml_warning(source, span) for span in spans)
    return root, problems


def _comment_problem(source: SourceText) -> Problem:
    return Problem(
        rule="yaml",
        message="the source begins with a comment that neither YAML nor JSON has",
        position=source.position(len(source.text) - len(source.text.lstrip())),
        remedy="begin comments with '#', in YAML; JSON has none",
    )


def _plain_yaml_warning(source: SourceText, span: Span) -> Problem:
    return Problem(
        rule="plain-yaml",
        message=f"{span.reason}: other YAML tools refuse or cut this",
        position=source.position(span.start, span.end),
        remedy="quote it: '${…}' (write '' for a ' in it)",
        severity=Severity.WARNING,
    )
