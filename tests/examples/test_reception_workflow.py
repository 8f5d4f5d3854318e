"""A workflow behind a reception: the definition of docs/reception.md on a real runtime."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from example_programs import ROOT, until

from hakobune.sdk import Reception, Workflow
from runtime_process import LOCATION, PROJECT, RuntimeProcess

PLACE = f"projects/{PROJECT}/locations/{LOCATION}"
WORK = "from hakobune.sdk import progress\nfor n in range(1, 5): progress(n, 4, f'clip {n}')"
FAILING = 'main:\n  steps:\n    - no:\n        raise: {code: 7, message: "no frames"}\n'


def definition() -> str:
    (text,) = re.findall(
        r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "reception.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert "locations/us-central1/jobs" in text
    return text.replace("us-central1", LOCATION)


def deploy(runtime: RuntimeProcess, name: str, source: str) -> None:
    answer = runtime.call("POST", f"/v1/{PLACE}/workflows?workflowId={name}", {"sourceContents": source})
    assert answer.status == 200, answer.body
    until(lambda: runtime.call("GET", f"/v1/{answer.json['name']}").json["done"], "the workflow is deployed")


def a_reception(runtime: RuntimeProcess, workflow: str, folder: Path) -> Reception:
    environ = {
        "HAKOBUNE_URL": runtime.url,
        "GCE_METADATA_HOST": f"127.0.0.1:{runtime.port}",
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_REGION": LOCATION,
    }
    return Reception(Workflow(workflow), folder / "receipts", poll_s=0.02, progress_every_s=0.02, environ=environ)


def test_given_a_workflow_with_a_job_when_accepted_then_the_receipt_shows_the_progress_of_both_and_the_result(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    runtime.create("thumbs", [sys.executable, "-c", WORK])
    deploy(runtime, "reception-pipeline", definition())
    reception = a_reception(runtime, "reception-pipeline", tmp_path)
    receipt = reception.accept({"video": "clip.mp4"}, key="k")
    assert reception.accept({"video": "clip.mp4"}, key="k").execution == receipt.execution
    seen = [receipt]

    def is_final() -> bool:
        found = reception.receipt(receipt.id)
        assert found is not None
        seen.append(found)
        return found.is_final

    until(is_final, "the receipt is final")
    assert seen[-1].state == "succeeded", seen[-1]
    fractions = [found.progress.fraction for found in seen]
    assert fractions == sorted(fractions)
    assert 0.5 in fractions  # the workflow's own word: one of two
    (line,) = runtime.entries(
        f'labels."hakobune.dev/receipt"="{receipt.id}" jsonPayload."hakobune.dev/progress".done=4'
    )
    assert line["labels"]["run.googleapis.com/execution_name"].startswith("thumbs-")


def test_given_a_workflow_that_raises_then_the_receipt_has_its_error(runtime: RuntimeProcess, tmp_path: Path) -> None:
    deploy(runtime, "reception-failing", FAILING)
    reception = a_reception(runtime, "reception-failing", tmp_path)
    receipt = reception.accept(None)

    def is_final() -> bool:
        found = reception.receipt(receipt.id)
        return found is not None and found.is_final

    until(is_final, "the receipt is final")
    found = reception.receipt(receipt.id)
    assert found is not None
    assert found.failure is not None
    assert found.failure.detail == {"code": 7, "message": "no frames"}
