"""Makes the tables of the connectors from the discovery documents inside the `google-api-python-client` wheel.

`python tools/make_connectors.py` writes `src/hakobune/core/workflows/connectors/data/SERVICE.VERSION.txt`. A table has
what a call needs and nothing else: no descriptions, no schemas. Its format is told in `connectors/methods.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import googleapiclient

DATA = Path(__file__).resolve().parent.parent / "src/hakobune/core/workflows/connectors/data"
PACKAGE = "google-api-python-client"

# The services that have connectors: seen in samples or in the reference of the service, or further versions of these.
SERVICES = (
    *("aiplatform.v1", "aiplatform.v1beta1", "batch.v1", "bigquery.v2", "bigquerydatatransfer.v1", "cloudbuild.v1"),
    *("cloudfunctions.v1", "cloudfunctions.v2", "cloudresourcemanager.v3", "cloudscheduler.v1", "cloudtasks.v2"),
    *("cloudtasks.v2beta3", "compute.v1", "container.v1", "dataflow.v1b3", "documentai.v1", "firestore.v1"),
    *("forms.v1", "integrations.v1", "language.v1", "language.v1beta2", "logging.v2", "ml.v1", "pubsub.v1"),
    *("run.v1", "run.v2", "secretmanager.v1", "sheets.v4", "spanner.v1", "sqladmin.v1", "sqladmin.v1beta4"),
    *("storage.v1", "storagetransfer.v1", "transcoder.v1", "translate.v2", "translate.v3", "translate.v3beta1"),
    *("workflowexecutions.v1", "workflowexecutions.v1beta", "workflows.v1", "workflows.v1beta"),
)

# The argument that chooses a regional host, as their reference pages have it.
REGIONAL = {
    "aiplatform.v1": "region",
    "aiplatform.v1beta1": "region",
    "documentai.v1": "location",
    "run.v1": "location",
}

OPERATIONS = frozenset({"Operation", "GoogleLongrunningOperation", "GoogleLongrunning__Operation"})

# Where the operations are, for methods whose path does not say it: so many segments of a resource's name lead there.
PARENTS = {
    "container.v1": "v1/{%s/4}/operations/{@id}",
    "sqladmin.v1": "v1/{%s/2}/operations/{@id}",
    "sqladmin.v1beta4": "sql/v1beta4/{%s/2}/operations/{@id}",
}

# Methods that return no operation, and whose connector waits until the resource that they made has come to an end.
RESOURCES = {
    "bigquery.v2": {"jobs.insert": "job bigquery/v2/projects/{projectId}/jobs/{@id}"},
    "run.v1": {
        "namespaces.jobs.run": "conditions apis/run.googleapis.com/v1/{name/2}/executions/{@id}",
        "namespaces.jobs.create": "conditions apis/run.googleapis.com/v1/{parent/2}/jobs/{@id}",
        "namespaces.jobs.replaceJob": "conditions apis/run.googleapis.com/v1/{name}",
        "namespaces.services.create": "conditions apis/serving.knative.dev/v1/{parent/2}/services/{@id}",
        "namespaces.services.replaceService": "conditions apis/serving.knative.dev/v1/{name}",
    },
    "workflowexecutions.v1": {"projects.locations.workflows.executions.create": "execution v1/{@name}"},
    "workflowexecutions.v1beta": {"projects.locations.workflows.executions.create": "execution v1beta/{@name}"},
}

_PLACE = re.compile(r"\{\+?([\w.$-]+)\}")

Json = dict[str, Any]


def package_version() -> str:
    """The version of the package that the documents come from."""
    return version(PACKAGE)


def table(service: str) -> str:
    """The text of a service's table."""
    folder = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
    document = json.loads((folder / f"{service}.json").read_text(encoding="utf-8"))
    methods = sorted(_methods(document))
    root: str = document["rootUrl"]
    origin = f"{PACKAGE} {package_version()}, revision {document['revision']}"
    lines = [f"# {service}: made by tools/make_connectors.py from {origin}", f"root\t{root}"]
    if service in REGIONAL:
        lines.append(f"regional\t{REGIONAL[service]}\t{root.replace('://', '://{}-')}")
    polls = [_path(document, method) for identifier, method in methods if _is_poll(identifier, method)]
    lines += [_row(service, document, identifier, method, polls) for identifier, method in methods]
    return "\n".join([*lines, ""])


