"""Signatures in the name of an account: with its system key, which this runtime holds, or with a key of its user.

The system keys of an account are a ring of their own, made on first use. Keys of users are known by their public half.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn, cast

import anyio.to_thread

from hakobune.core.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unauthenticated
from hakobune.core.identity import limits, tokens
from hakobune.core.identity.accounts import UserKey, unique_id
from hakobune.runtime import credentials_crypto as crypto
from hakobune.runtime.clock import Clock
from hakobune.runtime.credentials_keys import KeyRing, SigningKey
from hakobune.store.api import ReadTx, Store

_RINGS_KEPT = 256  # in memory
_SIGNERS_MAX = 10_000  # ours: accounts with system keys, in a data directory


class AccountKeys:
    """The keys of all accounts. Without a store nobody has keys of their own."""

    def __init__(self, folder: Path, clock: Clock, store: Store | None) -> None:
        self._folder = folder
        self._clock = clock
        self._store = store
        self._rings: dict[str, KeyRing] = {}

    # -- signing --------------------------------------------------------------------------------------------------

    async def sign_blob(self, account: str, data: bytes) -> tuple[str, bytes]:
        """(id of the system key, signature). Raises FailedPrecondition (the account is disabled), ResourceExhausted."""
        await self.check_enabled(account)
        key = await (await self._new_ring(account)).signer(self._clock.now_s() + limits.SIGNED_BLOB_LIFE_S)
        return key.id, key.sign(data)

    async def sign_claims(self, account: str, claims: Mapping[str, object]) -> tuple[str, str]:
        """(id of the system key, JSON Web Token of these claims). Raises as `sign_blob`, and InvalidArgument: `exp` is
        no instant of the next twelve hours."""
        await self.check_enabled(account)
        now_s = self._clock.now_s()
        expires = claims.get("exp", now_s + limits.TOKEN_LIFE_S)
        # A whole number may be larger than any float: nothing is calculated with it before it is compared.
        if (
            isinstance(expires, bool)
            or not isinstance(expires, (int, float))
            or not 0 <= expires <= now_s + limits.FUTURE_MAX_S
        ):
            raise InvalidArgument("The claim 'exp' must be an instant within the next 12 hours.")
        key = await (await self._new_ring(account)).signer(max(now_s, float(expires)))
        content = tokens.signing_input(key.id, {**claims, "exp": int(expires)})
        return key.id, f"{content}.{tokens.encode_part(key.sign(content.encode()))}"

    # -- checking -------------------------------------------------------------------------------------------------

    async def is_signed(self, account: str, data: bytes, signature: bytes) -> bool:
        """Whether a key of the account made a signature: one of its system keys, or one that its user holds."""
        if any(key.is_signed(data, signature) for key in await self._system_keys(account)):
            return True
        return any(
            crypto.is_signed(crypto.public_from_pem(key.public_key), data, signature)
            for key in await self._user_keys(account)
            if not key.is_disabled
        )

    async def claims_of_user(self, token: tokens.Unverified) -> tokens.Claims:
        """The claims of a token that an account signed with a key of its user. Raises Unauthenticated."""
        key = None if self._store is None else await self._store.read(partial(_user_key, token.key_id))
        if key is None or key.is_disabled:
            raise tokens.not_ours()
        if not crypto.is_signed(crypto.public_from_pem(key.public_key), token.content, token.signature):
            raise tokens.not_ours()
        found = tokens.claims_of(token.body)
        if found.issuer != key.email:
            raise Unauthenticated(f"The token is signed with a key of {key.email} and says it is of another.")
        tokens.check_time(found, self._clock.now_s())
        if found.expires_s - found.issued_s > limits.TOKEN_LIFE_S:
            raise Unauthenticated(f"The token lives longer than {limits.TOKEN_LIFE_S} s.")
        return found

    async def check_enabled(self, account: str) -> None:
        """Raises FailedPrecondition: the account was created and is disabled."""
        if self._store is not None:
            found = await self._store.read(lambda tx: tx.identity.find_account(account))
            if found is not None and found.is_disabled:
                raise FailedPrecondition(f"Service account {account} is disabled.")

    # -- publishing -----------------------------------------------------------------------------------------------

    async def certificates(self, account: str) -> dict[str, str]:
        """PEM certificates of all good keys, by key id."""
        keys = await self._system_keys(account)
        name = unique_id(account)
        found = {key.id: await anyio.to_thread.run_sync(key.certificate, name) for key in keys}
        return found | {key.id: key.certificate for key in await self._user_keys(account) if not key.is_disabled}

    async def jwks(self, account: str) -> dict[str, object]:
        """JSON Web Keys of all good keys."""
        keys = [key.jwk() for key in await self._system_keys(account)]
        users = [key for key in await self._user_keys(account) if not key.is_disabled]
        return {"keys": keys + [crypto.jwk(crypto.public_from_pem(key.public_key)) for key in users]}

    async def _system_keys(self, account: str) -> Sequence[SigningKey]:
        """None before the account has signed anything."""
        ring = await self._known_ring(account)
        return () if ring is None else await ring.published()

    async def _user_keys(self, account: str) -> Sequence[UserKey]:
        if self._store is None:
            return ()
        return await self._store.read(lambda tx: tx.identity.list_keys(account))

    # -- rings ----------------------------------------------------------------------------------------------------

    def _place(self, account: str) -> Path:
        return self._folder / hashlib.sha256(account.encode()).hexdigest()[:32]

    async def _known_ring(self, account: str) -> KeyRing | None:
        """The ring of an account, None if it has never signed."""
        if account not in self._rings and not await anyio.to_thread.run_sync(self._place(account).is_dir):
            return None
        return self._ring(account)

    async def _new_ring(self, account: str) -> KeyRing:
        if await self._known_ring(account) is None:
            held = await anyio.to_thread.run_sync(_count, self._folder)
            if held >= _SIGNERS_MAX:
                raise ResourceExhausted(f"{held} accounts have system keys, and no more are allowed.")
        return self._ring(account)

    def _ring(self, account: str) -> KeyRing:
        ring = self._rings.pop(account, None) or KeyRing(self._place(account), self._clock)
        self._rings[account] = ring  # the one that was used last comes last
        if len(self._rings) > _RINGS_KEPT:
            del self._rings[next(iter(self._rings))]
        return ring


def claims_from_text(text: str) -> dict[str, object]:
    """The claims that a caller wants signed. Raises InvalidArgument."""
    try:
        found: object = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"payload: not a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise InvalidArgument("payload: not a JSON object.")
    return cast("dict[str, object]", found)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _user_key(key_id: str, tx: ReadTx) -> UserKey | None:
    return tx.identity.find_key(key_id)


def _count(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except FileNotFoundError:
        return 0
