"""From a declared program to what an engine can run: images, sources, builds; of jobs also environment and limits."""

from __future__ import annotations

import logging
import os
import pwd
import re
import shutil
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import anyio

from hakobune.core.containers import Container
from hakobune.core.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
)
from hakobune.core.jobs import limits
from hakobune.core.jobs.drafts import JobDraft
from hakobune.core.jobs.environment import task_environment
from hakobune.core.jobs.model import Execution, ExecutionTemplate, Job
from hakobune.core.jobs.policy import SOURCE
from hakobune.engines.api import Lane
from hakobune.runtime.builds import Build, Builds
from hakobune.runtime.program_launch import Launch, argv_of, memory_limit, mounting, unreadable
from hakobune.runtime.secret_files import NO_SECRETS, Secrets, check_secret_mounts, declared_secrets, secret_files
from hakobune.runtime.settings import ImageSource, Settings
from hakobune.runtime.sources import Sources
from hakobune.runtime.threads import Threads, run_stoppable
from hakobune.store.api import ReadTx, Store, WriteTx

LOCAL_IMAGE = "local"
CHECKPOINT_VARIABLE = "HAKOBUNE_CHECKPOINT_DIR"  # read by hakobune.sdk
CLOUD_SQL = Path("/cloudsql")
_LANES_KEPT = 256
_SWEEP_EVERY_S = 24 * 3600.0
_SOURCE = "source:"
_LEFT = "left:"  # in front of a folder of the data directory that could not be removed
_FIELD = "template.template"
_log = logging.getLogger("hakobune.programs")


