"""Makes attempts: one request, its redirects included, or one message; the answer says how it ended.

Also asks our own APIs what became of executions that earlier attempts started.
"""

from __future__ import annotations

from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import anyio

from hakobune.core.errors import Code, HakobuneError, ResourceExhausted, Unavailable
from hakobune.core.schedules.model import METHODS_WITH_BODY, HttpTarget, Outcome, PubsubTarget, Run, Schedule
from hakobune.core.schedules.sending import idempotency_key, outcome_of, request_headers
from hakobune.core.schedules.started import execution_in, execution_url, is_under_way, starts_executions
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.runtime.http_client import redirected
from hakobune.runtime.http_hosts import host_of, is_google, is_this_machine
from hakobune.runtime.outlet import Outlet, Publishes
from hakobune.runtime.workflow_calls import KEY_HEADER

REDIRECTS = 20  # inferred: as many as common clients follow
AT_ONCE = 1_000  # requests to the outside; more of them wait
AT_ONCE_OF_A_HOST = 200  # so that one that hangs does not keep the others from theirs
_LOOK_S = 30.0  # for an answer of our own API

_TROUBLES = {
    Trouble.TIMEOUT: Code.DEADLINE_EXCEEDED,
    Trouble.INVALID: Code.INVALID_ARGUMENT,
    Trouble.AUTH: Code.UNAUTHENTICATED,
}


class Unknown(Exception):
    """What became of an execution cannot be told now."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


class ScheduleAttempts:
    """Makes attempts, so many at once."""

    def __init__(self, outlet: Outlet, publisher: Publishes) -> None:
        self._outlet = outlet
        self._publisher = publisher
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._hosts: WeakValueDictionary[str, anyio.CapacityLimiter] = WeakValueDictionary()

    async def make(self, schedule: Schedule, run: Run) -> Outcome:
        """One attempt of a run. Raises Unavailable, ResourceExhausted of our own store: ask again."""
        if schedule.pubsub is not None:
            return await self._publish(schedule.pubsub)
        assert schedule.http is not None
        host = urlsplit(schedule.http.uri).netloc
        of_host = self._hosts.setdefault(host, anyio.CapacityLimiter(AT_ONCE_OF_A_HOST))
        async with of_host, self._limiter:  # who waits for its host takes no place from others
            try:
                with anyio.fail_after(schedule.attempt_deadline_s):
                    return await self._request(schedule, schedule.http, run)
            except TimeoutError:
                text = f"The target did not answer within {schedule.attempt_deadline_s:g} s."
                return Outcome(code=Code.DEADLINE_EXCEEDED, message=text)

    async def _publish(self, target: PubsubTarget) -> Outcome:
        try:
            await self._publisher.publish(target.topic, target.data, target.attributes)
        except (Unavailable, ResourceExhausted):
            raise
        except HakobuneError as error:
            return Outcome(code=error.code, message=error.message)
        return Outcome(code=Code.OK)

    async def _request(self, schedule: Schedule, target: HttpTarget, run: Run) -> Outcome:
        headers = request_headers(schedule, target, run)
        try:
            if _is_ours(target) and all(name.lower() != KEY_HEADER.lower() for name, _ in headers):
                headers += ((KEY_HEADER, idempotency_key(schedule, run)),)
            headers += await self._authorization(target)
        except HakobuneError as error:
            return Outcome(code=Code.UNAUTHENTICATED, message=f"No token could be made: {error.message}")
        except ValueError as error:
            return Outcome(code=Code.INVALID_ARGUMENT, message=f"The request cannot be sent: {error}.")
        body = target.body if target.method in METHODS_WITH_BODY else None
        request = HttpRequest(
            method=target.method, url=target.uri, headers=headers, body=body, timeout_s=schedule.attempt_deadline_s
        )
        for _ in range(REDIRECTS + 1):
            answer = await self._outlet.sender.send(request)
            following = redirected(request, answer) if isinstance(answer, HttpResponse) else answer
            if following is None:
                assert isinstance(answer, HttpResponse)
                started = execution_in(answer.body) if starts_executions(target) else ""
                return outcome_of(answer.code, execution=started)
            if isinstance(following, NoResponse):
                return _trouble(following)
            request = following
        return Outcome(code=Code.UNKNOWN, message=f"The target redirected more than {REDIRECTS} times.")

    # -- executions that were started before ----------------------------------------------------------------------

    async def under_way(self, schedule: Schedule) -> tuple[str, ...]:
        """Which of the executions that the schedule started have not ended. Raises Unknown."""
        found: list[str] = []
        for execution in schedule.executions:
            answer = await self._tell(schedule, "GET", execution)
            if answer.code != 404 and is_under_way(execution, answer.body):
                found.append(execution)
        return tuple(found)

    async def cancel(self, schedule: Schedule, executions: tuple[str, ...]) -> None:
        """Have executions end. Raises Unknown."""
        for execution in executions:
            await self._tell(schedule, "POST", execution, verb="cancel")

    async def _tell(self, schedule: Schedule, method: str, execution: str, verb: str = "") -> HttpResponse:
        """Call our own API, as the one who starts the executions. 400 and 404: it has ended, or is gone."""
        assert schedule.http is not None
        try:
            headers = await self._authorization(schedule.http)
        except (HakobuneError, ValueError):
            headers = ()  # the attempt itself will say why
        request = HttpRequest(
            method=method,
            url=execution_url(execution, verb),
            headers=(("Content-Type", "application/json"), *headers),
            body=b"{}" if verb else None,
            timeout_s=_LOOK_S,
        )
        answer = await self._outlet.sender.send(request)
        what = f"{verb or 'state'} of execution {execution}"
        if isinstance(answer, NoResponse):
            raise Unknown(Outcome(code=Code.UNAVAILABLE, message=f"The {what} failed: {answer.detail}."))
        if answer.code not in {200, 404} and not (verb and answer.code in {400, 409}):
            code = outcome_of(answer.code).code
            raise Unknown(Outcome(code=code, message=f"The {what} failed: HTTP {answer.code}."))
        return answer

    # -- tokens ---------------------------------------------------------------------------------------------------

    async def _authorization(self, target: HttpTarget) -> tuple[tuple[str, str], ...]:
        """The header with the token. Raises HakobuneError, ValueError: this target may not see one."""
        if target.oidc is not None:
            account, audience = target.oidc.service_account_email, target.oidc.audience or target.uri
            return (await self._outlet.id_authorization(target.uri, account, audience),)
        if target.oauth is not None:
            return (await self._outlet.access_authorization(target.uri, target.oauth.service_account_email),)
        return ()


def _is_ours(target: HttpTarget) -> bool:
    """Whether a request goes to our own APIs, which begin a thing once for a key. Raises ValueError: to no host."""
    host = host_of(target.uri)
    return is_google(host) or (is_this_machine(host) and starts_executions(target))


def _trouble(answer: NoResponse) -> Outcome:
    """Why there is no answer; of one that was too large to read the status counts all the same."""
    if answer.code:
        return outcome_of(answer.code)
    return Outcome(code=_TROUBLES.get(answer.trouble, Code.UNAVAILABLE), message=answer.detail)
