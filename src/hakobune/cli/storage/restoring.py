"""`storage restore`: bring back objects that were deleted, in buckets that keep those for a while (soft delete)."""

from __future__ import annotations

from functools import partial

from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.storage import metadata
from hakobune.cli.storage.api import Query, StorageApi
from hakobune.cli.storage.crew import Crew, Progress
from hakobune.cli.storage.entries import ObjectEntry
from hakobune.cli.storage.expansion import Expansion
from hakobune.cli.storage.urls import CloudUrl, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hakobune.cli.session import Session

_BULK = "is for --async alone"


def _restore(session: Session, arguments: Arguments) -> None:
    texts = arguments.positionals.get("url", [])
    if not texts:
        raise CommandError("Must have URL arguments if not reading paths from stdin.")
    urls = [_cloud(text) for text in texts]
    query = metadata.preconditions(arguments)
    is_all = arguments.switch("all-versions")
    api = StorageApi(session)
    progress = Progress(session.console, "objects")
    found = _deleted(Expansion(api, is_soft_deleted=True), urls)
    tasks = _tasks(api, progress, found if is_all else _latest(found), query)
    try:
        # One after the other, so that the latest version becomes the live one at last.
        Crew(api.transport, progress, **({"workers": 1} if is_all else {})).run(tasks)
    finally:
        progress.end()


def _deleted(expansion: Expansion, urls: Iterable[CloudUrl]) -> Iterator[CloudUrl]:
    """The versions that the URLs name, those of an object in the order of their generations."""
    for url in urls:
        is_matched = False
        for entry in expansion.entries(url):
            if isinstance(entry, ObjectEntry):
                is_matched = True
                yield entry.url
        if not is_matched:
            raise CommandError(f"The following URLs matched no objects:\n-{url}")


def _latest(versions: Iterator[CloudUrl]) -> Iterator[CloudUrl]:
    """Of each object the last version."""
    last: CloudUrl | None = None
    for version in versions:
        if last is not None and last.plain != version.plain:
            yield last
        last = version
    if last is not None:
        yield last


def _tasks(
    api: StorageApi, progress: Progress, versions: Iterator[CloudUrl], query: Query
) -> Iterator[Callable[[], None]]:
    for version in versions:
        progress.expect(None)
        yield partial(_bring_back, api, progress, version, query)


def _bring_back(api: StorageApi, progress: Progress, version: CloudUrl, query: Query) -> None:
    progress.say(f"Restoring {version}...")
    api.restore_object(version, query)


def _cloud(text: str) -> CloudUrl:
    url = url_from_text(text)
    if not isinstance(url, CloudUrl):
        raise CommandError(
            '"hakobune storage restore" only accepts Google Cloud Storage URLs.\nExample: "gs://bucket"\n'
            f'Received: "{url}"'
        )
    if not url.name:
        raise CommandError(f"Buckets are gone when they are deleted: only objects can be restored, not {text}")
    return url


RESTORE = Command(
    _restore,
    "Bring back objects that were deleted: of each the latest version that is kept, or the one that is named. What is"
    " live under the name is replaced. Buckets keep what is deleted if they were made or updated with"
    " --soft-delete-duration; `storage ls --soft-deleted` shows it.",
    positionals=[Positional("url", "Objects or patterns, perhaps with #GENERATION.", required=False, repeats=True)],
    flags=[
        Flag("--all-versions", "switch", "All versions that are kept, one after the other.", short="-a"),
        *metadata.PRECONDITION_FLAGS,
        Flag("--async", "switch", "", hidden=True, refusal="objects are restored while the command waits"),
        Flag("--allow-overwrite", "switch", "", hidden=True, refusal=_BULK),
        Flag("--deleted-after-time", "text", "", hidden=True, refusal=_BULK),
        Flag("--deleted-before-time", "text", "", hidden=True, refusal=_BULK),
        Flag("--preserve-acl", "switch", "", hidden=True, short="-p", note="access is not checked by object here"),
        Flag("--read-paths-from-stdin", "switch", "", hidden=True, short="-I", refusal="write the URLs on the command"
             " line, for example with xargs"),
    ],
    examples=[
        ("An object:", "hakobune storage restore gs://media/in/a.mp4"),
        ("All that lay below a folder:", "hakobune storage restore 'gs://media/in/**'"),
        ("One version of it:", "hakobune storage restore gs://media/in/a.mp4#1763872000000000"),
    ],
)  # fmt: skip
