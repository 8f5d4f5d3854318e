"""`hakobune doctor`: what the runtime says of itself, and what only the caller's side can see."""

from __future__ import annotations

import os
import shutil
import sys

from hakobune.cli.document import Document, as_dict, list_at, text_at
from hakobune.cli.errors import AnswerLostError, ApiError, CommandError, UnreachableError
from hakobune.cli.flags import Arguments, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_OLDEST_PYTHON = (3, 11)
_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "error": ("ERROR", "red")}


class UnwellError(CommandError):
    """At least one check failed; the checks have been printed."""


def _doctor(session: Session, arguments: Arguments) -> object:
    checks = [_python(), _command(), *_runtime(session), *_gcloud()]
    if arguments.switch("fsck") and any(check["name"] == "runtime" and check["state"] == "ok" for check in checks):
        checks.append(_objects(session))
    failed = sum(1 for check in checks if check["state"] == "error")
    if arguments.text("format"):
        from hakobune.cli.format.printing import show

        show(session, DOCTOR, {"checks": checks})
    else:
        session.console.answer(_page(checks))
    if failed:
        raise UnwellError(f"{failed} {'check' if failed == 1 else 'checks'} failed.")
    return None


def _page(checks: list[Document]) -> str:
    from hakobune.cli import console

    width = max(len(text_at(check, "name")) for check in checks)
    lines: list[str] = []
    for check in checks:
        word, colour = _MARKS.get(text_at(check, "state"), ("?", "yellow"))
        shown = console.paint(f"{word:<8}", colour) if console.coloured(sys.stdout) else f"{word:<8}"
        lines.append(f"{shown}{text_at(check, 'name'):<{width}}  {text_at(check, 'message')}")
        if text_at(check, "remedy") and text_at(check, "state") != "ok":
            lines.append(f"{'':8}{'':{width}}  remedy: {text_at(check, 'remedy')}")
    return "\n".join(lines) + "\n"


def _check(name: str, state: str, message: str, remedy: str = "") -> Document:
    return {"name": name, "state": state, "message": message, "remedy": remedy}


def _python() -> Document:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return _check("python", "error", f"Python {version} is too old", "install Python 3.11 or newer")
    return _check("python", "ok", f"Python {version} at {sys.executable}")


def _command() -> Document:
    found = shutil.which("hakobune")
    if found is None:
        remedy = f'put its directory on the PATH: export PATH="{os.path.dirname(sys.executable)}:$PATH"'
        return _check("path", "warning", "`hakobune` is not on the PATH", remedy)
    return _check("path", "ok", found)


def _runtime(session: Session) -> list[Document]:
    try:
        answer = session.call("GET", "/hakobune/v1/doctor")
    except (UnreachableError, AnswerLostError) as error:
        text = str(error).partition(". Start one")[0]
        return [_check("runtime", "error", text, "start it: hakobune up")]
    except ApiError as error:
        text = f"{session.client.url} answers, but not as this runtime does: {error.message}"
        return [_check("runtime", "error", text, "unset HAKOBUNE_URL, or run `hakobune env` again")]
    found = [as_dict(check) for check in list_at(answer, "checks")]
    return [_check("runtime", "ok", f"answers at {session.client.url}"), *found]


def _objects(session: Session) -> Document:
    """What the runtime finds when it reads every object: asked again and again, since that may take long."""
    session.call("POST", "/hakobune/v1/doctor/examinations", {})
    while True:
        check = as_dict(session.call("GET", "/hakobune/v1/doctor/examinations/latest").get("check"))
        if text_at(check, "state") != "running":
            return check
        session.console.say(f"reading all objects: {text_at(check, 'message')}")


def _gcloud() -> list[Document]:
    path = shutil.which("gcloud")
    if path is None:
        return [_check("gcloud", "ok", "not installed (not needed)")]
    points_here = os.environ.get("CLOUDSDK_PROXY_PORT") and os.environ.get("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN")
    if not points_here:
        message = f"{path} of this shell talks to Google Cloud, not to this runtime"
        return [_check("gcloud", "warning", message, 'eval "$(hakobune env)"')]
    return [_check("gcloud", "ok", f"{path} of this shell talks to port {os.environ['CLOUDSDK_PROXY_PORT']}")]


DOCTOR = Command(
    _doctor,
    "Check that all is in order, and say what to do where it is not. Exit code 1 when a check failed.",
    flags=[Flag("--fsck", "switch", "Also read every object and compare it with its checksum. It reads all bytes.")],
    default_format="yaml",
    examples=[("For a program:", "hakobune doctor --format json")],
)
