"""What an attempt's output must not show: its secrets."""

from __future__ import annotations

import pytest

from hakobune.engines.process.attempt import hidden_parts


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        ((), ()),
        (("secret",), (b"secret",)),
        (("abc", "  \n", ""), ()),  # too short: it would be found in everything
        (("secret-long", "secret"), (b"secret-long", b"secret")),
        (("secret", "secret-long"), (b"secret-long", b"secret")),
        (("BEGIN KEY\nline one\r\nline two\nend\n",), (b"BEGIN KEY", b"line one", b"line two")),
        (("  padded  ",), (b"padded",)),
        (("早い船",), ("早い船".encode(),)),
    ],
)
def test_given_texts_then_their_lines_are_looked_for_the_longest_first(
    texts: tuple[str, ...], parts: tuple[bytes, ...]
) -> None:
    found = hidden_parts(texts)
    assert sorted(found) == sorted(parts)
    assert list(found) == sorted(found, key=len, reverse=True)
