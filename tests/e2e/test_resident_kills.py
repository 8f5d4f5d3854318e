"""Real processes, real kills: the runtime dies by SIGKILL at random instants while services and worker pools are
deployed, scaled and deleted. Afterwards as many instances run as were declared, all of the newest program."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runtime_process import LOCATION, PROJECT, RuntimeProcess

KILLS = 60 if os.environ.get("HAKOBUNE_SOAK") else 3
MARK = "HAKOBUNE_TEST_RESIDENTS"
BASE = f"/v2/projects/{PROJECT}/locations/{LOCATION}"
GONE = (OSError, http.client.HTTPException)
SETTLED_WITHIN_S = 60.0

SERVER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(os.environ["WORD"].encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
WORKER = "import time\nwhile True: time.sleep(0.05)"


@dataclass
class Wish:
    """What was declared last, accepted or not: after the storm it is declared once more."""

    mark: str
    word: int = 0
    workers: int = 2
    problems: list[str] = field(default_factory=list)

    def container(self, code: str) -> dict[str, Any]:
        return {
            "image": "local",
            "command": [sys.executable, "-S", "-c", code],
            "env": [{"name": MARK, "value": self.mark}, {"name": "WORD", "value": str(self.word)}],
        }

    def service(self) -> dict[str, Any]:
        scaling = {"minInstanceCount": 1}
        return {"template": {"containers": [self.container(SERVER)], "scaling": scaling}}

    def pool(self) -> dict[str, Any]:
        template = {"containers": [self.container(WORKER)]}
        return {"template": template, "scaling": {"manualInstanceCount": self.workers}}


def alive(mark: str) -> list[dict[str, str]]:
    """The environments of the processes that carry our mark."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            pairs = (part.partition("=") for part in text.decode(errors="replace").split("\0"))
            env = {name: value for name, _, value in pairs}
            if env.get(MARK) == mark:
                found.append({**env, "pid": entry})
    return found


def act(runtime: RuntimeProcess, wish: Wish, dice: random.Random) -> None:
    """One change, which the kill may meet anywhere."""
    choice = dice.random()
    if choice < 0.35:
        wish.word += 1
        send(runtime, wish, "PATCH", f"{BASE}/services/web?allowMissing=true", wish.service())
    elif choice < 0.7:
        wish.workers = dice.randint(0, 3)
        wish.word += dice.randint(0, 1)
        send(runtime, wish, "PATCH", f"{BASE}/workerPools/crew?allowMissing=true", wish.pool())
    else:
        kind = dice.choice(("services/web", "workerPools/crew"))
        send(runtime, wish, "DELETE", f"{BASE}/{kind}", None)


def send(runtime: RuntimeProcess, wish: Wish, method: str, path: str, body: object) -> None:
    try:
        answer = runtime.call(method, path, body, timeout=10)
    except GONE:
        return
    if answer.status not in (200, 404, 503):
        wish.problems.append(f"{method} {path}: {answer.status} {answer.body[:300]!r}")


def settled(runtime: RuntimeProcess, name: str, body: object) -> dict[str, Any]:
    """Declare, and wait until the operation is done."""
    begun = runtime.call("PATCH", f"{BASE}/{name}?allowMissing=true", body)
    assert begun.status == 200, begun.body
    operation = begun.json["name"]
    end = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < end:
        found = runtime.call("GET", f"/v2/{operation}").json
        if found.get("done"):
            assert "error" not in found, found
            return dict(found["response"])
        time.sleep(0.05)
    raise AssertionError(f"{name} is not ready:\n{runtime.log[-3000:]}")


def is_as_declared(wish: Wish) -> bool:
    processes = alive(wish.mark)
    servers = [env for env in processes if "K_SERVICE" in env]
    workers = [env for env in processes if "CLOUD_RUN_WORKER_POOL" in env]
    return (
        len(processes) == len(servers) + len(workers)
        and [env["WORD"] for env in servers] == [str(wish.word)]
        and [env["WORD"] for env in workers] == [str(wish.word)] * wish.workers
    )


def wait_for(what: str, look: Any, within_s: float = SETTLED_WITHIN_S) -> None:
    end = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.mark.timeout(900 if KILLS > 10 else 180)
def test_given_kills_at_random_instants_when_it_is_calm_again_then_what_was_declared_runs_and_nothing_else(
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("HAKOBUNE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"HAKOBUNE_SEED={seed}")
    dice = random.Random(seed)
    wish = Wish(mark=uuid.uuid4().hex)
    runtime = RuntimeProcess(tmp_path / "data", arguments=("--location", LOCATION)).start()
    try:
        settled(runtime, "services/web", wish.service())
        settled(runtime, "workerPools/crew", wish.pool())
        for _ in range(KILLS):
            for _ in range(dice.randint(1, 3)):
                act(runtime, wish, dice)
            time.sleep(dice.random() * 0.4)
            if dice.random() < 0.3:
                for env in alive(wish.mark)[:1]:
                    os.kill(int(env["pid"]), signal.SIGKILL)
            runtime.kill()
            runtime.start()
        assert wish.problems == []
        wish.word += 1
        wish.workers = 2
        service = settled(runtime, "services/web", wish.service())
        settled(runtime, "workerPools/crew", wish.pool())
        wait_for("other processes run than were declared", lambda: is_as_declared(wish))
        before = sorted(env["pid"] for env in alive(wish.mark))
        runtime.kill()
        runtime.start()
        host = service["uri"].removeprefix("https://")
        wait_for("the service does not answer", lambda: answer_of(runtime, host) == str(wish.word))
        assert sorted(env["pid"] for env in alive(wish.mark)) == before  # they were taken over
        for name in ("services/web", "workerPools/crew"):
            assert runtime.call("DELETE", f"{BASE}/{name}").status == 200
        wait_for("something was left", lambda: not alive(wish.mark))
    finally:
        runtime.stop()
        for env in alive(wish.mark):
            os.kill(int(env["pid"]), signal.SIGKILL)


def answer_of(runtime: RuntimeProcess, host: str) -> str:
    try:
        return runtime.call("GET", "/", headers={"host": host}).body.decode()
    except GONE as error:
        return json.dumps(str(error))
