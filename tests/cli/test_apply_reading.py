"""Definitions as they are read: all that is wrong at once, each at its place; no server is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hakobune.cli.apply.kinds import Ground, Key
from hakobune.cli.apply.reading import Folder, read_folder
from hakobune.cli.errors import CommandError

GROUND = Ground(project="demo-project", location="us-central1", folder="")
JOB = """\
apiVersion: run.googleapis.com/v1
kind: Job
metadata: {name: thumbs}
spec:
  template:
    spec:
      template:
        spec:
          containers: [{image: local, command: [/bin/true]}]
"""


def read(folder: Path, **files: str) -> Folder:
    """The definitions in files; `a__b_yaml` stands for `a/b.yaml`."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/').rpartition('_')[0]}.{name.rpartition('_')[2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_folder(str(folder), GROUND)


def told(folder: Path, **files: str) -> list[str]:
    """The first line of each problem, without the folder."""
    found = sorted(read(folder, **files).problems, key=lambda one: (one.file, one.line, one.column))
    return [one.text().partition("\n")[0].removeprefix(f"{folder}/") for one in found]


def only(folder: Path, text: str) -> str:
    """The one problem of a document, without the name of its file."""
    (line,) = told(folder, a_yaml=text)
    return line.removeprefix("a.yaml:")


def keys(folder: Folder) -> list[str]:
    assert folder.problems == ()
    return sorted(str(one.key) for one in folder.definitions)


