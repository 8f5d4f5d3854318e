"""Snapshots, forks and digests of a project.

A digest leaves out instants, uids and what depends on timing (attempt records, etags, commit numbers), so two runs
of the same work that ended the same have the same digest: the proof that a crash changed nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3

from hakobune.core.errors import AlreadyExists, NotFound
from hakobune.store.queries import queries

_TABLES = ("jobs", "executions", "tasks", "attempts")


def _rows(connection: sqlite3.Connection, project: str) -> dict[str, list[dict[str, object]]]:
    sql = queries("changes")
    found: dict[str, list[dict[str, object]]] = {table: [] for table in _TABLES}
    found["jobs"] = [dict(row) for row in connection.execute(sql["project_jobs"], {"project": project})]
    found["executions"] = [dict(row) for row in connection.execute(sql["project_executions"], {"project": project})]
    for execution in found["executions"]:
        parameters = {"execution_id": execution["id"]}
        found["tasks"] += [dict(row) for row in connection.execute(sql["project_tasks"], parameters)]
        found["attempts"] += [dict(row) for row in connection.execute(sql["project_attempts"], parameters)]
    return found


def digest(connection: sqlite3.Connection, project: str) -> str:
    """SHA-256 (hex) of what the project's jobs and executions have come to."""
    found = _rows(connection, project)
    names = {row["id"]: row["execution"] for row in found["executions"]}
    lines = [["job", row["location"], row["job"], row["execution_count"]] for row in found["jobs"]]
    lines += [
        [row[key] for key in ("execution", "state", "succeeded", "failed", "cancelled")] for row in found["executions"]
    ]
    lines += [[names[row["execution_id"]], row["idx"], row["state"], row["result"]] for row in found["tasks"]]
    text = "\n".join(sorted(json.dumps(line, sort_keys=True) for line in lines))
    return hashlib.sha256(text.encode()).hexdigest()


def snapshot(connection: sqlite3.Connection, name: str, project: str, now_s: float) -> None:
    """Keep all rows of a project under a name. Raises AlreadyExists."""
    try:
        connection.execute(
            queries("changes")["insert_snapshot"],
            {"snapshot": name, "project": project, "create_s": now_s, "doc": json.dumps(_rows(connection, project))},
        )
    except sqlite3.IntegrityError:
        raise AlreadyExists(f"Snapshot '{name}' already exists.") from None


def fork(connection: sqlite3.Connection, name: str, project: str, seq: int) -> None:
    """Make an empty project equal to a snapshot: the same names and states under new uids.
    Executions that had not ended are left out: their attempts belong to the original."""
    row = connection.execute(queries("changes")["find_snapshot"], {"snapshot": name}).fetchone()
    if row is None:
        raise NotFound(f"Snapshot '{name}' does not exist.")
    if connection.execute(queries("changes")["project_jobs"], {"project": project}).fetchone() is not None:
        raise AlreadyExists(f"Project '{project}' is not empty.")
    found: dict[str, list[dict[str, object]]] = json.loads(row["doc"])
    job_uids = {job["uid"]: f"{job['uid']}-{seq:x}" for job in found["jobs"]}
    ids: dict[object, object] = {}
    for job in found["jobs"]:
        new = {**job, "uid": job_uids[job["uid"]], "project": project, "latest_execution": None, "changed_seq": seq}
        _rename(new, project, str(new["uid"]))
        _insert(connection, "jobs", new)
    for execution in found["executions"]:
        if execution["completion_s"] is None:
            continue
        new = {
            **execution,
            "uid": f"{execution['uid']}-{seq:x}",
            "job_uid": job_uids.get(execution["job_uid"], execution["job_uid"]),
            "project": project,
            "operation": "",
            "changed_seq": seq,
        }
        _rename(new, project, str(new["uid"]))
        ids[execution["id"]] = _insert(connection, "executions", new)
        parameters = {"id": ids[execution["id"]], "job_uid": new["job_uid"], "seq": seq}
        connection.execute(queries("jobs")["uncount_execution_of_job"], parameters)
    for table in ("tasks", "attempts"):
        for item in found[table]:
            if item["execution_id"] in ids:
                _insert(connection, table, {**item, "execution_id": ids[item["execution_id"]]}, has_id=False)


def _rename(new: dict[str, object], project: str, uid: str) -> None:
    """The document repeats name and uid: they follow."""
    document = json.loads(str(new["doc"]))
    document["name"]["project"] = project
    document["uid"] = uid
    if "job_uid" in document:
        document["job_uid"] = new["job_uid"]
    new["doc"] = json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _insert(connection: sqlite3.Connection, table: str, values: dict[str, object], *, has_id: bool = True) -> object:
    columns = [column for column in values if column != "id" or not has_id]
    marks = ", ".join(f":{column}" for column in columns)
    # Table and column names are our own schema's, never a user's.
    cursor = connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608
        values,
    )
    return cursor.lastrowid
