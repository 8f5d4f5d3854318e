"""The IAM policy of a job: get, set, add and remove a binding."""

from __future__ import annotations

from hakobune.cli.flags import Arguments
from hakobune.cli.jobs.jobs import JOB
from hakobune.cli.policies import PolicyOf
from hakobune.cli.run_api import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def _path(session: Session, arguments: Arguments) -> str:
    place = f"/v1/projects/{quoted(session.project)}/locations/{quoted(session.region)}"
    return f"{place}/jobs/{quoted(arguments.word('job'))}"


GET, SET, ADD, REMOVE = PolicyOf(
    noun="job",
    positional=JOB,
    path=_path,
    words="run jobs",
    example="thumbs",
    role="roles/run.invoker",
    roles="roles/run.invoker, roles/run.developer",
).commands()
