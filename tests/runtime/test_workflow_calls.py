"""What workflows ask of the world: where requests go, under which key, with which token, and for how long."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from hakobune.core.logs.entries import LogEntry
from hakobune.core.names import WorkflowName
from hakobune.core.workflows.effects import (
    Done,
    HttpRequest,
    HttpResponse,
    NoResponse,
    Token,
    TokenKind,
    Trouble,
    WriteLog,
)
from hakobune.core.workflows.events import CallId, Command
from hakobune.core.workflows.model import ExecutionState, WorkflowExecution
from hakobune.runtime.clock import SystemClock
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.google_token import GoogleToken
from hakobune.runtime.settings import Settings
from hakobune.runtime.workflow_calls import WorkflowCalls

pytestmark = pytest.mark.anyio

EXECUTION = WorkflowExecution(
    name=WorkflowName(project="p", location="tokyo", workflow="w").execution("e"),
    uid="e",
    workflow_uid="u",
    revision_id="000001-abc",
    state=ExecutionState.ACTIVE,
    create_s=0.0,
    service_account="me@p.example",
)
KEY = f"{EXECUTION.name}/0#1"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Sent:
    """A transport, and a front door: answers by URL, keeps what it was sent."""

    def __init__(self, answers: dict[str, HttpResponse | float] | None = None) -> None:
        self.requests: list[HttpRequest] = []
        self._answers = answers or {}
        self.after_redirects: list[bool] = []

    async def send(self, request: HttpRequest, *, after_redirect: bool = False) -> HttpResponse | NoResponse:
        self.after_redirects.append(after_redirect)
        self.requests.append(request)
        answer = self._answers.get(request.url, HttpResponse(code=200, headers=(), body=b""))
        if isinstance(answer, float):
            await anyio.sleep(answer)
            return HttpResponse(code=200, headers=(), body=b"late")
        return answer

    async def __call__(self, request: HttpRequest) -> HttpResponse | NoResponse:
        return await self.send(request)

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def urls(self) -> list[str]:
        return [request.url for request in self.requests]


class Log:
    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    async def write_entries(self, entries: Sequence[LogEntry]) -> None:
        self.entries += entries


class House:
    def __init__(self, directory: Path, outside: Sent, inside: Sent, **settings: object) -> None:
        self.log = Log()
        whole = Settings(directory=directory, project="p", **settings)  # type: ignore[arg-type]
        clock = SystemClock()
        self.calls = WorkflowCalls(whole, clock, Credentials(directory, clock, "p"), self.log, outside)
        self.calls.front_door = inside

    async def ask(self, url: str, method: str = "GET", **changes: object) -> HttpResponse | NoResponse:
        request = HttpRequest(method=method, url=url, **changes)  # type: ignore[arg-type]
        answered = await self.calls.perform(
            EXECUTION, Command(call=CallId("0#1"), effect=request, step="s", routine="m")
        )
        assert answered.call == "0#1"
        assert isinstance(answered.answer, (HttpResponse, NoResponse))
        return answered.answer


def headers(request: HttpRequest) -> dict[str, str]:
    return dict(request.headers)


def to(location: str, code: int = 302) -> HttpResponse:
    return HttpResponse(code=code, headers=(("Location", location),), body=b"")


async def test_given_a_request_when_sent_then_it_carries_the_key_of_its_call_unless_its_author_set_one(
    tmp_path: Path,
) -> None:
    outside = Sent()
    house = House(tmp_path, outside, Sent())
    await house.ask("http://a.example/")
    await house.ask("http://a.example/", headers=(("idempotency-key", "mine"),))
    assert [headers(request) for request in outside.requests] == [{"Idempotency-Key": KEY}, {"idempotency-key": "mine"}]


@pytest.mark.parametrize(
    ("url", "is_inside"),
    [
        ("https://run.googleapis.com/v2/x", True),
        ("https://us-central1-run.googleapis.com/v2/x", True),
        ("https://RUN.googleapis.com./v2/x", True),
        ("https://run.googleapis。com/v2/x", True),
        ("https://ｒun.googleapis.com/v2/x", True),
        ("https://run.googleapis.com.evil.example/", False),
        ("https://googleapis.com.example/", False),
        ("https://notgoogleapis.com/", False),
    ],
)
async def test_given_a_host_when_it_is_googles_then_it_is_our_front_door_and_nothing_else_is(
    tmp_path: Path, url: str, is_inside: bool
) -> None:
    outside, inside = Sent(), Sent()
    await House(tmp_path, outside, inside).ask(url)
    plain = "https://run.googleapis.com/v2/x" if "central" not in url else url
    assert (inside.urls, outside.urls) == (([plain], []) if is_inside else ([], [url]))


async def test_given_a_google_host_that_is_not_served_when_no_credentials_are_set_then_nothing_is_sent(
    tmp_path: Path,
) -> None:
    outside, inside = Sent(), Sent()
    answer = await House(tmp_path, outside, inside).ask("https://bigquery.googleapis.com/x")
    assert isinstance(answer, NoResponse)
    assert answer.trouble is Trouble.SYSTEM
    assert "google_token_command" in answer.detail
    assert outside.urls + inside.urls == []


async def test_given_a_redirect_to_one_of_googles_hosts_when_followed_then_it_goes_where_a_request_would(
    tmp_path: Path,
) -> None:
    outside = Sent(
        {"http://a.example/": to("https://run.googleapis.com/v2/x"), "http://b.example/": to("https://x-1.run.app/y?z")}
    )
    inside = Sent()
    house = House(tmp_path, outside, inside, service_urls={"x": "http://127.0.0.1:9000/base/"})
    await house.ask("http://a.example/")
    await house.ask("http://b.example/")
    assert inside.urls == ["https://run.googleapis.com/v2/x"]
    assert outside.urls == ["http://a.example/", "http://b.example/", "http://127.0.0.1:9000/base/y?z"]


async def test_given_a_redirect_when_followed_then_the_transport_is_told_that_one_led_there(tmp_path: Path) -> None:
    outside = Sent({"http://a.example/1": to("http://a.example/2", 307)})
    house = House(tmp_path, outside, Sent())
    assert isinstance(await house.ask("http://a.example/1", "POST", body=b"x"), HttpResponse)
    assert outside.after_redirects == [False, True]


async def test_given_redirects_without_end_when_followed_then_ten_are(tmp_path: Path) -> None:
    outside = Sent({"http://a.example/": to("/")})
    answer = await House(tmp_path, outside, Sent()).ask("http://a.example/")
    assert answer == NoResponse(
        trouble=Trouble.INVALID, detail="more than 10 redirects, the last to http://a.example/"
    )  # which no predicate of the library tries again
    assert len(outside.urls) == 11
    assert {headers(request)["Idempotency-Key"] for request in outside.requests} == {KEY}


async def test_given_a_slow_chain_of_redirects_when_the_time_is_over_then_it_is_a_timeout(tmp_path: Path) -> None:
    outside = Sent({"http://a.example/": to("/slow"), "http://a.example/slow": 30.0})
    answer = await House(tmp_path, outside, Sent()).ask("http://a.example/", timeout_s=0.2)
    assert answer == NoResponse(trouble=Trouble.TIMEOUT, detail="no answer within 0.2 s")
    assert len(outside.urls) == 2


@pytest.mark.parametrize(
    ("kind", "url", "is_fine"),
    [
        (TokenKind.OIDC, "https://a.example/", True),
        (TokenKind.OIDC, "http://a.example/", False),
        (TokenKind.OIDC, "http://127.0.0.1:8/", True),
        (TokenKind.OIDC, "http://127.attacker.example/", False),
        (TokenKind.OAUTH2, "http://127.0.0.1.attacker.example/", False),
        (TokenKind.OAUTH2, "http://localhost./", True),
        (TokenKind.OAUTH2, "https://run.googleapis.com./", True),
        (TokenKind.OIDC, "http://named.example/", True),
        (TokenKind.OAUTH2, "https://run.googleapis.com/", True),
        (TokenKind.OAUTH2, "https://a.example/", False),
        (TokenKind.OAUTH2, "http://localhost/", True),
        (TokenKind.OAUTH2, "http://[::1/", False),
    ],
)
async def test_given_a_token_when_asked_for_then_it_goes_only_where_it_may(
    tmp_path: Path, kind: TokenKind, url: str, is_fine: bool
) -> None:
    outside, inside = Sent(), Sent()
    house = House(tmp_path, outside, inside, http_allowed_hosts=("named.example",))
    own = (("Authorization", "Basic x"),)
    answer = await house.ask(url, token=Token(kind=kind, audience="aud"), headers=own)
    sent = outside.requests + inside.requests
    if is_fine:
        assert headers(sent[0])["Authorization"].startswith("Bearer ")
    else:
        assert isinstance(answer, NoResponse)
        assert answer.trouble is Trouble.INVALID
        assert sent == []


async def test_given_a_token_when_redirected_to_another_host_then_it_stays_behind(tmp_path: Path) -> None:
    outside = Sent({"https://a.example/": to("https://b.example/", 307)})
    await House(tmp_path, outside, Sent()).ask("https://a.example/", token=Token(kind=TokenKind.OIDC, audience="x"))
    assert ["Authorization" in headers(request) for request in outside.requests] == [True, False]


@pytest.mark.parametrize("url", ["https://gone.run.app/x", "https://x.run.app.example/", "http://[::1"])
async def test_given_an_odd_host_when_asked_then_nothing_is_raised(tmp_path: Path, url: str) -> None:
    outside = Sent()
    answer = await House(tmp_path, outside, Sent()).ask(url)
    if url.endswith("run.app/x"):
        assert isinstance(answer, HttpResponse)
        assert (answer.code, b"service_urls" in answer.body) == (404, True)
        assert outside.urls == []


async def test_given_a_log_entry_when_written_then_its_id_follows_from_the_call(tmp_path: Path) -> None:
    house = House(tmp_path, Sent(), Sent())
    command = Command(call=CallId("0#1"), effect=WriteLog(severity="INFO", text="早い"), step="s", routine="m")
    for _ in range(2):
        assert (await house.calls.perform(EXECUTION, command)).answer == Done()
    first, second = house.log.entries
    assert first.insert_id == second.insert_id
    assert first.text_payload == "早い"
    other = await house.calls.perform(replace(EXECUTION, uid="f"), command)
    assert other.answer == Done()
    assert house.log.entries[2].insert_id != first.insert_id


# -- the user's own token -------------------------------------------------------------------------------------------


class Clock:
    now = 1_000.0

    def now_s(self) -> float:
        return self.now


def counting(directory: Path) -> list[str]:
    """A command that prints how often it was run."""
    code = "import pathlib; p = pathlib.Path('{0}'); n = int(p.read_text()) + 1; p.write_text(str(n)); print(f'token-{{n}}')"
    (directory / "count").write_text("0")
    return [sys.executable, "-c", code.format(directory / "count")]


async def test_given_a_command_when_asked_for_tokens_then_it_runs_once_in_five_minutes(tmp_path: Path) -> None:
    clock = Clock()
    token = GoogleToken(counting(tmp_path), clock)
    found: list[str] = []

    async def ask() -> None:
        found.append(await token.token())

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    clock.now += 299
    await ask()
    clock.now += 2
    await ask()
    clock.now -= 100_000  # the clock was wrong: how old the token is, nobody knows
    await ask()
    assert found == ["token-1"] * 6 + ["token-2", "token-3"]


@pytest.mark.parametrize(
    "code", ["raise SystemExit('log in first')", "print('')", "print('two words')", "print('ключ')"]
)
async def test_given_a_command_that_prints_no_token_when_asked_then_it_is_an_auth_error(
    tmp_path: Path, code: str
) -> None:
    outside = Sent()
    house = House(tmp_path, outside, Sent(), google_token_command=(sys.executable, "-c", code))
    token = Token(kind=TokenKind.OAUTH2)
    answer = await house.ask("https://bigquery.googleapis.com/x", token=token)
    assert isinstance(answer, NoResponse)
    assert answer.trouble is Trouble.AUTH
    assert "log in first" in answer.detail or "gave no token" in answer.detail
    assert outside.urls == []
    missing = House(tmp_path, outside, Sent(), google_token_command=("/nonexistent/command",))
    answer = await missing.ask("https://bigquery.googleapis.com/x", token=token)
    assert isinstance(answer, NoResponse)
    assert answer.trouble is Trouble.AUTH


async def test_given_a_command_that_hangs_when_the_time_of_the_request_is_over_then_it_is_killed(
    tmp_path: Path,
) -> None:
    code = f"import os, pathlib, time; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"
    house = House(tmp_path, Sent(), Sent(), google_token_command=(sys.executable, "-c", code))
    with anyio.fail_after(20):
        answer = await house.ask("https://bigquery.googleapis.com/x", token=Token(kind=TokenKind.OAUTH2), timeout_s=3.0)
    assert isinstance(answer, NoResponse)
    assert answer.trouble is Trouble.TIMEOUT
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_given_the_users_token_when_a_google_host_is_not_served_then_it_replaces_our_own(tmp_path: Path) -> None:
    outside = Sent()
    house = House(tmp_path, outside, Sent(), google_token_command=tuple(counting(tmp_path)))
    await house.ask("https://bigquery.googleapis.com/x", token=Token(kind=TokenKind.OAUTH2))
    await house.ask("https://bigquery.googleapis.com/x")
    assert [headers(request).get("Authorization") for request in outside.requests] == ["Bearer token-1", None]


async def test_given_a_service_that_is_deployed_here_then_the_front_door_answers_and_the_setting_is_for_others(
    tmp_path: Path,
) -> None:
    outside, inside = Sent(), Sent()
    house = House(tmp_path, outside, inside, service_urls={"x": "http://127.0.0.1:9000"})
    deployed = ["https://y-1.us-central1.run.app/a", "https://x-1.run.app/a", "http://127.0.0.1:4711/a"]
    house.calls.serves = deployed.__contains__
    for url in [*deployed, "https://x-2.run.app/b", "http://127.0.0.1:4712/c"]:
        await house.ask(url)
    assert inside.urls == deployed
    assert outside.urls == ["http://127.0.0.1:9000/b", "http://127.0.0.1:4712/c"]
