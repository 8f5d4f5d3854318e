"""What the commands of services and of worker pools call things: the one difference between most of them."""

from __future__ import annotations

from dataclasses import dataclass

from hakobune.cli.document import Document, list_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakobune.cli.flags import Flag

LATEST = "LATEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A kind of resident, in the words of the API and of gcloud."""

    plural: str  # in paths
    kind: str  # of the document
    api_version: str
    positional: str
    noun: str  # in sentences
    title: str  # at their beginning
    shares: str  # field of the spec that divides traffic or instances
    divided: str  # what is divided
    file: str  # what `replace` reads when nothing is named
    words: str  # of the commands' group
    container_flags: Sequence[Flag]

    def new(self, project: str, name: str) -> Document:
        """One without settings."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": {"name": name, "namespace": project, "labels": {}, "annotations": {}},
            "spec": {"template": {"metadata": {"labels": {}, "annotations": {}}, "spec": {}}},
        }

    def declared(self, resource: Document) -> list[object]:
        """How traffic or instances are to be divided."""
        return list_at(resource, "spec", self.shares)

    def current(self, resource: Document) -> list[object]:
        """How they are divided now."""
        return list_at(resource, "status", self.shares)
