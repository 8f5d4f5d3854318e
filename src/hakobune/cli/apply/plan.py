"""What there is to do: each definition against what is there, and what an earlier apply made and nobody wants now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from hakobune.cli.apply.bucket_kind import holds_objects
from hakobune.cli.apply.difference import Change, changes, leaves
from hakobune.cli.apply.kinds import MARK, Key, Kind, Wanted, changed_fields, labels_of, with_label, without
from hakobune.cli.apply.run_kinds import RunKind
from hakobune.cli.apply.table import KINDS
from hakobune.cli.document import Document, dict_at, text_at
from hakobune.cli.errors import AnswerLostError, ApiError, CommandError, UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.apply.problems import Problem
    from hakobune.cli.apply.reading import Definition, Folder
    from hakobune.cli.apply.record import Record
    from hakobune.cli.session import Session

_NOT_SERVED = 501


class Action(StrEnum):
    """What is to be done about a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"  # it should be removed, and is not
    WAIT = "wait"  # it is as it is defined, and not ready
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One resource and what is to be done about it."""

    key: Key
    action: Action
    wanted: Wanted | None = None  # of what is created or changed
    before: Document | None = None
    after: Document | None = None
    changes: tuple[Change, ...] = ()
    note: str = ""
    needs: frozenset[Key] = frozenset()  # that are defined as well, and must be there before

    @property
    def kind(self) -> Kind:
        """How its kind is applied."""
        return KINDS[self.key.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All steps in the order in which they are done."""

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]

    def count(self, action: Action) -> int:
        """How many steps there are of an action."""
        return sum(step.action is action for step in self.steps)

    @property
    def changes_something(self) -> bool:
        """Whether anything is made, changed or removed."""
        return any(step.action in (Action.CREATE, Action.UPDATE, Action.DELETE) for step in self.steps)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(step.action in (Action.NONE, Action.KEEP) for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be planned. `set_name` is the value of the mark."""

    set_name: str
    prunes: bool
    prunes_objects: bool


def make_plan(session: Session, folder: Folder, record: Record, choice: Choice) -> Plan:
    """Compare everything with what is there. Raises CommandError: the runtime does not answer."""
    keys = frozenset(one.key for one in folder.definitions)
    steps: list[Step] = []
    problems: list[Problem] = []
    for one in sorted(folder.definitions, key=lambda one: (one.kind.stage, one.key)):
        try:
            step = _step(session, one, choice.set_name, keys)
        except (UnreachableError, AnswerLostError):
            raise
        except CommandError as error:
            problems.append(one.problem("", f"{one.key}: {said_of(error)}", ""))
            continue
        steps.append(step)
        problems += _immutable(one, step)
    if choice.prunes:
        steps += _removals(session, keys, record, choice)
    return Plan(steps=tuple(steps), problems=tuple(problems))


def _step(session: Session, one: Definition, set_name: str, keys: frozenset[Key]) -> Step:
    kind, wanted = one.kind, one.wanted
    wanted = replace(wanted, body=with_label(wanted.body, kind.label_path, ""))
    needs = wanted.references & keys
    held = kind.find(session, one.key)
    if held is None:
        marked = replace(wanted, body=with_label(wanted.body, kind.label_path, set_name))
        return Step(
            key=one.key, action=Action.CREATE, wanted=marked, changes=tuple(leaves(_told(one.said))), needs=needs
        )
    mark = text_at(labels_of(held, kind.label_path), MARK)
    before, after = kind.compared(session, wanted, held)
    after = with_label(after, kind.label_path, set_name if mark else "")
    found = tuple(changes(before, after))
    if not found and isinstance(kind, RunKind) and not kind.is_ready(held):
        return Step(key=one.key, action=Action.WAIT, note="as defined, and not ready", needs=needs)
    return Step(
        key=one.key,
        action=Action.UPDATE if found else Action.NONE,
        wanted=wanted,
        before=before,
        after=after,
        changes=found,
        note=f"taken over from the set {mark}" if mark and mark != set_name else "",
        needs=needs,
    )


def _told(said: Document) -> Document:
    """What is told of a resource that is new: what its document says beside its kind and name."""
    told = without(said, ["apiVersion", "kind", "name", "metadata"])
    metadata = without(dict_at(said, "metadata"), ["name", "namespace"])
    return {"metadata": metadata, **told} if metadata else told


def _immutable(one: Definition, step: Step) -> Iterator[Problem]:
    """What differs and cannot be changed."""
    if step.before is None or step.after is None:
        return
    for field in sorted(one.kind.immutable.intersection(changed_fields(step.before, step.after))):
        said = f"{one.key} is there with another {field}, which cannot be changed"
        yield one.problem(field, said, "Delete the resource first, or give the definition another name.")


def _removals(session: Session, keys: frozenset[Key], record: Record, choice: Choice) -> list[Step]:
    """What this set has made and nobody defines any more, in the order in which it is removed."""
    found = [key for kind in KINDS.values() for key in _marked(session, kind, choice.set_name) if key not in keys]
    found += [key for key in record.keys if key not in keys]
    ordered = sorted(found, key=lambda key: (-KINDS[key.kind].stage, key))
    return [_removal(session, key, choice) for key in ordered]


def _marked(session: Session, kind: Kind, set_name: str) -> Iterator[Key]:
    try:
        for key, labels in kind.all(session):
            if labels.get(MARK) == set_name:
                yield key
    except ApiError as error:
        if error.code != _NOT_SERVED:  # what the runtime has not got, nobody has made in it
            raise


def _removal(session: Session, key: Key, choice: Choice) -> Step:
    if key.kind == "Bucket" and holds_objects(session, key.id):
        if not choice.prunes_objects:
            note = "kept: there are objects in it; --prune-objects removes it with them"
            return Step(key=key, action=Action.KEEP, note=note)
        return Step(key=key, action=Action.DELETE, note="with the objects in it")
    return Step(key=key, action=Action.DELETE)


def said_of(error: CommandError) -> str:
    """What went wrong, without the codes."""
    return error.message if isinstance(error, ApiError) else str(error)
