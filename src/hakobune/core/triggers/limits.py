"""Bounds of the triggers room, each with its source.

Unless another source stands beside it: Eventarc API v1, discovery document, and
https://cloud.google.com/eventarc/docs/retry-events.
"""

from __future__ import annotations

from typing import Final

ID_CHARACTERS: Final = 63
FILTERS: Final = 50  # ours: the event types that are known have at most four attributes
VALUE_CHARACTERS: Final = 1_024  # ours, of a filter: names of resources fit
WILDCARDS: Final = 20  # ours, of one pattern
TRIGGERS: Final = 10_000  # ours, of a project; Google's quota is 500 in a location

EVENT_BYTES: Final = 10_000_000  # the message that carries an event: Pub/Sub's bound
EVENTS_AT_ONCE: Final = 100  # ours, of one call of the publishing API
EXTENSIONS: Final = 50  # ours, attributes of one event

ACK_DEADLINE_DEFAULT_S: Final = 10.0  # as of any subscription, https://cloud.google.com/pubsub/docs/push
BACKOFF_MIN_S: Final = 10.0
BACKOFF_MAX_S: Final = 600.0
RETENTION_S: Final = 86_400.0

PAGE_ITEMS: Final = 1_000
SETTLED_KEPT_S: Final = 86_400.0  # ours: deliveries that are over can be looked at, and repeated, for a day
SETTLED_KEPT: Final = 20_000  # ours: the newest of them

DUPLICATES: Final = 10  # ours, of the test mode
TEST_DELAY_MAX_S: Final = 3_600.0  # ours
JOB_DATA_CHARACTERS: Final = 32_768  # of a variable's value in an override; Cloud Run's bound of one variable
