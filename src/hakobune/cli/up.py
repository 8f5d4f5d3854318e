"""`hakobune up`: everything in the foreground, until Ctrl-C or SIGTERM. The one command that imports the runtime."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import anyio

from hakobune import __version__
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments
from hakobune.cli.settings import settings_of
from hakobune.cli.up_apply import Applying
from hakobune.core.errors import HakobuneError
from hakobune.core.jobs.states import FINAL_EXECUTION_STATES
from hakobune.core.workflows.model import FINAL_STATES, WorkflowExecution
from hakobune.runtime.app import Runtime
from hakobune.runtime.settings import Settings
from hakobune.servers.house import serve
from hakobune.store.api import Change, ChangeKind, ReadTx

_CHANGES_MAX = 200  # of one look
_TOLD_OF = frozenset({ChangeKind.EXECUTION, ChangeKind.WORKFLOW_EXECUTION})
_WORKFLOW_LINES_MAX = 20  # at a time: thousands may end in a second
_QUIET_S = 30.0  # between looks while nothing changes
_BURST_S = 0.25  # a burst of changes becomes one look


def run(arguments: Arguments) -> None:
    """Run until told to stop. Raises CommandError: it could not start."""
    settings = settings_of(arguments, os.environ)
    folder = _folder(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        anyio.run(partial(_serve, settings, folder=folder, watches=arguments.switch("watch")))
    except BaseExceptionGroup as group:  # what is raised within `except*` would come out in a group again
        known, others = group.split((HakobuneError, OSError))
        if known is None or others is not None:
            raise
        raise CommandError(_why(_first(known), settings)) from group


def _folder(arguments: Arguments) -> str:
    """The definitions that are applied; empty: none. Raises UsageError."""
    folder = arguments.text("filename")
    if arguments.switch("watch") and not folder:
        raise UsageError("argument --watch: say what is watched: --filename DIR.", usage=False)
    if folder and not os.path.exists(folder):
        raise UsageError(f"argument --filename: [{folder}] does not exist.", usage=False)
    return folder


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _why(error: Exception, settings: Settings) -> str:
    """Why it could not start, in one line."""
    if not isinstance(error, OSError):
        return f"{error}"
    if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL) or (error.errno == errno.EACCES and not error.filename):
        return (
            f"Cannot listen on {error.strerror or error}. Choose another with --port (HTTP, now {settings.port}),"
            f" --grpc-port (now {settings.grpc_port}) or --host."
        )
    place = Path(os.fsdecode(error.filename or ""))
    if error.filename and (place.is_relative_to(settings.directory) or settings.directory.is_relative_to(place)):
        return f"The data directory {settings.directory} cannot be used: {error.strerror}: {error.filename}"
    return f"{error}"


async def _serve(settings: Settings, *, folder: str, watches: bool) -> None:
    stop = anyio.Event()
    async with anyio.create_task_group() as group:

        def ready(runtime: Runtime) -> None:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            _say(f"hakobune {__version__} is ready: http://{host}:{settings.port}, data in {settings.directory}")
            _say(
                f'  clients of another shell: eval "$(hakobune env --port {settings.port}'
                f' --grpc-port {settings.grpc_port})"'
            )
            group.start_soon(_until, stop, partial(_tell, runtime))
            if folder:
                group.start_soon(_until, stop, partial(_apply, runtime, folder, watches=watches))

        group.start_soon(_wait_for_signal, stop)
        await serve(settings, stop=stop, ready=ready)
        group.cancel_scope.cancel()
    _say("hakobune has stopped")


async def _wait_for_signal(stop: anyio.Event) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if not stop.is_set():
                _say(f"{signal.Signals(number).name}: stopping (tasks get SIGTERM; they go on at the next start)")
            stop.set()


async def _until(stop: anyio.Event, work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Do something as long as nobody has asked to stop: the store closes soon after that."""
    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await stop.wait()
        group.cancel_scope.cancel()


async def _apply(runtime: Runtime, folder: str, *, watches: bool) -> None:
    """Apply the definitions, and again when they change."""
    settings = runtime.settings
    await runtime.write_client_files()
    applying = Applying(
        name=folder,
        watches=watches,
        project=settings.project,
        location=settings.location,
        environ=runtime.variables(settings.port),
        say=_say,
    )
    await applying.run()


async def _tell(runtime: Runtime) -> None:
    """Tell until the store cannot be read: the runtime itself knows whether it must end for that."""
    try:
        await _tell_news(runtime)
    except HakobuneError as error:
        _say(f"executions are not told of any more: {error.message}")


async def _tell_news(runtime: Runtime) -> None:
    """A plain line for each execution that begins or ends."""
    since = await runtime.store.wait_for_change(-1, 0.0)  # the newest commit, without a wait: nobody is quicker
    begun: set[str] = set()  # uids
    while True:
        since, changes = await runtime.store.read(partial(_news, since))
        _tell_of_workflows([change.workflow_execution for change in changes if change.workflow_execution is not None])
        for execution in [change.execution for change in changes if change.execution is not None]:
            if execution.state in FINAL_EXECUTION_STATES:
                begun.discard(execution.uid)
                counts = execution.counts
                _say(
                    f"{execution.name.execution}: {execution.state.value.lower()} ({counts.succeeded} succeeded, "
                    f"{counts.failed} failed, {counts.cancelled} cancelled of {execution.task_count})"
                )
            elif execution.uid not in begun:
                begun.add(execution.uid)
                _say(f"{execution.name.execution}: started, {execution.task_count} tasks")
        await runtime.store.wait_for_change(since, _QUIET_S)
        await anyio.sleep(_BURST_S)


def _tell_of_workflows(changed: list[WorkflowExecution]) -> None:
    """A plain line for each execution of a workflow that ended; of many, their number."""
    ended = [execution for execution in changed if execution.state in FINAL_STATES]
    for execution in ended[:_WORKFLOW_LINES_MAX]:
        said = f"{execution.name.workflow} {execution.name.execution}: {execution.state.value.lower()}"
        detail = execution.error.context.partition("\n")[0][:120] if execution.error is not None else ""
        _say(f"{said}, {detail}" if detail else said)
    if len(ended) > _WORKFLOW_LINES_MAX:
        _say(f"… and {len(ended) - _WORKFLOW_LINES_MAX} more executions of workflows ended")


def _news(since: int, tx: ReadTx) -> tuple[int, list[Change]]:
    """Executions that changed after commit `since`, and the commit from which to go on. Tasks are left out: there may
    be thousands of them for each execution, and no line tells of one."""
    found = tx.changes(since, _CHANGES_MAX, None, _TOLD_OF)
    # More may follow a page that is not empty. After an empty one there is nothing up to the newest commit.
    return (found[-1].seq if found else tx.seq), found


def _say(text: str) -> None:
    """A line on standard output. Whoever should read it may be gone, or its disk full: the work goes on."""
    with contextlib.suppress(OSError):
        os.write(1, f"{text}\n".encode(errors="replace"))
