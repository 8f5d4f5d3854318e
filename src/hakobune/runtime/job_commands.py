"""The wheel's side of the jobs room: how its commands are carried out, and what its timers do."""

from __future__ import annotations

import json
from dataclasses import replace

from hakobune.core.errors import FailedPrecondition, InvalidArgument
from hakobune.core.jobs.decide import AttemptEnded, Reported, Woken
from hakobune.core.jobs.model import AttemptResult, Job, ResultKind
from hakobune.engines.api import Attempt
from hakobune.engines.process.mounts import variables_of
from hakobune.runtime import executions
from hakobune.runtime.attempts import Attempts, attempt_index
from hakobune.runtime.programs import Programs, source_key
from hakobune.runtime.runs import Caller, Runs
from hakobune.runtime.secrets import SecretsRoom
from hakobune.runtime.slots import Slots
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import OutboxCommand


class JobCommands:
    """Carries commands of jobs and executions out. Implements `wheel.Room`."""

    def __init__(
        self,
        wheel: Wheel,
        attempts: Attempts,
        programs: Programs,
        slots: Slots,
        runs: Runs,
        secrets: SecretsRoom,
    ) -> None:
        self._wheel = wheel
        self._attempts = attempts
        self._programs = programs
        self._slots = slots
        self._runs = runs
        self._secrets = secrets

    async def perform(self, command: OutboxCommand) -> None:
        """Carry out a command of this room. Raises Unavailable to be asked again."""
        match command.kind:
            case executions.START:
                await self._start(command)
            case executions.STOP:
                await self._attempts.stop(command.subject)
            case executions.DELETE_FILES:
                job_uid, job, execution = json.loads(command.payload)
                await self._programs.forget_execution(command.subject, job_uid, job, execution)
            case executions.PREPARE:
                await self._prepare(command)
            case executions.FORGET_JOB:
                await self._programs.forget_job(command.subject)
            case _:
                raise InvalidArgument(f"unknown command of the jobs room: {command.kind}")

    async def wake(self, subject: str) -> None:
        """A backoff may be over."""

        def unit(turn: Turn) -> None:
            turn.tx.timers.clear(executions.ROOM, subject)
            executions.apply(turn, subject, Woken())

        await self._wheel.persist(unit)

    async def _start(self, command: OutboxCommand) -> None:
        lane = self._programs.known_lane(command.subject)
        if lane is None:
            execution = self._runs.just_begun(command.subject) or await self._wheel.store.read(
                lambda tx: tx.jobs.execution_by_uid(command.subject)
            )
            if execution is None:
                return
            try:
                lane = await self._programs.lane(execution)
            except FailedPrecondition as error:
                await self._fail(command, error.message)
                return
        try:
            secrets = self._programs.secrets_of(command.subject)
            env = await self._secrets.resolve(secrets.env, secrets.project)
            files = await self._secrets.resolve_files(secrets.files, secrets.project)
        except FailedPrecondition as error:
            await self._fail(command, error.message)
            return
        await self._slots.ensure(command.subject, lane.width, executions.attempt_uids(command))
        hidden = (*env.values(), *(file.content.decode(errors="ignore") for file in files))
        own = {**env, **variables_of(files)}
        wanted = [
            Attempt(uid=uid, index=index, number=number, env=own, hidden=hidden)
            for uid, index, number in json.loads(command.payload)
        ]
        await self._attempts.start(command, lane, wanted)

    async def _fail(self, command: OutboxCommand, detail: str) -> None:
        """End the attempts of a START command: they cannot be started as declared. Raises Unavailable."""
        result = AttemptResult(kind=ResultKind.START_FAILED, detail=detail)
        uids = executions.attempt_uids(command)
        if command.epoch > 1 or command.is_repeat:
            # The engine may have seen some of them: none runs on unwatched.
            await self._attempts.stop(command.subject, uids)

        def unit(turn: Turn) -> None:
            reports = tuple(
                AttemptEnded(index=attempt_index(uid), attempt_uid=uid, at_s=turn.now_s, result=result) for uid in uids
            )
            executions.apply(turn, command.subject, Reported(reports=reports), [attempt_index(uid) for uid in uids])

        await self._wheel.persist(unit)

    async def give_up(self, command: OutboxCommand, problem: str) -> bool:
        """Settle what waits for a command that cannot be carried out. False: it must be tried again."""
        match command.kind:
            case executions.START:
                await self._fail(command, problem)
            case executions.PREPARE:
                job = await self._to_prepare(command)
                if job is not None:
                    await self._wheel.persist(lambda turn: self._prepared(turn, job, "", problem))
            case _:
                return False
        return True

    async def _to_prepare(self, command: OutboxCommand) -> Job | None:
        """The job of a PREPARE command, None if nobody waits for it any more. A job that was declared anew meanwhile
        has a command of its own for that."""
        job = await self._wheel.store.read(lambda tx: tx.jobs.job_by_uid(command.subject))
        if job is None or not job.is_reconciling or command.payload not in ("", job.etag):
            return None
        return job

    async def _prepare(self, command: OutboxCommand) -> None:
        """Copy and build a job's source."""
        job = await self._to_prepare(command)
        if job is None:
            return
        digest = problem = ""
        try:
            digest = await self._programs.prepare(job)
        except FailedPrecondition as error:
            problem = error.message
        await self._wheel.persist(lambda turn: self._prepared(turn, job, digest, problem))
        self._programs.settled(digest)

    def _prepared(self, turn: Turn, job: Job, digest: str, problem: str) -> None:
        newest = turn.tx.jobs.find_job(job.name)
        if newest is None or newest.uid != job.uid or newest.etag != job.etag:
            return  # deleted, or declared anew
        generation = newest.generation
        if digest:
            kept = turn.tx.meta(source_key(job.uid, generation))
            # The same declaration with another content is another generation: executions of the old one keep theirs.
            generation += int(kept is not None and kept != digest)
            turn.tx.set_meta(source_key(job.uid, generation), digest)
        ready = replace(newest, generation=generation, is_reconciling=False, ready_error=problem)
        turn.tx.jobs.replace_job(ready)
        if not problem:
            self._runs.begin_by_token(turn, ready, Caller(account=ready.last_modifier))
        # What this declaration came to is the result of its operation for good, whatever the job becomes later.
        turn.tx.operations.keep_picture(turn.tx.jobs.find_job(job.name) or ready)
