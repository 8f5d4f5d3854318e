"""The world that workflows call: a partner who does each thing once per key, behind a network that cannot be trusted.

It keeps what was sent, what arrived and what was answered: the truth that the journals are held against.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import anyio
from anyio.abc import TaskGroup

from hakobune.core.workflows import journal
from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.events import CancelRequested
from hakobune.core.workflows.limits import RunLimits, Strictness
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.plan import Plan
from hakobune.store.api import ReadTx
from hakobune.store.sqlite.database import SqliteStore
from hakobune.testing.faults import Luck
from hakobune.testing.flow_model import NOT_FOUND, UNAVAILABLE, Asked, answer
from hakobune.testing.flow_plans import Post

KEY = "idempotency-key"
NETWORK_FAULTS_MAX = 2  # of one call: fewer than its retries
_JSON = (("Content-Type", "application/json"),)
_RETRIED = "/retry"  # calls that are tried again: only these may see the network fail
_WAITS_S = (0.0, 0.0, 0.01, 0.5, 3.0, 20.0)
_POST_WAITS_S = (0.0, 0.5, 6.0, 40.0)
_PAUSE_S = 1.0
_SLICE_STEPS = 10_000
FULL = 429  # a callback that has a request already, or a full disk
_TAKEN_S = 60.0  # after which a callback was surely taken

# Posts to a path of the front door: status and text, or None if nobody knows. Arguments: method, path, body.
PostBack = Callable[[str, str, bytes], Awaitable[tuple[int, str] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request that left a runtime. `asked` is None where the receiver was our own front door."""

    life: int
    key: str  # EXECUTION/CALL
    uid: str
    call: str
    asked: Asked | None
    request: HttpRequest
    at_s: float  # the loop's


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A request to a callback. In doubt: an earlier try may have been accepted."""

    how: str
    uid: str
    status: int
    is_in_doubt: bool


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What the world outside knows."""

    sent: list[Sent] = field(default_factory=list[Sent])
    wrong: list[str] = field(default_factory=list[str])  # promises that were broken when something was sent
    arrived: dict[str, HttpRequest] = field(default_factory=dict[str, HttpRequest])  # by key, the first
    answers: dict[str, HttpResponse] = field(default_factory=dict[str, HttpResponse])  # by key
    losses: set[str] = field(default_factory=set[str])  # keys that got no answer at least once
    network_faults: Counter[tuple[str, Asked]] = field(default_factory=Counter[tuple[str, Asked]])
    posts: list[Posted] = field(default_factory=list[Posted])
    doubled: int = 0


