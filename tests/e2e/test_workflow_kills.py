"""Real processes, real kills: the runtime dies by SIGKILL at random instants under 50 executions of workflows."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runtime_process import LOCATION, PROJECT, RuntimeProcess

KILLS = 110 if os.environ.get("HAKOBUNE_SOAK") else 5
AT_ONCE = 50
BASE = f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
ANSWER_S = 0.05
FLAKY_FAILURES = 2

# Every call says by its path which step of which execution it is; its answer is what its body has, doubled.
SUBWORKFLOW = """
ask:
  params: [input, step, n]
  steps:
    - post:
        call: http.post
        args:
          url: ${input.url + "/" + input.id + "/" + step}
          body: {n: "${n}"}
        result: r
    - done:
        return: ${r.body.n}
"""
SOURCES = {
    "chain": """
main:
  params: [input]
  steps:
    - start:
        assign: [{total: 0}]
    - turns:
        for:
          value: i
          range: [1, 20]
          steps:
            - call_it:
                call: ask
                args: {input: "${input}", step: "${\\"s\\" + string(i)}", n: "${i}"}
                result: n
            - add:
                assign: [{total: "${total + n}"}]
            - pause:
                call: sys.sleep
                args: {seconds: 0.15}
    - done:
        return: ${total}
""",
    "fan": """
main:
  params: [input]
  steps:
    - start:
        assign: [{total: 0}, {names: [a, b, c, d, e, f]}]
    - rounds:
        for:
          value: i
          range: [1, 6]
          steps:
            - fan:
                parallel:
                  shared: [total]
                  concurrency_limit: 3
                  for:
                    value: name
                    in: ${names}
                    steps:
                      - call_it:
                          call: ask
                          args: {input: "${input}", step: "${name + string(i)}", n: "${i}"}
                          result: n
                      - add:
                          assign: [{total: "${total + n}"}]
    - done:
        return: ${total}
""",
    "flaky": """
main:
  params: [input]
  steps:
    - start:
        assign: [{found: []}]
    - turns:
        for:
          value: i
          range: [1, 4]
          steps:
            - try_it:
                try:
                  call: http.post
                  args:
                    url: ${input.url + "/" + input.id + "/flaky" + string(i)}
                    body: {n: "${i}"}
                  result: r
                retry:
                  predicate: ${http.default_retry_predicate}
                  max_retries: 5
                  backoff: {initial_delay: 0.2, max_delay: 0.5, multiplier: 2}
            - keep:
                assign: [{found: "${list.concat(found, r.body.n)}"}]
    - done:
        return: ${found}
""",
    "rest": """
main:
  params: [input]
  steps:
    - before:
        call: ask
        args: {input: "${input}", step: before, n: 1}
        result: a
    - mark:
        assign: [{id: "${uuid.generate()}"}, {at: "${sys.now()}"}]
    - rest:
        call: sys.sleep
        args: {seconds: 6}
    - after:
        call: ask
        args: {input: "${input}", step: after, n: "${a}"}
        result: b
    - constant:
        switch:
          - condition: ${sys.now() - at < 6 or len(id) != 36}
            raise: time went back
    - done:
        return: ${b}
""",
    "error": """
main:
  params: [input]
  steps:
    - start:
        assign: [{n: 0}]
    - turns:
        for:
          value: i
          range: [1, 8]
          steps:
            - call_it:
                call: ask
                args: {input: "${input}", step: "${\\"s\\" + string(i)}", n: "${i}"}
                result: n
            - pause:
                call: sys.sleep
                args: {seconds: 0.3}
    - fail:
        raise: ${"no luck with " + string(n)}
""",
}
# State, and result or error payload.
OUTCOMES: dict[str, tuple[str, object]] = {
    "chain": ("SUCCEEDED", 420),
    "fan": ("SUCCEEDED", 252),
    "flaky": ("SUCCEEDED", [2, 4, 6, 8]),
    "rest": ("SUCCEEDED", 4),
    "error": ("FAILED", "no luck with 16"),
}
# The calls that each execution makes.
STEPS: dict[str, list[str]] = {
    "chain": [f"s{i}" for i in range(1, 21)],
    "fan": [f"{name}{i}" for name in "abcdef" for i in range(1, 7)],
    "flaky": [f"flaky{i}" for i in range(1, 5)],
    "rest": ["before", "after"],
    "error": [f"s{i}" for i in range(1, 9)],
}


class World:
    """The service that is called, and what it saw: for each path the keys with the bodies they came with."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.seen: dict[str, dict[str, list[bytes]]] = defaultdict(dict)

    def answer(self, path: str, key: str, body: bytes) -> tuple[int, dict[str, int]]:
        """Status and JSON. A key that comes again is answered as before."""
        with self.guard:
            keys = self.seen[path]
            keys.setdefault(key, []).append(body)
            attempt = list(keys).index(key)
        if "/flaky" in path and attempt < FLAKY_FAILURES:
            return 503, {}
        return 200, {"n": json.loads(body)["n"] * 2}


