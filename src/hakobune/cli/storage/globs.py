"""Wildcards of URLs and paths: `*` and `?` within a part, `**` over parts, `[…]` a set of characters.

The syntax is that of `gcloud topic` and of gsutil's help on wildcards; braces are not part of it.
"""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression that a whole name must match."""
    found: list[str] = []
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            if pattern[place : place + 1] == "*":
                place += 1
                # `a/**/b` also matches `a/b`: the folders between may be none.
                if pattern[place : place + 1] == "/" and found[-1:] in (["/"], []):
                    place += 1
                    found.append("(?:.*/)?")
                else:
                    found.append(".*")
            else:
                found.append("[^/]*")
        elif character == "?":
            found.append("[^/]")
        elif character == "[":
            place = _set(pattern, place, found)
        else:
            found.append(re.escape(character))
    return re.compile("".join(found), re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches."""
    return compiled(pattern).fullmatch(name) is not None


def _set(pattern: str, place: int, found: list[str]) -> int:
    """Add the set that begins before `place`; an open bracket without its end is the character itself."""
    end = pattern.find("]", place + 1)
    if end < 0:
        found.append(re.escape("["))
        return place
    inner = pattern[place:end]
    negated = inner.startswith(("!", "^"))
    inner = inner[1:] if negated else inner
    safe = inner.replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^").replace("&", "\\&")
    found.append(f"[{'^/' if negated else ''}{safe}]" if safe else re.escape(pattern[place - 1 : end + 1]))
    return end + 1
