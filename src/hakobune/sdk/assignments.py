"""What a job's task does for a receipt: the request that came with it, and where its result goes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from hakobune.sdk.errors import SdkError, TaskEnvironmentError
from hakobune.sdk.outputs import Written, write_json
from hakobune.sdk.progress_meter import RECEIPT_VARIABLE

REQUEST_VARIABLE = "HAKOBUNE_REQUEST"
RESULT_VARIABLE = "HAKOBUNE_RESULT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Work that a reception started. receipt: its id, "" if this program was started by somebody else. request: as it
    was accepted, None without one. result: where `finish` writes, "" if no place was named."""

    receipt: str = ""
    request: object = None
    result: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """What the environment says. Raises TaskEnvironmentError for a request that is no JSON."""
        text = environ.get(REQUEST_VARIABLE, "null")
        try:
            request: object = json.loads(text)
        except ValueError as error:
            raise TaskEnvironmentError(REQUEST_VARIABLE, f"must be JSON, not {text[:40]!r}") from error
        return cls(receipt=environ.get(RECEIPT_VARIABLE, ""), request=request, result=environ.get(RESULT_VARIABLE, ""))

    def finish(self, result: object) -> Written:
        """Leave the result (JSON) where the receipt finds it, once: a repeated task changes nothing.

        Call it from one task of the job, before it ends. Raises SdkError if no place was named, and what `write_json`
        raises.
        """
        if not self.result:
            raise SdkError(
                f"no place for the result: {RESULT_VARIABLE} is not set. Give the reception a directory or gs:// "
                'prefix for its receipts, or the job a place: Job("NAME", result="gs://BUCKET/{receipt}.json")'
            )
        return write_json(self.result, result, once=True)
