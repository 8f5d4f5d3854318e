"""The environment variables of a workflow, as flags change them."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

_VARIABLES_MAX = 20  # source: Workflows API v1, `userEnvVars`

ENVIRONMENT_FLAGS = (
    Flag("--set-env-vars", "map", "The environment variables, in the place of all that there are."),
    Flag("--env-vars-file", "text", "A YAML file with the environment variables, in the place of all.", metavar="FILE"),
    Flag("--update-env-vars", "map", "Environment variables to add or change."),
    Flag("--remove-env-vars", "list", "Environment variables to remove.", metavar="KEY"),
    Flag("--clear-env-vars", "switch", "Remove all environment variables."),
)
ENVIRONMENT_NAMES = tuple(flag.name for flag in ENVIRONMENT_FLAGS)


def needs_old(arguments: Arguments) -> bool:
    """Whether the new variables follow from the old ones."""
    return arguments.given("update-env-vars") or arguments.given("remove-env-vars")


def variables(arguments: Arguments, workflow: Document) -> dict[str, object] | None:
    """The variables that the workflow is to have, None for those that it has. Raises CommandError."""
    if not any(arguments.given(name[2:]) for name in ENVIRONMENT_NAMES):
        return None
    wanted: dict[str, object] = {}
    if arguments.given("env-vars-file"):
        from hakobune.cli.containers.environment import read_file

        wanted = {**read_file(arguments.text("env-vars-file"))}
    elif arguments.given("set-env-vars"):
        wanted = {**arguments.pairs("set-env-vars")}
    elif needs_old(arguments):
        wanted = {**dict_at(workflow, "userEnvVars"), **arguments.pairs("update-env-vars")}
        for key in arguments.words("remove-env-vars"):
            if key not in wanted:
                raise CommandError(f"Invalid value for [--remove-env-vars]: key {key} is not found.")
            del wanted[key]
    if len(wanted) > _VARIABLES_MAX:
        raise CommandError(f"too many environment variables, limit is {_VARIABLES_MAX}.")
    return wanted
