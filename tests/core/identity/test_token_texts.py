"""Tokens as texts: only the canonical form of what is signed with RS256 is taken apart."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import Unauthenticated
from hakobune.core.identity import limits, tokens

NOW_S = 1_800_000_000.0
CLAIMS: dict[str, Any] = {
    "iss": "https://accounts.google.com",
    "sub": "1",
    "email": "a@b.c",
    "aud": "https://x.example",
    "iat": NOW_S,
    "exp": NOW_S + 60,
    "scope": "one two",
}


def a_token(claims: object = CLAIMS, header: object = None, signature: bytes = b"signature") -> str:
    head = {"alg": "RS256", "kid": "k"} if header is None else header
    parts = [json.dumps(head).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_given_a_token_when_taken_apart_then_nothing_is_lost() -> None:
    text = a_token()
    found = tokens.split(text)
    assert (found.key_id, found.signature) == ("k", b"signature")
    assert found.content == text.rpartition(".")[0].encode()
    claims = tokens.claims_of(found.body)
    assert claims.audience == "https://x.example"
    assert claims.scopes == ("one", "two")
    assert tokens.is_issuer(claims.issuer)
    tokens.check_time(claims, NOW_S)


def test_given_claims_when_written_then_they_are_read_back() -> None:
    content = tokens.signing_input("key", CLAIMS)
    found = tokens.split(f"{content}.{tokens.encode_part(b'x')}")
    assert (found.key_id, tokens.claims_of(found.body).email) == ("key", "a@b.c")


@pytest.mark.parametrize(
    "header",
    [
        {},
        [],
        "RS256",
        {"alg": "none", "kid": "k"},
        {"alg": "NONE", "kid": "k"},
        {"alg": "HS256", "kid": "k"},
        {"alg": "rs256", "kid": "k"},
        {"alg": "RS384", "kid": "k"},
        {"alg": ["RS256"], "kid": "k"},
        {"alg": "RS256"},
        {"alg": "RS256", "kid": 1},
        {"alg": "RS256", "kid": None},
        {"alg": "RS256", "kid": "k", "crit": ["exp"]},
        {"alg": "RS256", "kid": "k" * 2_000},
    ],
    ids=str,
)
def test_given_a_header_of_another_kind_then_the_token_is_refused(header: object) -> None:
    with pytest.raises(Unauthenticated):
        tokens.split(a_token(header=header))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "=",
        lambda text: text + "%",
        lambda text: text.replace(".", "..", 1),
        lambda text: text + ".",
        lambda text: " " + text,
        lambda text: text + "\n",
        lambda text: text[:-1] + chr(ord(text[-1]) + 1),  # the same bytes: only spare bits differ
        lambda text: "a" * limits.TOKEN_MAX_CHARS + text,
    ],
)
def test_given_a_second_text_for_the_same_token_then_it_is_refused(change: Any) -> None:
    text = a_token(signature=b"\x00\x00\x00\x00")
    tokens.split(text)
    with pytest.raises(Unauthenticated):
        tokens.split(change(text))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("exp", value) for value in (None, "1", True, [], {}, 10**400)),
        *(("iat", value) for value in (None, "1", False)),
        *((name, 7) for name in ("iss", "sub", "email", "aud", "scope", "target_audience")),
        ("aud", ["https://x.example"]),
    ],
)
def test_given_a_claim_of_another_type_then_the_token_is_refused(name: str, value: object) -> None:
    body = base64.urlsafe_b64encode(json.dumps({**CLAIMS, name: value}).encode()).rstrip(b"=").decode()
    with pytest.raises(Unauthenticated):
        tokens.claims_of(body)


@pytest.mark.parametrize("text", ["[1]", '{"exp": NaN}', '{"exp": Infinity}', "{", "[" * 5_000, "\ud800"])
def test_given_a_body_that_is_no_object_then_the_token_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.claims_of(base64.urlsafe_b64encode(text.encode("utf-8", "replace")).rstrip(b"=").decode())


@pytest.mark.parametrize(
    ("issued_s", "expires_s", "is_good"),
    [
        (NOW_S, NOW_S + 60, True),
        (NOW_S - 100, NOW_S - 29, True),
        (NOW_S - 100, NOW_S - 31, False),
        (NOW_S + 29, NOW_S + 60, True),
        (NOW_S + 31, NOW_S + 60, False),
        (NOW_S + 20, NOW_S + 10, False),
    ],
)
def test_given_instants_then_they_decide_with_a_small_leeway(issued_s: float, expires_s: float, is_good: bool) -> None:
    claims = tokens.Claims(issuer="", subject="", email="", audience="", issued_s=issued_s, expires_s=expires_s)
    if is_good:
        tokens.check_time(claims, NOW_S)
    else:
        with pytest.raises(Unauthenticated):
            tokens.check_time(claims, NOW_S)


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_given_any_text_then_it_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.split(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=20,
    ),
    st.sampled_from([*CLAIMS, "target_audience"]),
)
def test_given_any_claims_then_they_are_read_or_refused(value: object, name: str) -> None:
    text = json.dumps({**CLAIMS, name: value}).encode()
    try:
        found = tokens.claims_of(base64.urlsafe_b64encode(text).rstrip(b"=").decode())
    except Unauthenticated:
        return
    assert isinstance(found.expires_s, float)
    assert isinstance(found.audience, str)


@given(st.data())
def test_given_a_token_when_one_character_differs_then_it_never_means_the_same(data: st.DataObject) -> None:
    text = a_token()
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters(codec="utf-8")) + text[place + 1 :]
    if changed == text:
        return
    whole = tokens.split(text)
    try:
        found = tokens.split(changed)
    except Unauthenticated:
        return
    assert (found.content, found.signature) != (whole.content, whole.signature)


@pytest.mark.parametrize(
    ("begins", "is_good"),
    [
        (None, False),
        ("soon", False),
        (NOW_S - 100, True),
        (NOW_S + 29, True),
        (NOW_S + 31, False),
        (NOW_S + 7_200, False),
    ],
)
def test_given_a_token_that_is_not_good_before_an_instant_then_that_counts(begins: object, is_good: bool) -> None:
    body = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "nbf": begins}).encode()).rstrip(b"=").decode()

    def checked() -> None:
        tokens.check_time(tokens.claims_of(body), NOW_S)

    if is_good:
        checked()
    else:
        with pytest.raises(Unauthenticated):
            checked()
