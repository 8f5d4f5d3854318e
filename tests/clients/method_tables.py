"""The tables of the documents: which methods are here, and how many checks of unmodified clients call each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby

from client_checks import Row, counts, load_checks, rows

from hakobune.servers.grpc.methods import METHODS

_WORDS = {"same": "yes", "differs": "differs", "kept": "kept", "refused": "501"}
_GRPC = "gRPC /"
# Methods that messages pass through, which are no rows of the table of the port.
_MESSAGES = ("Publisher/Publish", "Subscriber/Pull", "Subscriber/StreamingPull", "Subscriber/Acknowledge")
_MORE = tuple(f"/google.pubsub.v1.{name}" for name in (*_MESSAGES, "Subscriber/ModifyAckDeadline"))
# Whose checks are in which files.
CLIENTS = {
    "google-cloud-storage, transfer manager": ("test_google_storage.py",),
    "gcsfs": ("test_gcsfs.py",),
    "obstore": ("test_obstore.py",),
    "gcloud storage, gsutil": ("test_gcloud_storage.py",),
    "google-cloud-pubsub: publisher, subscriber, streaming pull, schemas": ("test_google_pubsub.py",),
    "gcloud pubsub": ("test_gcloud_pubsub.py",),
    "google-auth": ("test_google_auth.py",),
    "google-cloud-secret-manager, google-cloud-iam (IAM Credentials)": ("test_google_secret_manager.py",),
    "gcloud secrets, iam, auth": ("test_gcloud_identity.py",),
    "google-api-python-client: storage, pubsub, iam, iamcredentials, secretmanager": ("test_google_discovery.py",),
    "requests: XML API, keys, metadata server": ("test_plain_http.py",),
    "google-cloud-run over REST and gRPC, gcloud run": (
        "test_google_cloud_run.py", "test_google_cloud_run_grpc.py", "test_gcloud.py",
        "test_google_cloud_run_services.py", "test_gcloud_run_services.py",
    ),
    "google-cloud-workflows over REST and gRPC, google-api-python-client, gcloud workflows": (
        "test_google_workflows.py", "test_google_workflows_discovery.py", "test_gcloud_workflows.py",
    ),
    "google-cloud-scheduler over REST and gRPC, google-api-python-client, gcloud scheduler": (
        "test_google_scheduler.py", "test_gcloud_scheduler.py",
    ),
    "google-cloud-eventarc and -eventarc-publishing over REST and gRPC, gcloud eventarc": (
        "test_google_eventarc.py", "test_gcloud_eventarc.py",
    ),
}  # fmt: skip

OF_JOBS_AND_WORKFLOWS = tuple(
    client for client in CLIENTS if client.startswith(("google-cloud-run", "google-cloud-workflows"))
)


@cache
def _counts() -> dict[str, int]:
    return counts(load_checks())


def clients_table() -> str:
    """How many checks each client has."""
    files = [name.partition("::")[0] for name in load_checks()]
    lines = [(client, sum(files.count(name) for name in names)) for client, names in CLIENTS.items()]
    body = [f"| {client} | {count} |" for client, count in lines]
    total = f"| **all** | **{sum(count for _, count in lines)}** |"
    return _table("| client, unmodified | checks |", "|---|---:|", [*body, total])


def methods_table(*apis: str) -> str:
    """The methods of an API over REST."""
    lines = [line for row in _listed(apis) for line in _line(row, [_checks(row)])]
    return _table("| method | | checks | |", "|---|---|---:|---|", [*lines, *_refused(apis)])


def methods_of_both_table(*apis: str) -> str:
    """The methods of an API over REST and gRPC."""
    lines = [line for row in _listed(apis) for line in _line(row, [_checks(row), _grpc_checks(row)])]
    return _table("| method | | REST | gRPC | |", "|---|---|---:|---:|---|", [*lines, *_refused(apis, more=1)])


def services_table() -> str:
    """The services of the gRPC port with their methods."""
    names = sorted({*METHODS, *_MORE})
    lines: list[str] = []
    for service, found in groupby(names, key=lambda name: name.rpartition("/")[0]):
        methods = [f"{name.rpartition('/')[2]} {_counts().get(f'gRPC {name}', 0)}" for name in found]
        lines.append(f"| `{service.lstrip('/')}` | {', '.join(methods)} |")
    return _table("| service | methods, and how many checks call each |", "|---|---|", lines)


def _listed(apis: Sequence[str]) -> Iterator[Row]:
    return (row for row in rows() if row.api in apis and row.here != "refused")


def _line(row: Row, checks: Sequence[str]) -> Iterator[str]:
    yield f"| {row.name} | {_WORDS[row.here]} | {' | '.join(checks)} | {row.note} |"


def _refused(apis: Sequence[str], more: int = 0) -> Iterator[str]:
    """One line for those of a resource."""
    found = (row for row in rows() if row.api in apis and row.here == "refused")

    def resource(row: Row) -> str:
        return row.name.rpartition(".")[0] if " " not in row.name else ""

    for prefix, group in groupby(found, key=resource):
        some = list(group)
        names = ", ".join(row.name.rpartition(".")[2] if prefix else row.name for row in some)
        name = f"{prefix}: {names}" if prefix and len(some) > 1 else some[0].name if prefix else names
        checks = sum(_counts().get(row.key, 0) for row in some)
        note = "; ".join(dict.fromkeys(row.note for row in some if row.note))
        yield f"| {name.replace('.**', ': all')} | 501 | {checks} | {'– | ' * more}{note} |"


def _checks(row: Row) -> str:
    return str(_counts().get(row.key, 0)) if row.calls else "–"


def _grpc_checks(row: Row) -> str:
    return str(_counts().get(_GRPC + row.grpc, 0)) if row.grpc else "–"


def _table(head: str, rule: str, lines: Sequence[str]) -> str:
    return "\n".join([head, rule, *lines, ""])


TABLES: dict[str, Callable[[], str]] = {
    "clients": clients_table,
    "methods-storage": lambda: methods_table("storage"),
    "methods-storage-xml": lambda: methods_table("xml"),
    "methods-pubsub": lambda: methods_of_both_table("pubsub"),
    "methods-iam": lambda: methods_table("iam", "projects"),
    "methods-iam-credentials": lambda: methods_of_both_table("iamcredentials"),
    "methods-secrets": lambda: methods_of_both_table("secretmanager"),
    "methods-scheduler": lambda: methods_of_both_table("cloudscheduler"),
    "methods-eventarc": lambda: methods_of_both_table("eventarc", "eventarcpublishing"),
    "methods-tokens": lambda: methods_table("tokens"),
    "methods-metadata": lambda: methods_table("metadata"),
    "methods-run-services": lambda: methods_of_both_table("run"),
    "grpc-services": services_table,
}
