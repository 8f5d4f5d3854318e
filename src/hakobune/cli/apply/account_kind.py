"""Service accounts, in the fields of the IAM API v1."""

from __future__ import annotations

from hakobune.cli.apply.calls import found
from hakobune.cli.apply.kinds import Ground, Key, Wanted, changed_fields, name_of, without
from hakobune.cli.apply.problems import Fault, RefusedError
from hakobune.cli.document import Document
from hakobune.cli.pages import target
from hakobune.core.identity.accounts import email_of
from hakobune.wire.iam_accounts_v1 import account_draft_from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

_FIELDS = frozenset({"kind", "name", "displayName", "description"})


class ServiceAccountKind:
    """`kind: ServiceAccount`; `name` is the part before the @, or the address. It has no labels: see the record."""

    name = "ServiceAccount"
    stage = 0
    label_path = ()
    immutable: frozenset[str] = frozenset()

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The account in `body`. Raises RefusedError, HakobuneError."""
        name, at, domain = name_of(body).rpartition("/")[2].partition("@")
        if at and f"{name}@{domain}" != email_of(ground.project, name):
            raise RefusedError(Fault("name", f"it is no account of project {ground.project}", "Write the id alone."))
        faults = [
            Fault(field, "is no field of this kind", "Remove it, or mend its spelling.")
            for field in body
            if field not in _FIELDS
        ]
        if faults:
            raise RefusedError(*faults)
        texts = without(body, ["kind", "name"])
        account_draft_from_json({"accountId": name, "serviceAccount": texts})
        return Wanted(key=Key(self.name, "", name), body={field: text for field, text in texts.items() if text})

    def find(self, session: Session, key: Key) -> Document | None:
        """The account, or None: one that was only used was not made."""
        return found(session, _path(session, key))

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted."""
        del session
        return {name: held[name] for name in ("displayName", "description") if held.get(name)}, wanted.body

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it."""
        body = {"accountId": wanted.key.id, "serviceAccount": wanted.body}
        session.call("POST", target(f"projects/{session.project}/serviceAccounts"), body)

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change its texts."""
        fields = changed_fields(before, after)
        body = {"serviceAccount": {field: after.get(field, "") for field in fields}, "updateMask": ",".join(fields)}
        session.call("PATCH", target(_path(session, wanted.key)), body)

    def delete(self, session: Session, key: Key) -> None:
        """Remove it with its keys."""
        session.call("DELETE", target(_path(session, key)))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """None: the record knows those that were made."""
        del session
        return iter(())


def _path(session: Session, key: Key) -> str:
    return f"projects/{session.project}/serviceAccounts/{email_of(session.project, key.id)}"
