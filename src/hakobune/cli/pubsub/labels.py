"""Labels of a resource that is created or changed."""

from __future__ import annotations

from hakobune.cli.document import Document
from hakobune.cli.flags import Arguments, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = Flag("--labels", "map", "The labels.", metavar="KEY=VALUE")
UPDATE_LABELS = (
    Flag("--update-labels", "map", "Add or change these labels.", metavar="KEY=VALUE"),
    Flag("--remove-labels", "list", "Remove these labels.", metavar="KEY"),
    Flag("--clear-labels", "switch", "Remove all labels."),
)
LABELS_EXCLUDE = ("--clear-labels", "--remove-labels")


def changed_labels(arguments: Arguments, held: Callable[[], Document]) -> Document | None:
    """The labels that the resource is to have; None: as they are. `held` asks for those that it has."""
    if not any(arguments.given(flag.name[2:]) for flag in UPDATE_LABELS):
        return None
    old = held()
    kept: Document = {} if arguments.switch("clear-labels") else dict(old)
    for key in arguments.words("remove-labels"):
        kept.pop(key, None)
    found = {**kept, **arguments.pairs("update-labels")}
    return None if found == old else found
