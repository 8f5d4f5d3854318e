"""Bounds of the schedules room, each with its source.

Unless another source stands beside it: Cloud Scheduler API v1, discovery revision 20261106.
"""

from __future__ import annotations

from typing import Final

JOB_ID_CHARACTERS: Final = 500
DESCRIPTION_CHARACTERS: Final = 500
RESOURCE_BYTES: Final = 1_048_576
URI_CHARACTERS: Final = 2_083
HEADERS_BYTES: Final = 80 * 1024

RETRIES: Final = 5
MIN_BACKOFF_DEFAULT_S: Final = 5.0
MAX_BACKOFF_DEFAULT_S: Final = 3_600.0
DOUBLINGS_DEFAULT: Final = 5
DOUBLINGS: Final = 16  # ours: 2 ** 16 times the least wait is far beyond every greatest one

ATTEMPT_DEADLINE_DEFAULT_S: Final = 180.0
ATTEMPT_DEADLINE_MIN_S: Final = 15.0
ATTEMPT_DEADLINE_MAX_S: Final = 1_800.0

EXECUTIONS: Final = 20  # ours: of one schedule, that are looked at before the next one is started
HOLD_MIN_S: Final = 0.5  # ours: between two looks at an execution that is waited for
HOLD_MAX_S: Final = 10.0

PAGE_ITEMS: Final = 500
SCHEDULE_CHARACTERS: Final = 1_024  # ours: a list of all minutes, hours, days and months fits
SEARCH_YEARS: Final = 8  # ours: 29 February comes again within eight years, a date that never does not