def test_given_a_folder_of_all_kinds_when_it_is_read_then_each_is_a_definition(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    found = read(
        tmp_path,
        many_yaml="kind: Topic\nname: orders\n---\nkind: Bucket\nname: pictures-1\n---\n"
        "kind: ServiceAccount\nname: batch-runner\n---\nkind: Secret\nname: token\nvalueFrom: {file: token}\n",
        sub__sub_json='{"kind": "Subscription",\n\t"name": "worker", "topic": "orders"}',
        job_yml=JOB,
        nightly_yaml="kind: Schedule\nname: nightly\nschedule: 0 2 * * *\nhttpTarget: {uri: 'https://a.example/x'}\n",
        service_yaml="kind: Service\nmetadata: {name: api}\n"
        "spec: {template: {spec: {containers: [{image: local, command: [x]}]}}}\n",
        pool_yaml="kind: WorkerPool\nmetadata: {name: pool}\n"
        "spec: {template: {spec: {containers: [{image: local, command: [x]}]}}}\n",
        trigger_yaml="kind: Trigger\nname: up\neventFilters: [{attribute: type, value: google.cloud.pubsub.topic.v1.messagePublished}]\n"
        "destination: {workflow: order}\n",
    )
    (tmp_path / "order.workflows.yaml").write_text("main: {steps: [{a: {return: 1}}]}\n")
    (tmp_path / "order.workflows_test.yaml").write_text("cases: []\n")
    found = read_folder(str(tmp_path), GROUND)
    assert keys(found) == [
        "bucket pictures-1",
        "job thumbs (us-central1)",
        "schedule nightly (us-central1)",
        "secret token",
        "service account batch-runner",
        "service api (us-central1)",
        "subscription worker",
        "topic orders",
        "trigger up (us-central1)",
        "worker pool pool (us-central1)",
        "workflow order (us-central1)",
    ]
    assert found.left_out == ((f"{tmp_path}/order.workflows_test.yaml", "cases of a test"),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: Topik\nname: x\n", "1:1: kind: 'Topik' is no kind that can be applied"),
        ("\nkind: Topic\n", "2:1: it has no name"),
        ("kind: Topic\nname: a\n", "2:1: name: Invalid [topics] name: "),
        ("kind: Topic\nname: orders\nlabls: {}\n", "3:1: labls: is no field of this kind"),
        ("kind: Topic\nname: orders\nlabels: {a: true}\n", "3:10: labels['a']: must be a text, not true"),
        ("kind: Topic\nname: orders\nmessageRetentionDuration: 1d\n",
         '3:1: messageRetentionDuration: must be a length of time, not "1d"'),
        ("kind: Topic\nname: projects/other-project/topics/orders\n",
         "2:1: name: it is of project other-project, not demo-project"),
        ("kind: Topic\nname: projects/p/subscriptions/orders\n",
         "2:1: name: 'projects/p/subscriptions/orders' is no name of this kind"),
        ("kind: Subscription\nname: worker\n", "1:1: topic: must not be empty"),
        ("kind: Subscription\nname: worker\ntopic: orders\nackDeadlineSeconds: 5\n",
         "4:1: ackDeadlineSeconds: must be 10 to 600"),
        ("kind: Bucket\nname: a\n", "2:1: name: Invalid bucket name: 'a'"),
        ("kind: Bucket\nname: pictures\nversionning: {}\n", "3:1: versionning: is no field of this kind"),
        ("kind: ServiceAccount\nname: a\n", "1:1: accountId: "),
        ("kind: Schedule\nname: nightly\nschedule: 61 * * * *\nhttpTarget: {uri: 'http://a/'}\n",
         "3:1: schedule: minute '61': 61 is outside 0-59."),
        ("kind: Schedule\nname: nightly\nschedule: 1 * * * *\nhttpTarget: {uri: 'http://a/', boddy: e30=}\n",
         "4:32: httpTarget.boddy: is no field of this kind"),
        ("kind: Schedule\nname: nightly\nschedule: 1 * * * *\nstate: OFF\nhttpTarget: {uri: 'http://a/'}\n",
         "4:1: state: must be ENABLED or PAUSED, not False"),
        ("kind: Trigger\nname: up\ndestination: {workflow: w}\n", '1:1: eventFilters: must have a filter on the attribute "type"'),
        ("kind: Trigger\nname: up\neventFilters: [{attribute: type, value: google.cloud.pubsub.topic.v1.messagePublished}]\n", "1:1: destination: must name who is told: "),
        ("kind: Workflow\nname: order\n", "1:1: it names no source"),
        ('kind: Workflow\nname: order\nsource: "a\\0"\n', "3:1: source: it has a NUL character"),
        ('kind: Secret\nname: token\nvalueFrom: {file: "\\0"}\n', "3:13: valueFrom.file: it has a NUL character"),
        ("kind: Service\nmetadata: {name: api}\n", "1:1: spec.template: is required"),
        ("kind: Job\nmetadata: {name: thumbs}\nspec:\n  template:\n    spec: {taskCont: 2}\n",
         "5:12: spec.template.spec.taskCont: is no field of this kind"),
        (JOB.replace("[/bin/true]", "[/bin/true], env: [{name: A, value: on}]"),
         "9:77: spec.template.spec.template.spec.containers[0].env[0].value: must be a text, not true"),
        (JOB.replace("{name: thumbs}", "{name: thumbs, namespace: elsewhere}"),
         "3:26: metadata.namespace: must be demo-project, not elsewhere"),
        (JOB.replace("run.googleapis.com/v1", "batch/v1"),
         "1:1: apiVersion: must be run.googleapis.com/v1, not 'batch/v1'"),
        ("kind: Topic\nname: orders\nname: others\n", "3:1: the key 'name' stands here twice"),
        ("kind: Topic\nname: orders\nlabels: {1: a}\n", "3:10: the key 1 is no text"),
        ("kind: Topic\nname: orders\nlabels: {a: !!binary aGk=}\n",
         "3:13: the tag 'binary' makes something that JSON has not"),
        ("kind: Topic\nname: orders\nlabels: {a: !!timestamp x}\n",
         "3:13: the tag 'timestamp' makes something that JSON has not"),
        ("kind: Topic\nname: !!python/object:os.system x\n",
         "2:7: the tag 'python/object:os.system' makes something that JSON has not"),
        ("kind: Topic\nname: =\n", "2:7: the tag 'value' makes something that JSON has not"),
        ("kind: Topic\nname: a\0b\n", "2:1: this is no YAML: it has the character "),
        ("kind: Topic\nname: [\n", "3:1: this is no YAML: expected the node content, but found '<stream end>'"),
    ],
)  # fmt: skip
def test_given_a_mistake_when_it_is_read_then_its_place_and_field_are_told(
    tmp_path: Path, text: str, problem: str
) -> None:
    line = only(tmp_path, text)
    assert line == problem or (problem.endswith(" ") and line.startswith(problem)), line


