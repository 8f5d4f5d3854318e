"""multipart/related: the metadata and the bytes of one upload, read while they arrive.

The bytes may hold anything. Lines end in CRLF or in LF, as the first delimiter's does; the boundary is quoted or not.
Source: RFC 2387, RFC 2046 section 5.1; the clients that send LF alone are named in the tests.
"""

from __future__ import annotations

import re
from enum import Enum

from hakobune.core.objects.failures import InvalidRequest

METADATA_MAX_BYTES = 1024 * 1024  # ours: names of 1 KiB and metadata of 8 KiB, escaped, fit many times
_PREAMBLE_MAX_BYTES = 4 * 1024
_HEADER_MAX_BYTES = 16 * 1024
_PADDING_MAX = 64  # blanks between a boundary and the end of its line
_BOUNDARY = re.compile(r"""(?:^|;)\s*boundary\s*=\s*(?:"([^"]+)"|'([^']+)'|([^;\s]+))""", re.IGNORECASE)
_BOUNDARY_CHARS = 200  # the standard says 70


def boundary_from_type(content_type: str) -> bytes:
    """The boundary in a `Content-Type`. (gcloud quotes it with single quotes.) Raises InvalidRequest."""
    parameters = content_type.partition(";")[2]
    match = _BOUNDARY.search(f";{parameters}")
    text = next(filter(None, match.groups()), "") if match else ""
    if not text or len(text) > _BOUNDARY_CHARS or not text.isascii():
        raise InvalidRequest("The Content-Type of a multipart request names its boundary.")
    return text.encode()


class _State(Enum):
    PREAMBLE = 0  # before the first delimiter
    METADATA_HEADER = 1
    METADATA = 2
    CONTENT_HEADER = 3
    CONTENT = 4
    ENDED = 5


