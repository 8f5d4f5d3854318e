"""`pubsub subscriptions pull | ack | modify-message-ack-deadline | seek`."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, dict_at, list_at, text_at
from hakobune.cli.errors import ApiError, UsageError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.pages import target
from hakobune.cli.pubsub.instants import instant_of
from hakobune.cli.pubsub.names import SUBSCRIPTION, full_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakobune.cli.session import Session

_ACK_IDS = Flag("--ack-ids", "list", "The ack ids, as `pull` printed them.", metavar="ACK_ID")


def _name(session: Session, arguments: Arguments) -> str:
    return full_name(session, "subscriptions", arguments.word("subscription"))


# -- pull -----------------------------------------------------------------------------------------------------------


def _pull(session: Session, arguments: Arguments) -> list[Record]:
    name = _name(session, arguments)
    body: Document = {"maxMessages": arguments.number("limit") or 1}
    answer = session.call("POST", target(name, verb="pull"), body)
    received = [as_dict(message) for message in list_at(answer, "receivedMessages")]
    if not arguments.switch("auto-ack"):
        return [Record(message, {"shownAckId": message.get("ackId")}) for message in received]
    failures = _acknowledged(session, name, [text_at(message, "ackId") for message in received]) if received else {}
    for message in received:
        message["ackStatus"] = failures.get(text_at(message, "ackId"), "SUCCESS")
    return [Record(message) for message in received]


def _acknowledged(session: Session, name: str, ack_ids: Sequence[str]) -> dict[str, str]:
    """What failed, by ack id."""
    try:
        session.call("POST", target(name, verb="acknowledge"), {"ackIds": list(ack_ids)})
    except ApiError as error:
        return failures_of(error) or dict.fromkeys(ack_ids, f"FAILURE_{error.code}")
    return {}


def failures_of(error: ApiError) -> dict[str, str]:
    """Which ack ids were refused, and why, where the subscription delivers exactly once."""
    found: dict[str, str] = {}
    for detail in error.details:
        found |= {ack_id: str(why) for ack_id, why in dict_at(detail, "metadata").items() if "_FAILURE_" in str(why)}
    return found


# -- ack, modify-message-ack-deadline -------------------------------------------------------------------------------


def _ack(session: Session, arguments: Arguments) -> object:
    ack_ids = _ack_ids(arguments)
    answer, failures = _settled(session, target(_name(session, arguments), verb="acknowledge"), {"ackIds": ack_ids})
    good = [ack_id for ack_id in ack_ids if ack_id not in failures]
    session.console.say(f"Acked the messages with the following ackIds: [{','.join(good)}]")
    if failures:
        session.console.say(f"Failed to ack the messages with the following ackIds: [{','.join(failures)}]")
    return _failed_records(failures) or answer


def _modify_deadline(session: Session, arguments: Arguments) -> object:
    ack_ids, name = _ack_ids(arguments), _name(session, arguments)
    deadline = arguments.number("ack-deadline")
    if deadline is None:
        raise UsageError("argument --ack-deadline: Must be specified.")
    body: Document = {"ackIds": ack_ids, "ackDeadlineSeconds": deadline}
    answer, failures = _settled(session, target(name, verb="modifyAckDeadline"), body)
    good = [ack_id for ack_id in ack_ids if ack_id not in failures]
    said = f"Set ackDeadlineSeconds to [{deadline}] for messages with ackId "
    # The two brackets are gcloud's.
    session.console.say(f"{said}[{','.join(good)}]] for subscription [{name}]")
    if failures:
        session.console.say(f"{said}[{','.join(failures)}]] failed for subscription [{name}]")
    return _failed_records(failures) or answer


def _settled(session: Session, where: str, body: Document) -> tuple[Document, dict[str, str]]:
    try:
        return session.call("POST", where, body), {}
    except ApiError as error:
        failures = failures_of(error)
        if not failures:
            raise
        return {}, failures


def _ack_ids(arguments: Arguments) -> list[str]:
    if not arguments.given("ack-ids"):
        raise UsageError("argument --ack-ids: Must be specified.")
    return arguments.words("ack-ids")


def _failed_records(failures: dict[str, str]) -> list[Document]:
    return [{"AckId": ack_id, "FailureReason": why} for ack_id, why in failures.items()]


# -- seek -----------------------------------------------------------------------------------------------------------


def _seek(session: Session, arguments: Arguments) -> Document:
    name = _name(session, arguments)
    if arguments.given("snapshot"):
        project = arguments.text("snapshot-project")
        snapshot = full_name(session, "snapshots", arguments.text("snapshot"), project=project)
        session.call("POST", target(name, verb="seek"), {"snapshot": snapshot})
        return {"snapshotId": snapshot, "subscriptionId": name}
    if not arguments.given("time"):
        raise UsageError("Exactly one of (--snapshot | --time) must be specified.")
    instant = instant_of(arguments.text("time"))
    if instant is None:
        raise UsageError(
            f"argument --time: Failed to parse date/time: Unknown string format: {arguments.text('time')}; write"
            " 2026-01-31T09:00:00Z, or -PT10M for ten minutes ago"
        )
    session.call("POST", target(name, verb="seek"), {"time": instant})
    return {"subscriptionId": name, "time": instant}


PULL = Command(
    _pull,
    "Pull messages of a subscription. Without --auto-ack they come again unless they are acknowledged with `ack` before"
    " their deadline.",
    positionals=[SUBSCRIPTION],
    flags=[
        *(flag for flag in LIST_FLAGS if flag.name != "--limit"),
        Flag("--limit", "number", "Pull at most this many. Default: 1.", at_least=1),
        Flag("--auto-ack", "switch", "Acknowledge them at once."),
    ],
    default_format="table[box](message.data.decode(base64).decode(utf-8):label=DATA, message.messageId,"
    " message.orderingKey, message.attributes.list(separator='\n'), deliveryAttempt,"
    " shownAckId:optional:label=ACK_ID, ackStatus:optional)",
    examples=[
        ("The next message, for good:", "hakobune pubsub subscriptions pull worker --auto-ack"),
        ("The texts of ten messages:",
         'hakobune pubsub subscriptions pull worker --limit 10 --format "value(message.data.decode(base64))"'),
    ],
)  # fmt: skip

ACK = Command(
    _ack,
    "Acknowledge messages.",
    positionals=[SUBSCRIPTION],
    flags=[_ACK_IDS],
    default_format="yaml",
    examples=[("Two messages:", "hakobune pubsub subscriptions ack worker --ack-ids ID_1,ID_2")],
)

MODIFY_DEADLINE = Command(
    _modify_deadline,
    "Give messages another ack deadline: so many seconds from now; 0 lets them come again at once.",
    positionals=[SUBSCRIPTION],
    flags=[_ACK_IDS, Flag("--ack-deadline", "number", "The seconds: 0 to 600.")],
    default_format="yaml",
    examples=[
        (
            "Five more minutes:",
            "hakobune pubsub subscriptions modify-message-ack-deadline worker --ack-ids ID_1 --ack-deadline 300",
        )
    ],
)

SEEK = Command(
    _seek,
    "Turn a subscription back, or forward: to an instant, or to what a snapshot holds.",
    positionals=[SUBSCRIPTION],
    flags=[
        Flag("--time", "text", "Messages from then on come again, those before do not. -PT10M: ten minutes ago."),
        Flag("--snapshot", "text", "What was not acknowledged then comes again."),
        Flag("--snapshot-project", "text", "The project of the snapshot.", metavar="PROJECT"),
    ],
    exclusive=[("--snapshot", "--time")],
    default_format="yaml",
    examples=[
        ("All that is kept, again:", "hakobune pubsub subscriptions seek worker --time 2000-01-01T00:00:00Z"),
        ("As it was:", "hakobune pubsub subscriptions seek worker --snapshot before-deploy"),
    ],
)