def test_given_many_mistakes_when_they_are_read_then_all_are_told_in_their_order(tmp_path: Path) -> None:
    assert told(
        tmp_path,
        a_yaml="kind: Topic\nname: orders\nfoo: 1\nbar: 2\n---\nkind: Bukket\nname: x\n",
        b_yaml="kind: Topic\nname: orders\n---\nkind: Topic\nname: orders\n",
    ) == [
        "a.yaml:3:1: foo: is no field of this kind",
        "a.yaml:4:1: bar: is no field of this kind",
        "a.yaml:6:1: kind: 'Bukket' is no kind that can be applied",
        f"b.yaml:4:1: topic orders is defined in {tmp_path}/b.yaml:1 already",
    ]


def test_given_a_mistake_in_a_workflow_when_it_is_read_then_the_place_is_that_in_its_source(tmp_path: Path) -> None:
    (tmp_path / "order.workflow.yaml").write_text("main:\n  steps:\n    - a:\n        return: ${b}\n")
    found = told(tmp_path, one_yaml="kind: Workflow\nname: named\nsource: order.workflow.yaml\n")
    assert len(found) == 2  # once for the document that names it, once for the file that nobody could name
    assert {line.partition(": ")[0] for line in found} == {"order.workflow.yaml:4:19"}


def test_given_a_document_that_names_a_source_then_the_source_is_no_workflow_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "order.workflows.yaml").write_text("main: {steps: [{a: {return: 1}}]}\n")
    found = read(
        tmp_path, one_yaml="kind: Workflow\nname: named\nsource: order.workflows.yaml\ncallLogLevel: LOG_NONE\n"
    )
    assert keys(found) == ["workflow named (us-central1)"]
    assert found.watched == {str(tmp_path / "order.workflows.yaml")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("value: s3cret", "3:1: value: the value of a secret does not belong into a file"),
        ("payload: {data: czNjcmV0}", "3:1: payload: the value of a secret does not belong into a file"),
        ("valueFrom: s3cret", "3:1: valueFrom: must be {env: NAME} or {file: PATH}"),
        ("valueFrom: {env: HAKOBUNE_NOT_SET}", "3:13: valueFrom.env: the variable 'HAKOBUNE_NOT_SET' is not set"),
        ("valueFrom: {file: gone}", "3:13: valueFrom.file: {folder}/gone cannot be read: No such file or directory"),
        ("valueFrom: {file: empty}", "3:13: valueFrom.file: the value is empty"),
        ("ttl: 60s", "3:1: ttl: means another instant at each apply"),
    ],
)
def test_given_a_secret_whose_value_is_not_to_be_had_then_that_is_a_problem_without_the_value(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "empty").touch()
    found = read(tmp_path, a_yaml=f"kind: Secret\nname: token\n{text}\n").problems
    assert [one.text().partition("\n")[0] for one in found] == [
        f"{tmp_path}/a.yaml:{problem.replace('{folder}', str(tmp_path))}"
    ]
    assert "s3cret" not in "".join(one.text() for one in found)


def test_given_a_program_then_its_path_and_digest_are_in_the_job_and_its_files_are_no_definitions(
    tmp_path: Path,
) -> None:
    job = JOB.replace("    spec:\n      template:", "    metadata: {annotations: {hakobune.dev/source: app}}\n"
                      "    spec:\n      template:")  # fmt: skip
    app = tmp_path / "app"
    files = {"app__config_yaml": "kind: Nothing\n", "app__broken_yaml": "a: [\n", "job_yaml": job}
    first = read(tmp_path, **files)
    assert keys(first) == ["job thumbs (us-central1)"]
    assert first.watched == {str(app)}
    (app / "broken.yaml").write_text("a: [\n# more\n")
    (app / "__pycache__").mkdir()
    second = read_folder(str(tmp_path), GROUND)
    (app / "__pycache__" / "a.pyc").touch()
    third = read_folder(str(tmp_path), GROUND)
    first_body, second_body, third_body = (one.definitions[0].wanted.body for one in (first, second, third))
    assert first_body != second_body
    assert second_body == third_body
    assert str(app) in str(second_body)
    (line,) = told(tmp_path / "other", job_yaml=job)
    assert line == (
        f"job.yaml:6:30: spec.template.metadata.annotations['hakobune.dev/source']: {tmp_path}/other/app is no folder"
    )
    wrong = job.replace("image: local", "imag: local")
    assert [line.partition(":")[0] for line in told(tmp_path / "third", app__a_yaml="[", job_yaml=wrong)] == [
        "job.yaml"
    ]


