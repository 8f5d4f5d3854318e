"""Which job of Cloud Scheduler is meant: an id as typed, with its location, or a full name."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.pages import target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

JOB = Positional("job", "The id of the job, or its full name.")
LOCATION = Flag("--location", "text", "The location of the job.", metavar="LOCATION")
_TARGETS = (("pubsubTarget", "Pub/Sub"), ("httpTarget", "HTTP"))


def parent_of(session: Session) -> str:
    """`projects/P/locations/L`. Raises CommandError where no location was named: text as gcloud's."""
    location = session.named_region
    if not location:
        raise CommandError("Please use the location flag to manually specify a location.")
    return f"projects/{session.project}/locations/{location}"


def job_name(session: Session, text: str) -> str:
    """The full name of a job. Raises CommandError, UsageError."""
    if "/" not in text:
        return f"{parent_of(session)}/jobs/{text}"
    words = text.split("/")
    if text.startswith(("http://", "https://")) and "projects" in words:
        words = words[words.index("projects") :]
    if words[::2] != ["projects", "locations", "jobs"] or len(words) != 6 or not all(words):
        raise UsageError(f"[{text}] is not a full name: projects/PROJECT/locations/LOCATION/jobs/JOB", usage=False)
    return "/".join(words)


def record_of(job: Document) -> Record:
    """A job, its address, and what a table shows of it."""
    name = text_at(job, "name")
    words = name.split("/")
    names: Document = {
        "id": words[-1],
        "location": words[3] if len(words) > 3 else "",
        "when": f"{text_at(job, 'schedule')} ({text_at(job, 'timeZone')})",
        "targetType": "".join(shown for field, shown in _TARGETS if dict_at(job, field)),
    }
    return Record(job, names, uri=target(name))
