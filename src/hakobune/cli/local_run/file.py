"""`workflows run FILE`: from the file to the result on stdout, or to the error with the line that caused it."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import anyio

from hakobune.cli.document import list_at, text_at
from hakobune.cli.errors import CommandError, LeftRunningError, UsageError
from hakobune.cli.flags import Arguments
from hakobune.cli.format.printing import Printed, show
from hakobune.cli.format.records import Record
from hakobune.cli.local_run.loop import Loop
from hakobune.cli.local_run.progress import Progress
from hakobune.cli.session import DEFAULT_URL, Session
from hakobune.cli.settings import WorkflowSettings, workflow_settings_of
from hakobune.cli.workflows.names import DEFAULT_LOCATION
from hakobune.cli.workflows.source_file import read_source
from hakobune.core.errors import InvalidArgument
from hakobune.core.names import WorkflowExecutionName
from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.build import check_source
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.events import Started
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.limits import ARGUMENT_BYTES, NO_LIMITS, RunLimits, Strictness, exceeded
from hakobune.core.workflows.machine import Cancelled, Failed, Outcome, Succeeded
from hakobune.core.workflows.model import CurrentStep, ExecutionState, Revision, WorkflowExecution
from hakobune.core.workflows.plan import make_plan
from hakobune.core.workflows.positions import Severity
from hakobune.core.workflows.problem_texts import marked_line, problem_text, source_lines
from hakobune.core.workflows.values import Value, from_json, utf8_length
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.http_client import AiohttpTransport, Transport
from hakobune.runtime.settings import Settings
from hakobune.runtime.workflow_calls import WorkflowCalls
from hakobune.runtime.workflow_quota import environment
from hakobune.wire.executions_v1 import execution_to_json
from hakobune.wire.violations import Violations
from hakobune.wire.workflows_v1_rules import check_user_env_vars

_REVISION = "000001-000"
_CALLBACKS = "events.create_callback_endpoint"
_NO_JSON = "ValueError: invalid JSON: "  # in front of what is wrong with it
_SAID_CHARACTERS = 500  # of what a server said, in a message
_QUIET = ("critical", "error", "none", "warning")  # --verbosity: the steps are not told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Definition:
    """The file, ready to run."""

    path: str
    source: str
    plan: Plan


def run_file(session: Session, arguments: Arguments, path: str, *, data: str | None) -> object:
    """Run the file. Raises CommandError when it cannot run, when it fails, and when Ctrl-C ends it."""
    settings = workflow_settings_of(arguments)
    definition = _compiled(session, path, settings.limits)
    argument = _argument(data, settings.limits)
    execution = _new_execution(session, path, data)
    variables = _variables(arguments)
    try:
        run = _Run(session, settings, definition)
        outcome, steps, end_s = anyio.run(run.run, execution, argument, variables)
    except OSError as error:  # of the temporary directory; those of calls are answers to the workflow
        raise CommandError(f"The run needs a directory for temporary files: {error}") from error
    if settings.limits is Strictness.WARN:
        _warn_of_limits(session, path, run.steps, data, outcome)
    return _told(session, definition, _ended(execution, outcome, steps, end_s), outcome)


def _warn_of_limits(session: Session, path: str, steps: int, data: str | None, outcome: Outcome) -> None:
    """What the service would not have run to its end. (The limits of the definition were told before the run.)"""
    result_bytes = utf8_length(outcome.result) if isinstance(outcome, Succeeded) else 0
    for told in exceeded(steps=steps, argument_bytes=utf8_length(data or ""), result_bytes=result_bytes):
        session.console.warn(f"[{path}] {told}.")


def _compiled(session: Session, path: str, strictness: Strictness) -> _Definition:
    """Warnings are told. Raises CommandError with all that is wrong, each with its place in the file."""
    source = read_source(path)
    program, problems = check_source(source, strictness=strictness)
    lines = source_lines(source)
    told: list[str] = []
    for problem in problems:
        text = problem_text(problem, lines, name=path)
        if problem.severity is Severity.ERROR:
            told.append(text)
        else:
            session.console.warn(text)
    if program is None:
        count = "is 1 problem" if len(told) == 1 else f"are {len(told)} problems"
        raise CommandError("\n".join([f"[{path}] cannot run: there {count}.", *told]))
    return _Definition(path=path, source=source, plan=make_plan(program))


def _argument(data: str | None, strictness: Strictness) -> Value:
    """Raises UsageError."""
    if data is None:
        return None
    if strictness is Strictness.STRICT and utf8_length(data) > ARGUMENT_BYTES:
        raise UsageError(f"argument --data: is larger than {ARGUMENT_BYTES} bytes.", usage=False)
    try:
        return from_json(data)
    except Failure as failure:
        told = failure.value
        detail = str(told["message"]).removeprefix(_NO_JSON) if isinstance(told, dict) else ""
        raise UsageError(f"argument --data: is not valid JSON: {detail}", usage=False) from failure


def _variables(arguments: Arguments) -> Mapping[str, str]:
    """Raises UsageError for names and values that a deployed workflow could not have."""
    variables = arguments.pairs("set-env-vars")
    found = Violations()
    check_user_env_vars(variables, "--set-env-vars", found)
    try:
        found.check()
    except InvalidArgument as error:
        raise UsageError(f"argument {error.message}", usage=False) from error
    return variables


def _new_execution(session: Session, path: str, data: str | None) -> WorkflowExecution:
    """Raises UsageError for a project or location that cannot be."""
    location = session.named_region or os.environ.get("CLOUDSDK_WORKFLOWS_LOCATION", "") or DEFAULT_LOCATION
    uid = RandomIdentifiers().uid()
    try:
        name = WorkflowExecutionName.make(session.project, location, _workflow_id(path), uid)
    except InvalidArgument as error:
        raise UsageError(error.message, usage=False) from error
    now_s = SystemClock().now_s()
    return WorkflowExecution(
        name=name,
        uid=uid,
        workflow_uid="",
        revision_id=_REVISION,
        state=ExecutionState.ACTIVE,
        create_s=now_s,
        start_s=now_s,
        argument=data,
    )


def _workflow_id(path: str) -> str:
    """The id under which the file would be deployed: its name, with what an id cannot have left out."""
    stem = "".join(c for c in Path(path).stem if c.isascii() and (c.isalnum() or c in "_-"))
    return stem.lstrip("0123456789_-").rstrip("_-")[:64].rstrip("_-") or "workflow"


# -- running ------------------------------------------------------------------------------------------------------


class _Run:
    """One run of a file, within anyio."""

    def __init__(self, session: Session, settings: WorkflowSettings, definition: _Definition) -> None:
        self._session = session
        self._settings = settings
        self._definition = definition
        self._clock = SystemClock()
        self.steps = 0  # that were executed, once it is over

    async def run(
        self, execution: WorkflowExecution, argument: Value, variables: Mapping[str, str]
    ) -> tuple[Outcome, tuple[CurrentStep, ...], float]:
        """The outcome, where it ended, and when."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hakobune-")))
            base_url, attach = await self._callbacks(stack)
            is_quiet = self._session.arguments.text("verbosity") in _QUIET
            progress = Progress(
                _silent if is_quiet else self._session.console.say,
                self._clock.now_s,
                f"{base_url}/v1/{execution.name}/callbacks/",
            )
            transport = AiohttpTransport(allowed_hosts=self._settings.allowed_hosts)
            stack.push_async_callback(transport.close)
            credentials = Credentials(folder, self._clock, execution.name.project)
            calls = WorkflowCalls(self._runtime_settings(folder), self._clock, credentials, progress, transport)
            calls.front_door = _RemoteDoor(self._session, transport)
            limits = RunLimits() if self._settings.limits is Strictness.STRICT else NO_LIMITS
            loop = Loop(self._definition.plan, execution, calls, clock=self._clock, limits=limits, progress=progress)
            attach(loop)
            started = Started(
                argument=argument,
                environment=environment(execution.name, _revision(credentials, execution, variables)),
                execution=str(execution.name),
                base_url=base_url,
            )
            outcome = await self._until_stopped(loop, started)
            self.steps = loop.machine.steps.internal + loop.machine.steps.external
            return outcome, loop.machine.current_steps, self._clock.now_s()

    async def _callbacks(self, stack: AsyncExitStack) -> tuple[str, Callable[[Loop], None]]:
        """Where callback endpoints are served, and how the run gets their requests; only where the file opens some."""
        if _CALLBACKS not in self._definition.source:
            return "http://127.0.0.1", _not_called
        from hakobune.cli.local_run.callbacks import CallbackServer

        server = CallbackServer(self._clock)
        base_url = await stack.enter_async_context(server.listening())
        return base_url, server.attach

    async def _until_stopped(self, loop: Loop, started: Started) -> Outcome:
        """Ctrl-C and SIGTERM cancel the execution."""
        outcome: Outcome = Cancelled()
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_at_signal, loop)
            outcome = await loop.run(started)
            group.cancel_scope.cancel()
        return outcome

    def _runtime_settings(self, folder: Path) -> Settings:
        return Settings(
            directory=folder,
            limits=self._settings.limits,
            service_urls=self._settings.service_urls,
            http_allowed_hosts=self._settings.allowed_hosts,
            google_token_command=self._settings.google_token_command,
        )