def test_given_aliases_that_stand_for_millions_when_they_are_read_then_they_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["kind: Topic", "name: orders", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    line = only(tmp_path, "\n".join(lines))
    assert line.endswith("has more than 200000 values")


def test_given_a_pipe_in_the_folder_then_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "gone.yaml").symlink_to("nowhere.yaml")
    assert told(tmp_path, topic_yaml="kind: Topic\nname: orders\n") == [
        f"gone.yaml:1:1: Unable to read file [{tmp_path}/gone.yaml]: No such file or directory"
    ]


def test_given_a_file_that_is_too_large_then_that_is_said(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    (line,) = told(tmp_path)
    assert line.endswith("it has more than 16777216 bytes")


def test_given_a_name_that_paints_the_terminal_then_it_is_shown_as_text(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J.yaml").write_text("kind: X\n")
    (line,) = told(tmp_path)
    assert line.startswith("a\\x1b[2J.yaml:1:1: ")


def test_given_references_when_they_are_read_then_they_are_known(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        job_yaml=JOB.replace(
            "containers: [{image: local, command: [/bin/true]}]",
            "serviceAccountName: batch-runner@demo-project.iam.gserviceaccount.com\n"
            "          volumes: [{name: v, csi: {driver: gcsfuse.run.googleapis.com,"
            " volumeAttributes: {bucketName: pictures}}}]\n"
            "          containers: [{image: local, command: [x],"
            " env: [{name: T, valueFrom: {secretKeyRef: {name: token, key: latest}}}]}]",
        ),
        a_yaml="kind: Schedule\nname: a\nschedule: 0 2 * * *\nhttpTarget: {uri: 'https://us-central1-run.googleapis.com"
        "/apis/run.googleapis.com/v1/namespaces/demo-project/jobs/thumbs:run'}\n",
        b_yaml="kind: Schedule\nname: b\nschedule: 0 2 * * *\npubsubTarget: {topicName: orders, data: aGk=}\n",
        c_yaml="kind: Schedule\nname: c\nschedule: 0 2 * * *\nhttpTarget: {uri: 'https://my-api-x1.a.run.app/run'}\n",
        d_yaml="kind: Schedule\nname: d\nschedule: 0 2 * * *\nhttpTarget: {uri: 'https://workflowexecutions.googleapis"
        ".com/v1/projects/demo-project/locations/europe-west1/workflows/order/executions'}\n",
        e_yaml="kind: Trigger\nname: e\neventFilters: [{attribute: type, value: google.cloud.storage.object.v1.finalized},\n  {attribute: bucket, value: in}]\n"
        "destination: {cloudRun: {service: api}}\n",
    )
    references = {one.key.id: one.wanted.references for one in found.definitions}
    assert references["thumbs"] == {
        Key("Secret", "", "token"),
        Key("Bucket", "", "pictures"),
        Key("ServiceAccount", "", "batch-runner"),
    }
    assert references["a"] == {Key("Job", "us-central1", "thumbs")}
    assert references["b"] == {Key("Topic", "", "orders")}
    assert Key("Service", "us-central1", "my-api") in references["c"]
    assert references["d"] == {Key("Workflow", "europe-west1", "order")}
    assert references["e"] == {Key("Service", "us-central1", "api"), Key("Bucket", "", "in")}


def test_given_a_data_directory_or_an_environment_in_the_folder_then_it_is_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "ark").mkdir()
    (tmp_path / "ark" / "state.sqlite3").touch()
    job = JOB.replace("    spec:\n      template:", "    metadata: {annotations: {hakobune.dev/source: .}}\n"
                      "    spec:\n      template:")  # fmt: skip
    files = {"job_yaml": job, "ark__sources__a__topic_yaml": "kind: Topic\nname: orders\n", ".venv__a_yaml": "["}
    first = read(tmp_path, **files)
    (tmp_path / "ark" / "state.sqlite3").write_text("changed")
    second = read_folder(str(tmp_path), GROUND)
    assert keys(first) == ["job thumbs (us-central1)"]
    assert first.definitions[0].wanted.body == second.definitions[0].wanted.body


def test_given_nothing_that_can_be_applied_then_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        read_folder(str(tmp_path / "gone"), GROUND)
    with pytest.raises(CommandError, match="holds no definition"):
        read(tmp_path, values_yaml="a: 1\n")
