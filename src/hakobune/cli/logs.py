"""`hakobune logs [read | tail]`, `run jobs logs read | tail`, `run jobs executions logs read | tail`."""

from __future__ import annotations

import time

from hakobune.cli import values
from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import AnswerLostError, CommandError, UnreachableError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.log_entries import ago, entries, line
from hakobune.cli.log_sources import (
    WORKFLOW_FLAGS,
    Source,
    execution_source,
    job_source,
    named_source,
    pool_source,
    service_source,
)
from hakobune.cli.run_api import RunApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from hakobune.cli.session import Session

_DAY_S = 86400
_POLL_S = 0.5
_REMEMBERED = 10_000  # insert ids of the newest entries, to know them again at the next poll
_OVERLAP_S = 2.0  # entries may become readable a little after their time stamp

_LOG_FILTER = Flag("--log-filter", "text", "Only the entries that this filter chooses as well.", metavar="FILTER")
_LIMIT = Flag("--limit", "number", "Print at most this many entries.", at_least=1)
_ORDER = Flag("--order", "choice", "Which entries --limit keeps: the newest (desc, default) or the oldest.",
              choices=("asc", "desc"))  # fmt: skip
_FRESHNESS = Flag("--freshness", "text", "How far back to look: 1d (default), 2h30m.", metavar="DURATION")
_FOLLOW = Flag("--follow", "switch", "Go on printing what is written, until the execution ends or Ctrl-C. Short: -f.")
_FOLLOWS = Flag("--follow", "switch", "", hidden=True)  # `tail -f`: it does so in any case


def _read_job(session: Session, arguments: Arguments) -> object:
    return _read(session, arguments, job_source(session, arguments.word("job")))


def _read_execution(session: Session, arguments: Arguments) -> object:
    return _read(session, arguments, execution_source(session, arguments.word("execution")))


def _read_service(session: Session, arguments: Arguments) -> object:
    return _read(session, arguments, service_source(session, arguments.word("service")))


def _read_pool(session: Session, arguments: Arguments) -> object:
    return _read(session, arguments, pool_source(session, arguments.word("worker-pool")))


def _read(session: Session, arguments: Arguments, source: Source) -> object:
    terms = [*source.terms, *_user_terms(arguments)]
    terms.append(f'timestamp>="{ago(_freshness_s(arguments))}"')
    limit = arguments.number("limit")
    newest_first = limit is not None and arguments.text("order") != "asc"
    found: Iterable[Document] = entries(
        session, " AND ".join(terms), newest_first=newest_first, limit=limit, project=source.project
    )
    if newest_first:
        found = reversed(list(found))
    if session.arguments.text("format"):
        return [Record(entry) for entry in found]
    for entry in found:
        session.console.answer(line(entry) + "\n")
    return None


def _user_terms(arguments: Arguments) -> list[str]:
    return [f"({arguments.text('log-filter')})"] if arguments.text("log-filter") else []


def _freshness_s(arguments: Arguments) -> int:
    text = arguments.text("freshness")
    return values.duration("--freshness", text, 0) if text else _DAY_S


def _tail_job(session: Session, arguments: Arguments) -> None:
    _Tail(session, arguments, job_source(session, arguments.word("job"))).follow()


def _tail_service(session: Session, arguments: Arguments) -> None:
    _Tail(session, arguments, service_source(session, arguments.word("service"))).follow()


def _tail_pool(session: Session, arguments: Arguments) -> None:
    _Tail(session, arguments, pool_source(session, arguments.word("worker-pool"))).follow()


def _tail_execution(session: Session, arguments: Arguments) -> None:
    name = arguments.word("execution")
    if RunApi(session, session.region).find("executions", name) is None:
        raise CommandError(f"Cannot find execution [{name}].")
    _Tail(session, arguments, execution_source(session, name)).follow()


def _logs(session: Session, arguments: Arguments) -> object:
    if not arguments.switch("follow"):
        return _read_any(session, arguments)
    _tail_any(session, arguments)
    return None


def _read_any(session: Session, arguments: Arguments) -> object:
    return _read(session, arguments, named_source(session, arguments))


def _tail_any(session: Session, arguments: Arguments) -> None:
    _Tail(session, arguments, named_source(session, arguments)).follow()


class _Tail:
    """Entries as they come, each once: of an execution from its first, of anything else from now on."""

    def __init__(self, session: Session, arguments: Arguments, source: Source) -> None:
        self.session = session
        self.source = source
        self.terms = source.terms + _user_terms(arguments)
        self.since = ago(0.0) if source.has_ended is None else ""
        self.seen: dict[str, None] = {}

    def follow(self) -> None:
        """Print until the execution has ended and all its entries are out; without one until Ctrl-C."""
        has_watched = False
        try:
            while True:
                has_ended = self.source.has_ended is not None and self.source.has_ended()
                if has_ended and has_watched:
                    time.sleep(_POLL_S)  # it ended just now: its last entries may be readable a moment later
                    has_watched = False
                if not self._print_new() and has_ended:
                    return
                if not has_ended:
                    has_watched = True
                    time.sleep(_POLL_S)
        except KeyboardInterrupt:
            return

    def _print_new(self) -> int:
        terms = [*self.terms, f'timestamp>="{self.since}"'] if self.since else self.terms
        printed = 0
        latest = self.since
        found = entries(self.session, " AND ".join(terms), newest_first=False, limit=None, project=self.source.project)
        try:
            for entry in found:
                identifier = text_at(entry, "insertId")
                if identifier in self.seen:
                    continue
                self.seen[identifier] = None
                self.session.console.answer(line(entry) + "\n")
                latest = max(latest, text_at(entry, "timestamp"))
                printed += 1
        except (UnreachableError, AnswerLostError):
            return printed  # the runtime is being started again: the next poll reads on from here
        while len(self.seen) > _REMEMBERED:
            del self.seen[next(iter(self.seen))]
        self.since = min(latest, ago(_OVERLAP_S)) if latest else ""
        return printed


