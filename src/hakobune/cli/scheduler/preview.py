"""`scheduler jobs preview`: the next times of a job, or of a schedule that is no job yet. (Hakobune only.)"""

from __future__ import annotations

import time

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.pages import target
from hakobune.cli.scheduler.names import LOCATION, job_name
from hakobune.cli.scheduler.settings import SCHEDULE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_COUNT = 10
_COUNT_MAX = 10_000


def _preview(session: Session, arguments: Arguments) -> Iterator[Record]:
    text, zone = _schedule(session, arguments)
    count = arguments.number("count") or _COUNT
    if count > _COUNT_MAX:
        raise UsageError(f"argument --count: Value must be less than or equal to {_COUNT_MAX}; received: {count}")
    after_s = _after_s(arguments)
    from hakobune.core.schedules.preview import preview

    try:
        found = preview(text, zone, after_s, count)
    except ValueError as error:
        raise CommandError(f"The schedule [{text}] ({zone}) has no times: {error}") from error
    if not found:
        session.console.warn(f"[{text}] ({zone}) has no time within eight years.")
    for one in found:
        shown: Document = {"time": one.local, "utc": one.utc, "timeZone": zone, "note": one.note}
        yield Record(shown)


def _schedule(session: Session, arguments: Arguments) -> tuple[str, str]:
    """The schedule and its zone. Raises UsageError, ApiError."""
    if not arguments.word("job"):
        if not arguments.given("schedule"):
            raise UsageError("argument JOB: Must be specified, or --schedule.")
        return arguments.text("schedule"), arguments.text("time-zone") or "Etc/UTC"
    if arguments.given("schedule") or arguments.given("time-zone"):
        raise UsageError("argument --schedule: is for a schedule that is no job: leave JOB out.")
    job = session.call("GET", target(job_name(session, arguments.word("job"))))
    if text_at(job, "state") != "ENABLED":
        session.console.warn(f"The job is {text_at(job, 'state')}: until it is resumed, none of these times counts.")
    return text_at(job, "schedule"), text_at(job, "timeZone")


def _after_s(arguments: Arguments) -> float:
    text = arguments.text("after")
    if not text:
        return time.time()
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"argument --after: [{text}] is no instant; write it as 2026-03-28T00:00:00Z or 2026-03-28T00:00:00+01:00"
        ) from None


PREVIEW = Command(
    _preview,
    "Show the next times of a job, in its time zone and in UTC, with a note where clocks change. With --schedule it"
    " needs no job and no server. (Hakobune only: gcloud has no such command.)",
    positionals=[Positional("job", "The id of the job, or its full name.", required=False)],
    flags=[
        LOCATION,
        SCHEDULE,
        Flag("--time-zone", "text", "The zone of --schedule. Default Etc/UTC.", metavar="ZONE"),
        Flag("--count", "number", f"How many times. Default {_COUNT}.", at_least=1),
        Flag("--after", "text", "Begin after this instant instead of now.", metavar="INSTANT"),
    ],
    default_format="table(time:label=TIME,utc:label=UTC,timeZone:label=TIME_ZONE,note:label=NOTE)",
    examples=[
        ("Of a job:", "hakobune scheduler jobs preview nightly --location us-central1 --count 5"),
        ("Of a schedule, where summer time begins:",
         ("hakobune scheduler jobs preview --schedule '30 2 * * *' --time-zone Europe/Berlin "
         "--after 2026-03-27T12:00:00Z --count 3")),
    ],
)  # fmt: skip
