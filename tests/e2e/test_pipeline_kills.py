"""examples/pipeline as a user runs it, from the request to the filed report, while the runtime dies by SIGKILL at random
instants: each upload has one outcome, what a receipt shows never goes back, and nothing is left running."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from runtime_process import HAKOBUNE, PROJECT, RuntimeProcess

EXAMPLE = Path(__file__).parents[2] / "examples" / "pipeline"
IS_SOAK = bool(os.environ.get("HAKOBUNE_SOAK"))
KILLS = 60 if IS_SOAK else 3
MARK = "HAKOBUNE_TEST_PIPELINE"
REGION = "us-central1"
RUN = f"/v2/projects/{PROJECT}/locations/{REGION}"
WORKFLOWS = f"/v1/projects/{PROJECT}/locations/{REGION}/workflows"
RECEIPTS = "/hakobune/v1/services/telop-reception/proxy/receipts"
GONE = (OSError, http.client.HTTPException)
OPEN = ("accepted", "running")
WITHIN_S = 300.0 if IS_SOAK else 120.0
GONE_WITHIN_S = 12.0
USERS = 4 if IS_SOAK else 2


def definitions(folder: Path, mark: str) -> Path:
    """The example for this interpreter, which has the libraries that its requirements.txt names, and this project."""
    target = folder / "pipeline"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("requirements.txt", "README.md", "__pycache__"))
    extra = f"""
            - {{name: {MARK}, value: {mark}}}
            - {{name: POLL_S, value: "0.1"}}
"""
    for path in target.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        text = text.replace("python3", sys.executable).replace("hakobune-local", PROJECT)
        text = text.replace("/tmp/telop-archive.db", str(folder / "archive.db")).replace('"0.5"', '"0.15"')
        text = text.replace("maxRetries: 3", "maxRetries: 10")  # each of the test's kills of a task uses one up
        if "\n          env:\n" in text:
            text = text.replace("\n          env:\n", f"\n          env:{extra}")
        elif "\n              env:\n" in text:
            text = text.replace("\n              env:\n", "\n              env:" + extra.replace("\n  ", "\n      "))
        path.write_text(text, encoding="utf-8")
    return target


def apply(runtime: RuntimeProcess, folder: Path) -> None:
    ours = ("CLOUDSDK_", "GOOGLE_", "HAKOBUNE_")
    environ = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    environ |= {"HAKOBUNE_URL": runtime.url, "GOOGLE_CLOUD_PROJECT": PROJECT}
    done = subprocess.run(
        [HAKOBUNE, "apply", "-f", str(folder), "--region", REGION, "--yes"], env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def upload_of(number: int) -> tuple[str, dict[str, Any]]:
    """What is uploaded, and the report that must come of it."""
    segments = [(f"00:{at:02d}", f"tower {number}", f"tower {number}") for at in range(9)]
    segments[4] = ("00:04", f"tea {number} cups", f"sea {number} cups")
    segments[7] = ("00:07", "a b", "a c")
    wrong = [
        {"id": 4000, "at": "00:04", "telop": "t", "speech": "s"},
        {"id": 7000, "at": "00:07", "telop": "b", "speech": "c"},
    ]
    return "".join("\t".join(segment) + "\n" for segment in segments), {"segments": 9, "mistakes": wrong}


class Watch:
    """What all who look at a receipt have been shown."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._highest = (0, 0.0, 0)
        self.last: Any = None
        self.problems: list[str] = []

    def highest(self) -> tuple[int, float, int]:
        with self._guard:
            return self._highest

    def note(self, receipt: Any, floor: tuple[int, float, int]) -> None:
        """`floor`: what somebody had been shown before this was asked for."""
        progress = receipt["progress"]
        shown = (receipt["revision"], progress["fraction"], progress.get("done", 0))
        with self._guard:
            if any(value < before for value, before in zip(shown, floor, strict=True)):
                self.problems.append(f"{floor} was shown before {receipt}")
            self._highest = tuple(map(max, shown, self._highest))  # type: ignore[assignment]
            if receipt["state"] not in OPEN:
                if self.last not in (None, receipt):
                    self.problems.append(f"{self.last} became {receipt}")
                self.last = receipt