_READ_FLAGS = [_LOG_FILTER, _LIMIT, _ORDER, _FRESHNESS]
_JOB = Positional("job", "The name of the job.")
_EXECUTION = Positional("execution", "The name of the execution.")

READ_JOB = Command(
    _read_job,
    "Read what the tasks of a job wrote, oldest first.",
    positionals=[_JOB],
    flags=_READ_FLAGS,
    examples=[("The last hundred lines:", "hakobune run jobs logs read thumbs --limit 100")],
    default_format="yaml",
)
READ_EXECUTION = Command(
    _read_execution,
    "Read what the tasks of an execution wrote, oldest first.",
    positionals=[_EXECUTION],
    flags=_READ_FLAGS,
    examples=[("Errors only:", "hakobune run jobs executions logs read thumbs-x7k2p --log-filter 'severity>=ERROR'")],
    default_format="yaml",
)
TAIL_JOB = Command(
    _tail_job,
    "Print what the tasks of a job write from now on, until Ctrl-C.",
    positionals=[_JOB],
    flags=[_LOG_FILTER, _FOLLOWS],
    examples=[("Follow:", "hakobune run jobs logs tail thumbs")],
)
TAIL_EXECUTION = Command(
    _tail_execution,
    "Print what the tasks of an execution wrote and write, until it has ended.",
    positionals=[_EXECUTION],
    flags=[_LOG_FILTER, _FOLLOWS],
    examples=[("Follow:", "hakobune run jobs executions logs tail thumbs-x7k2p")],
)
_SERVICE = Positional("service", "The name of the service.")
_POOL = Positional("worker-pool", "The name of the worker pool.")
READ_SERVICE = Command(
    _read_service,
    "Read what the instances of a service wrote, and its requests, oldest first.",
    positionals=[_SERVICE],
    flags=_READ_FLAGS,
    examples=[("The last hundred lines:", "hakobune run services logs read api --limit 100")],
    default_format="yaml",
)
TAIL_SERVICE = Command(
    _tail_service,
    "Print what the instances of a service write from now on, and its requests, until Ctrl-C.",
    positionals=[_SERVICE],
    flags=[_LOG_FILTER, _FOLLOWS],
    examples=[("Follow:", "hakobune run services logs tail api")],
)
READ_POOL = Command(
    _read_pool,
    "Read what the instances of a worker pool wrote, oldest first.",
    positionals=[_POOL],
    flags=_READ_FLAGS,
    examples=[("The last hundred lines:", "hakobune run worker-pools logs read consumer --limit 100")],
    default_format="yaml",
)
TAIL_POOL = Command(
    _tail_pool,
    "Print what the instances of a worker pool write from now on, until Ctrl-C.",
    positionals=[_POOL],
    flags=[_LOG_FILTER, _FOLLOWS],
    examples=[("Follow:", "hakobune run worker-pools logs tail consumer")],
)
_NAME = Positional(
    "name", "The name of a job, of an execution of one, of a service, a worker pool or a workflow.", required=False
)
LOGS = Command(
    _logs,
    "Read or follow the log of an execution, of a job, a service, a worker pool or a workflow: the first that has that"
    " name, in this order. Without a name, of all of them. `logs read` and `logs tail` say which of the two.",
    positionals=[_NAME],
    flags=[_FOLLOW, *WORKFLOW_FLAGS, *_READ_FLAGS],
    examples=[
        ("Follow an execution to its end:", "hakobune logs thumbs-x7k2p --follow"),
        ("Follow an execution ID of a workflow:", "hakobune logs --workflow video --execution ID --follow"),
    ],
    default_format="yaml",
)
READ = Command(
    _read_any,
    "Read the log of an execution, of a job, a service, a worker pool or a workflow, the first that has that name,"
    " oldest first. Without a name, of all of them.",
    positionals=[_NAME],
    flags=[*WORKFLOW_FLAGS, *_READ_FLAGS],
    examples=[("The last hundred lines:", "hakobune logs read thumbs --limit 100")],
    default_format="yaml",
)
TAIL = Command(
    _tail_any,
    "Print what an execution wrote and writes, until it has ended; of anything else, or without a name of all of"
    " them, what is written from now on, until Ctrl-C.",
    positionals=[_NAME],
    flags=[_LOG_FILTER, *WORKFLOW_FLAGS, _FOLLOWS],
    examples=[("Follow an execution to its end:", "hakobune logs tail thumbs-x7k2p")],
)
