"""The published guide's workflow and its retry block, as they stand there, against services on this machine."""

from __future__ import annotations

import base64
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runtime_process import LOCATION, PROJECT, RuntimeProcess

BASE = f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
LATE_S = 1.5  # by so much may a call come after its wait, on a busy machine

# Verbatim from the guide: URLs, comments and all.
GUIDE = """\
# workflow.yaml — OCRと音声認識を並列実行し、結果を照合する（テロップ誤字検出の骨子）
main:
  params: [input]
  steps:
    - extract_subtitles:
        call: http.post
        args:
          url: ${"https://api-xxxxx.a.run.app/extract"}
          auth: { type: OIDC }   # 認証付きCloud Runサービスを安全に呼ぶ
          body: { video: ${input.video} }
        result: frames

    # ★ OCRと音声認識は相互依存しない → 並列実行で時間短縮
    - analyze_in_parallel:
        parallel:
          shared: [ocr_result, asr_result]
          branches:
            - ocr_branch:
                steps:
                  - run_ocr:
                      call: http.post
                      args:
                        url: ${"https://ocr-xxxxx.a.run.app/run"}
                        auth: { type: OIDC }
                        body: { frames: ${frames.body} }
                      result: ocr_result
            - asr_branch:
                steps:
                  - run_asr:
                      call: http.post
                      args:
                        url: ${"https://asr-xxxxx.a.run.app/run"}
                        auth: { type: OIDC }
                        body: { video: ${input.video} }
                      result: asr_result

    - reconcile:
        call: http.post
        args:
          url: ${"https://api-xxxxx.a.run.app/reconcile"}
          auth: { type: OIDC }
          body: { ocr: ${ocr_result.body}, asr: ${asr_result.body} }
        result: report
    - done:
        return: ${report.body}
"""
RETRY = """\
    - call_flaky_service:
        try:
          call: http.post
          args:
            url: ${"https://flaky-xxxxx.a.run.app/run"}
            auth: { type: OIDC }
          result: r
        retry:
          predicate: ${http.default_retry_predicate}   # 5xx等で再試行
          max_retries: 5
          backoff: { initial_delay: 1, max_delay: 60, multiplier: 2 }
        except:
          as: e
          steps:
            - handle:
                call: sys.log
                args: { text: ${"failed: " + e.message}, severity: ERROR }
"""
FRAME = f"""\
main:
  steps:
{RETRY}
    - done:
        return: "gone on"
"""

# Path, body and headers → status and JSON.
Answer = Callable[[str, Any, Any], tuple[int, object]]


@contextmanager
def service(answer: Answer) -> Iterator[str]:
    """A service of one answer; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            code, found = answer(self.path, json.loads(body) if body else None, self.headers)
            data = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def start(runtime: RuntimeProcess, folder: Path, **services: str) -> None:
    """A runtime on which these names stand for services."""
    config = folder / "hakobune.yaml"
    config.write_text(json.dumps({"service_urls": services}))
    runtime.arguments = (f"--config={config}",)
    runtime.start()


def run(runtime: RuntimeProcess, source: str, argument: object, within_s: float = 60.0) -> Any:
    """The execution of a definition, when it has ended."""
    answer = runtime.call("POST", f"{BASE}?workflowId=guide", {"sourceContents": source})
    assert "response" in answer.json, answer.body
    begun = runtime.call("POST", f"{BASE}/guide/executions", {"argument": json.dumps(argument)}).json
    end_s = time.monotonic() + within_s
    while (found := runtime.call("GET", f"/v1/{begun['name']}").json)["state"] not in FINAL:
        assert time.monotonic() < end_s, found
        time.sleep(0.05)
    return found


def audience(headers: Any) -> str:
    """For whom the ID token of a request is."""
    kind, _, token = headers["Authorization"].partition(" ")
    assert kind == "Bearer"
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["aud"])


def test_given_the_guides_workflow_then_it_runs_and_both_branches_are_under_way_at_once(
    own_runtime: RuntimeProcess, tmp_path: Path
) -> None:
    both = threading.Barrier(2, timeout=20)  # each branch's service answers when the other one was called as well
    calls: list[tuple[str, Any, str]] = []

    def api(path: str, body: Any, headers: Any) -> tuple[int, object]:
        calls.append((f"api{path}", body, audience(headers)))
        return 200, {"frames": [1, 2, 3]} if path == "/extract" else {"typos": ["teh"], "from": body}

    def ocr(path: str, body: Any, headers: Any) -> tuple[int, object]:
        calls.append((f"ocr{path}", body, audience(headers)))
        both.wait()
        return 200, {"text": "teh news"}

    def asr(path: str, body: Any, headers: Any) -> tuple[int, object]:
        calls.append((f"asr{path}", body, audience(headers)))
        both.wait()
        return 200, {"text": "the news"}

    with service(api) as api_url, service(ocr) as ocr_url, service(asr) as asr_url:
        start(own_runtime, tmp_path, api=api_url, ocr=ocr_url, asr=asr_url)
        execution = run(own_runtime, GUIDE, {"video": "gs://harbour/one.mp4"})

    assert execution["state"] == "SUCCEEDED", execution
    given = {"ocr": {"text": "teh news"}, "asr": {"text": "the news"}}
    assert json.loads(execution["result"]) == {"typos": ["teh"], "from": given}
    first, second, third, last = calls
    assert first == ("api/extract", {"video": "gs://harbour/one.mp4"}, "https://api-xxxxx.a.run.app/extract")
    assert sorted([second, third]) == [
        ("asr/run", {"video": "gs://harbour/one.mp4"}, "https://asr-xxxxx.a.run.app/run"),
        ("ocr/run", {"frames": {"frames": [1, 2, 3]}}, "https://ocr-xxxxx.a.run.app/run"),
    ]
    assert last == ("api/reconcile", given, "https://api-xxxxx.a.run.app/reconcile")


# The last answer ends it: no predicate tries a 400 again. With 503 to the end it takes half a minute.
FEW = [503, 503, 503, 400]
ALL = [503] * 6


@pytest.mark.parametrize("codes", [ALL if os.environ.get("HAKOBUNE_SOAK") else FEW])
def test_given_the_guides_retry_block_then_waits_double_and_its_handler_logs_an_error(
    own_runtime: RuntimeProcess, tmp_path: Path, codes: list[int]
) -> None:
    times: list[float] = []
    keys: set[str] = set()

    def flaky(path: str, body: Any, headers: Any) -> tuple[int, object]:
        del path, body
        times.append(time.monotonic())
        keys.add(headers["Idempotency-Key"])
        return codes[len(times) - 1], {}

    with service(flaky) as url:
        start(own_runtime, tmp_path, flaky=url)
        execution = run(own_runtime, FRAME, None)

    assert (execution["state"], execution["result"]) == ("SUCCEEDED", '"gone on"')
    assert len(times) == len(keys) == len(codes)
    waits = [after - before for before, after in itertools.pairwise(times)]
    for number, wait_s in enumerate(waits):
        assert 2**number <= wait_s < 2**number + LATE_S, waits
    (entry,) = own_runtime.entries(f'severity=ERROR AND logName="projects/{PROJECT}/logs/Workflows"')
    assert entry["textPayload"] == f"failed: HTTP server responded with error code {codes[-1]}"
    assert entry["resource"]["labels"]["workflow_id"] == "guide"
