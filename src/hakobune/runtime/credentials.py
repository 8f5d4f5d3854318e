"""The local issuer: tokens that this runtime signs, and the check of tokens that callers show.

RS256 JSON Web Tokens (RFC 7519) under one RSA key of the data directory. The issuer is named as Google's
(`https://accounts.google.com`), so verifying libraries work when they are pointed at our key lists. `cryptography` is
imported on first use: it would cost every start a tenth of a second.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
import anyio.to_thread

from hakobune.core.errors import FailedPrecondition, PermissionDenied, ResourceExhausted, Unauthenticated
from hakobune.runtime.clock import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ISSUER = "https://accounts.google.com"
API_AUDIENCE = "https://www.googleapis.com/"
TOKEN_LIFE_S = 3600  # as Google's tokens
FILE_TOKEN_LIFE_S = 400 * 24 * 3600  # the token that gcloud reads from a file: renewed at each start
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LEEWAY_S = 30.0
_TOKEN_MAX_CHARS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A verified token."""

    account: str
    audience: str
    expires_s: float


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Credentials:
    """Issues and checks tokens."""

    def __init__(self, directory: Path, clock: Clock, project: str) -> None:
        self._folder = directory / "identity"
        self._clock = clock
        self._project = project
        self._key: RSAPrivateKey | None = None
        self._kid = ""
        self._making = anyio.Lock()

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
        async with self._making:
            try:
                await anyio.to_thread.run_sync(_write_private, self.access_token_file, token.encode())
                await anyio.to_thread.run_sync(_write_private, self.boto_file, boto)
            except OSError as error:
                raise ResourceExhausted(f"The client files could not be written: {error}.") from error

    # -- issuing --------------------------------------------------------------------------------------------------

    async def access_token(self, account: str, *, life_s: float = TOKEN_LIFE_S) -> str:
        """A token for our own APIs."""
        return await self._issue(
            {"aud": API_AUDIENCE, "scope": "https://www.googleapis.com/auth/cloud-platform"}, account, life_s
        )

    async def id_token(self, account: str, audience: str) -> str:
        """A token that says to `audience` who calls."""
        return await self._issue({"aud": audience}, account, TOKEN_LIFE_S)

    async def _issue(self, claims: dict[str, object], account: str, life_s: float) -> str:
        key = await self._private_key()
        now = int(self._clock.now_s())
        subject = str(int(hashlib.sha256(account.encode()).hexdigest()[:16], 16)).zfill(21)[:21]
        body = {
            "iss": ISSUER,
            "azp": subject,
            "sub": subject,
            "email": account,
            "email_verified": True,
            "iat": now,
            "exp": now + int(life_s),
            **claims,
        }
        header = {"alg": "RS256", "kid": self._kid, "typ": "JWT"}
        text = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(body).encode())}"
        return f"{text}.{_b64(_sign(key, text.encode()))}"

    # -- checking -------------------------------------------------------------------------------------------------

    async def verify(self, text: str, *, audience: str = API_AUDIENCE) -> Token:
        """Check a token of ours for `audience`. Raises Unauthenticated (forged, expired), PermissionDenied (it is
        meant for somebody else)."""
        key = await self._private_key()
        try:
            head, body, signature = text[:_TOKEN_MAX_CHARS].split(".")
            if not _is_signed(key, f"{head}.{body}".encode("ascii"), _unb64(signature)):
                raise ValueError("signed by somebody else")  # nothing of it is read: it may be made to do harm
            header = cast("dict[str, object]", json.loads(_unb64(head)))
            claims = cast("dict[str, object]", json.loads(_unb64(body)))
            good = header.get("alg") == "RS256"
            expires = float(cast("float", claims["exp"]))
            account = str(claims["email"])
            meant_for = str(claims["aud"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            good, expires, account, meant_for = False, 0.0, "", ""
        if not good:
            raise Unauthenticated('The token was not issued by this runtime. Take a new one: eval "$(hakobune env)".')
        if expires + _LEEWAY_S < self._clock.now_s():
            raise Unauthenticated('The token has expired. Take a new one: eval "$(hakobune env)".')
        if meant_for != audience:
            raise PermissionDenied(f"The token is meant for {meant_for[:200]!r}, not for {audience!r}.")
        return Token(account=account, audience=meant_for, expires_s=expires)

    # -- keys -----------------------------------------------------------------------------------------------------

    async def _private_key(self) -> RSAPrivateKey:
        async with self._making:
            if self._key is None:
                self._key = await anyio.to_thread.run_sync(self._load_or_make)
                self._kid = hashlib.sha256(_public_der(self._key)).hexdigest()[:40]
            return self._key

    def _load_or_make(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        path = self._folder / "key.pem"
        if path.exists():
            try:
                return cast("RSAPrivateKey", serialization.load_pem_private_key(path.read_bytes(), password=None))
            except (OSError, ValueError) as error:
                raise FailedPrecondition(
                    f"The key {path} cannot be read ({error}). Remove it: a new one is made, and tokens that were "
                    "issued before are void."
                ) from error
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            _write_private(path, pem)
        except OSError as error:
            raise ResourceExhausted(f"The key of the local issuer could not be written: {error}.") from error
        return key

    async def jwks(self) -> dict[str, object]:
        """The key list in JSON Web Key form (RFC 7517)."""
        numbers = (await self._private_key()).public_key().public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        exponent = numbers.e.to_bytes(3, "big")
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self._kid, "n": _b64(modulus), "e": _b64(exponent)}
        return {"keys": [key]}

    async def certificates(self) -> dict[str, str]:
        """The key list as PEM certificates by key id, the older form that google-auth reads."""
        key = await self._private_key()
        return {self._kid: await anyio.to_thread.run_sync(_certificate, key)}


def _sign(key: RSAPrivateKey, data: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def _is_signed(key: RSAPrivateKey, data: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        key.public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _public_der(key: RSAPrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _certificate(key: RSAPrivateKey) -> str:
    """A self-signed certificate: only its key matters. The dates are fixed, so that it is the same each time."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hakobune local issuer")])
    serial = int(hashlib.sha256(_public_der(key)).hexdigest()[:16], 16)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, on the disk when it returns, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    for place in (path.parent, path.parent.parent):
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
