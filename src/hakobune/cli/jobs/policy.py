"""The IAM policy of a job: get, set, add and remove a binding."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, children, is_dict, list_at, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.jobs.jobs import JOB
from hakobune.cli.run_api import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_MEMBER = Flag("--member", "text", "Who: user:EMAIL, serviceAccount:EMAIL, group:EMAIL, allUsers, …")
_ROLE = Flag("--role", "text", "What they may do: roles/run.invoker, roles/run.developer, …")
_CONDITION = Flag("--condition", "text", "", hidden=True, refusal="conditions are not evaluated here")
_KINDS = ("user", "serviceAccount", "group", "domain", "principal", "principalSet", "deleted")


def _target(session: Session, arguments: Arguments) -> str:
    place = f"/v1/projects/{quoted(session.project)}/locations/{quoted(session.region)}"
    return f"{place}/jobs/{quoted(arguments.word('job'))}"


def _get(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", f"{_target(session, arguments)}:getIamPolicy?options.requestedPolicyVersion=3")


def _put(session: Session, arguments: Arguments, policy: Document) -> Document:
    answer = session.call("POST", f"{_target(session, arguments)}:setIamPolicy", {"policy": policy})
    session.console.say(f"Updated IAM policy for job [{arguments.word('job')}].")
    return answer


def _add(session: Session, arguments: Arguments) -> Document:
    member, role = _binding(arguments)
    policy = _get(session, arguments)
    bindings = children(policy, "bindings")
    held = next(
        (as_dict(item) for item in bindings if text_at(item, "role") == role and "condition" not in as_dict(item)), None
    )
    if held is None:
        bindings.append({"role": role, "members": [member]})
    elif member not in list_at(held, "members"):
        children(held, "members").append(member)
    return _put(session, arguments, policy)


def _remove(session: Session, arguments: Arguments) -> Document:
    member, role = _binding(arguments)
    policy = _get(session, arguments)
    removed = False
    kept: list[object] = []
    for item in list_at(policy, "bindings"):
        binding = as_dict(item)
        members = list_at(binding, "members")
        if text_at(binding, "role") == role and member in members and "condition" not in binding:
            removed = True
            binding["members"] = [other for other in members if other != member]
        if list_at(binding, "members"):
            kept.append(binding)
    if not removed:
        raise CommandError("Policy binding with the specified principal, role, and condition not found!")
    policy["bindings"] = kept
    return _put(session, arguments, policy)


def _set(session: Session, arguments: Arguments) -> Document:
    from hakobune.cli.yaml_reader import read_file

    path = arguments.word("policy-file")
    policy = read_file(path)
    if not is_dict(policy):
        raise CommandError(f"Policy file [{path}] is not a properly formatted YAML or JSON policy file.")
    return _put(session, arguments, as_dict(policy))


def _binding(arguments: Arguments) -> tuple[str, str]:
    member, role = arguments.text("member"), arguments.text("role")
    for flag, value in (("--member", member), ("--role", role)):
        if not value:
            raise UsageError(f"argument {flag}: Must be specified.")
    if member not in ("allUsers", "allAuthenticatedUsers") and member.partition(":")[0] not in _KINDS:
        raise UsageError(f"argument --member: [{member}] must begin with its kind, e.g. user:me@example.com.")
    return member, role


GET = Command(
    _get,
    "Get the IAM policy of a job.",
    positionals=[JOB],
    default_format="yaml",
    examples=[("As JSON:", "hakobune run jobs get-iam-policy thumbs --format json")],
)

ADD = Command(
    _add,
    "Allow somebody something on a job.",
    positionals=[JOB],
    flags=[_MEMBER, _ROLE, _CONDITION],
    default_format="yaml",
    examples=[
        (
            "Let everybody run the job:",
            "hakobune run jobs add-iam-policy-binding thumbs --member allUsers --role roles/run.invoker",
        )
    ],
)

REMOVE = Command(
    _remove,
    "Take back what `add-iam-policy-binding` allowed.",
    positionals=[JOB],
    flags=[_MEMBER, _ROLE, _CONDITION, Flag("--all", "switch", "", hidden=True, note="there are no conditions here")],
    default_format="yaml",
    examples=[
        (
            "Take it back:",
            "hakobune run jobs remove-iam-policy-binding thumbs --member user:me@example.com --role roles/run.invoker",
        )
    ],
)

SET = Command(
    _set,
    "Put the policy in a file in the place of the job's.",
    positionals=[JOB, Positional("policy-file", "A YAML or JSON file.")],
    default_format="yaml",
    examples=[("From a file:", "hakobune run jobs set-iam-policy thumbs policy.yaml")],
)
