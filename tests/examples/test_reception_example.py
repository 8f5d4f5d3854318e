"""examples/reception as a user runs it: a service, a job behind it, and kills of everything in between."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from example_programs import EXAMPLES, Programs, programs, until, with_sdk

from runtime_process import HAKOBUNE, LOCATION, PROJECT, RuntimeProcess, free_port

TEXTS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
LETTERS = sum(map(len, TEXTS))


class Service:
    """The example's service on a port of its own; may be killed and started again there."""

    def __init__(self, running: Programs, source: Path, runtime: RuntimeProcess, receipts: str) -> None:
        self.port = free_port()
        self._running, self._source = running, source
        self._variables = {
            "PORT": str(self.port),
            "RECEIPTS": receipts,
            "POLL_S": "0.05",
            "HAKOBUNE_URL": runtime.url,
            "GCE_METADATA_HOST": f"127.0.0.1:{runtime.port}",
            "STORAGE_EMULATOR_HOST": runtime.url,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GOOGLE_CLOUD_REGION": LOCATION,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self._running.start(self._source / "main.py", **self._variables)
        until(self._answers, "the service listens")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        try:
            return self.call("GET", "/")[0] == 200
        except OSError:
            assert self.process is not None
            assert self.process.poll() is None, self._running.texts()
            return False

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def receipt(self, location: str) -> Any:
        status, _, body = self.call("GET", location)
        assert status == 200, body
        return json.loads(body)


def deploy_letters(runtime: RuntimeProcess, source: Path, each_s: float, *flags: str) -> None:
    subprocess.run(
        [
            HAKOBUNE, "run", "jobs", "deploy", "letters", "--source", str(source), "--region", LOCATION,
            "--set-env-vars", f"SECONDS_EACH={each_s}", "--max-retries", "3", *flags,
        ],
        env={**os.environ, "HAKOBUNE_URL": runtime.url, "GOOGLE_CLOUD_PROJECT": PROJECT},
        check=True,
        capture_output=True,
    )  # fmt: skip


class Reader:
    """Reads a receipt's events as a browser does: comes again after each end, with the id of the last event."""

    def __init__(self, port: int, location: str) -> None:
        self._port, self._location = port, location
        self.seen: list[Any] = []
        self.ends = 0
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        last: dict[str, str] = {}
        while not self.seen or self.seen[-1]["state"] in ("accepted", "running"):
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                connection.request("GET", f"{self._location}/events", headers=last)
                for line in connection.getresponse():
                    if line.startswith(b"id: "):
                        last = {"Last-Event-ID": line[4:].decode().strip()}
                    elif line.startswith(b"data: "):
                        self.seen.append(json.loads(line[6:]))
            except (OSError, http.client.HTTPException):
                self.ends += 1  # the service was killed
            finally:
                connection.close()


def executions(runtime: RuntimeProcess) -> list[Any]:
    found = runtime.call("GET", f"/v2/projects/{PROJECT}/locations/{LOCATION}/jobs/letters/executions").json
    return list(found.get("executions", []))


def test_given_kills_of_the_runtime_the_service_and_the_task_when_it_ends_then_one_outcome_and_progress_never_fell(
    own_runtime: RuntimeProcess, tmp_path: Path
) -> None:
    own_runtime.start()
    deploy_letters(own_runtime, with_sdk(EXAMPLES / "reception" / "letters", tmp_path), 0.3)
    with programs(tmp_path / "logs") as running:
        source = with_sdk(EXAMPLES / "reception" / "service", tmp_path)
        service = Service(running, source, own_runtime, str(tmp_path / "receipts"))
        service.start()
        status, headers, body = service.call("POST", "/receipts", {"texts": TEXTS}, **{"Idempotency-Key": "k"})
        assert status == 202, body
        location = headers["location"]
        reader = Reader(service.port, location)

        until(lambda: progress_of(reader) >= 0.25, "two texts are counted")
        kill_task(tmp_path)
        service.kill()
        service.start()
        own_runtime.kill()
        own_runtime.start()
        reader.join()

        again = service.call("POST", "/receipts", {"texts": TEXTS}, **{"Idempotency-Key": "k"})
        assert json.loads(again[2]) == service.receipt(location) == reader.seen[-1]

    assert reader.seen[-1]["state"] == "succeeded", reader.seen[-1]
    assert reader.seen[-1]["result"] == {"letters": LETTERS}
    fractions = [receipt["progress"]["fraction"] for receipt in reader.seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert reader.ends >= 1
    (execution,) = executions(own_runtime)
    assert execution["retriedCount"] == 1


def progress_of(reader: Reader) -> float:
    return float(reader.seen[-1]["progress"]["fraction"]) if reader.seen else 0.0


def kill_task(folder: Path) -> None:
    """SIGKILL to the job's task: the process that runs with a receipt and a working directory below the folder."""
    (pid,) = [int(entry) for entry in filter(str.isdigit, os.listdir("/proc")) if is_task(entry, folder)]
    os.kill(pid, signal.SIGKILL)


def is_task(entry: str, folder: Path) -> bool:
    try:
        variables = Path(f"/proc/{entry}/environ").read_bytes()
        return b"HAKOBUNE_RECEIPT=" in variables and Path(f"/proc/{entry}/cwd").readlink().is_relative_to(folder)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def test_given_receipts_in_a_bucket_then_the_job_s_result_comes_back_through_it(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    program = ("--command", sys.executable, "--args", "main.py")  # which has google-cloud-storage
    deploy_letters(runtime, with_sdk(EXAMPLES / "reception" / "letters", tmp_path), 0.0, *program)
    assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": "receipts"}).status == 200
    with programs(tmp_path / "logs") as running:
        source = with_sdk(EXAMPLES / "reception" / "service", tmp_path)
        service = Service(running, source, runtime, "gs://receipts/letters")
        service.start()
        status, headers, body = service.call("POST", "/receipts", {"texts": TEXTS})
        assert status == 202, body
        until(lambda: service.receipt(headers["location"])["state"] not in ("accepted", "running"), "it is final")
        found = service.receipt(headers["location"])
        assert found["state"] == "succeeded", found
        assert found["result"] == {"letters": LETTERS}
