"""`hakobune env`: the variables that make clients of Google Cloud talk to this runtime (CONTRACT section 3)."""

from __future__ import annotations

import os

from hakobune.cli.document import Document, as_dict, is_dict, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

DEFAULT_PORT = 8642
DEFAULT_GRPC_PORT = 8643
_QUERY_TIMEOUT_S = 5.0


def _env(session: Session, arguments: Arguments) -> object:
    port = arguments.number("port") or _port_of_url() or DEFAULT_PORT
    grpc_port = arguments.number("grpc-port") or DEFAULT_GRPC_PORT
    if not (0 < port < 65536 and 0 < grpc_port < 65536):
        raise UsageError("argument --port: Must be a port, 1 to 65535.")
    variables = _asked(port, "?tls=true" if arguments.switch("tls") else "")
    if variables is None:
        session.console.warn(
            f"No runtime answers on port {port}: the variables that name its files are missing. Start it with:"
            f" hakobune up --port {port}, and run `hakobune env` again"
        )
        variables = _without_files(port, grpc_port, session.project)
    elif arguments.given("project"):
        project = arguments.text("project")
        variables |= {"GOOGLE_CLOUD_PROJECT": project, "CLOUDSDK_CORE_PROJECT": project}
    if session.arguments.text("format"):
        return dict[str, object](variables)
    session.console.answer("".join(f"export {name}={shell_quoted(variables[name])}\n" for name in sorted(variables)))
    return None


def _asked(port: int, query: str) -> dict[str, str] | None:
    """What the runtime on that port says, or None when none answers. Raises CommandError."""
    import json

    from hakobune.cli.errors import AnswerLostError, UnreachableError
    from hakobune.cli.http import Client

    client = Client(f"http://127.0.0.1:{port}", timeout_s=_QUERY_TIMEOUT_S)
    try:
        answer = client.request("GET", f"/hakobune/v1/env{query}")
    except (UnreachableError, AnswerLostError):
        return None
    finally:
        client.close()
    try:
        document: object = json.loads(answer.body)
    except ValueError:
        document = None
    if answer.status == 400 and "error" in as_dict(document):
        raise CommandError(text_at(document, "error", "message"))
    if answer.status != 200 or not is_dict(document):
        raise CommandError(f"What answers on port {port} is not this runtime. Choose another port with --port")
    found: Document = document
    return {str(name): str(value) for name, value in found.items() if _is_name(str(name))}


def _without_files(port: int, grpc_port: int, project: str) -> dict[str, str]:
    """The variables that can be known without asking: all but those that name a file."""
    from hakobune.core.client_environment import ClientFiles, client_environment

    return client_environment(port=port, grpc_port=grpc_port, project=project, files=ClientFiles())


def _is_name(name: str) -> bool:
    return name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit()


def _port_of_url() -> int | None:
    tail = os.environ.get("HAKOBUNE_URL", "").rpartition(":")[2].rstrip("/")
    return int(tail) if tail.isdigit() else None


def shell_quoted(text: str) -> str:
    """`text` in single quotes for a POSIX shell, on one line. Raises CommandError for a value with a line break."""
    if "\n" in text or "\0" in text:
        raise CommandError("The runtime answered a value with a line break, which `export` lines cannot carry.")
    return "'" + text.replace("'", "'\\''") + "'"


ENV = Command(
    _env,
    "Print `export NAME='value'` lines that point gcloud, gsutil, Google's client libraries and this command line at"
    ' the runtime. Use it as: eval "$(hakobune env)"',
    flags=[
        Flag("--port", "number", "The HTTP port of the runtime. Default: that of HAKOBUNE_URL, else 8642.", at_least=1),
        Flag("--grpc-port", "number", "Its gRPC port. Default 8643.", at_least=1, metavar="PORT"),
        Flag("--tls", "switch", "Also where TLS is spoken, and whom clients should trust."),
    ],
    examples=[("Point this shell at the runtime:", 'eval "$(hakobune env)"')],
)
