"""multipart/related: the same bytes come out, however they arrive; what is broken is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.objects.failures import InvalidRequest
from hakobune.wire.storage_v1_related import METADATA_MAX_BYTES, RelatedParser, boundary_from_type

EDGE = b"==0=="


def body(
    metadata: bytes, content: bytes, line: bytes, *, header: bytes = b"content-type: a/b", end: bytes = b""
) -> bytes:
    dashes = b"--" + EDGE
    return (
        line.join(
            [dashes, b"content-type: application/json", b"", metadata, dashes, header, b"", content, dashes + b"--"]
        )
        + end
    )


def parsed(data: bytes, sizes: list[int]) -> tuple[bytes, bytes, str]:
    """(metadata, content, type of the content), fed in pieces of these sizes, in turn."""
    parser = RelatedParser(EDGE)
    content, place, turn = b"", 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        content += parser.feed(data[place : place + size])
        place, turn = place + size, turn + 1
    parser.finish()
    assert parser.has_content_begun
    assert parser.has_ended
    return parser.metadata, content, parser.content_type


tricky = st.lists(
    st.sampled_from([b"\r", b"\n", b"--", b"\r\n", b"\n--", b"\r\n--==0==x", b"\n--==0", b"==0==", b"x", b"\0\xff"])
    | st.binary(max_size=8),
    max_size=20,
).map(b"".join)


@given(content=tricky, sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5), is_crlf=st.booleans())
def test_any_bytes_in_any_pieces_come_out_as_they_went_in(content: bytes, sizes: list[int], is_crlf: bool) -> None:
    line = b"\r\n" if is_crlf else b"\n"
    if line + b"--" + EDGE in (line + content + line):  # then it is no content: it holds a delimiter
        return
    assert parsed(body(b'{"a": 1}', content, line), sizes) == (b'{"a": 1}', content, "a/b")


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n", b"  \r\nepilogue", b"rubbish" * 1000])
def test_what_follows_the_end_is_ignored(line: bytes, end: bytes) -> None:
    assert parsed(body(b"{}", b"content", line, end=end), [7])[1] == b"content"


def test_a_preamble_and_blanks_after_a_boundary_are_allowed() -> None:
    data = b"preamble --==0== not yet\r\n" + body(b"{}", b"content", b"\r\n").replace(b"--==0==\r\n", b"--==0== \t\r\n")
    assert parsed(data, [3])[1] == b"content"


def test_parts_without_headers_and_without_content() -> None:
    assert parsed(b"--==0==\n\n{}\n--==0==\n\nx\n--==0==--", [1]) == (b"{}", b"x", "")
    assert parsed(b"--==0==\n\n--==0==\nA: b\n\n\n--==0==--", [1]) == (b"", b"", "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"--==0==",
        b"--==0==x\r\n",
        b"--==0==" + b" " * 100 + b"\r\n",
        b"--==0==--",
        b"\n\n" * 3000,
        b"--==0==\n\n{}\n--==0==--",
        b"--==0==\n\n{}\n--==0==\n\ncontent",
        b"--==0==\n\n{}\n--==0==\n\ncontent\n--==0==\n\nthird\n--==0==--",
        b"--==0==\n" + b"a: b\n" * 5000,
        b"--==0==\n" + b"a: " + b"b" * 20_000 + b"\n\n{}",
        b"--==0==\n\n" + b"x" * (METADATA_MAX_BYTES + 100) + b"\n--==0==\n\nx\n--==0==--",
        b"--==0==\n\n{}\n--==0==\nContent-Transfer-Encoding: base64\n\nx\n--==0==--",
    ],
)
@pytest.mark.parametrize("size", [11, 1_000_000])
def test_what_is_broken_is_refused(data: bytes, size: int) -> None:
    parser = RelatedParser(EDGE)
    with pytest.raises(InvalidRequest):  # noqa: PT012 - which piece it is makes no difference
        for place in range(0, len(data), size):
            parser.feed(data[place : place + size])
        parser.finish()


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/related; boundary=abc", b"abc"),
        ('multipart/related; boundary="a b;c"', b"a b;c"),
        ("multipart/related; boundary='===============2861041051532728114=='", b"===============2861041051532728114=="),
        ("multipart/related; type=x; BOUNDARY = abc ; y=z", b"abc"),
        ('multipart/related; xboundary=no; boundary="=="', b"=="),
    ],
)
def test_boundaries(content_type: str, boundary: bytes) -> None:
    assert boundary_from_type(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    ["", "multipart/related", "multipart/related; boundary=", f"m/r; boundary={'x' * 201}", "m/r; boundary=é"],
)
def test_types_without_a_boundary(content_type: str) -> None:
    with pytest.raises(InvalidRequest):
        boundary_from_type(content_type)
