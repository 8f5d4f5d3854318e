"""`storage ls` and `storage du`: what is there, level by level or whole."""

from __future__ import annotations

from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.storage.api import StorageApi
from hakobune.cli.storage.display import full_text, json_text, readable
from hakobune.cli.storage.entries import CloudEntry, ObjectEntry, PrefixEntry
from hakobune.cli.storage.expansion import NO_MATCH, Expansion
from hakobune.cli.storage.urls import CloudUrl, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_FOREVER = 1 << 30  # levels of folders; names have at most 1024 bytes
_INDENT = " " * 34  # where a folder's URL stands in a long listing


class _Shown:
    """How one entry is written, by the flags of `ls`."""

    def __init__(self, session: Session, arguments: Arguments) -> None:
        self._console = session.console
        self._is_full = arguments.switch("full")
        self.is_json = arguments.switch("json") or arguments.text("format") == "json"
        self.is_long = arguments.switch("long") and not self._is_full
        self._with_etag = arguments.switch("etag")
        self._with_generation = arguments.switch("all-versions") or arguments.switch("soft-deleted")
        self._is_readable = arguments.switch("readable-sizes")
        self._is_first = True
        self.count = 0
        self.size_bytes = 0

    def header(self, url: CloudUrl) -> None:
        """The line above the contents of a folder."""
        if self.is_json:
            self._element(json_text(None, url.plain))
            return
        self._line(("" if self._is_first else "\n") + f"{url.plain}:")

    def entry(self, entry: CloudEntry) -> None:
        """An object, a folder or a bucket."""
        if isinstance(entry, ObjectEntry):
            self.count += 1
            self.size_bytes += entry.size_bytes
        if self.is_json:
            self._element(json_text(None if isinstance(entry, PrefixEntry) else entry, str(entry.url), entry.url.name))
        elif self._is_full and not isinstance(entry, PrefixEntry):
            self._line(full_text(entry, with_generation=self._with_generation))
        elif self.is_long and isinstance(entry, ObjectEntry):
            self._line(self._long(entry))
        elif self.is_long and isinstance(entry, PrefixEntry):
            self._line(_INDENT + entry.url.plain)
        else:
            self._line(str(entry.url) if self._with_generation else entry.url.plain)

    def end(self, *, only_buckets: bool) -> None:
        """What stands below the list of one URL."""
        if self.is_json:
            self._console.answer("\n" if self._is_first else "\n]\n")
        elif (self.is_long or self._is_full) and not only_buckets:
            total = f"TOTAL: {self.count} objects, {self.size_bytes} bytes ({readable(self.size_bytes)})"
            self._line(total)
        self._is_first = True
        self.count = self.size_bytes = 0

    def _long(self, entry: ObjectEntry) -> str:
        size = readable(entry.size_bytes) if self._is_readable else str(entry.size_bytes)
        created = f"{str(entry.document.get('timeCreated'))[:19]}Z"
        url = str(entry.url) if self._with_generation else entry.url.plain
        versions = f"  metageneration={entry.document.get('metageneration')}" if self._with_generation else ""
        etag = f"  etag={entry.document.get('etag')}" if self._with_etag else ""
        return f"{size:>10}  {created:>20}  {url}{versions}{etag}"

    def _line(self, text: str) -> None:
        self._is_first = False
        self._console.answer(text + "\n")

    def _element(self, text: str) -> None:
        self._console.answer(("[\n" if self._is_first else ",\n") + text)
        self._is_first = False


def _ls(session: Session, arguments: Arguments) -> None:
    api = StorageApi(session)
    expansion = Expansion(
        api, with_versions=arguments.switch("all-versions"), is_soft_deleted=arguments.switch("soft-deleted")
    )
    shown = _Shown(session, arguments)
    for text in arguments.positionals.get("path", ["gs://"]):
        url = cloud_only(text, "ls")
        entries = expansion.entries(url, with_metadata=arguments.switch("buckets"))
        is_about_buckets = url.is_provider or (arguments.switch("buckets") and not url.name)
        _list_one(expansion, shown, url, entries, arguments, is_about_buckets=is_about_buckets)
        shown.end(only_buckets=is_about_buckets)


def _list_one(
    expansion: Expansion,
    shown: _Shown,
    url: CloudUrl,
    entries: Iterator[CloudEntry],
    arguments: Arguments,
    *,
    is_about_buckets: bool,
) -> None:
    first = next(entries, None)
    if first is None:
        raise CommandError(NO_MATCH)
    second = next(entries, None)
    found = _rejoined(first, second, entries)
    if is_about_buckets:
        for entry in found:
            shown.entry(entry)
    elif arguments.switch("recursive") and "**" not in url.name:
        _walk(expansion, shown, found, _FOREVER)
    elif second is None and not isinstance(first, ObjectEntry):
        _walk(expansion, shown, expansion.inside(first), 0)
    else:
        _walk(expansion, shown, found, 1)


def _rejoined(first: CloudEntry, second: CloudEntry | None, rest: Iterator[CloudEntry]) -> Iterator[CloudEntry]:
    yield first
    if second is not None:
        yield second
        yield from rest


def _walk(expansion: Expansion, shown: _Shown, entries: Iterator[CloudEntry], levels: int) -> None:
    """Folders are opened with a line above their contents, down to so many levels. An explicit stack: names may hold
    five hundred slashes."""
    stack = [(entries, levels)]
    while stack:
        level, left = stack[-1]
        entry = next(level, None)
        if entry is None:
            stack.pop()
        elif isinstance(entry, ObjectEntry) or left == 0:
            shown.entry(entry)
        else:
            shown.header(entry.url)
            stack.append((expansion.inside(entry), left - 1))


