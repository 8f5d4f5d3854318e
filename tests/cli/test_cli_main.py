"""Words, help, errors and exit codes of the command as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import stub_server
from command_calls import Call

from hakobune.cli.commands import COMMANDS, GROUPS
from hakobune.cli.main import load


def test_help_is_there_for_every_group_and_every_command(hakobune: Call) -> None:
    for name in [*GROUPS, *COMMANDS]:
        answer = hakobune(*name.split(), "--help")
        assert (answer.code, answer.err) == (0, ""), name
        assert answer.out.startswith("NAME\n    hakobune")
        assert all(len(line) <= 80 for line in answer.lines if "$ " not in line and "hakobune" not in line), name


@pytest.mark.parametrize("words", [(), ("workflows",)])
def test_the_examples_of_a_group_name_commands_that_there_are(hakobune: Call, words: tuple[str, ...]) -> None:
    lines = [line.strip() for line in hakobune(*words, "--help").lines if line.strip().startswith("$ hakobune ")]
    assert len(lines) >= 8
    for line in lines:
        named = " ".join(word for word in line.removeprefix("$ hakobune ").split() if word.isalpha() or "-" in word)
        assert any(named.startswith(command) for command in COMMANDS), line


def test_every_command_has_a_text_and_an_example() -> None:
    for name in COMMANDS:
        command = load(name)
        assert command.text.endswith((".", '"', ".)")), name
        assert command.examples, name
        assert all(line.startswith(("hakobune", "eval")) for _, line in command.examples), name


@pytest.mark.parametrize("track", ["alpha", "beta"])
def test_every_run_command_has_its_alpha_and_beta_name(hakobune: Call, track: str) -> None:
    for name in COMMANDS:
        if name.startswith("run "):
            assert hakobune(track, *name.split(), "--help").code == 0, name


def test_given_no_words_then_the_help_page_is_printed(hakobune: Call) -> None:
    assert hakobune().out == hakobune("--help").out == hakobune("help").out


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        (["run", "jobs"], 2, "ERROR: (hakobune.run.jobs) Command name argument expected."),
        (["run", "jbs"], 2, "ERROR: (hakobune.run) Invalid choice: 'jbs'. Maybe you meant:\n  hakobune run jobs"),
        (["run", "jobs", "execut", "x"], 2, "Maybe you meant:\n  hakobune run jobs execute"),
        (["graph", "a.yaml"], 2, "Invalid choice: 'graph'. Maybe you meant:\n  hakobune workflows graph\n"),
        (["services", "list"], 2, "Invalid choice: 'services'. Maybe you meant:\n  hakobune run services\n"),
        (["workflow", "list"], 2, "Invalid choice: 'workflow'. Maybe you meant:\n  hakobune workflows\n"),
        (
            ["storage", "objects", "delete"],
            2,
            ("Invalid choice: 'delete'. Maybe you meant:\n  hakobune storage buckets delete\n"
             "  hakobune storage buckets notifications delete\nTo"),
        ),
        (["compute"], 2, "ERROR: (hakobune) Invalid choice: 'compute'. What may follow: alpha, apply, auth, beta, doctor"),
        (["run", "jobs", "list", "--region=Mars"], 2, "argument --region: [Mars] is not a region."),
        (["run", "jobs", "describe", "x", "--location=9"], 2, "argument --location: [9] is not a region."),
        (["run", "jobs", "execute", "thumbs", "--region=a.b"], 2, "argument --region: [a.b] is not a region."),
        (["run", "jobs", "execute", "thumbs", "--task", "5"], 2, "unrecognized arguments: --task (did you mean '--tasks'?) 5"),
        (["run", "jobs", "list", "extra"], 2, "ERROR: (hakobune.run.jobs.list) unrecognized arguments: extra"),
        (["beta", "run", "jobs", "list", "--lmit=1"], 2, "ERROR: (hakobune.beta.run.jobs.list) unrecognized arguments"),
        (["run", "jobs", "describe"], 2, "ERROR: (hakobune.run.jobs.describe) argument JOB: Must be specified."),
        (["run", "jobs", "executions", "tasks", "list"], 2, "argument --execution: Must be specified."),
        (["run", "jobs", "describe", "nope"], 1, "ERROR: (hakobune.run.jobs.describe) Cannot find job [nope]."),
        (["run", "jobs", "list", "--format=bogus"], 1, "Format must be one of config, csv"),
        (["run", "jobs", "list", "--filter=name:"], 1, "Term operand expected [name: *HERE*]."),
        (["run", "jobs", "list", "--access-token-file=/nope"], 1, "The access token file [/nope] cannot be read"),
    ],
)  # fmt: skip
def test_a_mistake_gets_its_text_and_exit_code(
    hakobune: Call, stub: stub_server.Stub, argv: list[str], code: int, text: str
) -> None:
    stub.add_job("thumbs")
    answer = hakobune(*argv)
    assert answer.code == code
    assert text in answer.err
    assert answer.out == ""


def test_a_usage_error_ends_with_the_remedy(hakobune: Call) -> None:
    lines = hakobune("run", "jobs", "execute", "x", "--tasks=0").err.splitlines()
    assert lines == [
        "ERROR: (hakobune.run.jobs.execute) argument --tasks: Value must be greater than or equal to 1; received: 0",
        "Usage: hakobune run jobs execute [JOB] [flags]",
        "To see what it takes, run: hakobune run jobs execute --help",
    ]


def test_global_flags_may_stand_before_the_words(hakobune: Call, stub: stub_server.Stub) -> None:
    assert hakobune("--project", "p2", "run", "--format=none", "jobs", "list", "-q").code == 0
    assert stub.last("GET").path.endswith("/namespaces/p2/jobs")


def test_given_a_region_of_the_shell_that_cannot_be_one_then_its_variable_is_named(
    hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_job("thumbs")
    monkeypatch.setenv("CLOUDSDK_RUN_REGION", "us-central1/x")
    answer = hakobune("run", "jobs", "execute", "thumbs")
    assert (answer.code, stub.seen) == (2, [])
    assert "CLOUDSDK_RUN_REGION: [us-central1/x] is not a region." in answer.err


def test_help_says_what_counts_without_a_flag_and_what_its_opposite_means(hakobune: Call) -> None:
    page = " ".join(hakobune("run", "jobs", "executions", "tasks", "list", "--help").out.split())
    assert "--no-completed Tasks that have not ended: running or pending." in page
    assert "--no-started Tasks that were not started: pending or abandoned." in page
    assert "--region=REGION The region; else CLOUDSDK_RUN_REGION, else us-central1." in page
    assert "else GOOGLE_CLOUD_PROJECT, else hakobune-local." in page


@pytest.mark.usefixtures("impatient")
def test_given_no_runtime_then_one_line_says_how_to_start_it(hakobune: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAKOBUNE_URL", "http://127.0.0.1:1")
    answer = hakobune("run", "jobs", "list")
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "No runtime answers at http://127.0.0.1:1" in answer.err
    assert answer.err.endswith("Start one with: hakobune up\n")


@pytest.mark.parametrize("url", ["127.0.0.1:8642", "ftp://x", "http://127.0.0.1:x", "http://127.0.0.1:99999"])
def test_a_bad_address_is_refused_with_the_remedy(hakobune: Call, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HAKOBUNE_URL", url)
    answer = hakobune("run", "jobs", "list")
    assert answer.code == 1
    assert "Remedy: " in answer.err


def test_the_project_comes_from_the_flag_then_gcloud_then_google(
    hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "third")
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "second")
    for argv, project in ((["--project=first"], "first"), ([], "second")):
        hakobune("run", "jobs", "list", *argv)
        assert f"/namespaces/{project}/jobs" in stub.last("GET").path
    monkeypatch.delenv("CLOUDSDK_CORE_PROJECT")
    hakobune("run", "jobs", "list")
    assert "/namespaces/third/jobs" in stub.last("GET").path
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    hakobune("run", "jobs", "list")
    assert "/namespaces/hakobune-local/jobs" in stub.last("GET").path


def test_the_region_is_in_the_host_and_defaults_without_a_question(
    hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_job("thumbs")
    hakobune("run", "jobs", "describe", "thumbs")
    assert stub.last("GET").host == "us-central1-run.googleapis.com"
    monkeypatch.setenv("CLOUDSDK_RUN_REGION", "europe-west1")
    hakobune("run", "jobs", "describe", "thumbs")
    assert stub.last("GET").host == "europe-west1-run.googleapis.com"
    hakobune("run", "jobs", "describe", "thumbs", "--location=asia-northeast1")
    assert stub.last("GET").host == "asia-northeast1-run.googleapis.com"
    hakobune("run", "jobs", "list")
    assert stub.last("GET").host == "run.googleapis.com"


def test_the_token_is_sent_and_never_shown(
    hakobune: Call, stub: stub_server.Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    path = f"{tmp_path}/token"
    with open(path, "w", encoding="ascii") as file:
        file.write("tok-123\n")
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", path)
    answer = hakobune("run", "jobs", "list", "--log-http")
    assert stub.last("GET").headers["authorization"] == "Bearer tok-123"
    assert "==> GET /apis/run.googleapis.com/v1/namespaces/p1/jobs" in answer.err
    assert "tok-123" not in answer.err + answer.out


def test_harmless_flags_are_noted_once_on_stderr(hakobune: Call, stub: stub_server.Stub) -> None:
    answer = hakobune("run", "jobs", "list", "--account=a@b.c", "--impersonate-service-account=x@y.z")
    assert answer.code == 0
    assert answer.err.count("NOTE: ") == 2
    assert "NOTE: --account makes no difference here" in answer.err


def test_user_output_can_be_switched_off(hakobune: Call, stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    answer = hakobune("run", "jobs", "execute", "thumbs", "--wait", "--no-user-output-enabled", "--format=json")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_errors_of_the_api_name_every_field(hakobune: Call, stub: stub_server.Stub) -> None:
    violations = [{"field": "spec.x", "description": "too big"}, {"field": "spec.y", "description": "too small"}]
    error = {"code": 400, "status": "INVALID_ARGUMENT", "message": "No.", "details": [{"fieldViolations": violations}]}
    stub.errors["GET", "/jobs"] = (400, {"error": error})
    answer = hakobune("run", "jobs", "list")
    assert answer.code == 1
    assert answer.err == ("ERROR: (hakobune.run.jobs.list) INVALID_ARGUMENT: No.\nspec.x: too big\nspec.y: too small\n")


def test_given_a_reader_that_has_gone_when_printing_then_there_is_no_traceback(stub: stub_server.Stub) -> None:
    for index in range(2000):
        stub.add_job(f"job-{index:04d}")
    environ = {**os.environ, "HAKOBUNE_URL": stub.url, "CLOUDSDK_CORE_PROJECT": "p1"}
    line = f"{sys.executable} -m hakobune.cli.main run jobs list | head -1"
    done = subprocess.run(["sh", "-c", line], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert "JOB" in done.stdout
    assert done.stderr == ""


def test_given_ctrl_c_while_waiting_then_the_execution_goes_on_and_the_text_says_so(stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    stub.never_ending.add("thumbs")
    environ = {**os.environ, "HAKOBUNE_URL": stub.url, "CLOUDSDK_CORE_PROJECT": "p1"}
    command = [sys.executable, "-m", "hakobune.cli.main", "run", "jobs", "execute", "thumbs", "--wait"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not any("/executions/" in request.path for request in stub.seen):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "execution [thumbs-x0001] goes on" in err
    assert "executions describe thumbs-x0001" in err
    assert "executions cancel thumbs-x0001" in err
    assert "Traceback" not in err
    assert "failed" not in err  # nothing has
    assert not any(":cancel" in request.path for request in stub.seen)


def test_the_start_imports_nothing_heavy() -> None:
    heavy = "asyncio http.client dataclasses inspect typing argparse yaml socket ssl datetime urllib.parse"
    code = (
        "import sys; from hakobune.cli.main import main; main(['run', 'jobs', '--help']);"
        "main(['run', 'jobs', 'execute', '--help']);"
        f"print([n for n in '{heavy}'.split() if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"


def test_a_list_imports_nothing_heavy(stub: stub_server.Stub) -> None:
    stub.add_job("thumbs")
    heavy = "asyncio http.client dataclasses inspect typing argparse yaml socket ssl datetime urllib.parse"
    code = (
        "import sys; from hakobune.cli.main import main; assert main(['run', 'jobs', 'list']) == 0;"
        f"print([n for n in '{heavy}'.split() if n in sys.modules], file=sys.stderr)"
    )
    environ = {**os.environ, "HAKOBUNE_URL": stub.url, "CLOUDSDK_CORE_PROJECT": "p1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert "thumbs" in done.stdout
    assert done.stderr.strip() == "[]"
