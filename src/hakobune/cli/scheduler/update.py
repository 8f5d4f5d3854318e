"""`scheduler jobs update http | pubsub`. What is sent was compared with gcloud 528."""

from __future__ import annotations

from hakobune.cli.document import Document
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag
from hakobune.cli.pages import target
from hakobune.cli.pubsub.names import full_name
from hakobune.cli.scheduler.names import JOB, LOCATION, job_name
from hakobune.cli.scheduler.settings import (
    BODY,
    COMMON,
    EXCLUSIVE_BODY,
    EXCLUSIVE_TOKENS,
    EXTENSIONS,
    HTTP,
    Changes,
    body_of,
    changes_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakobune.cli.session import Session

# Flag, what it clears, what is said of it.
_CLEARS = (
    ("clear-time-zone", (("timeZone",),), "Go back to UTC."),
    ("clear-max-retry-attempts", (("retryConfig", "retryCount"),), "Repeat nothing for its count."),
    ("clear-max-retry-duration", (("retryConfig", "maxRetryDuration"),), "Repeat with no bound in time."),
    ("clear-min-backoff", (("retryConfig", "minBackoffDuration"),), "Go back to 5s."),
    ("clear-max-backoff", (("retryConfig", "maxBackoffDuration"),), "Go back to 1h."),
    ("clear-max-doublings", (("retryConfig", "maxDoublings"),), "Go back to 5."),
)
_HTTP_CLEARS = (
    ("clear-headers", (("httpTarget", "headers"),), "Send no headers but the service's."),
    ("clear-message-body", (("httpTarget", "body"),), "Send no body."),
    ("clear-auth-token", (("httpTarget", "oauthToken"), ("httpTarget", "oidcToken")), "Send no token."),
)
_PUBSUB_CLEARS = (("clear-attributes", (("pubsubTarget", "attributes"),), "Send no attributes."),)
_Clears = tuple[tuple[str, tuple[tuple[str, ...], ...], str], ...]


def _http(session: Session, arguments: Arguments) -> Document:
    changes = changes_of(arguments)
    _clear(changes, arguments, (*_CLEARS, *_HTTP_CLEARS))
    _change_map(changes, arguments, "headers", ("httpTarget", "headers"))
    body = body_of(arguments)
    if body is not None:
        changes.set(("httpTarget", "body"), body)
    return _updated(session, arguments, changes)


def _pubsub(session: Session, arguments: Arguments) -> Document:
    changes = changes_of(arguments)
    _clear(changes, arguments, (*_CLEARS, *_PUBSUB_CLEARS))
    _change_map(changes, arguments, "attributes", ("pubsubTarget", "attributes"))
    body = body_of(arguments)
    if body is not None:
        changes.set(("pubsubTarget", "data"), body)
    if arguments.given("topic"):
        changes.set(("pubsubTarget", "topicName"), full_name(session, "topics", arguments.text("topic")))
    return _updated(session, arguments, changes)


def _clear(changes: Changes, arguments: Arguments, clears: _Clears) -> None:
    for flag, paths, _ in clears:
        if arguments.switch(flag):
            for path in paths:
                changes.clear(path)


def _change_map(changes: Changes, arguments: Arguments, name: str, path: Sequence[str]) -> None:
    """Add pairs to a map; a value of null takes one out."""
    pairs: Document = {key: None for key in arguments.words(f"remove-{name}")}  # noqa: C420 - the type is wider
    pairs.update(arguments.pairs(f"update-{name}"))
    if pairs:
        changes.set(path, pairs)


def _updated(session: Session, arguments: Arguments, changes: Changes) -> Document:
    if not changes.paths:
        raise CommandError("Must specify at least one field to update.")
    name = job_name(session, arguments.word("job"))
    mask = ",".join(sorted(set(changes.paths)))
    return session.call("PATCH", target(name, {"updateMask": mask}), {"name": name, **changes.job})


def _flags(clears: _Clears, name: str, what: str) -> list[Flag]:
    metavar = "NAME" if name == "headers" else "KEY"
    return [
        *(Flag(f"--{flag}", "switch", text) for flag, _, text in clears),
        Flag(f"--update-{name}", "map", f"Add or change {what}.", metavar=f"{metavar}=VALUE"),
        Flag(f"--remove-{name}", "list", f"Remove {what}.", metavar=metavar),
    ]


_EXCLUSIVE = [
    ("--time-zone", "--clear-time-zone"),
    ("--max-retry-attempts", "--clear-max-retry-attempts"),
    ("--max-retry-duration", "--clear-max-retry-duration"),
    ("--min-backoff", "--clear-min-backoff"),
    ("--max-backoff", "--clear-max-backoff"),
    ("--max-doublings", "--clear-max-doublings"),
]

UPDATE_HTTP = Command(
    _http,
    "Change a job that calls a URL: what is not named stays.",
    positionals=[JOB],
    flags=[LOCATION, *COMMON, *HTTP, *_flags((*_CLEARS, *_HTTP_CLEARS), "headers", "headers"), *EXTENSIONS],
    exclusive=[
        *_EXCLUSIVE,
        (*EXCLUSIVE_BODY, "--clear-message-body"),
        (*EXCLUSIVE_TOKENS, "--clear-auth-token"),
        ("--update-headers+--remove-headers", "--clear-headers"),
    ],
    default_format="yaml",
    examples=[
        ("Another time:", "hakobune scheduler jobs update http nightly --location us-central1 --schedule '0 3 * * *'"),
    ],
)

UPDATE_PUBSUB = Command(
    _pubsub,
    "Change a job that publishes a message: what is not named stays.",
    positionals=[JOB],
    flags=[
        LOCATION,
        *COMMON,
        *BODY,
        Flag("--topic", "text", "The topic that the message goes to."),
        *_flags((*_CLEARS, *_PUBSUB_CLEARS), "attributes", "attributes"),
        *EXTENSIONS,
    ],
    exclusive=[*_EXCLUSIVE, EXCLUSIVE_BODY, ("--update-attributes+--remove-attributes", "--clear-attributes")],
    default_format="yaml",
    examples=[
        ("Another message:",
         "hakobune scheduler jobs update pubsub monthly --location us-central1 --message-body start"),
    ],
)  # fmt: skip
