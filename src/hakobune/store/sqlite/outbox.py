"""Outbox, timers and effects in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hakobune.store.api import Effect, EffectPhase, OutboxCommand, Timer
from hakobune.store.queries import queries

# A command's id is its commit's number and its place in that commit: it never comes again, so a late answer to an old
# command cannot touch a new one. 2^20 commands a commit, 2^43 commits.
_SEQ_SHIFT = 20


class SqliteOutbox:
    """Commands between commit and perform."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        self._connection = connection
        self._next_id = seq << _SEQ_SHIFT
        self._sql = queries("outbox")

    def add(self, room: str, subject: str, kind: str, payload: str, *, owner: str, expires_s: float) -> OutboxCommand:
        command_id = self._next_id
        self._next_id += 1
        self._connection.execute(
            self._sql["add"],
            {
                "id": command_id,
                "room": room,
                "subject": subject,
                "kind": kind,
                "payload": payload,
                "owner": owner,
                "expires_s": expires_s,
            },
        )
        return OutboxCommand(id=command_id, room=room, subject=subject, kind=kind, payload=payload, epoch=1)

    def claim(self, owner: str, *, now_s: float, expires_s: float, limit: int) -> list[OutboxCommand]:
        found = self._connection.execute(self._sql["expired"], {"now_s": now_s, "limit": limit}).fetchall()
        claimed: list[OutboxCommand] = []
        for row in found:
            self._connection.execute(self._sql["claim"], {"id": row["id"], "owner": owner, "expires_s": expires_s})
            claimed.append(
                OutboxCommand(
                    id=row["id"],
                    room=row["room"],
                    subject=row["subject"],
                    kind=row["kind"],
                    payload=row["payload"],
                    epoch=row["epoch"] + 1,
                    starts=row["starts"],
                    deaths=row["deaths"],
                    crashes=row["crashes"],
                )
            )
        return claimed

    def complete(self, commands: Sequence[OutboxCommand]) -> int:
        if not commands:
            return 0
        keys = [(command.id, command.epoch) for command in commands]
        return self._connection.executemany(self._sql["complete"], keys).rowcount

    def release(self, owner: str) -> int:
        return self._connection.execute(self._sql["release"], {"owner": owner}).rowcount

    def take_over(self) -> None:
        self._connection.execute(self._sql["take_over"])

    def begin_alone(self, command: OutboxCommand) -> None:
        self._connection.execute(self._sql["begin_alone"], (command.id, command.epoch))

    def begun(self, commands: Sequence[OutboxCommand]) -> None:
        if commands:
            self._connection.executemany(self._sql["begun"], [(command.id,) for command in commands])

    def outlived(self, command: OutboxCommand) -> None:
        self._connection.execute(self._sql["outlived"], (command.id,))

    def unsuspected(self, command: OutboxCommand) -> None:
        self._connection.execute(self._sql["unsuspected"], (command.id,))

    def depth(self) -> int:
        return int(self._connection.execute(self._sql["depth"]).fetchone()[0])


class SqliteTimers:
    """Instants at which rooms want to be woken."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = queries("outbox")

    def set(self, timer: Timer) -> None:
        self._connection.execute(
            self._sql["set_timer"], {"room": timer.room, "subject": timer.subject, "due_s": timer.due_s}
        )

    def clear(self, room: str, subject: str) -> None:
        self._connection.execute(self._sql["clear_timer"], {"room": room, "subject": subject})

    def due(self, now_s: float, limit: int) -> list[Timer]:
        found = self._connection.execute(self._sql["due_timers"], {"now_s": now_s, "limit": limit})
        return [Timer(room=row["room"], subject=row["subject"], due_s=row["due_s"]) for row in found.fetchall()]

    def next_due_s(self) -> float | None:
        row = self._connection.execute(self._sql["next_timer"]).fetchone()
        due_s: float | None = row["due_s"]
        return due_s


class SqliteEffects:
    """The record of what attempts did."""

    def __init__(self, connection: sqlite3.Connection, seq: int) -> None:
        self._connection = connection
        self._seq = seq
        self._sql = queries("changes")

    def record(self, effect: Effect, keep: int) -> None:
        self._connection.execute(
            self._sql["record_effect"],
            {
                "attempt_uid": effect.attempt_uid,
                "call": effect.call,
                "phase": effect.phase.value,
                "target": effect.target,
                "key": effect.key,
                "at_s": effect.at_s,
                "seq": self._seq,
            },
        )
        self._connection.execute(self._sql["trim_effects"], {"attempt_uid": effect.attempt_uid, "keep": keep})

    def of_attempt(self, attempt_uid: str) -> list[Effect]:
        found = self._connection.execute(self._sql["effects_of"], {"attempt_uid": attempt_uid})
        return [
            Effect(
                attempt_uid=row["attempt_uid"],
                call=row["call"],
                phase=EffectPhase(row["phase"]),
                target=row["target"],
                key=row["key"],
                at_s=row["at_s"],
            )
            for row in found.fetchall()
        ]
