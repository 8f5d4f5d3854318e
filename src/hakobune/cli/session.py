"""What every command needs to know: which project, region and runtime, and how to reach them.

Names and precedence follow gcloud's properties in the environment (`CLOUDSDK_SECTION_PROPERTY`); a flag wins.
"""

from __future__ import annotations

import json
import os

from hakobune.cli.console import Console
from hakobune.cli.document import Document, as_dict, dict_at, is_dict, list_at, text_at
from hakobune.cli.errors import ApiError, CommandError, UsageError
from hakobune.cli.http import Answer, Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hakobune.cli.flags import Arguments

DEFAULT_URL = "http://127.0.0.1:8642"  # the port of `hakobune up` (design.md section 6)
DEFAULT_PROJECT = "hakobune-local"  # as `up` chooses without --project (CONTRACT section 1)
DEFAULT_REGION = "us-central1"
_REGION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_REGION_LENGTH_MAX = 63  # as core.names: what stands between the dots of a host name


class Session:
    """One run of one command."""

    def __init__(self, words: list[str], arguments: Arguments) -> None:
        """`words` are the command's words as typed, e.g. `["beta", "run", "jobs", "list"]`."""
        self.words = words
        self.arguments = arguments
        verbosity = arguments.text("verbosity")
        enabled = not arguments.given("user-output-enabled") or arguments.switch("user-output-enabled")
        self.console = Console(quiet=arguments.switch("quiet"), enabled=enabled, silenced=verbosity == "none")
        self._client: Client | None = None
        self.failure: CommandError | None = None  # told when what was done is printed
        self._closers: list[Callable[[], None]] = []

    @property
    def project(self) -> str:
        """The project of this command."""
        return self.arguments.text("project") or _default_project()

    @property
    def named_region(self) -> str:
        """The region that was typed, or empty. Raises UsageError for what cannot be one."""
        for name in ("region", "location"):
            if self.arguments.text(name):
                return _checked_region(f"argument --{name}", self.arguments.text(name))
        return ""

    @property
    def region(self) -> str:
        """The region of this command; the default one where none was named. Raises UsageError."""
        return self.named_region or _default_region()

    @property
    def place_flags(self) -> str:
        """What a next command needs to act on the same place as this one: ` --region R`, ` --project P` or nothing."""
        region, project = self.region, self.project
        flags = "" if region == _default_region() else f" --region {region}"
        return flags if project == _default_project() else f"{flags} --project {project}"

    @property
    def group(self) -> str:
        """`hakobune run jobs` or, when so typed, `hakobune beta run jobs`: for the hints that name a next command."""
        track = self.words[:1] if self.words[:1] in (["alpha"], ["beta"]) else []
        return " ".join(["hakobune", *track, "run", "jobs"])

    @property
    def client(self) -> Client:
        """The connection to the runtime."""
        if self._client is None:
            url = os.environ.get("HAKOBUNE_URL") or DEFAULT_URL
            self._client = Client(url, ca_file=os.environ.get("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", ""))
        return self._client

    def at_end(self, close: Callable[[], None]) -> None:
        """Call `close` when the command ends, however it does."""
        self._closers.append(close)

    def close(self) -> None:
        """Drop the connections to the runtime."""
        for close in self._closers:
            close()
        if self._client is not None:
            self._client.close()

    def call(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        host: str = "",
        headers: dict[str, str] | None = None,
    ) -> Document:
        """Send a request, with `body` as JSON, and return the JSON object it answers.

        Raises ApiError, UnreachableError, AnswerLostError.
        """
        data = None if body is None else json.dumps(body, ensure_ascii=True).encode("ascii")
        sent = {**self.token_header(), **(headers or {})}
        if self.arguments.switch("log-http"):
            self.console.say(f"==> {method} {target} {'' if data is None else data.decode('ascii')}".rstrip())
        answer = self.client.request(method, target, host=host, headers=sent, body=data)
        if self.arguments.switch("log-http"):
            self.console.say(f"<== {answer.status} {answer.body.decode('utf-8', 'replace')}")
        return _parsed(answer)

    def token_header(self) -> dict[str, str]:
        """What says who calls: the token of `--access-token-file`, or of the environment. Raises CommandError."""
        path = self.arguments.text("access-token-file") or os.environ.get("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE")
        if not path:
            return {}
        try:
            with open(path, encoding="ascii") as file:
                token = file.read().strip()
        except (OSError, UnicodeError) as error:
            raise CommandError(
                f"The access token file [{path}] cannot be read: {error}. Remedy: run `hakobune env` again, or unset"
                " CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
            ) from error
        return {"Authorization": f"Bearer {token}"} if token else {}


def _default_project() -> str:
    return os.environ.get("CLOUDSDK_CORE_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT") or DEFAULT_PROJECT


def _default_region() -> str:
    named = os.environ.get("CLOUDSDK_RUN_REGION")
    return _checked_region("CLOUDSDK_RUN_REGION", named) if named else DEFAULT_REGION


def _checked_region(where: str, region: str) -> str:
    """The region, if it can be one: it becomes a part of a host name. (`core.names` would cost its imports.)"""
    if not ("a" <= region[0] <= "z" and len(region) <= _REGION_LENGTH_MAX and _REGION_CHARACTERS.issuperset(region)):
        raise UsageError(
            f"{where}: [{region}] is not a region. Regions are written in lowercase letters, digits and dashes, such"
            f" as {DEFAULT_REGION} or asia-northeast1.",
            usage=False,
        )
    return region


def _parsed(answer: Answer) -> Document:
    try:
        document: object = json.loads(answer.body) if answer.body.strip() else {}
    except ValueError:
        document = None
    if answer.status >= 400:
        raise _api_error(answer, document)
    if not is_dict(document):
        raise CommandError(f"The runtime answered {answer.status} with something that is not a JSON object.")
    return as_dict(document)


def _api_error(answer: Answer, document: object) -> ApiError:
    """An error as one text: the message, then one `field: description` line for each violation."""
    error = dict_at(document, "error")
    message = text_at(error, "message") or answer.body.decode("utf-8", "replace").strip()[:400] or "no message"
    lines = [message]
    for detail in list_at(error, "details"):
        for violation in list_at(detail, "fieldViolations"):
            line = f"{text_at(violation, 'field')}: {text_at(violation, 'description')}"
            if text_at(violation, "description") not in message:
                lines.append(line)
    status = text_at(error, "status") or str(answer.status)
    return ApiError(answer.status, status, "\n".join(lines), list_at(error, "details"))
