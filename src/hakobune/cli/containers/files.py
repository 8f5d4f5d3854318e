"""The YAML file of a job, a service or a worker pool, made ready to be sent."""

from __future__ import annotations

from hakobune import __version__
from hakobune.cli.containers.changes import RUN
from hakobune.cli.containers.requirements import check_name
from hakobune.cli.document import Document, as_dict, at, child, dict_at, is_dict, text_at
from hakobune.cli.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def resource_in(
    session: Session, document: object, path: str, *, api_version: str, kind: str, noun: str, positional: str
) -> Document:
    """The resource in a file. Raises CommandError."""
    if not is_dict(document):
        raise CommandError(
            f"[{path}] holds no {noun}: a YAML map with apiVersion, kind, metadata and spec is expected."
        )
    resource = as_dict(document)
    if text_at(resource, "kind") not in ("", kind):
        raise CommandError(f"[{path}] holds a {text_at(resource, 'kind')}, not a {kind}.")
    if not isinstance(at(resource, "spec", "template"), dict):
        raise CommandError("spec.template is required but missing. Please check the content in your yaml file.")
    resource.pop("status", None)
    resource["apiVersion"] = api_version
    resource["kind"] = kind
    metadata = child(resource, "metadata")
    if not isinstance(metadata.get("name"), str):
        raise CommandError(f"[{path}]: metadata.name is required but missing.")
    check_name(positional, text_at(metadata, "name"))
    namespace = text_at(metadata, "namespace")
    if namespace and namespace != session.project and not namespace.isdigit():
        raise CommandError(
            f"Namespace must be project ID [{session.project}] or quoted number for Cloud Run; [{path}] has"
            f" [{namespace}]."
        )
    metadata["namespace"] = session.project
    client = {f"{RUN}client-name": "hakobune", f"{RUN}client-version": __version__}
    metadata["annotations"] = {**dict_at(metadata, "annotations"), **client}
    return resource
