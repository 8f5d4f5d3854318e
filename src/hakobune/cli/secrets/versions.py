"""`secrets versions add | access | list | describe | enable | disable | destroy`."""

from __future__ import annotations

import base64
import os
import sys

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target
from hakobune.cli.secrets.names import (
    DATA_FILE,
    ETAG,
    SECRET,
    SECRET_FLAG,
    VERSION,
    last,
    secret_of,
    secret_path,
    value_of,
    version_path,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.session import Session

_SECONDS = 19  # characters of a time without fractions and zone


def add_version(session: Session, secret: str, value: bytes) -> str:
    """Add a value; returns the name of the version."""
    payload = {"data": base64.b64encode(value).decode("ascii")}
    return text_at(session.call("POST", target(secret, verb="addVersion"), {"payload": payload}), "name")


def _add(session: Session, arguments: Arguments) -> None:
    if not arguments.given("data-file"):
        raise UsageError("argument --data-file: Must be specified.")
    secret = secret_path(session, arguments.word("secret"))
    version = add_version(session, secret, value_of(arguments.text("data-file")))
    session.console.say(f"Created version [{last(version)}] of the secret [{last(secret)}].")


def _access(session: Session, arguments: Arguments) -> Document | None:
    answer = session.call("GET", target(version_path(session, arguments), verb="access"))
    if arguments.text("format"):
        return answer
    value = base64.b64decode(text_at(answer, "payload", "data"))
    path = arguments.text("out-file")
    if not path:
        sys.stdout.flush()
        sys.stdout.buffer.write(value)
        sys.stdout.buffer.flush()
        return None
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(value)
    except OSError as error:
        raise CommandError(f"Unable to write file [{path}]: {error.strerror or error}") from error
    return None


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    secret = secret_path(session, arguments.word("secret"))
    return (_record(version) for version in items(session, f"{secret}/versions", "versions"))


def _record(version: Document) -> Record:
    names: Document = {
        "name": last(text_at(version, "name")),  # as in gcloud's columns; --format=json shows all of it
        "state": text_at(version, "state").lower(),
        "created": text_at(version, "createTime")[:_SECONDS],
        "destroyed": text_at(version, "destroyTime")[:_SECONDS] or "-",
    }
    return Record(version, names=names, uri=target(text_at(version, "name")))


def _describe(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", target(version_path(session, arguments)))


def _setter(verb: str, done: str, question: str = "") -> Callable[[Session, Arguments], None]:
    def run(session: Session, arguments: Arguments) -> None:
        path = version_path(session, arguments)
        names = f"version [{last(path)}] of the secret [{secret_of(path)}]"
        if question:
            session.console.confirm(f"{question} {names}. This action cannot be reversed.")
        body = {"etag": arguments.text("etag")} if arguments.given("etag") else {}
        session.call("POST", target(path, verb=verb), body)
        session.console.say(f"{done} {names}.")

    return run


ADD = Command(
    _add,
    "Add a version with a new value.",
    positionals=[SECRET],
    flags=[DATA_FILE],
    examples=[
        ("From a file:", "hakobune secrets versions add api-token --data-file token.txt"),
        ("From the standard input:", "hakobune secrets versions add api-token --data-file=-"),
    ],
)

ACCESS = Command(
    _access,
    "Print the value of a version as it is, without a line end.",
    positionals=[VERSION],
    flags=[
        SECRET_FLAG,
        Flag("--out-file", "text", "Write it to a file that only its owner can read.", metavar="FILE"),
    ],
    examples=[("The newest:", "hakobune secrets versions access latest --secret api-token")],
)

LIST = Command(
    _list,
    "List the versions of a secret, the newest first.",
    positionals=[SECRET],
    flags=LIST_FLAGS,
    default_format="table(name,state,created,destroyed)",
    examples=[
        ("Those that can be read:", 'hakobune secrets versions list api-token --filter "state=ENABLED"'),
    ],
)

DESCRIBE = Command(
    _describe,
    "Show a version without its value.",
    positionals=[VERSION],
    flags=[SECRET_FLAG],
    default_format="yaml",
    examples=[("The newest:", "hakobune secrets versions describe latest --secret api-token")],
)

ENABLE = Command(
    _setter("enable", "Enabled"),
    "Let a version be read again.",
    positionals=[VERSION],
    flags=[SECRET_FLAG, ETAG],
    examples=[("Version 2:", "hakobune secrets versions enable 2 --secret api-token")],
)

DISABLE = Command(
    _setter("disable", "Disabled"),
    "Let a version not be read for a while.",
    positionals=[VERSION],
    flags=[SECRET_FLAG, ETAG],
    examples=[("Version 2:", "hakobune secrets versions disable 2 --secret api-token")],
)

DESTROY = Command(
    _setter("destroy", "Destroyed", "You are about to destroy"),
    "Remove the value of a version for good.",
    positionals=[VERSION],
    flags=[SECRET_FLAG, ETAG],
    examples=[("Without being asked:", "hakobune secrets versions destroy 2 --secret api-token --quiet")],
)
