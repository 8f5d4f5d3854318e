"""The IAM policies of service accounts and projects: get, set, add and remove a binding."""

from __future__ import annotations

from hakobune.cli.flags import Arguments, Positional
from hakobune.cli.iam.accounts import ACCOUNT, account_path
from hakobune.cli.pages import target
from hakobune.cli.policies import PolicyOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def _account(session: Session, arguments: Arguments) -> str:
    del session
    return target(account_path(arguments.word("service-account")))


def _project(session: Session, arguments: Arguments) -> str:
    del session
    return target(f"projects/{arguments.word('project-id')}")


GET_ACCOUNT, SET_ACCOUNT, ADD_ACCOUNT, REMOVE_ACCOUNT = PolicyOf(
    noun="serviceAccount",
    positional=ACCOUNT,
    path=_account,
    words="iam service-accounts",
    example="thumbs@my-project.iam.gserviceaccount.com",
    role="roles/iam.serviceAccountTokenCreator",
    roles="roles/iam.serviceAccountTokenCreator, roles/iam.serviceAccountUser",
).commands()

GET_PROJECT, SET_PROJECT, ADD_PROJECT, REMOVE_PROJECT = PolicyOf(
    noun="project",
    positional=Positional("project-id", "The project."),
    path=_project,
    words="projects",
    example="my-project",
    role="roles/editor",
    roles="roles/editor, roles/viewer, roles/pubsub.publisher",
).commands()
