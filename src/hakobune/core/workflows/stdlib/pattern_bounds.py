"""What a pattern may cost before RE2 is given it: its reader has no bound of its own.

The memory and the time of RE2 follow from what a pattern says when it is written out: `a{999}` is 999 characters,
`\\pL` seven hundred ranges of them. Here that is counted, from above, without building anything. A pattern within the
bounds takes less than 64 MB and 0.1 s to compile (measured over all constructs and over random patterns, as the test
of this file does). The numbers are our own: the service publishes none. Where the syntax is wrong, the count stands for
what RE2 reads until it finds out.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

PATTERN_BYTES: Final = 8_192  # no expression has more than 400 characters; patterns may be put together
PATTERN_WEIGHT: Final = 200_000
PATTERN_OPTIONS: Final = 8_000

_WEIGHT_NS: Final = 500
_PAIR_NS: Final = 2
_ASCII: Final = 2
_CHARACTER: Final = 4  # bytes at most, or forms when upper and lower case are the same
_CLASS: Final = 12  # instructions of `.`, `\\w`, in UTF-8
_REST: Final = 32  # of `\\W`, `[^k]`
_CLASS_SIGN: Final = 4  # for each byte that is written in a class
_UNICODE_CLASS: Final = 1_200  # `\\pL`
_FOLDED_UNICODE_CLASS: Final = 3_600  # the same within `[]`, where upper and lower case are the same
_PREDEFINED: Final = {"d": _CLASS, "s": _CLASS, "w": _CLASS, "D": _REST, "S": _REST, "W": _REST, "C": _CLASS}
_TOKEN: Final = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)"
    r"|(?P<unicode>\\[pP](?:\{[^}]*\}|.)?)"
    r"|(?P<code>\\x\{[^}]*\})"
    r"|\\(?P<escaped>.)"
    r"|(?P<set>\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]?)"
    r"|\(\?P?<(?P<name>[^>]*)>"
    r"|(?P<flags>\(\?[a-zA-Z-]*(?P<ends>[:)]))"
    r"|\{(?P<least>[0-9]{1,4})(?P<comma>,?)(?P<most>[0-9]{0,4})\}"
    r"|(?P<sign>.)",
    re.DOTALL,
)
_SET_UNICODE: Final = re.compile(r"\\[pP]")
_NAME_CATEGORIES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Pc", "Nl", "No"})


class PatternError(Exception):
    """RE2 would refuse the pattern. The message is RE2's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedPattern:
    """`text`: the pattern without the names of its groups. When its counted repetitions are written out it has, at the
    most, `weight` instructions and `options` parts that may be missing or come again."""

    text: str
    weight: int
    options: int

    @property
    def is_affordable(self) -> bool:
        """Whether RE2 may be given it."""
        return self.weight <= PATTERN_WEIGHT and self.options <= PATTERN_OPTIONS

    @property
    def compile_ns(self) -> int:
        """The work of compiling it. Parts that may be missing cost as many looks as there are pairs of them."""
        return self.weight * _WEIGHT_NS + self.options * self.options * _PAIR_NS


def bounded(pattern: str) -> BoundedPattern:
    """What RE2 would make of a pattern of at most PATTERN_BYTES. Raises PatternError (names of groups)."""
    return _Reader(pattern).read()


@dataclass(slots=True)
class _Group:
    """The group being read: weight and options of all before its last element, and of that."""

    before: int = 0
    last: int = 0
    options_before: int = 0
    options_last: int = 0

    def add(self, weight: int, options: int = 0) -> None:
        """One more element."""
        self.before += self.last
        self.options_before += self.options_last
        self.last, self.options_last = weight, options

    def repeat(self, least: int, most: int) -> None:
        """The last element, from `least` to `most` times: each time more than `least` is an option."""
        times = max(1, least, most)
        self.last *= times
        self.options_last = self.options_last * times + max(0, most - least)

    def choose(self) -> None:
        """The last element may be missing, or come again."""
        self.last += 1
        self.options_last += 1


@dataclass(slots=True)
class _Reader:
    pattern: str
    groups: list[_Group] = field(default_factory=lambda: [_Group()])
    is_folded: bool = False

    def read(self) -> BoundedPattern:
        """Once over the pattern. A flag `i` anywhere counts from there on to the end: from above, as all here."""
        pieces: list[str] = []
        for token in _TOKEN.finditer(self.pattern):
            name = token["name"]
            pieces.append(token[0] if name is None else self._unnamed(name))
            self._weigh(token)
        while len(self.groups) > 1:
            self._close()
        whole = self.groups[0]
        return BoundedPattern(
            text="".join(pieces),
            weight=whole.before + whole.last,
            options=whole.options_before + whole.options_last,
        )

    def _unnamed(self, name: str) -> str:
        """The names are not asked for, and RE2 would keep a place for each group that has one."""
        if not name or not all(unicodedata.category(sign) in _NAME_CATEGORIES for sign in name):
            raise PatternError(f"invalid named capture group: (?P<{name[:60]}>")
        return "("

    def _weigh(self, token: re.Match[str]) -> None:
        group = self.groups[-1]
        if (quoted := token["quoted"]) is not None:
            group.add(_CHARACTER * len(quoted))
        elif token["unicode"] is not None:
            group.add(_UNICODE_CLASS)
        elif token["code"] is not None:
            group.add(_CHARACTER)
        elif (escaped := token["escaped"]) is not None:
            group.add(_PREDEFINED.get(escaped, _CHARACTER))
        elif (written := token["set"]) is not None:
            group.add(self._of_set(written))
        elif token["name"] is not None:
            self.groups.append(_Group())
        elif (flags := token["flags"]) is not None:
            self.is_folded = self.is_folded or "i" in flags
            if token["ends"] == ":":
                self.groups.append(_Group())
        elif token["least"] is not None:
            least = int(token["least"])
            group.repeat(least, int(token["most"] or (least + 1 if token["comma"] else least)))
        else:
            self._of_sign(token["sign"] or "")

    def _of_set(self, written: str) -> int:
        unicode_class = _FOLDED_UNICODE_CLASS if self.is_folded else _UNICODE_CLASS
        inner = len(_SET_UNICODE.findall(written))
        return _REST + _CLASS_SIGN * len(written.encode()) + unicode_class * inner

    def _of_sign(self, sign: str) -> None:
        if sign == "(":
            self.groups.append(_Group())
        elif sign == ")" and len(self.groups) > 1:
            self._close()
        elif sign in ("*", "+", "?"):
            self.groups[-1].choose()
        else:
            plain = _CHARACTER if self.is_folded or not sign.isascii() else _ASCII
            self.groups[-1].add(_CLASS if sign == "." else plain)

    def _close(self) -> None:
        inner = self.groups.pop()
        self.groups[-1].add(inner.before + inner.last + 1, inner.options_before + inner.options_last)
