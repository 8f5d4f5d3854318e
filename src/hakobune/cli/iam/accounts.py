"""`iam service-accounts create | list | describe | update | enable | disable | delete`."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.session import Session

ACCOUNT = Positional("service-account", "Its address, NAME@PROJECT.iam.gserviceaccount.com.")
_TEXTS = (
    Flag("--display-name", "text", "What people call it."),
    Flag("--description", "text", "What it is for."),
)


def account_path(account: str) -> str:
    """The name of an account of any project."""
    return f"projects/-/serviceAccounts/{account}"


def _create(session: Session, arguments: Arguments) -> None:
    account = arguments.word("name")
    texts = {"displayName": arguments.text("display-name"), "description": arguments.text("description")}
    body = {"accountId": account, "serviceAccount": {name: text for name, text in texts.items() if text}}
    session.call("POST", target(f"projects/{session.project}/serviceAccounts"), body)
    session.console.say(f"Created service account [{account}].")


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    for account in items(session, f"projects/{session.project}/serviceAccounts", "accounts"):
        is_disabled = account.get("disabled") is True
        names: Document = {"is_disabled": "True" if is_disabled else "False"}
        yield Record(account, names=names, uri=target(text_at(account, "name")))


def _describe(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", target(account_path(arguments.word("service-account"))))


def _update(session: Session, arguments: Arguments) -> Document:
    fields = {"display-name": "displayName", "description": "description"}
    changed = {field: arguments.text(flag) for flag, field in fields.items() if arguments.given(flag)}
    if not changed:
        raise UsageError("At least one of --display-name | --description must be specified.")
    account = arguments.word("service-account")
    body = {"serviceAccount": changed, "updateMask": ",".join(changed)}
    answer = session.call("PATCH", target(account_path(account)), body)
    session.console.say(f"Updated serviceAccount [{account}].")
    return answer


def _setter(verb: str, done: str) -> Callable[[Session, Arguments], None]:
    def run(session: Session, arguments: Arguments) -> None:
        account = arguments.word("service-account")
        session.call("POST", target(account_path(account), verb=verb), {})
        session.console.say(f"{done} service account [{account}].")

    return run


def _delete(session: Session, arguments: Arguments) -> None:
    account = arguments.word("service-account")
    session.console.confirm(f"You are about to delete service account [{account}]")
    session.call("DELETE", target(account_path(account)))
    session.console.say(f"deleted service account [{account}]")


CREATE = Command(
    _create,
    "Create a service account. One that is only used needs no creation: jobs and tokens may name any.",
    positionals=[Positional("name", "The part in front of the @: 6 to 30 lowercase letters, digits, dashes.")],
    flags=_TEXTS,
    examples=[("For batch jobs:", 'hakobune iam service-accounts create batch-runner --display-name "Batch"')],
)

LIST = Command(
    _list,
    "List the service accounts of a project.",
    flags=LIST_FLAGS,
    default_format="table(displayName:label='DISPLAY NAME',email:label=EMAIL,is_disabled:label=DISABLED)",
    examples=[("The addresses only:", 'hakobune iam service-accounts list --format "value(email)"')],
)

DESCRIBE = Command(
    _describe,
    "Show a service account.",
    positionals=[ACCOUNT],
    default_format="yaml",
    examples=[("By its address:", "hakobune iam service-accounts describe batch@demo.iam.gserviceaccount.com")],
)

UPDATE = Command(
    _update,
    "Change the texts of a service account.",
    positionals=[ACCOUNT],
    flags=_TEXTS,
    default_format="yaml",
    examples=[
        (
            "Another name:",
            "hakobune iam service-accounts update batch@demo.iam.gserviceaccount.com --display-name Night",
        )
    ],
)

ENABLE = Command(
    _setter("enable", "Enabled"),
    "Let a service account get tokens again.",
    positionals=[ACCOUNT],
    examples=[("By its address:", "hakobune iam service-accounts enable batch@demo.iam.gserviceaccount.com")],
)

DISABLE = Command(
    _setter("disable", "Disabled"),
    "Give a service account no more tokens.",
    positionals=[ACCOUNT],
    examples=[("By its address:", "hakobune iam service-accounts disable batch@demo.iam.gserviceaccount.com")],
)

DELETE = Command(
    _delete,
    "Delete a service account and its keys.",
    positionals=[ACCOUNT],
    examples=[
        (
            "Without being asked:",
            "hakobune iam service-accounts delete batch@demo.iam.gserviceaccount.com --quiet",
        )
    ],
)
