"""`scheduler jobs list | describe | delete | pause | resume | run`. Texts were compared with gcloud 528."""

from __future__ import annotations

from hakobune.cli.document import Document
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command
from hakobune.cli.format.records import Record
from hakobune.cli.pages import items, target
from hakobune.cli.scheduler.names import JOB, LOCATION, job_name, parent_of, record_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    del arguments
    return (record_of(job) for job in items(session, f"{parent_of(session)}/jobs", "jobs"))


def _describe(session: Session, arguments: Arguments) -> Document:
    return session.call("GET", target(job_name(session, arguments.word("job"))))


def _delete(session: Session, arguments: Arguments) -> None:
    name = job_name(session, arguments.word("job"))
    job = name.rpartition("/")[2]
    session.console.confirm(f"You are about to delete job [{job}]")
    session.call("DELETE", target(name))
    session.console.say(f"Deleted job [{job}].")


def _pause(session: Session, arguments: Arguments) -> None:
    session.call("POST", target(job_name(session, arguments.word("job")), verb="pause"), {})
    session.console.say("Job has been paused.")


def _resume(session: Session, arguments: Arguments) -> None:
    session.call("POST", target(job_name(session, arguments.word("job")), verb="resume"), {})
    session.console.say("Job has been resumed.")


def _run(session: Session, arguments: Arguments) -> None:
    session.call("POST", target(job_name(session, arguments.word("job")), verb="run"), {})


LIST = Command(
    _list,
    "List the jobs of a location.",
    flags=[LOCATION, *LIST_FLAGS],
    default_format='table(id:label=ID,location:label=LOCATION,when:label="SCHEDULE (TZ)",'
    "targetType:label=TARGET_TYPE,state:label=STATE)",
    examples=[
        ("The jobs of a location:", "hakobune scheduler jobs list --location us-central1"),
        ("Those that do not run:", 'hakobune scheduler jobs list --location us-central1 --filter "state!=ENABLED"'),
    ],
)

DESCRIBE = Command(
    _describe,
    "Show a job: its settings, its next time, and how its last attempt ended.",
    positionals=[JOB],
    flags=[LOCATION],
    default_format="yaml",
    examples=[
        ("How the last attempt ended:",
         'hakobune scheduler jobs describe nightly --location us-central1 --format "value(status.message)"'),
    ],
)  # fmt: skip

DELETE = Command(
    _delete,
    "Delete a job. An attempt that is under way comes to its end.",
    positionals=[JOB],
    flags=[LOCATION],
    examples=[("Without being asked:", "hakobune scheduler jobs delete nightly --location us-central1 --quiet")],
)

PAUSE = Command(
    _pause,
    "Pause a job: its times start nothing until it is resumed.",
    positionals=[JOB],
    flags=[LOCATION],
    examples=[("Pause a job:", "hakobune scheduler jobs pause nightly --location us-central1")],
)

RESUME = Command(
    _resume,
    "Resume a paused job. Times that have passed meanwhile are not caught up.",
    positionals=[JOB],
    flags=[LOCATION],
    examples=[("Resume a job:", "hakobune scheduler jobs resume nightly --location us-central1")],
)

RUN = Command(
    _run,
    "Run a job now, whatever its schedule, also if it is paused.",
    positionals=[JOB],
    flags=[LOCATION],
    examples=[("Run a job:", "hakobune scheduler jobs run nightly --location us-central1")],
)