class User:
    """Asks, uploads, and looks at the receipt in both ways until it is complete; then the next one."""

    def __init__(self, runtime: RuntimeProcess, first: int) -> None:
        self._runtime = runtime
        self._first = first
        self.stop = threading.Event()
        self.complete: dict[int, Any] = {}  # the last receipt of each upload
        self.problems: list[str] = []
        self.cut = 0  # streams that broke off
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(2 * WITHIN_S)
        assert not self._thread.is_alive(), f"a receipt is not complete\n{self._runtime.log[-3000:]}"

    def _work(self) -> None:
        for number in range(self._first, 10**6, USERS):
            if self.stop.is_set():
                return
            text, _ = upload_of(number)
            receipt = self._until(lambda number=number: self._asked(number))
            watch = Watch()
            stream = threading.Thread(target=self._listen, args=(receipt["id"], watch))
            stream.start()
            self._until(lambda text=text, receipt=receipt: self._uploaded(receipt["id"], text))
            end = time.monotonic() + WITHIN_S
            while watch.last is None and time.monotonic() < end:
                floor = watch.highest()
                answer = self._call("GET", f"{RECEIPTS}/{receipt['id']}")
                if answer is not None and answer.status == 200:
                    watch.note(answer.json, floor)
                time.sleep(0.03)  # as a page would ask, only more often
            stream.join(WITHIN_S)
            self.problems += watch.problems
            if watch.last is None:
                self.problems.append(f"the receipt of upload {number} is not complete: {watch.highest()}")
            else:
                self.complete[number] = watch.last

    def _until(self, look: Callable[[], Any]) -> Any:
        end = time.monotonic() + WITHIN_S
        while (found := look()) is None:
            assert time.monotonic() < end
            time.sleep(0.02)
        return found

    def _call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        try:
            return self._runtime.call(method, path, body, headers, timeout=20)
        except GONE:
            return None

    def _asked(self, number: int) -> Any:
        answer = self._call("POST", RECEIPTS, {"number": number}, {"Idempotency-Key": f"upload {number}"})
        return answer.json if answer is not None and answer.status == 202 else None

    def _uploaded(self, receipt: str, text: str) -> object:
        path = f"/upload/storage/v1/b/telop-uploads/o?uploadType=media&name={receipt}.tsv&ifGenerationMatch=0"
        answer = self._call("POST", path, text.encode())
        return answer if answer is not None and answer.status in (200, 412) else None

    def _listen(self, receipt: str, watch: Watch) -> None:
        """At times with the id of the last event, as a browser, at times without, as one that was loaded anew."""
        last: dict[str, str] = {}
        end = time.monotonic() + WITHIN_S
        while watch.last is None and time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", self._runtime.port, timeout=20)
            floor = watch.highest() if not last else (0, 0.0, 0)
            is_open = False
            try:
                connection.request("GET", f"{RECEIPTS}/{receipt}/events", headers=last)
                answer = connection.getresponse()
                is_open = answer.status == 200
                for line in answer if is_open else ():
                    if line.startswith(b"id: "):
                        last = {"Last-Event-ID": line[4:].decode().strip()}
                    elif line.startswith(b"data: "):
                        found = json.loads(line[6:])
                        watch.note(found, floor)
                        floor = (found["revision"], found["progress"]["fraction"], found["progress"].get("done", 0))
            except GONE:
                """The runtime or the service is gone, before the answer or amid it."""
            finally:
                connection.close()
            if is_open:
                self.cut += 1
                last = last if self.cut % 2 else {}
            time.sleep(0.02)


def alive(mark: str) -> list[dict[str, str]]:
    """The environments of the pipeline's processes."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = Path(f"/proc/{entry}/environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        env = dict(pair.partition("=")[::2] for pair in text.split("\0"))
        if env.get(MARK) == mark:
            found.append({**env, "pid": entry})
    return found


def kill(process: dict[str, str]) -> None:
    with suppress(ProcessLookupError):  # it has ended by itself
        os.kill(int(process["pid"]), signal.SIGKILL)


def wait_for(what: str, look: Callable[[], object], within_s: float) -> None:
    end = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def storm(runtime: RuntimeProcess, mark: str, dice: random.Random) -> None:
    """Kills of the runtime, and now and then of one of the pipeline's own processes at the same instant."""
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.1, 1.6))
        processes = alive(mark)
        if processes and dice.random() < 0.3:
            kill(dice.choice(processes))
        runtime.kill()
        runtime.start()


