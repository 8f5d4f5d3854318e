"""The local issuer: its tokens, its key, its files."""

from __future__ import annotations

import base64
import json
import stat
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.core.errors import FailedPrecondition, PermissionDenied, ResourceExhausted, Unauthenticated
from hakobune.core.identity import limits
from hakobune.runtime.credentials import API_AUDIENCE, FILE_TOKEN_LIFE_S, TOKEN_LIFE_S, Credentials

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


@pytest.fixture(scope="module")
def good_token(folder: Path) -> str:
    return anyio.run(Credentials(folder, Clock(), "demo").access_token, "ann@example.com")


@given(st.data())
@settings(max_examples=100)
def test_given_a_good_token_when_anything_in_it_changes_then_it_is_refused(
    folder: Path, good_token: str, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["replace", "insert", "cut", "swap", "part"]))
    place = data.draw(st.integers(0, len(good_token) - 1))
    text = data.draw(st.text(min_size=1, max_size=3) | st.sampled_from([".", "=", "-", "A", "\n", " "]))
    changed = {
        "replace": good_token[:place] + text + good_token[place + 1 :],
        "insert": good_token[:place] + text + good_token[place:],
        "cut": good_token[:place] + good_token[place + 1 :],
        "swap": good_token[place:] + good_token[:place],
        "part": ".".join([*good_token.split(".")[:2], encode(text)]),
    }[kind]
    if changed != good_token:
        with pytest.raises(Unauthenticated):
            anyio.run(Credentials(folder, Clock(), "demo").verify, changed)


async def test_given_a_key_when_the_runtime_starts_again_then_older_tokens_still_hold(
    credentials: Credentials, folder: Path, clock: Clock
) -> None:
    token = await credentials.access_token("ann@example.com")
    again = Credentials(folder, clock, "demo")
    assert (await again.verify(token)).account == "ann@example.com"
    assert await again.jwks() == await credentials.jwks()
    assert await again.certificates() == await credentials.certificates()


async def test_given_a_new_key_when_it_signs_then_older_tokens_hold_until_they_expire(
    tmp_path: Path, clock: Clock
) -> None:
    credentials = Credentials(tmp_path, clock, "demo")
    old = await credentials.access_token("ann@example.com", life_s=600)
    new_key = await credentials.rotate()
    new = await credentials.access_token("ann@example.com")
    assert parts(old)[0]["kid"] != parts(new)[0]["kid"] == new_key
    for house in (credentials, Credentials(tmp_path, clock, "demo")):
        assert (await house.verify(old)).account == (await house.verify(new)).account == "ann@example.com"
        assert set(await house.certificates()) == {parts(old)[0]["kid"], new_key}
    clock.now += 2 * 24 * 3600  # beyond the last token of the old key
    again = Credentials(tmp_path, clock, "demo")
    assert list(await again.certificates()) == list(await credentials.certificates()) == [new_key]
    assert [key["kid"] for key in (await again.jwks())["keys"]] == [new_key]  # type: ignore[attr-defined]
    assert [path.stem for path in (tmp_path / "identity" / "keys").iterdir()] == [new_key]


async def test_given_a_key_of_a_month_when_a_token_is_issued_then_a_new_key_signs_it(
    tmp_path: Path, clock: Clock
) -> None:
    credentials = Credentials(tmp_path, clock, "demo")

    async def signer() -> object:
        return parts(await credentials.access_token("ann@example.com", life_s=60))[0]["kid"]

    first = await signer()
    clock.now += limits.ROTATE_AFTER_S - 10
    assert await signer() == first
    clock.now += 20
    assert await signer() != first


async def test_given_many_rotations_when_old_tokens_live_then_the_next_is_refused(tmp_path: Path, clock: Clock) -> None:
    credentials = Credentials(tmp_path, clock, "demo")
    for _ in range(limits.KEYS_MAX):
        await credentials.rotate()
    with pytest.raises(ResourceExhausted, match="keys are in use"):
        await credentials.rotate()
    await credentials.verify(await credentials.access_token("ann@example.com"))


