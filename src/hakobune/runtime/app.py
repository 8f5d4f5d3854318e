"""One runtime: its parts, put together, and the order in which they start and stop."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus

from hakobune.core.client_environment import ClientFiles, client_environment
from hakobune.core.workflows.limits import Strictness
from hakobune.engines.api import Engine, Gate
from hakobune.runtime import executions, schedules, service_kafka, services, triggers_events, workflow_driver
from hakobune.runtime.attempts import Attempts, Observer
from hakobune.runtime.clock import Clock, Identifiers
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.credentials_authority import Authority
from hakobune.runtime.credentials_guard import Guard
from hakobune.runtime.credentials_service_accounts import ServiceAccounts
from hakobune.runtime.effects import Effects
from hakobune.runtime.http_client import AiohttpTransport, Transport
from hakobune.runtime.interceptors import Interceptor
from hakobune.runtime.job_attempts import JobAttempts
from hakobune.runtime.job_commands import JobCommands
from hakobune.runtime.jobs import JobsRoom
from hakobune.runtime.logs import LogsRoom
from hakobune.runtime.objects import ObjectsRoom
from hakobune.runtime.operations import OperationsRoom
from hakobune.runtime.outlet import Outlet
from hakobune.runtime.programs import Programs
from hakobune.runtime.pubsub import Publisher, PubsubRoom
from hakobune.runtime.runs import Runs
from hakobune.runtime.schedule_attempts import ScheduleAttempts
from hakobune.runtime.schedule_logs import ScheduleLog
from hakobune.runtime.schedules import SchedulesRoom
from hakobune.runtime.secrets import SecretsRoom
from hakobune.runtime.secrets_vault import Vault
from hakobune.runtime.service_admission import Admission
from hakobune.runtime.service_autoscaling import Autoscaler
from hakobune.runtime.service_commands import ResidentAttempts, ServiceCommands
from hakobune.runtime.service_control import ServiceControl
from hakobune.runtime.service_fleet import Fleet
from hakobune.runtime.service_instances import InstanceWatches
from hakobune.runtime.service_logs import InstanceLog
from hakobune.runtime.service_programs import ServicePrograms
from hakobune.runtime.service_requests import RequestLog
from hakobune.runtime.services import ServicesRoom
from hakobune.runtime.settings import Settings
from hakobune.runtime.slots import Listen, Slots
from hakobune.runtime.telemetry import Telemetry
from hakobune.runtime.threads import Threads, WorkerThreads
from hakobune.runtime.triggers import TriggersRoom
from hakobune.runtime.triggers_attempts import TriggerAttempts
from hakobune.runtime.triggers_book import TriggerBook
from hakobune.runtime.wheel import Wheel
from hakobune.runtime.workflow_calls import FrontDoorCall, Serves, WorkflowCalls
from hakobune.runtime.workflow_executions import WorkflowExecutions
from hakobune.runtime.workflow_logs import WorkflowLog
from hakobune.runtime.workflow_plans import Plans
from hakobune.runtime.workflows import WorkflowsRoom
from hakobune.store.api import Store
from hakobune.store.blobs import Blobs
from hakobune.store.blobs_files import FileBlobs

_CONTENT_THREADS = 16  # content files that are written or synced at once
_STOP_S = 18.0  # an orderly stop takes less than 20 s, whatever the attempts do


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What comes in from outside: real in a running house, virtual in a simulation."""

    store: Store
    engine: Engine
    clock: Clock
    identifiers: Identifiers
    threads: Threads
    interceptor: Interceptor | None = None
    gate: Gate | None = None
    transport: Transport | None = None  # of the requests that workflows make; None: the real one
    credentials: Credentials | None = None  # None: those of the data directory
    logs: LogsRoom | None = None  # None: the one of the data directory
    blobs: Blobs | None = None  # None: files of the data directory


