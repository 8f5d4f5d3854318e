"""What the instances of a revision run: the lane of the revision, and what each instance has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hakobune.core.errors import FailedPrecondition, Unimplemented
from hakobune.core.jobs.limits import LOG_LIMIT_BYTES
from hakobune.core.services import limits
from hakobune.core.services.environment import PORT, WORK_FILE, instance_environment
from hakobune.core.services.model import Instance, Revision, Template
from hakobune.core.services.names import Kind
from hakobune.engines.api import Attempt, Lane
from hakobune.engines.process.mounts import variables_of
from hakobune.runtime.attempts import attempt_index
from hakobune.runtime.program_launch import memory_limit, mounting
from hakobune.runtime.programs import Programs, source_key
from hakobune.runtime.secret_files import declared_secrets
from hakobune.runtime.secrets import SecretsRoom
from hakobune.runtime.service_lanes import lane_uid
from hakobune.runtime.service_listening import listening_addresses
from hakobune.runtime.threads import Threads
from hakobune.store.api import Store

_FIELD = "template"
_ENDLESS_S = 10 * 366 * 86_400.0  # of a lane: residents run until they are told to end
_SOURCE_GENERATION = 0  # a revision has one source


class ServicePrograms:
    """From declared residents to what an engine can run."""

    def __init__(
        self, programs: Programs, store: Store, secrets: SecretsRoom, threads: Threads, directory: Path
    ) -> None:
        self._programs = programs
        self._store = store
        self._secrets = secrets
        self._threads = threads
        self._directory = directory
        self._lanes: dict[str, Lane] = {}

    def check(self, template: Template) -> None:
        """Refuse what this runtime cannot run, by name. Raises InvalidArgument, Unimplemented."""
        first, *others = template.members
        if others:
            raise Unimplemented("Sidecar containers are not supported: an instance has one container here.")
        self._programs.check_container(first.container, template.volumes, template.annotations, _FIELD)

    # -- preparing ------------------------------------------------------------------------------------------------

    def needs_preparing(self, template: Template) -> bool:
        """Whether a source must be copied or built before it can run."""
        return self._programs.source_of(template.members[0].container, template.annotations) is not None

    async def prepare(self, revision: Revision) -> str:
        """Copy and build the source of a revision; the digest of the copy, "" without one. Call `settled` when the
        store names it. Raises FailedPrecondition."""
        container = revision.template.members[0].container
        source = self._programs.source_of(container, revision.template.annotations)
        return "" if source is None else await self._programs.take(source, container)

    def settled(self, digest: str) -> None:
        """What `prepare` returned is in the store now, or will never be."""
        self._programs.settled(digest)

    # -- running --------------------------------------------------------------------------------------------------

    async def lane(self, revision: Revision) -> Lane:
        """How an engine runs the instances of a revision. Raises FailedPrecondition: it can never run."""
        known = self._lanes.get(revision.uid)
        if known is None:
            known = self._lanes[revision.uid] = await self._make_lane(revision)
        return known

    async def _make_lane(self, revision: Revision) -> Lane:
        template = revision.template
        container = template.members[0].container
        source = self._programs.source_of(container, template.annotations)
        digest = await self._store.read(lambda tx: tx.meta(resident_source_key(revision.uid)))
        launch = await self._programs.launch(container, source, digest, f"revision '{revision.name.revision}'")
        secrets = declared_secrets(container, template.volumes, template.annotations, revision.name.resident.project)
        env = instance_environment(
            revision.name,
            container,
            home=self._programs.home,
            runtime={**self._programs.variables, **launch.env},
        )
        launch.add_path(env, container)
        return Lane(
            uid=lane_uid(revision.uid),
            width=limits.INSTANCES_AT_ONCE_MAX,
            argv=mounting(launch.argv) if secrets.files else launch.argv,
            env=env,
            slot_variables=self._programs.slot_variables(container),
            working_dir=container.working_dir or None,
            source=launch.source,
            timeout_s=_ENDLESS_S,
            grace_s=limits.GRACE_S,
            memory_limit_bytes=memory_limit(container),
            log_limit_bytes=LOG_LIMIT_BYTES,
            is_resident=True,
        )

    async def attempt(self, revision: Revision, instance: Instance) -> Attempt:
        """An instance as the engine gets it, with the secrets of its start. Raises FailedPrecondition."""
        template = revision.template
        container = template.members[0].container
        project = revision.name.resident.project
        secrets = declared_secrets(container, template.volumes, template.annotations, project)
        env = await self._secrets.resolve(secrets.env, project)
        files = await self._secrets.resolve_files(secrets.files, project)
        hidden = (*env.values(), *(file.content.decode(errors="ignore") for file in files))
        return Attempt(
            uid=instance.uid,
            index=attempt_index(instance.uid),
            number=int(instance.uid.rpartition(".")[2]),
            env={**env, **variables_of(files), **await self._own(revision, instance)},
            hidden=hidden,
        )

    async def _own(self, revision: Revision, instance: Instance) -> dict[str, str]:
        """A service gets its port, a worker the file that says whether it is busy."""
        if revision.name.resident.kind is Kind.SERVICE:
            return {PORT: str(instance.port)}
        path = self.work_file(instance)
        try:
            await self._threads.run(_make_file, path)
        except OSError as error:
            raise FailedPrecondition(f"The work file {path} cannot be made: {error.strerror}.") from error
        return {WORK_FILE: str(path)}

    def work_file(self, instance: Instance) -> Path:
        """Locked while the instance is busy."""
        return self._work_file(instance.revision_uid, instance.uid)

    def _work_file(self, revision_uid: str, uid: str) -> Path:
        return self._directory / "residents" / revision_uid / f"{uid.rpartition('.')[2]}.work"

    async def listening(self, uid: str) -> Sequence[str]:
        """Where the processes of an instance listen, as `127.0.0.1:9000`, as far as that can be found out."""
        return await self._threads.run(listening_addresses, uid)

    async def forget_instance(self, revision_uid: str, uid: str) -> None:
        """Remove what is left of an instance that has ended."""
        await self._threads.run(partial(self._work_file(revision_uid, uid).unlink, missing_ok=True))

    async def forget_revision(self, revision_uid: str) -> None:
        """Remove what is left of a revision that is gone: output, work files."""
        self._lanes.pop(revision_uid, None)
        for folder in (self._directory / "logs" / lane_uid(revision_uid), self._directory / "residents" / revision_uid):
            await self._programs.remove(folder)


def resident_source_key(revision_uid: str) -> str:
    """Where the store keeps the digest of a revision's source."""
    return source_key(revision_uid, _SOURCE_GENERATION)


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
