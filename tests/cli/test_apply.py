"""`hakobune apply` against a running server: what is made, changed, left alone, removed, and what is said of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_calls import Call, Outcome

from hakobune.cli.apply.command import set_of
from hakobune.cli.apply.kinds import Key
from hakobune.cli.apply.record import Record
from hakobune.cli.apply.secret_kind import DIGEST, digest_of, is_digest_of
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments
from hakobune.cli.main import main
from hakobune.cli.session import Session
from runtime_process import HAKOBUNE, RuntimeProcess

Write = Callable[..., None]
JOB = """\
apiVersion: run.googleapis.com/v1
kind: Job
metadata: {name: thumbs}
spec:
  template:
    metadata: {annotations: {hakobune.dev/source: app}}
    spec:
      taskCount: 2
      template:
        spec:
          containers:
            - image: local
              command: [/bin/true]
              env: [{name: MODE, value: slow}]
"""
ALL = {
    "things.yaml": """\
kind: Bucket
name: {bucket}
labels: {{team: media}}
---
kind: Topic
name: orders
messageRetentionDuration: 3600s
---
kind: Subscription
name: worker
topic: orders
ackDeadlineSeconds: 20
---
kind: Secret
name: token
valueFrom: {{env: APPLY_TOKEN}}
---
kind: ServiceAccount
name: batch-runner
displayName: Night
""",
    "job.yaml": JOB,
    "app/main.py": "print('hello')\n",
    "order.workflows.yaml": "main: {steps: [{a: {return: 1}}]}\n",
    "nightly.json": json.dumps(
        {
            "kind": "Schedule",
            "name": "nightly",
            "schedule": "0 2 * * *",
            "httpTarget": {"uri": "https://a.example/x", "body": "e30="},
        }
    ),
}


@pytest.fixture
def apply(command: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`apply("--prune")` applies the folder `deploy` to a project of this test without a question; `ask=True` asks."""
    monkeypatch.setenv("APPLY_TOKEN", "s3cret")

    def call(*words: str, ask: bool = False, folder: str = "deploy") -> Outcome:
        return command("apply", "-f", folder, *words, *([] if ask else ["-y"]))

    return call


@pytest.fixture
def write(tmp_path: Path, project: str) -> Write:
    """`write({"a.yaml": text})` writes files into the folder `deploy`; `{bucket}` becomes a name of this test."""

    def files(found: dict[str, str]) -> None:
        for name, text in found.items():
            path = tmp_path / "deploy" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(bucket=f"b-{project}") if "{bucket}" in text else text)

    return files


@pytest.fixture
def get(runtime: RuntimeProcess, project: str) -> Callable[[str], Any]:
    """`get("topics/orders")`: a resource of the project, None where there is none."""

    def found(path: str) -> Any:
        answer = runtime.call("GET", f"/v1/projects/{project}/{path}")
        return answer.json if answer.status == 200 else None

    return found


def job_of(runtime: RuntimeProcess, project: str) -> Any:
    answer = runtime.call("GET", f"/v2/projects/{project}/locations/us-central1/jobs/thumbs")
    return answer.json if answer.status == 200 else None


def test_given_a_folder_of_all_kinds_when_it_is_applied_twice_then_the_second_changes_nothing(
    apply: Call, write: Write, get: Callable[[str], Any], runtime: RuntimeProcess, project: str
) -> None:
    write(ALL)
    first = apply()
    assert first.code == 0, first.err
    assert first.lines[-2:] == ["8 to create.", "Applied: 8 created."]
    assert first.err.splitlines() == [
        f"bucket b-{project}: created",
        "secret token: created",
        "service account batch-runner: created",
        "topic orders: created",
        "subscription worker: created",
        "job thumbs (us-central1): created",
        "workflow order (us-central1): created",
        "schedule nightly (us-central1): created",
    ]
    assert get("topics/orders")["messageRetentionDuration"] == "3600s"
    assert get("subscriptions/worker")["topic"] == f"projects/{project}/topics/orders"
    assert get("locations/us-central1/workflows/order")["state"] == "ACTIVE"
    assert get("locations/us-central1/jobs/nightly")["state"] == "ENABLED"
    assert get("secrets/token/versions/latest")["name"].endswith("/versions/1")
    assert job_of(runtime, project)["template"]["taskCount"] == 2
    changed = job_of(runtime, project)["generation"]
    second = apply(ask=True)  # there is nothing to ask
    assert (second.code, second.lines, second.err) == (0, ["Nothing to change: 8 resources are as defined."], "")
    assert job_of(runtime, project)["generation"] == changed
    assert get("secrets/token/versions/2") is None


