"""Bounds of the identity room, each with its source."""

from __future__ import annotations

# -- tokens -----------------------------------------------------------------------------------------------------

TOKEN_MAX_CHARS = 16_384  # ours: no token of Google's or of ours comes near
TOKEN_HEAD_MAX_CHARS = 1_024  # ours: algorithm, type and key id
TOKEN_LIFE_S = 3_600  # https://cloud.google.com/docs/authentication/token-types
TOKEN_LIFE_MAX_S = 43_200  # longest `lifetime` of generateAccessToken, with the organisation policy that extends it
LEEWAY_S = 30.0  # ours: how far the clocks of two processes of one machine may be apart
FUTURE_MAX_S = 43_200.0  # longest life of what signJwt signs: its reference
SCOPES_MAX = 100  # ours
AUDIENCE_MAX_CHARS = 4_096  # ours: longer than any URL of a service

# -- keys -------------------------------------------------------------------------------------------------------

ROTATE_AFTER_S = 30 * 24 * 3_600.0  # ours: a key signs for a month at most
KEYS_MAX = 32  # ours: of one signer, published at once; more are refused until old ones have run out
SIGNED_BLOB_LIFE_S = 7 * 24 * 3_600.0  # the longest life of a signed URL: https://cloud.google.com/storage/quotas
USER_KEYS_MAX = 10  # of a service account: https://cloud.google.com/iam/quotas

# -- service accounts -------------------------------------------------------------------------------------------

ACCOUNTS_MAX = 1_000  # of a project. Google's default is 100: https://cloud.google.com/iam/quotas
DISPLAY_NAME_MAX_BYTES = 100  # reference of ServiceAccount
DESCRIPTION_MAX_BYTES = 256  # reference of ServiceAccount
BLOB_MAX_BYTES = 64 * 1024  # ours: what signBlob signs is a hash or a short text

# -- secrets ----------------------------------------------------------------------------------------------------

SECRET_PAYLOAD_MAX_BYTES = 64 * 1024  # https://cloud.google.com/secret-manager/quotas
SECRETS_MAX = 10_000  # ours, of a project: Google names no bound
VERSIONS_MAX = 10_000  # ours, of a secret: Google names no bound
LABELS_MAX = 64  # reference of Secret
LABEL_MAX_CHARS = 63  # reference of Secret
ANNOTATIONS_MAX_BYTES = 16 * 1024  # reference of Secret
ALIASES_MAX = 50  # reference of Secret
TOPICS_MAX = 10  # reference of Secret
TTL_MAX_S = 100 * 365 * 24 * 3_600.0  # ours: a century
