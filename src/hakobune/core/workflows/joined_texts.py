"""A text with expressions in it, as the one expression that was most likely meant: for remedies."""

from __future__ import annotations

import json
import re
from typing import Final

from hakobune.core.workflows.protection import expression_end

_LONGEST: Final = 100  # characters of a text that is written out again in a message
_EXAMPLE: Final = '${"text " + variable}'
_SIMPLE: Final = re.compile(r"[\w.]+(?:\[[^\[\]]*\]|\([^()]*\))*")  # what needs no parentheses beside an operator


def joined(text: str) -> str:
    """The text as one expression: `a ${b}` is `${"a " + b}`. An example where the text is too long or not so."""
    pieces: list[str] = []
    at = 0
    while len(text) <= _LONGEST and (start := text.find("${", at)) >= 0:
        end = expression_end(text, start)
        inner = "" if end is None else text[start + 2 : end - 1].strip()
        if end is None or not inner:
            return _EXAMPLE
        if start > at:
            pieces.append(json.dumps(text[at:start], ensure_ascii=False))
        pieces.append(inner if _SIMPLE.fullmatch(inner) else f"({inner})")
        at = end
    if not pieces:
        return _EXAMPLE
    if at < len(text):
        pieces.append(json.dumps(text[at:], ensure_ascii=False))
    return f"${{{' + '.join(pieces)}}}"
