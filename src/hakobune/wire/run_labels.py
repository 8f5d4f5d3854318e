"""Labels and annotations: what their keys and values may be, and which names belong to the service.

Sources: https://cloud.google.com/resource-manager/docs/labels-overview#requirements (labels), the reference of `labels`
and `annotations` of a Cloud Run job (reserved namespaces), Kubernetes' rules for keys of annotations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hakobune.core.jobs import limits, policy
from hakobune.wire.violations import Violations

RESERVED_NAMESPACES = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")


def is_reserved(key: str) -> bool:
    """Whether the key is in a namespace of the service, or of a part of it."""
    namespace, slash, _ = key.partition("/")
    return bool(slash) and any(
        namespace == reserved or namespace.endswith(f".{reserved}") for reserved in RESERVED_NAMESPACES
    )


def without_reserved(texts: Mapping[str, str]) -> dict[str, str]:
    """The user's own entries."""
    return {key: value for key, value in texts.items() if not is_reserved(key)}


def check_not_reserved(texts: Mapping[str, str], path: str, found: Violations) -> None:
    """v2 has fields for what v1 says by reserved names, so a client must not use these names there."""
    for key in texts:
        if is_reserved(key):
            found.add(_at(path, key), f"the namespace {key.partition('/')[0]} is reserved")


def check_labels(texts: Mapping[str, str], path: str, found: Violations) -> None:
    """Count, keys and values of labels."""
    if len(texts) > limits.LABELS_MAX:
        found.add(path, f"has {len(texts)} labels: at most {limits.LABELS_MAX} are allowed")
        return
    for key, value in texts.items():
        _check_key(key, path, found)
        if len(value) > limits.LABEL_MAX_CHARS or not _is_plain(value):
            found.add(
                _at(path, key),
                f"values of labels have at most {limits.LABEL_MAX_CHARS} letters, digits, '-', '_' or '.'",
            )


def check_annotations(
    texts: Mapping[str, str], path: str, found: Violations, known: Collection[str] = policy.KNOWN
) -> None:
    """Keys and total size of annotations; ours must have a name that is known there."""
    size_bytes = sum(len(key.encode()) + len(value.encode()) for key, value in texts.items())
    if size_bytes > limits.ANNOTATION_MAX_BYTES:
        found.add(path, f"has {size_bytes} bytes: at most {limits.ANNOTATION_MAX_BYTES} are allowed")
        return
    for key in texts:
        _check_key(key, path, found)
        if key.startswith(policy.PREFIX) and key not in known:
            names = ", ".join(sorted(known))
            found.add(_at(path, key), f"is no annotation of Hakobune: there are {names}")


def _at(path: str, key: str) -> str:
    return f"{path}[{key[:120]!r}]"


def _check_key(key: str, path: str, found: Violations) -> None:
    prefix, slash, name = key.rpartition("/")
    prefix_is_wrong = bool(slash) and not (
        0 < len(prefix) <= limits.KEY_PREFIX_MAX_CHARS and all(_is_plain(part) and part for part in prefix.split("/"))
    )
    if prefix_is_wrong or not 0 < len(name) <= limits.LABEL_MAX_CHARS or not _is_plain(name):
        found.add(
            _at(path, key),
            f"keys have 1 to {limits.LABEL_MAX_CHARS} letters, digits, '-', '_' or '.', after an optional DOMAIN/",
        )


def _is_plain(text: str) -> bool:
    """Letters and digits of any script, dashes, underscores, dots."""
    return all(char.isalnum() or char in "-_." for char in text)