def _methods(resource: Json, prefix: str = "") -> Iterator[tuple[str, Json]]:
    for name, method in resource.get("methods", {}).items():
        yield prefix + name, method
    for name, below in resource.get("resources", {}).items():
        yield from _methods(below, f"{prefix}{name}.")


def _path(document: Json, method: Json) -> str:
    return f"{document['servicePath']}{method['path']}"


def _row(service: str, document: Json, identifier: str, method: Json, polls: list[str]) -> str:
    path = _path(document, method)
    marks = [
        *(["body"] if "request" in method else []),
        *(["upload"] if _is_upload(method, path) else []),
        *(["download"] if method.get("supportsMediaDownload") else []),
    ]
    waiting = RESOURCES.get(service, {}).get(identifier, "")
    if _is_operation(method) and not _is_poll(identifier, method):
        waiting = _waiting(service, document, method, polls)
    columns = (identifier, method["httpMethod"], path, _parameters(service, method), " ".join(marks), waiting)
    return "\t".join(column or "-" for column in columns)


def _parameters(service: str, method: Json) -> str:
    """Names in order, the required ones (`!`) first; `[]` where a list repeats the parameter."""
    own: Json = method.get("parameters", {})
    taken = {"body", "connector_params", "alt", "uploadType", REGIONAL.get(service, "body")} & own.keys()
    if taken:
        raise ValueError(f"{method['id']}: {taken} means something else here")
    required = [name for name, entry in own.items() if entry.get("required") or entry["location"] == "path"]
    order = [name for name in method.get("parameterOrder", []) if name in required]
    first = [*order, *(name for name in required if name not in order)]
    rest = [name for name in own if name not in required]
    marked = [(name, "!") for name in first] + [(name, "") for name in rest]
    return " ".join(f"{name}{'[]' if own[name].get('repeated') else ''}{mark}" for name, mark in marked)


def _is_upload(method: Json, path: str) -> bool:
    simple = method.get("mediaUpload", {}).get("protocols", {}).get("simple", {})
    return simple.get("path") == f"/upload/{path}"


# -- long-running operations ------------------------------------------------------------------------------------


def _is_operation(method: Json) -> bool:
    return method.get("response", {}).get("$ref") in OPERATIONS


def _is_poll(identifier: str, method: Json) -> bool:
    return _is_operation(method) and identifier.lower().endswith("operations.get")


def _waiting(service: str, document: Json, method: Json, polls: list[str]) -> str:
    """The style of the operation that is returned, and where to ask for it again."""
    fields = document["schemas"][method["response"]["$ref"]]["properties"]
    style = "operation" if "done" in fields else "status"
    return f"{style} {_poll(service, _path(document, method), polls)}"


def _poll(service: str, path: str, polls: list[str]) -> str:
    """Of the methods that get an operation, the one that has the most of its parameters from the call."""
    named = [poll for poll in polls if poll.endswith("/{+name}")]
    known = set(_PLACE.findall(path))
    fitting: list[tuple[int, str]] = []
    for poll in set(polls).difference(named):
        *context, _ = _PLACE.findall(poll)
        if known.issuperset(context):
            fitting.append((len(context), re.sub(r"\{\w+\}$", "{@id}", poll)))
    if fitting:
        return max(fitting)[1]
    if service in PARENTS:
        resource = next(name for name in ("name", "parent") if name in known)
        return PARENTS[service] % resource
    (poll,) = set(named)
    return poll.replace("{+name}", "{@name}")


def main() -> None:
    """Write all tables, and take away those of services that are not there any more."""
    DATA.mkdir(exist_ok=True)
    for old in DATA.glob("*.txt"):
        if old.stem not in SERVICES:
            old.unlink()
    for service in SERVICES:
        (DATA / f"{service}.txt").write_text(table(service), encoding="utf-8")


if __name__ == "__main__":
    main()
