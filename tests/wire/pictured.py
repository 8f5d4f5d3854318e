"""Jobs, executions and tasks as the runtime knows them, for the tests of both wires."""

from __future__ import annotations

from dataclasses import replace

from hakobune.core.containers import Container, EnvVar, SecretRef
from hakobune.core.jobs.drafts import JobDraft
from hakobune.core.jobs.model import (
    AttemptResult,
    Counts,
    Execution,
    ExecutionReference,
    Job,
    ResultKind,
    Task,
    TaskTemplate,
)
from hakobune.core.jobs.states import ExecutionState, TaskState
from hakobune.core.names import JobName, OperationName
from hakobune.core.operations import Operation, OperationKind
from hakobune.wire import run_v2

JOB = JobName.make("p1", "us-central1", "thumbs")
CREATED_S = 1_795_410_000.101  # 2026-11-23T05:00:00.101Z


def minimal() -> dict[str, object]:
    return {"template": {"template": {"containers": [{"image": "local", "command": ["true"]}]}}}


def named() -> dict[str, object]:
    """A minimal job whose container has the name that v1 gives it."""
    return {"template": {"template": {"containers": [{"name": "thumbs-1", "image": "local", "command": ["true"]}]}}}


def full() -> dict[str, object]:
    """A job that says everything that both APIs can say, in canonical v2 JSON."""
    return {
        "labels": {"team": "media"},
        "annotations": {"example.com/owner": "a b c"},
        "client": "gcloud",
        "clientVersion": "578.0.0",
        "launchStage": "BETA",
        "binaryAuthorization": {"useDefault": True, "breakglassJustification": "fire"},
        "template": {
            "labels": {"run": "nightly"},
            "annotations": {"hakobune.dev/retry-backoff-seconds": "2"},
            "parallelism": 20,
            "taskCount": 100,
            "template": {
                "containers": [
                    {
                        "name": "app",
                        "image": "us-docker.pkg.dev/p1/app/thumbs:1",
                        "command": ["python", "-m"],
                        "args": ["thumbs.main"],
                        "env": [
                            {"name": "BUCKET", "value": "uploads"},
                            {"name": "EMPTY", "value": ""},
                            {
                                "name": "TOKEN",
                                "valueSource": {"secretKeyRef": {"secret": "api-token", "version": "latest"}},
                            },
                        ],
                        "workingDir": "/app",
                        "resources": {"limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"}},
                        "ports": [{"name": "http1", "containerPort": 8080}],
                        "volumeMounts": [
                            {"name": "data", "mountPath": "/data", "subPath": "in"},
                            {"name": "cloudsql", "mountPath": "/cloudsql"},
                        ],
                        "startupProbe": {"periodSeconds": 5, "httpGet": {"path": "/ready", "port": 8080}},
                        "livenessProbe": {"failureThreshold": 3, "grpc": {"port": 9000, "service": "health"}},
                        "dependsOn": ["init"],
                    },
                    {
                        "name": "init",
                        "image": "init:1",
                        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}},
                        "volumeMounts": [{"name": "cloudsql", "mountPath": "/cloudsql"}],
                        "readinessProbe": {"tcpSocket": {"port": 5432}},
                    },
                ],
                "volumes": [
                    {
                        "name": "data",
                        "gcs": {"bucket": "uploads", "readOnly": True, "mountOptions": ["uid=1000", "gid=1000"]},
                    },
                    {"name": "scratch", "emptyDir": {"medium": "MEMORY", "sizeLimit": "1Gi"}},
                    {"name": "disk", "emptyDir": {"medium": "DISK", "sizeLimit": "10Gi"}},
                    {"name": "share", "nfs": {"server": "10.0.0.2", "path": "/export", "readOnly": True}},
                    {
                        "name": "cfg",
                        "secret": {
                            "secret": "cfg",
                            "items": [{"path": "cfg.json", "version": "latest", "mode": 256}],
                            "defaultMode": 292,
                        },
                    },
                    {"name": "other-sql", "cloudSqlInstance": {"instances": ["p:r:a", "p:r:b"]}},
                    {"name": "files", "filestore": {"volume": "f1"}},
                    {"name": "cloudsql", "cloudSqlInstance": {"instances": ["p:r:i"]}},
                ],
                "maxRetries": 0,
                "timeout": "3600s",
                "serviceAccount": "batch@p1.iam.gserviceaccount.com",
                "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
                "encryptionKey": "projects/p1/locations/us/keyRings/r/cryptoKeys/k",
                "vpcAccess": {
                    "egress": "PRIVATE_RANGES_ONLY",
                    "networkInterfaces": [{"network": "default", "subnetwork": "default", "tags": ["t"]}],
                },
                "nodeSelector": {"accelerator": "nvidia-l4"},
                "gpuZonalRedundancyDisabled": True,
                "sandboxes": {
                    "templates": [
                        {
                            "name": "box",
                            "image": "box:1",
                            "env": [{"name": "A", "valueSource": {"secretKeyRef": {"secret": "s", "version": "1"}}}],
                        }
                    ]
                },
            },
            "delayExecution": True,
            "client": "terraform",
            "clientVersion": "1.9",
        },
        "startExecutionToken": "go",
    }


