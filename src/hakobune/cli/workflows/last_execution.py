"""The execution that was started last, for `describe-last` and `wait-last`: in gcloud's file, so that both know it."""

from __future__ import annotations

import os

from hakobune.cli.errors import CommandError
from hakobune.cli.workflows.names import Name, execution_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_FILE = ".workflows-cached-execution-id.json"  # holds a bare name (spec/workflows.md section 11)
_NONE = (
    "[NOT FOUND] There are no cached executions available. Use gcloud list and describe commands or"
    " https://console.developers.google.com/ to check resource state."
)


def remember(session: Session, name: str) -> None:
    """Keep the name. A directory that cannot be written is no reason to fail: the execution runs."""
    path = _path()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(name)
    except OSError as error:
        session.console.warn(f"The name of the execution cannot be kept in [{path}]: {error.strerror or error}")


def recall(session: Session) -> Name:
    """The execution that was started last. Raises CommandError when none is known."""
    try:
        with open(_path(), encoding="utf-8") as file:
            text = file.read(4096).strip()
    except (OSError, UnicodeError) as error:
        raise CommandError(_NONE) from error
    name = execution_from_text(text)
    if name is None:
        raise CommandError(_NONE)
    session.console.say(f"Using cached execution name: {name}")
    return name


def _path() -> str:
    directory = os.environ.get("CLOUDSDK_CONFIG") or os.path.join(os.path.expanduser("~"), ".config", "gcloud")
    return os.path.join(directory, _FILE)
