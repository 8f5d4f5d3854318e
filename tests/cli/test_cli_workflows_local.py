"""`hakobune workflows run FILE`: no server, nothing deployed."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import workflow_files as files
from command_calls import Call, Outcome

from hakobune.cli.main import main
from runtime_process import HAKOBUNE, RuntimeProcess, free_port


@pytest.fixture
def run(no_settings: None, run_here: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """`run(source, *flags)` writes the source to `flow.yaml` and runs it. Where a server would be, nobody answers."""
    monkeypatch.setenv("HAKOBUNE_URL", f"http://127.0.0.1:{free_port()}")

    def call(source: str, *flags: str) -> Outcome:
        (tmp_path / "flow.yaml").write_text(source)
        return run_here("workflows", "run", "flow.yaml", *flags)

    return call


class Service:
    """A small HTTP service that remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.failures = 0  # so many answers are 503
        self.said: object = None  # the body of those
        self.port = 0


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            del args

        def do_GET(self) -> None:
            found.seen.append(("GET", self.path, {key.lower(): value for key, value in self.headers.items()}))
            found.failures, fails = max(0, found.failures - 1), found.failures > 0
            said = found.said if fails and found.said is not None else {"path": self.path}
            body = json.dumps(said).encode()
            self.send_response(503 if fails else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def returns(expression: str, *steps: str) -> str:
    return "main:\n  params: [args]\n  steps:\n" + "".join(steps) + f"    - done:\n        return: {expression}\n"


# -- what is printed ----------------------------------------------------------------------------------------------


def test_given_a_file_when_it_runs_then_the_result_is_on_stdout_and_the_steps_on_stderr(run: Call) -> None:
    done = run(files.SUM, '--data={"n": 4}')
    assert (done.code, done.out) == (0, "10\n")
    assert [line.partition(" s  ")[2] for line in done.err.splitlines()][:3] == [
        "main.init",
        "main.loop",
        "main.add",
    ]


def test_given_a_loop_of_many_rounds_when_it_runs_then_its_steps_are_told_now_and_then(run: Call) -> None:
    done = run(files.SUM, '--data={"n": 1000}')
    told = [line.split("main.add")[1].strip() for line in done.err.splitlines() if "main.add" in line]
    assert told == ["", "(time 2)", "(time 3)", "(time 4)", "(time 5)", "(time 10)", "(time 100)", "(time 1000)"]


def test_given_the_format_json_when_a_file_runs_then_the_whole_execution_is_printed(run: Call) -> None:
    done = run(files.SUM, '--data={"n": 1}', "--format=json")
    execution = json.loads(done.out)
    assert (execution["state"], execution["result"], execution["argument"]) == ("SUCCEEDED", "1", '{"n": 1}')
    assert "/workflows/flow/executions/" in execution["name"]


def test_given_less_verbosity_when_a_file_runs_then_the_steps_are_not_told(run: Call) -> None:
    done = run(files.SUM, '--data={"n": 1}', "--verbosity=error")
    assert (done.out, done.err) == ("1\n", "")


def test_given_a_log_step_when_it_runs_then_the_entry_is_a_line_of_stderr(run: Call) -> None:
    step = "    - say:\n        call: sys.log\n        args: {data: {a: 1}, severity: WARNING}\n"
    assert '  WARNING   {"a":1}\n' in run(returns("${1}", step)).err


# -- errors -------------------------------------------------------------------------------------------------------


def test_given_an_error_nobody_handles_when_a_file_runs_then_its_line_is_shown_and_the_code_is_1(run: Call) -> None:
    done = run(files.FAILS)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-6:] == [
        "ERROR: (hakobune.workflows.run) The execution failed.",
        'RuntimeError: "went wrong"',
        'in step "boom", routine "main", line: 3',
        "flow.yaml:3:7",
        "        - boom:",
        "          ^",
    ]
    done = run(files.FAILS, "--format=value(state)")
    assert (done.code, done.out) == (1, "FAILED\n")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            {"error": {"code": 503, "message": "the stock is being counted"}},
            ["The server said: the stock is being counted"],
        ),
        ("come back later\n", ["The server said: come back later"]),
        ({"error": {"message": "a" * 600}}, ["The server said: " + "a" * 500 + "…"]),
        ({"error": "odd"}, []),
        ([1], []),
    ],
)
@pytest.mark.parametrize("is_in_branch", [False, True])
def test_given_a_server_that_refuses_when_nobody_handles_it_then_what_it_said_is_told(
    run: Call, service: Service, said: object, told: list[str], is_in_branch: bool
) -> None:
    service.failures, service.said = 1, said
    call = f"call: http.get, args: {{url: 'http://127.0.0.1:{service.port}/'}}"
    if is_in_branch:
        source = f"- b: {{parallel: {{branches: [{{a: {{steps: [{{g: {{{call}}}}}]}}}}]}}}}\n"
    else:
        source = f"- g: {{{call}}}\n"
    done = run(source, "--verbosity=error")
    assert done.code == 1
    assert [line.strip() for line in done.err.splitlines() if "server said" in line] == told