class RelatedParser:
    """Feed it the body; it gives the bytes of the second part. `metadata` and `content_type` are there when
    `has_content_begun`."""

    def __init__(self, boundary: bytes) -> None:
        self.metadata: bytes = b""
        self.content_type = ""
        self._dashes = b"--" + boundary
        self._line_end: bytes = b""  # known from the first delimiter on
        self._delimiter: bytes = b""
        self._state = _State.PREAMBLE
        self._rest: bytes = b""
        self._lead = 0  # bytes before the part that are none of it
        self._metadata_parts: list[bytes] = []
        self._metadata_size = 0

    @property
    def has_content_begun(self) -> bool:
        """The second part is reached."""
        return self._state in {_State.CONTENT, _State.ENDED}

    @property
    def has_ended(self) -> bool:
        """The closing delimiter was seen."""
        return self._state is _State.ENDED

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the body; returns those of the content among them. Raises InvalidRequest."""
        self._rest = self._rest + data if self._rest else data
        content: list[bytes] = []
        while self._step(content):
            pass
        return content[0] if len(content) == 1 else b"".join(content)

    def _step(self, content: list[bytes]) -> bool:
        """Go on by one piece; False: more bytes are needed."""
        match self._state:
            case _State.PREAMBLE:
                return self._find_first()
            case _State.METADATA_HEADER | _State.CONTENT_HEADER:
                return self._read_header()
            case _State.METADATA:
                return self._read_metadata()
            case _State.CONTENT:
                return self._read_content(content)
            case _State.ENDED:
                self._rest = b""
                return False

    def finish(self) -> None:
        """The body has ended. Raises InvalidRequest if it should not have."""
        if self._state is not _State.ENDED:
            raise InvalidRequest("Malformed multipart body: it ends before its closing delimiter.")

    def _find_first(self) -> bool:
        place = 0
        while True:
            place = self._rest.find(self._dashes, place)
            if place < 0:
                break
            if place == 0 or self._rest[place - 1 : place] == b"\n":
                return self._begin(place)
            place += 1
        if len(self._rest) > _PREAMBLE_MAX_BYTES:
            raise InvalidRequest("Malformed multipart body: it does not begin with its boundary.")
        return False

    def _begin(self, place: int) -> bool:
        end = self._rest.find(b"\n", place)
        padding = self._rest[place + len(self._dashes) : end if end >= 0 else None]
        if padding.strip(b" \t\r") or len(padding) > _PADDING_MAX:
            raise InvalidRequest("Malformed multipart body: something follows its first boundary.")
        if end < 0:
            return False
        self._line_end = b"\r\n" if padding.endswith(b"\r") else b"\n"
        self._delimiter = self._line_end + self._dashes
        self._rest = self._rest[end + 1 :]
        self._state = _State.METADATA_HEADER
        return True

    def _read_header(self) -> bool:
        blank = self._line_end * 2
        if self._rest.startswith(self._line_end):  # a part without headers
            header, end = b"", len(self._line_end)
        else:
            place = self._rest.find(blank)
            if place < 0:
                if len(self._rest) > _HEADER_MAX_BYTES:
                    raise InvalidRequest("Malformed multipart body: the header of a part is too long.")
                return False
            header, end = self._rest[:place], place + len(blank)
        if len(header) > _HEADER_MAX_BYTES:
            raise InvalidRequest("Malformed multipart body: the header of a part is too long.")
        # The line that ends the header also begins the delimiter of a part that holds nothing.
        self._rest = self._line_end + self._rest[end:]
        self._lead = len(self._line_end)
        if self._state is _State.METADATA_HEADER:
            self._state = _State.METADATA
        else:
            self._take_header(header)
            self._state = _State.CONTENT
        return True

    def _take_header(self, header: bytes) -> None:
        for line in header.split(b"\n"):
            name, _, value = line.partition(b":")
            text = value.strip().decode("utf-8", "replace")
            match name.strip().lower():
                case b"content-type":
                    self.content_type = text
                case b"content-transfer-encoding" if text.lower() not in {"binary", "8bit", "7bit"}:
                    raise InvalidRequest(f"Content-Transfer-Encoding {text[:40]!r} is not understood: use binary.")
                case _:
                    pass

    def _read_metadata(self) -> bool:
        piece, is_end, is_last = self._piece()
        self._metadata_size += len(piece)
        if self._metadata_size > METADATA_MAX_BYTES:
            raise InvalidRequest(f"The metadata of an upload has at most {METADATA_MAX_BYTES} bytes.")
        if piece:
            self._metadata_parts.append(piece)
        if not is_end:
            return False
        if is_last:
            raise InvalidRequest("Malformed multipart body: it has two parts, metadata and content.")
        self.metadata = b"".join(self._metadata_parts)
        self._state = _State.CONTENT_HEADER
        return True

    def _read_content(self, content: list[bytes]) -> bool:
        piece, is_end, is_last = self._piece()
        if piece:
            content.append(piece)
        if not is_end:
            return False
        if not is_last:
            raise InvalidRequest("Malformed multipart body: it has two parts, metadata and content.")
        self._state = _State.ENDED
        return True

    def _piece(self) -> tuple[bytes, bool, bool]:
        """(bytes of the part, whether it ends after them, whether the body does)."""
        piece, is_end, is_last = self._until_delimiter()
        if self._lead:
            cut = min(self._lead, len(piece))
            self._lead -= cut
            piece = piece[cut:]
        return piece, is_end, is_last

    def _until_delimiter(self) -> tuple[bytes, bool, bool]:
        """As `_piece`, with what was put before the part."""
        place = -1
        while True:
            place = self._rest.find(self._delimiter, place + 1)
            if place < 0:
                kept = len(self._delimiter) - 1  # a delimiter may have begun
                cut = max(0, len(self._rest) - kept)
                piece, self._rest = self._rest[:cut], self._rest[cut:]
                return piece, False, False
            after = place + len(self._delimiter)
            tail = self._rest[after : after + _PADDING_MAX + 2]
            if tail.startswith(b"--"):
                piece, self._rest = self._rest[:place], b""
                return piece, True, True
            line, newline, _ = tail.partition(b"\n")
            if newline and not line.strip(b" \t\r"):
                piece, self._rest = self._rest[:place], self._rest[after + len(line) + 1 :]
                return piece, True, False
            if not newline and len(tail) < _PADDING_MAX and not tail.strip(b" \t\r-"):
                piece, self._rest = self._rest[:place], self._rest[place:]  # what follows will tell
                return piece, False, False
