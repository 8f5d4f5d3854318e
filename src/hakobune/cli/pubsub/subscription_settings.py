"""The flags that say how a subscription is, and the fields that they mean."""

from __future__ import annotations

from hakobune.cli.document import Document
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Flag
from hakobune.cli.pubsub.names import full_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

NEVER = "never"
_DEFAULT = "default"
_RETENTION_DEFAULT_S = 604_800  # seven days: the reference of Subscription

PUSH_FLAGS = (
    Flag("--push-endpoint", "text", "Messages are pushed to this URL.", metavar="URL"),
    Flag("--push-auth-service-account", "text", "Pushes carry an ID token of this account.", metavar="EMAIL"),
    Flag("--push-auth-token-audience", "text", "The audience of the ID token; else the endpoint.", metavar="AUDIENCE"),
    Flag("--push-no-wrapper", "switch", "The body of a push is the data of the message."),
    Flag("--push-no-wrapper-write-metadata", "switch", "And headers tell the rest of the message."),
)
_NOT_HERE = tuple(
    Flag(f"--{name}", "text", "", hidden=True, refusal=why)
    for name, why in (
        ("bigquery-table", "there is no BigQuery here"),
        ("bigquery-service-account-email", "there is no BigQuery here"),
        ("cloud-storage-bucket", "messages are not written to buckets here"),
        ("pubsub-export-topic", "messages are not exported here"),
        ("message-transforms-file", "messages are not transformed here"),
    )
)
SETTINGS = (
    Flag("--ack-deadline", "number", "Seconds until a message that is not acknowledged comes again: 10 to 600."),
    *PUSH_FLAGS,
    Flag("--retain-acked-messages", "switch", "Keep acknowledged messages, too, so that they can be sought back to.",
         opposite="Keep them no longer."),
    Flag("--message-retention-duration", "text", "How long messages are kept: 10m to 31d. Default: 7d.",
         metavar="DURATION"),
    Flag("--expiration-period", "text", "Deleted when it was not used for so long; or never. Default: 31d.",
         metavar="DURATION"),
    Flag("--dead-letter-topic", "text", "Where messages go that could not be delivered.", metavar="TOPIC"),
    Flag("--dead-letter-topic-project", "text", "The project of that topic.", metavar="PROJECT"),
    Flag("--max-delivery-attempts", "number", "After so many deliveries: 5 to 100."),
    Flag("--min-retry-delay", "duration", "The first wait before a message comes again: 0 to 600s."),
    Flag("--max-retry-delay", "duration", "The longest wait before a message comes again: 0 to 600s."),
    Flag("--enable-exactly-once-delivery", "switch", "An acknowledgement holds for certain, or is refused.",
         opposite="As by default."),
    *_NOT_HERE,
)  # fmt: skip


def settings(session: Session, arguments: Arguments) -> Document:
    """The fields that the flags name. Raises CommandError."""
    body: Document = {}
    deadline = arguments.number("ack-deadline")
    if deadline is not None:
        body["ackDeadlineSeconds"] = deadline
    push = push_config(session, arguments)
    if push is not None:
        body["pushConfig"] = push
    for flag, field in (
        ("retain-acked-messages", "retainAckedMessages"),
        ("enable-exactly-once-delivery", "enableExactlyOnceDelivery"),
    ):
        if arguments.given(flag):
            body[field] = arguments.switch(flag)
    if arguments.given("message-retention-duration"):
        body["messageRetentionDuration"] = _retention(arguments)
    if arguments.given("expiration-period"):
        body["expirationPolicy"] = _expiration(arguments)
    dead_letter = _dead_letter(session, arguments)
    if dead_letter is not None:
        body["deadLetterPolicy"] = dead_letter
    retry = {
        field: f"{arguments.number(flag)}s"
        for flag, field in (("min-retry-delay", "minimumBackoff"), ("max-retry-delay", "maximumBackoff"))
        if arguments.given(flag)
    }
    if retry:
        body["retryPolicy"] = retry
    return body


def push_config(session: Session, arguments: Arguments) -> Document | None:
    """The push config that the flags mean; None: there is none. Raises CommandError."""
    endpoint, account = arguments.text("push-endpoint"), arguments.text("push-auth-service-account")
    audience = arguments.text("push-auth-token-audience")
    if not arguments.given("push-endpoint"):
        if arguments.switch("push-no-wrapper"):
            raise CommandError("argument --push-no-wrapper: --push-endpoint must be specified.")
        if account or audience:
            session.console.warn("Without --push-endpoint, --push-auth-… makes no difference.")
        return None
    found: Document = {"pushEndpoint": endpoint}
    if account:
        found["oidcToken"] = {"serviceAccountEmail": account} | ({"audience": audience} if audience else {})
    if arguments.switch("push-no-wrapper"):
        found["noWrapper"] = {"writeMetadata": arguments.switch("push-no-wrapper-write-metadata")}
    return found


def _retention(arguments: Arguments) -> str:
    text = arguments.text("message-retention-duration")
    seconds = _RETENTION_DEFAULT_S if text == _DEFAULT else _seconds("--message-retention-duration", text)
    return f"{seconds}s"


def _expiration(arguments: Arguments) -> Document:
    text = arguments.text("expiration-period")
    return {} if text == NEVER else {"ttl": f"{_seconds('--expiration-period', text)}s"}


def _seconds(flag: str, text: str) -> int:
    from hakobune.cli.values import duration

    return duration(flag, text, None)


def _dead_letter(session: Session, arguments: Arguments) -> Document | None:
    attempts = arguments.number("max-delivery-attempts")
    if not arguments.given("dead-letter-topic"):
        if attempts is not None:
            raise CommandError("Missing required argument [DEAD_LETTER_TOPIC]: --dead-letter-topic")
        return None
    project = arguments.text("dead-letter-topic-project")
    topic = full_name(session, "topics", arguments.text("dead-letter-topic"), project=project)
    found: Document = {"deadLetterTopic": topic}
    if attempts is not None:
        found["maxDeliveryAttempts"] = attempts
    return found
