"""Bodies of jobs with one thing changed, and who is to blame when they are refused."""

from __future__ import annotations

import copy
import itertools

import pytest
from pictured import JOB, minimal

from hakobune.core.errors import InvalidArgument
from hakobune.core.jobs.drafts import JobDraft
from hakobune.wire import run_v2

TASK = "job.template.template"
CONTAINER = f"{TASK}.containers[0]"


def changed(body: dict[str, object], path: str, value: object) -> dict[str, object]:
    """A copy of a body with one value set; objects and lists on the way are made."""
    body = copy.deepcopy(body)
    at: object = body
    keys = [int(key) if key.isdigit() else key for key in path.split("/")]
    for key, following in itertools.pairwise(keys):
        empty: object = [] if isinstance(following, int) else {}
        if isinstance(at, list):
            while len(at) <= int(key):
                at.append(copy.copy(empty))
            at = at[int(key)]
        else:
            at = at.setdefault(key, empty)  # type: ignore[attr-defined]
    if isinstance(at, list):
        while len(at) <= int(keys[-1]):
            at.append(None)
    at[keys[-1]] = value  # type: ignore[index]
    return body


def refused(body: object, **more: object) -> list[str]:
    """The fields that are to blame."""
    with pytest.raises(InvalidArgument) as caught:
        run_v2.job_draft_from_json(body, **more)  # type: ignore[arg-type]
    lines = caught.value.message.splitlines()
    assert len(lines) == len(caught.value.violations)
    return [violation.field for violation in caught.value.violations]


def accepted(path: str, value: object) -> JobDraft:
    return run_v2.job_draft_from_json(changed(minimal(), path, value), name=JOB)


C = "template/template/containers/0"