def test_given_changed_definitions_when_they_are_applied_then_each_field_is_told_and_changed(
    apply: Call, write: Write, get: Callable[[str], Any], runtime: RuntimeProcess, project: str
) -> None:
    write(ALL)
    assert apply().code == 0
    write({
        "things.yaml": ALL["things.yaml"]
        .replace("team: media", "team: video")
        .replace("messageRetentionDuration: 3600s\n", "")
        .replace("ackDeadlineSeconds: 20", "ackDeadlineSeconds: 30")
        .replace("displayName: Night", "displayName: Day"),
        "job.yaml": JOB.replace("taskCount: 2", "taskCount: 3").replace("value: slow", "value: fast"),
        "order.workflows.yaml": "main:\n  steps:\n  - a:\n      return: 2\n",
        "nightly.json": ALL["nightly.json"].replace("0 2", "30 2").replace('"name"', '"state": "PAUSED", "name"'),
    })  # fmt: skip
    shown = apply("--dry-run")
    assert (shown.code, shown.err) == (0, "")
    inner = "spec.template.spec"
    assert shown.lines == [
        f"~ bucket b-{project}",
        "    labels.team: media → video",
        "~ service account batch-runner",
        "    displayName: Night → Day",
        "~ topic orders",
        "    messageRetentionDuration: 3600s → nothing",
        "~ subscription worker",
        "    ackDeadlineSeconds: 20 → 30",
        "~ job thumbs (us-central1)",
        f"    {inner}.taskCount: 2 → 3",
        f"    {inner}.template.spec.containers[thumbs-1].env[MODE].value: slow → fast",
        "~ workflow order (us-central1)",
        "    sourceContents:",
        "      @@ -1 +1,4 @@",
        "      -main: {steps: [{a: {return: 1}}]}",
        "      +main:",
        "      +  steps:",
        "      +  - a:",
        "      +      return: 2",
        "~ schedule nightly (us-central1)",
        "    schedule: 0 2 * * * → 30 2 * * *",
        "    state: ENABLED → PAUSED",
        "7 to change, 1 unchanged.",
    ]
    assert get("subscriptions/worker")["ackDeadlineSeconds"] == 20  # only shown
    done = apply()
    assert (done.code, done.lines[-1]) == (0, "Applied: 7 changed, 1 unchanged.")
    assert get("subscriptions/worker")["ackDeadlineSeconds"] == 30
    assert "messageRetentionDuration" not in get("topics/orders")
    assert get("locations/us-central1/jobs/nightly")["state"] == "PAUSED"
    assert job_of(runtime, project)["template"]["taskCount"] == 3
    assert apply().lines == ["Nothing to change: 8 resources are as defined."]


def test_given_a_changed_program_when_it_is_applied_then_its_job_is_deployed_again(
    apply: Call, write: Write, runtime: RuntimeProcess, project: str
) -> None:
    write({name: ALL[name] for name in ("job.yaml", "app/main.py")})
    assert apply().code == 0
    before = job_of(runtime, project)["generation"]
    write({"app/main.py": "print('other')\n"})
    assert apply("--brief").err == "job thumbs (us-central1): changed\n"
    assert job_of(runtime, project)["generation"] != before


