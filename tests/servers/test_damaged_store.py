"""A database file that is damaged while the runtime runs: whoever asks is told what to do, until the very end."""

from __future__ import annotations

import http.client
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_process import PROJECT, RuntimeProcess

WORKFLOWS = f"/v1/projects/{PROJECT}/locations/us-central1/workflows"
PAGE_BYTES = 4096
CLIENTS = 12
# `hakobune` whose wheel looks at its leases every 2 seconds instead of every 20: that look ends it.
QUICK = "import sys; from hakobune.runtime import wheel; wheel.LEASE_S = 6.0; from hakobune.cli.main import main; sys.exit(main())"


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[RuntimeProcess]:
    started = RuntimeProcess(tmp_path / "data", program=(sys.executable, "-c", QUICK)).start()
    yield started
    started.stop()


def damage(directory: Path) -> None:
    """Overwrite all of the file but its first page, which says that it is a database."""
    path = directory / "state.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with open(path, "r+b") as file:
        size = file.seek(0, 2)
        file.seek(PAGE_BYTES)
        file.write(b"\xab" * (size - PAGE_BYTES))


def test_given_a_damaged_database_when_clients_go_on_asking_then_each_answer_until_the_end_tells_what_to_do(
    runtime: RuntimeProcess,
) -> None:
    created = runtime.call("POST", f"{WORKFLOWS}?workflowId=a", {"sourceContents": "- a: {return: 1}"})
    assert created.status == 200
    damage(runtime.directory)
    answers: list[tuple[int, bytes]] = []
    cuts: list[Exception] = []
    ends_s = time.monotonic() + 60

    def ask(number: int) -> None:
        """Until the server says that it closes the connection, or nobody listens any more."""
        method, path = ("POST", f"{WORKFLOWS}/a/executions") if number % 2 else ("GET", f"{WORKFLOWS}/a")
        connection = http.client.HTTPConnection("127.0.0.1", runtime.port, timeout=30)
        try:
            while time.monotonic() < ends_s:
                connection.request(method, path, body=b"{}" if method == "POST" else None)
                answer = connection.getresponse()
                answers.append((answer.status, answer.read()))
                if answer.getheader("Connection") == "close":
                    return
                time.sleep(0.02)
        except OSError as error:
            cuts.append(error)
        finally:
            connection.close()

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    assert runtime.process is not None
    code = runtime.process.wait(60)
    for client in clients:
        client.join()
    assert (code, cuts) == (1, [])
    assert len(answers) > CLIENTS
    assert {status for status, _ in answers} == {503}
    for _, body in answers:
        assert b"The file state.sqlite3 in the data directory is damaged" in body
        assert b"restore it from a backup" in body
