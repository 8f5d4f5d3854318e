"""The published guide's workflow, as it stands there, against services outside of the runtime: both branches at once."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from guide_blocks import WORKFLOW

from runtime_process import LOCATION, PROJECT, RuntimeProcess

BASE = f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")

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
        execution = run(own_runtime, WORKFLOW, {"video": "gs://harbour/one.mp4"})

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