def job_of(draft: JobDraft, **more: object) -> Job:
    """The job that the runtime makes of a draft."""
    return Job(
        name=JOB,
        uid="0d5f7b0e-1c6f-4f5e-9d3e-6d0a2a1b3c4d",
        generation=3,
        etag='"3-abc"',
        labels=draft.labels,
        annotations=draft.annotations,
        create_time_s=CREATED_S,
        update_time_s=CREATED_S + 60,
        creator="me@example.com",
        last_modifier="you@example.com",
        client=draft.client,
        client_version=draft.client_version,
        launch_stage=draft.launch_stage,
        template=draft.template,
        start_execution_token=draft.start_execution_token,
        run_execution_token=draft.run_execution_token,
        other=draft.other,
        **more,  # type: ignore[arg-type]
    )


def a_job(content: dict[str, object] | None = None, **more: object) -> Job:
    return job_of(run_v2.job_draft_from_json(content or minimal(), name=JOB), **more)


def a_full_job() -> Job:
    reference = ExecutionReference(
        execution="thumbs-x7k2p",
        create_time_s=CREATED_S,
        completion_time_s=CREATED_S + 30,
        state=ExecutionState.SUCCEEDED,
    )
    return a_job(full(), execution_count=7, latest_execution=reference)


def an_execution(state: ExecutionState = ExecutionState.RUNNING, **more: object) -> Execution:
    container = Container(
        image="local",
        command=("python3", "main.py"),
        env=(EnvVar(name="A", value="1"), EnvVar(name="S", secret=SecretRef(secret="s", version="2"))),
        limits={"cpu": "1000m", "memory": "512Mi"},
    )
    return replace(
        Execution(
            name=JOB.execution("thumbs-x7k2p"),
            uid="6b1f2f86-6f3b-4a55-8f0e-2f6c1f1f6b11",
            job_uid="0d5f7b0e-1c6f-4f5e-9d3e-6d0a2a1b3c4d",
            job_generation=3,
            etag="",
            labels={"run": "nightly"},
            annotations={"hakobune.dev/max-failed-tasks": "5"},
            creator="me@example.com",
            task_count=3,
            parallelism=2,
            template=TaskTemplate(containers=(container,)),
            state=state,
            create_time_s=CREATED_S,
            start_time_s=CREATED_S,
            update_time_s=CREATED_S,
            operation_id="8a0c1d",
        ),
        **more,  # type: ignore[arg-type]
    )


def ended(state: ExecutionState, counts: Counts, **more: object) -> Execution:
    return an_execution(
        state,
        first_start_time_s=CREATED_S + 1.5,
        completion_time_s=CREATED_S + 65,
        update_time_s=CREATED_S + 65,
        counts=counts,
        **more,
    )


def failed(kind: ResultKind, **more: object) -> Execution:
    outcome = AttemptResult(kind=kind, **more)  # type: ignore[arg-type]
    return ended(ExecutionState.FAILED, Counts(succeeded=2, failed=1, retried=1), failure=outcome, failure_index=1)


