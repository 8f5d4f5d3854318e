"""Bounds of services and worker pools, each with its source: "Quotas and limits", "Container runtime contract",
"Request timeout", "Health checks" (https://cloud.google.com/run/quotas, …/docs/container-contract,
…/docs/configuring/request-timeout, …/docs/configuring/healthchecks)."""

from __future__ import annotations

TIMEOUT_DEFAULT_S = 300.0
TIMEOUT_MAX_S = 3_600.0
CONCURRENCY_DEFAULT = 80
CONCURRENCY_MAX = 1_000
INSTANCES_MAX_DEFAULT = 100
STARTUP_DEFAULT_S = 240.0  # an instance must listen within 4 minutes
GRACE_S = 10.0  # between SIGTERM and SIGKILL
IDLE_MAX_S = 900.0  # an idle instance is kept at most so long
PORT_DEFAULT = 8_080
QUEUE_MIN_S = 10.0  # a request waits for an instance so long, or 3.5 × the average start if that is longer
QUEUE_STARTS = 3.5
QUEUE_MIN_REQUESTS = 100  # ours: so many may wait at least, or as many as all instances may have at once
DESCRIPTION_MAX_CHARS = 512
REVISIONS_KEPT = 1_000  # per resident; the oldest that serve nothing go first

# Ours: an instance that ends is started again after so long, doubled each time; a minute of life forgives.
RESTART_FIRST_S = 1.0
RESTART_MAX_S = 60.0
RESTART_FORGIVEN_S = 60.0
CRASHES_MIN = 2  # ours: so many ends in a row are a crash loop
INSTANCES_AT_ONCE_MAX = 10_000  # of a revision, however many are asked for
