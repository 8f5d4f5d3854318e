"""Bounds of the messages room, each with its source.

Q is https://cloud.google.com/pubsub/quotas; R is the REST reference, https://cloud.google.com/pubsub/docs/reference/rest.
"""

from __future__ import annotations

MESSAGE_BYTES = 10_000_000  # Q: data, attributes and key of one message
REQUEST_BYTES = 10_000_000  # Q: all messages of one publish
REQUEST_JSON_BYTES = 14_000_000  # ours: REQUEST_BYTES as base64, and some attributes
REQUEST_MESSAGES = 1_000  # Q
ATTRIBUTES = 100  # Q
ATTRIBUTE_KEY_BYTES = 256  # Q
ATTRIBUTE_VALUE_BYTES = 1_024  # Q
ORDERING_KEY_BYTES = 1_024  # Q
ACK_IDS = 10_000  # ours: an acknowledge of 512 KiB (Q) holds fewer of real ack ids
ACK_REQUEST_BYTES = 512 * 1_024  # Q
PULL_MESSAGES = 1_000  # R: more may be asked for; this many are given at once
PULL_BYTES = 10_000_000  # ours: an answer of a pull ends when it is above this

ACK_DEADLINE_MIN_S, ACK_DEADLINE_MAX_S = 10, 600  # R
ACK_DEADLINE_DEFAULT_S = 10  # R
RETENTION_MIN_S, RETENTION_MAX_S = 600.0, 31 * 86_400.0  # R
RETENTION_DEFAULT_S = 7 * 86_400.0  # R, of subscriptions
EXPIRATION_DEFAULT_S = 31 * 86_400.0  # R
EXPIRATION_MIN_S = 86_400.0  # R
ATTEMPTS_MIN, ATTEMPTS_MAX, ATTEMPTS_DEFAULT = 5, 100, 5  # R
BACKOFF_MIN_S, BACKOFF_MAX_S = 10.0, 600.0  # R: the defaults of a retry policy; both may be 0 to 600 s
SNAPSHOT_LIFE_S = 7 * 86_400.0  # R, less the age of the oldest unacknowledged message
SNAPSHOT_LIFE_MIN_S = 3_600.0  # R: a snapshot that would live less is not made
FILTER_BYTES = 256  # Q
FILTER_DEPTH = 32  # ours: 256 bytes hold more parentheses than anybody means
LABELS = 64  # R
LABEL_CHARACTERS = 63  # R
ENDPOINT_CHARACTERS = 2_083  # ours: the longest URL that common software takes

TOPICS = 10_000  # Q, of a project
SUBSCRIPTIONS = 10_000  # Q, of a project and of a topic
SNAPSHOTS = 5_000  # Q, of a project
SCHEMAS = 10_000  # Q, of a project
SCHEMA_REVISIONS = 20  # Q, of a schema
SCHEMA_BYTES = 300 * 1_024  # Q

WAITING_MESSAGES = 10_000  # ours: that a subscription looks ahead past keys that are being delivered
SCANNED_MESSAGES = 5_000  # ours: that one unit of work looks at
PUSHED_AT_ONCE = 100  # ours: requests under way to one push endpoint
PUSH_BACKOFF_MIN_S, PUSH_BACKOFF_MAX_S = 0.1, 60.0  # https://cloud.google.com/pubsub/docs/push, "push backoff"