EXECUTIONS: dict[str, Execution] = {
    "waiting": an_execution(),
    "running": an_execution(
        first_start_time_s=CREATED_S + 1.5, update_time_s=CREATED_S + 2, counts=Counts(running=2, succeeded=1)
    ),
    "cancelling": an_execution(
        ExecutionState.CANCELLING,
        first_start_time_s=CREATED_S + 1.5,
        counts=Counts(running=2, cancelled=1),
        cancel_reason="user",
        generation=2,
    ),
    "succeeded": ended(ExecutionState.SUCCEEDED, Counts(succeeded=3)),
    "failed_exit": failed(ResultKind.EXIT, exit_code=3),
    "failed_timeout": failed(ResultKind.TIMEOUT),
    "failed_start": failed(ResultKind.START_FAILED, detail="No such file: ./gone."),
    "cancelled": ended(ExecutionState.CANCELLED, Counts(cancelled=3), cancel_reason="user", generation=2),
}

TASKS: dict[str, Task] = {
    "waiting": Task(index=0, state=TaskState.PENDING),
    "running": Task(index=1, state=TaskState.RUNNING, attempt=0, is_running=True, start_time_s=CREATED_S + 1.5),
    "succeeded": Task(
        index=2,
        state=TaskState.SUCCEEDED,
        attempt=1,
        retried=1,
        start_time_s=CREATED_S + 1.5,
        completion_time_s=CREATED_S + 30,
        result=AttemptResult(kind=ResultKind.SUCCESS, exit_code=0),
    ),
    "failed_exit": Task(
        index=1,
        state=TaskState.FAILED,
        attempt=3,
        retried=3,
        start_time_s=CREATED_S + 1.5,
        completion_time_s=CREATED_S + 40,
        result=AttemptResult(kind=ResultKind.EXIT, exit_code=3),
    ),
    "failed_signal": Task(
        index=1,
        state=TaskState.FAILED,
        start_time_s=CREATED_S + 1.5,
        completion_time_s=CREATED_S + 40,
        result=AttemptResult(kind=ResultKind.SIGNAL, signal=11),
    ),
    "cancelled": Task(
        index=0,
        state=TaskState.CANCELLED,
        start_time_s=CREATED_S + 1.5,
        completion_time_s=CREATED_S + 60,
        result=AttemptResult(kind=ResultKind.CANCELLED),
    ),
    "abandoned": Task(index=2, state=TaskState.CANCELLED, completion_time_s=CREATED_S + 60),
}


def an_operation(
    kind: OperationKind, resource: Job | Execution, *, done: bool, error: tuple[int, str] | None = None
) -> Operation:
    return Operation(
        name=OperationName.make("p1", "us-central1", "8a0c1d"),
        kind=kind,
        create_time_s=CREATED_S + 100,
        done=done,
        resource=resource,
        error=error,
    )


OPERATIONS: dict[str, Operation] = {
    "create_done": an_operation(OperationKind.CREATE_JOB, a_job(), done=True),
    "create_preparing": an_operation(OperationKind.CREATE_JOB, a_job(is_reconciling=True), done=False),
    "delete_job": an_operation(OperationKind.DELETE_JOB, a_job(), done=True),
    "run_running": an_operation(OperationKind.RUN_JOB, EXECUTIONS["running"], done=False),
    "run_succeeded": an_operation(OperationKind.RUN_JOB, EXECUTIONS["succeeded"], done=True),
    "run_failed": an_operation(
        OperationKind.RUN_JOB,
        EXECUTIONS["failed_exit"],
        done=True,
        error=(
            10,
            "Task thumbs-x7k2p-task1 failed with exit code: 3 and message: The container exited with an error.",
        ),
    ),
    "run_cancelled": an_operation(OperationKind.RUN_JOB, EXECUTIONS["cancelled"], done=True),
    "delete_execution": an_operation(OperationKind.DELETE_EXECUTION, EXECUTIONS["succeeded"], done=True),
}
