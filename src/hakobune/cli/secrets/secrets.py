"""`secrets create | list | describe | update | delete`."""

from __future__ import annotations

from hakobune.cli.document import Document, at, dict_at, list_at, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target
from hakobune.cli.secrets.names import DATA_FILE, ETAG, SECRET, last, secret_path, value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_SECONDS = 19  # characters of a time without fractions and zone
_POLICIES = ("automatic", "user-managed")


def _create(session: Session, arguments: Arguments) -> None:
    path = secret_path(session, arguments.word("secret"))
    body: Document = {"replication": _replication(arguments)}
    if arguments.given("labels"):
        body["labels"] = arguments.pairs("labels")
    if arguments.given("set-annotations"):
        body["annotations"] = arguments.pairs("set-annotations")
    if arguments.given("topics"):
        body["topics"] = [{"name": topic} for topic in arguments.words("topics")]
    body |= _expiration(session, arguments)
    value = value_of(arguments.text("data-file")) if arguments.given("data-file") else None
    parent, _, secret = path.rpartition("/")
    session.call("POST", target(parent, {"secretId": secret}), body)
    if value is None:
        session.console.say(f"Created secret [{secret}].")
        return
    from hakobune.cli.secrets.versions import add_version

    version = add_version(session, path, value)
    session.console.say(f"Created version [{last(version)}] of the secret [{secret}].")


def _replication(arguments: Arguments) -> Document:
    policy, places = arguments.text("replication-policy") or _POLICIES[0], arguments.words("locations")
    if policy == _POLICIES[0]:
        if places:
            raise UsageError("argument --locations: is for --replication-policy=user-managed.", usage=False)
        return {"automatic": {}}
    if not places:
        raise UsageError("argument --locations: Must be specified with --replication-policy=user-managed.", usage=False)
    return {"userManaged": {"replicas": [{"location": place} for place in places]}}


def _expiration(session: Session, arguments: Arguments) -> Document:
    """When the secret is deleted by itself, if the person agrees."""
    for name, field, text in (
        ("ttl", "ttl", "after the requested ttl of [{}] has elapsed"),
        ("expire-time", "expireTime", "at the requested expire-time of [{}]"),
    ):
        if arguments.given(name):
            given = f"{arguments.number(name)}s" if name == "ttl" else arguments.text(name)
            session.console.confirm(
                f"This secret and all of its versions will be automatically deleted {text.format(given)}."
            )
            return {field: given}
    return {}


def _update(session: Session, arguments: Arguments) -> None:
    path = secret_path(session, arguments.word("secret"))
    old = session.call("GET", target(path))
    body: Document = {}
    for flag, field in (("labels", "labels"), ("annotations", "annotations"), ("version-aliases", "versionAliases")):
        changed = _changed_map(arguments, flag, dict_at(old, field))
        if changed is not None:
            body[field] = changed
    mask = sorted(body)
    if arguments.switch("remove-expiration"):
        mask.append("expireTime")
    else:
        expiration = _expiration(session, arguments)
        body |= expiration
        mask += expiration
    if not mask:
        raise UsageError(f"There are no changes to the secret [{last(path)}] for update.")
    if arguments.given("etag"):
        body["etag"] = arguments.text("etag")
    session.call("PATCH", target(path, {"updateMask": ",".join(mask)}), body)
    session.console.say(f"Updated secret [{last(path)}].")


def _changed_map(arguments: Arguments, flag: str, old: Document) -> Document | None:
    """A map after --update-X, --remove-X and --clear-X; None if none was given."""
    names = (f"update-{flag}", f"remove-{flag}", f"clear-{flag}")
    if not any(arguments.given(name) for name in names):
        return None
    kept: Document = {} if arguments.switch(names[2]) else dict(old)
    for key in arguments.words(names[1]):
        kept.pop(key, None)
    return {**kept, **arguments.pairs(names[0])}


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    found = items(session, f"projects/{session.project}/secrets", "secrets")
    return (_record(secret) for secret in found)


