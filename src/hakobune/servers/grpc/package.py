"""What a table of messages is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def _no_enums() -> dict[str, tuple[str, ...]]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Messages and enums of one package, by their names within it. The names of an enum are numbered from 0; one that
    does not follow the number before it has its own in front (`8 NAME`)."""

    name: str
    imports: tuple[str, ...]
    messages: Mapping[str, tuple[str, ...]]
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=_no_enums)
