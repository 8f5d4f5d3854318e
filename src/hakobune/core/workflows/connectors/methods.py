"""What a method of an API is, and the tables that know them all.

A table is a text file for each service, made by `tools/make_connectors.py`. Columns are divided by tabs; `-` is an
empty one. First `root` with the address that paths begin at, and, where a regional host may be chosen, `regional` with
the argument that chooses it and the address with `{}` in its place; then a row for each method:

    projects.locations.jobs.create  POST  v2/{+parent}/jobs  parent! jobId validateOnly  body  operation v2/{@name}

that is its name, the HTTP method, the path, the parameters of path and query (`!` required, `[]` may be repeated), what
it has beside them (`body`; `upload` and `download` of raw content), and what its caller waits for: the style of the
answer, and the path to ask for it again (`waiting.py`). A table is read when its service is first called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

PREFIX: Final = "googleapis."

_DATA: Final = files("hakobune.core.workflows.connectors").joinpath("data")
_SUFFIX: Final = ".txt"


class Style(StrEnum):
    """By what it is known whether something long has come to its end."""

    OPERATION = "operation"  # google.longrunning.Operation: `done`
    STATUS = "status"  # an operation of Compute Engine, Cloud SQL or GKE: `status`
    CONDITIONS = "conditions"  # a Knative resource: its condition Ready or Completed
    EXECUTION = "execution"  # an execution of a workflow: `state`
    JOB = "job"  # a job of BigQuery: `status.state`


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is waited for. `path` is where to ask for it again, with places for arguments of the call (`{project}`, of
    `{name/2}` the first two segments), for its own name (`{@name}`) and for the last part of that (`{@id}`)."""

    style: Style
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodParameter:
    """A parameter of the path or the query."""

    name: str
    is_required: bool
    is_repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """All that a call needs to know. `service` is name and version: `run.v2`."""

    service: str
    id: str
    verb: str
    path: str
    parameters: tuple[MethodParameter, ...]
    has_body: bool
    is_upload: bool
    is_download: bool
    waiting: Waiting | None
    root: str
    region_parameter: str = ""  # the argument that chooses a regional host
    regional_root: str = ""  # its address, with {} for the region

    @property
    def name(self) -> str:
        """What a workflow calls: `googleapis.run.v2.projects.locations.jobs.run`."""
        return f"{PREFIX}{self.service}.{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    root: str
    region_parameter: str
    regional_root: str
    rows: Mapping[str, str]  # a row is taken apart when it is asked for


@cache
def services() -> tuple[str, ...]:
    """The services that have a table, each with its version, in order."""
    names = [file.name for file in _DATA.iterdir()]
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def method_ids(service: str) -> tuple[str, ...]:
    """The names of all methods of a service, in order; none where there is no such service."""
    return tuple(_table(service).rows) if service in services() else ()


def method(service: str, identifier: str) -> Method | None:
    """The method of this name, or None."""
    if service not in services():
        return None
    table = _table(service)
    row = table.rows.get(identifier)
    if row is None:
        return None
    verb, path, parameters, marks, waiting = ("" if cell == "-" else cell for cell in row.split("\t"))
    style, _, poll = waiting.partition(" ")
    return Method(
        service=service,
        id=identifier,
        verb=verb,
        path=path,
        parameters=tuple(_parameter(text) for text in parameters.split()),
        has_body="body" in marks.split(),
        is_upload="upload" in marks.split(),
        is_download="download" in marks.split(),
        waiting=Waiting(style=Style(style), path=poll) if style else None,
        root=table.root,
        region_parameter=table.region_parameter,
        regional_root=table.regional_root,
    )


def _parameter(text: str) -> MethodParameter:
    plain = text.removesuffix("!")
    return MethodParameter(
        name=plain.removesuffix("[]"), is_required=text.endswith("!"), is_repeated=plain.endswith("[]")
    )


@cache
def _table(service: str) -> _Table:
    text = _DATA.joinpath(f"{service}{_SUFFIX}").read_text(encoding="utf-8")
    rows: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, rest = line.partition("\t")
            rows[name] = rest
    root = rows.pop("root")
    region_parameter, _, regional_root = rows.pop("regional", "").partition("\t")
    return _Table(root=root, region_parameter=region_parameter, regional_root=regional_root, rows=rows)
