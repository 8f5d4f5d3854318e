"""RSA for the local issuer and for service accounts: keys, signatures, certificates.

`cryptography` is imported on first use: it would cost every start a tenth of a second.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

from hakobune.core.identity.tokens import encode_part

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

KEY_BITS = 2048  # as KEY_ALG_RSA_2048, the default of Google's keys


def new_key() -> RSAPrivateKey:
    """A fresh key. Takes a while: call it in a thread."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def key_id(key: RSAPublicKey) -> str:
    """40 hexadecimal digits, as Google's key ids."""
    return hashlib.sha256(public_der(key)).hexdigest()[:40]


def private_pem(key: RSAPrivateKey) -> str:
    """PKCS #8, not encrypted."""
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def private_from_pem(text: str) -> RSAPrivateKey:
    """The key of `private_pem`. Raises ValueError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    found = serialization.load_pem_private_key(text.encode(), password=None)
    if not isinstance(found, RSAPrivateKey):
        raise ValueError("no RSA key")
    return found


def public_pem(key: RSAPublicKey) -> str:
    """SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode("ascii")


def public_from_pem(text: str) -> RSAPublicKey:
    """The key of `public_pem`. Raises ValueError."""
    from cryptography.hazmat.primitives import serialization

    return cast("RSAPublicKey", serialization.load_pem_public_key(text.encode()))


def public_der(key: RSAPublicKey) -> bytes:
    """SubjectPublicKeyInfo, in bytes."""
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(key: RSAPrivateKey, data: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 with SHA-256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def is_signed(key: RSAPublicKey, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is one of `sign` over `data`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def jwk(key: RSAPublicKey) -> dict[str, str]:
    """A JSON Web Key (RFC 7517)."""
    numbers = key.public_numbers()
    modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    exponent = numbers.e.to_bytes(3, "big")
    return {
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": key_id(key),
        "n": encode_part(modulus),
        "e": encode_part(exponent),
    }


def certificate(key: RSAPrivateKey, common_name: str) -> str:
    """A self-signed certificate: only its key matters. The dates are fixed, so that it is the same each time."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    serial = int(hashlib.sha256(public_der(key.public_key())).hexdigest()[:16], 16)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode("ascii")
