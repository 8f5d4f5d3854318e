"""Both APIs mean the same: a job goes through one and comes back through the other."""

from __future__ import annotations

import copy
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from pictured import JOB, a_full_job, job_of

from hakobune.core.jobs.drafts import JobDraft
from hakobune.wire import run_v1, run_v2

_WORDS = st.text("abcdefghijklmnop0123456789", min_size=1, max_size=6).map(lambda text: "w" + text)
_LABELS = st.dictionaries(_WORDS, _WORDS, max_size=2)
_FLAGS = st.booleans()


def _some(fields: dict[str, st.SearchStrategy[object]]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=fields)  # type: ignore[arg-type, return-value]


_SECRET = st.builds(lambda secret, version: {"secret": secret, "version": version}, _WORDS, _WORDS)
_ENV_VARS = st.one_of(
    st.builds(lambda name, value: {"name": name, "value": value}, _WORDS, st.text("aé \n=", max_size=5)),
    st.builds(lambda name, ref: {"name": name, "valueSource": {"secretKeyRef": ref}}, _WORDS, _SECRET),
)
_PROBES = st.builds(
    lambda times, action: {**times, **action},
    _some({"periodSeconds": st.integers(5, 240), "timeoutSeconds": st.integers(1, 5)}),
    st.sampled_from([{}, {"httpGet": {"path": "/x", "port": 80}}, {"tcpSocket": {"port": 1}}, {"grpc": {}}]),
)
_SOURCES: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.builds(
        lambda more: {"emptyDir": more},
        _some({"medium": st.sampled_from(["MEMORY", "DISK"]), "sizeLimit": st.just("1Gi")}),
    ),
    st.builds(
        lambda bucket, more: {"gcs": {"bucket": bucket, **more}},
        _WORDS,
        _some({"readOnly": st.just(True), "mountOptions": st.lists(_WORDS, min_size=1, max_size=3)}),
    ),
    st.just({"nfs": {"server": "s", "path": "/p"}}),
    st.builds(lambda found: {"cloudSqlInstance": {"instances": found}}, st.lists(_WORDS, min_size=1, max_size=3)),
    st.builds(
        lambda secret, mode: {"secret": {"secret": secret, "items": [{"path": "p", "version": "1", "mode": mode}]}},
        _WORDS,
        st.integers(1, 0o777),
    ),
)


@st.composite
def _jobs(draw: st.DrawFn) -> dict[str, object]:
    """Any job that both APIs can say."""
    names = draw(st.lists(st.sampled_from(["a", "cloudsql", "c"]), max_size=3, unique=True))
    volumes = [{"name": name, **draw(_SOURCES)} for name in names]
    containers = []
    for number in range(draw(st.integers(1, 3))):
        mounts = [
            {"name": name, "mountPath": f"/{name}"} for name in draw(st.permutations(names))[: draw(st.integers(0, 3))]
        ]
        container = draw(
            _some(
                {
                    "command": st.lists(_WORDS, min_size=1, max_size=2),
                    "args": st.lists(st.text("a -", max_size=3), min_size=1, max_size=2),
                    "env": st.lists(_ENV_VARS, min_size=1, max_size=3),
                    "workingDir": st.just("/w"),
                    "resources": st.sampled_from(
                        [{"limits": {"cpu": "2", "memory": "1Gi"}}, {"limits": {"cpu": ".5"}}]
                    ),
                    "startupProbe": _PROBES,
                    "livenessProbe": _PROBES,
                    "ports": st.just([{"containerPort": 80}]),
                }
            )
        )
        container |= {"name": f"c{number}", "image": "local"}
        if mounts:
            container["volumeMounts"] = mounts
        if number and draw(_FLAGS):
            container["dependsOn"] = ["c0"]
        containers.append(container)
    task = draw(
        _some(
            {
                "maxRetries": st.integers(0, 10),
                "timeout": st.integers(1, 3_600).map(lambda seconds: f"{seconds}s"),
                "serviceAccount": st.just("a@b"),
                "encryptionKey": _WORDS,
                "vpcAccess": st.sampled_from([{"egress": "ALL_TRAFFIC"}, {"connector": "c"}]),
                "nodeSelector": st.just({"accelerator": "nvidia-l4"}),
                "gpuZonalRedundancyDisabled": _FLAGS,
            }
        )
    )
    template = draw(
        _some(
            {
                "labels": _LABELS,
                "annotations": _LABELS,
                "taskCount": st.integers(1, 10_000),
                "parallelism": st.integers(0, 99),
                "delayExecution": st.just(True),
                "client": _WORDS,
            }
        )
    )
    job = draw(
        _some(
            {
                "labels": _LABELS,
                "annotations": _LABELS,
                "client": _WORDS,
                "clientVersion": _WORDS,
                "launchStage": st.sampled_from(["ALPHA", "BETA", "GA"]),
                "binaryAuthorization": st.sampled_from([{"useDefault": True}, {"policy": "p"}]),
                "runExecutionToken": _WORDS,
            }
        )
    )
    task |= {"containers": containers, **({"volumes": volumes} if volumes else {})}
    return {**job, "template": {**template, "template": task}}


def _all_memory_set(draft: JobDraft) -> JobDraft:
    """What is shown holds every limit, so reading it takes every limit for the user's."""
    task = draft.template.template
    containers = tuple(replace(container, memory_set_by_user=True) for container in task.containers)
    return replace(draft, etag="", template=replace(draft.template, template=replace(task, containers=containers)))


@settings(max_examples=200, deadline=None)
@given(_jobs())
def test_given_any_job_when_it_goes_through_the_other_api_then_it_means_the_same(body: dict[str, object]) -> None:
    draft = run_v2.job_draft_from_json(copy.deepcopy(body), name=JOB)
    shown = run_v1.job_to_v1(job_of(draft))
    _, over_v1 = run_v1.job_draft_from_v1(copy.deepcopy(shown), namespace="p1")
    assert _all_memory_set(over_v1) == _all_memory_set(draft)
    assert run_v1.job_to_v1(job_of(over_v1)) == shown
    over_v2 = run_v2.job_draft_from_json(run_v2.job_to_json(job_of(over_v1)), name=JOB)
    assert _all_memory_set(over_v2) == _all_memory_set(draft)


def test_given_a_full_job_when_read_over_v1_then_it_is_the_one_of_v2() -> None:
    job = a_full_job()
    _, draft = run_v1.job_draft_from_v1(run_v1.job_to_v1(job), namespace="p1")
    assert run_v2.job_to_json(replace(job_of(draft), execution_count=7, latest_execution=job.latest_execution)) == (
        run_v2.job_to_json(job)
    )
