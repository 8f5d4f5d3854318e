"""Wrong fields of one request, gathered so that its sender hears of all of them at once."""

from __future__ import annotations

from collections.abc import Callable

from hakobune.core.errors import FieldViolation, InvalidArgument

VIOLATIONS_MAX = 50  # ours: an answer that a person can read; what is beyond is left out


class Violations:
    """A list of wrong fields. `render` turns the paths that checks use into the paths that the sender knows."""

    def __init__(self, render: Callable[[str], str] = str) -> None:
        self.render = render
        self._found: list[FieldViolation] = []
        self._lines: list[str] = []

    def add(self, path: str, text: str) -> None:
        """The field at `path` is wrong: `text` says what it must be. The message becomes `field: text`."""
        field = self.render(path)
        self.add_line(field, text, f"{field}: {text}")

    def add_missing(self, path: str, text: str = "must not be empty") -> None:
        """There is nothing in the field at `path`; unless what was given is wrong in itself, which has been said."""
        field = self.render(path)
        parts = (f"{field}.", f"{field}[")
        if not any(found.field == field or found.field.startswith(parts) for found in self._found):
            self.add(path, text)

    def add_line(self, field: str, description: str, line: str) -> None:
        """A wrong field whose line of the message is given whole."""
        if len(self._found) < VIOLATIONS_MAX:
            self._found.append(FieldViolation(field=field, description=description))
            self._lines.append(line)

    def add_all(self, error: InvalidArgument) -> None:
        """Take over what somebody else found, paths as they are."""
        for violation in error.violations:
            self.add_line(violation.field, violation.description, f"{violation.field}: {violation.description}")

    def check(self) -> None:
        """Raises InvalidArgument with one line and one violation for each wrong field."""
        if self._found:
            raise InvalidArgument("\n".join(self._lines), violations=self._found)
