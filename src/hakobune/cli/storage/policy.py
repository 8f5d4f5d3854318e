"""The IAM policy of a bucket: get, set, add and remove a binding."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, children, is_dict, list_at, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.storage.api import StorageApi
from hakobune.cli.storage.buckets import command_words
from hakobune.cli.storage.expansion import missing
from hakobune.cli.storage.transport import HttpError
from hakobune.cli.storage.urls import bucket_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_BUCKET = Positional("url", "The bucket: gs://BUCKET")
_MEMBER = Flag("--member", "text", "Who: user:EMAIL, serviceAccount:EMAIL, group:EMAIL, allUsers, …")
_ROLE = Flag("--role", "text", "What they may do: roles/storage.objectViewer, …")
_CONDITION = Flag("--condition", "text", "", hidden=True, refusal="conditions are not evaluated here")
_EXAMPLE = (
    "hakobune storage buckets {}-iam-policy-binding gs://media --member allUsers --role roles/storage.objectViewer"
)
_VERSION = 3  # as gcloud sets it: the form of a policy that may hold conditions
_SHOWN = ("bindings", "etag")


def _get(session: Session, arguments: Arguments) -> Document:
    policy = _policy(session, arguments)
    return {name: policy[name] for name in _SHOWN if name in policy}


def _policy(session: Session, arguments: Arguments) -> Document:
    url = bucket_url(arguments.word("url"), command_words(session))
    try:
        return StorageApi(session).bucket_policy(url.bucket)
    except HttpError as error:
        raise missing(error, url.bucket) from error


def _put(session: Session, text: str, policy: Document) -> Document:
    url = bucket_url(text, command_words(session))
    try:
        answer = StorageApi(session).set_bucket_policy(url.bucket, {**policy, "version": _VERSION})
    except HttpError as error:
        raise missing(error, url.bucket) from error
    return {name: answer[name] for name in sorted(answer)}


def _add(session: Session, arguments: Arguments) -> Document:
    member, role = _binding(arguments)
    policy = _policy(session, arguments)
    bindings = children(policy, "bindings")
    held = next((as_dict(item) for item in bindings if _is_plain(item, role)), None)
    if held is None:
        bindings.append({"role": role, "members": [member]})
    elif member not in list_at(held, "members"):
        children(held, "members").append(member)
    return _put(session, arguments.word("url"), policy)


def _remove(session: Session, arguments: Arguments) -> Document:
    member, role = _binding(arguments)
    policy = _policy(session, arguments)
    kept: list[object] = []
    is_removed = False
    for item in list_at(policy, "bindings"):
        members = list_at(item, "members")
        if _is_plain(item, role) and member in members:
            is_removed = True
            members = [other for other in members if other != member]
        if members:
            kept.append({**as_dict(item), "members": members})
    if not is_removed:
        raise CommandError("Policy binding with the specified principal, role, and condition not found!")
    return _put(session, arguments.word("url"), {**policy, "bindings": kept})


def _set(session: Session, arguments: Arguments) -> Document:
    from hakobune.cli.yaml_reader import read_file

    path = arguments.word("policy-file")
    policy = read_file(path)
    if not is_dict(policy):
        raise CommandError(f"Policy file [{path}] is not a properly formatted YAML or JSON policy file.")
    given = as_dict(policy)
    if arguments.given("etag"):
        given = {**given, "etag": arguments.text("etag")}
    return _put(session, arguments.word("url"), given)


def _is_plain(item: object, role: str) -> bool:
    return text_at(item, "role") == role and "condition" not in as_dict(item)


def _binding(arguments: Arguments) -> tuple[str, str]:
    member, role = arguments.text("member"), arguments.text("role")
    for flag, value in (("--member", member), ("--role", role)):
        if not value:
            raise UsageError(f"argument {flag}: Must be specified.")
    return member, role


GET = Command(
    _get,
    "Get the IAM policy of a bucket.",
    positionals=[_BUCKET],
    default_format="yaml",
    examples=[("As JSON:", "hakobune storage buckets get-iam-policy gs://media --format json")],
)

ADD = Command(
    _add,
    "Allow somebody something on a bucket.",
    positionals=[_BUCKET],
    flags=[_MEMBER, _ROLE, _CONDITION],
    default_format="yaml",
    examples=[("Let everybody read:",
               _EXAMPLE.format("add"))],
)  # fmt: skip

REMOVE = Command(
    _remove,
    "Take back what `add-iam-policy-binding` allowed.",
    positionals=[_BUCKET],
    flags=[_MEMBER, _ROLE, _CONDITION, Flag("--all", "switch", "", hidden=True, note="there are no conditions here")],
    default_format="yaml",
    examples=[("Take it back:",
               _EXAMPLE.format("remove"))],
)  # fmt: skip

SET = Command(
    _set,
    "Put the policy in a file in the place of the bucket's.",
    positionals=[_BUCKET, Positional("policy-file", "A YAML or JSON file.")],
    flags=[Flag("--etag", "text", "Only if the policy has this etag.", short="-e")],
    default_format="yaml",
    examples=[("From a file:", "hakobune storage buckets set-iam-policy gs://media policy.json")],
)
