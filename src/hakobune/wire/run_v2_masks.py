"""Partial updates: `updateMask` names the fields of the body that count, all others stay as they are.

For jobs an extension: the service's own method replaces the whole job. Paths are as in google.protobuf.FieldMask
(https://protobuf.dev/reference/protobuf/google.protobuf/#field-mask): names joined by dots, paths by commas.
"""

from __future__ import annotations

from typing import cast

from hakobune.core.jobs.model import Job
from hakobune.wire.run_v2_jobs import job_to_json
from hakobune.wire.run_v2_schema import JOB
from hakobune.wire.schema import FieldType, Json, MapOf, Message, Reader
from hakobune.wire.violations import Violations

_PATHS_MAX = 100  # ours: more than a job has fields that one would change one by one
_FIELD = "update_mask"


def job_with_changes(job: Job | None, value: object, mask: str) -> Json:
    """The job as v2 JSON, with the fields that the mask names taken from the body `value`; of a job that is not there,
    those fields alone.

    A named field that the body lacks is cleared. `*` takes the whole body. The etag is the body's: what the caller did
    not say is not checked. Raises InvalidArgument naming the wrong path.
    """
    return with_changes(JOB, "job", {} if job is None else job_to_json(job), value, mask)


def with_changes(kind: Message, field: str, held: Json, value: object, mask: str) -> Json:
    """The resource `held` as v2 JSON ({} if it is not there) with the masked fields of `value`, as above. `field` is
    the name of the body in errors. Raises InvalidArgument."""
    found = Violations()
    body = Reader(found=found).message(kind, value, field)
    found.check()
    paths = [path.strip() for path in mask.split(",")]
    if len(paths) > _PATHS_MAX:
        found.add(_FIELD, f"has more than {_PATHS_MAX} paths")
        found.check()
    if paths == ["*"]:
        return body
    changed = dict(held)
    for path in paths:
        names = _resolved(kind, field, path, found)
        if names:
            _take(changed, body, names)
    found.check()
    changed["etag"] = body.get("etag", "")
    return changed


def _resolved(root: Message, body: str, path: str, found: Violations) -> list[str]:
    """A path as JSON names; empty (and noted) if no field that a client may set is there."""
    kind: FieldType = root
    names: list[str] = []
    parts = path.split(".")
    for place, part in enumerate(parts):
        if isinstance(kind, MapOf):
            return [*names, ".".join(parts[place:])]  # keys of maps may hold dots
        name = kind.names.get(part) if isinstance(kind, Message) else None
        if not isinstance(kind, Message) or name is None or name in kind.output_only:
            found.add(_FIELD, f"{path[:120]!r} is no field of a {body} that can be set")
            return []
        names.append(name)
        kind = kind.fields[name]
    return names


def _take(changed: Json, body: Json, names: list[str]) -> None:
    """Give `changed` what `body` has at the path, or nothing where it has nothing."""
    *way, last = names
    for name in way:
        inner = dict(cast("Json", changed.get(name, {})))
        changed[name] = inner
        changed = inner
        body = cast("Json", body.get(name, {}))
    if last in body:
        changed[last] = body[last]
    else:
        changed.pop(last, None)
