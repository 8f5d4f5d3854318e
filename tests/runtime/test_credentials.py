"""The local issuer: its tokens, its key, its files."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import anyio
import pytest

from hakobune.core.errors import FailedPrecondition, PermissionDenied, ResourceExhausted, Unauthenticated
from hakobune.runtime.credentials import FILE_TOKEN_LIFE_S, TOKEN_LIFE_S, Credentials

pytestmark = pytest.mark.anyio

NOW_S = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW_S

    def now_s(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key for all tests: making one takes a while."""
    return tmp_path_factory.mktemp("credentials")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def credentials(folder: Path, clock: Clock) -> Credentials:
    return Credentials(folder, clock, "demo")


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = (
        json.loads(base64.urlsafe_b64decode(part + "==")) if n < 2 else {} for n, part in enumerate(token.split("."))
    )
    return head, body


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_given_an_account_when_a_token_is_issued_then_it_is_verified_as_that_account(
    credentials: Credentials,
) -> None:
    token = await credentials.verify(await credentials.access_token("ann@example.com"))
    assert (token.account, token.expires_s) == ("ann@example.com", NOW_S + TOKEN_LIFE_S)


async def test_given_an_audience_when_an_id_token_is_issued_then_it_holds_what_googles_hold(
    credentials: Credentials,
) -> None:
    head, body = parts(await credentials.id_token("ann@example.com", "https://service.example.com"))
    assert head["alg"] == "RS256"
    assert head["kid"] in {key["kid"] for key in (await credentials.jwks())["keys"]}  # type: ignore[attr-defined]
    assert head["kid"] in await credentials.certificates()
    assert body["iss"] == "https://accounts.google.com"
    assert (body["aud"], body["email"], body["email_verified"]) == (
        "https://service.example.com",
        "ann@example.com",
        True,
    )
    assert body["exp"] - body["iat"] == TOKEN_LIFE_S
    assert body["sub"].isdigit()


async def test_given_an_id_token_when_another_audience_checks_it_then_it_is_refused(credentials: Credentials) -> None:
    token = await credentials.id_token("ann@example.com", "https://one.example.com")
    assert (await credentials.verify(token, audience="https://one.example.com")).account == "ann@example.com"
    with pytest.raises(PermissionDenied):
        await credentials.verify(token)


async def test_given_a_token_when_its_time_is_over_then_it_is_refused(credentials: Credentials, clock: Clock) -> None:
    token = await credentials.access_token("ann@example.com")
    clock.now += TOKEN_LIFE_S + 20
    await credentials.verify(token)  # clocks differ a little
    clock.now += 20
    with pytest.raises(Unauthenticated, match="expired"):
        await credentials.verify(token)


async def test_given_a_signed_token_when_any_part_is_changed_then_it_is_forged(credentials: Credentials) -> None:
    head, body, signature = (await credentials.access_token("ann@example.com")).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = [
        f"{head}.{encode({**claims, 'email': 'eve@example.com'})}.{signature}",
        f"{encode({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{encode({'alg': 'HS256', 'typ': 'JWT'})}.{body}.{signature}",
        f"{head}.{body}.{'A' + signature[1:] if signature[0] != 'A' else 'B' + signature[1:]}",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.x",
    ]
    for token in forged:
        with pytest.raises(Unauthenticated):
            await credentials.verify(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.b.c",
        "\ud800.b.c",
        "x" * 100_000,
        ".".join(["[" * 8000] * 3),
        f"{encode([])}.{encode([])}.AAAA",
        f"{encode('x')}.{encode(1)}.AAAA",
        f"{encode({'alg': 'RS256'})}.{encode({'exp': 10**400, 'email': 1, 'aud': []})}.AAAA",
        base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.AAAA",
        "e30." + base64.urlsafe_b64encode(b'{"exp":' + b"[" * 5000).decode() + ".AAAA",
    ],
    ids=range(13),
)
async def test_given_anything_at_all_when_verified_then_it_is_refused_as_unauthenticated(
    credentials: Credentials, text: str
) -> None:
    with pytest.raises(Unauthenticated):
        await credentials.verify(text)


async def test_given_a_key_when_the_runtime_starts_again_then_older_tokens_still_hold(
    credentials: Credentials, folder: Path, clock: Clock
) -> None:
    token = await credentials.access_token("ann@example.com")
    again = Credentials(folder, clock, "demo")
    assert (await again.verify(token)).account == "ann@example.com"
    assert await again.jwks() == await credentials.jwks()
    assert await again.certificates() == await credentials.certificates()


async def test_given_client_files_when_written_then_only_their_owner_can_read_them(
    credentials: Credentials, folder: Path, clock: Clock
) -> None:
    await credentials.write_client_files()
    identity = folder / "identity"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o700
    modes = {entry.name: oct(stat.S_IMODE(entry.stat().st_mode)) for entry in identity.iterdir()}
    assert modes == {"key.pem": "0o600", "access-token": "0o600", "boto.cfg": "0o600"}
    clock.now += FILE_TOKEN_LIFE_S - 10
    account = (await credentials.verify(credentials.access_token_file.read_text())).account
    assert account == credentials.default_account == "developer@demo.iam.gserviceaccount.com"
    assert "use_gcloud_storage = True" in credentials.boto_file.read_text()


async def test_given_many_who_ask_at_once_when_client_files_are_written_then_they_are_whole(
    credentials: Credentials,
) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(credentials.write_client_files)
    await credentials.verify(credentials.access_token_file.read_text())


async def test_given_a_place_that_cannot_be_written_when_client_files_are_asked_for_then_it_is_said(
    credentials: Credentials, folder: Path
) -> None:
    await credentials.access_token("ann@example.com")
    credentials.access_token_file.unlink(missing_ok=True)
    credentials.access_token_file.mkdir()
    with pytest.raises(ResourceExhausted, match="could not be written"):
        await credentials.write_client_files()
    credentials.access_token_file.rmdir()


async def test_given_no_place_for_a_key_when_a_token_is_needed_then_it_is_refused_and_the_next_try_may_do(
    tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "identity").write_text("in the way")
    credentials = Credentials(tmp_path, clock, "demo")
    with pytest.raises(ResourceExhausted, match="could not be written"):
        await credentials.access_token("ann@example.com")
    (tmp_path / "identity").unlink()
    await credentials.access_token("ann@example.com")


async def test_given_a_key_that_is_damaged_when_needed_then_the_remedy_is_named(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "identity").mkdir()
    (tmp_path / "identity" / "key.pem").write_text("torn")
    with pytest.raises(FailedPrecondition, match="Remove it"):
        await Credentials(tmp_path, clock, "demo").access_token("ann@example.com")
