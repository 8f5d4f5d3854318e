"""`storage cat` and `storage hash`."""

from __future__ import annotations

import base64
import sys

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.storage import files
from hakobune.cli.storage.api import StorageApi
from hakobune.cli.storage.checksums import digests_of
from hakobune.cli.storage.downloads import Downloads
from hakobune.cli.storage.entries import BucketEntry, FileEntry, ObjectEntry
from hakobune.cli.storage.expansion import Expansion
from hakobune.cli.storage.sources import Sources
from hakobune.cli.storage.urls import CloudUrl, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def _cat(session: Session, arguments: Arguments) -> None:
    urls: list[CloudUrl] = []
    for text in arguments.positionals["url"]:
        url = url_from_text(text)
        if not isinstance(url, CloudUrl):
            raise CommandError(f"cat only works for valid cloud URLs. {url} is an invalid cloud URL.")
        urls.append(url)
    start, end = _range_of(arguments)
    api = StorageApi(session)
    downloads = Downloads(api)
    sources = Sources(urls, Expansion(api), session.console, is_recursive=False)
    for item in sources.items():
        entry = item.content
        if isinstance(entry, ObjectEntry):
            if arguments.switch("display-url"):
                session.console.say(f"==> {entry.url.plain} <==")
            first = max(entry.size_bytes + start, 0) if start < 0 else start
            downloads.to_stream(entry, sys.stdout.buffer, _ignore, start=first, end=end)
            sys.stdout.buffer.flush()
    sources.check()


def _ignore(size_bytes: int) -> None:
    del size_bytes


def _range_of(arguments: Arguments) -> tuple[int, int | None]:
    """Start (negative: so many bytes before the end) and the byte after the last. Raises UsageError."""
    text = arguments.text("range")
    if not arguments.given("range") or text == "-":
        return 0, None
    first, dash, last = text.partition("-")
    if not dash or not (first + last).isdigit() or (first and last and int(last) < int(first)):
        raise UsageError(f"argument --range: [{text}] is not a range: write 0-99, 100- or -5")
    if not first:
        return -int(last), None
    return int(first), int(last) + 1 if last else None


def _hash(session: Session, arguments: Arguments) -> Iterator[Document]:
    expansion = Expansion(StorageApi(session))
    form = _hexadecimal if arguments.switch("hex") else _base64
    has_matched = False
    for text in arguments.positionals["url"]:
        found = False
        for name, digests in _digests(expansion, text):
            found = has_matched = True
            record: Document = {}
            if not arguments.switch("skip-crc32c") and digests[0]:
                record["crc32c_hash"] = form(digests[0])
            record["digest_format"] = "hex" if arguments.switch("hex") else "base64"
            if not arguments.switch("skip-md5") and digests[1]:
                record["md5_hash"] = form(digests[1])
            record["url"] = name
            yield record
        if not found:
            session.console.warn(f"No matches found for {text}")
    if not has_matched:
        raise CommandError("No URLS matched.")


def _digests(expansion: Expansion, text: str) -> Iterator[tuple[str, tuple[bytes, bytes]]]:
    """Name, CRC-32C and MD5 (empty: it has none) of what a URL or path names."""
    url = url_from_text(text)
    if isinstance(url, CloudUrl):
        for entry in expansion.entries(url):
            inside = expansion.inside(entry) if isinstance(entry, BucketEntry) else iter([entry])
            for found in inside:
                if isinstance(found, ObjectEntry):
                    crc, md5 = text_at(found.document, "crc32c"), text_at(found.document, "md5Hash")
                    yield found.url.plain, (base64.b64decode(crc), base64.b64decode(md5))
        return
    for file in files.entries(url.path):
        if isinstance(file, FileEntry):
            try:
                yield file.url.path, digests_of(file.url.path)
            except OSError as error:
                raise CommandError(f"[{file.url.path}] cannot be read: {error.strerror or error}") from error


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _hexadecimal(digest: bytes) -> str:
    return digest.hex()


CAT = Command(
    _cat,
    "Write the contents of objects to standard output, one after the other.",
    positionals=[Positional("url", "Objects or patterns.", repeats=True)],
    flags=[
        Flag("--range", "text", "Only these bytes: 0-99, 100- or -5 (the last five).", short="-r"),
        Flag("--display-url", "switch", "A line with the URL before each object, on stderr.", short="-d"),
    ],
    examples=[
        ("An object:", "hakobune storage cat gs://media/notes.txt"),
        ("Its last hundred bytes:", "hakobune storage cat -r -100 gs://media/notes.txt"),
    ],
)

HASH = Command(
    _hash,
    "Show the CRC-32C and the MD5 of objects or files.",
    positionals=[Positional("url", "Objects, files or patterns.", repeats=True)],
    flags=[
        Flag("--hex", "switch", "Hexadecimal digits instead of base64."),
        Flag("--skip-crc32c", "switch", "The MD5 alone."),
        Flag("--skip-md5", "switch", "The CRC-32C alone."),
    ],
    exclusive=[("--skip-crc32c", "--skip-md5")],
    default_format="yaml",
    examples=[("Are a file and an object the same?", "hakobune storage hash movie.mp4 gs://media/in/movie.mp4")],
)
