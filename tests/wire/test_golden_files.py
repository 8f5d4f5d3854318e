"""Every resource against its golden file, byte for byte, and against Google's own client library."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from goldens import FOLDER, MAKERS, text_of
from pictured import JOB, a_full_job, a_job, full, named

from hakobune.core.jobs.drafts import JobDraft, with_default_memory_kept
from hakobune.core.jobs.model import Job
from hakobune.wire import run_v1, run_v2


@pytest.mark.parametrize("name", MAKERS)
def test_a_resource_is_printed_as_in_its_golden_file(name: str) -> None:
    assert text_of(MAKERS[name]()) == (FOLDER / f"{name}.json").read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(MAKERS)


def _declared(job: Job) -> JobDraft:
    return JobDraft(
        labels=job.labels,
        annotations=job.annotations,
        client=job.client,
        client_version=job.client_version,
        launch_stage=job.launch_stage,
        template=job.template,
        start_execution_token=job.start_execution_token,
        run_execution_token=job.run_execution_token,
        etag=job.etag,
        other=job.other,
    )


@pytest.mark.parametrize("job", [a_job(), a_full_job()], ids=["minimal", "full"])
def test_given_a_job_read_over_v2_when_written_back_then_nothing_changes(job: Job) -> None:
    body = json.loads(text_of(run_v2.job_to_json(job)))
    draft = run_v2.job_draft_from_json(body, name=JOB)
    assert with_default_memory_kept(draft, job.template) == _declared(job)


@pytest.mark.parametrize("job", [a_job(named()), a_full_job()], ids=["minimal", "full"])
def test_given_a_job_read_over_v1_when_written_back_then_nothing_changes(job: Job) -> None:
    body = json.loads(text_of(run_v1.job_to_v1(job)))
    name, draft = run_v1.job_draft_from_v1(body, namespace="p1")
    assert name == "thumbs"
    assert with_default_memory_kept(draft, job.template) == _declared(job)


def test_given_a_full_job_when_printed_then_all_that_was_sent_comes_back() -> None:
    sent = full()
    shown = run_v2.job_to_json(a_full_job())
    assert {key: shown[key] for key in sent} == sent


# -- Google's client library -----------------------------------------------------------------------------------------

# Fields that the discovery document has and this version of the library has not.
_NEWER = {"delayExecution", "client", "clientVersion", "sandboxes", "filestore", "functionalType"}
_KINDS = {"job": "Job", "execution": "Execution", "task": "Task"}


def _older(value: object, path: str = "") -> object:
    """The value without fields that the library does not know. `client` of a job itself is known."""
    if isinstance(value, dict):
        return {
            key: _older(item, f"{path}.{key}")
            for key, item in value.items()
            if key not in _NEWER or (path == "" and key.startswith("client"))
        }
    if isinstance(value, list):
        return [_older(item, path) for item in value if not _is_newer_volume(item)]
    return value


def _is_newer_volume(item: object) -> bool:
    return isinstance(item, dict) and ("filestore" in item or item.get("emptyDir", {}).get("medium") == "DISK")


@pytest.mark.parametrize("name", [name for name in MAKERS if name.split("_")[1] in _KINDS and name.startswith("v2")])
def test_the_client_library_knows_every_field_and_reads_it_as_we_meant_it(name: str) -> None:
    library = pytest.importorskip("google.cloud.run_v2")
    kind = getattr(library, _KINDS[name.split("_")[1]])
    value = _older(json.loads((FOLDER / f"{name}.json").read_text()))
    message = kind.from_json(json.dumps(value), ignore_unknown_fields=False)
    again = json.loads(kind.to_json(message, use_integers_for_enums=False, always_print_fields_with_no_presence=False))
    assert _comparable(again) == _comparable(value)


def _comparable(value: object) -> object:
    """Instants in any number of decimals, and names with the underscores of Python taken off."""
    if isinstance(value, dict):
        return {key.rstrip("_"): _comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, str) and value.endswith("Z") and value.startswith("20"):
        return value.rstrip("Z").rstrip("0").rstrip(".")
    return value


@pytest.mark.parametrize("name", [name for name in MAKERS if name.startswith("v2_operation")])
def test_the_client_library_reads_operations_with_what_they_carry(name: str) -> None:
    library = pytest.importorskip("google.cloud.run_v2")
    json_format = pytest.importorskip("google.protobuf.json_format")
    operations = pytest.importorskip("google.longrunning.operations_pb2")
    value = json.loads((FOLDER / f"{name}.json").read_text())
    operation = json_format.ParseDict(value, operations.Operation())
    kind = library.Job if "job" in name or "create" in name else library.Execution
    assert kind.deserialize(operation.metadata.value).name == value["metadata"]["name"]
    if operation.done:
        assert operation.WhichOneof("result") == ("error" if "failed" in name else "response")
    else:
        assert operation.WhichOneof("result") is None


def test_given_what_the_client_sends_when_read_then_it_is_what_its_user_wrote() -> None:
    """Enums as numbers, `maxRetries: 0` in full: as the unmodified client puts a job on the wire."""
    library = pytest.importorskip("google.cloud.run_v2")
    job = library.Job(
        template=library.ExecutionTemplate(
            task_count=3,
            template=library.TaskTemplate(
                containers=[library.Container(image="local", command=["true"])],
                max_retries=0,
                timeout="90s",
                execution_environment=library.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2,
            ),
        ),
        launch_stage=3,
    )
    body = json.loads(library.Job.to_json(job, use_integers_for_enums=True, always_print_fields_with_no_presence=False))
    draft = run_v2.job_draft_from_json(copy.deepcopy(body))
    assert draft.template.template.max_retries == 0
    assert draft.template.template.timeout_s == 90.0
    assert draft.launch_stage == "BETA"
    assert draft.template.task_count == 3


def test_given_a_job_of_the_client_read_and_sent_back_whole_when_read_then_nothing_is_refused() -> None:
    library = pytest.importorskip("google.cloud.run_v2")
    shown = run_v2.job_to_json(a_job())
    message = library.Job.from_json(json.dumps(shown))
    body = json.loads(library.Job.to_json(message, use_integers_for_enums=True))
    draft = run_v2.job_draft_from_json(body, name=JOB)
    job = a_job()
    assert with_default_memory_kept(replace(draft, etag=job.etag), job.template) == _declared(job)
