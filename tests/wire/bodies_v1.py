"""Bodies of jobs in the shape of v1, with one thing changed."""

from __future__ import annotations

from bodies import changed

from hakobune.core.jobs.drafts import JobDraft
from hakobune.wire import run_v1

TASK = "spec.template.spec.template.spec"
T = "spec/template/spec/template/spec"
C = f"{T}/containers/0"
A = "spec/template/metadata/annotations"
ANNOTATION = "spec.template.metadata.annotations['run.googleapis.com/{}']"


def v1_minimal() -> dict[str, object]:
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Job",
        "metadata": {"name": "thumbs"},
        "spec": {
            "template": {"spec": {"template": {"spec": {"containers": [{"image": "local", "command": ["true"]}]}}}}
        },
    }


def read(body: object, namespace: str = "p1") -> JobDraft:
    name, draft = run_v1.job_draft_from_v1(body, namespace=namespace)
    assert name == "thumbs"
    return draft


def with_value(path: str, value: object) -> dict[str, object]:
    return changed(v1_minimal(), path, value)