class Programs:
    """What the jobs of this runtime run."""

    def __init__(self, settings: Settings, store: Store, threads: Threads, variables: Mapping[str, str]) -> None:
        self._settings = settings
        self._store = store
        self._threads = threads
        self._variables = variables
        self.home = _home()
        self._sources = Sources(settings.directory)
        self._builds = Builds(settings.directory, threads)
        self._building = anyio.Lock()
        self._unsettled: set[str] = set()  # digests that were taken and are not in the store yet
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._secrets: dict[str, Secrets] = {}  # of executions in `_lanes`

    # -- what a deploy may declare --------------------------------------------------------------------------------

    def check(self, draft: JobDraft) -> None:
        """Refuse what this runtime cannot run, by name. Raises InvalidArgument, Unimplemented."""
        task = draft.template.template
        container, *others = task.containers
        if others:
            raise Unimplemented("Sidecar containers are not supported: a job has one container here.")
        self.check_container(container, task.volumes, draft.template.annotations, _FIELD)

    def check_container(
        self,
        container: Container,
        volumes: Sequence[Mapping[str, object]],
        annotations: Mapping[str, str],
        field: str,
    ) -> None:
        """Refuse what this runtime cannot run, of whatever room; `field` is where the template is. Raises
        InvalidArgument, Unimplemented."""
        for volume in volumes:
            self._check_volume(volume)
        check_secret_mounts(container, volumes, field)
        if self.source_of(container, annotations) is not None:
            return
        if container.image != LOCAL_IMAGE:
            _refuse_image(container.image, field)
        if not container.command:
            text = f'image "{LOCAL_IMAGE}" runs a program of this machine: name it in command'
            raise _bad(f"{field}.containers[0].command", text)

    def _check_volume(self, volume: Mapping[str, object]) -> None:
        kind = next((key for key in volume if key != "name"), "unknown")
        if kind == "secret":
            return
        if kind != "cloudSqlInstance":
            raise Unimplemented(f"Volumes are not supported by the process engine: '{volume.get('name')}' ({kind}).")
        # Processes see this machine's own /cloudsql: with the Cloud SQL Auth Proxy there, the socket is in place.
        if not CLOUD_SQL.is_dir():
            _log.warning(
                "volume '%s' (cloudSqlInstance) is accepted, but no socket is provided: connect to the database by its "
                "address, or let the Cloud SQL Auth Proxy listen in %s (--unix-socket %s)",
                volume.get("name"),
                CLOUD_SQL,
                CLOUD_SQL,
            )

    def source_of(self, container: Container, annotations: Mapping[str, str]) -> ImageSource | None:
        """The source directory that a container runs. None: it is a program of this machine. Raises InvalidArgument."""
        declared = annotations.get(SOURCE)
        if declared is not None:
            if not os.path.isabs(declared):
                raise _bad(f"template.annotations['{SOURCE}']", f"must be an absolute path, not {declared[:200]!r}")
            return ImageSource(source=Path(declared))
        return self._settings.image_source(container.image)

    def _source(self, template: ExecutionTemplate) -> ImageSource | None:
        return self.source_of(template.template.containers[0], template.annotations)

    # -- preparing ------------------------------------------------------------------------------------------------

    def needs_preparing(self, template: ExecutionTemplate) -> bool:
        """Whether a source must be copied or built before the job can run."""
        return self._source(template) is not None

    async def prepare(self, job: Job) -> str:
        """Copy and build the source of a job; returns the digest of the copy. Raises FailedPrecondition."""
        source = self._source(job.template)
        if source is None:
            return ""
        return await self.take(source, job.template.template.containers[0])

    async def take(self, source: ImageSource, container: Container) -> str:
        """Copy and build a source; returns the digest of the copy, which is kept until `settled`, and after that while
        the store names it under a `source_key`. Raises FailedPrecondition."""
        async with self._building:
            digest = await run_stoppable(self._threads, self._sources.take, source.source)
            self._unsettled.add(digest)
            try:
                snapshot = self._sources.path(digest)
                await self._builds.make(snapshot)
                await self._threads.run(argv_of, container, source, snapshot)
            except BaseException:
                self.settled(digest)
                raise
        return digest

    def settled(self, digest: str) -> None:
        """What `prepare` returned is in the store now, or will never be."""
        self._unsettled.discard(digest)

    async def sweep(self) -> None:
        """Remove snapshots and builds that no job and no execution refers to: at the start, then once a day."""
        while True:
            try:
                await self._sweep()
            except (Unavailable, ResourceExhausted) as refusal:
                _log.warning("what nobody needs any more stays until tomorrow: %s", refusal.message)
            except Exception as error:  # noqa: BLE001 - tidying up must not end the work
                _log.error("the sweep failed, it is tried again tomorrow: %s", error, exc_info=error)
            await anyio.sleep(_SWEEP_EVERY_S)

    async def _sweep(self) -> None:

        def unit(tx: WriteTx) -> set[str]:
            wanted: set[str] = set()
            for key, digest in tx.metas(_SOURCE).items():
                uid, _, generation = key.removeprefix(_SOURCE).rpartition(":")
                if tx.services.revision_by_uid(uid) is not None or int(generation) in _generations_in_use(tx, uid):
                    wanted.add(digest)
                else:
                    tx.clear_meta(key)
            return wanted

        async with self._building:  # nothing is copied or built meanwhile
            wanted = await self._store.write(unit) | self._unsettled
            await self._threads.run(self._sources.keep_only, wanted)
            await self._threads.run(self._builds.keep_only, [self._sources.path(digest) for digest in wanted])
        await self._sweep_leavings()

    async def _sweep_leavings(self) -> None:
        """Try again to remove what could not be removed when it was forgotten."""
        for key in await self._store.read(lambda tx: list(tx.metas(_LEFT))):
            if await self._threads.run(_is_removed, self._settings.directory / key.removeprefix(_LEFT)):
                await self._store.write(partial(_forget, key))

    async def remove(self, folder: Path) -> None:
        """Remove a folder with all that is in it. What cannot be removed is left to the sweep."""
        if not await self._threads.run(_is_removed, folder):
            key = f"{_LEFT}{folder.relative_to(self._settings.directory)}"
            await self._store.write(lambda tx: tx.set_meta(key, ""))

    # -- running --------------------------------------------------------------------------------------------------

    def known_lane(self, execution_uid: str) -> Lane | None:
        """The lane of an execution, if it was made since the start."""
        return self._lanes.get(execution_uid)

    async def lane(self, execution: Execution) -> Lane:
        """How an engine runs the attempts of an execution. Raises FailedPrecondition: it can never run."""
        lane = await self._make_lane(execution)
        self._lanes[execution.uid] = lane
        task = execution.template
        secrets = declared_secrets(task.containers[0], task.volumes, execution.annotations, execution.name.project)
        if secrets.env or secrets.files:
            self._secrets[execution.uid] = secrets
        while len(self._lanes) > _LANES_KEPT:
            uid, _ = self._lanes.popitem(last=False)
            self._secrets.pop(uid, None)
        return lane

    def secrets_of(self, execution_uid: str) -> Secrets:
        """What an execution with a known lane has of secrets."""
        return self._secrets.get(execution_uid, NO_SECRETS)

    async def _make_lane(self, execution: Execution) -> Lane:
        container = execution.template.containers[0]
        source = self.source_of(container, execution.annotations)
        digest = None if source is None else await self._store.read(lambda tx: _kept_digest(tx, execution))
        launch = await self.launch(container, source, digest, f"job '{execution.name.job}'")
        argv = launch.argv
        has_files = bool(secret_files(container, execution.template.volumes))
        if has_files:
            argv = mounting(argv)
        checkpoints = {CHECKPOINT_VARIABLE: str(self._checkpoints(execution.job_uid))}
        variables = {**self._variables, **checkpoints, **launch.env}
        env = task_environment(execution, container, home=self.home, runtime=variables)
        launch.add_path(env, container)
        return Lane(
            uid=execution.uid,
            width=execution.parallelism,
            argv=argv,
            env=env,
            slot_variables=self.slot_variables(container),
            working_dir=container.working_dir or None,
            source=launch.source,
            timeout_s=execution.template.timeout_s,
            grace_s=limits.GRACE_S,
            memory_limit_bytes=memory_limit(container),
            log_limit_bytes=limits.LOG_LIMIT_BYTES,
            # A preloaded interpreter sees the machine as it is.
            warm_modules=() if has_files else execution.policy.warm_modules,
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """What leads clients here."""
        return self._variables

    def slot_variables(self, container: Container) -> tuple[str, ...]:
        """Variables that the slot of an attempt may overlay: those that the user did not set."""
        return tuple(sorted(set(self._variables) - {variable.name for variable in container.env}))

    async def launch(self, container: Container, source: ImageSource | None, digest: str | None, owner: str) -> Launch:
        """How a container is started, from the copy of its source with this digest. `owner` names whose it is, in
        errors. Raises FailedPrecondition (it can never be started), Unavailable."""
        if source is None:
            if container.image != LOCAL_IMAGE:
                raise FailedPrecondition(f"Image '{container.image}' is not mapped to a source any more.")
            return Launch(argv=(*container.command, *container.args))
        if digest is None:
            raise FailedPrecondition(f"The source of {owner} is not there any more: deploy again.")
        snapshot = self._sources.path(digest)
        try:
            if not snapshot.is_dir():
                raise FailedPrecondition(
                    f"The source of {owner} was removed from the data directory ({snapshot}): deploy again."
                )
            build = await self._built(snapshot)
            argv = await self._threads.run(argv_of, container, source, snapshot)
        except OSError as error:
            raise unreadable(error, owner) from error
        return Launch(argv=argv, source=str(snapshot), env=dict(build.env), path_entries=build.path_entries)

    async def _built(self, snapshot: Path) -> Build:
        found = await self._threads.run(self._builds.find, snapshot)
        if found is None:
            async with self._building:
                found = await self._builds.make(snapshot)
        return found

    # -- what executions leave behind -----------------------------------------------------------------------------

    def _checkpoints(self, job_uid: str) -> Path:
        """Where the tasks of a job keep checkpoints. By the job's uid: another job of its name finds nothing there."""
        return self._settings.directory / "checkpoints" / job_uid

    async def forget_execution(self, execution_uid: str, job_uid: str, job: str, execution: str) -> None:
        """Remove the output and the checkpoints of an execution that is gone."""
        self._lanes.pop(execution_uid, None)
        self._secrets.pop(execution_uid, None)
        logs = self._settings.directory / "logs" / execution_uid
        # As the SDK lays them out: DIRECTORY/job/execution/index/name.json.
        checkpoints = self._checkpoints(job_uid) / job / execution
        for folder in (logs, checkpoints):
            await self.remove(folder)

    async def forget_job(self, job_uid: str) -> None:
        """Remove what is left of a job that is gone: the checkpoints that its executions shared."""
        await self.remove(self._checkpoints(job_uid))


def source_key(job_uid: str, generation: int) -> str:
    """Where the store keeps the digest of a generation's source."""
    return f"{_SOURCE}{job_uid}:{generation}"


def _generations_in_use(tx: WriteTx, job_uid: str) -> set[int]:
    job = tx.jobs.job_by_uid(job_uid)
    found: set[int] = set() if job is None else {job.generation}
    for uid in tx.jobs.executions_of(job_uid):
        execution = tx.jobs.execution_by_uid(uid)
        if execution is not None:
            found.add(execution.job_generation)
    return found


def _kept_digest(tx: ReadTx, execution: Execution) -> str | None:
    return tx.meta(source_key(execution.job_uid, execution.job_generation))


def _forget(key: str, tx: WriteTx) -> None:
    tx.clear_meta(key)


def _is_removed(folder: Path) -> bool:
    """Remove a folder with all that is in it. False (and a line in the log) if something is left."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return True
    except (OSError, RecursionError) as error:
        _log.warning("%s could not be removed, it is tried again tomorrow: %s", folder, error)
        return False
    return True


def _home() -> str:
    """A home that tasks may use: /root for root, as in Cloud Run's containers, else that of our user; /tmp if that
    cannot be written."""
    if os.geteuid() == 0:
        return "/root"
    try:
        home = pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/tmp"  # noqa: S108 - a user without an entry has no other place of its own
    return home if os.access(home, os.W_OK | os.X_OK, effective_ids=True) else "/tmp"  # noqa: S108 - as above


def _refuse_image(image: str, field: str) -> None:
    name = re.split(r"[@:](?!.*/)", image)[0]
    text = (
        f"Image '{image}' cannot be run: this runtime has no container engine. Map it to a source directory "
        f"(hakobune up --map-image {name}=DIR, or `images:` in hakobune.yaml), deploy with --source DIR, or use "
        f"--image {LOCAL_IMAGE} with --command"
    )
    raise _bad(f"{field}.containers[0].image", text)


def _bad(field: str, text: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {text}.", violations=[FieldViolation(field=field, description=text)])
