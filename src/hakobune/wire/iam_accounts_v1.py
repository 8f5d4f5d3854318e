"""Service accounts and their keys as JSON: the IAM API v1.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from hakobune.core.identity import limits
from hakobune.core.identity.accounts import ServiceAccount, UserKey, check_account_id
from hakobune.core.instants import timestamp_to_text
from hakobune.wire.octets import octets_to_text
from hakobune.wire.schema import Choice, Json, Message, Reader, Scalar, snake
from hakobune.wire.violations import Violations

_IAM = "type.googleapis.com/google.iam.admin.v1."
_TEXT = Scalar.TEXT
_ACCOUNT = Message(
    type_name=_IAM + "ServiceAccount",
    fields={
        **dict.fromkeys(
            ("name", "projectId", "uniqueId", "email", "displayName", "etag", "description", "oauth2ClientId"), _TEXT
        ),
        "disabled": Scalar.FLAG,
    },
    output_only=frozenset({"projectId", "uniqueId", "email", "oauth2ClientId", "disabled"}),
)
_CREATE = Message(
    type_name=_IAM + "CreateServiceAccountRequest",
    fields={"name": _TEXT, "accountId": _TEXT, "serviceAccount": _ACCOUNT},
)
_PATCH = Message(
    type_name=_IAM + "PatchServiceAccountRequest", fields={"serviceAccount": _ACCOUNT, "updateMask": _TEXT}
)
_KEY_TYPES = ("TYPE_UNSPECIFIED", "TYPE_PKCS12_FILE", "TYPE_GOOGLE_CREDENTIALS_FILE")
_ALGORITHMS = ("KEY_ALG_UNSPECIFIED", "KEY_ALG_RSA_1024", "KEY_ALG_RSA_2048")
_CREATE_KEY = Message(
    type_name=_IAM + "CreateServiceAccountKeyRequest",
    fields={
        "name": _TEXT,
        "privateKeyType": Choice(_IAM + "ServiceAccountPrivateKeyType", _KEY_TYPES),
        "keyAlgorithm": Choice(_IAM + "ServiceAccountKeyAlgorithm", _ALGORITHMS),
    },
)
_EMPTY = Message(type_name="type.googleapis.com/google.protobuf.Empty", fields={"name": _TEXT})
_PATCHABLE = ("displayName", "description")
PUBLIC_KEY_TYPES = ("TYPE_NONE", "TYPE_X509_PEM_FILE", "TYPE_RAW_PUBLIC_KEY")
_NEVER = "9999-12-31T23:59:59Z"  # what Google shows for a key that does not expire


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDraft:
    """An account to be created."""

    account_id: str
    display_name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPatch:
    """What is to be changed; None: left alone. `etag` "" does not say which version was read."""

    display_name: str | None = None
    description: str | None = None
    etag: str = ""


def account_to_json(account: ServiceAccount) -> Json:
    """A ServiceAccount."""
    tree: Json = {
        "name": account.name,
        "projectId": account.project,
        "uniqueId": account.unique_id,
        "email": account.email,
        "displayName": account.display_name,
        "etag": account.etag,
        "description": account.description,
        "oauth2ClientId": account.unique_id,
        "disabled": account.is_disabled,
    }
    return {name: value for name, value in tree.items() if value}


def account_draft_from_json(value: object) -> AccountDraft:
    """The body of `serviceAccounts.create`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(_CREATE, value, "")
    account: Json = tree.get("serviceAccount", {})
    _check_texts(account, "service_account", found)
    found.check()
    return AccountDraft(
        account_id=check_account_id(tree.get("accountId", "")),
        display_name=account.get("displayName", ""),
        description=account.get("description", ""),
    )


