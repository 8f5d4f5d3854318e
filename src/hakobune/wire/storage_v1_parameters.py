"""The query of a Cloud Storage request: preconditions, flags, numbers. Unknown parameters are ignored; booleans are
written as clients write them (`True`, `true`).
"""

from __future__ import annotations

from collections.abc import Mapping

from hakobune.core.objects.failures import InvalidRequest, RequiredMissing
from hakobune.core.objects.limits import GENERATION_MAX
from hakobune.core.objects.model import ListQuery, Preconditions
from hakobune.wire.storage_v1_reading import whole_number

_RESULTS_MAX = (1 << 32) - 1


def parameter_number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number that is not negative; None if it is not there. Raises InvalidRequest."""
    text = query.get(name, "")
    if not text:
        return None
    value = whole_number(text)
    if value is None or not 0 <= value <= GENERATION_MAX:
        raise _wrong(name, f"Invalid value '{text[:40]}' for the parameter {name}: it must be a whole number.")
    return value


def parameter_flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean, False if it is not there. Raises InvalidRequest."""
    text = query.get(name, "").lower()
    if text in {"", "false", "0"}:
        return False
    if text in {"true", "1"}:
        return True
    raise _wrong(name, f"Invalid value '{text[:40]}' for the parameter {name}: it must be a boolean.")


def parameter_required(query: Mapping[str, str], name: str) -> str:
    """A text that must be there. Raises RequiredMissing."""
    text = query.get(name, "")
    if not text:
        error = RequiredMissing(f"Required parameter: {name}")
        error.location, error.location_type = name, "parameter"
        raise error
    return text


def is_full_projection(query: Mapping[str, str]) -> bool:
    """Whether access lists are wanted, too. Raises InvalidRequest."""
    text = query.get("projection", "").lower()
    if text not in {"", "full", "noacl"}:
        raise _wrong("projection", f"Invalid value '{text[:40]}' for the parameter projection: full or noAcl.")
    return text == "full"


def conditions_from_query(query: Mapping[str, str], prefix: str = "if") -> Preconditions:
    """The four conditions: `if…`, or those of a source (`ifSource…`). Raises InvalidRequest."""
    return Preconditions(
        generation_match=parameter_number(query, f"{prefix}GenerationMatch"),
        generation_not_match=parameter_number(query, f"{prefix}GenerationNotMatch"),
        metageneration_match=parameter_number(query, f"{prefix}MetagenerationMatch"),
        metageneration_not_match=parameter_number(query, f"{prefix}MetagenerationNotMatch"),
    )


def list_from_query(query: Mapping[str, str]) -> ListQuery:
    """What a list of objects shows. Raises InvalidRequest."""
    return ListQuery(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        start_offset=query.get("startOffset", ""),
        end_offset=query.get("endOffset", ""),
        match_glob=query.get("matchGlob", ""),
        has_versions=parameter_flag(query, "versions"),
        includes_trailing_delimiter=parameter_flag(query, "includeTrailingDelimiter"),
        is_soft_deleted=parameter_flag(query, "softDeleted"),
        max_results=results_from_query(query),
        page_token=query.get("pageToken", ""),
    )


def results_from_query(query: Mapping[str, str]) -> int:
    """`maxResults`; 0 if it is not there. Raises InvalidRequest."""
    value = parameter_number(query, "maxResults")
    if value is not None and value > _RESULTS_MAX:
        raise _wrong("maxResults", "The parameter maxResults is too large.")
    return value or 0


def _wrong(name: str, message: str) -> InvalidRequest:
    error = InvalidRequest(message)
    error.reason, error.location, error.location_type = "invalidParameter", name, "parameter"
    return error
