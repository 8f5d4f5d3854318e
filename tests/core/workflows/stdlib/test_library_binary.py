"""`base64.*` and `hash.*`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_calls import call, refused

from hakobune.core.workflows.values import Value


def test_worked_values_of_base64() -> None:
    assert call("base64.encode", b"Hello World") == "SGVsbG8gV29ybGQ="
    assert call("base64.encode", b"Hello World", False) == "SGVsbG8gV29ybGQ"
    assert call("base64.decode", "SGVsbG8gV29ybGQ=") == b"Hello World"
    assert call("base64.decode", "SGVsbG8gV29ybGQ", False) == b"Hello World"
    assert call("base64.decode", "") == b""


def test_a_padding_of_null_is_the_default() -> None:
    assert call("base64.encode", b"a", None) == "YQ=="


def test_decode_passes_over_line_ends() -> None:
    assert call("base64.decode", "SGVs\r\nbG8g\nV29ybGQ=\n") == b"Hello World"


@pytest.mark.parametrize(
    "data", ["a", "YQ", "YWJjZ", "Y-Q=", "Y_Q=", "YQ==YQ==", "Y===", "====", "==", "YQ= =", "日本語文"]
)
def test_decode_refuses_what_is_not_base64(data: str) -> None:
    assert refused("base64.decode", data).startswith("ValueError: base64.decode: ")


@pytest.mark.parametrize("data", ["YQ==", "YWJjZ", "Y"])
def test_decode_without_padding_refuses_padding_and_a_lone_character(data: str) -> None:
    assert refused("base64.decode", data, False).startswith("ValueError: base64.decode: ")


@pytest.mark.parametrize("value", ["a", 1, None, True, [1], {}])
def test_encode_takes_bytes_only(value: Value) -> None:
    assert refused("base64.encode", value).startswith("TypeError: base64.encode: argument 'data' must be 'bytes'")


def test_decode_takes_a_string_and_a_boolean() -> None:
    assert refused("base64.decode", b"YQ==") == "TypeError: base64.decode: argument 'data' must be 'str', not 'bytes'"
    assert (
        refused("base64.decode", "YQ==", 1) == "TypeError: base64.decode: argument 'padding' must be 'bool', not 'int'"
    )


@given(st.binary(max_size=200), st.booleans())
def test_base64_there_and_back(data: bytes, padding: bool) -> None:
    assert call("base64.decode", call("base64.encode", data, padding), padding) == data


def test_the_check_value_of_the_hmac_page() -> None:
    digest = call("hash.compute_hmac", b"key", b"Hello World", "SHA256")
    assert call("base64.encode", digest) == "QidPcoCDkuWLV9co1+PA5RY+rwfRZdwDEF9iq74afRE="


def test_the_check_value_of_the_checksum_page() -> None:
    digest = call("hash.compute_checksum", call("text.encode", "Hello World", "UTF-8"), "SHA256")
    assert call("base64.encode", digest) == "pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4="


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [  # of the empty message: RFC 1321, RFC 3174, FIPS 180-4
        ("MD5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("SHA1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("SHA224", "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"),
        ("SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("SHA384", "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"),
    ],
)
def test_checksums(algorithm: str, digest: str) -> None:
    assert call("hash.compute_checksum", b"", algorithm) == bytes.fromhex(digest)


def test_sha512_has_64_bytes() -> None:
    result = call("hash.compute_checksum", b"", "SHA512")
    assert isinstance(result, bytes)
    assert len(result) == 64


@pytest.mark.parametrize("algorithm", ["sha256", "SHA-256", "SHA3_256", ""])
def test_another_algorithm_is_a_value_error(algorithm: str) -> None:
    assert refused("hash.compute_checksum", b"", algorithm).startswith("ValueError: hash.compute_checksum: ")
    assert refused("hash.compute_hmac", b"", b"", algorithm).startswith("ValueError: hash.compute_hmac: ")


def test_hash_takes_bytes_and_the_name_of_an_algorithm() -> None:
    assert refused("hash.compute_checksum", "a", "MD5").startswith("TypeError: ")
    assert refused("hash.compute_checksum", b"a", 5).startswith("TypeError: ")
    assert refused("hash.compute_hmac", "k", b"a", "MD5").startswith("TypeError: hash.compute_hmac: argument 'key'")
    assert refused("hash.compute_hmac", b"k", "a", "MD5").startswith("TypeError: hash.compute_hmac: argument 'data'")