def test_given_an_error_in_a_branch_when_a_file_runs_then_the_branch_is_named(run: Call) -> None:
    source = """\
main:
  steps:
    - both:
        parallel:
          branches:
            - left:
                steps:
                  - fine: {assign: [{a: 1}]}
            - right:
                steps:
                  - bad: {raise: oh no}
"""
    done = run(source)
    assert done.code == 1
    assert 'branch right: RuntimeError: "oh no"' in done.err
    assert '    in step "bad", routine "main", line: 11' in done.err


def test_given_a_definition_with_two_mistakes_when_it_runs_then_both_are_told_with_their_places(run: Call) -> None:
    done = run(files.BAD)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("ERROR: (hakobune.workflows.run) [flow.yaml] cannot run: there are 2 problems.\n")
    assert "flow.yaml:5:" in done.err
    assert "flow.yaml:7:" in done.err


def test_given_a_definition_with_a_mistake_when_it_runs_then_warnings_are_told_too_each_with_its_line(
    run: Call,
) -> None:
    done = run('- a: {return: "${1 +}"}\n- b: {return: "x ${y}"}\n')
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "WARNING: flow.yaml:2:15: in step b: '${' within a text is no expression: the text is taken as it is "
        "[embedded-expression]\n"
        '    - b: {return: "x ${y}"}\n'
        "                  ^\n"
        '  make the whole value one expression: ${"x " + y}\n'
        "ERROR: (hakobune.workflows.run) [flow.yaml] cannot run: there is 1 problem.\n"
        "flow.yaml:1:21: error in step a: error evaluating return value: expected a value, found the end of the "
        "expression [syntax]\n"
        '    - a: {return: "${1 +}"}\n'
        "                        ^\n"
        "  write a value behind '+', or leave it out\n"
    )


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--data={"], 2, "argument --data: is not valid JSON: Expecting property name"),
        (["--data=@none.json"], 1, "argument --data: [none.json] cannot be read"),
        (["--set-env-vars=GOOGLE_X=1"], 2, "argument "),
        (["--limits=some"], 2, "Invalid choice: 'some'"),
        (["--config=none.yaml"], 2, "none.yaml cannot be read"),
    ],
)
def test_given_flags_that_cannot_be_when_a_file_runs_then_they_are_named(
    run: Call, flags: list[str], code: int, message: str
) -> None:
    done = run(files.SUM, *flags)
    assert (done.code, message in done.err, done.out) == (code, True, "")


