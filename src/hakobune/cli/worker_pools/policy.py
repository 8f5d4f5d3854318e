"""The IAM policy of a worker pool: get, set, add and remove a binding."""

from __future__ import annotations

from hakobune.cli.flags import Arguments
from hakobune.cli.policies import PolicyOf
from hakobune.cli.run_api import quoted
from hakobune.cli.services.policy import place
from hakobune.cli.worker_pools.worker_pools import POOL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def _path(session: Session, arguments: Arguments) -> str:
    return f"{place(session)}/workerpools/{quoted(arguments.word('worker-pool'))}"


GET, SET, ADD, REMOVE = PolicyOf(
    noun="worker pool",
    positional=POOL,
    path=_path,
    words="run worker-pools",
    example="consumer",
    role="roles/run.developer",
    roles="roles/run.developer, roles/run.viewer",
).commands()
