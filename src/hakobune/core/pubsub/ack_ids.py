"""Ack ids: which delivery of which message of which subscription. Opaque to subscribers, and no secret.

The *era* of a subscription rises with each seek: what was delivered before one must not acknowledge what is replayed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from hakobune.core.errors import FieldViolation, InvalidArgument

_ACK_ID = re.compile(r"([0-9a-f]{1,15})-([0-9a-f]{1,15})-([0-9a-f]{1,15})-([0-9a-f]{1,15})\Z", re.ASCII)


class AckId(NamedTuple):
    """A delivery: the `attempt`-th of a message."""

    era: int
    message_id: int
    attempt: int


def ack_id_prefix(subscription_id: int, era: int) -> str:
    """What all ack ids of a subscription begin with; the rest is `ack_id_rest`."""
    return f"{subscription_id:x}-{era:x}-"


def ack_id_rest(message_id: int, attempt: int) -> str:
    """The second part of an ack id."""
    return f"{message_id:x}-{attempt:x}"


def parse_ack_ids(texts: Sequence[str], subscription_id: int) -> list[AckId]:
    """The deliveries that ack ids name. Raises InvalidArgument: malformed, or of another subscription."""
    found: list[AckId] = []
    own = f"{subscription_id:x}"
    for text in texts:
        match = _ACK_ID.match(text)
        if match is None:
            raise _invalid(f"Invalid ack id: {text[:80]!r} is none.")
        owner, era, message_id, attempt = match.groups()
        if owner != own and int(owner, 16) != subscription_id:
            raise _invalid(f"Invalid ack id: {text[:80]!r} belongs to another subscription.")
        found.append(AckId(int(era, 16), int(message_id, 16), int(attempt, 16)))
    return found


def _invalid(text: str) -> InvalidArgument:
    return InvalidArgument(text, violations=[FieldViolation(field="ack_ids", description=text)])
