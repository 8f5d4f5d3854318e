"""The terminal: where messages go, whether colours and marks may be used, and questions to the person.

Messages go to stderr, answers to stdout. Colours are for terminals; a pipe gets plain text, so that
scripts read what people see (the real gcloud colours pipes too when TERM says so; we do not).
"""

from __future__ import annotations

import os
import sys

from hakobune.cli.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_COLOURS = {"red": "\x1b[31;1m", "green": "\x1b[32m", "yellow": "\x1b[33;1m", "blue": "\x1b[34;1m", "bold": "\x1b[1m"}
_RESET = "\x1b[0m"

NOT_INTERACTIVE = (
    "This prompt could not be answered because you are not in an interactive session.  You can re-run the command with"
    " the --quiet flag to accept default answers for all prompts."
)


class Console:
    """One command's view of its three streams."""

    __slots__ = ("enabled", "quiet", "silenced")

    def __init__(self, *, quiet: bool, enabled: bool = True, silenced: bool = False) -> None:
        """`enabled` is --user-output-enabled; `silenced` (--verbosity none) drops error texts as well."""
        self.quiet = quiet
        self.enabled = enabled
        self.silenced = silenced

    def say(self, text: str = "") -> None:
        """Write a line for the person."""
        if self.enabled:
            _write(sys.stderr, text + "\n")

    def mutter(self, text: str) -> None:
        """Write a piece of a line for the person (progress)."""
        if self.enabled:
            _write(sys.stderr, text)

    def warn(self, text: str) -> None:
        """Write a warning, also when user output is off."""
        if not self.silenced:
            _write(sys.stderr, f"WARNING: {text}\n")

    def answer(self, text: str) -> None:
        """Write to stdout what the command was asked for."""
        if self.enabled:
            _write(sys.stdout, text)

    def bold(self, text: str) -> str:
        """`text` in bold where stderr can show it."""
        return paint(text, "bold") if coloured(sys.stderr) else text

    @property
    def is_live(self) -> bool:
        """Whether lines on stderr may be redrawn: a terminal that understands cursor movement."""
        return self.enabled and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    @property
    def is_interactive(self) -> bool:
        """Whether there is somebody to ask."""
        disabled = os.environ.get("CLOUDSDK_CORE_DISABLE_PROMPTS", "").lower() in ("1", "true", "yes", "on")
        return not self.quiet and not disabled and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def takes_defaults(self) -> bool:
        """Whether questions are answered with their default without being asked."""
        return self.quiet or os.environ.get("CLOUDSDK_CORE_DISABLE_PROMPTS", "").lower() in ("1", "true", "yes", "on")

    def confirm(self, text: str) -> None:
        """Ask whether to go on. Raises CommandError when the answer is no, or when there is nobody to ask.

        As with the real gcloud, an answer may come through a pipe (`echo y | …`); a pipe that is empty is nobody.
        """
        if self.takes_defaults:
            return
        _write(sys.stderr, f"{text}\n\nDo you want to continue (Y/n)?  ")
        while True:
            line = sys.stdin.readline() if sys.stdin is not None else ""
            if not line and not self.is_interactive:
                _write(sys.stderr, "\n")
                raise CommandError(NOT_INTERACTIVE)
            if not line or line.strip().lower() in ("n", "no"):
                _write(sys.stderr, "\n")
                raise CommandError("Aborted by user.")
            if line.strip().lower() in ("", "y", "yes"):
                _write(sys.stderr, "\n")
                return
            _write(sys.stderr, "Please enter 'y' or 'n':  ")

    def ask(self, text: str) -> str:
        """Ask for one line, empty when there is nobody to ask."""
        if not self.is_interactive:
            return ""
        _write(sys.stderr, text)
        return sys.stdin.readline().strip()


def coloured(stream: TextIO) -> bool:
    """Whether colours may be written to `stream`. Honours NO_COLOR (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("CLOUDSDK_CORE_DISABLE_COLOR", "").lower() in ("1", "true"):
        return False
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def paint(text: str, colour: str) -> str:
    """`text` in a colour, with the terminal's codes."""
    return f"{_COLOURS[colour]}{text}{_RESET}" if colour in _COLOURS else text


def shows(stream: TextIO, character: str) -> bool:
    """Whether the stream's encoding has `character`."""
    try:
        character.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(stream: TextIO, text: str) -> None:
    """Write and flush; what the encoding lacks is written as escapes rather than ending the command."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
