"""How secrets and versions are named on a command line, and where their values come from."""

from __future__ import annotations

import sys

from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Flag, Positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_VALUE_BYTES_MAX = 1024 * 1024  # far above the service's bound, which the runtime checks

SECRET = Positional("secret", "The id of the secret, or its full name.")
VERSION = Positional("version", "The number of the version, an alias, or latest; or its full name.")
SECRET_FLAG = Flag("--secret", "text", "The secret of the version.")
ETAG = Flag("--etag", "text", "Do it only if the resource still has this etag.")
DATA_FILE = Flag("--data-file", "text", "The file that holds the value; - is the standard input.", metavar="FILE")


def secret_path(session: Session, text: str) -> str:
    """`projects/P/secrets/S` of an id or a full name."""
    return text if text.startswith("projects/") else f"projects/{session.project}/secrets/{text}"


def version_path(session: Session, arguments: Arguments) -> str:
    """`projects/P/secrets/S/versions/V`. Raises UsageError: the secret is not named."""
    version = arguments.word("version")
    if version.startswith("projects/"):
        return version
    secret = arguments.text("secret")
    if not secret:
        raise UsageError("argument --secret: Must be specified.")
    return f"{secret_path(session, secret)}/versions/{version}"


def last(path: str) -> str:
    """The last part of a name."""
    return path.rpartition("/")[2]


def secret_of(version: str) -> str:
    """The id of the secret of a version."""
    return version.split("/")[3] if version.count("/") >= 5 else version


def value_of(path: str) -> bytes:
    """What a file holds. Raises CommandError."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(_VALUE_BYTES_MAX)
        with open(path, "rb") as file:
            return file.read(_VALUE_BYTES_MAX)
    except OSError as error:
        raise CommandError(f"Failed to read file [{path}]: {error.strerror or error}") from error
