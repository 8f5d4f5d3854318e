"""Reading format and filter expressions: keys, quoted texts, argument lists.

A key is a path such as `a.b[0].'odd/name'.c[]`: names (texts), indexes (numbers) and slices (None).
Grammar: `gcloud topic projections`, `gcloud topic filters`; compared with gcloud 528 in tests.
"""

from __future__ import annotations

from hakobune.cli.errors import CommandError

Key = tuple[str | int | None, ...]

_ENDS_OF_NAME = frozenset(" \t\r\n.[](){},+*/%&|^#;?:=!<>~\"'")
_QUOTES = "'\""


class Lexer:
    """A position in an expression."""

    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, what: str, position: int | None = None) -> CommandError:
        """An error that shows where in the expression it is."""
        here = self.position if position is None else position
        before, after = self.text[:here].rstrip(), self.text[here:].lstrip()
        return CommandError(f"{what} [{' '.join(part for part in (before, '*HERE*', after) if part)}].")

    def skip_space(self) -> None:
        """Move to the next character that is no space."""
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def is_at_end(self) -> bool:
        """Whether only spaces are left."""
        self.skip_space()
        return self.position >= len(self.text)

    def peek(self, characters: str) -> str:
        """The next character when it is one of `characters`, else empty."""
        self.skip_space()
        if self.position < len(self.text) and self.text[self.position] in characters:
            return self.text[self.position]
        return ""

    def take(self, characters: str) -> str:
        """As `peek`, and move past it."""
        found = self.peek(characters)
        if found:
            self.position += 1
        return found

    def take_word(self, word: str) -> bool:
        """Move past `word` when it stands here on its own."""
        self.skip_space()
        end = self.position + len(word)
        if self.text[self.position : end] != word:
            return False
        if end < len(self.text) and not (self.text[end].isspace() or self.text[end] in "()"):
            return False
        self.position = end
        return True

    def expect(self, character: str) -> None:
        """Move past `character`. Raises CommandError when it is not there."""
        if not self.take(character):
            what = "More tokens expected" if self.is_at_end() else f"[{character}] expected"
            raise self.error(what)

    def quoted(self) -> str:
        """The text between the quotes that start here; a backslash keeps the next character as it is."""
        start = self.position
        quote = self.text[self.position]
        self.position += 1
        found = ""
        while self.position < len(self.text):
            character = self.text[self.position]
            self.position += 1
            if character == "\\" and self.position < len(self.text):
                following = self.text[self.position]
                self.position += 1
                found += following if following in _QUOTES + "\\" else character + following
            elif character == quote:
                return found
            else:
                found += character
        raise self.error("Unterminated string", start)

    def token(self, ends: str, *, space: bool = True) -> str | None:
        """The text up to one of `ends` (or a space), quotes removed; None when there is nothing."""
        self.skip_space()
        found = ""
        kept = 0  # what was in quotes keeps its spaces
        seen = False
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in _QUOTES:
                found += self.quoted()
                kept = len(found)
            elif character in ends or (space and character.isspace()):
                break
            else:
                found += character
                self.position += 1
            seen = True
        return (found if space else found[:kept] + found[kept:].rstrip()) if seen else None

    def name(self) -> str | None:
        """A bare or quoted name of a key, or None."""
        if self.position < len(self.text) and self.text[self.position] in _QUOTES:
            return self.quoted()
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in _ENDS_OF_NAME:
            self.position += 1
        return self.text[start : self.position] or None

    def key(self) -> Key:
        """A key; `.` alone is the whole resource, the empty key. Raises CommandError when there is none."""
        self.skip_space()
        parts: list[str | int | None] = []
        start = self.position
        dotted = False
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == ".":
                if dotted:
                    raise self.error("Key name expected")
                self.position += 1
                dotted = True
                continue
            if character == "[":
                parts.append(self._index())
                dotted = False
                continue
            if parts and not dotted:
                break
            if character == "*":
                self.position += 1
                parts.append(None)
                dotted = False
                continue
            name = self.name()
            if name is None:
                break
            parts.append(name)
            dotted = False
        if dotted and parts:
            raise self.error("Non-empty key name expected")
        if self.position == start:
            what = "Key name expected" if self.position < len(self.text) else "More tokens expected"
            raise self.error(what)
        return tuple(parts)

    def _index(self) -> str | int | None:
        self.position += 1
        found = self.token("]")
        self.expect("]")
        if found is None or found in ("*", ""):
            return None
        return int(found) if found.removeprefix("-").isdigit() else found

    def arguments(self, ends: str = ")", separators: str = ",") -> list[str]:
        """The comma-separated arguments up to and with the closing bracket; the opening one is already taken."""
        found: list[str] = []
        required = False
        while True:
            if self.take(ends):
                if required:
                    raise self.error("Argument expected", self.position - 1)
                return found
            if self.position >= len(self.text):
                raise self.error("More tokens expected")
            token = self.token(ends + separators, space=separators != ",")
            if token is not None:
                found.append(token)
            elif separators == ",":
                found.append("")
            taken = ""
            while self.peek(separators.strip()) and not taken:
                taken = self.take(separators.strip())
            required = bool(taken) and separators == ","
