"""Writes attempt logs and a supervisor's spool as the process engine does, and marks what is promised. Runs under the
recorder."""

from __future__ import annotations

import json
import os
import sys

from marks import mark

from hakobune.engines.logs.writer import LaneLog
from hakobune.engines.process import spool as spool_module
from hakobune.engines.process.spool import Spool
from hakobune.engines.process.wireformat import ENDED

BATCHES = 40
LIMIT_BYTES = 400_000  # nothing is rotated away in a recording
spool_module.SEGMENT_BYTES = 2_000  # type: ignore[misc]  # several segments in a short recording


def write_logs(root: str) -> None:
    """Small attempts share a segment; a loud one gets files of its own. Half way the writer dies and a new one goes
    on."""
    log = LaneLog(f"{root}/logs/lane", tail_limit_bytes=LIMIT_BYTES)
    for batch in range(BATCHES):
        if batch == BATCHES // 2:
            log.flush()
            log = LaneLog(f"{root}/logs/lane", tail_limit_bytes=LIMIT_BYTES)
        for index in range(5):
            log.append(100.0 + batch, index, 0, 7, 1, f"{index} {batch}".encode())
        for part in range(4):
            log.append(100.0 + batch, 9, 0, 7, 2, f"9 {batch * 4 + part} ".encode() + b"x" * 2_000)
        if batch % 3 == 2:
            log.sync()
            assert log.failure is None
            for index in range(5):
                mark(f"log {index} {batch}")
            mark(f"log 9 {batch * 4 + 3}")
        elif batch % 3 == 1:
            log.flush()
    log.end_attempt(9, 7)
    log.sync()
    mark(f"log 9 {BATCHES * 4 - 1}")


def write_spool(root: str) -> None:
    """Reports are spooled, synced, acknowledged; the supervisor dies twice."""
    folder = f"{root}/spool"
    for life in range(3):
        spool = Spool(folder)
        _, cursor = spool.recover()
        mark(f"life {life} {cursor}")
        for batch in range(15):
            records = [
                (cursor + place, json.dumps([ENDED, f"uid-{cursor + place}", "y" * 40]), f"uid-{cursor + place}")
                for place in range(3)
            ]
            cursor += 3
            spool.append(records)
            if batch % 2:
                spool.sync()
                mark(f"spooled {cursor - 1}")
            if batch % 5 == 4:
                mark(f"acknowledged {cursor - 7}")
                spool.acknowledge(cursor - 7)


for name in ("logs", "spool"):
    os.mkdir(f"{sys.argv[1]}/{name}")
# Who makes the two folders syncs their names; here it is the driver.
fd = os.open(sys.argv[1], os.O_RDONLY)
os.fsync(fd)
os.close(fd)
write_logs(sys.argv[1])
write_spool(sys.argv[1])
