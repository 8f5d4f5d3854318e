"""`iam service-accounts keys create | list | delete`."""

from __future__ import annotations

import base64
import os

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.iam.accounts import account_path
from hakobune.cli.pages import items, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_ACCOUNT = Flag("--iam-account", "text", "The address of the account.", metavar="ACCOUNT")


def _path(arguments: Arguments) -> str:
    account = arguments.text("iam-account")
    if not account:
        raise UsageError("argument --iam-account: Must be specified.")
    return f"{account_path(account)}/keys"


def _create(session: Session, arguments: Arguments) -> None:
    path = _path(arguments)
    place = arguments.word("output-file")
    answer = session.call("POST", target(path), {})
    try:
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(base64.b64decode(text_at(answer, "privateKeyData")))
    except OSError as error:
        raise CommandError(f"Unable to write file [{place}]: {error.strerror or error}") from error
    key = text_at(answer, "name").rpartition("/")[2]
    session.console.say(f"created key [{key}] of type [json] as [{place}] for [{arguments.text('iam-account')}]")


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    for key in items(session, _path(arguments), "keys"):
        names: Document = {
            "id": text_at(key, "name").rpartition("/")[2],
            "is_disabled": "True" if key.get("disabled") is True else "",
        }
        yield Record(key, names=names, uri=target(text_at(key, "name")))


def _delete(session: Session, arguments: Arguments) -> None:
    path, key = _path(arguments), arguments.word("key-id")
    account = arguments.text("iam-account")
    session.console.confirm(f"You are about to delete key [{key}] for service account [{account}].")
    session.call("DELETE", target(f"{path}/{key}"))
    session.console.say(f"deleted key [{key}] for service account [{account}]")


CREATE = Command(
    _create,
    "Make a key for a service account and write it to a file that only its owner can read. The runtime keeps its public"
    " half alone.",
    positionals=[Positional("output-file", "The file to write.")],
    flags=[_ACCOUNT],
    examples=[
        (
            "For Google's client libraries:",
            "hakobune iam service-accounts keys create key.json --iam-account batch@demo.iam.gserviceaccount.com",
        )
    ],
)

LIST = Command(
    _list,
    "List the keys of a service account.",
    flags=[_ACCOUNT, *LIST_FLAGS],
    default_format="table(id:label=KEY_ID,validAfterTime:label=CREATED_AT,validBeforeTime:label=EXPIRES_AT,"
    "is_disabled:label=DISABLED)",
    examples=[
        (
            "Of one account:",
            "hakobune iam service-accounts keys list --iam-account batch@demo.iam.gserviceaccount.com",
        )
    ],
)

DELETE = Command(
    _delete,
    "Delete a key: what it signs from now on is refused.",
    positionals=[Positional("key-id", "The id of the key.")],
    flags=[_ACCOUNT],
    examples=[
        (
            "Without being asked:",
            "hakobune iam service-accounts keys delete ID --iam-account batch@demo.iam.gserviceaccount.com --quiet",
        )
    ],
)
