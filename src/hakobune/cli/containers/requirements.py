"""What a deployment of a job, a service or a worker pool must say: a name, and what to run."""

from __future__ import annotations

from hakobune.cli.errors import CommandError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

_NAME_RULE = (
    "The name must use only lowercase alphanumeric characters and dashes, cannot begin or end with a dash, and cannot"
    " be longer than 63 characters."
)
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def check_name(positional: str, name: str) -> None:
    """Raises CommandError for a name that Cloud Run does not take; `positional` is the argument that gives it."""
    if not name:
        raise UsageError(f"argument {positional.replace('-', '_').upper()}: Must be specified.")
    if len(name) > 63 or name[0] == "-" or name[-1] == "-" or not _LETTERS.issuperset(name):
        raise CommandError(f"Invalid resource name [{name}]. {_NAME_RULE}")


def names_a_program(arguments: Arguments) -> bool:
    """Whether the flags say what to run."""
    scopes = [arguments, *(scope for _, scope in arguments.containers)]
    return arguments.given("source") or any(scope.text("image") for scope in scopes)


def check_program(arguments: Arguments, image: str) -> None:
    """Raises CommandError, with `image` as an example, where the flags do not say what to run."""
    if not names_a_program(arguments):
        raise CommandError(
            f"Missing required argument [--image]: Requires a container image to deploy (e.g. `{image}`),"
            " `--image local` with --command, or --source DIR."
        )
