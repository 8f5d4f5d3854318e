"""The messages of IAM's service accounts and their keys (google.iam.admin.v1), as `messages.py` writes them."""

from __future__ import annotations

from hakobune.servers.grpc.package import Package

_TIMESTAMP = "google.protobuf.Timestamp"
_NAME = ("1 name string",)

IAM_ADMIN = Package(
    name="google.iam.admin.v1",
    imports=("google/protobuf/timestamp.proto", "google/protobuf/field_mask.proto"),
    messages={
        "ServiceAccount": (
            "1 name string",
            "2 project_id string",
            "4 unique_id string",
            "5 email string",
            "6 display_name string",
            "7 etag bytes",
            "8 description string",
            "9 oauth2_client_id string",
            "11 disabled bool",
        ),
        "ServiceAccountKey": (
            "1 name string",
            "2 private_key_type ServiceAccountPrivateKeyType",
            "3 private_key_data bytes",
            f"4 valid_after_time {_TIMESTAMP}",
            f"5 valid_before_time {_TIMESTAMP}",
            "7 public_key_data bytes",
            "8 key_algorithm ServiceAccountKeyAlgorithm",
            "9 key_origin ServiceAccountKeyOrigin",
            "10 key_type ListServiceAccountKeysRequest.KeyType",
            "11 disabled bool",
        ),
        "ListServiceAccountsRequest": ("1 name string", "2 page_size int32", "3 page_token string"),
        "ListServiceAccountsResponse": ("1 accounts repeated ServiceAccount", "2 next_page_token string"),
        "GetServiceAccountRequest": _NAME,
        "CreateServiceAccountRequest": (
            "1 name string",
            "2 account_id string",
            "3 service_account ServiceAccount",
        ),
        "PatchServiceAccountRequest": (
            "1 service_account ServiceAccount",
            "2 update_mask google.protobuf.FieldMask",
        ),
        "DeleteServiceAccountRequest": _NAME,
        "EnableServiceAccountRequest": _NAME,
        "DisableServiceAccountRequest": _NAME,
        "ListServiceAccountKeysRequest": (
            "1 name string",
            "2 key_types repeated ListServiceAccountKeysRequest.KeyType",
        ),
        "ListServiceAccountKeysResponse": ("1 keys repeated ServiceAccountKey",),
        "GetServiceAccountKeyRequest": ("1 name string", "2 public_key_type ServiceAccountPublicKeyType"),
        "CreateServiceAccountKeyRequest": (
            "1 name string",
            "2 private_key_type ServiceAccountPrivateKeyType",
            "3 key_algorithm ServiceAccountKeyAlgorithm",
        ),
        "DeleteServiceAccountKeyRequest": _NAME,
        "EnableServiceAccountKeyRequest": _NAME,
        "DisableServiceAccountKeyRequest": _NAME,
    },
    enums={
        "ServiceAccountKeyAlgorithm": ("KEY_ALG_UNSPECIFIED", "KEY_ALG_RSA_1024", "KEY_ALG_RSA_2048"),
        "ServiceAccountPrivateKeyType": (
            "TYPE_UNSPECIFIED",
            "TYPE_PKCS12_FILE",
            "TYPE_GOOGLE_CREDENTIALS_FILE",
        ),
        "ServiceAccountPublicKeyType": ("TYPE_NONE", "TYPE_X509_PEM_FILE", "TYPE_RAW_PUBLIC_KEY"),
        "ServiceAccountKeyOrigin": ("ORIGIN_UNSPECIFIED", "USER_PROVIDED", "GOOGLE_PROVIDED"),
        "ListServiceAccountKeysRequest.KeyType": ("KEY_TYPE_UNSPECIFIED", "USER_MANAGED", "SYSTEM_MANAGED"),
    },
)
