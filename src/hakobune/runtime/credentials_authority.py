"""A certificate authority of the data directory, for clients that insist on TLS: certificates for this machine's names
and for the hosts that are served here, made on demand; and a bundle that holds it beside the system's own roots.

A certificate that the user gives takes the place of all this.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
import anyio.to_thread

from hakobune.core.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from hakobune.runtime.clock import Clock
from hakobune.runtime.credentials_files import write_private

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_AUTHORITY_DAYS = 3_650
_LEAF_DAYS = 90
_RENEW_S = 30 * 24 * 3_600.0  # a certificate is served for a third of its life at most
_NAMES_MAX = 256  # certificates in memory
_ALWAYS = ("localhost", "127.0.0.1", "::1", "*.googleapis.com", "*.run.app", "*.a.run.app")
# HTTP/1.1 first: who speaks it as well is no gRPC client, and HTTP/2 leads to the gRPC port.
_ALPN = ("http/1.1", "h2")

# Whether a name that a client asks for is one of ours.
IsOurs = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCertificate:
    """Files of the user: a chain, and its key."""

    chain: Path
    key: Path


class Authority:
    """Makes server contexts. `is_ours` says for which names certificates may be made."""

    def __init__(self, directory: Path, clock: Clock, given: GivenCertificate | None = None) -> None:
        self._folder = directory / "identity" / "tls"
        self._clock = clock
        self._given = given
        self._making = anyio.Lock()
        self._context: ssl.SSLContext | None = None
        self._signer: tuple[EllipticCurvePrivateKey, x509.Certificate] | None = None
        self._leaves: dict[str, tuple[ssl.SSLContext, float]] = {}
        self.is_ours: IsOurs = _nobody

    @property
    def bundle_file(self) -> Path:
        """The authorities that clients should trust: ours, and the system's."""
        return self._folder / "bundle.pem"

    async def context(self) -> ssl.SSLContext:
        """What a listener needs. Raises FailedPrecondition (a file cannot be read), ResourceExhausted (the disk)."""
        async with self._making:
            if self._context is None:
                self._context = await anyio.to_thread.run_sync(self._first_context)
            return self._context

    async def write_bundle(self) -> None:
        """Write `bundle_file`. Raises as `context`."""
        await self.context()

    def _first_context(self) -> ssl.SSLContext:
        try:
            if self._given is not None:
                context = _server_context(self._given.chain, self._given.key)
                own = self._given.chain.read_bytes()
            else:
                self._signer = self._load_or_make()
                context = self._leaf(_ALWAYS)
                own = _pem(self._signer[1])
            write_private(self.bundle_file, own.rstrip() + b"\n" + _system_roots())
        except (OSError, ssl.SSLError, ValueError) as error:
            raise FailedPrecondition(f"The certificate for TLS cannot be used: {error}.") from error
        if self._given is None:
            self._leaves[""] = (context, self._clock.now_s())
            context.sni_callback = self._choose
        return context

    # -- certificates ---------------------------------------------------------------------------------------------

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        """Called in a handshake: a certificate that has the name which the client asks for."""
        del context
        wanted = (name or "").lower().rstrip(".")
        if not self.is_ours(wanted) or _is_covered(wanted):
            wanted = ""
        held = self._leaves.get(wanted)
        if held is None or self._clock.now_s() - held[1] > _RENEW_S:
            held = (self._leaf((wanted,) if wanted else _ALWAYS), self._clock.now_s())
            self._leaves[wanted] = held
            if len(self._leaves) > _NAMES_MAX:
                del self._leaves[next(known for known in self._leaves if known not in ("", wanted))]
        connection.context = held[0]

    def _leaf(self, names: Sequence[str]) -> ssl.SSLContext:
        """A context with a new certificate. It passes through a file that only its owner can read."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        assert self._signer is not None
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(names, key, self._signer, days=_LEAF_DAYS, is_authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        place = self._folder / f"leaf-{os.getpid()}.pem"
        write_private(place, private + _pem(certificate) + _pem(self._signer[1]))
        try:
            return _server_context(place, place)
        finally:
            place.unlink()

    def _load_or_make(self) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        path = self._folder / "authority.pem"
        if path.exists():
            content = path.read_bytes()
            key = cast("EllipticCurvePrivateKey", serialization.load_pem_private_key(content, password=None))
            return key, x509.load_pem_x509_certificate(content)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(("Hakobune local authority",), key, None, days=_AUTHORITY_DAYS, is_authority=True)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            write_private(path, private + _pem(certificate))
        except OSError as error:
            raise ResourceExhausted(f"The local authority could not be written: {error}.") from error
        return key, certificate


def _nobody(name: str) -> bool:
    """Until somebody says which names are ours, none is but those of this machine."""
    del name
    return False


def check_given(chain: str, key: str) -> GivenCertificate | None:
    """The files of `--tls-cert` and `--tls-key`; None if neither is given. Raises InvalidArgument."""
    if not chain and not key:
        return None
    if not chain or not key:
        raise InvalidArgument("--tls-cert and --tls-key go together.")
    return GivenCertificate(chain=Path(chain).absolute(), key=Path(key).absolute())


def _server_context(chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(_ALPN)
    return context


def _certificate(
    names: Sequence[str],
    key: EllipticCurvePrivateKey,
    signer: tuple[EllipticCurvePrivateKey, x509.Certificate] | None,
    *,
    days: int,
    is_authority: bool,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer[1].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if signer is not None:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer[0].public_key())
        made = made.add_extension(authority, critical=False)
        made = made.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    return made.add_extension(usage, critical=True).sign(key if signer is None else signer[0], hashes.SHA256())


def _name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def _is_covered(name: str) -> bool:
    """Whether the certificate that is always there has a name; a wildcard stands for one label."""
    return name in _ALWAYS or f"*.{name.partition('.')[2]}" in _ALWAYS


def _system_roots() -> bytes:
    """What clients trust without us, as PEM; nothing if the system says nothing."""
    path = ssl.get_default_verify_paths().cafile or ""  # None where there is no such file
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()
