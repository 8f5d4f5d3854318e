"""What happens to an execution, and what it asks for: the input and the output of the machine.

The journal of an execution is the list of its stamped events, and its only durable state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType, TypeAlias

from hakobune.core.workflows.effects import Answer, CallbackRequest, Effect
from hakobune.core.workflows.values import Value

# `branch path # sequence`, for example "0#3" or "0.1.4#2": the same at every replay, never used twice.
CallId = NewType("CallId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The first event. `argument` is decoded; `environment` holds the built-in and the user's variables."""

    argument: Value
    environment: Mapping[str, str]
    execution: str  # full name
    base_url: str  # of this server: "http://127.0.0.1:8642"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An effect has its answer. An answer nobody waits for changes nothing."""

    call: CallId
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackArrived:
    """A request to a callback endpoint was accepted."""

    callback: str
    request: CallbackRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """Somebody cancelled the execution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The execution lasted longer than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The server has another address than before: URLs that are handed out from now on begin with it."""

    base_url: str


Event: TypeAlias = Started | Answered | CallbackArrived | CancelRequested | Expired | Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """An event with its instant (seconds since the epoch, to the microsecond) and random bits (a UUID's 122): all that
    the interpreter knows of clock and dice."""

    event: Event
    at_s: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An effect to carry out. Asked for again after a crash, under the same call id, if it has no answer yet."""

    call: CallId
    effect: Effect
    step: str
    routine: str
