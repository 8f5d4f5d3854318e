"""`pubsub schemas create | list | describe | delete | commit | rollback | list-revisions | validate-…`."""

from __future__ import annotations

import base64

from hakobune.cli.document import Document, as_dict, list_at, text_at
from hakobune.cli.errors import ApiError, CommandError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target
from hakobune.cli.pubsub.names import SCHEMA, full_name, last, record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hakobune.cli.session import Session

_DEFINITION_BYTES_MAX = 1024 * 1024  # far above the service's bound, which the runtime checks
_DEFINITION = (
    Flag("--definition", "text", "The definition itself."),
    Flag("--definition-file", "text", "The file that holds the definition.", metavar="FILE"),
    Flag("--type", "choice", "The language of the definition.", choices=("avro", "protocol-buffer")),
)
_EITHER = ("--definition", "--definition-file")
_VIEW = Flag("--view", "choice", "full: with the definitions. Default: basic.", choices=("basic", "full"))


def _name(session: Session, arguments: Arguments) -> str:
    return full_name(session, "schemas", arguments.word("schema"))


def _schema(arguments: Arguments) -> Document:
    """The schema that the flags mean. Raises UsageError, CommandError."""
    if not (arguments.given("definition") or arguments.given("definition-file")):
        raise UsageError("Exactly one of (--definition | --definition-file) must be specified.")
    if not arguments.given("type"):
        raise UsageError("argument --type: Must be specified.")
    text = arguments.text("definition")
    if arguments.given("definition-file"):
        text = _read(arguments.text("definition-file"))
    return {"type": arguments.text("type").upper().replace("-", "_"), "definition": text}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read(_DEFINITION_BYTES_MAX)
    except (OSError, UnicodeError) as error:
        raise CommandError(f"Unable to read file [{path}]: {error}") from error


def _create(session: Session, arguments: Arguments) -> Document:
    parent, _, schema_id = _name(session, arguments).rpartition("/")
    answer = session.call("POST", target(parent, {"schemaId": schema_id}), _schema(arguments))
    session.console.say(f"Created schema [{schema_id}].")
    return answer


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    found = items(session, f"projects/{session.project}/schemas", "schemas", _view(arguments))
    return (record_of(schema) for schema in found)


def _revisions(session: Session, arguments: Arguments) -> Iterator[Record]:
    query, token = _view(arguments), ""
    while True:
        asked = {**query, **({"pageToken": token} if token else {})}
        page = session.call("GET", target(_name(session, arguments), asked, verb="listRevisions"))
        for schema in list_at(page, "schemas"):
            yield record_of(as_dict(schema))
        token = text_at(page, "nextPageToken")
        if not token:
            return


def _view(arguments: Arguments) -> dict[str, str]:
    return {"view": (arguments.text("view") or "basic").upper()}


def _describe(session: Session, arguments: Arguments) -> Record:
    return record_of(session.call("GET", target(_name(session, arguments), {"view": "FULL"})))


def _delete(session: Session, arguments: Arguments) -> Document:
    name = _name(session, arguments)
    session.console.confirm(f"You are about to delete schema [{last(name)}]")
    answer = session.call("DELETE", target(name))
    session.console.say(f"Deleted schema [{last(name)}].")
    return answer


def _commit(session: Session, arguments: Arguments) -> Document | None:
    name = _name(session, arguments)
    body: Document = {"schema": {**_schema(arguments), "name": name}}
    return _revision(
        session, name, "create", "Created", lambda: session.call("POST", target(name, verb="commit"), body)
    )


def _rollback(session: Session, arguments: Arguments) -> Document | None:
    if not arguments.given("revision-id"):
        raise UsageError("argument --revision-id: Must be specified.")
    name, body = _name(session, arguments), {"revisionId": arguments.text("revision-id")}
    return _revision(
        session, name, "create", "Created", lambda: session.call("POST", target(name, verb="rollback"), body)
    )


def _delete_revision(session: Session, arguments: Arguments) -> Document | None:
    name = _name(session, arguments)
    return _revision(
        session, name, "delete", "Deleted", lambda: session.call("DELETE", target(name, verb="deleteRevision"))
    )


def _revision(session: Session, name: str, verb: str, done: str, work: Callable[[], Document]) -> Document | None:
    """What the work answers. As with gcloud, a failure is told and the exit code is 0."""
    try:
        answer = work()
    except ApiError as error:
        session.console.say(f"ERROR: Failed to {verb} schema revision [{name}]: {error.message}")
        return None
    session.console.say(f"{done} schema revision [{text_at(answer, 'name')}].")
    return answer


