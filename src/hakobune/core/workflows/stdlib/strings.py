"""`text.*` but for regular expressions. Positions count code points, from zero.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/text/decode and the pages beside it.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.stdlib.arguments import given, octets, text, whole
from hakobune.core.workflows.stdlib.charsets import codec, decoded, encoded, utf8
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.stdlib.sizes import check_elements, check_result
from hakobune.core.workflows.values import Value

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)


def decode(data: Value, charset: Value | Missing) -> Value:
    """The text of bytes. Raises Failure (TypeError, ValueError)."""
    content = octets("text.decode", "data", data)
    return decoded("text.decode", content, _codec("text.decode", charset))


def encode(source: Value, charset: Value | Missing) -> Value:
    """The bytes of a text. Raises Failure (TypeError, ValueError)."""
    content = text("text.encode", "text", source)
    return encoded("text.encode", content, _codec("text.encode", charset))


def _codec(function: str, charset: Value | Missing) -> str:
    label = text(function, "charset", given(charset, "UTF-8"))
    found = codec(label)
    if found is None:
        raise value_error(f'{function}: unknown charset "{label[:60]}"')
    return found


def find_all(source: Value, substr: Value) -> Value:
    """Where a text occurs, from the left, without overlap. Raises Failure (TypeError, ValueError, a limit)."""
    content = text("text.find_all", "source", source)
    wanted = text("text.find_all", "substr", substr)
    if not wanted:
        raise value_error("text.find_all: substr is empty")
    check_elements("text.find_all", content.count(wanted))
    found: list[Value] = []
    at = content.find(wanted)
    while at >= 0:
        found.append(at)
        at = content.find(wanted, at + len(wanted))
    return found


def replace_all(source: Value, substr: Value, repl: Value) -> Value:
    """The text with another one in place of `substr`; an empty `substr` stands before and after each character.

    Raises Failure (TypeError, ValueError, ResourceLimitError).
    """
    content = text("text.replace_all", "source", source)
    wanted = text("text.replace_all", "substr", substr)
    replacement = text("text.replace_all", "repl", repl)
    for part in (content, wanted, replacement):
        utf8("text.replace_all", part)
    check_result("text.replace_all", len(content) + content.count(wanted) * len(replacement))
    return content.replace(wanted, replacement)


def split(source: Value, separator: Value) -> Value:
    """The parts between separators, empty ones too. Raises Failure (TypeError, ValueError, ResourceLimitError)."""
    content = text("text.split", "source", source)
    mark = text("text.split", "separator", separator)
    if not mark:
        raise value_error("text.split: separator is empty")
    check_elements("text.split", content.count(mark))
    return list[Value](content.split(mark))


def substring(source: Value, start: Value, end: Value) -> Value:
    """The characters from `start` up to but without `end`; negative ones count from the end, and what lies outside is
    clamped. Raises Failure (TypeError)."""
    content = text("text.substring", "source", source)
    return content[whole("text.substring", "start", start) : whole("text.substring", "end", end)]


def to_lower(source: Value) -> Value:
    """In lower case. Raises Failure (TypeError)."""
    return text("text.to_lower", "source", source).lower()


def to_upper(source: Value) -> Value:
    """In upper case. Raises Failure (TypeError)."""
    return text("text.to_upper", "source", source).upper()


def url_decode(source: Value) -> Value:
    """`%XX` as the UTF-8 byte it means, `+` as a space. Raises Failure (TypeError, ValueError)."""
    content = text("text.url_decode", "source", source)
    bad = _BAD_ESCAPE.search(content)
    if bad is not None:
        raise value_error(f"text.url_decode: no two hexadecimal digits after the % at {bad.start()}")
    utf8("text.url_decode", content)
    return decoded("text.url_decode", unquote_to_bytes(content.replace("+", " ")), "utf-8")


def url_encode(source: Value) -> Value:
    """All but letters, digits and `.-_` as `%XX`. Raises Failure (TypeError, ValueError)."""
    return percent_encoded("text.url_encode", text("text.url_encode", "source", source))


def url_encode_plus(source: Value) -> Value:
    """As `url_encode`, with `+` for a space. Raises Failure (TypeError, ValueError)."""
    return percent_encoded("text.url_encode_plus", text("text.url_encode_plus", "source", source)).replace("%20", "+")


def percent_encoded(function: str, content: str) -> str:
    """The text with all but letters, digits and `.-_` as `%XX` of its UTF-8. Raises Failure (ValueError)."""
    return quote(utf8(function, content), safe="").replace("~", "%7E")


_SOURCE = LibraryParameter("source")
_CHARSET = LibraryParameter("charset", is_required=False, default="UTF-8")
_SUBSTR = LibraryParameter("substr")


FUNCTIONS = (
    LibraryFunction(
        name="text.decode", parameters=(LibraryParameter("data"), _CHARSET), kind=Kind.PURE, run=decode, ns=5
    ),
    LibraryFunction(
        name="text.encode", parameters=(LibraryParameter("text"), _CHARSET), kind=Kind.PURE, run=encode, ns=5
    ),
    LibraryFunction(name="text.find_all", parameters=(_SOURCE, _SUBSTR), kind=Kind.PURE, run=find_all, ns=60),
    LibraryFunction(
        name="text.replace_all",
        parameters=(_SOURCE, _SUBSTR, LibraryParameter("repl")),
        kind=Kind.PURE,
        run=replace_all,
        ns=3,
    ),
    LibraryFunction(
        name="text.split", parameters=(_SOURCE, LibraryParameter("separator")), kind=Kind.PURE, run=split, ns=5
    ),
    LibraryFunction(
        name="text.substring",
        parameters=(_SOURCE, LibraryParameter("start"), LibraryParameter("end")),
        kind=Kind.PURE,
        run=substring,
        ns=1,
    ),
    LibraryFunction(name="text.to_lower", parameters=(_SOURCE,), kind=Kind.PURE, run=to_lower, ns=2),
    LibraryFunction(name="text.to_upper", parameters=(_SOURCE,), kind=Kind.PURE, run=to_upper, ns=2),
    LibraryFunction(name="text.url_decode", parameters=(_SOURCE,), kind=Kind.PURE, run=url_decode, ns=40),
    LibraryFunction(name="text.url_encode", parameters=(_SOURCE,), kind=Kind.PURE, run=url_encode, ns=15),
    LibraryFunction(name="text.url_encode_plus", parameters=(_SOURCE,), kind=Kind.PURE, run=url_encode_plus, ns=15),
)