class Partner:
    """See the module's docstring."""

    def __init__(
        self, group: TaskGroup, rng: random.Random, luck: Luck, look: Callable[[], SqliteStore], post: PostBack
    ) -> None:
        self._group = group
        self._rng = rng
        self._luck = luck
        self._look = look
        self._post = post
        self.ledger = Ledger()
        self._attempts: Counter[tuple[str, Asked]] = Counter()
        self.under_way = 0  # callbacks that are still to be posted

    # -- what leaves a runtime ------------------------------------------------------------------------------------

    async def note(self, request: HttpRequest, life: int) -> Sent:
        """Look at a request that leaves now: what is durable must have led to it."""
        key = next((value for name, value in request.headers if name.lower() == KEY), "")
        name, _, call = key.rpartition("/")
        uid = name.rpartition("/")[2]
        is_ours = urlsplit(request.url).hostname == "partner.test"
        sent = Sent(
            life=life,
            key=key,
            uid=uid,
            call=call,
            asked=_asked(request) if is_ours else None,
            request=request,
            at_s=anyio.current_time(),
        )
        problem = await self._look().read(lambda tx: _problem(tx, sent))
        if problem:
            self.ledger.wrong.append(f"{key} ({request.url}): {problem}")
        self.ledger.sent.append(sent)
        return sent

    async def send(self, request: HttpRequest, life: int) -> HttpResponse | NoResponse:
        """The answer to a request to the partner, or what the network makes of it."""
        sent = await self.note(request, life)
        asked = sent.asked
        if asked is None:
            return NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="there is nobody")
        if self._may_fail(sent, asked):
            self.ledger.network_faults[sent.uid, asked] += 1
            self.ledger.losses.add(sent.key)
            return await self._lose(sent)
        return await self._exchange(sent)

    def _may_fail(self, sent: Sent, asked: Asked) -> bool:
        if urlsplit(sent.request.url).path != _RETRIED:
            return False
        if self.ledger.network_faults[sent.uid, asked] >= NETWORK_FAULTS_MAX:
            return False
        return self._luck.happens(self._luck.faults.lose_call)

    async def _lose(self, sent: Sent) -> NoResponse:
        match self._rng.randrange(3):
            case 0:
                return NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="nobody listens")
            case 1:
                await self._exchange(sent)
                return NoResponse(trouble=Trouble.CONNECTION, detail="the answer was lost")
            case _:
                self._group.start_soon(self._arrive, sent, self._rng.choice(_WAITS_S), anyio.Event())
                await anyio.sleep_forever()
                raise AssertionError("nobody waits for ever")

    async def _exchange(self, sent: Sent) -> HttpResponse:
        """What is on its way arrives, whatever becomes of the sender meanwhile."""
        has_arrived = anyio.Event()
        self._group.start_soon(self._arrive, sent, self._wait_s(), has_arrived)
        if self._luck.happens(self._luck.faults.double_call):
            self.ledger.doubled += 1
            self._group.start_soon(self._arrive, sent, self._wait_s(), anyio.Event())
        await has_arrived.wait()
        await anyio.sleep(self._wait_s())
        return self.ledger.answers[sent.key]

    def _wait_s(self) -> float:
        return self._rng.choice(_WAITS_S if self._luck.happens(self._luck.faults.slow_call) else _WAITS_S[:4])

    # -- what reaches the partner ---------------------------------------------------------------------------------

    async def _arrive(self, sent: Sent, wait_s: float, has_arrived: anyio.Event) -> None:
        await anyio.sleep(wait_s)
        if sent.key not in self.ledger.answers:
            self.ledger.arrived[sent.key] = sent.request
            self.ledger.answers[sent.key] = self._answer(sent)
        has_arrived.set()

    def _answer(self, sent: Sent) -> HttpResponse:
        asked, path = sent.asked, urlsplit(sent.request.url).path
        assert asked is not None  # it came here
        body = json.loads(sent.request.body or b"{}")
        self._attempts[sent.uid, asked] += 1
        if path == "/fail" or (path == _RETRIED and self._attempts[sent.uid, asked] <= body["fails"]):
            return HttpResponse(code=UNAVAILABLE, headers=_JSON, body=b'{"error": "later"}')
        if path == "/refuse":
            return HttpResponse(code=NOT_FOUND, headers=_JSON, body=b'{"error": "unknown"}')
        number = answer(asked.step, asked.i, asked.n)
        if path == "/callback":
            self.under_way += 1
            self._group.start_soon(self._call_back, body["url"], Post(body["post"]), number)
        return HttpResponse(code=200, headers=_JSON, body=json.dumps({"n": number}).encode())

    # -- callbacks ------------------------------------------------------------------------------------------------

    async def _call_back(self, url: str, how: Post, number: int) -> None:
        """Post to a callback. The address may be an old one: the path counts."""
        path, body = urlsplit(url).path, json.dumps({"n": number}).encode()
        await anyio.sleep(0.0 if how is Post.EARLY else self._rng.choice(_POST_WAITS_S))
        if how is Post.WRONG:
            await self._surely(how.value, "PUT", path, body)
        if how is Post.TWICE:
            self._group.start_soon(self._surely, "second", "POST", path, body)
        await self._surely("first", "POST", path, body)
        self.under_way -= 1
        if how is Post.AFTER:
            await anyio.sleep(_TAKEN_S)
            await self._surely("second", "POST", path, body)

    async def _surely(self, how: str, method: str, path: str, body: bytes) -> None:
        """Post again until somebody answers."""
        is_in_doubt = False
        while True:
            found = await self._post(method, path, body)
            if found is None:
                is_in_doubt = True
            elif found[0] != UNAVAILABLE and (found[0] != FULL or "waits" in found[1]):
                uid = path.partition("/executions/")[2].partition("/")[0]
                self.ledger.posts.append(Posted(how=how, uid=uid, status=found[0], is_in_doubt=is_in_doubt))
                return
            await anyio.sleep(_PAUSE_S)


def _asked(request: HttpRequest) -> Asked:
    body = json.loads(request.body or b"{}")
    return Asked(body["step"], body["i"], body["n"])


@cache
def _plan(source: str) -> Plan:
    return compile_source(source, strictness=Strictness.OFF)


def _problem(tx: ReadTx, sent: Sent) -> str:
    """What is wrong with sending this now; "" if the durable journal asks for exactly this. An execution that is gone
    is looked at later; one that is just being cancelled, too."""
    execution = tx.workflows.execution_by_uid(sent.uid)
    if execution is None:
        return ""
    revision = tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
    if revision is None:
        return "its revision is gone"
    events = [journal.decode(entry) for entry in tx.workflows.journal(sent.uid)]
    if isinstance(events[-1].event, CancelRequested):
        events.pop()
    machine = Machine(_plan(revision.source_contents), limits=RunLimits())
    for stamped in events:
        machine.feed(stamped)
        while not machine.advance(_SLICE_STEPS):
            pass
    # All tries of a connector call have one key, other requests the key of their call.
    requests = {command.call: command.effect for command in machine.waiting.values()}
    asked = {effect.key or call: effect for call, effect in requests.items() if isinstance(effect, HttpRequest)}
    effect = asked.get(sent.call)
    if effect is None:
        return "sent, and what is durable does not ask for it"
    if (effect.url, effect.body) != (sent.request.url, sent.request.body):
        return "sent, and what is durable asks for something else"
    return ""
