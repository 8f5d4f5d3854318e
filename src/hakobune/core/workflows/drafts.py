"""What a caller sends: a workflow as declared, before the service adds names, times and revisions, and a request for an
execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hakobune.core.workflows.model import CallLogLevel, HistoryLevel

# The fields of a WorkflowDraft that a patch can change.
PATCHABLE = frozenset(
    {
        "description",
        "labels",
        "service_account",
        "source_contents",
        "crypto_key_name",
        "call_log_level",
        "history_level",
        "user_env_vars",
    }
)


def _no_texts() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDraft:
    """A workflow as its user declares it, checked. `service_account` is as it was sent, "" for the project's own."""

    description: str = ""
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    service_account: str = ""
    source_contents: str = ""
    crypto_key_name: str = ""
    call_log_level: CallLogLevel = CallLogLevel.UNSPECIFIED
    history_level: HistoryLevel = HistoryLevel.UNSPECIFIED
    user_env_vars: Mapping[str, str] = field(default_factory=_no_texts)
    tags: Mapping[str, str] = field(default_factory=_no_texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionDraft:
    """An execution as its caller asks for it, checked. `argument` is JSON text, None when none was given."""

    argument: str | None = None
    call_log_level: CallLogLevel = CallLogLevel.UNSPECIFIED
    history_level: HistoryLevel = HistoryLevel.UNSPECIFIED
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    disable_buffering: bool = False