async def _cancel_at_signal(loop: Loop) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            loop.cancel()


def _revision(credentials: Credentials, execution: WorkflowExecution, variables: Mapping[str, str]) -> Revision:
    return Revision(
        id=_REVISION,
        ordinal=1,
        create_s=execution.create_s,
        source_contents="",
        service_account=f"projects/{execution.name.project}/serviceAccounts/{credentials.default_account}",
        user_env_vars=variables,
    )


class _RemoteDoor:
    """Google's hosts, as a runtime on this machine serves them, if there is one."""

    def __init__(self, session: Session, transport: Transport) -> None:
        self._url = (os.environ.get("HAKOBUNE_URL") or DEFAULT_URL).rstrip("/")
        self._session = session
        self._transport = transport

    async def __call__(self, request: HttpRequest) -> HttpResponse | NoResponse:
        parts = urlsplit(request.url)
        target = f"{self._url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        kept = [item for item in request.headers if item[0].lower() not in ("authorization", "host")]
        # The tokens of this run are its own: the runtime knows only those that it issued.
        headers = (*kept, ("Host", parts.netloc), *self._session.token_header().items())
        answer = await self._transport.send(replace(request, url=target, headers=headers))
        if isinstance(answer, NoResponse) and answer.trouble is Trouble.CONNECTION_FAILED:
            detail = f"{parts.netloc} is served by a runtime, and none answers at {self._url}: start one: hakobune up"
            return NoResponse(trouble=Trouble.SYSTEM, detail=detail)  # not one that a connector would try again
        return answer


