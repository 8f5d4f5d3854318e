"""`hakobune run deploy`, `run services …`, `run revisions …`, `run worker-pools …` against a running server. What gcloud
prints, it prints in tests/clients, too."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_calls import Call, Outcome

from hakobune.cli.document import Document
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import parse
from hakobune.cli.log_entries import line
from hakobune.cli.services import shares
from hakobune.cli.services.changes import apply_service_flags, apply_template_flags, force_revision
from hakobune.cli.services.deploy import DEPLOY
from hakobune.cli.services.names import SERVICE, WORKER_POOL
from hakobune.cli.services.traffic import UPDATE_TRAFFIC
from hakobune.cli.worker_pools.deploy import DEPLOY as DEPLOY_POOL
from hakobune.cli.worker_pools.deploy import UPDATE as UPDATE_POOL
from hakobune.cli.worker_pools.scaling import change_policy

LISTENS = """import os, socket, time
held = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print("listening", flush=True)
while True:
    time.sleep(9)
"""
RUN = "run.googleapis.com/"


@pytest.fixture
def run(command: Call) -> Call:
    """`run("services", "list")` runs `hakobune run services list`, in a project of this test."""

    def call(*words: str, code: int = 0) -> Outcome:
        done = command("run", *words)
        assert done.code == code, done.err
        return done

    return call


@pytest.fixture
def listens(tmp_path: Path) -> tuple[str, ...]:
    """The flags of a program that listens."""
    path = tmp_path / "listens.py"
    path.write_text(LISTENS)
    return ("--image=local", f"--command=python3,-I,-S,{path}")


def test_given_the_log_entry_of_a_request_when_printed_then_it_says_what_gcloud_says() -> None:
    request = {"requestMethod": "GET", "status": 200, "requestUrl": "https://api.run.app/x"}
    entry: Document = {"timestamp": "2026-11-25T16:06:18.5Z", "httpRequest": request}
    assert line(entry) == "2026-11-25 16:06:18 GET 200 https://api.run.app/x"


# -- what flags change -----------------------------------------------------------------------------------------------


def deployed(*words: str, held: Document | None = None) -> Document:
    """A service as the flags of `run deploy` leave it."""
    arguments = parse(DEPLOY, ["api", "--image=i", *words])
    service = SERVICE.new("p", "api") if held is None else held
    apply_template_flags(SERVICE, service, arguments)
    apply_service_flags(service, arguments)
    return service


def template_of(service: Document) -> Document:
    found = service["spec"]["template"]  # type: ignore[index, call-overload]
    assert isinstance(found, dict)
    return found


def test_given_all_kinds_of_flags_when_applied_then_fields_and_annotations_are_those_of_gcloud() -> None:
    service = deployed(
        "--port=9000", "--use-http2", "--concurrency=7", "--timeout=2m", "--min-instances=1", "--max-instances=3",
        "--min=2", "--max=4", "--scaling=5", "--ingress=internal", "--no-invoker-iam-check", "--no-default-url",
        "--session-affinity", "--no-deploy-health-check", "--set-custom-audiences=a,b", "--description=d",
        "--labels=team=media", "--liveness-probe=httpGet.path=/up,periodSeconds=5", "--update-annotations=x=y",
    )  # fmt: skip
    annotations = service["metadata"]["annotations"]  # type: ignore[index, call-overload]
    assert {key: value for key, value in annotations.items() if "client" not in key} == {
        "x": "y",
        f"{RUN}minScale": "2",
        f"{RUN}maxScale": "4",
        f"{RUN}scalingMode": "manual",
        f"{RUN}manualInstanceCount": "5",
        f"{RUN}ingress": "internal",
        f"{RUN}invoker-iam-disabled": "true",
        f"{RUN}default-url-disabled": "true",
        f"{RUN}custom-audiences": '["a", "b"]',
        f"{RUN}description": "d",
    }
    template = template_of(service)
    assert template["spec"]["containerConcurrency"] == 7
    assert template["spec"]["timeoutSeconds"] == 120
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 9000, "name": "h2c"}]
    assert container["livenessProbe"] == {"httpGet": {"path": "/up"}, "periodSeconds": 5}
    assert template["metadata"]["labels"] == {"team": "media"}
    held = template["metadata"]["annotations"]
    assert (held["autoscaling.knative.dev/minScale"], held["autoscaling.knative.dev/maxScale"]) == ("1", "3")
    assert (held[f"{RUN}sessionAffinity"], held[f"{RUN}health-check-disabled"]) == ("true", "true")


def test_given_the_word_default_when_applied_then_the_setting_is_gone() -> None:
    service = deployed("--port=9000", "--concurrency=7", "--min-instances=1", "--max=4", "--scaling=5",
                       "--set-custom-audiences=a")  # fmt: skip
    deployed(
        "--port=default", "--concurrency=default", "--min-instances=default", "--max=default", "--scaling=auto",
        "--remove-custom-audiences=a", held=service,
    )  # fmt: skip
    template = template_of(service)
    assert "ports" not in template["spec"]["containers"][0]
    assert "containerConcurrency" not in template["spec"]
    assert not [key for key in template["metadata"]["annotations"] if "Scale" in key]
    annotations = service["metadata"]["annotations"]  # type: ignore[index, call-overload]
    assert annotations[f"{RUN}scalingMode"] == "automatic"
    assert not {f"{RUN}maxScale", f"{RUN}manualInstanceCount", f"{RUN}custom-audiences"} & set(annotations)


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("--port=0", "--port: must be an integer from 1 to 65535"),
        ("--concurrency=0", "--concurrency: must be a whole number from 1"),
        ("--max-instances=many", "--max-instances: must be a whole number"),
        ("--scaling=some", "--scaling: must be a whole number from 0 on, or auto"),
        ("--liveness-probe=bogus=1", "--liveness-probe: Unknown key [bogus]"),
    ],
)
def test_given_a_wrong_value_when_applied_then_the_flag_is_named(flag: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem.replace("[", r"\[").replace("]", r"\]")):
        deployed(flag)


def test_given_a_deploy_when_its_revision_is_forced_then_it_has_its_own_name_or_a_label_that_is_new() -> None:
    service = deployed()
    force_revision(service, parse(DEPLOY, ["api", "--revision-suffix=blue"]))
    assert template_of(service)["metadata"]["name"] == "api-blue"
    seen: set[str] = set()
    for _ in range(2):
        force_revision(service, parse(DEPLOY, ["api", "--image=i"]))
        assert "name" not in template_of(service)["metadata"]
        seen.add(template_of(service)["metadata"]["labels"]["client.knative.dev/nonce"])
    assert len(seen) == 2
    before = json.dumps(service)
    force_revision(service, parse(DEPLOY, ["api", "--min=1", "--ingress=all", "--async"]))
    assert json.dumps(service) == before  # no flag of the template, no revision
    with pytest.raises(CommandError, match="more than 63 characters"):
        force_revision(service, parse(DEPLOY, ["api", f"--revision-suffix={'x' * 60}"]))


def scaled(*words: str, held: Document | None = None) -> Document:
    """A pool as the flags of the autoscaler leave its annotations."""
    annotations: Document = {} if held is None else held
    change_policy(annotations, parse(DEPLOY_POOL, ["crew", "--image=i", *words]))
    return annotations


def test_given_flags_of_the_autoscaler_when_applied_then_they_are_annotations_and_make_no_revision() -> None:
    words = ["--scaling-pubsub-subscription=orders", "--scaling-pubsub-target=50", "--scaling-max=3"]
    prefix = "hakobune.dev/scaling-"
    found = scaled(*words)
    assert found == {f"{prefix}pubsub-subscription": "orders", f"{prefix}pubsub-target": "50", f"{prefix}max": "3"}
    assert scaled("--scaling-max=", held=dict(found)).keys() == found.keys() - {f"{prefix}max"}
    assert scaled("--clear-scaling", held={**found, "other": "x"}) == {"other": "x"}
    pool = WORKER_POOL.new("p", "crew")
    before = json.dumps(pool)
    force_revision(pool, parse(UPDATE_POOL, ["crew", *words]))
    assert json.dumps(pool) == before


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--scaling-max=3"], "--scaling-pubsub-subscription: must say what is measured, or --scaling-kafka-group"),
        (["--scaling-kafka-group=g"], "--scaling-kafka-bootstrap-servers: is missing"),
        (["--scaling-pubsub-subscription=s", "--scaling-pubsub-target=x"], "--scaling-pubsub-target: must be a number"),
        (["--clear-scaling", "--scaling-min=1"], "At most one of --clear-scaling | --scaling-min"),
    ],
)
def test_given_a_policy_that_makes_no_sense_when_applied_then_the_flag_is_named(words: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=re.escape(problem)):
        scaled(*words)


# -- shares ----------------------------------------------------------------------------------------------------------


def service_with(*traffic: Document) -> Document:
    return {
        "spec": {"traffic": list(traffic)},
        "status": {"traffic": list(traffic), "latestReadyRevisionName": "api-2"},
    }


def divided(service: Document, *words: str) -> list[Document]:
    shares.change_shares(SERVICE, service, parse(UPDATE_TRAFFIC, ["api", *words]))
    return service["spec"]["traffic"]  # type: ignore[index, call-overload, no-any-return]


LATEST: Document = {"latestRevision": True, "percent": 100}


@pytest.mark.parametrize(
    ("before", "words", "after"),
    [
        ([LATEST], ["--to-revisions=api-1=30"],
         [{"revisionName": "api-1", "percent": 30}, {"latestRevision": True, "percent": 70}]),
        ([LATEST], ["--to-revisions=api-1=100"], [{"revisionName": "api-1", "percent": 100}]),
        ([{"revisionName": "api-1", "percent": 50}, {"revisionName": "api-2", "percent": 50}],
         ["--to-revisions=LATEST=1"],
         [{"latestRevision": True, "percent": 1}, {"revisionName": "api-1", "percent": 50},
          {"revisionName": "api-2", "percent": 49}]),
        ([{"revisionName": "api-1", "percent": 100, "tag": "old"}], ["--to-latest"],
         [LATEST, {"revisionName": "api-1", "tag": "old"}]),
        ([LATEST, {"revisionName": "api-1", "tag": "old"}], ["--to-tags=old=25"],
         [{"revisionName": "api-1", "percent": 25}, {"latestRevision": True, "percent": 75},
          {"revisionName": "api-1", "tag": "old"}]),
        ([LATEST], ["--set-tags=new=LATEST,old=api-1"],
         [LATEST, {"latestRevision": True, "tag": "new"}, {"revisionName": "api-1", "tag": "old"}]),
        ([LATEST, {"revisionName": "api-1", "tag": "old"}], ["--update-tags=old=api-2"],
         [LATEST, {"revisionName": "api-2", "tag": "old"}]),
        ([LATEST, {"revisionName": "api-1", "tag": "old"}], ["--remove-tags=old"], [LATEST]),
        ([LATEST, {"revisionName": "api-1", "tag": "old"}], ["--clear-tags"], [LATEST]),
    ],
)  # fmt: skip
def test_given_traffic_when_divided_anew_then_what_is_not_named_shares_the_rest(
    before: list[Document], words: list[str], after: list[Document]
) -> None:
    assert divided(service_with(*before), *words) == after


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--to-revisions=a=60,b=50"], "Over 100% of traffic is specified"),
        (
            ["--to-revisions=LATEST=60"],
            "Every target with traffic is updated but 100% of traffic has not been specified",
        ),
        (["--to-revisions=a=x"], "must be from 0 to 100"),
        (["--to-tags=nope=5"], r"There is no tag \[nope\]"),
    ],
)
def test_given_shares_that_cannot_be_when_divided_then_it_is_said(words: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        divided(service_with(LATEST), *words)


def test_given_no_traffic_for_the_new_revision_when_held_back_then_the_latest_ready_one_keeps_it() -> None:
    service = service_with(LATEST)
    shares.hold_back(SERVICE, service)
    shares.tag_latest(SERVICE, service, "blue")
    assert SERVICE.declared(service) == [
        {"revisionName": "api-2", "percent": 100},
        {"latestRevision": True, "tag": "blue"},
    ]


def test_given_a_split_under_way_when_shown_then_both_percentages_are_there() -> None:
    pool: Document = {
        "spec": {"instanceSplits": [{"revisionName": "w-1", "percent": 30}, {"latestRevision": True, "percent": 70}]},
        "status": {
            "instanceSplits": [{"latestRevision": True, "percent": 100}],
            "latestReadyRevisionName": "w-2",
        },
    }
    assert shares.rows(WORKER_POOL, pool) == [
        ("30%  (currently 0%)", "w-1", []),
        ("70%  (currently 100%)", "LATEST (currently w-2)", []),
    ]


# -- against a running server ------------------------------------------------------------------------------------------


def test_a_service_is_deployed_and_its_log_is_read(run: Call, listens: tuple[str, ...]) -> None:
    printed = run("deploy", "api", *listens, "--allow-unauthenticated").err
    assert "Setting IAM Policy...done\nCreating Revision...done\nRouting traffic...done\nDone.\n" in printed
    assert "Service URL: https://api-" in printed
    assert "listening" in run("services", "logs", "read", "api").out
    assert "- allUsers" in run("services", "get-iam-policy", "api").out
    printed = run("services", "update", "api", "--concurrency=3", "--no-allow-unauthenticated").err
    assert "revision [api-00002-" in printed
    assert "allUsers" not in run("services", "get-iam-policy", "api").out
    lines = run("revisions", "list", "--service=api").lines
    assert lines[1].split()[2] == "yes"
    assert len(lines) == 3
    assert "Deleted service [api]." in run("services", "delete", "api", "-q").err
    assert run("services", "list").err.startswith("Listed 0 items.")


def test_a_worker_pool_is_deployed_updated_and_deleted(run: Call) -> None:
    program = ("--image=local", "--command=/bin/sleep,1000")
    printed = run("worker-pools", "deploy", "w", *program, "--instances=0").err
    assert "Worker pool [w] revision [w-00001-" in printed
    printed = run("worker-pools", "update", "w", "--instances=0", "--description=drains").err
    assert "Worker pool [w] revision [w-00001-" in printed  # the same one: its template has not changed
    assert "has been updated." in printed
    run("worker-pools", "update", "w", "--scaling-pubsub-subscription=nothing")
    assert "Scaling:     By backlog (Instances: not measured yet)\n" in run("worker-pools", "describe", "w").out
    run("worker-pools", "update", "w", "--clear-scaling")
    run("worker-pools", "update", "w", "--update-env-vars=A=1")
    page = run("worker-pools", "describe", "w").out
    assert "Scaling:     Manual (Instances: 0)\nDescription: drains\n" in page
    assert len(run("worker-pools", "revisions", "list", "--worker-pool=w").lines) == 3
    assert run("worker-pools", "deploy", "new", *program, "--dry-run").err
    assert "Cannot find worker pool [new]" in run("worker-pools", "describe", "new", code=1).err
    member = ("--member=user:me@example.com", "--role=roles/run.developer")
    run("worker-pools", "add-iam-policy-binding", "w", *member)
    assert "user:me@example.com" in run("worker-pools", "get-iam-policy", "w").out
    assert "Deleted worker pool [w]." in run("worker-pools", "delete", "w", "-q").err


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["deploy", "api"], 1, "Missing required argument [--image]"),
        (["deploy", "api", "--image=local"], 2, "The image `local` needs --command"),
        (["deploy", "UPPER", "--image=i"], 1, "Invalid resource name [UPPER]"),
        (["deploy", "api", "--image=i", "--iap"], 2, "there is no Identity-Aware Proxy here"),
        (["deploy", "api", "--image=i", "--no-traffic"], 1, "--no-traffic not supported when creating a new service."),
        (["services", "update", "nope", "--concurrency=2"], 1, "Service [nope] could not be found."),
        (["services", "update-traffic", "nope"], 1, "No traffic configuration change requested."),
        (["services", "update-traffic", "nope", "--to-latest"], 1, "Service [nope] could not be found."),
        (["services", "describe", "nope"], 1, "Cannot find service [nope]"),
        (["services", "delete", "nope", "-q"], 1, "Service [nope] could not be found."),
        (["revisions", "describe", "nope-00001-abc"], 1, "Cannot find revision [nope-00001-abc]"),
        (["worker-pools", "update", "nope", "--instances=1"], 1, "Worker pool [nope] could not be found."),
        (["worker-pools", "deploy", "w", "--image=i", "--port=80"], 2, "--port"),
        (["worker-pools", "deploy", "w", "--image=local", "--command=/bin/true", "--max=2"], 1, "scaled by hand"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run: Call, words: list[str], code: int, problem: str) -> None:
    assert problem in run(*words, code=code).err


def test_a_file_of_another_kind_is_refused(run: Call, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("apiVersion: run.googleapis.com/v1\nkind: Job\nmetadata: {name: x}\nspec: {template: {}}\n")
    assert "holds a Job, not a Service" in run("services", "replace", str(path), code=1).err
    path.write_text("kind: Service\nmetadata: {name: x}\nspec: {}\n")
    assert "spec.template is required but missing" in run("services", "replace", str(path), code=1).err