TRIGGER = """\
kind: Trigger
name: uploads
eventFilters:
  - {attribute: type, value: google.cloud.storage.object.v1.finalized}
  - {attribute: bucket, value: "{bucket}"}
destination: {workflow: order}
---
kind: Trigger
name: messages
eventFilters: [{attribute: type, value: google.cloud.pubsub.topic.v1.messagePublished}]
transport: {pubsub: {topic: orders}}
destination: {cloudRun: {service: api, path: /events}}
---
kind: Bucket
name: "{bucket}"
---
kind: Topic
name: orders
"""


def test_given_triggers_when_they_are_applied_changed_and_pruned_then_each_is_as_defined(
    apply: Call, write: Write, get: Callable[[str], Any], project: str, tmp_path: Path
) -> None:
    text = TRIGGER.replace("{bucket}", f"b-{project}")
    write({"a.yaml": text, "order.workflows.yaml": ALL["order.workflows.yaml"]})
    first = apply()
    assert first.code == 0, first.err
    assert first.err.splitlines()[-2:] == [
        "trigger messages (us-central1): created",
        "trigger uploads (us-central1): created",
    ]
    held = get("locations/us-central1/triggers/uploads")
    assert held["destination"] == {"workflow": f"projects/{project}/locations/us-central1/workflows/order"}
    assert apply().lines == ["Nothing to change: 5 resources are as defined."]
    write({"a.yaml": text.replace("path: /events", "path: /other")})
    assert apply("--dry-run").lines == [
        "~ trigger messages (us-central1)",
        "    destination.cloudRun.path: /events → /other",
        "1 to change, 4 unchanged.",
    ]
    assert apply().code == 0
    assert get("locations/us-central1/triggers/messages")["destination"]["cloudRun"]["path"] == "/other"
    write({"a.yaml": text.partition("---\n")[2].replace("path: /events", "path: /other")})
    assert apply("--prune").lines[0] == "- trigger uploads (us-central1)"
    assert get("locations/us-central1/triggers/uploads") is None