def _silent(text: str) -> None:
    del text


def _not_called(loop: Loop) -> None:
    del loop


# -- the end ------------------------------------------------------------------------------------------------------


def _ended(
    execution: WorkflowExecution, outcome: Outcome, steps: tuple[CurrentStep, ...], end_s: float
) -> WorkflowExecution:
    """The execution as the API would show it."""
    now = replace(execution, end_s=max(end_s, execution.create_s), current_steps=steps)
    match outcome:
        case Succeeded():
            return replace(now, state=ExecutionState.SUCCEEDED, result=outcome.result)
        case Failed():
            return replace(now, state=ExecutionState.FAILED, error=outcome.error)
        case Cancelled():
            return replace(now, state=ExecutionState.CANCELLED)


def _told(session: Session, definition: _Definition, execution: WorkflowExecution, outcome: Outcome) -> object:
    """What is printed. Raises CommandError for what did not succeed, after `--format` had its answer."""
    record = Record(execution_to_json(execution))
    match outcome:
        case Succeeded():
            return Printed(record, lambda: f"{outcome.result}\n")
        case Failed():
            problem: CommandError = CommandError(_failure_text(definition, outcome))
        case Cancelled():
            problem = LeftRunningError("The execution was cancelled.")
    if session.arguments.text("format"):
        from hakobune.cli.workflows.execute import RUN

        show(session, RUN, record)
    raise problem


def _failure_text(definition: _Definition, outcome: Failed) -> str:
    """The error's context, what the server said if one did, and the line of the file that it came from."""
    told = ["The execution failed.", outcome.error.context, *_said(outcome.error.payload)]
    lines = source_lines(definition.source)
    for frame in outcome.error.stack_trace[:1]:
        place = frame.position
        told += [f"{definition.path}:{place.line}:{place.column}", *marked_line(place, lines)]
    return "\n".join([*told, *_branch_errors(outcome.error.payload)])


def _branch_errors(payload: str) -> Iterator[str]:
    """The errors of the branches that an UnhandledBranchError sums up."""
    for branch in list_at(json.loads(payload), "branches"):
        lines = text_at(branch, "error", "context").splitlines()
        if lines:
            yield f"branch {text_at(branch, 'id')}: {lines[0]}"
            yield from (f"    {line}" for line in lines[1:])
            yield from (f"    {line}" for line in _said(text_at(branch, "error", "payload")))


def _said(payload: str) -> Iterator[str]:
    """Why a server refused: `error.message` of the body of an HttpError, as Google's APIs answer, or its text."""
    error = json.loads(payload)
    if "HttpError" not in list_at(error, "tags"):
        return
    said = text_at(error, "body", "error", "message") or text_at(error, "body")
    if said.strip():
        cut = "…" if len(said) > _SAID_CHARACTERS else ""
        yield f"The server said: {said[:_SAID_CHARACTERS].strip()}{cut}"
