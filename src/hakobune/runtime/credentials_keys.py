"""The keys of one signer, with rotation: the newest signs; older ones are published and accepted until the last token
that they may have signed has expired.

Each key is a file of its own that only its owner may read. It says until when tokens of the key may live, and that is
on the disk before such a token is handed out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
import anyio.to_thread

from hakobune.core.errors import FailedPrecondition, ResourceExhausted
from hakobune.core.identity import limits
from hakobune.runtime import credentials_crypto as crypto
from hakobune.runtime.clock import Clock
from hakobune.runtime.credentials_files import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SLACK_S = 24 * 3_600.0  # so that the end of a key's use is written once a day, not for each token
_STEP_S = 0.001


@dataclass(slots=True, kw_only=True)
class SigningKey:
    """One key. `used_until_s`: no token that it signed lives longer."""

    id: str
    private: RSAPrivateKey
    created_s: float
    used_until_s: float = 0.0
    _certificate: str = field(default="")

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`."""
        return crypto.sign(self.private, data)

    def is_signed(self, data: bytes, signature: bytes) -> bool:
        """Whether this key made the signature."""
        return crypto.is_signed(self.private.public_key(), data, signature)

    def jwk(self) -> dict[str, str]:
        """As a JSON Web Key."""
        return crypto.jwk(self.private.public_key())

    def certificate(self, common_name: str) -> str:
        """As a certificate, made once."""
        if not self._certificate:
            self._certificate = crypto.certificate(self.private, common_name)
        return self._certificate


class KeyRing:
    """The keys of one signer in a folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._keys: list[SigningKey] | None = None  # the newest comes last
        self._changing = anyio.Lock()

    async def signer(self, until_s: float) -> SigningKey:
        """The key that signs what lives until an instant. Raises ResourceExhausted (the disk), FailedPrecondition (a
        file is damaged)."""
        newest = self._keys[-1] if self._keys else None
        if newest is not None and newest.used_until_s >= until_s and not self._is_old(newest):
            return newest
        async with self._changing:
            keys = await self._loaded()
            if not keys or (self._is_old(keys[-1]) and len(keys) < limits.KEYS_MAX):
                keys.append(await self._made(keys))
            if keys[-1].used_until_s < until_s:
                used_until_s = keys[-1].used_until_s
                keys[-1].used_until_s = until_s + _SLACK_S
                try:
                    await self._write(keys[-1])
                except BaseException:
                    keys[-1].used_until_s = used_until_s
                    raise
            return keys[-1]

    async def published(self) -> Sequence[SigningKey]:
        """The keys whose tokens are good now; none before the first was needed."""
        async with self._changing:
            keys = await self._loaded()
            await self._forget_old(keys)
            return tuple(keys)

    async def find(self, key_id: str) -> SigningKey | None:
        """A key whose tokens may be good."""
        keys = self._keys
        if keys is None:
            async with self._changing:
                keys = await self._loaded()
        return next((key for key in keys if key.id == key_id), None)

    async def rotate(self) -> SigningKey:
        """Make a new key, which signs from now on. Raises ResourceExhausted: too many are in use, or the disk."""
        async with self._changing:
            keys = await self._loaded()
            await self._forget_old(keys)
            if len(keys) >= limits.KEYS_MAX:
                raise ResourceExhausted(
                    f"{len(keys)} keys are in use, and no more are allowed: tokens of the older ones have not expired."
                )
            keys.append(await self._made(keys))
            return keys[-1]

    def _is_old(self, key: SigningKey) -> bool:
        return self._clock.now_s() - key.created_s > limits.ROTATE_AFTER_S

    async def _made(self, older: Sequence[SigningKey]) -> SigningKey:
        private = await anyio.to_thread.run_sync(crypto.new_key)
        # Always after the ones before it, whatever the clock does: the order says which key signs.
        created_s = max([self._clock.now_s(), *(key.created_s + _STEP_S for key in older)])
        key = SigningKey(id=crypto.key_id(private.public_key()), private=private, created_s=created_s)
        await self._write(key)
        return key

    async def _forget_old(self, keys: list[SigningKey]) -> None:
        now_s = self._clock.now_s()
        for key in [key for key in keys[:-1] if key.used_until_s + limits.LEEWAY_S < now_s]:
            await anyio.to_thread.run_sync(lambda path: path.unlink(missing_ok=True), self._path(key))
            keys.remove(key)

    # -- files ----------------------------------------------------------------------------------------------------

    def _path(self, key: SigningKey) -> Path:
        return self._folder / f"{key.id}.json"

    async def _write(self, key: SigningKey) -> None:
        document = {"private_key": crypto.private_pem(key.private), "created_s": key.created_s}
        content = json.dumps({**document, "used_until_s": key.used_until_s}).encode()
        try:
            await anyio.to_thread.run_sync(write_private, self._path(key), content)
        except OSError as error:
            raise ResourceExhausted(f"A key of the local issuer could not be written: {error}.") from error

    async def _loaded(self) -> list[SigningKey]:
        if self._keys is None:
            self._keys = await anyio.to_thread.run_sync(self._load)
        return self._keys

    def _load(self) -> list[SigningKey]:
        found: list[SigningKey] = []
        try:
            paths = [path for path in self._folder.iterdir() if path.suffix == ".json"]
        except (FileNotFoundError, NotADirectoryError):
            return found
        for path in paths:
            try:
                found.append(_key_from_text(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise FailedPrecondition(
                    f"The key {path} cannot be read ({error}). Remove it: a new one is made, and tokens that were "
                    "issued under it are void."
                ) from error
        return sorted(found, key=lambda key: (key.created_s, key.id))


def _key_from_text(text: str) -> SigningKey:
    document = cast("dict[str, object]", json.loads(text))
    private = crypto.private_from_pem(str(document["private_key"]))
    return SigningKey(
        id=crypto.key_id(private.public_key()),
        private=private,
        created_s=float(cast("float", document["created_s"])),
        used_until_s=float(cast("float", document["used_until_s"])),
    )
