"""Secrets, in the fields of the Secret Manager API v1; the value is named, never written down.

`valueFrom: {env: NAME}` or `{file: PATH}` says where the value is. A new version is made only when that value is other
than the one `apply` set last: a digest of it is kept as an annotation (scrypt with a salt of its own, so that a short
value cannot be looked up). The secret itself is never read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from hakobune.cli.apply.calls import found
from hakobune.cli.apply.kinds import (
    Ground,
    Key,
    Wanted,
    changed_fields,
    check_own_project,
    labels_of,
    name_of,
    path_of,
    split_name,
    without,
)
from hakobune.cli.apply.problems import Fault, RefusedError
from hakobune.cli.document import Document, as_dict, dict_at, is_dict, text_at
from hakobune.cli.pages import items, target
from hakobune.cli.secrets.versions import add_version
from hakobune.wire.schema import Reader
from hakobune.wire.secrets_v1 import SECRET, secret_draft_from_json
from hakobune.wire.violations import Violations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

DIGEST = "apply.hakobune.dev/value-digest"
_LABELS = ("labels",)
_VALUE = "valueFrom"
_VALUE_BYTES_MAX = 64 * 1024  # source: Secret Manager's quotas, size of a version
_NOT_HERE = ("value", "data", "payload")
_SALT_BYTES = 16
# About 30 ms and 16 MiB for a guess. Source of the parameters: RFC 7914 section 2 (interactive use).
_COST, _BLOCK, _LANES = 2**14, 8, 1


class SecretKind:
    """`kind: Secret`."""

    name = "Secret"
    stage = 0
    label_path = _LABELS
    immutable = frozenset({"replication"})

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The secret in `body`, and its value from where it is. Raises RefusedError, HakobuneError."""
        full = ground.full_name("secrets", name_of(body))
        project, name = split_name(full, "projects/*/secrets/*")
        check_own_project(project, ground)
        for field in _NOT_HERE:
            if field in body:
                remedy = "Name it: valueFrom: {env: NAME} or {file: PATH}. What stood here is no secret any more."
                raise RefusedError(Fault(field, "the value of a secret does not belong into a file", remedy))
        if "ttl" in body:
            raise RefusedError(Fault("ttl", "means another instant at each apply", "Give expireTime."))
        automatic: Document = {"automatic": {}}
        tree: Document = {"replication": automatic, **without(body, ["kind", "name", _VALUE])}
        secret_draft_from_json(tree)
        watched, value = _value(body, ground) if _VALUE in body else ("", None)
        return Wanted(
            key=Key(self.name, "", name),
            body=_canonical(tree),
            watched=frozenset({watched} if watched else ()),
            secret=value,
        )

    def find(self, session: Session, key: Key) -> Document | None:
        """The secret, or None."""
        return found(session, _path(session, key))

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what is wanted; the value is compared by its digest and shown by nothing."""
        del session
        before, after = _canonical(held), dict(wanted.body)
        digest = text_at(before, "annotations", DIGEST)
        if digest:
            before["annotations"] = as_dict(before["annotations"])
            after["annotations"] = {**dict_at(after, "annotations"), DIGEST: digest}
        if wanted.secret is not None and not is_digest_of(digest, wanted.secret):
            before[_VALUE] = "the value that was set before" if digest else "a value that apply did not set, or none"
            after[_VALUE] = "another value"
        return before, after

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it, with its first version."""
        target_ = target(f"projects/{session.project}/secrets", {"secretId": wanted.key.id})
        session.call("POST", target_, wanted.body)
        if wanted.secret is not None:
            self._set_value(session, wanted, wanted.body)

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Change the fields that differ; a new version for another value."""
        fields = [field for field in changed_fields(before, after) if field != _VALUE]
        if fields:
            path = target(_path(session, wanted.key), {"updateMask": ",".join(fields)})
            session.call("PATCH", path, without(after, [_VALUE, "replication"]))
        if _VALUE in after:
            self._set_value(session, wanted, after)

    def _set_value(self, session: Session, wanted: Wanted, after: Document) -> None:
        """The version first, then its digest: after a break between the two another version is made, none is lost."""
        assert wanted.secret is not None
        add_version(session, _path(session, wanted.key), wanted.secret)
        annotations = {**dict_at(after, "annotations"), DIGEST: digest_of(wanted.secret, os.urandom(_SALT_BYTES))}
        path = target(_path(session, wanted.key), {"updateMask": "annotations"})
        session.call("PATCH", path, {"annotations": annotations})

    def delete(self, session: Session, key: Key) -> None:
        """Remove it with all versions."""
        session.call("DELETE", target(_path(session, key)))

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """The secrets of the project, with their labels."""
        for secret in items(session, f"projects/{session.project}/secrets", "secrets"):
            yield Key(self.name, "", text_at(secret, "name").rpartition("/")[2]), labels_of(secret, _LABELS)


def digest_of(value: bytes, salt: bytes) -> str:
    """`scrypt:SALT:DIGEST` in base64."""
    digest = hashlib.scrypt(value, salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)
    return ":".join(["scrypt", *(base64.b64encode(part).decode("ascii") for part in (salt, digest))])


def is_digest_of(text: str, value: bytes) -> bool:
    """Whether `text` was made of `value`; a text of another form was not."""
    kind, _, rest = text.partition(":")
    salt, _, _ = rest.partition(":")
    try:
        known = base64.b64decode(salt, validate=True)
    except ValueError:
        return False
    return kind == "scrypt" and hmac.compare_digest(text.encode(), digest_of(value, known).encode())


def _value(body: Document, ground: Ground) -> tuple[str, bytes]:
    """(the file, if it is in one; the value). Raises RefusedError."""
    source = body[_VALUE]
    if not is_dict(source) or len(source) != 1 or not set(source) <= {"env", "file"}:
        raise RefusedError(Fault(_VALUE, "must be {env: NAME} or {file: PATH}", "Say one of the two."))
    if "env" in source:
        name = text_at(source, "env")
        text = os.environ.get(name)
        if text is None:
            raise RefusedError(Fault(f"{_VALUE}.env", f"the variable {name!r} is not set", f"export {name}=…"))
        return "", _checked(text.encode("utf-8", "surrogateescape"), f"{_VALUE}.env")
    path = path_of(ground, text_at(source, "file"), f"{_VALUE}.file")
    try:
        with open(path, "rb") as file:
            return path, _checked(file.read(_VALUE_BYTES_MAX + 1), f"{_VALUE}.file")
    except OSError as error:
        fault = Fault(f"{_VALUE}.file", f"{path} cannot be read: {error.strerror}", "Write the value into that file.")
        raise RefusedError(fault) from error


def _checked(value: bytes, field: str) -> bytes:
    if not 0 < len(value) <= _VALUE_BYTES_MAX:
        what = "is empty" if not value else f"has more than {_VALUE_BYTES_MAX} bytes"
        raise RefusedError(Fault(field, f"the value {what}", f"A value has 1 to {_VALUE_BYTES_MAX} bytes."))
    return value


def _canonical(secret: Document) -> Document:
    """A secret without what only the runtime says."""
    tree = Reader(found=Violations()).message(SECRET, secret, "secret")
    return without(tree, ["name", "etag"])


def _path(session: Session, key: Key) -> str:
    return f"projects/{session.project}/secrets/{key.id}"