async def test_given_a_kept_token_when_asked_again_then_it_is_the_same_until_five_minutes_before_its_end(
    credentials: Credentials, clock: Clock
) -> None:
    first = await credentials.kept_access_token("kept@example.com")
    identity = await credentials.id_token("kept@example.com", "https://a.example")
    clock.now += TOKEN_LIFE_S - 301
    assert (await credentials.kept_access_token("kept@example.com")) == first
    assert await credentials.id_token("kept@example.com", "https://a.example") == identity
    assert await credentials.id_token("kept@example.com", "https://b.example") != identity
    clock.now += 2
    assert (await credentials.kept_access_token("kept@example.com")).text != first.text
    assert await credentials.id_token("kept@example.com", "https://a.example") != identity


async def test_given_scopes_when_a_token_is_issued_then_it_carries_them(credentials: Credentials) -> None:
    issued = await credentials.scoped_token("ann@example.com", ("a", "b"), 60)
    token = await credentials.verify(issued.text)
    assert (token.scopes, token.expires_s) == (("a", "b"), NOW_S + 60)


async def test_given_a_token_that_was_verified_when_it_comes_again_then_no_key_is_asked(
    tmp_path: Path, clock: Clock
) -> None:
    credentials = Credentials(tmp_path, clock, "demo")
    text = await credentials.access_token("ann@example.com")
    before_s = time.perf_counter()
    await credentials.verify(text)
    first_s = time.perf_counter() - before_s
    before_s = time.perf_counter()
    for _ in range(100):
        await credentials.verify(text)
    assert (time.perf_counter() - before_s) / 100 < first_s
    for name in range(5_000):  # bounded: the oldest are forgotten, and are good all the same
        credentials._verified[f"{name}"] = await credentials.verify(text)
    await credentials.verify(await credentials.access_token("bob@example.com"))
    assert (await credentials.verify(text)).account == "ann@example.com"


async def test_given_another_issuer_when_its_token_is_signed_with_our_key_then_it_is_refused(
    credentials: Credentials,
) -> None:
    wrong = [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": None},
        {"iat": NOW_S + 3_600},
        {"nbf": NOW_S + 3_600},
        {"aud": ["https://www.googleapis.com/"]},
        {"email": 5},
    ]
    for claims in wrong:
        issued = await credentials._issue({"aud": API_AUDIENCE, **claims}, "ann@example.com", 60)
        with pytest.raises(Unauthenticated):
            await credentials.verify(issued.text)


async def test_given_a_blob_when_an_account_signs_it_then_its_keys_alone_verify_it(credentials: Credentials) -> None:
    key_id, signature = await credentials.accounts.sign_blob("signer@demo.iam.gserviceaccount.com", b"url")
    assert await credentials.verify_signature("signer@demo.iam.gserviceaccount.com", b"url", signature)
    assert not await credentials.verify_signature("signer@demo.iam.gserviceaccount.com", b"uri", signature)
    assert not await credentials.verify_signature("signer@demo.iam.gserviceaccount.com", b"url", b"")
    assert not await credentials.verify_signature("other@demo.iam.gserviceaccount.com", b"url", signature)
    assert list(await credentials.accounts.certificates("signer@demo.iam.gserviceaccount.com")) == [key_id]


async def test_given_client_files_when_written_then_only_their_owner_can_read_them(
    credentials: Credentials, folder: Path, clock: Clock
) -> None:
    await credentials.write_client_files()
    identity = folder / "identity"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o700
    modes = {entry.name: oct(stat.S_IMODE(entry.stat().st_mode)) for entry in identity.iterdir()}
    modes.pop("accounts", "")  # system keys of accounts, if a test made some
    assert modes == {"keys": "0o700", "access-token": "0o600", "boto.cfg": "0o600"}
    assert {stat.S_IMODE(key.stat().st_mode) for key in (identity / "keys").iterdir()} == {0o600}
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
    (tmp_path / "identity" / "keys").mkdir(parents=True)
    (tmp_path / "identity" / "keys" / "torn.json").write_text("torn")
    with pytest.raises(FailedPrecondition, match="Remove it"):
        await Credentials(tmp_path, clock, "demo").access_token("ann@example.com")
