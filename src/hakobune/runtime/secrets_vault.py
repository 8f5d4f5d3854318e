"""Values of secrets as they lie on the disk: AES-256-GCM under a key of the data directory, bound to their name.

Format: one byte (1), a nonce of 12 bytes, ciphertext and tag. The full name of the version is associated data: a value
that is moved to another name does not open.
"""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import anyio.to_thread

from hakobune.core.errors import FailedPrecondition, ResourceExhausted
from hakobune.runtime.credentials_files import write_private

_FORMAT = b"\x01"
_NONCE_BYTES = 12  # NIST SP 800-38D: 96 bits; random ones are good for 2^32 values under one key
_KEY_BYTES = 32


class Vault:
    """Seals and opens values. The key is made on first use."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "identity" / "secrets.key"
        self._key: bytes | None = None
        self._loading = anyio.Lock()

    async def prepare(self) -> None:
        """Have the key at hand. Raises FailedPrecondition (the file is damaged), ResourceExhausted (the disk)."""
        async with self._loading:
            if self._key is None:
                self._key = await anyio.to_thread.run_sync(self._load_or_make)

    def seal(self, name: str, value: bytes) -> bytes:
        """The value as it is stored under a name. After `prepare`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        assert self._key is not None
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + AESGCM(self._key).encrypt(nonce, value, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """The value that was sealed under a name. After `prepare`. Raises FailedPrecondition: the key is another one,
        or the value was changed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        assert self._key is not None
        nonce, content = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _FORMAT:
                raise InvalidTag
            return AESGCM(self._key).decrypt(nonce, content, name.encode())
        except InvalidTag as error:
            raise FailedPrecondition(
                f"The value of {name} cannot be read: {self._path} is not the key that it was stored with. Put the old "
                "key back, or add a new version."
            ) from error

    def _load_or_make(self) -> bytes:
        try:
            key = self._path.read_bytes()
        except FileNotFoundError:
            key = os.urandom(_KEY_BYTES)
            try:
                write_private(self._path, key)
            except OSError as error:
                raise ResourceExhausted(f"The key of secrets could not be written: {error}.") from error
        except OSError as error:
            raise FailedPrecondition(f"The key of secrets, {self._path}, cannot be read: {error}.") from error
        if len(key) != _KEY_BYTES:
            raise FailedPrecondition(f"The key of secrets, {self._path}, is damaged: it has {len(key)} bytes.")
        return key
