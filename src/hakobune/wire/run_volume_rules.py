"""What volumes may say: exactly one source each, and what that source needs."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.quantities import bytes_from_quantity
from hakobune.wire.run_container_rules import check_dns_label, check_relative, check_secret
from hakobune.wire.run_v2_schema import VOLUME_SOURCES
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations

_MODE_MAX = 0o777
# What a source cannot do without, by its field.
_REQUIRED = {"gcs": ("bucket",), "nfs": ("server", "path"), "filestore": ("volume",)}


def check_volumes(volumes: Sequence[Json], path: str, found: Violations) -> None:
    """Note all that is wrong with the volumes of a task."""
    names: set[str] = set()
    for number, volume in enumerate(volumes):
        where = f"{path}[{number}]"
        name: str = volume.get("name", "")
        check_dns_label(name, f"{where}.name", found)
        if name in names:
            found.add(f"{where}.name", f"is the name of two volumes: {name[:80]!r}")
        names.add(name)
        sources = [source for source in VOLUME_SOURCES if source in volume]
        if not sources:
            found.add(where, f"needs a source, one of {', '.join(VOLUME_SOURCES)}")
        for source in sources:
            _check_source(source, volume[source], f"{where}.{source}", found)


def _check_source(source: str, content: Json, where: str, found: Violations) -> None:
    for field in _REQUIRED.get(source, ()):
        if not content.get(field):
            found.add(f"{where}.{field}", "is required")
    if source == "secret":
        _check_secret_volume(content, where, found)
    if content.get("sizeLimit"):
        try:
            bytes_from_quantity(content["sizeLimit"])
        except ValueError as error:
            found.add(f"{where}.sizeLimit", str(error))


def _check_secret_volume(content: Json, where: str, found: Violations) -> None:
    check_secret(content.get("secret", ""), "", f"{where}.secret", where, found)
    _check_mode(content.get("defaultMode", 0), f"{where}.defaultMode", found)
    for number, item in enumerate(content.get("items", [])):
        place = f"{where}.items[{number}]"
        if not item.get("path"):
            found.add(f"{place}.path", "is required")
        else:
            check_relative(item["path"], f"{place}.path", found)
        check_secret("any", item.get("version", ""), place, f"{place}.version", found)
        _check_mode(item.get("mode", 0), f"{place}.mode", found)


def _check_mode(mode: int, path: str, found: Violations) -> None:
    if not 0 <= mode <= _MODE_MAX:
        found.add(path, f"must be from 0 to {_MODE_MAX} (0777), not {mode}")
