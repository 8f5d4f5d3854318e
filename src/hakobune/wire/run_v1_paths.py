"""Paths of v2 fields as v1 knows them, for errors. v2 says `template.template.maxRetries`, v1
`spec.template.spec.template.spec.maxRetries`; what v1 says by an annotation has that annotation's path."""

from __future__ import annotations

import re

TEMPLATE = "spec.template"
TASK = "spec.template.spec.template.spec"

_PARTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"^template\.template", TASK),
        (r"^template\.(labels|annotations)", rf"{TEMPLATE}.metadata.\1"),
        (r"^template\.", f"{TEMPLATE}.spec."),
        (r"^template$", TEMPLATE),
        (r"^(labels|annotations)", r"metadata.\1"),
        (r"^launchStage", "metadata.annotations['run.googleapis.com/launch-stage']"),
        (r"^(startExecutionToken|runExecutionToken)", r"spec.\1"),
        (r"\.timeout$", ".timeoutSeconds"),
        (r"\.serviceAccount$", ".serviceAccountName"),
        (r"\.valueSource\b", ".valueFrom"),
        (r"\.secretKeyRef\.secret$", ".secretKeyRef.name"),
        (r"\.secretKeyRef\.version$", ".secretKeyRef.key"),
        (r"\.secret\.secret$", ".secret.secretName"),
        (r"(\.secret\.items\[\d+\])\.version$", r"\1.key"),
        (r"\.gcs\.bucket$", ".csi.volumeAttributes['bucketName']"),
        (
            r".*\.dependsOn(\[\d+\])?$",
            f"{TEMPLATE}.metadata.annotations['run.googleapis.com/container-dependencies']",
        ),
    )
)


def v1_path(path: str) -> str:
    """The path in a v1 body of the field at a v2 `path`."""
    for pattern, text in _PARTS:
        path = pattern.sub(text, path)
    return path
