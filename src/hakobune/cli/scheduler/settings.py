"""The flags of a job of Cloud Scheduler, and the fields that they become.

With gcloud a job that is created is always sent with its retries, whether they were named or not; one that is changed
names in `updateMask` what is to change.
"""

from __future__ import annotations

import base64

from hakobune.cli.document import Document, child
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS = ("delete", "get", "head", "options", "patch", "post", "put")
_BODY_BYTES_MAX = 2 << 20  # of a file: more than the server takes (1 MB), so that the server says it

SCHEDULE = Flag(
    "--schedule",
    "text",
    "When the job runs: five cron fields, such as '0 9 * * MON-FRI', or words, such as 'every 12 hours'.",
)
COMMON = (
    SCHEDULE,
    Flag("--time-zone", "text", "The time zone of the schedule, such as Asia/Tokyo. Default Etc/UTC.", metavar="ZONE"),
    Flag("--description", "text", "What the job is for."),
    Flag("--max-retry-attempts", "number", "How often a failed attempt is repeated, 0 to 5.", at_least=0),
    Flag("--max-retry-duration", "duration", "How long failed attempts are repeated, from the first one on."),
    Flag("--min-backoff", "duration", "The wait before the first retry. Default 5s."),
    Flag("--max-backoff", "duration", "The longest wait before a retry. Default 1h."),
    Flag("--max-doublings", "number", "How often that wait is doubled before it grows evenly. Default 5.", at_least=0),
)
EXTENSIONS = (
    Flag("--catch-up", "choice", "(Hakobune only) Of the times missed while the runtime was down: run the latest, or"
         " none. Default latest.", choices=("latest", "none")),
    Flag("--catch-up-window", "duration", "(Hakobune only) How late a missed time is still caught up."),
    Flag("--jitter", "duration", "(Hakobune only) Run up to so much later: always the same for a job and a time."),
)  # fmt: skip
OVERLAP = Flag(
    "--overlap",
    "choice",
    "(Hakobune only) While the execution that the last run started is under way: start another one, leave the time out,"
    " wait, or cancel it first. Default allow.",
    choices=("allow", "forbid", "queue", "replace"),
)
BODY = (
    Flag("--message-body", "text", "What is sent.", metavar="TEXT"),
    Flag("--message-body-from-file", "text", "The file that holds what is sent.", metavar="FILE"),
)
HTTP = (
    Flag("--uri", "text", "The URL that is called."),
    Flag("--http-method", "text", "How it is called. Default post.", metavar="METHOD"),
    *BODY,
    Flag("--attempt-deadline", "duration", "How long an answer is waited for, 15s to 30m. Default 3m."),
    Flag("--oauth-service-account-email", "text", "Send an access token of this account, for Google's APIs.",
         metavar="EMAIL"),
    Flag("--oauth-token-scope", "text", "The scope of the access token.", metavar="SCOPE"),
    Flag("--oidc-service-account-email", "text", "Send an ID token of this account.", metavar="EMAIL"),
    Flag("--oidc-token-audience", "text", "Whom the ID token is for. Default: the URL.", metavar="AUDIENCE"),
    OVERLAP,
)  # fmt: skip
EXCLUSIVE_BODY = ("--message-body", "--message-body-from-file")
EXCLUSIVE_TOKENS = (
    "--oauth-service-account-email+--oauth-token-scope",
    "--oidc-service-account-email+--oidc-token-audience",
)

# Flag, what it becomes: the path of its field.
_TEXTS = (
    ("schedule", ("schedule",)),
    ("time-zone", ("timeZone",)),
    ("description", ("description",)),
    ("uri", ("httpTarget", "uri")),
    ("oauth-service-account-email", ("httpTarget", "oauthToken", "serviceAccountEmail")),
    ("oauth-token-scope", ("httpTarget", "oauthToken", "scope")),
    ("oidc-service-account-email", ("httpTarget", "oidcToken", "serviceAccountEmail")),
    ("oidc-token-audience", ("httpTarget", "oidcToken", "audience")),
)
_NUMBERS = (
    ("max-retry-attempts", ("retryConfig", "retryCount")),
    ("max-doublings", ("retryConfig", "maxDoublings")),
)
_DURATIONS = (
    ("max-retry-duration", ("retryConfig", "maxRetryDuration")),
    ("min-backoff", ("retryConfig", "minBackoffDuration")),
    ("max-backoff", ("retryConfig", "maxBackoffDuration")),
    ("attempt-deadline", ("attemptDeadline",)),
    ("catch-up-window", ("hakobune", "catchUpWindow")),
    ("jitter", ("hakobune", "jitter")),
)
_CHOICES = (("overlap", ("hakobune", "overlap")), ("catch-up", ("hakobune", "catchUp")))


class Changes:
    """The fields of a job that were named: the job with nothing but them, and their paths."""

    def __init__(self) -> None:
        self.job: Document = {}
        self.paths: list[str] = []

    def set(self, path: Sequence[str], value: object) -> None:
        """Give a field a value."""
        child(self.job, *path[:-1])[path[-1]] = value
        self.clear(path)

    def clear(self, path: Sequence[str]) -> None:
        """Name a field that is to change; one that has no value goes."""
        self.paths.append(".".join(path))


def changes_of(arguments: Arguments) -> Changes:
    """What the flags say that targets of both kinds share, or that of HTTP. Raises UsageError."""
    found = Changes()
    for flag, path in _TEXTS:
        if arguments.given(flag):
            found.set(path, arguments.text(flag))
    for flag, path in _NUMBERS:
        if arguments.given(flag):
            found.set(path, arguments.number(flag))
    for flag, path in _DURATIONS:
        if arguments.given(flag):
            found.set(path, f"{arguments.number(flag)}s")
    for flag, path in _CHOICES:
        if arguments.given(flag):
            found.set(path, arguments.text(flag).upper())
    if arguments.given("http-method"):
        found.set(("httpTarget", "httpMethod"), _method(arguments.text("http-method")))
    return found


def body_of(arguments: Arguments) -> str | None:
    """What is sent, as base64; None where no flag says it. Raises CommandError."""
    if arguments.given("message-body"):
        content = arguments.text("message-body").encode("utf-8", "surrogateescape")
    elif arguments.given("message-body-from-file"):
        path = arguments.text("message-body-from-file")
        try:
            with open(path, "rb") as file:
                content = file.read(_BODY_BYTES_MAX)
        except OSError as error:
            raise CommandError(f"Unable to read file [{path}]: {error.strerror or error}") from error
    else:
        return None
    return base64.b64encode(content).decode("ascii")


def required(arguments: Arguments, *flags: str) -> None:
    """Raises UsageError for the first of these flags that was not given."""
    for flag in flags:
        if not arguments.given(flag):
            raise UsageError(f"argument --{flag}: Must be specified.")


def _method(text: str) -> str:
    if text.lower() not in METHODS:
        valid = ", ".join(METHODS)
        raise UsageError(f"argument --http-method: Invalid choice: '{text}'. Valid choices are [{valid}].")
    return text.upper()
