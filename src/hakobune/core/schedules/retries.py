"""Whether a failed attempt is repeated, and when."""

from __future__ import annotations

from hakobune.core.schedules.model import RetryConfig


def may_retry(config: RetryConfig, retries: int, elapsed_s: float) -> bool:
    """Whether one more retry follows, after so many, so long after the first attempt began.

    With a count and a duration, retries end when both are reached; with neither, there are none.
    Source: https://cloud.google.com/scheduler/docs/configuring/retry-jobs.
    """
    if config.retry_count and retries < config.retry_count:
        return True
    return config.max_retry_duration_s > 0 and elapsed_s < config.max_retry_duration_s


def backoff_s(config: RetryConfig, retries: int) -> float:
    """The wait before the next retry, after so many: doubled so often, then growing in equal steps. No jitter.

    (10, 300, 3) gives 10, 20, 40, 80, 160, 240, 300. Source: as above.
    """
    doublings = min(retries, config.max_doublings)
    steps = max(0, retries - config.max_doublings)
    return min(config.min_backoff_s * 2.0**doublings * (steps + 1), config.max_backoff_s)
