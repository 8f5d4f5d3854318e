"""What the requests of the Pub/Sub API share: names that are said twice, masks, labels, and what is not supported.

Source: the references of the resources, https://cloud.google.com/pubsub/docs/reference/rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

from hakobune.core.errors import Unimplemented
from hakobune.core.instants import duration_from_text
from hakobune.core.pubsub import limits
from hakobune.wire.schema import Json, Message, snake
from hakobune.wire.violations import Violations

_LABEL_KEY = re.compile(r"[^\W\dA-Z_][\w-]*\Z")
_LABEL_VALUE = re.compile(r"[\w-]*\Z")
_MASK_PATHS_MAX = 100  # ours
_SHOWN_CHARACTERS = 100
WHOLE: Final = "*"


def check_same(tree: Mapping[str, object], field: str, wanted: str, found: Violations) -> None:
    """A name in the body must be the one in the path."""
    if tree.get(field, wanted) != wanted:
        found.add(field, f"contradicts the name in the path, {wanted}")


def refuse_unsupported(value: object, fields: Mapping[str, str]) -> None:
    """Raises Unimplemented, with its name, for what the real service has and this one does not. `fields` by JSON
    name; what is empty is not asked for."""
    if not isinstance(value, dict):
        return
    tree = cast("Json", value)
    for field, name in fields.items():
        if tree.get(field) or tree.get(snake(field)):
            raise Unimplemented(f"{name}: not supported by this version of hakobune ({snake(field)}).")


def check_labels(labels: Mapping[str, str], path: str, found: Violations) -> None:
    """Count, keys and values of labels."""
    bound = limits.LABEL_CHARACTERS
    if len(labels) > limits.LABELS:
        found.add(path, f"has {len(labels)} labels: at most {limits.LABELS} are allowed")
        return
    for key, value in labels.items():
        where = f"{path}[{key[:_SHOWN_CHARACTERS]!r}]"
        if len(key) > bound or not _LABEL_KEY.match(key) or key != key.lower():
            found.add(where, f"keys have 1 to {bound} lower-case letters, digits, '-' or '_', and begin with a letter")
        if len(value) > bound or not _LABEL_VALUE.match(value) or value != value.lower():
            found.add(where, f"values have at most {bound} lower-case letters, digits, '-' or '_'")


def duration_of(tree: Json, field: str, path: str, found: Violations, *, least_s: float, most_s: float) -> float | None:
    """A length within its bounds; None if it is not given."""
    text = tree.get(field)
    if text is None:
        return None
    length_s = duration_from_text(text)
    if not least_s <= length_s <= most_s:
        found.add(path, f"must be {least_s:g}s to {most_s:g}s")
    return length_s


def masked_fields(
    mask: object, kind: Message, own_names: Mapping[str, str], patchable: frozenset[str], found: Violations
) -> frozenset[str]:
    """The fields of our model that a mask names, in camelCase or snake_case. `own_names`: JSON name → ours, where they
    differ. A path below a field stands for it only if `own_names` has it."""
    if not isinstance(mask, str) or not mask.strip():
        found.add("update_mask", "must name at least one field")
        return frozenset()
    paths = [path.strip() for path in mask.split(",")]
    if len(paths) > _MASK_PATHS_MAX:
        found.add("update_mask", f"has more than {_MASK_PATHS_MAX} paths")
        return frozenset()
    if paths == [WHOLE]:
        return patchable
    fields: set[str] = set()
    for path in paths:
        name = kind.names.get(path, "")
        field = own_names.get(name, snake(name))
        if field in patchable:
            fields.add(field)
        elif name:
            found.add("update_mask", f"{path[:_SHOWN_CHARACTERS]!r} cannot be changed")
        else:
            found.add("update_mask", f"{path[:_SHOWN_CHARACTERS]!r} is no field of the resource")
    return frozenset(fields)


def part_of(value: object, field: str) -> object:
    """A field of a body that was not read yet; None if there is none."""
    return cast("Json", value).get(field) if isinstance(value, dict) else None
