"""DBOS Transact on SQLite, as a process that answers lines. Runs under an interpreter that has `dbos`, not ours.

    python workflows_dbos.py DIRECTORY        a line `WORKFLOWS STEPS` in, the seconds that they took out

Its system database has its own defaults: a rollback journal and synchronous=FULL, so a step is safe from power cuts.
"""

import os
import sys
import time

from dbos import DBOS


@DBOS.step()
def step(number: int, total: int) -> int:
    return total + number


@DBOS.workflow()
def workflow(steps: int) -> int:
    total = 0
    for number in range(steps):
        total = step(number, total)
    return total


def main() -> None:
    url = "sqlite:///" + os.path.join(sys.argv[1], "dbos.sqlite")
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "run_admin_server": False})
    DBOS.launch()
    DBOS.start_workflow(workflow, 2).get_result()
    print("ready", flush=True)
    for line in sys.stdin:
        workflows, steps = map(int, line.split())
        started_s = time.perf_counter()
        for handle in [DBOS.start_workflow(workflow, steps) for _ in range(workflows)]:
            handle.get_result()
        print(time.perf_counter() - started_s, flush=True)
    DBOS.destroy()


main()
