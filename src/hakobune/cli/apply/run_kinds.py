"""Jobs, services and worker pools of Cloud Run, in the YAML that `gcloud run … replace` takes (the v1 API)."""

from __future__ import annotations

import os
import time

from hakobune import __version__
from hakobune.cli.apply.kinds import MARK, Ground, Key, Wanted, account_reference, labels_of, with_label, without
from hakobune.cli.apply.problems import Fault, RefusedError, faults_of
from hakobune.cli.apply.programs import digest_of
from hakobune.cli.document import Document, as_dict, child, dict_at, list_at, text_at
from hakobune.cli.errors import ApiError, CommandError
from hakobune.cli.jobs import view
from hakobune.cli.run_api import quoted
from hakobune.cli.waiting import Pauses, patiently
from hakobune.core.errors import InvalidArgument
from hakobune.core.names import default_service_account
from hakobune.core.services.names import Kind as Resident
from hakobune.wire.run_v1 import job_draft_from_v1
from hakobune.wire.run_v1_residents import resident_draft_from_v1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hakobune.cli.session import Session

SOURCE = "hakobune.dev/source"
DIGEST = "apply.hakobune.dev/source-digest"
_LABELS = ("metadata", "labels")
_LOCATION = "cloud.googleapis.com/location"
_TEMPLATE = ("spec", "template", "metadata", "annotations")
_CLIENT = {"run.googleapis.com/client-name": "hakobune", "run.googleapis.com/client-version": __version__}
_PAGE = "500"
# What the service writes into the two maps (spec of v1, `describe --format export`).
_SERVER_ANNOTATIONS = frozenset(
    {
        *_CLIENT,
        "run.googleapis.com/creator",
        "run.googleapis.com/creatorEmail",
        "run.googleapis.com/lastModifier",
        "run.googleapis.com/lastModifierEmail",
        "run.googleapis.com/operation-id",
        "run.googleapis.com/urls",
        "run.googleapis.com/ingress-status",
        "serving.knative.dev/creator",
        "serving.knative.dev/lastModifier",
        "hakobune.dev/scaled-instances",
    }
)
_SERVER_LABELS = frozenset({_LOCATION, "run.googleapis.com/lastUpdatedTime"})
_METADATA = ("name", "labels", "annotations")
_LONGEST_WAIT_S = 600.0  # ours: a source is built, then instances have up to 240 s to start


class RunKind:
    """`kind: Job`, `kind: Service` or `kind: WorkerPool`."""

    stage = 2
    label_path = _LABELS
    immutable: frozenset[str] = frozenset()

    def __init__(self, name: str, api_version: str, collection: str, resident: Resident | None = None) -> None:
        """`collection` is the plural in paths; `resident`: what of the two that stay it is, if it is one."""
        self.name = name
        self._resident = resident
        self._api_version = api_version
        self._prefix = f"/apis/{api_version}/namespaces/"
        self._collection = collection

    def read(self, body: Document, ground: Ground) -> Wanted:
        """The resource in `body`; a source is a folder beside its file. Raises RefusedError, HakobuneError."""
        version = body.get("apiVersion", self._api_version)
        if version != self._api_version:
            raise RefusedError(Fault("apiVersion", f"must be {self._api_version}, not {version!r}"))
        metadata = dict_at(body, "metadata")
        namespace = text_at(metadata, "namespace")
        if namespace and namespace != ground.project and not namespace.isdigit():
            raise RefusedError(
                Fault(
                    "metadata.namespace", f"must be {ground.project}, not {namespace}", "Remove it, or use --project."
                )
            )
        name = text_at(metadata, "name")
        location = text_at(metadata, "labels", _LOCATION) or ground.location
        wanted: Document = {
            **without(body, ["status"]),
            "apiVersion": self._api_version,
            "kind": self.name,
            "metadata": {**without(metadata, ["namespace"]), "namespace": ground.project},
        }
        self._check(wanted, ground)
        source = _with_source(wanted, ground)
        return Wanted(
            key=Key(self.name, location, name),
            body=wanted,
            references=frozenset(_references(_task_of(wanted), ground.project)),
            watched=frozenset({source} if source else ()),
        )

    def _check(self, wanted: Document, ground: Ground) -> None:
        """Raises RefusedError with all that is wrong, as the runtime would."""
        project, account = ground.project, default_service_account(ground.project)
        try:
            if self._resident is None:
                job_draft_from_v1(wanted, namespace=project, service_account=account)
            else:
                resident_draft_from_v1(self._resident, wanted, namespace=project, service_account=account)
        except InvalidArgument as error:
            raise RefusedError(*faults_of(error)) from error

    def find(self, session: Session, key: Key) -> Document | None:
        """The resource, or None."""
        try:
            return self._call(session, "GET", key)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def compared(self, session: Session, wanted: Wanted, held: Document) -> tuple[Document, Document]:
        """What is there, and what a dry run says would be there: defaults are the runtime's affair."""
        after = self._call(session, "PUT", wanted.key, _sent(wanted.body), query="?dryRun=all")
        return _shown(held), _shown(after)

    def create(self, session: Session, wanted: Wanted) -> None:
        """Make it, and wait until it is ready."""
        self._ready(session, self._call(session, "POST", wanted.key, _sent(wanted.body), one=False), wanted.key)

    def update(self, session: Session, wanted: Wanted, before: Document, after: Document) -> None:
        """Put it in the place of what is there, and wait until it is ready."""
        del before
        body = with_label(wanted.body, _LABELS, _mark_of(after))
        self._ready(session, self._call(session, "PUT", wanted.key, _sent(body)), wanted.key)

    def is_ready(self, held: Document) -> bool:
        """Whether it is ready: an earlier apply may have failed, or may not have waited."""
        return view.outcome(held, "Ready") is True

    def wait(self, session: Session, key: Key) -> None:
        """Return once it is ready. Raises CommandError with what it says of itself."""
        self._ready(session, {}, key)

    def delete(self, session: Session, key: Key) -> None:
        """Remove it with what belongs to it, and wait until it is gone."""
        self._call(session, "DELETE", key)
        pauses, since = Pauses(), list[float]()
        end = time.monotonic() + _LONGEST_WAIT_S
        while patiently(lambda: self.find(session, key) or {}, since) != {}:
            if time.monotonic() > end:
                raise CommandError(f"{key} is not gone after {_LONGEST_WAIT_S:.0f} s")
            time.sleep(pauses.next_s())

    def all(self, session: Session) -> Iterator[tuple[Key, Mapping[str, object]]]:
        """Those of the project, everywhere, with their labels."""
        token = ""
        while True:
            target = f"{self._prefix}{quoted(session.project)}/{self._collection}?limit={_PAGE}"
            page = session.call(
                "GET", target + (f"&continue={quoted(token)}" if token else ""), host="run.googleapis.com"
            )
            for item in list_at(page, "items"):
                key = Key(self.name, view.label(as_dict(item), _LOCATION), view.name_of(as_dict(item)))
                yield key, labels_of(as_dict(item), _LABELS)
            token = text_at(page, "metadata", "continue")
            if not token:
                return

    def _ready(self, session: Session, resource: Document, key: Key) -> None:
        """Return once it is ready. Raises CommandError with what it says of itself."""
        pauses, since = Pauses(), list[float]()
        end = time.monotonic() + _LONGEST_WAIT_S
        while True:
            ready = view.outcome(resource, "Ready")
            if ready:
                return
            if ready is False:
                raise CommandError(text_at(view.condition(resource, "Ready"), "message") or f"{key} is not ready")
            if time.monotonic() > end:
                raise CommandError(f"{key} is not ready after {_LONGEST_WAIT_S:.0f} s")
            time.sleep(pauses.next_s())
            resource = patiently(lambda: self._call(session, "GET", key), since) or resource

    def _call(
        self,
        session: Session,
        method: str,
        key: Key,
        body: Document | None = None,
        *,
        one: bool = True,
        query: str = "",
    ) -> Document:
        path = f"{self._prefix}{quoted(session.project)}/{self._collection}" + (f"/{quoted(key.id)}" if one else "")
        return session.call(method, path + query, body, host=f"{key.location}-run.googleapis.com")


