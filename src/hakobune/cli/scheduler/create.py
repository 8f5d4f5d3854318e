"""`scheduler jobs create http | pubsub`. What is sent was compared with gcloud 528."""

from __future__ import annotations

from hakobune.cli.document import Document, child
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import Arguments, Command, Flag
from hakobune.cli.pages import target
from hakobune.cli.pubsub.names import full_name
from hakobune.cli.scheduler.names import JOB, LOCATION, job_name
from hakobune.cli.scheduler.settings import (
    BODY,
    COMMON,
    EXCLUSIVE_BODY,
    EXCLUSIVE_TOKENS,
    EXTENSIONS,
    HTTP,
    body_of,
    changes_of,
    required,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_RETRIES = {"retryCount": 0, "minBackoffDuration": "5s", "maxBackoffDuration": "3600s", "maxDoublings": 5}


def _http(session: Session, arguments: Arguments) -> Document:
    required(arguments, "schedule", "uri")
    job = changes_of(arguments).job
    http = child(job, "httpTarget")
    http.setdefault("httpMethod", "POST")
    if arguments.given("headers"):
        http["headers"] = arguments.pairs("headers")
    body = body_of(arguments)
    if body is not None:
        http["body"] = body
    return _created(session, arguments, job)


def _pubsub(session: Session, arguments: Arguments) -> Document:
    required(arguments, "schedule", "topic")
    job = changes_of(arguments).job
    body = body_of(arguments)
    if body is None and not arguments.given("attributes"):
        raise UsageError("argument (--attributes --message-body | --message-body-from-file): Must be specified.")
    pubsub = child(job, "pubsubTarget")
    pubsub["topicName"] = full_name(session, "topics", arguments.text("topic"))
    if body is not None:
        pubsub["data"] = body
    if arguments.given("attributes"):
        pubsub["attributes"] = arguments.pairs("attributes")
    return _created(session, arguments, job)


def _created(session: Session, arguments: Arguments, job: Document) -> Document:
    name = job_name(session, arguments.word("job"))
    job["name"] = name
    job.setdefault("timeZone", "Etc/UTC")
    job["retryConfig"] = {**_RETRIES, **child(job, "retryConfig")}
    return session.call("POST", target(name.rpartition("/")[0]), job)


CREATE_HTTP = Command(
    _http,
    "Create a job that calls a URL.",
    positionals=[JOB],
    flags=[
        LOCATION,
        *COMMON,
        *HTTP,
        Flag("--headers", "map", "Headers that are sent.", metavar="NAME=VALUE"),
        *EXTENSIONS,
    ],
    exclusive=[EXCLUSIVE_BODY, EXCLUSIVE_TOKENS],
    default_format="yaml",
    examples=[
        ("Run a Cloud Run job each night:",
         ("hakobune scheduler jobs create http nightly --location us-central1 --schedule '0 2 * * *' "
         "--time-zone Asia/Tokyo --oauth-service-account-email sched@demo.iam.gserviceaccount.com "
         "--uri https://run.googleapis.com/v2/projects/demo/locations/us-central1/jobs/batch:run")),
        ("Call a service every five minutes, and again when it fails:",
         ("hakobune scheduler jobs create http ping --location us-central1 --schedule 'every 5 minutes' "
         "--uri http://127.0.0.1:9000/ping --max-retry-attempts 3")),
    ],
)  # fmt: skip

CREATE_PUBSUB = Command(
    _pubsub,
    "Create a job that publishes a message.",
    positionals=[JOB],
    flags=[
        LOCATION,
        *COMMON,
        *BODY,
        Flag("--topic", "text", "The topic that the message goes to."),
        Flag("--attributes", "map", "The attributes of the message.", metavar="KEY=VALUE"),
        *EXTENSIONS,
    ],
    exclusive=[EXCLUSIVE_BODY],
    default_format="yaml",
    examples=[
        ("A message on the first of each month:",
         ("hakobune scheduler jobs create pubsub monthly --location us-central1 --schedule '0 0 1 * *' "
         "--topic reports --message-body go")),
    ],
)  # fmt: skip
