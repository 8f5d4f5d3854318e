"""JSON to a tree with places. JSON is read by itself, not as YAML: pairs of surrogates, keys of any length and tabs are
right in JSON and wrong in YAML, and an error message speaks of what JSON wants."""

from __future__ import annotations

import re
from typing import Final

from hakobune.core.workflows.positions import Problem
from hakobune.core.workflows.scalars import NumberError, resolve_plain
from hakobune.core.workflows.tree import Node, Scalar, SourceText
from hakobune.core.workflows.tree_builder import SourceRefused, TreeBuilder

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_LITERAL: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_TEXT: Final = re.compile(r'"((?:[^"\\\n\r]|\\.)*+)"')
_ESCAPE: Final = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))")
_CHARACTERS: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_JSON_BEGIN: Final = re.compile(r'[ \t\r\n]*(?:\{[ \t\r\n]*(?:"|\}|\Z)|\[[ \t\r\n]*(?:[{"]|\]|\Z))')
_COMMENT_REMEDY: Final = "remove the comment: JSON has none; a definition in YAML may have them, behind '#'"
_END_BEGIN: Final = {"}": "{", "]": "["}


def looks_like_json(text: str) -> bool:
    """Whether a text that is neither JSON nor YAML was meant as JSON."""
    return _JSON_BEGIN.match(text) is not None


def read_json(source: SourceText) -> tuple[Node, list[Problem]]:
    """The tree of a JSON text, and problems that do not stop the reading. Raises SourceRefused."""
    reader = _JsonReader(source)
    return reader.read(), reader.problems


class _JsonReader:
    """Reads one text from its first character to its last, with one finger on `at`."""

    def __init__(self, source: SourceText) -> None:
        self._source = source
        self._text = source.text
        self._at = 0
        self._builder = TreeBuilder(source)
        self._open: list[tuple[str, int]] = []  # brackets, and where they stand
        self.problems = self._builder.problems

    def read(self) -> Node:
        """The whole tree."""
        self._value()
        while self._open:
            self._after_value()
        if self._peek():
            raise self._refused("text stands behind the end of the definition", "remove it, or a bracket too many")
        root = self._builder.root
        assert root is not None  # a value was read
        return root

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks is not None else self._at
        return self._text[self._at : self._at + 1]

    def _value(self) -> None:
        """Read a scalar, or the beginning of a container up to its first value."""
        while True:
            bracket = self._peek()
            if bracket not in ("{", "["):
                self._scalar()
                return
            self._builder.open(self._at, is_map=bracket == "{")
            self._open.append((bracket, self._at))
            self._at += 1
            if self._peek() == ("}" if bracket == "{" else "]"):
                self._close()
                return
            if bracket == "{":
                self._key()

    def _after_value(self) -> None:
        """Read `,` and the next value, or the end of the container."""
        bracket, start = self._open[-1]
        closing = "}" if bracket == "{" else "]"
        character = self._peek()
        if character == closing:
            self._close()
        elif character == ",":
            self._at += 1
            if self._peek() == closing:
                raise self._refused(f"a ',' stands before '{closing}'", "remove the comma")
            if bracket == "{":
                self._key()
            self._value()
        elif not character:
            self._at = start
            raise self._refused(f"'{bracket}' is never closed", f"add '{closing}' at its end")
        else:
            raise self._refused(
                f"expected ',' or '{closing}', found {self._found()}",
                _COMMENT_REMEDY if self._is_comment() else "write a comma between two entries",
            )

    def _close(self) -> None:
        self._open.pop()
        self._at += 1
        self._builder.close(self._at)

    def _key(self) -> None:
        if self._peek() != '"':
            remedy = _COMMENT_REMEDY if self._is_comment() else 'write "key": value'
            raise self._refused(f"expected a key in double quotes, found {self._found()}", remedy)
        self._text_scalar()
        if self._peek() != ":":
            raise self._refused(f"expected ':' behind a key, found {self._found()}", 'write "key": value')
        self._at += 1

    def _scalar(self) -> None:
        if self._peek() == '"':
            self._text_scalar()
            return
        literal = _LITERAL.match(self._text, self._at)
        if literal is None or self._text[literal.end() : literal.end() + 1].isalnum():
            remedy = _COMMENT_REMEDY if self._is_comment() else "write texts in double quotes; close what is open"
            raise self._refused(f"expected a value, found {self._found()}", remedy)
        start, self._at = self._at, literal.end()
        try:
            value = resolve_plain(literal.group())
        except NumberError as error:
            value = 0
            self.problems.append(
                Problem(
                    rule="number",
                    message=str(error),
                    position=self._source.position(start, self._at),
                    remedy="quote it to keep it as text",
                )
            )
        self._builder.add_scalar(Scalar(value, start, self._at, is_plain=True))

    def _text_scalar(self) -> None:
        found = _TEXT.match(self._text, self._at)
        if found is None:
            raise self._refused(
                "a text is not closed on its line", 'close it with ", and write \\n for a line break in it'
            )
        value = found[1]
        if "\\" in value:
            value = _ESCAPE.sub(self._character, value)
        self._builder.add_scalar(Scalar(value, self._at, found.end(), is_plain=False))
        self._at = found.end()

    def _character(self, escape: re.Match[str]) -> str:
        if escape[1]:
            return chr(0x10000 + ((int(escape[1], 16) & 0x3FF) << 10) + (int(escape[2], 16) & 0x3FF))
        code = int(escape[3], 16) if escape[3] else None
        character = chr(code) if code is not None else _CHARACTERS.get(escape[4])
        if character is None or "\ud800" <= character <= "\udfff":
            self._at += 1 + escape.start()
            raise self._refused(
                f"'{escape.group()}' is no escape of JSON", "write \\\\ for a backslash, \\u0041 for a code"
            )
        return character

    def _is_comment(self) -> bool:
        return self._text.startswith(("//", "/*", "#"), self._at)

    def _found(self) -> str:
        character = self._peek()
        return f"'{character}'" if character else "the end of the source"

    def _refused(self, message: str, remedy: str) -> SourceRefused:
        problem = Problem(
            rule="json",
            message=f"not readable as JSON: {message}",
            position=self._source.position(self._at),
            remedy=remedy,
        )
        return SourceRefused(problem)
