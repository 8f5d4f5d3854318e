"""Keeps expressions out of the sight of YAML: `{ video: ${input.video} }` is no YAML, yet it is what people write.

Every balanced `${…}` that stands outside quoted scalars, block scalars and comments, and that a YAML loader would
refuse or cut, is covered with as many letters as it has characters, line breaks included. So all that YAML says about
places in the covered text (as an index, never as a line) is true in the original, and the original text is put back by
index.

To know where quotes, block scalars and comments begin the source is read token by token, as far as that needs:
`parent` is the column of the innermost block mapping or sequence so far, which is what decides where a scalar of many
lines ends. Simple lines, which is nearly all of them, are read with one pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_COVER: Final = "x"

_BREAK: Final = r"(?:\r\n|[\n\r])"
_SIMPLE_LINE: Final = re.compile(
    r"(?P<indent> *)(?P<dashes>(?:- +)*)(?:(?P<key>[A-Za-z_][\w.]*):)?"
    r"(?P<value>[ ]+(?:[A-Za-z0-9_/][\w./()-]*(?: [\w./()-]+)*|\$\{[^{}\"'\r\n$\\:#]*\}))?"
    rf"[ \t]*{_BREAK}"
)
_NEXT_TEXT: Final = re.compile(rf"(?:[ \t]*+{_BREAK})*+(?P<indent> *+)")
_BLANKS: Final = re.compile(r"[ \t]+")
_LINE_BREAK: Final = re.compile(_BREAK)
_REST_OF_LINE: Final = re.compile(r"[^\r\n]*")
_DOCUMENT_MARK: Final = re.compile(r"(?:---|\.\.\.)(?=[ \t\r\n]|\Z)")
_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)|'(?:[^']|'')*+(?:'|\Z)", re.DOTALL)
_BLOCK_SCALAR: Final = re.compile(r"[|>](?P<options>[-+1-9]{0,2})[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")
_PROPERTY: Final = re.compile(r"[&!*][^ \t\r\n,\[\]{}]*")
_BLOCK_INDICATOR: Final = re.compile(r"[-?:](?=[ \t\r\n]|\Z)")
_FLOW_INDICATOR: Final = re.compile(r":|[-?](?=[ \t\r\n]|\Z)")
_BLOCK_PLAIN: Final = re.compile(r"(?:[^ \t\r\n:$]++|:(?=[^ \t\r\n])|\$(?!\{)|[ \t]++(?=[^ \t\r\n#]))++")
_FLOW_PLAIN: Final = re.compile(r"(?:[^ \t\r\n:$,\[\]{}]++|:(?=[^ \t\r\n,\[\]{}])|\$(?!\{)|[ \t]++(?=[^ \t\r\n#]))++")
_EXPRESSION_PIECE: Final = re.compile(
    r"[^{}\"'$\\]++|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|[{}]|\$(?!\{)", re.DOTALL
)
_CUT: Final = re.compile(r"[ \t\r\n]#")
_REFUSED: Final = re.compile(r":(?=[ \t\r\n])")

WASTE_CHARACTERS_MAX: Final = 1_000_000
"""Characters that may be read in search of the end of expressions that have none: a bound against hostile input."""


@dataclass(frozen=True, slots=True)
class Span:
    """One covered expression: from the `$` up to behind the `}`. `reason` is what a plain YAML loader makes of it."""

    start: int
    end: int
    reason: str


def expression_end(text: str, start: int) -> int | None:
    """Where the `${` at `start` ends: the index behind its `}`. None when it is never closed.

    Braces count, those in string literals (of either quote) do not. An expression holds no other `${` and no backslash
    outside string literals, so the search ends there.
    """
    end, is_closed = _search_end(text, start)
    return end if is_closed else None


def _search_end(text: str, start: int) -> tuple[int, bool]:
    """How far the search for the end went, and whether it found one."""
    depth = 1
    at = start + 2
    while (piece := _EXPRESSION_PIECE.match(text, at)) is not None:
        at = piece.end()
        if text[at - 1] == "{" and at - piece.start() == 1:
            depth += 1
        elif text[at - 1] == "}" and at - piece.start() == 1:
            depth -= 1
            if depth == 0:
                return at, True
    return at, False


def spans_to_cover(text: str) -> tuple[Span, ...]:
    """The expressions that YAML must not see, in the order of the text. Time is linear in the length of the text."""
    return _Scanner(text).spans() if "${" in text else ()


def covered(text: str, spans: tuple[Span, ...]) -> str:
    """The text with each span covered: same length, same indexes."""
    pieces: list[str] = []
    at = 0
    for span in spans:
        pieces += (text[at : span.start], _COVER * (span.end - span.start))
        at = span.end
    return "".join((*pieces, text[at:]))


class _Scanner:
    """Reads a source from its first character to its last, with one finger on `at`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at: int = 0
        self._line_start: int = 0
        self._parent: int = -1
        self._flow_depth: int = 0
        self._is_in_plain: bool = False
        self._token_column: int | None = None  # of the last scalar or flow collection on this line: perhaps a key
        self._wasted: int = 0
        self._spans: list[Span] = []

    def spans(self) -> tuple[Span, ...]:
        """All there are."""
        end = len(self._text)
        while self._at < end:
            before = self._at, self._is_in_plain
            if self._at == self._line_start and self._flow_depth == 0:
                self._begin_line()
            elif self._is_in_plain:
                self._plain()
            else:
                self._token()
            if (self._at, self._is_in_plain) == before:
                self._at += 1  # whatever the text is, the reading comes to an end
        return tuple(self._spans)

    # -- lines --------------------------------------------------------------------------------------------------

    def _begin_line(self) -> None:
        """Read simple lines as a whole, then what the next line begins with."""
        if self._is_in_plain and self._goes_on():
            return
        while (line := _SIMPLE_LINE.match(self._text, self._at)) is not None:
            if line["key"]:
                self._parent = line.start("key") - line.start()
            elif line["dashes"]:
                self._parent = len(line["indent"]) + len(line["dashes"].rstrip()) - 1
            elif line["value"]:
                break
            self._move_to_line(line.end())
            if line["value"] and self._goes_on():
                return
        if (mark := _DOCUMENT_MARK.match(self._text, self._at)) is not None:
            self._parent = -1
            self._at = mark.end()
        elif self._at < len(self._text):
            self._token()

    def _goes_on(self) -> bool:
        """Whether the plain scalar of the line before goes on with this one; if so, read on in it."""
        text_begin = _next_text(self._text, self._at)
        column = text_begin.end() - text_begin.start("indent")
        self._is_in_plain = column > self._parent and not self._text.startswith("#", text_begin.end())
        if self._is_in_plain:
            self._move_to_line(text_begin.start("indent"))
            self._at = text_begin.end()
            self._plain()
        return self._is_in_plain or self._at > self._line_start

    def _move_to_line(self, start: int) -> None:
        self._at = self._line_start = start
        self._token_column = None

    def _end_line(self) -> bool:
        """Step over a line break, if there is one here."""
        line_break = _LINE_BREAK.match(self._text, self._at)
        if line_break is None:
            return False
        self._move_to_line(line_break.end())
        return True

    # -- tokens -------------------------------------------------------------------------------------------------

    def _token(self) -> None:
        """Read whatever begins here."""
        text, at = self._text, self._at
        character = text[at]
        if character in " \t":
            self._at = _end_of(_BLANKS, text, at)
        elif character in "\r\n":
            self._end_line()
        elif character == "#":
            self._at = _end_of(_REST_OF_LINE, text, at)
        elif character in "\"'":
            self._begin_scalar()
            self._at = _end_of(_QUOTED, text, at)
            self._follow_lines(at)
        elif character in "[]{}," and (self._flow_depth > 0 or character in "[{"):
            self._bracket(character)
        elif character in "&!*":
            self._begin_scalar()
            self._at = _end_of(_PROPERTY, text, at)
        elif (indicator := self._indicator_pattern().match(text, at)) is not None:
            self._indicator(character)
            self._at = indicator.end()
        elif self._flow_depth == 0 and (header := _BLOCK_SCALAR.match(text, at)) is not None:
            self._block_scalar(header)
        else:
            self._begin_scalar()
            self._is_in_plain = True
            self._plain()

    def _begin_scalar(self) -> None:
        """Remember where something began that may turn out to be a key."""
        if self._flow_depth == 0 and self._token_column is None:
            self._token_column = self._at - self._line_start

    def _indicator_pattern(self) -> re.Pattern[str]:
        return _BLOCK_INDICATOR if self._flow_depth == 0 else _FLOW_INDICATOR

    def _indicator(self, character: str) -> None:
        """`-`, `?` and `:` of a block collection say where it stands."""
        if self._flow_depth > 0:
            return
        column = self._at - self._line_start
        if character == ":" and self._token_column is not None:
            column = self._token_column
        self._parent = column
        self._token_column = None

    def _bracket(self, character: str) -> None:
        if character in "[{":
            self._begin_scalar()
            self._flow_depth += 1
        elif character in "]}":
            self._flow_depth -= 1
        self._at += 1

    def _follow_lines(self, start: int) -> None:
        """Keep the start of the line right after a token of several lines."""
        last_break = max(self._text.rfind("\n", start, self._at), self._text.rfind("\r", start, self._at))
        if last_break >= 0:
            self._line_start = last_break + 1

    def _block_scalar(self, header: re.Match[str]) -> None:
        """Step over a `|` or `>` scalar: all lines that are blank or indented enough."""
        self._at = header.end()
        if not self._end_line():
            return
        digits = header["options"].strip("+-")
        if digits:
            indent = max(self._parent, 0) + int(digits[0])
        else:
            first = _next_text(self._text, self._at)
            indent = first.end() - first.start("indent")
            if indent < max(self._parent + 1, 1):
                return
        lines = re.compile(rf"(?:[ ]*+{_BREAK}|[ ]{{{indent}}}[^\r\n]*+(?:{_BREAK}|\Z))*+")
        self._move_to_line(_end_of(lines, self._text, self._at))

    # -- plain scalars and expressions --------------------------------------------------------------------------

    def _plain(self) -> None:
        """Read on in a plain scalar, up to its end or the end of the line."""
        text = self._text
        plain = _BLOCK_PLAIN if self._flow_depth == 0 else _FLOW_PLAIN
        while self._at < len(text):
            if (run := plain.match(text, self._at)) is not None:
                self._at = run.end()
            elif text.startswith("${", self._at):
                self._expression()
            else:
                break
        if (blanks := _BLANKS.match(text, self._at)) is not None:
            self._at = blanks.end()
        if not self._end_line():
            self._is_in_plain = False

    def _expression(self) -> None:
        """Note the expression that begins here, unless it is not closed or YAML reads it as it is."""
        start = self._at
        if self._wasted >= WASTE_CHARACTERS_MAX:
            self._at = start + 2
            return
        end, is_closed = _search_end(self._text, start)
        if not is_closed or not self._is_indented(start, end):
            self._wasted += end - start
            self._at = start + 2
            return
        reason = self._reason(self._text[start:end])
        if reason:
            self._spans.append(Span(start, end, reason))
        self._at = end
        self._follow_lines(start)

    def _is_indented(self, start: int, end: int) -> bool:
        """Whether all lines of it are lines of one plain scalar. If not, its `}` is another expression's."""
        if self._flow_depth > 0:
            return True
        at = start
        while (line_break := _LINE_BREAK.search(self._text, at, end)) is not None:
            text_begin = _next_text(self._text, line_break.end())
            if text_begin.end() - text_begin.start("indent") <= self._parent:
                return False
            at = text_begin.end()
        return True

    def _reason(self, expression: str) -> str:
        if self._flow_depth > 0:
            return "an unquoted expression inside [...] or {...}"
        if _REFUSED.search(expression):
            return "a colon and a space inside an unquoted expression"
        if _CUT.search(expression):
            return "a space and a '#' inside an unquoted expression"
        return ""


def _next_text(text: str, at: int) -> re.Match[str]:
    """The blank lines from `at` on and the indentation of the first line that is not blank."""
    found = _NEXT_TEXT.match(text, at)
    assert found is not None  # it matches nothing as well
    return found


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Behind what the pattern matches here; `at` itself when it does not."""
    found = pattern.match(text, at)
    return at if found is None else found.end()
