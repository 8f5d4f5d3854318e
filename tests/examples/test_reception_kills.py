"""A service that is killed again and again while it accepts: each request has one receipt and one execution."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from hakobune.sdk import Job, Reception
from runtime_process import BASE, LOCATION, PROJECT, RuntimeProcess

IS_SOAK = bool(os.environ.get("HAKOBUNE_SOAK"))
KILLS = 110 if IS_SOAK else 6
KEYS = 200 if IS_SOAK else 30
ACCEPT_ALL = """
import sys
from hakobune.sdk import Job, Reception
with Reception(Job("received"), sys.argv[1]) as reception:
    print("ready", flush=True)
    for number in range(int(sys.argv[2]), int(sys.argv[3])):
        reception.accept({"number": number}, key=f"order {number}")
"""


@pytest.mark.timeout(600 if IS_SOAK else 120)
def test_given_kills_while_requests_are_accepted_when_all_are_repeated_then_each_has_one_receipt_and_one_execution(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    runtime.create("received", ["true"])
    dice = random.Random(7)
    environ = {
        "HAKOBUNE_URL": runtime.url,
        "GCE_METADATA_HOST": f"127.0.0.1:{runtime.port}",
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_REGION": LOCATION,
    }
    place = str(tmp_path / "receipts")
    for _ in range(KILLS):
        first = dice.randrange(KEYS)
        command = [sys.executable, "-c", ACCEPT_ALL, place, str(first), str(KEYS)]
        with subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(dice.uniform(0.0, 0.3))  # the instant of the kill is the test's subject
            process.kill()

    reception = Reception(Job("received"), place, environ=environ)
    receipts = [reception.accept({"number": number}, key=f"order {number}") for number in range(KEYS)]
    assert reception.start_open() == 0
    names = [receipt.execution for receipt in receipts]
    assert all(names)
    assert Counter(requests(runtime)) == Counter(f'{{"number":{number}}}' for number in range(KEYS))


def requests(runtime: RuntimeProcess) -> list[str]:
    """The request that each execution of the job was started with."""
    found: list[str] = []
    token = ""
    while True:
        answer = runtime.call("GET", f"{BASE}/jobs/received/executions?pageSize=100&pageToken={token}").json
        for execution in answer["executions"]:
            variables = {pair["name"]: pair["value"] for pair in execution["template"]["containers"][0]["env"]}
            found.append(variables["HAKOBUNE_REQUEST"])
        token = answer.get("nextPageToken", "")
        if not token:
            return found
