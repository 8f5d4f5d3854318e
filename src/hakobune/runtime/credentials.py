"""The local issuer: tokens that this runtime signs, and the check of tokens that callers show.

RS256 JSON Web Tokens (RFC 7519) under keys of the data directory. The issuer is named as Google's
(`https://accounts.google.com`), so verifying libraries work when they are pointed at our key lists.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from hakobune.core.errors import PermissionDenied, ResourceExhausted
from hakobune.core.identity import limits, tokens
from hakobune.core.identity.accounts import CLOUD_PLATFORM, unique_id
from hakobune.runtime.clock import Clock
from hakobune.runtime.credentials_accounts import AccountKeys
from hakobune.runtime.credentials_files import write_private
from hakobune.runtime.credentials_keys import KeyRing
from hakobune.store.api import Store

K = TypeVar("K")
V = TypeVar("V")

ISSUER = tokens.ISSUER
API_AUDIENCE = "https://www.googleapis.com/"
TOKEN_LIFE_S = limits.TOKEN_LIFE_S
FILE_TOKEN_LIFE_S = 400 * 24 * 3600  # the token that gcloud reads from a file: renewed at each start
_FRESH_S = 300.0  # a token is handed out again until five minutes before its end, as Google's metadata server does
_KEPT_MAX = 4_096  # tokens that were issued or verified, in memory: about a kilobyte each
_COMMON_NAME = "hakobune local issuer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A verified token."""

    account: str
    audience: str
    expires_s: float
    scopes: tuple[str, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token of ours, and when it ends."""

    text: str
    expires_s: float


class Credentials:
    """Issues and checks tokens. Without a store accounts have no keys of their own."""

    def __init__(self, directory: Path, clock: Clock, project: str, store: Store | None = None) -> None:
        self._folder = directory / "identity"
        self._clock = clock
        self._project = project
        self._keys = KeyRing(self._folder / "keys", clock)
        self.accounts = AccountKeys(self._folder / "accounts", clock, store)
        self._issued: OrderedDict[object, Issued] = OrderedDict()
        self._verified: OrderedDict[str, Token] = OrderedDict()
        self._writing = anyio.Lock()

    @property
    def default_account(self) -> str:
        """The account of callers without a token, and of tasks without a service account."""
        return f"developer@{self._project}.iam.gserviceaccount.com"

    @property
    def access_token_file(self) -> Path:
        """Where the token for gcloud lies."""
        return self._folder / "access-token"

    @property
    def boto_file(self) -> Path:
        """Where the settings for gsutil lie."""
        return self._folder / "boto.cfg"

    async def write_client_files(self) -> None:
        """Write the files that `hakobune env` names. Raises ResourceExhausted: they could not be written."""
        token = await self.access_token(self.default_account, life_s=FILE_TOKEN_LIFE_S)
        boto = b"[GSUtil]\nuse_gcloud_storage = True\n"
        async with self._writing:
            try:
                await anyio.to_thread.run_sync(write_private, self.access_token_file, token.encode())
                await anyio.to_thread.run_sync(write_private, self.boto_file, boto)
            except OSError as error:
                raise ResourceExhausted(f"The client files could not be written: {error}.") from error

    # -- issuing --------------------------------------------------------------------------------------------------

    async def access_token(self, account: str, *, life_s: float = TOKEN_LIFE_S) -> str:
        """A token for our own APIs: of the usual life, the same one until five minutes before its end. Raises
        FailedPrecondition: the account is disabled."""
        if life_s == TOKEN_LIFE_S:
            return (await self.kept_access_token(account)).text
        return (await self.scoped_token(account, (CLOUD_PLATFORM,), life_s)).text

    async def scoped_token(self, account: str, scopes: tuple[str, ...], life_s: float = TOKEN_LIFE_S) -> Issued:
        """A fresh token for our own APIs, with scopes. Raises FailedPrecondition: the account is disabled."""
        await self.accounts.check_enabled(account)
        return await self._issue({"aud": API_AUDIENCE, "scope": tokens.scopes_text(scopes)}, account, life_s)

    async def kept_access_token(self, account: str, scopes: tuple[str, ...] = (CLOUD_PLATFORM,)) -> Issued:
        """A token for our own APIs, the same one until five minutes before its end. Raises FailedPrecondition: the
        account is disabled."""
        await self.accounts.check_enabled(account)
        key = (account, scopes)
        found = self._still_fresh(key)
        return found or self._kept(key, await self.scoped_token(account, scopes))

    async def id_token(self, account: str, audience: str, extra: Mapping[str, object] | None = None) -> str:
        """A token that says to `audience` who calls; the same one until five minutes before its end. `extra`: claims
        beside the usual ones, or in their place; None leaves one out. Raises FailedPrecondition: the account is
        disabled."""
        await self.accounts.check_enabled(account)
        key = (account, audience, repr(extra))
        found = self._still_fresh(key)
        if found is None:
            found = self._kept(key, await self._issue({"aud": audience, **(extra or {})}, account, TOKEN_LIFE_S))
        return found.text

    def _still_fresh(self, key: object) -> Issued | None:
        found = self._issued.get(key)
        return found if found is not None and found.expires_s - _FRESH_S > self._clock.now_s() else None

    def _kept(self, key: object, issued: Issued) -> Issued:
        _keep(self._issued, key, issued)
        return issued

    async def _issue(self, claims: Mapping[str, object], account: str, life_s: float) -> Issued:
        now = int(self._clock.now_s())
        expires = now + int(life_s)
        key = await self._keys.signer(expires)
        subject = unique_id(account)
        body = {
            "iss": ISSUER,
            "azp": subject,
            "sub": subject,
            "email": account,
            "email_verified": True,
            "iat": now,
            "exp": expires,
            **claims,
        }
        content = tokens.signing_input(key.id, {name: value for name, value in body.items() if value is not None})
        return Issued(text=f"{content}.{tokens.encode_part(key.sign(content.encode()))}", expires_s=expires)

    # -- checking -------------------------------------------------------------------------------------------------

    async def verify(self, text: str, *, audience: str = API_AUDIENCE) -> Token:
        """Check a token of ours for `audience`. A text that was good before costs no signature again. Raises
        Unauthenticated (forged, expired), PermissionDenied (it is meant for somebody else)."""
        found = await self.known(text)
        if found.audience != audience:
            raise PermissionDenied(f"The token is meant for {found.audience[:200]!r}, not for {audience!r}.")
        if audience == API_AUDIENCE and not found.scopes:
            # Who may choose the audience of an ID token, a subscription that pushes for one, gets no access by that.
            raise PermissionDenied("An ID token says who calls and opens nothing: an access token is needed here.")
        return found

    async def known(self, text: str) -> Token:
        """Check a token of ours, whoever it is meant for. A text that was good before costs no signature again. Raises
        Unauthenticated."""
        known = self._verified.get(text)
        if known is not None and known.expires_s + limits.LEEWAY_S >= self._clock.now_s():
            return known
        return await self._checked(text)

    async def read(self, text: str) -> Token:
        """Check a token of ours, whoever it is meant for. Raises Unauthenticated."""
        return await self._checked(text)

    async def _checked(self, text: str) -> Token:
        unverified = tokens.split(text)
        key = await self._keys.find(unverified.key_id)
        if key is None:
            return await self._self_signed(unverified)
        if not key.is_signed(unverified.content, unverified.signature):
            raise tokens.not_ours()
        claims = tokens.claims_of(unverified.body)
        if not tokens.is_issuer(claims.issuer) or not claims.subject:
            raise tokens.not_ours()
        tokens.check_time(claims, self._clock.now_s())
        found = Token(
            account=claims.email or claims.subject,
            audience=claims.audience,
            expires_s=claims.expires_s,
            scopes=claims.scopes,
            subject=claims.subject,
        )
        _keep(self._verified, text, found)
        return found

    async def _self_signed(self, unverified: tokens.Unverified) -> Token:
        """A token that an account signed itself, for one of Google's APIs. It is not kept: its key may be deleted.

        Source: https://google.aip.dev/auth/4111 (self-signed JWT)."""
        claims = await self.accounts.claims_of_user(unverified)
        await self.accounts.check_enabled(claims.issuer)
        host = claims.audience.removeprefix("https://").partition("/")[0]
        is_for_apis = (claims.scopes and not claims.audience) or host.endswith(".googleapis.com")
        return Token(
            account=claims.issuer,
            audience=API_AUDIENCE if is_for_apis else claims.audience,
            expires_s=claims.expires_s,
            scopes=claims.scopes or ((CLOUD_PLATFORM,) if is_for_apis else ()),
            subject=unique_id(claims.issuer),
        )

    async def verify_signature(self, account: str, data: bytes, signature: bytes) -> bool:
        """Whether a key of the account signed `data`: RSASSA-PKCS1-v1_5 with SHA-256, as signBlob and key files do."""
        return await self.accounts.is_signed(account, data, signature)

    # -- keys -----------------------------------------------------------------------------------------------------

    async def rotate(self) -> str:
        """Make a new key, which signs from now on; returns its id. Tokens of older keys hold until they expire, and the
        files of clients are written anew. Raises ResourceExhausted."""
        key = await self._keys.rotate()
        self._issued.clear()
        await self.write_client_files()
        return key.id

    async def jwks(self) -> dict[str, object]:
        """The key list in JSON Web Key form (RFC 7517)."""
        await self._keys.signer(self._clock.now_s())
        return {"keys": [key.jwk() for key in await self._keys.published()]}

    async def certificates(self) -> dict[str, str]:
        """The key list as PEM certificates by key id, the older form that google-auth reads."""
        await self._keys.signer(self._clock.now_s())
        keys = await self._keys.published()
        return {key.id: await anyio.to_thread.run_sync(key.certificate, _COMMON_NAME) for key in keys}


def _keep(cache: OrderedDict[K, V], key: K, value: V) -> None:
    """Remember, and forget the oldest beyond the bound."""
    cache[key] = value
    if len(cache) > _KEPT_MAX:
        cache.popitem(last=False)