def test_given_no_such_file_when_it_runs_then_it_is_named(run: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workflows", "run", "missing.yaml"]) == 1
    assert capsys.readouterr().err == (
        "ERROR: (hakobune.workflows.run) Unable to read file [missing.yaml]: No such file or directory\n"
    )


def test_given_a_file_that_is_no_text_when_it_runs_then_its_line_is_named(
    run: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"main:\n  steps:\n    - a: {return: \xe9}\n")
    assert main(["workflows", "run", "latin.yaml"]) == 1
    assert "line 3 is not UTF-8 text" in capsys.readouterr().err


# -- limits and variables -----------------------------------------------------------------------------------------


def test_given_a_limit_of_the_service_when_a_file_goes_beyond_it_then_the_flag_decides(run: Call) -> None:
    entries = "".join(f"          - v{n}: {n}\n" for n in range(51))
    source = returns("${v50}", f"    - many:\n        assign:\n{entries}")
    assert run(source).code == 1
    warned = run(source, "--limits=warn")
    assert (warned.code, warned.out, "WARNING: flow.yaml:" in warned.err) == (0, "50\n", True)


def test_given_limits_that_only_warn_when_a_run_goes_beyond_them_then_each_is_told_once(run: Call) -> None:
    loop = "    - l: {for: {value: v, range: [1, 100000], steps: [{d: {assign: [{s: 1}]}}]}}\n"
    source = returns("${json.encode_to_string([args]) + json.encode_to_string([args])}", loop)
    data = json.dumps("x" * 600_000)
    warned = run(source, "--limits=warn", f"--data={data}", "--verbosity=warning")
    assert warned.code == 0
    assert warned.err == (
        "WARNING: [flow.yaml] 100002 steps were executed, the limit of the service is 100000.\n"
        "WARNING: [flow.yaml] 600002 bytes were in the argument, the limit of the service is 524288.\n"
        "WARNING: [flow.yaml] 1200014 bytes were in the result, the limit of the service is 524288.\n"
    )
    off = run(source, "--limits=off", f"--data={data}", "--verbosity=warning")
    assert (off.code, off.err, off.out) == (0, "", warned.out)


def test_given_variables_when_a_file_runs_then_it_reads_them_and_those_that_are_built_in(run: Call) -> None:
    source = returns('${sys.get_env("A") + sys.get_env("GOOGLE_CLOUD_WORKFLOW_ID")}')
    assert run(source, "--set-env-vars=A=1").out == '"1flow"\n'


# -- the world ----------------------------------------------------------------------------------------------------


def test_given_calls_and_a_retry_when_a_file_runs_then_the_service_is_called_for_real(
    run: Call, service: Service
) -> None:
    service.failures = 1
    source = returns(
        "${r.body.path}",
        f"""\
    - get:
        try:
          call: http.get
          args: {{url: "http://127.0.0.1:{service.port}/items"}}
          result: r
        retry: {{predicate: "${{http.default_retry_predicate}}", max_retries: 3,
                backoff: {{initial_delay: 0.01, max_delay: 1, multiplier: 2}}}}
""",
    )
    done = run(source)
    assert (done.code, done.out) == (0, '"/items"\n')
    assert [path for _, path, _ in service.seen] == ["/items", "/items"]
    keys = [headers["idempotency-key"] for _, _, headers in service.seen]
    assert len(set(keys)) == 2
    assert "  main.get  503, " in done.err
    assert "  main.get  200, " in done.err


def test_given_service_urls_in_the_settings_when_a_run_app_host_is_called_then_the_service_gets_it_with_a_token(
    run: Call, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "hakobune.yaml").write_text(f"service_urls:\n  ocr: http://127.0.0.1:{service.port}\n")
    source = returns(
        "${r.body.path}",
        "    - get:\n        call: http.get\n        args:\n          url: https://ocr-x7k2p-an.a.run.app/read\n"
        "          auth: {type: OIDC}\n        result: r\n",
    )
    assert run(source).out == '"/read"\n'
    ((_, _, headers),) = service.seen
    assert headers["authorization"].startswith("Bearer ey")


def test_given_no_server_when_an_api_of_google_is_called_then_the_error_says_how_to_start_one(run: Call) -> None:
    source = returns(
        "${r}",
        "    - list:\n        call: googleapis.workflows.v1.projects.locations.workflows.list\n"
        "        args: {parent: projects/p/locations/us-central1}\n        result: r\n",
    )
    done = run(source)
    assert done.code == 1
    assert "workflows.googleapis.com is served by a runtime, and none answers at" in done.err
    assert "hakobune up" in done.err


def test_given_a_server_when_an_api_of_google_is_called_then_it_answers(
    run: Call, runtime: RuntimeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAKOBUNE_URL", runtime.url)
    source = returns(
        '${default(map.get(r, "workflows"), "none")}',
        "    - list:\n        call: googleapis.workflows.v1.projects.locations.workflows.list\n"
        "        args: {parent: projects/nobody-here/locations/us-central1}\n        result: r\n",
    )
    assert run(source).out == '"none"\n'


# -- callbacks and the end ----------------------------------------------------------------------------------------


def _begun(tmp_path: Path, source: str, *flags: str) -> subprocess.Popen[str]:
    (tmp_path / "flow.yaml").write_text(source)
    return subprocess.Popen(
        [HAKOBUNE, "workflows", "run", "flow.yaml", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )


def _line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"{text!r} was not told")


def _answer(method: str, url: str, body: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request(method, parts.path, body, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_given_a_callback_when_somebody_calls_it_then_the_run_goes_on_with_the_body(tmp_path: Path) -> None:
    process = _begun(tmp_path, files.CALLBACK)
    url = _line_with(process, "waits up to").split()[-1]
    assert _answer("GET", url, "") == 405
    assert _answer("POST", url + "x", "{}") == 404
    assert _answer("POST", url, '{"ok": true}') == 200
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out)) == (0, {"ok": True})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_given_a_waiting_run_when_it_is_interrupted_then_it_is_cancelled_at_once(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = _begun(tmp_path, files.SLEEPS, "--format=value(state)")
    _line_with(process, "waits 3")
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "CANCELLED\n")
    assert err == "ERROR: (hakobune.workflows.run) The execution was cancelled.\n"
    assert time.monotonic() - begun < 10


def test_given_a_loop_without_an_end_when_it_is_interrupted_then_it_is_cancelled(tmp_path: Path) -> None:
    source = "main:\n  steps:\n    - again:\n        assign: [{n: 1}]\n        next: again\n"
    process = _begun(tmp_path, source, "--limits=off")
    _line_with(process, "main.again (time 1000)")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_given_nobody_at_an_address_when_a_run_calls_it_then_the_system_says_why_and_waits_have_their_length(
    run: Call,
) -> None:
    port = free_port()
    source = f"""
- nap: {{call: sys.sleep, args: {{seconds: 0.25}}}}
- ask: {{call: http.get, args: {{url: "http://127.0.0.1:{port}/"}}}}
"""
    done = run(source)
    assert done.code == 1
    assert "s  main.nap  waits 0.25 s\n" in done.err
    told = f"ConnectionFailedError: no connection to 127.0.0.1:{port}: Connection refused\n"
    assert f"s  main.ask  {told}" in done.err
    assert f"ERROR: (hakobune.workflows.run) The execution failed.\n{told}" in done.err


def test_given_an_api_that_is_not_served_when_a_run_calls_its_connector_then_it_is_named_with_what_to_do(
    run: Call,
) -> None:
    done = run("- ask: {call: googleapis.bigquery.v2.datasets.list, args: {projectId: p}}\n")
    assert "connector googleapis.bigquery.v2.datasets.list is not supported here: bigquery.googleapis.com" in done.err
    assert "set google_token_command in hakobune.yaml" in done.err