def account_patch_from_json(value: object) -> AccountPatch:
    """The body of `serviceAccounts.patch`. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(_PATCH, value, "")
    account: Json = tree.get("serviceAccount", {})
    _check_texts(account, "service_account", found)
    names = {spelling: name for name in _PATCHABLE for spelling in (name, snake(name))}
    mask = [path.strip() for path in tree.get("updateMask", "").split(",")]
    for path in mask:
        if path not in names:
            found.add("update_mask", f"{path[:60]!r} is no field that can be changed: {', '.join(_PATCHABLE)}")
    found.check()
    wanted = {names[path] for path in mask}
    return AccountPatch(
        display_name=account.get("displayName", "") if "displayName" in wanted else None,
        description=account.get("description", "") if "description" in wanted else None,
        etag=account.get("etag", ""),
    )


def account_update_from_json(value: object) -> AccountPatch:
    """The body of `serviceAccounts.update`, the older form: the account itself, whose display name counts."""
    found = Violations()
    account = Reader(found=found).message(_ACCOUNT, value, "")
    _check_texts(account, "", found)
    found.check()
    return AccountPatch(display_name=account.get("displayName", ""), etag=account.get("etag", ""))


def check_empty(value: object) -> None:
    """A body that says nothing. Raises InvalidArgument."""
    found = Violations()
    Reader(found=found).message(_EMPTY, value, "")
    found.check()


def _check_texts(account: Json, path: str, found: Violations) -> None:
    bounds = (("displayName", limits.DISPLAY_NAME_MAX_BYTES), ("description", limits.DESCRIPTION_MAX_BYTES))
    for name, most in bounds:
        if len(account.get(name, "").encode()) > most:
            found.add(f"{path}.{snake(name)}".lstrip("."), f"has more than {most} bytes")


# -- keys ---------------------------------------------------------------------------------------------------------


def check_key_request(value: object) -> None:
    """The body of `keys.create`: what is asked for is what is made here. Raises InvalidArgument."""
    found = Violations()
    tree = Reader(found=found).message(_CREATE_KEY, value, "")
    if tree.get("privateKeyType", _KEY_TYPES[2]) != _KEY_TYPES[2]:
        found.add("private_key_type", f"only {_KEY_TYPES[2]} is made here")
    if tree.get("keyAlgorithm", _ALGORITHMS[2]) != _ALGORITHMS[2]:
        found.add("key_algorithm", f"only {_ALGORITHMS[2]} is made here")
    found.check()


def key_to_json(key: UserKey, project: str) -> Json:
    """A ServiceAccountKey without its halves."""
    tree: Json = {
        "name": f"projects/{project}/serviceAccounts/{key.email}/keys/{key.id}",
        "validAfterTime": timestamp_to_text(key.created_s),
        "validBeforeTime": _NEVER,
        "keyAlgorithm": _ALGORITHMS[2],
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "USER_MANAGED",
    }
    return tree | ({"disabled": True} if key.is_disabled else {})


def public_key_to_json(key: UserKey, project: str, kind: str) -> Json:
    """A ServiceAccountKey with its public half in one of PUBLIC_KEY_TYPES."""
    tree = key_to_json(key, project)
    if kind == PUBLIC_KEY_TYPES[1]:
        tree["publicKeyData"] = octets_to_text(key.certificate.encode())
    elif kind == PUBLIC_KEY_TYPES[2]:
        tree["publicKeyData"] = octets_to_text(key.public_key.encode())
    return tree


def new_key_to_json(key: UserKey, account: ServiceAccount, private_pem: str, base_url: str) -> Json:
    """A fresh ServiceAccountKey with the file that holds its private half: this is the only time it is shown."""
    file = {
        "type": "service_account",
        "project_id": account.project,
        "private_key_id": key.id,
        "private_key": private_pem,
        "client_email": account.email,
        "client_id": account.unique_id,
        "auth_uri": f"{base_url}/o/oauth2/auth",
        "token_uri": f"{base_url}/token",
        "auth_provider_x509_cert_url": f"{base_url}/oauth2/v1/certs",
        "client_x509_cert_url": f"{base_url}/robot/v1/metadata/x509/{account.email}",
        "universe_domain": "googleapis.com",
    }
    tree = key_to_json(key, account.project)
    tree["privateKeyType"] = _KEY_TYPES[2]
    tree["privateKeyData"] = octets_to_text((json.dumps(file, indent=2) + "\n").encode())
    return tree
