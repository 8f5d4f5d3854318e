"""The settings of a runtime: flags over environment over the file `hakobune.yaml`.

images:                            # what an image name stands for: a source directory
  us-docker.pkg.dev/p1/app: {source: ./app, command: [python], args: [main.py]}
objects: gs://my-bucket/prefix     # where the contents of objects are kept; without it, in the data directory. Also
                                   # --objects, HAKOBUNE_OBJECTS
service_urls:                      # NAME of NAME-….run.app, for the calls of workflows
  ocr: http://127.0.0.1:9001
http_allowed_hosts: [169.254.1.7]  # that workflows may call though they look like this machine's own
google_token_command: [gcloud, auth, print-access-token]  # for Google's APIs that are not served here
limits: strict                     # of workflows: off, warn, strict
max_executions: 10000              # of workflows, active at once in a location; more are queued
max_backlog: 100000                # queued at most
max_journal_bytes: 268435456       # of one execution of a workflow: its argument and all answers; more ends it with
                                   # ResourceLimitError. Also --max-journal-bytes, HAKOBUNE_MAX_JOURNAL_BYTES
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from hakobune.cli.errors import UsageError
from hakobune.cli.flags import Arguments
from hakobune.core.errors import InvalidArgument
from hakobune.core.names import check_location, check_project
from hakobune.core.objects.content_places import ContentPlace, place_from_text
from hakobune.core.workflows.limits import BACKLOG, CONCURRENT_EXECUTIONS, Strictness
from hakobune.runtime.credentials_authority import GivenCertificate, check_given
from hakobune.runtime.settings import (
    DEFAULT_GRPC_PORT,
    DEFAULT_LOCATION,
    DEFAULT_PORT,
    DEFAULT_PROJECT,
    JOURNAL_BYTES_MAX_DEFAULT,
    MAX_RUNNING_DEFAULT,
    SERVICE_IDLE_DEFAULT_S,
    Auth,
    ImageSource,
    Settings,
)
from hakobune.store.api import Durability

_FILE = "hakobune.yaml"
_KEYS = (
    "google_token_command",
    "http_allowed_hosts",
    "images",
    "limits",
    "max_backlog",
    "max_executions",
    "max_journal_bytes",
    "objects",
    "service_urls",
)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSettings:
    """What concerns workflows, from flags and file."""

    limits: Strictness
    executions_max: int
    backlog_max: int
    service_urls: Mapping[str, str]
    allowed_hosts: tuple[str, ...]
    google_token_command: tuple[str, ...]


def settings_of(arguments: Arguments, environ: Mapping[str, str]) -> Settings:
    """All settings of `hakobune up`. Raises UsageError naming what is wrong."""
    file = _File.read(arguments.text("config"))
    host = arguments.text("host") or "127.0.0.1"
    auth = Auth(arguments.text("auth") or "none")
    if host not in _LOOPBACK and auth is not Auth.TOKEN:
        raise UsageError(f"--host={host} is reachable from other machines: add --auth=token.", usage=False)
    is_iam_enforced = arguments.text("iam") == "enforce"
    if is_iam_enforced and auth is not Auth.TOKEN:
        raise UsageError("--iam=enforce needs to know who calls: add --auth=token.", usage=False)
    workflows = _workflows(arguments, file)
    return Settings(
        directory=Path(arguments.text("data") or ".hakobune").absolute(),
        host=host,
        port=_port(arguments, "port", DEFAULT_PORT),
        grpc_port=_port(arguments, "grpc-port", DEFAULT_GRPC_PORT),
        project=_project(arguments, environ),
        location=_location(arguments, environ),
        auth=auth,
        is_iam_enforced=is_iam_enforced,
        tls_port=_port(arguments, "tls-port", 0) or None,
        certificate=_certificate(arguments),
        durability=Durability(arguments.text("durability") or "power"),
        records_effects=arguments.text("effects") != "off",
        records_requests=arguments.text("request-log") != "off",
        objects=_objects(arguments, environ, file),
        images=_images(arguments, file),
        max_running=arguments.number("max-running-tasks") or MAX_RUNNING_DEFAULT,
        limits=workflows.limits,
        workflow_executions_max=workflows.executions_max,
        workflow_backlog_max=workflows.backlog_max,
        workflow_journal_bytes_max=_journal_bytes_max(arguments, environ, file),
        service_idle_s=_service_idle_s(arguments),
        service_urls=workflows.service_urls,
        http_allowed_hosts=workflows.allowed_hosts,
        google_token_command=workflows.google_token_command,
    )


def _service_idle_s(arguments: Arguments) -> float:
    given = arguments.number("service-idle")
    return SERVICE_IDLE_DEFAULT_S if given is None else float(given)


def workflow_settings_of(arguments: Arguments) -> WorkflowSettings:
    """What concerns workflows alone. Raises UsageError naming what is wrong."""
    return _workflows(arguments, _File.read(arguments.text("config")))


def _project(arguments: Arguments, environ: Mapping[str, str]) -> str:
    """The default project. Raises UsageError."""
    project = (
        arguments.text("project")
        or environ.get("GOOGLE_CLOUD_PROJECT", "")
        or environ.get("CLOUDSDK_CORE_PROJECT", "")
        or DEFAULT_PROJECT
    )
    try:
        return check_project(project)
    except InvalidArgument as error:
        raise UsageError(error.message, usage=False) from error


def _location(arguments: Arguments, environ: Mapping[str, str]) -> str:
    location = arguments.text("region") or environ.get("CLOUDSDK_RUN_REGION", "") or DEFAULT_LOCATION
    try:
        return check_location(location)
    except InvalidArgument as error:
        raise UsageError(error.message, usage=False) from error


def _objects(arguments: Arguments, environ: Mapping[str, str], file: _File) -> ContentPlace | None:
    """Raises UsageError."""
    text = arguments.text("objects") or environ.get("HAKOBUNE_OBJECTS", "") or file.text("objects")
    try:
        return place_from_text(text) if text else None
    except InvalidArgument as error:
        raise UsageError(error.message, usage=False) from error


def _port(arguments: Arguments, name: str, default: int) -> int:
    port = arguments.number(name)
    if port is None:
        return default
    if not 1 <= port <= 65535:
        raise UsageError(f"--{name}: a port is from 1 to 65535, not {port}.", usage=False)
    return port


def _certificate(arguments: Arguments) -> GivenCertificate | None:
    try:
        return check_given(arguments.text("tls-cert"), arguments.text("tls-key"))
    except InvalidArgument as error:
        raise UsageError(error.message, usage=False) from error


# -- what the flags add to the file -------------------------------------------------------------------------------


def _workflows(arguments: Arguments, file: _File) -> WorkflowSettings:
    service_urls = {**file.texts_by_name("service_urls"), **arguments.pairs("service-url")}
    for name, url in service_urls.items():
        _check_service(name, url)
    executions_max = arguments.number("max-executions")
    backlog_max = arguments.number("max-backlog")
    return WorkflowSettings(
        limits=Strictness(arguments.text("limits")) if arguments.given("limits") else file.strictness("limits"),
        executions_max=file.count("max_executions", 1, CONCURRENT_EXECUTIONS)
        if executions_max is None
        else executions_max,
        backlog_max=file.count("max_backlog", 0, BACKLOG) if backlog_max is None else backlog_max,
        service_urls=service_urls,
        allowed_hosts=(
            *(host.lower() for host in file.texts("http_allowed_hosts")),
            *(host.lower() for host in arguments.words("allow-host")),
        ),
        google_token_command=file.texts("google_token_command"),
    )


def _journal_bytes_max(arguments: Arguments, environ: Mapping[str, str], file: _File) -> int:
    """Raises UsageError."""
    flag, variable = arguments.number("max-journal-bytes"), environ.get("HAKOBUNE_MAX_JOURNAL_BYTES", "")
    if flag is not None:
        return flag
    if not variable:
        return file.count("max_journal_bytes", 1, JOURNAL_BYTES_MAX_DEFAULT)
    if not (variable.isascii() and variable.isdigit() and len(variable) < 18 and int(variable)):
        raise UsageError(
            f"HAKOBUNE_MAX_JOURNAL_BYTES: must be a whole number of at least 1, not {variable[:40]!r}.", usage=False
        )
    return int(variable)


def _check_service(name: str, url: str) -> None:
    """Raises UsageError for a name that begins no label of a `.run.app` host, or a URL that is none."""
    from urllib.parse import urlsplit

    if not (name.isascii() and name.replace("-", "a").isalnum() and name == name.lower() and name[0] != "-"):
        raise UsageError(f"service_urls: {name!r} is no name of a service: a-z, 0-9 and dashes.", usage=False)
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise UsageError(f"service_urls: {name}: write http://127.0.0.1:PORT, not {url!r}.", usage=False)


def _images(arguments: Arguments, file: _File) -> dict[str, ImageSource]:
    images = file.images()
    for prefix, directory in arguments.pairs("map-image").items():
        images[prefix] = ImageSource(source=Path(directory).resolve())
    for prefix, image in images.items():
        if not image.source.is_dir():
            raise UsageError(f"image {prefix}: {image.source} is no directory.", usage=False)
    return images


# -- the file -----------------------------------------------------------------------------------------------------


class _File:
    """The settings file; empty where there is none."""

    def __init__(self, name: str, keys: Mapping[str, object]) -> None:
        self._name = name
        self._keys = keys

    @classmethod
    def read(cls, path: str) -> _File:
        """The file at `path`, or `hakobune.yaml` where it exists. Raises UsageError."""
        name = path or _FILE
        if not path and not os.path.exists(_FILE):
            return cls(name, {})
        import yaml

        try:
            with open(name, encoding="utf-8") as file:
                found: object = yaml.safe_load(file)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UsageError(f"{name} cannot be read: {error}", usage=False) from error
        if found is None:
            return cls(name, {})
        if not isinstance(found, dict):
            raise UsageError(f"{name}: must be a map with the keys {', '.join(_KEYS)}.", usage=False)
        keys = cast("dict[object, object]", found)
        for key in keys:
            if key not in _KEYS:
                raise UsageError(f"{name}: unknown key {key!r}; known: {', '.join(_KEYS)}.", usage=False)
        return cls(name, {str(key): value for key, value in keys.items()})

    def strictness(self, key: str) -> Strictness:
        """One of the three words, `strict` by default."""
        value = self._keys.get(key)
        # YAML 1.1 reads a bare `off` as false.
        text = "off" if value is False else "strict" if value is None else str(value)
        if text not in tuple(Strictness):
            raise self._wrong(key, f"must be one of {', '.join(Strictness)}")
        return Strictness(text)

    def count(self, key: str, at_least: int, default: int) -> int:
        """A whole number."""
        value = self._keys.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            raise self._wrong(key, f"must be a whole number of at least {at_least}")
        return value

    def text(self, key: str) -> str:
        """A text; "" where there is none."""
        value = self._keys.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "must be a text")
        return value or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return self._texts(self._keys.get(key), key)

    def texts_by_name(self, key: str) -> dict[str, str]:
        """A map of texts."""
        found = self._map(key)
        if not all(isinstance(value, str) for value in found.values()):
            raise self._wrong(key, "must map names to texts")
        return {name: str(value) for name, value in found.items()}

    def images(self) -> dict[str, ImageSource]:
        """What image names stand for."""
        found: dict[str, ImageSource] = {}
        for prefix, value in self._map("images").items():
            fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
            source = fields.get("source")
            unknown = sorted(set(fields) - {"source", "command", "args"})
            if not isinstance(source, str) or unknown:
                what = f"unknown key {unknown[0]!r}" if unknown else "source: DIR is missing"
                raise self._wrong(f"images.{prefix}", what)
            found[prefix] = ImageSource(
                source=Path(source).resolve(),
                command=self._texts(fields.get("command"), f"images.{prefix}.command"),
                args=self._texts(fields.get("args"), f"images.{prefix}.args"),
            )
        return found

    def _map(self, key: str) -> dict[str, object]:
        value = self._keys.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(key, "must be a map")
        return {str(name): item for name, item in cast("dict[object, object]", value).items()}

    def _texts(self, value: object, where: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value)):
            return tuple(cast("list[str]", value))
        raise self._wrong(where, "must be a list of texts")

    def _wrong(self, where: str, what: str) -> UsageError:
        return UsageError(f"{self._name}: {where}: {what}.", usage=False)
