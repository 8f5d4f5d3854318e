"""The IAM policy of a secret: get, set, add and remove a binding."""

from __future__ import annotations

from hakobune.cli.flags import Arguments
from hakobune.cli.pages import target
from hakobune.cli.policies import PolicyOf
from hakobune.cli.secrets.names import SECRET, secret_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def _path(session: Session, arguments: Arguments) -> str:
    return target(secret_path(session, arguments.word("secret")))


GET, SET, ADD, REMOVE = PolicyOf(
    noun="secret",
    positional=SECRET,
    path=_path,
    words="secrets",
    example="api-token",
    role="roles/secretmanager.secretAccessor",
    roles="roles/secretmanager.secretAccessor, roles/secretmanager.viewer",
).commands()
