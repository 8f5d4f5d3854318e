"""Failures of the messages room that carry more than a text."""

from __future__ import annotations

from collections.abc import Mapping

from hakobune.core.errors import FailedPrecondition


class AckFailure(FailedPrecondition):
    """Ack ids of a subscription with exactly-once delivery were refused, and nothing was done. `failures` says of each
    ack id why: they are the metadata of the `google.rpc.ErrorInfo` of the answer. gcloud 528 knows such an answer by
    `EXACTLY_ONCE` in its reason."""

    reason = "EXACTLY_ONCE_ACKID_FAILURE"

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("Some ack ids in the request were invalid, expired or used already: nothing was acknowledged.")
        self.failures = failures
