"""IAM v1 and IAM Credentials v1 as JSON."""

from __future__ import annotations

import base64
import json

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.identity.accounts import ServiceAccount, UserKey
from hakobune.wire import iam_accounts_v1 as accounts
from hakobune.wire import iam_credentials_v1 as credentials
from hakobune.wire.iam_v1 import policy_version_from_json

ACCOUNT = ServiceAccount(email="batch@p.iam.gserviceaccount.com", project="p", etag="e")
KEY = UserKey(id="k", email=ACCOUNT.email, public_key="PUBLIC", certificate="CERTIFICATE", created_s=0.0)


def test_an_account_is_written_with_what_it_has() -> None:
    tree = accounts.account_to_json(ACCOUNT)
    assert set(tree) == {"name", "projectId", "uniqueId", "email", "etag", "oauth2ClientId"}
    assert tree["name"] == "projects/p/serviceAccounts/batch@p.iam.gserviceaccount.com"
    disabled = accounts.account_to_json(ServiceAccount(email="a@b.c", project="p", is_disabled=True, display_name="N"))
    assert (disabled["disabled"], disabled["displayName"]) == (True, "N")


def test_drafts_and_patches_are_read() -> None:
    draft = accounts.account_draft_from_json({"accountId": "batch-runner", "serviceAccount": {"displayName": "N"}})
    assert (draft.account_id, draft.display_name, draft.description) == ("batch-runner", "N", "")
    body = {"serviceAccount": {"displayName": "N", "etag": "e", "email": "x"}, "updateMask": "display_name,description"}
    patch = accounts.account_patch_from_json(body)
    assert (patch.display_name, patch.description, patch.etag) == ("N", "", "e")
    assert accounts.account_update_from_json({"displayName": "N", "description": "D"}).description is None


@pytest.mark.parametrize(
    "body",
    [
        {"accountId": "x" * 5},
        {"accountId": "good-name", "serviceAccount": {"displayName": "ä" * 51}},
        {"accountId": "good-name", "serviceAccount": 1},
        {"accountId": None},
    ],
    ids=str,
)
def test_a_draft_that_is_none_is_refused(body: object) -> None:
    with pytest.raises(InvalidArgument):
        accounts.account_draft_from_json(body)


def test_a_key_is_written_without_its_private_half_but_once() -> None:
    tree = accounts.key_to_json(KEY, "p")
    assert tree["keyType"] == "USER_MANAGED"
    assert "PUBLIC" not in json.dumps(tree)
    kinds = accounts.PUBLIC_KEY_TYPES
    assert "publicKeyData" not in accounts.public_key_to_json(KEY, "p", kinds[0])
    assert base64.b64decode(accounts.public_key_to_json(KEY, "p", kinds[1])["publicKeyData"]) == b"CERTIFICATE"
    assert base64.b64decode(accounts.public_key_to_json(KEY, "p", kinds[2])["publicKeyData"]) == b"PUBLIC"
    made = accounts.new_key_to_json(KEY, ACCOUNT, "PRIVATE", "http://127.0.0.1:1")
    file = json.loads(base64.b64decode(made["privateKeyData"]))
    assert (file["private_key"], file["token_uri"]) == ("PRIVATE", "http://127.0.0.1:1/token")
    assert accounts.key_to_json(
        UserKey(id="k", email="e", public_key="", certificate="", created_s=0, is_disabled=True), "p"
    )["disabled"]


def test_what_cannot_be_changed_or_made_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="update_mask"):
        accounts.account_patch_from_json({"serviceAccount": {}, "updateMask": "email"})
    for body in ({"privateKeyType": "TYPE_PKCS12_FILE"}, {"keyAlgorithm": "KEY_ALG_RSA_1024"}):
        with pytest.raises(InvalidArgument):
            accounts.check_key_request(body)


@pytest.mark.parametrize("body", [{}, {"privateKeyType": 2, "keyAlgorithm": "KEY_ALG_RSA_2048"}])
def test_the_usual_key_is_made(body: object) -> None:
    accounts.check_key_request(body)
    accounts.check_empty({})


def test_requests_for_tokens_are_read() -> None:
    found = credentials.access_token_request_from_json({"scope": ["a", "b"], "lifetime": "1.5s", "delegates": []})
    assert (found.scopes, found.life_s) == (("a", "b"), 1.5)
    assert credentials.access_token_request_from_json({"scope": ["a"]}).life_s == 3600
    wanted = credentials.id_token_request_from_json({"audience": "x", "includeEmail": True})
    assert (wanted.audience, wanted.includes_email) == ("x", True)
    assert credentials.access_token_to_json("t", 0.0) == {"accessToken": "t", "expireTime": "1970-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "body",
    [
        {"scope": []},
        {"scope": "a"},
        {"scope": ["a"] * 101},
        {"scope": [""]},
        {"scope": ["a"], "lifetime": "-1s"},
        {"scope": ["a"], "lifetime": "1h"},
    ],
    ids=str,
)
def test_a_request_for_an_access_token_that_is_none_is_refused(body: object) -> None:
    with pytest.raises(InvalidArgument):
        credentials.access_token_request_from_json(body)


def test_what_is_to_be_signed_is_bounded() -> None:
    assert credentials.blob_from_json({"payload": "aGk"}) == b"hi"
    assert credentials.blob_from_json({}) == b""
    assert credentials.claims_text_from_json({"payload": "{}"}) == "{}"
    for body in ({"payload": base64.b64encode(b"x" * 65_537).decode()}, {"payload": "a"}, {"payload": "é"}):
        with pytest.raises(InvalidArgument):
            credentials.blob_from_json(body)
    for text in ("", "x" * 65_537):
        with pytest.raises(InvalidArgument):
            credentials.claims_text_from_json({"payload": text})
    with pytest.raises(InvalidArgument):
        credentials.id_token_request_from_json({"audience": "x" * 4_097})


def test_the_version_of_a_policy_is_asked_in_a_body() -> None:
    assert policy_version_from_json({}) == 0
    assert policy_version_from_json({"options": {"requestedPolicyVersion": 3}}) == 3
    with pytest.raises(InvalidArgument):
        policy_version_from_json({"options": {"requestedPolicyVersion": "x"}})
