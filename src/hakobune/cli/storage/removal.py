"""`storage rm`: objects, folders, buckets with all that is in them."""

from __future__ import annotations

from functools import partial

from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.storage import metadata
from hakobune.cli.storage.api import Query, StorageApi
from hakobune.cli.storage.crew import Crew, Progress
from hakobune.cli.storage.entries import ObjectEntry
from hakobune.cli.storage.expansion import Expansion, missing
from hakobune.cli.storage.listing import VERSIONS
from hakobune.cli.storage.sources import Sources, buckets_of
from hakobune.cli.storage.transport import HttpError
from hakobune.cli.storage.urls import CloudUrl, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.session import Session


def _rm(session: Session, arguments: Arguments) -> None:
    urls = [_cloud(text) for text in arguments.positionals["url"]]
    is_recursive = arguments.switch("recursive")
    with_versions = is_recursive or arguments.switch("all-versions")
    query = metadata.preconditions(arguments)
    api = StorageApi(session)
    expansion = Expansion(api, with_versions=with_versions)
    buckets = [entry.url for entry in buckets_of(urls, expansion)] if is_recursive else []
    progress = Progress(session.console, "objects")
    session.console.say("Removing objects:")
    try:
        sources = Sources(urls, expansion, session.console, is_recursive=is_recursive)
        Crew(api.transport, progress).run(_tasks(api, progress, sources, query, with_versions=with_versions))
    finally:
        progress.end()
    if buckets:
        session.console.say("Removing buckets:")
        for bucket in buckets:
            remove_bucket(session, api, bucket)
        if len(buckets) == len(urls):
            return  # an empty bucket has no objects that could match
    sources.check()


def _tasks(
    api: StorageApi, progress: Progress, sources: Sources, query: Query, *, with_versions: bool
) -> Iterator[Callable[[], None]]:
    for item in sources.items():
        if isinstance(item.content, ObjectEntry):
            progress.expect(None)
            listed = item.content.url
            url = listed if with_versions or item.is_pinned else CloudUrl(listed.bucket, listed.name)
            yield partial(_remove, api, progress, url, query)


def _remove(api: StorageApi, progress: Progress, url: CloudUrl, query: Query) -> None:
    progress.say(f"Removing {url}...")
    api.delete_object(url, query)


def remove_bucket(session: Session, api: StorageApi, url: CloudUrl) -> None:
    """Delete an empty bucket, and say so. Raises CommandError with gcloud's hint for one that is not empty."""
    session.console.say(f"Removing {url.plain}...")
    try:
        api.delete_bucket(url.bucket)
    except HttpError as error:
        if "not empty" in error.message:
            raise CommandError(
                "Bucket is not empty. To delete all objects and then delete bucket, use: hakobune storage rm -r"
            ) from error
        raise missing(error, url.bucket) from error


def _cloud(text: str) -> CloudUrl:
    url = url_from_text(text)
    if not isinstance(url, CloudUrl):
        raise CommandError(f"rm only works for cloud URLs. {text} is a path of this machine.")
    if url.is_provider:
        raise CommandError(f"Expected object or bucket URL. Received: {text}")
    return url


RM = Command(
    _rm,
    "Delete objects; with --recursive folders and buckets, with all versions of all that is in them.",
    positionals=[Positional("url", "Objects, folders, buckets or patterns.", repeats=True)],
    flags=[
        Flag("--recursive", "switch", "All that lies below, in all versions; a bucket goes too.", short="-r|-R"),
        VERSIONS,
        Flag("--continue-on-error", "switch", "Go on after an error; that is done anyway.", short="-c"),
        Flag("--exclude-managed-folders", "switch", "", hidden=True, note="there are no managed folders here"),
        *metadata.PRECONDITION_FLAGS,
    ],
    examples=[
        ("An object:", "hakobune storage rm gs://media/in/a.mp4"),
        ("All objects below a folder, live ones only:", "hakobune storage rm 'gs://media/in/**'"),
        ("A bucket and all that is in it:", "hakobune storage rm -r gs://media"),
    ],
)
