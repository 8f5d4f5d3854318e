"""`hakobune version`."""

from __future__ import annotations

from hakobune import __version__
from hakobune.cli.flags import Arguments, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def _run(session: Session, arguments: Arguments) -> object:
    if arguments.text("format"):
        return {"hakobune": __version__}
    session.console.answer(f"hakobune {__version__}\n")
    return None


VERSION = Command(_run, "Print the version of this program.", examples=[("As JSON:", "hakobune version --format json")])