def _record(secret: Document) -> Record:
    replicas = list_at(secret, "replication", "userManaged", "replicas")
    is_automatic = at(secret, "replication", "automatic") is not None
    names: Document = {
        "name": last(text_at(secret, "name")),  # as in gcloud's columns; --format=json shows all of it
        "created": text_at(secret, "createTime")[:_SECONDS],
        "policy": "automatic" if is_automatic else "user_managed",
        "locations": ",".join(text_at(replica, "location") for replica in replicas) or "-",
    }
    return Record(secret, names=names, uri=target(text_at(secret, "name")))


def _describe(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", target(secret_path(session, arguments.word("secret"))))


def _delete(session: Session, arguments: Arguments) -> None:
    path = secret_path(session, arguments.word("secret"))
    session.call("GET", target(path))
    count = sum(1 for _ in items(session, f"{path}/versions", "versions"))
    session.console.confirm(
        f"You are about to destroy the secret [{last(path)}] and its [{count}] version(s). This action cannot be"
        " reversed."
    )
    query = {"etag": arguments.text("etag")} if arguments.given("etag") else None
    session.call("DELETE", target(path, query))
    session.console.say(f"Deleted secret [{last(path)}].")


_EXPIRY = (
    Flag("--ttl", "duration", "Delete the secret by itself after this time.", metavar="TTL"),
    Flag("--expire-time", "text", "Delete the secret by itself at this time.", metavar="TIME"),
)

CREATE = Command(
    _create,
    "Create a secret; with --data-file, its first version, too. Values lie encrypted in the data directory.",
    positionals=[SECRET],
    flags=[
        DATA_FILE,
        Flag("--replication-policy", "choice", "Kept and shown; there is one place here.", choices=_POLICIES),
        Flag("--locations", "list", "The replicas of a user-managed policy.", metavar="LOCATION"),
        Flag("--labels", "map", "Labels of the secret."),
        Flag("--set-annotations", "map", "Annotations of the secret."),
        Flag("--topics", "list", "Kept and shown; nothing is published.", metavar="TOPIC"),
        *_EXPIRY,
    ],
    exclusive=[("ttl", "expire-time")],
    examples=[
        ("With its value from a file:", "hakobune secrets create api-token --data-file token.txt"),
        ("Without a value yet:", "hakobune secrets create api-token --labels team=art"),
    ],
)

UPDATE = Command(
    _update,
    "Change the labels, annotations, aliases or the end of a secret.",
    positionals=[SECRET],
    flags=[
        *(
            Flag(f"--{verb}-{name}", kind, f"{verb.capitalize()} {name.replace('-', ' ')}.")
            for name in ("labels", "annotations", "version-aliases")
            for verb, kind in (("update", "map"), ("remove", "list"), ("clear", "switch"))
        ),
        *_EXPIRY,
        Flag("--remove-expiration", "switch", "Keep the secret until it is deleted."),
        ETAG,
    ],
    exclusive=[("ttl", "expire-time", "remove-expiration")],
    examples=[("A name for version 2:", "hakobune secrets update api-token --update-version-aliases stable=2")],
)

LIST = Command(
    _list,
    "List the secrets of a project.",
    flags=LIST_FLAGS,
    default_format="table(name,created,policy:label=REPLICATION_POLICY,locations)",
    examples=[("The names only:", 'hakobune secrets list --format "value(name)"')],
)

DESCRIBE = Command(
    _describe,
    "Show a secret; its values are shown by `versions access` alone.",
    positionals=[SECRET],
    default_format="yaml",
    examples=[("As JSON:", "hakobune secrets describe api-token --format json")],
)

DELETE = Command(
    _delete,
    "Delete a secret and all its versions.",
    positionals=[SECRET],
    flags=[ETAG],
    examples=[("Without being asked:", "hakobune secrets delete api-token --quiet")],
)