def test_given_a_job_that_was_deployed_otherwise_when_its_export_is_applied_then_nothing_differs(
    apply: Call, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--image=local", "--command=/bin/true", "--tasks=3", "--memory=1Gi", "--labels=team=media"]
    assert main(["run", "jobs", "deploy", "thumbs", *flags, "--set-env-vars=A=b", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["run", "jobs", "describe", "thumbs", "--format=export"]) == 0
    write({"job.yaml": capsys.readouterr().out})
    assert apply().lines == ["Nothing to change: 1 resource is as defined."]


def test_given_another_value_of_a_secret_when_it_is_applied_then_there_is_a_version_more_and_nothing_tells_it(
    apply: Call, write: Write, get: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"secret.yaml": "kind: Secret\nname: token\nannotations: {who: me}\nvalueFrom: {env: APPLY_TOKEN}\n"})
    outs = [apply()]
    monkeypatch.setenv("APPLY_TOKEN", "0ther")
    outs.append(apply())
    assert [out.code for out in outs] == [0, 0]
    assert get("secrets/token/versions/latest")["name"].endswith("/versions/2")
    assert get("secrets/token")["annotations"].keys() == {"who", DIGEST}
    assert apply().lines == ["Nothing to change: 1 resource is as defined."]
    write({"secret.yaml": "kind: Secret\nname: token\nvalueFrom: {env: APPLY_TOKEN}\n"})
    outs.append(apply())
    assert "    annotations.who: me → nothing" in outs[-1].lines
    assert get("secrets/token")["annotations"].keys() == {DIGEST}
    assert get("secrets/token/versions/3") is None
    said = "".join(out.out + out.err for out in outs) + json.dumps(get("secrets/token"))
    assert "s3cret" not in said
    assert "0ther" not in said


def test_a_digest_tells_a_value_from_others_and_is_never_the_same_twice() -> None:
    one, two = (digest_of(b"value", salt) for salt in (b"0" * 16, b"1" * 16))
    assert one != two
    assert is_digest_of(one, b"value")
    assert is_digest_of(two, b"value")
    assert not is_digest_of(one, b"values")
    assert not any(is_digest_of(text, b"value") for text in ("", "scrypt", "scrypt:%:a", one.replace("scrypt", "md5")))


def test_given_definitions_that_are_gone_when_it_prunes_then_only_what_it_made_is_removed(
    apply: Call, write: Write, get: Callable[[str], Any], runtime: RuntimeProcess, project: str, tmp_path: Path
) -> None:
    runtime.call("PUT", f"/v1/projects/{project}/topics/theirs", {})
    account = {"accountId": "their-runner"}
    assert runtime.call("POST", f"/v1/projects/{project}/serviceAccounts", account).status == 200
    theirs = "---\nkind: Topic\nname: theirs\n---\nkind: ServiceAccount\nname: their-runner\ndisplayName: Theirs\n"
    write({**ALL, "theirs.yaml": theirs})
    assert apply().code == 0
    for name in ("theirs.yaml", "job.yaml", "nightly.json", "order.workflows.yaml"):
        (tmp_path / "deploy" / name).unlink()
    write({"things.yaml": "kind: Topic\nname: orders\n"})
    kept = apply("--dry-run")
    assert kept.lines[-1] == "1 to change."  # without --prune
    shown = apply("--prune", "--dry-run")
    gone = [line for line in shown.lines if line.startswith("-")]
    assert gone == [
        "- schedule nightly (us-central1)",
        "- job thumbs (us-central1)",
        "- workflow order (us-central1)",
        "- subscription worker",
        f"- bucket b-{project}",
        "- secret token",
        "- service account batch-runner",
    ]
    done = apply("--prune")
    assert (done.code, done.lines[-1]) == (0, "Applied: 1 changed, 7 removed.")
    assert job_of(runtime, project) is None
    for path in ("subscriptions/worker", "secrets/token", "locations/us-central1/jobs/nightly"):
        assert get(path) is None
    assert runtime.call("GET", f"/storage/v1/b/b-{project}").status == 404
    assert get("topics/theirs") is not None
    assert get(f"serviceAccounts/their-runner@{project}.iam.gserviceaccount.com") is not None
    assert apply("--prune").lines == ["Nothing to change: 1 resource is as defined."]


def test_given_a_bucket_with_objects_when_it_prunes_then_the_bucket_goes_only_where_that_is_said(
    apply: Call, write: Write, runtime: RuntimeProcess, project: str
) -> None:
    write({"a.yaml": "kind: Bucket\nname: {bucket}\n---\nkind: Topic\nname: orders\n"})
    assert apply().code == 0
    bucket = f"/storage/v1/b/b-{project}"
    assert runtime.call("POST", f"/upload{bucket}/o?uploadType=media&name=x", b"content").status == 200
    write({"a.yaml": "kind: Topic\nname: orders\n"})
    kept = apply("--prune")
    assert kept.lines == [
        f"! bucket b-{project}: kept: there are objects in it; --prune-objects removes it with them",
        "Nothing to change: 1 resource is as defined.",
    ]
    assert runtime.call("GET", f"{bucket}/o/x").status == 200
    assert apply("--prune", "--prune-objects").lines[0] == f"- bucket b-{project}: with the objects in it"
    assert runtime.call("GET", bucket).status == 404


def test_given_two_folders_when_one_prunes_then_what_the_other_made_stays(
    apply: Call, write: Write, get: Callable[[str], Any], tmp_path: Path
) -> None:
    write({"a.yaml": "kind: Topic\nname: first\n", "../other/a.yaml": "kind: Topic\nname: second\n"})
    assert apply().code == 0
    assert apply("--prune", folder="other").code == 0
    assert get("topics/first") is not None
    taken = "kind: Topic\nname: second\n---\nkind: Topic\nname: first\n"
    (tmp_path / "other" / "a.yaml").write_text(taken)
    over = apply(folder="other")
    assert over.lines[0] == f"~ topic first: taken over from the set {set_of('deploy', '')}"
    (tmp_path / "deploy" / "a.yaml").write_text("kind: Topic\nname: third\n")
    assert apply("--prune").lines[-1] == "Applied: 1 created."
    assert get("topics/first") is not None


def test_given_a_field_that_cannot_be_changed_when_it_differs_then_nothing_is_done_at_all(
    apply: Call, write: Write, get: Callable[[str], Any]
) -> None:
    write({"a.yaml": "kind: Subscription\nname: worker\ntopic: orders\nfilter: attributes:a\n---\n"
                     "kind: Topic\nname: orders\n"})  # fmt: skip
    assert apply().code == 0
    write({"a.yaml": "kind: Subscription\nname: worker\ntopic: orders\nfilter: attributes:b\n---\n"
                     "kind: Topic\nname: orders\n---\nkind: Topic\nname: others\n"})  # fmt: skip
    refused = apply()
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.splitlines() == [
        "ERROR: (hakobune.apply) There is 1 problem; nothing was changed.",
        "deploy/a.yaml:4:1: filter: subscription worker is there with another filter, which cannot be changed",
        "  Delete the resource first, or give the definition another name.",
    ]
    assert get("topics/others") is None


def test_given_a_failure_when_it_is_applied_then_what_needs_it_is_left_out_and_the_rest_is_done(
    apply: Call, write: Write, get: Callable[[str], Any]
) -> None:
    write({"a.yaml": "kind: Topic\nname: orders\nschemaSettings: {schema: projects/p-none-here/schemas/none,"
                     " encoding: JSON}\n---\nkind: Subscription\nname: worker\ntopic: orders\n---\n"
                     "kind: Topic\nname: others\n"})  # fmt: skip
    done = apply()
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[0].startswith("topic orders: FAILED: ")
    assert lines[1:] == [
        "topic others: created",
        "subscription worker: left out, because it needs topic orders",
        "ERROR: (hakobune.apply) 2 of 3 resources could not be applied.",
    ]
    assert done.lines[-1] == "Applied: 1 created, 1 failed, 1 left out."
    assert get("topics/others") is not None
    assert get("subscriptions/worker") is None


def test_given_a_bucket_of_another_project_when_it_is_applied_then_nothing_is_done(
    apply: Call, write: Write, runtime: RuntimeProcess, project: str
) -> None:
    assert runtime.call("POST", "/storage/v1/b?project=somebody-else", {"name": f"b-{project}"}).status == 200
    write({"a.yaml": "\nkind: Bucket\nname: {bucket}\nversioning: {{enabled: true}}\n"})
    refused = apply()
    assert (refused.code, refused.out) == (1, "")
    assert f"deploy/a.yaml:2:1: bucket b-{project}: it belongs to another project" in refused.err
    assert "versioning" not in runtime.call("GET", f"/storage/v1/b/b-{project}").json


def test_given_a_failure_when_it_prunes_then_nothing_is_removed(
    apply: Call, write: Write, get: Callable[[str], Any]
) -> None:
    write({"a.yaml": "kind: Topic\nname: orders\n"})
    assert apply().code == 0
    write({"a.yaml": "kind: Subscription\nname: worker\ntopic: nowhere\n"})
    done = apply("--prune")
    assert done.code == 1
    assert "topic orders: left out, because something before it failed" in done.err
    assert get("topics/orders") is not None


def test_given_a_format_when_it_is_applied_then_each_resource_is_a_record(apply: Call, write: Write) -> None:
    write({"a.yaml": "kind: Topic\nname: orders\n"})
    planned = json.loads(apply("--dry-run", "--format", "json").out)
    assert planned == [{"kind": "Topic", "name": "orders", "action": "create", "result": "planned"}]
    assert json.loads(apply("--format", "json").out)[0]["result"] == "done"
    write({"a.yaml": "kind: Topic\nname: orders\nlabels: {a: b}\n"})
    (record,) = json.loads(apply("--format", "json").out)
    assert record["changes"] == [{"field": "labels.a", "before": None, "after": "b"}]
    assert json.loads(apply("--format", "json").out)[0] == {
        "kind": "Topic", "name": "orders", "action": "none", "result": "unchanged",
    }  # fmt: skip


def test_given_a_terminal_when_it_is_applied_then_the_resource_in_work_is_shown_and_written_over(
    apply: Call, write: Write
) -> None:
    del apply  # for the project
    write({"a.yaml": "kind: Topic\nname: orders\n---\nkind: Topic\nname: others\n"})
    terminal, end = os.openpty()
    done = subprocess.run(
        [HAKOBUNE, "apply", "-f", "deploy", "-y"], stderr=end, stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"}, timeout=60, check=False,
    )  # fmt: skip
    os.close(end)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert done.returncode == 0
    assert shown.split("\r\x1b[K") == [
        "", "topic orders… (1 of 2)", "topic orders: created\r\n", "topic others… (2 of 2)", "topic others: created\r\n",
    ]  # fmt: skip


def test_given_nobody_to_ask_when_something_differs_then_nothing_is_done(
    apply: Call, write: Write, get: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"a.yaml": "kind: Topic\nname: orders\n"})
    refused = apply(ask=True)
    assert refused.code == 1
    assert "--quiet" in refused.err
    assert get("topics/orders") is None
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    asked = apply("--format=json", ask=True)
    assert (asked.code, asked.out) == (1, "")
    assert "+ topic orders\n\n1 to create.\n" in asked.err.replace("\n", "\n\n", 1)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert apply(ask=True).code == 0
    assert get("topics/orders") is not None


