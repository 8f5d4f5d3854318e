"""The IAM policy of a service: get, set, add and remove a binding; and the one of `--allow-unauthenticated`."""

from __future__ import annotations

from hakobune.cli.document import as_dict, children, list_at, text_at
from hakobune.cli.flags import Arguments, Positional
from hakobune.cli.policies import PolicyOf
from hakobune.cli.run_api import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

INVOKER = "roles/run.invoker"
EVERYBODY = "allUsers"


def place(session: Session) -> str:
    """Where services and worker pools of the session's region have their policies."""
    return f"/v1/projects/{quoted(session.project)}/locations/{quoted(session.region)}"


def _path(session: Session, arguments: Arguments) -> str:
    return f"{place(session)}/services/{quoted(arguments.word('service'))}"


def allow_everybody(session: Session, service: str, *, allowed: bool) -> None:
    """Let everybody call a service, or take that back: as gcloud, one binding more or less."""
    path = f"{place(session)}/services/{quoted(service)}"
    policy = session.call("GET", f"{path}:getIamPolicy?options.requestedPolicyVersion=3")
    bindings = children(policy, "bindings")
    held = next((as_dict(item) for item in bindings if text_at(item, "role") == INVOKER), None)
    members = list_at(held, "members")
    if (EVERYBODY in members) is allowed:
        return
    if not allowed:
        bindings[:] = [{**as_dict(item), "members": _without(item)} for item in bindings]
        bindings[:] = [item for item in bindings if list_at(item, "members")]
    elif held is None:
        bindings.append({"role": INVOKER, "members": [EVERYBODY]})
    else:
        children(held, "members").append(EVERYBODY)
    session.call("POST", f"{path}:setIamPolicy", {"policy": policy})


def _without(binding: object) -> list[object]:
    members = list_at(binding, "members")
    return [member for member in members if member != EVERYBODY] if text_at(binding, "role") == INVOKER else members


GET, SET, ADD, REMOVE = PolicyOf(
    noun="service",
    positional=Positional("service", "The name of the service."),
    path=_path,
    words="run services",
    example="api",
    role=INVOKER,
    roles="roles/run.invoker, roles/run.developer",
).commands()