JOB = RunKind("Job", "run.googleapis.com/v1", "jobs")
SERVICE = RunKind("Service", "serving.knative.dev/v1", "services", Resident.SERVICE)
WORKER_POOL = RunKind("WorkerPool", "run.googleapis.com/v1", "workerpools", Resident.POOL)


def program_of(body: Document, ground: Ground) -> str:
    """The folder of the program that a definition names, empty if none: it begins at the definition's file."""
    source = text_at(dict_at(body, *_TEMPLATE), SOURCE)
    return os.path.abspath(os.path.join(ground.folder, os.path.expanduser(source))) if source else ""


def _with_source(wanted: Document, ground: Ground) -> str:
    """Put the whole path and the digest of a source into `wanted`; answers the path. Raises RefusedError."""
    path = program_of(wanted, ground)
    if not path:
        return ""
    digest = digest_of(path, f"{'.'.join(_TEMPLATE)}['{SOURCE}']")
    spec = dict(dict_at(wanted, "spec"))
    template = dict(dict_at(spec, "template"))
    metadata = dict(dict_at(template, "metadata"))
    metadata["annotations"] = {**dict_at(metadata, "annotations"), SOURCE: path, DIGEST: digest}
    wanted["spec"] = {**spec, "template": {**template, "metadata": metadata}}
    return path


def _task_of(resource: Document) -> Document:
    """Where the containers are."""
    template = dict_at(resource, "spec", "template", "spec")
    return dict_at(template, "template", "spec") if "template" in template else template


def _references(task: Document, project: str) -> Iterator[Key]:
    yield from account_reference(text_at(task, "serviceAccountName"), project)
    for container in list_at(task, "containers"):
        for variable in list_at(container, "env"):
            secret = text_at(variable, "valueFrom", "secretKeyRef", "name")
            if secret:
                yield Key("Secret", "", secret)
    for volume in list_at(task, "volumes"):
        secret, bucket = (
            text_at(volume, "secret", "secretName"),
            text_at(volume, "csi", "volumeAttributes", "bucketName"),
        )
        if secret:
            yield Key("Secret", "", secret)
        if bucket:
            yield Key("Bucket", "", bucket)


def _sent(wanted: Document) -> Document:
    """What is sent: with the name of this client, as the service keeps it."""
    body = {**wanted, "metadata": {**dict_at(wanted, "metadata")}}
    child(body, "metadata")["annotations"] = {**dict_at(wanted, "metadata", "annotations"), **_CLIENT}
    return body


def _shown(resource: Document) -> Document:
    """A resource without what only the service writes."""
    metadata = {name: value for name, value in dict_at(resource, "metadata").items() if name in _METADATA}
    for name, server in (("annotations", _SERVER_ANNOTATIONS), ("labels", _SERVER_LABELS)):
        kept = without(as_dict(metadata.pop(name, None)), server)
        if kept:
            metadata[name] = kept
    return {"metadata": metadata, "spec": dict_at(resource, "spec")}


def _mark_of(resource: Document) -> str:
    return text_at(labels_of(resource, _LABELS), MARK)