@pytest.mark.timeout(1200 if IS_SOAK else 240)
def test_given_kills_at_random_instants_when_uploads_are_made_then_each_has_one_outcome_and_progress_never_fell(
    own_runtime: RuntimeProcess, tmp_path: Path
) -> None:
    seed = int(os.environ.get("HAKOBUNE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"HAKOBUNE_SEED={seed}")
    mark = uuid.uuid4().hex
    runtime = own_runtime.start()
    try:
        apply(runtime, definitions(tmp_path, mark))
        users = [User(runtime, first) for first in range(USERS)]
        try:
            storm(runtime, mark, random.Random(seed))
        finally:
            for user in users:
                user.stop.set()
        for user in users:
            user.join()
        assert [problem for user in users for problem in user.problems] == []
        complete = {number: receipt for user in users for number, receipt in user.complete.items()}
        print(f"{KILLS} kills, {len(complete)} uploads, {sum(user.cut for user in users)} streams broke off")
        assert len(complete) >= USERS
        check(runtime, complete, tmp_path / "archive.db")
        tasks_are_gone = "a task is alive 12 s after its execution"
        wait_for(tasks_are_gone, lambda: all("CLOUD_RUN_JOB" not in env for env in alive(mark)), GONE_WITHIN_S)
        for name in ("services/telop-reception", "workerPools/filing"):
            assert runtime.call("DELETE", f"{RUN}/{name}").status == 200
        wait_for("a service or a worker is alive after its end", lambda: not alive(mark), GONE_WITHIN_S)
        assert runtime.stop() == 0, runtime.log
    finally:
        for process in alive(mark):
            kill(process)


def check(runtime: RuntimeProcess, complete: dict[int, Any], archive: Path) -> None:
    """One outcome for each upload, and nothing beside."""
    ids = {number: receipt["id"] for number, receipt in complete.items()}
    with closing(sqlite3.connect(archive)) as connection:
        rows = Counter(connection.execute("SELECT receipt, id, at, telop, speech FROM mistakes").fetchall())
    expected_rows: Counter[Any] = Counter()
    for number, receipt in complete.items():
        _, report = upload_of(number)
        place = f"telop-reports/{receipt['id']}/report.json"
        said = {"segments": 9, "mistakes": len(report["mistakes"]), "report": f"gs://{place}"}
        assert (receipt["state"], receipt.get("result")) == ("succeeded", said), receipt
        assert receipt["progress"]["fraction"] == 1.0
        found = runtime.call("GET", f"/{place}")
        assert (found.status, found.json) == (200, report)
        expected_rows.update((receipt["id"], m["id"], m["at"], m["telop"], m["speech"]) for m in report["mistakes"])
        again = runtime.call("POST", RECEIPTS, {"number": number}, {"Idempotency-Key": f"upload {number}"})
        assert again.json == receipt
    assert rows == expected_rows

    jobs = all_items(runtime, f"{RUN}/jobs/check-telops/executions", "executions")
    variables = [{pair["name"]: pair.get("value") for pair in env_of(execution)} for execution in jobs]
    assert Counter(env["HAKOBUNE_RECEIPT"] for env in variables) == Counter(ids.values())
    assert {execution["succeededCount"] for execution in jobs} == {4}
    waiting = all_items(runtime, f"{WORKFLOWS}/await-report/executions?view=FULL", "executions")
    assert Counter(json.loads(found["argument"])["receipt"] for found in waiting) == Counter(ids.values())
    checking = all_items(runtime, f"{WORKFLOWS}/check-upload/executions?view=FULL", "executions")
    uploads = Counter(json.loads(found["argument"])["data"]["name"] for found in checking)
    assert uploads == Counter(f"{receipt}.tsv" for receipt in ids.values())
    assert {found["state"] for found in waiting + checking} == {"SUCCEEDED"}


def env_of(execution: Any) -> list[Any]:
    return list(execution["template"]["containers"][0]["env"])


def all_items(runtime: RuntimeProcess, path: str, name: str) -> list[Any]:
    found: list[Any] = []
    token = ""
    while True:
        page = runtime.call("GET", f"{path}{'&' if '?' in path else '?'}pageSize=100&pageToken={token}").json
        found += page.get(name, [])
        token = page.get("nextPageToken", "")
        if not token:
            return found
