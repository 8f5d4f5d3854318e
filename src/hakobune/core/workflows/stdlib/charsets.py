"""The character sets that text can be read from and written to.

A fixed table of labels: what a workflow does must not depend on which codecs a machine has, and some codecs of the
Python library are no character sets at all. The labels are the common ones of
https://encoding.spec.whatwg.org/#names-and-labels, without regard to case, `-`, `_` and spaces.
"""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.failures import value_error

_CODECS: Final = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii"),
    *("latin-1", *(f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16))),
    *(
        f"cp{page}"
        for page in (437, 850, 852, 866, 874, 932, 949, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258)
    ),
    *("shift_jis", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr", "koi8_r", "koi8_u"),
)
_OTHER_LABELS: Final = {
    "usascii": "ascii",
    **{f"windows{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"iso8859{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    "windows31j": "cp932",
    "sjis": "shift_jis",
    "xsjis": "shift_jis",
}


def _plain(label: str) -> str:
    return label.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


_BY_LABEL: Final = {**{_plain(codec): codec for codec in _CODECS}, **_OTHER_LABELS}


def codec(label: str) -> str | None:
    """Python's name of the codec for a label such as "UTF-8" or "Shift_JIS"; None if it is not known here."""
    return _BY_LABEL.get(_plain(label)) if len(label) <= 40 else None


def utf8(function: str, source: str) -> bytes:
    """The text as UTF-8. Raises Failure (ValueError) if it holds half of a surrogate pair."""
    return encoded(function, source, "utf-8")


def encoded(function: str, source: str, codec_name: str) -> bytes:
    """The text in a character set. Raises Failure (ValueError)."""
    try:
        return source.encode(codec_name)
    except UnicodeEncodeError as error:
        raise value_error(f"{function}: character {error.start} cannot be encoded as {codec_name}") from error


def decoded(function: str, data: bytes, codec_name: str) -> str:
    """The text of bytes in a character set. Raises Failure (ValueError)."""
    try:
        return data.decode(codec_name)
    except UnicodeDecodeError as error:
        raise value_error(f"{function}: byte {error.start} cannot be decoded as {codec_name}") from error