def _validate_schema(session: Session, arguments: Arguments) -> None:
    parent = f"projects/{session.project}/schemas"
    session.call("POST", target(parent, verb="validate"), {"schema": _schema(arguments)})
    session.console.say("Schema is valid.")


def _validate_message(session: Session, arguments: Arguments) -> None:
    for flag in ("message", "message-encoding"):
        if not arguments.given(flag):
            raise UsageError(f"argument --{flag}: Must be specified.")
    data = arguments.text("message").encode("utf-8", "surrogateescape")
    body: Document = {
        "message": base64.b64encode(data).decode("ascii"),
        "encoding": arguments.text("message-encoding").upper(),
    }
    if arguments.given("schema-name"):
        body["name"] = full_name(session, "schemas", arguments.text("schema-name"))
    else:
        body["schema"] = _schema(arguments)
    session.call("POST", target(f"projects/{session.project}/schemas", verb="validateMessage"), body)
    session.console.say("Message is valid.")


CREATE = Command(
    _create,
    "Create a schema.",
    positionals=[SCHEMA],
    flags=_DEFINITION,
    exclusive=[_EITHER],
    examples=[("From a file:", "hakobune pubsub schemas create upload --type avro --definition-file upload.avsc")],
)

LIST = Command(
    _list,
    "List the schemas of the project.",
    flags=[_VIEW, *LIST_FLAGS],
    default_format="table(name.basename(), type, revisionId, revisionCreateTime:label=CREATE_TIME,"
    " definition:optional)",
    examples=[("With their definitions:", "hakobune pubsub schemas list --view full --format yaml")],
)

DESCRIBE = Command(
    _describe,
    "Show a schema with its definition.",
    positionals=[SCHEMA],
    default_format="yaml",
    examples=[("An older revision:", "hakobune pubsub schemas describe upload@0a1b2c3d")],
)

DELETE = Command(
    _delete,
    "Delete a schema with all its revisions.",
    positionals=[SCHEMA],
    examples=[("Without being asked:", "hakobune pubsub schemas delete upload --quiet")],
)

COMMIT = Command(
    _commit,
    "Add a revision to a schema.",
    positionals=[SCHEMA],
    flags=_DEFINITION,
    exclusive=[_EITHER],
    default_format="yaml",
    examples=[("From a file:", "hakobune pubsub schemas commit upload --type avro --definition-file upload.avsc")],
)

ROLLBACK = Command(
    _rollback,
    "Make an older revision of a schema the newest one, under a new id.",
    positionals=[SCHEMA],
    flags=[Flag("--revision-id", "text", "The older revision.", metavar="REVISION")],
    default_format="yaml",
    examples=[("A revision:", "hakobune pubsub schemas rollback upload --revision-id 0a1b2c3d")],
)

REVISIONS = Command(
    _revisions,
    "List the revisions of a schema, the newest first.",
    positionals=[SCHEMA],
    flags=[_VIEW, *LIST_FLAGS],
    default_format="table(revisionId, revisionCreateTime:label=CREATE_TIME, type:label=TYPE, definition:optional)",
    examples=[("The revisions of a schema:", "hakobune pubsub schemas list-revisions upload")],
)

DELETE_REVISION = Command(
    _delete_revision,
    "Delete a revision of a schema.",
    positionals=[SCHEMA],
    default_format="yaml",
    examples=[("A revision:", "hakobune pubsub schemas delete-revision upload@0a1b2c3d")],
)

VALIDATE_SCHEMA = Command(
    _validate_schema,
    "Check whether a definition is one.",
    flags=_DEFINITION,
    exclusive=[_EITHER],
    examples=[("A file:", "hakobune pubsub schemas validate-schema --type avro --definition-file upload.avsc")],
)

VALIDATE_MESSAGE = Command(
    _validate_message,
    "Check whether a message keeps to a schema.",
    flags=[
        Flag("--message", "text", "The message.", metavar="TEXT"),
        Flag("--message-encoding", "choice", "How it is written.", choices=("json", "binary")),
        Flag("--schema-name", "text", "The schema.", metavar="SCHEMA"),
        *_DEFINITION,
    ],
    exclusive=[("--schema-name", "--definition+--definition-file+--type")],
    examples=[
        (
            "Against a schema that is there:",
            """hakobune pubsub schemas validate-message --message '{"id": 7}' --message-encoding json \\
      --schema-name upload""",
        )
    ],
)