@contextmanager
def serving(world: World) -> Iterator[str]:
    """The service's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code, answer = world.answer(self.path, self.headers["Idempotency-Key"], body)
            time.sleep(ANSWER_S)  # so that kills meet calls under way
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Callers that are killed break their connections."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Executions:
    """Those that were begun: their kinds by name."""

    def __init__(self, runtime: RuntimeProcess, url: str) -> None:
        self._runtime = runtime
        self._url = url
        self.kinds: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self._under_way: set[str] = set()

    def deploy(self) -> None:
        for kind, source in SOURCES.items():
            body = {"sourceContents": source + SUBWORKFLOW}
            answer = self._runtime.call("POST", f"{BASE}?workflowId={kind}", body)
            assert "response" in answer.json, answer.body

    def fill(self) -> None:
        """Begin as many as are missing to AT_ONCE."""
        self._under_way = {name for name in self._under_way if self.get(name)["state"] not in FINAL}
        kinds = list(SOURCES)
        while len(self._under_way) < AT_ONCE:
            number = len(self.kinds)
            kind, identifier = kinds[number % len(kinds)], f"e{number}"
            argument = json.dumps({"url": self._url, "id": identifier})
            answer = self._runtime.call("POST", f"{BASE}/{kind}/executions", {"argument": argument})
            assert answer.status == 200, answer.body
            name = answer.json["name"]
            self.kinds[name] = kind
            self.ids[name] = identifier
            self._under_way.add(name)

    def get(self, name: str) -> Any:
        answer = self._runtime.call("GET", f"/v1/{name}")
        assert answer.status == 200, answer.body
        return answer.json

    def ended(self, name: str, clock: Callable[[], float], end_s: float) -> Any:
        while (found := self.get(name))["state"] not in FINAL:
            assert clock() < end_s, found
            time.sleep(0.05)
        return found


@pytest.mark.timeout(1800)
def test_given_50_executions_when_the_runtime_is_killed_again_and_again_then_all_end_right_and_calls_keep_their_keys(
    own_runtime: RuntimeProcess,
) -> None:
    seed = int(os.environ.get("HAKOBUNE_KILL_SEED", random.randrange(1_000_000)))
    print(f"HAKOBUNE_KILL_SEED={seed}")
    rng = random.Random(seed)
    world = World()
    with serving(world) as url:
        own_runtime.start()
        executions = Executions(own_runtime, url)
        executions.deploy()
        for _ in range(KILLS):
            own_runtime.wait_ready()
            executions.fill()
            time.sleep(rng.uniform(0.0, 1.0))
            own_runtime.kill()
            own_runtime.start(wait=False)
            if rng.random() < 0.3:  # also while it starts
                time.sleep(rng.uniform(0.0, 0.5))
                own_runtime.kill()
                own_runtime.start(wait=False)
        own_runtime.wait_ready()
        end_s = time.monotonic() + 120
        ended = {name: executions.ended(name, time.monotonic, end_s) for name in executions.kinds}

    repeated = 0
    for name, kind in executions.kinds.items():
        state, value = OUTCOMES[kind]
        execution = ended[name]
        assert execution["state"] == state, execution
        told = execution["result"] if state == "SUCCEEDED" else execution["error"]["payload"]
        assert json.loads(told) == value, execution
        for step in STEPS[kind]:
            keys = world.seen.pop(f"/{executions.ids[name]}/{step}")
            assert len(keys) == (FLAKY_FAILURES + 1 if kind == "flaky" else 1), (name, step, keys)
            for key, bodies in keys.items():
                assert key.startswith(f"{name}/"), (name, key)
                assert set(bodies) == {bodies[0]}, (key, bodies)
                repeated += len(bodies) - 1
    assert not world.seen, "calls that no execution should have made"
    print(f"{len(ended)} executions, {repeated} calls repeated")