def test_given_a_name_of_the_set_then_it_is_found_from_any_place(
    apply: Call, write: Write, get: Callable[[str], Any]
) -> None:
    write({"a.yaml": "kind: Topic\nname: orders\n", "../other/a.yaml": "kind: Topic\nname: others\n"})
    assert apply("--set", "shop").code == 0
    assert apply("--set", "shop", "--prune", folder="other").lines[-1] == "Applied: 1 created, 1 removed."
    assert get("topics/orders") is None
    refused = apply("--set", "Shop!")
    assert refused.code == 2


def test_given_two_that_apply_a_set_at_once_when_both_keep_their_record_then_the_second_learns_it(apply: Call) -> None:
    del apply  # for the project
    session = Session(["apply"], Arguments())
    one, two = Record(session, "shop"), Record(session, "shop")
    for record, name in ((one, "a"), (two, "b")):
        record.read()
        record.add(Key("Schedule", "us-central1", name))
    one.write()
    with pytest.raises(CommandError, match="at the same time"):
        two.write()
    later = Record(session, "shop")
    later.read()
    assert later.keys == {Key("Schedule", "us-central1", "a")}
    later.discard(Key("Schedule", "us-central1", "a"))
    later.write()
    last = Record(session, "shop")
    last.read()
    assert last.keys == frozenset()
    session.close()


def test_the_set_of_a_folder_is_its_name_and_its_place(tmp_path: Path) -> None:
    one, two = set_of(str(tmp_path / "My App"), ""), set_of(str(tmp_path / "b" / "My App"), "")
    assert one.startswith("my-app-")
    assert one != two
    assert set_of("x", "shop") == "shop"
    with pytest.raises(UsageError):
        set_of("x", "a" * 64)


def test_given_no_folder_or_one_that_is_wrong_then_that_is_said(apply: Call, write: Write, tmp_path: Path) -> None:
    assert main(["apply"]) == 2
    gone = apply(folder="nowhere")
    assert (gone.code, gone.err.startswith("ERROR: (hakobune.apply) [nowhere] does not exist.")) == (1, True)
    write({"a.yaml": "kind: Topic\nname: orders\nfoo: 1\n"})
    assert apply().err.splitlines() == [
        "ERROR: (hakobune.apply) There is 1 problem; nothing was changed.",
        "deploy/a.yaml:3:1: foo: is no field of this kind",
        "  Remove it, or mend its spelling.",
    ]