class _Sum:
    """A folder that is being summed."""

    __slots__ = ("entries", "size_bytes", "url")

    def __init__(self, url: CloudUrl | None, entries: Iterator[CloudEntry]) -> None:
        self.url = url
        self.entries = entries
        self.size_bytes = 0


def _du(session: Session, arguments: Arguments) -> None:
    api = StorageApi(session)
    expansion = Expansion(api, with_versions=arguments.switch("all-versions"))
    total = 0
    for text in arguments.positionals.get("url", ["gs://"]):
        total += _sum_of(session, arguments, expansion, cloud_only(text, "du"))
    if arguments.switch("total"):
        _say_size(session, arguments, total, "total")


def _sum_of(session: Session, arguments: Arguments, expansion: Expansion, url: CloudUrl) -> int:
    """Write the lines of one URL, and return its bytes."""
    entries = expansion.entries(url)
    first = next(entries, None)
    if first is None:
        raise CommandError(NO_MATCH)
    is_brief = arguments.switch("summarize")
    with_generation = arguments.switch("all-versions")
    stack = [_Sum(None, _rejoined(first, None, entries) if url.is_bucket else _rejoined_all(first, entries))]
    while True:
        top = stack[-1]
        entry = next(top.entries, None)
        if isinstance(entry, ObjectEntry):
            top.size_bytes += entry.size_bytes
            if not is_brief:
                _say_size(session, arguments, entry.size_bytes, str(entry.url) if with_generation else entry.url.plain)
        elif entry is not None:
            stack.append(_Sum(entry.url, expansion.inside(entry)))
        else:
            stack.pop()
            if top.url is None:
                if is_brief and not url.is_provider:
                    _say_size(session, arguments, top.size_bytes, url.plain.rstrip("/") if url.is_bucket else url.plain)
                return top.size_bytes
            stack[-1].size_bytes += top.size_bytes
            is_named = top.url.is_bucket and not url.is_bucket
            if is_named or (not is_brief and not top.url.is_bucket):
                plain = top.url.plain
                _say_size(session, arguments, top.size_bytes, plain.rstrip("/") if top.url.is_bucket else plain)


def _rejoined_all(first: CloudEntry, rest: Iterator[CloudEntry]) -> Iterator[CloudEntry]:
    yield first
    yield from rest


def _say_size(session: Session, arguments: Arguments, size_bytes: int, text: str) -> None:
    size = readable(size_bytes) if arguments.switch("readable-sizes") else str(size_bytes)
    session.console.answer(f"{size:<13}{text}" + ("\0" if arguments.switch("zero-terminator") else "\n"))


def cloud_only(text: str, command: str) -> CloudUrl:
    """A `gs://` URL. Raises CommandError for a path of this machine."""
    url = url_from_text(text)
    if not isinstance(url, CloudUrl):
        raise CommandError(f"{command} only works for cloud URLs. Error for: {text}")
    return url


VERSIONS = Flag("--all-versions", "switch", "All versions of each object, with their generations.", short="-a")
_READABLE = Flag("--readable-sizes", "switch", "Sizes such as 1.50kiB.", short="-r")

LS = Command(
    _ls,
    "List the buckets of the project, or the objects and folders of a bucket. `*` and `?` match within a part of a"
    " name, `**` over parts.",
    positionals=[Positional("path", "A bucket, a folder, an object or a pattern.", required=False, repeats=True)],
    flags=[
        VERSIONS,
        Flag("--buckets", "switch", "The buckets themselves, not what is in them.", short="-b"),
        Flag("--etag", "switch", "With --long: the ETag too.", short="-e"),
        Flag("--readable-sizes", "switch", "With --long: sizes such as 1.50kiB."),
        Flag("--recursive", "switch", "All that lies below.", short="-r|-R"),
        Flag("--long", "switch", "Size and time of creation beside each object, and a total.", short="-l"),
        Flag("--full", "switch", "All that is known of each object or bucket.", short="-L"),
        Flag("--json", "switch", "All that is known, as a JSON list.", short="-j"),
        Flag("--soft-deleted", "switch", "What was deleted and can be restored, instead of what is there."),
        Flag("--format", "choice", "json: the same as --json.", choices=("json",)),
        Flag("--fetch-encrypted-object-hashes", "switch", "", hidden=True, note="hashes are never hidden here"),
        Flag("--read-paths-from-stdin", "switch", "", hidden=True, refusal="write the URLs on the command line"),
    ],
    exclusive=[("--long", "--full", "--json")],
    examples=[
        ("The buckets of the project:", "hakobune storage ls"),
        ("What lies in a folder, with sizes:", "hakobune storage ls -l gs://media/in/"),
        ("All text files, at any depth:", "hakobune storage ls 'gs://media/**.txt'"),
        ("All versions of an object:", "hakobune storage ls -a gs://media/in/a.mp4"),
    ],
)  # fmt: skip

DU = Command(
    _du,
    "Sum the sizes of objects: a line for each object and folder, or the sum alone.",
    positionals=[Positional("url", "A bucket, a folder or a pattern.", required=False, repeats=True)],
    flags=[
        VERSIONS,
        _READABLE,
        Flag("--summarize", "switch", "The sum of each URL alone.", short="-s"),
        Flag("--total", "switch", "The sum of all URLs in the last line.", short="-c"),
        Flag("--zero-terminator", "switch", "End lines with a zero byte.", short="-0"),
    ],
    examples=[
        ("How much is in two buckets:", "hakobune storage du -s -c -r gs://media gs://clean"),
        ("Each folder of a bucket:", "hakobune storage du gs://media"),
    ],
)
