"""Schedules, in the fields of a Job of the Cloud Scheduler API v1; `state: PAUSED` may be said as well."""

from __future__ import annotations

import re

from hakobune.cli.apply.calls import found
from hakobune.cli.apply.kinds import (
    Ground,
    Key,
    Wanted,
    account_reference,
    changed_fields,
    check_own_project,
    name_of,
    split_name,
    without,
)
from hakobune.cli.apply.problems import Fault, RefusedError
from hakobune.cli.apply.pubsub_kinds import topic_reference
from hakobune.cli.document import Document, dict_at, is_dict, text_at
from hakobune.cli.pages import target
from hakobune.core.schedules.model import ScheduleName
from hakobune.wire.scheduler_v1 import job_to_json, new_job_from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

_ONLY_SHOWN = ("name", "status", "scheduleTime", "lastAttemptTime", "userUpdateTime", "satisfiesPzs")
_STATES = ("ENABLED", "PAUSED")
_STARTED = (
    ("Job", re.compile(r"/projects/([^/]+)/locations/([^/]+)/jobs/([^/:?]+):run")),
    ("Workflow", re.compile(r"/projects/([^/]+)/locations/([^/]+)/workflows/([^/:?]+)/executions")),
)
_OLD_FORM = re.compile(
    r"//([a-z0-9-]+)-run\.googleapis\.com/apis/run\.googleapis\.com/v1/namespaces/([^/]+)/jobs/([^/:?]+):run"
)
_SERVICE = re.compile(r"https?://([a-z0-9-]+)\.(?:a|[a-z0-9-]+)\.run\.app(?:[/:?]|\Z)")


class ScheduleKind:
    """`kind: Schedule`. A job of Cloud Scheduler has no labels: the record keeps it."""

    name = "Schedule"
    stage = 3
    label_path = ()
    immutable: frozenset[str] = frozenset()

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The schedule in `body`. Raises RefusedError, HakobuneError."""
        full = ground.located_name("jobs", name_of(body))
        project, location, job = split_name(full, "projects/*/locations/*/jobs/*")
        check_own_project(project, ground)
        state = body.get("state", _STATES[0])
        if state not in _STATES:
            raise RefusedError(Fault("state", f"must be ENABLED or PAUSED, not {state!r}"))
        tree = {**without(body, ["kind", "state"]), "name": full}
        pubsub = tree.get("pubsubTarget")
        if is_dict(pubsub) and text_at(pubsub, "topicName"):
            tree["pubsubTarget"] = {**pubsub, "topicName": ground.full_name("topics", text_at(pubsub, "topicName"))}
        schedule = new_job_from_json(tree, project, location).make("-", ScheduleName.make(project, location, job))
        shown = {**without(job_to_json(schedule, None), _ONLY_SHOWN), "state": state}
        return Wanted(key=Key(self.name, location, job), body=shown, references=frozenset(_references(shown, ground)))

    def find(self, session: Session, key: Key) -> Document | None:
        """The schedule, or None."""
        return found(session, _path(session, key))

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted."""
        del session
        return without(held, _ONLY_SHOWN), wanted.body

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it, paused if it is to be."""
        path = _path(session, wanted.key)
        parent = path.rpartition("/")[0]
        session.call("POST", target(parent), {**without(wanted.body, ["state"]), "name": path})
        if wanted.body["state"] == "PAUSED":
            session.call("POST", target(path, verb="pause"), {})

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change the fields that differ, and whether it is paused."""
        path = _path(session, wanted.key)
        fields = [field for field in changed_fields(before, after) if field != "state"]
        if fields:
            mask = {"updateMask": ",".join(fields)}
            session.call("PATCH", target(path, mask), {**without(after, ["state"]), "name": path})
        if before.get("state") != after.get("state"):
            verb = "pause" if after.get("state") == "PAUSED" else "resume"
            session.call("POST", target(path, verb=verb), {})

    def delete(self, session: Session, key: Key) -> None:
        """Remove it."""
        session.call("DELETE", target(_path(session, key)))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """None: the record knows those that were made."""
        del session
        return iter(())


def _references(schedule: Document, ground: Ground) -> Iterator[Key]:
    http = dict_at(schedule, "httpTarget")
    yield from topic_reference(text_at(schedule, "pubsubTarget", "topicName"), ground.project)
    yield from started_by(text_at(http, "uri"), ground)
    for token in ("oauthToken", "oidcToken"):
        yield from account_reference(text_at(http, token, "serviceAccountEmail"), ground.project)


def started_by(uri: str, ground: Ground) -> Iterator[Key]:
    """What a call of `uri` starts here: a job, a workflow, a service."""
    for kind, pattern in _STARTED:
        for project, location, name in pattern.findall(uri):
            if project == ground.project:
                yield Key(kind, location, name)
    for location, project, name in _OLD_FORM.findall(uri):
        if project == ground.project:
            yield Key("Job", location, name)
    label = _SERVICE.match(uri)
    if label is not None:  # NAME-anything: each beginning may be the name
        parts = label[1].split("-")
        yield from (Key("Service", ground.location, "-".join(parts[:end])) for end in range(1, len(parts)))


def _path(session: Session, key: Key) -> str:
    return f"projects/{session.project}/locations/{key.location}/jobs/{key.id}"