class Runtime:
    """The rooms and the loops. `run` is the supervisor that owns the loops."""

    def __init__(self, settings: Settings, outside: Outside, telemetry: Telemetry) -> None:
        self.settings = settings
        self.store = outside.store
        self.engine = outside.engine
        self.clock = outside.clock
        self.identifiers = outside.identifiers
        self.telemetry = telemetry
        self.credentials = outside.credentials or Credentials(
            settings.directory, outside.clock, settings.project, outside.store
        )
        self.wheel = Wheel(
            outside.store, outside.clock, owner=outside.identifiers.uid(), interceptor=outside.interceptor
        )
        self.effects = Effects(self.wheel, is_on=settings.records_effects)
        self.authority = Authority(settings.directory, outside.clock, settings.certificate)
        self.guard = Guard(outside.store, self.credentials.default_account, is_enforced=settings.is_iam_enforced)
        self.service_accounts = ServiceAccounts(self.wheel, self.credentials, settings.base_url)
        self.secrets = SecretsRoom(self.wheel, Vault(settings.directory))
        self.slots = Slots(self.wheel, outside.engine, self.variables)
        observers: list[Observer] = [self.slots, telemetry]
        parties = (ResidentAttempts(), JobAttempts())
        self.attempts = Attempts(self.wheel, outside.engine, parties, observers, outside.gate)
        self.programs = Programs(settings, outside.store, outside.threads, self.variables(settings.port))
        self.fleet = Fleet()
        self.admission = Admission(self.fleet, outside.clock)
        resident_programs = ServicePrograms(
            self.programs, outside.store, self.secrets, outside.threads, settings.directory
        )
        watches = InstanceWatches(self.wheel, self.attempts, self.fleet, resident_programs)
        self._control = ServiceControl(
            self.wheel, self.fleet, resident_programs, watches, idle_s=settings.service_idle_s
        )
        observers.append(self._control)
        self.operations = OperationsRoom(self.wheel, self._control.catch_up)
        self._autoscaler = Autoscaler(
            self.wheel, self.fleet, resident_programs, self._control.changed, service_kafka.measure
        )
        self.services = ServicesRoom(self.wheel, outside.identifiers, resident_programs, self._control)
        service_commands = ServiceCommands(
            self.wheel, self.attempts, resident_programs, self.slots, self._control.touch
        )
        self.wheel.add_room(services.ROOM, service_commands, service_commands.give_up)
        runs = Runs(outside.identifiers)
        self.jobs = JobsRoom(self.wheel, self.programs, runs, outside.identifiers)
        self.logs = outside.logs or LogsRoom(
            outside.store, settings.directory / "logs", outside.clock, outside.identifiers
        )
        commands = JobCommands(self.wheel, self.attempts, self.programs, self.slots, runs, self.secrets)
        self.wheel.add_room(executions.ROOM, commands, commands.give_up)
        self._instance_log = InstanceLog(self.logs, self.fleet.revision)
        observers.insert(0, self._instance_log)  # before the fleet forgets the revision of an instance
        self.transport = outside.transport or AiohttpTransport(allowed_hosts=settings.http_allowed_hosts)
        self._workflow_log = WorkflowLog(self.logs, outside.clock, warns=settings.limits is Strictness.WARN)
        self._calls = WorkflowCalls(settings, outside.clock, self.credentials, self._workflow_log, self.transport)
        plans = Plans(settings.limits, outside.threads)
        driven = WorkflowExecutions(self.wheel, settings, outside.identifiers, plans, self._calls)
        driven.observer = self._workflow_log
        self.workflows = WorkflowsRoom(self.wheel, outside.identifiers, plans, driven, outside.threads)
        self.wheel.add_room(workflow_driver.ROOM, driven, driven.give_up)
        # Threads of their own: they wait for the disk, and must not keep others waiting.
        content_threads = (
            WorkerThreads(_CONTENT_THREADS) if isinstance(outside.threads, WorkerThreads) else outside.threads
        )
        blobs = outside.blobs or FileBlobs(settings.directory / "objects")
        self.objects = ObjectsRoom(self.wheel, outside.identifiers, blobs, content_threads)
        outlet = Outlet(sender=self._calls, tokens=self.credentials, allowed_hosts=settings.http_allowed_hosts)
        self.pubsub = PubsubRoom(self.wheel, outside.identifiers, outside.threads, outlet)
        self.publisher = Publisher(self.pubsub)
        self.request_log = RequestLog(self.logs, outside.clock, is_on=settings.records_requests)
        self._schedule_log = ScheduleLog(self.logs)
        attempts = ScheduleAttempts(outlet, self.publisher)
        self.schedules = SchedulesRoom(self.wheel, outside.identifiers, attempts, self._schedule_log)
        self.wheel.add_room(schedules.ROOM, self.schedules, self.schedules.give_up)
        book = TriggerBook()
        events = triggers_events.TriggerEvents(self.wheel, book, TriggerAttempts(outlet), self.publisher)
        self.triggers = TriggersRoom(self.wheel, outside.identifiers, self.pubsub, events, book, settings)
        self.wheel.add_room(triggers_events.ROOM, events, events.give_up)

    def connect(self, front_door: FrontDoorCall, serves: Serves | None = None) -> None:
        """How calls of workflows to Google's hosts, and to services that are here, reach our own front door."""
        self._calls.front_door = front_door
        self._calls.serves = serves

    def variables(self, port: int) -> dict[str, str]:
        """What leads clients here, through the main ports or an attempt's own, which takes HTTP and gRPC."""
        files = ClientFiles(
            access_token=str(self.credentials.access_token_file),
            boto=str(self.credentials.boto_file),
            authorities=str(self.authority.bundle_file),
        )
        grpc_port = self.settings.grpc_port if port == self.settings.port else port
        return client_environment(port=port, grpc_port=grpc_port, project=self.settings.project, files=files)

    async def write_client_files(self) -> None:
        """Write the files that `variables` name. Raises ResourceExhausted, FailedPrecondition."""
        await self.credentials.write_client_files()
        await self.authority.write_bundle()

    async def prepare(self, listen: Listen | None) -> None:
        """Take over what the last runtime left: commands, slots. Before `run`, and before the first request."""
        await self.wheel.recover()
        await self.triggers.prepare()
        if listen is not None:
            await self.slots.bind(listen)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Turn the wheel until cancelled."""
        async with anyio.create_task_group() as group:
            await group.start(self.wheel.run)
            group.start_soon(self._workflow_log.run)
            group.start_soon(self._schedule_log.run)
            group.start_soon(self.request_log.run)
            group.start_soon(self._control.run)
            group.start_soon(self._autoscaler.run)
            group.start_soon(self._instance_log.run)
            group.start_soon(self.attempts.run)
            group.start_soon(self.workflows.run)
            group.start_soon(self.objects.run)
            group.start_soon(self.pubsub.run)
            group.start_soon(self.triggers.run)
            task_status.started()

    async def close(self, *, stop_attempts: bool) -> None:
        """After `run` was cancelled: end or leave the attempts, give the leases back, close the store."""
        self.wheel.is_closing = True
        with anyio.move_on_after(_STOP_S):
            await self.engine.close(stop_attempts=stop_attempts)
        await self.transport.close()
        self.objects.close()
        await self.wheel.release()
        await self.store.close()
