"""Triggers, in the fields of the Eventarc API v1."""

from __future__ import annotations

from hakobune.cli.apply.calls import finish, found
from hakobune.cli.apply.kinds import (
    Ground,
    Key,
    Wanted,
    account_reference,
    changed_fields,
    check_own_project,
    labels_of,
    name_of,
    split_name,
    without,
)
from hakobune.cli.apply.pubsub_kinds import topic_reference
from hakobune.cli.document import Document, as_dict, dict_at, is_dict, list_at, text_at
from hakobune.cli.pages import items, target
from hakobune.core.triggers.model import TriggerName
from hakobune.wire.eventarc_v1 import new_trigger_from_json, trigger_to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

_LABELS = ("labels",)
_ONLY_SHOWN = ("name", "uid", "createTime", "updateTime", "etag", "conditions", "satisfiesPzs")


class TriggerKind:
    """`kind: Trigger`."""

    name = "Trigger"
    stage = 3
    label_path = _LABELS
    immutable = frozenset({"channel", "transport"})

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The trigger in `body`. Raises RefusedError, HakobuneError."""
        full = ground.located_name("triggers", name_of(body))
        project, location, trigger = split_name(full, "projects/*/locations/*/triggers/*")
        check_own_project(project, ground)
        tree = _with_full_names({**without(body, ["kind"]), "name": full}, ground)
        name = TriggerName.make(project, location, trigger)
        shown = _shown(trigger_to_json(new_trigger_from_json(tree, name)("-")))
        return Wanted(
            key=Key(self.name, location, trigger),
            body=shown,
            references=frozenset(_references(shown, location, ground.project)),
        )

    def find(self, session: Session, key: Key) -> Document | None:
        """The trigger, or None."""
        return found(session, _path(session, key))

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted; the topic that the runtime made for it is its own affair."""
        del session
        before = _shown(held)
        return before if "transport" in wanted.body else without(before, ["transport"]), wanted.body

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it."""
        path = _path(session, wanted.key)
        parent = target(path.rpartition("/")[0], {"triggerId": wanted.key.id})
        finish(session, session.call("POST", parent, {**wanted.body, "name": path}))

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change the fields that differ."""
        path = _path(session, wanted.key)
        mask = {"updateMask": ",".join(changed_fields(before, after))}
        finish(session, session.call("PATCH", target(path, mask), {**after, "name": path}))

    def delete(self, session: Session, key: Key) -> None:
        """Remove it."""
        finish(session, session.call("DELETE", target(_path(session, key))))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """The triggers of the project, everywhere, with their labels."""
        for trigger in items(session, f"projects/{session.project}/locations/-/triggers", "triggers"):
            _, _, _, location, _, name = text_at(trigger, "name").split("/")
            yield Key(self.name, location, name), labels_of(trigger, _LABELS)


def _with_full_names(trigger: Document, ground: Ground) -> Document:
    """What is named by its id alone is of this project and location."""
    named = dict(trigger)
    destination = named.get("destination")
    if is_dict(destination) and text_at(destination, "workflow"):
        workflow = ground.located_name("workflows", text_at(destination, "workflow"))
        named["destination"] = {**destination, "workflow": workflow}
    extension = named.get("hakobune")
    if is_dict(extension) and text_at(extension, "job"):
        named["hakobune"] = {**extension, "job": ground.located_name("jobs", text_at(extension, "job"))}
    topic = text_at(named, "transport", "pubsub", "topic")
    if topic:
        named["transport"] = {"pubsub": {"topic": ground.full_name("topics", topic)}}
    return named


def _shown(trigger: Document) -> Document:
    """A trigger without what only the runtime says. All filters must match: their order says nothing."""
    shown = without(trigger, [*_ONLY_SHOWN, "transport"])
    topic = text_at(trigger, "transport", "pubsub", "topic")
    if topic:
        shown["transport"] = {"pubsub": {"topic": topic}}
    filters = [as_dict(one) for one in list_at(shown, "eventFilters")]
    shown["eventFilters"] = list[object](sorted(filters, key=lambda one: text_at(one, "attribute")))
    return {field: value for field, value in shown.items() if value}


def _references(trigger: Document, location: str, project: str) -> Iterator[Key]:
    run = dict_at(trigger, "destination", "cloudRun")
    if run:
        yield Key("Service", text_at(run, "region") or location, text_at(run, "service"))
    for kind, name in (
        ("Workflow", text_at(trigger, "destination", "workflow")),
        ("Job", text_at(trigger, "hakobune", "job")),
    ):
        parts = name.split("/")
        if len(parts) == 6 and parts[1] == project:
            yield Key(kind, parts[3], parts[5])
    yield from topic_reference(text_at(trigger, "transport", "pubsub", "topic"), project)
    yield from account_reference(text_at(trigger, "serviceAccount"), project)
    for one in list_at(trigger, "eventFilters"):
        if text_at(one, "attribute") == "bucket":
            yield Key("Bucket", "", text_at(one, "value"))


def _path(session: Session, key: Key) -> str:
    return f"projects/{session.project}/locations/{key.location}/triggers/{key.id}"
