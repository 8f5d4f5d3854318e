"""`run jobs deploy | create | update`: what is sent, what is said, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import stub_server
from command_calls import Call


def task_of(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["template"]["spec"]["template"]["spec"]


def container_of(job: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return task_of(job)["containers"][index]


def annotations_of(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["template"]["metadata"]["annotations"]


def test_a_deploy_creates_a_job_with_all_that_the_flags_say(hakobune: Call, stub: stub_server.Stub) -> None:
    answer = hakobune(
        "run", "jobs", "deploy", "thumbs", "--image=img:2", "--tasks=3", "--max-retries=0", "--task-timeout=1h5m",
        "--args=a,-b", "--command=^:^x,y:z", "--set-env-vars=A=1,B=2", "--labels=team=media", "--parallelism=2",
        "--cpu=2", "--memory=4Gi", "--service-account=a@b.c", "--workdir=/app", "--region=us-central1",
    )  # fmt: skip
    assert answer.err.splitlines() == [
        "Deploying container to Cloud Run job [thumbs] in project [p1] region [us-central1]",
        "Creating job...",
        "Done.",
        "Job [thumbs] has successfully been deployed.",
        "",
        "To execute this job, use:",
        "hakobune run jobs execute thumbs",
    ]
    assert (answer.code, answer.out) == (0, "")
    sent = stub.last("POST").body
    assert sent["metadata"]["namespace"] == "p1"
    assert sent["metadata"]["labels"] == sent["spec"]["template"]["metadata"]["labels"] == {"team": "media"}
    assert {key: sent["spec"]["template"]["spec"][key] for key in ("taskCount", "parallelism")} == {
        "taskCount": 3,
        "parallelism": 2,
    }
    assert {key: value for key, value in task_of(sent).items() if key != "containers"} == {
        "maxRetries": 0,
        "timeoutSeconds": "3900",
        "serviceAccountName": "a@b.c",
    }
    assert container_of(sent) == {
        "image": "img:2",
        "command": ["x,y", "z"],
        "args": ["a", "-b"],
        "workingDir": "/app",
        "resources": {"limits": {"cpu": "2", "memory": "4Gi"}},
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }


def test_given_a_job_when_deploying_again_then_what_no_flag_names_stays(hakobune: Call, stub: stub_server.Stub) -> None:
    job = stub.add_job("thumbs", template_annotations={"hakobune.dev/warm-modules": "json"})
    container_of(job)["x-unknown"] = {"kept": True}
    container_of(job)["env"] = [{"name": "OLD", "value": "1"}]
    answer = hakobune("run", "jobs", "deploy", "thumbs", "--image=img:9", "--update-env-vars=NEW=2")
    assert "Updating job..." in answer.err
    sent = stub.last("PUT").body
    assert container_of(sent)["image"] == "img:9"
    assert container_of(sent)["x-unknown"] == {"kept": True}
    assert container_of(sent)["env"] == [{"name": "OLD", "value": "1"}, {"name": "NEW", "value": "2"}]
    assert task_of(sent)["maxRetries"] == 3
    assert annotations_of(sent)["hakobune.dev/warm-modules"] == "json"
    assert sent["metadata"]["resourceVersion"] == "AAYkK"


@pytest.mark.parametrize(
    ("flags", "env"),
    [
        (["--set-env-vars=C=3"], {"C": "3"}),
        (["--update-env-vars=A=9,C=3"], {"A": "9", "B": "2", "C": "3"}),
        (["--remove-env-vars=A,ZZZ"], {"B": "2"}),
        (["--remove-env-vars=A", "--update-env-vars=C=3"], {"B": "2", "C": "3"}),
        (["--clear-env-vars"], {}),
        (["--env-vars-file=vars.yaml"], {"X": "1", "Y": "two words"}),
        (["--env-vars-file=vars.env"], {"X": "1", "Y": "a=b", "Z": "q q"}),
    ],
)
def test_variables_change_as_the_flags_say(
    hakobune: Call, stub: stub_server.Stub, tmp_path: Path, flags: list[str], env: dict[str, str]
) -> None:
    (tmp_path / "vars.yaml").write_text("X: 1\nY: two words\n")
    (tmp_path / "vars.env").write_text("# a comment\nX=1\n\nexport Y=a=b\nZ='q q'\n")
    job = stub.add_job("thumbs")
    secret = {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "1"}}}
    container_of(job)["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, secret]
    assert hakobune("run", "jobs", "update", "thumbs", *flags).code == 0
    sent = container_of(stub.last("PUT").body)["env"]
    assert {item["name"]: item["value"] for item in sent if "value" in item} == env
    assert secret in sent


def test_secrets_become_variables_and_files_and_go_again(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    update = ("run", "jobs", "update", "thumbs")
    assert hakobune(*update, "--set-secrets=TOKEN=api-token:latest,/etc/cfg/app.json=cfg:2").code == 0
    job = stub.jobs["thumbs"]
    assert container_of(job)["env"] == [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "api-token", "key": "latest"}}}
    ]
    assert container_of(job)["volumeMounts"] == [{"name": "cfg-1", "mountPath": "/etc/cfg"}]
    assert task_of(job)["volumes"] == [
        {"name": "cfg-1", "secret": {"secretName": "cfg", "items": [{"key": "2", "path": "app.json"}]}}
    ]
    assert "Remove it first: --remove-secrets=TOKEN" in hakobune(*update, "--update-env-vars=TOKEN=x").err
    assert hakobune(*update, "--remove-secrets=TOKEN,/etc/cfg/app.json").code == 0
    assert "volumes" not in task_of(stub.jobs["thumbs"])
    assert not {"env", "volumeMounts"} & set(container_of(stub.jobs["thumbs"]))


def test_volumes_of_every_kind(hakobune: Call, stub: stub_server.Stub) -> None:
    assert hakobune(
        "run", "jobs", "create", "j", "--image=i",
        "--add-volume=name=a,type=in-memory,size-limit=1Gi,mount-path=/a",
        '--add-volume=name=b,type=cloud-storage,bucket=up,readonly=true,mount-options="uid=1;gid=2"',
        "--add-volume=name=c,type=nfs,location=10.0.0.2:/export,readonly=false",
        "--add-volume=name=d,type=secret,secret=s,version=3,path=p",
        "--add-volume=name=e,type=ephemeral-disk,size=10Gi",
        "--add-volume=name=f,type=cloudsql,instances=p:r:i",
        "--add-volume-mount=volume=b,mount-path=/b",
    ).code == 0  # fmt: skip
    sent = stub.last("POST").body
    assert task_of(sent)["volumes"] == [
        {"name": "a", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        {"name": "b", "csi": {"driver": "gcsfuse.run.googleapis.com", "readOnly": True,
                              "volumeAttributes": {"bucketName": "up", "mountOptions": "uid=1,gid=2"}}},
        {"name": "c", "nfs": {"server": "10.0.0.2", "path": "/export", "readOnly": False}},
        {"name": "d", "secret": {"secretName": "s", "items": [{"key": "3", "path": "p"}]}},
        {"name": "e", "emptyDir": {"medium": "Disk", "sizeLimit": "10Gi"}},
        {"name": "f", "csi": {"driver": "cloudsql.run.googleapis.com", "volumeAttributes": {"instances": "p:r:i"}}},
    ]  # fmt: skip
    assert container_of(sent)["volumeMounts"] == [
        {"name": "b", "mountPath": "/b"},
        {"name": "a", "mountPath": "/a"},
    ]
    hakobune("run", "jobs", "update", "j", "--clear-volumes", "--clear-volume-mounts")
    assert "volumes" not in task_of(stub.last("PUT").body)


def test_several_containers(hakobune: Call, stub: stub_server.Stub) -> None:
    flags = ["--container=a", "--image=i", "--args=x", "--container=b", "--image=j", "--depends-on=a", "--cpu=2"]
    assert hakobune("run", "jobs", "deploy", "m", *flags, "--startup-probe=httpGet.path=/x,periodSeconds=5").code == 0
    sent = stub.last("POST").body
    assert container_of(sent, 0) == {"name": "a", "image": "i", "args": ["x"]}
    assert container_of(sent, 1) == {
        "name": "b",
        "image": "j",
        "resources": {"limits": {"cpu": "2"}},
        "startupProbe": {"httpGet": {"path": "/x"}, "periodSeconds": 5},
    }
    assert annotations_of(sent)["run.googleapis.com/container-dependencies"] == '{"b": ["a"]}'
    several = hakobune("run", "jobs", "update", "m", "--args=y")
    assert several.code == 2
    assert "argument --container: Must be specified: the job has several containers [a, b]" in several.err
    assert hakobune("run", "jobs", "update", "m", "--container=a", "--args=y").code == 0
    assert container_of(stub.jobs["m"], 0)["args"] == ["y"]
    assert hakobune("run", "jobs", "update", "m", "--remove-containers=b").code == 0
    assert len(task_of(stub.jobs["m"])["containers"]) == 1
    assert "Container [zz] does not exist" in hakobune("run", "jobs", "update", "m", "--remove-containers=zz").err


def test_a_source_runs_as_the_local_image(hakobune: Call, stub: stub_server.Stub, tmp_path: Path) -> None:
    assert hakobune("run", "jobs", "deploy", "j", "--source=.").code == 0
    sent = stub.last("POST").body
    assert container_of(sent)["image"] == "local"
    assert annotations_of(sent)["hakobune.dev/source"] == str(tmp_path)
    assert hakobune("run", "jobs", "deploy", "j", "--image=img:1").code == 0
    assert "hakobune.dev/source" not in annotations_of(stub.last("PUT").body)
    assert "[nope] does not exist" in hakobune("run", "jobs", "deploy", "j", "--source=nope").err
    assert "not a bucket" in hakobune("run", "jobs", "deploy", "j", "--source=gs://b/x.tgz").err
    both = hakobune("run", "jobs", "deploy", "j", "--source=.", "--image=img:1")
    assert both.code == 2
    assert "At most one of --image | --source" in both.err
    assert hakobune("run", "jobs", "deploy", "j", "--source=.", "--image=local").code == 2


def test_the_local_image_takes_an_earlier_source_away(hakobune: Call, stub: stub_server.Stub) -> None:
    assert hakobune("run", "jobs", "deploy", "j", "--source=.").code == 0
    alone = hakobune("run", "jobs", "deploy", "j", "--image=local")
    assert (alone.code, "needs --command" in alone.err) == (2, True)
    assert hakobune("run", "jobs", "deploy", "j", "--image=local", "--command=/bin/echo").code == 0
    assert "hakobune.dev/source" not in annotations_of(stub.last("PUT").body)
    assert container_of(stub.last("PUT").body)["command"] == ["/bin/echo"]


def test_what_to_run_next_names_the_place_where_it_is_not_the_default(
    hakobune: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = ("run", "jobs", "deploy", "--image=img:1")
    assert hakobune(*deploy, "j1", "--region=us-central1").err.endswith("run jobs execute j1\n")
    assert hakobune(*deploy, "j2", "--region=mars").err.endswith("run jobs execute j2 --region mars\n")
    assert hakobune(*deploy, "j3", "--project=p2").err.endswith("run jobs execute j3 --project p2\n")
    monkeypatch.setenv("CLOUDSDK_RUN_REGION", "mars")
    assert hakobune(*deploy, "j4").err.endswith("run jobs execute j4\n")
    assert hakobune(*deploy, "j5", "--region=us-central1").err.endswith("execute j5 --region us-central1\n")


def test_a_local_program_needs_a_command(hakobune: Call, stub: stub_server.Stub) -> None:
    alone = hakobune("run", "jobs", "deploy", "j", "--image=local")
    assert alone.code == 2
    assert "needs --command (and --args), or use --source DIR" in alone.err
    assert stub.writes() == []
    assert hakobune("run", "jobs", "deploy", "j", "--image=local", "--command=/bin/echo", "--args=hi").code == 0
    assert container_of(stub.last("POST").body) == {"image": "local", "command": ["/bin/echo"], "args": ["hi"]}
    assert hakobune("run", "jobs", "deploy", "j", "--image=local", "--args=again").code == 0


def test_our_own_flags_become_annotations(hakobune: Call, stub: stub_server.Stub) -> None:
    flags = ["--retry-backoff=0.5", "--max-failed-tasks=0", "--warm=json,numpy.linalg"]
    assert hakobune("run", "jobs", "deploy", "j", "--image=i", *flags).code == 0
    kept = {key: value for key, value in annotations_of(stub.last("POST").body).items() if "hakobune.dev" in key}
    assert kept == {
        "hakobune.dev/retry-backoff-seconds": "0.5",
        "hakobune.dev/max-failed-tasks": "0",
        "hakobune.dev/warm-modules": "json,numpy.linalg",
    }
    assert hakobune("run", "jobs", "update", "j", "--retry-backoff=0", "--warm=").code == 0
    kept = {key for key in annotations_of(stub.last("PUT").body) if "hakobune.dev" in key}
    assert kept == {"hakobune.dev/max-failed-tasks"}


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--warm=1x", "argument --warm: '1x' is not the name of a Python module"),
        ("--max-failed-tasks=10001", "argument --max-failed-tasks: must be a whole number from 0 to 10000"),
        ("--retry-backoff=999999", "argument --retry-backoff: must be a number of seconds from 0 to"),
        ("--set-secrets=A=b", "argument --update-secrets: Write A=SECRET:VERSION, not [b]"),
        ("--startup-probe=foo=1", "argument --startup-probe: Unknown key [foo]"),
        ("--startup-probe=periodSeconds=x", "[periodSeconds] must be a whole number, not [x]"),
        ("--key=k", "argument --key: not available here"),
        ("--binary-authorization=default", "argument --binary-authorization: not available here"),
    ],
)
def test_a_wrong_value_is_a_usage_error(hakobune: Call, stub: stub_server.Stub, flag: str, text: str) -> None:
    answer = hakobune("run", "jobs", "deploy", "j", "--image=i", flag)
    assert answer.code == 2
    assert text in answer.err
    assert stub.writes() == []


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["deploy", "j"], "Missing required argument [--image]: Requires a container image to deploy"),
        (["create", "j"], "argument --image: Must be specified."),
        (["deploy", "UPPER", "--image=i"], "Invalid resource name [UPPER]. The name must use only lowercase"),
        (["deploy", "-x-", "--image=i", "--"], "unrecognized arguments: -x-"),
        (["deploy", "a" * 64, "--image=i"], "cannot be longer than 63 characters"),
        (["deploy", "--image=i"], "argument JOB: Must be specified."),
        (["update", "nope", "--tasks=2"], "Job [nope] could not be found."),
        (["create", "there", "--image=i"], "Job [there] already exists."),
        (["deploy", "j", "--image=i", "--add-volume=type=nfs"], "All volumes must have a name"),
        (["deploy", "j", "--image=i", "--add-volume=name=v,type=foo"], "Volume type foo not supported"),
        (["deploy", "j", "--image=i", "--add-volume=name=v,type=nfs"], "requires the following parameters: location"),
        (["deploy", "j", "--image=i", "--add-volume=name=v,type=in-memory,x=1"], "had unexpected parameter x"),
        (["deploy", "j", "--image=i", "--add-volume-mount=volume=v"], "Write volume=NAME,mount-path=/PATH"),
        (["deploy", "j", "--image=i", "--env-vars-file=nope"], "argument --env-vars-file: [nope] cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(hakobune: Call, stub: stub_server.Stub, argv: list[str], text: str) -> None:
    stub.add_job("there")
    answer = hakobune("run", "jobs", *argv)
    assert answer.code in (1, 2)
    assert text in answer.err


def test_given_execute_now_or_wait_when_deploying_then_the_job_runs(hakobune: Call, stub: stub_server.Stub) -> None:
    answer = hakobune("run", "jobs", "deploy", "j", "--image=i", "--wait")
    assert answer.err.splitlines()[1:6] == [
        "Creating and running job...",
        "Provisioning resources...done",
        "Starting execution...done",
        "Running execution...done",
        "Done.",
    ]
    assert "Job [j] has successfully been deployed and completed execution [j-x0001]." in answer.err
    assert "To execute this job again, use:\nhakobune run jobs execute j\n" in answer.err
    started = hakobune("beta", "run", "jobs", "update", "j", "--tasks=2", "--execute-now", "--format=value(kind)")
    assert "has successfully been updated and started running execution [j-x0002]." in started.err
    assert "hakobune beta run jobs executions describe j-x0002" in started.err
    assert started.out == "Job\n"


def test_given_async_when_deploying_then_nothing_is_waited_for(hakobune: Call, stub: stub_server.Stub) -> None:
    answer = hakobune("run", "jobs", "deploy", "j", "--image=i", "--async")
    assert "Job [j] is being deployed asynchronously." in answer.err
    assert [request.method for request in stub.seen] == ["GET", "POST"]


def test_given_a_failing_job_when_deploying_with_wait_then_exit_code_and_text_say_so(
    hakobune: Call, stub: stub_server.Stub
) -> None:
    stub.failing.add("j")
    answer = hakobune("run", "jobs", "deploy", "j", "--image=i", "--wait")
    assert answer.code == 1
    assert "Running execution...failed\nJob failed to deploy\n" in answer.err
    assert "ERROR: (hakobune.run.jobs.deploy) The execution failed.\nTask j-x0001-task1 failed" in answer.err


def test_labels_are_added_removed_and_cleared(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("j", labels={"a": "1", "b": "2"})
    hakobune("run", "jobs", "update", "j", "--update-labels=c=3", "--remove-labels=a")
    labels = stub.last("PUT").body["metadata"]["labels"]
    assert {key: value for key, value in labels.items() if "/" not in key} == {"b": "2", "c": "3"}
    hakobune("run", "jobs", "update", "j", "--clear-labels")
    assert all("/" in key for key in stub.last("PUT").body["metadata"]["labels"])


def test_networks_are_kept_and_noted(hakobune: Call, stub: stub_server.Stub) -> None:
    flags = [
        "--vpc-connector=c",
        "--vpc-egress=all-traffic",
        "--network=n",
        "--subnet=s",
        "--set-cloudsql-instances=a,b",
    ]
    answer = hakobune("run", "jobs", "deploy", "j", "--image=i", *flags)
    assert answer.err.count("makes no difference here: programs use the network of this machine") == 5
    held = annotations_of(stub.jobs["j"])
    assert held["run.googleapis.com/vpc-access-connector"] == "c"
    assert held["run.googleapis.com/network-interfaces"] == '[{"network": "n", "subnetwork": "s"}]'
    assert held["run.googleapis.com/cloudsql-instances"] == "a,b"
    clear = ["--clear-vpc-connector", "--clear-network", "--remove-cloudsql-instances=a", "--add-cloudsql-instances=c"]
    hakobune("run", "jobs", "update", "j", *clear)
    held = annotations_of(stub.jobs["j"])
    assert not [key for key in held if "vpc" in key or "network" in key]
    assert held["run.googleapis.com/cloudsql-instances"] == "b,c"
