"""The four commands of an IAM policy, of whatever has one: get, set, add and remove a binding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hakobune.cli.document import Document, as_dict, children, is_dict, list_at, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hakobune.cli.session import Session

_MEMBER = Flag("--member", "text", "Who: user:EMAIL, serviceAccount:EMAIL, group:EMAIL, allUsers, …")
_CONDITION = Flag("--condition", "text", "", hidden=True, refusal="conditions are not evaluated here")
_ALL = Flag("--all", "switch", "", hidden=True, note="there are no conditions here")
_KINDS = ("user", "serviceAccount", "group", "domain", "principal", "principalSet", "deleted")
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")


class PolicyCommands(NamedTuple):
    """One of each."""

    get: Command
    set: Command
    add: Command
    remove: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOf:
    """What has a policy. `path` makes its address of the words, such as `/v1/projects/P/topics/T`."""

    noun: str  # as gcloud says it in "Updated IAM policy for NOUN [NAME]."
    positional: Positional
    path: Callable[[Session, Arguments], str]
    words: str  # of the commands' group
    example: str  # a name of such a thing
    role: str  # one that is often given
    roles: str  # some, for the help

    def commands(self) -> PolicyCommands:
        """The commands."""
        article = "an" if self.noun[0] in "aeiou" else "a"
        role = Flag("--role", "text", f"What they may do: {self.roles}, …")
        line = f"hakobune {self.words} {{}} {self.example}"
        binding = f"{line} --member serviceAccount:me@my-project.iam.gserviceaccount.com --role {self.role}"
        file = Positional("policy-file", "A YAML or JSON file.")
        return PolicyCommands(
            get=Command(
                self._get,
                f"Get the IAM policy of {article} {self.noun}.",
                positionals=[self.positional],
                default_format="yaml",
                examples=[("As JSON:", f"{line.format('get-iam-policy')} --format json")],
            ),
            set=Command(
                self._set,
                f"Put the policy in a file in the place of the {self.noun}'s.",
                positionals=[self.positional, file],
                default_format="yaml",
                examples=[("From a file:", f"{line.format('set-iam-policy')} policy.yaml")],
            ),
            add=Command(
                self._add,
                f"Allow somebody something on {article} {self.noun}.",
                positionals=[self.positional],
                flags=[_MEMBER, role, _CONDITION],
                default_format="yaml",
                examples=[("Let an account do it:", binding.format("add-iam-policy-binding"))],
            ),
            remove=Command(
                self._remove,
                "Take back what `add-iam-policy-binding` allowed.",
                positionals=[self.positional],
                flags=[_MEMBER, role, _CONDITION, _ALL],
                default_format="yaml",
                examples=[("Take it back:", binding.format("remove-iam-policy-binding"))],
            ),
        )

    def _get(self, session: Session, arguments: Arguments) -> Document:
        return session.call("GET", f"{self.path(session, arguments)}:getIamPolicy?options.requestedPolicyVersion=3")

    def _put(self, session: Session, arguments: Arguments, policy: Document) -> Document:
        answer = session.call("POST", f"{self.path(session, arguments)}:setIamPolicy", {"policy": policy})
        session.console.say(f"Updated IAM policy for {self.noun} [{arguments.word(self.positional.name)}].")
        return answer

    def _set(self, session: Session, arguments: Arguments) -> Document:
        from hakobune.cli.yaml_reader import read_file

        path = arguments.word("policy-file")
        policy = read_file(path)
        if not is_dict(policy):
            raise CommandError(f"Policy file [{path}] is not a properly formatted YAML or JSON policy file.")
        return self._put(session, arguments, as_dict(policy))

    def _add(self, session: Session, arguments: Arguments) -> Document:
        member, role = _binding(arguments)
        policy = self._get(session, arguments)
        bindings = children(policy, "bindings")
        held = next((as_dict(item) for item in bindings if _is_plain(item, role)), None)
        if held is None:
            bindings.append({"role": role, "members": [member]})
        elif member not in list_at(held, "members"):
            children(held, "members").append(member)
        return self._put(session, arguments, policy)

    def _remove(self, session: Session, arguments: Arguments) -> Document:
        member, role = _binding(arguments)
        policy = self._get(session, arguments)
        removed = False
        kept: list[object] = []
        for item in list_at(policy, "bindings"):
            binding = as_dict(item)
            members = list_at(binding, "members")
            if _is_plain(binding, role) and member in members:
                removed = True
                binding["members"] = [other for other in members if other != member]
            if list_at(binding, "members"):
                kept.append(binding)
        if not removed:
            raise CommandError("Policy binding with the specified principal, role, and condition not found!")
        policy["bindings"] = kept
        return self._put(session, arguments, policy)


def _is_plain(item: object, role: str) -> bool:
    return text_at(item, "role") == role and "condition" not in as_dict(item)


def _binding(arguments: Arguments) -> tuple[str, str]:
    member, role = arguments.text("member"), arguments.text("role")
    for flag, value in (("--member", member), ("--role", role)):
        if not value:
            raise UsageError(f"argument {flag}: Must be specified.")
    if member not in _EVERYBODY and member.partition(":")[0] not in _KINDS:
        raise UsageError(f"argument --member: [{member}] must begin with its kind, e.g. user:me@example.com.")
    return member, role
