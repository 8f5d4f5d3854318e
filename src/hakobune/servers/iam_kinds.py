"""Whose IAM policies are kept: one line for each kind of resource. A room that comes adds its line here, and its calls
to `iam_rules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from hakobune.core.errors import NotFound
from hakobune.core.identity.accounts import AccountName
from hakobune.core.identity.secrets import SecretName
from hakobune.core.names import JobName, WorkflowName, check_project
from hakobune.core.pubsub.names import SchemaName, SnapshotName, SubscriptionName, TopicName
from hakobune.core.services.names import Kind as ResidentKind
from hakobune.core.services.names import ResidentName
from hakobune.core.services.texts import missing as resident_missing
from hakobune.core.triggers.model import ChannelName, TriggerName
from hakobune.runtime.credentials_service_accounts import account_of
from hakobune.runtime.jobs import missing
from hakobune.store.api import ReadTx, WriteTx

Parameters = Mapping[str, str]
Tx = ReadTx | WriteTx


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its REST paths, the full name under which its policy is kept, and the permission to set it.
    `find` raises InvalidArgument (no such name can be) and NotFound. `name` is there where permissions are told of what
    is not there yet: gcloud asks before it makes a service."""

    paths: tuple[str, ...]
    find: Callable[[Tx, Parameters, float], str]
    setting: str
    name: Callable[[Parameters], str] | None = None


_LOCATION = "projects/{project}/locations/{location}"


def _project(tx: Tx, found: Parameters, now_s: float) -> str:
    del tx, now_s  # projects need no creation
    return f"projects/{check_project(found['project'])}"


def _job(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = JobName.make(found["project"], found["location"], found["job"])
    if tx.jobs.find_job(name) is None:
        raise missing("JOB", name)
    return str(name)


def _workflow(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = WorkflowName.make(found["project"], found["location"], found["workflow"])
    if tx.workflows.find_workflow(name) is None:
        raise NotFound(f"Workflow '{name}' does not exist.")
    return str(name)


def _resident_name(kind: ResidentKind, found: Parameters) -> ResidentName:
    return ResidentName.make(kind, found["project"], found["location"], found["resident"])


def _resident_text(kind: ResidentKind, found: Parameters) -> str:
    return str(_resident_name(kind, found))


def _resident(kind: ResidentKind, tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = _resident_name(kind, found)
    if tx.services.find_resident(name) is None:
        raise NotFound(resident_missing(name))
    return str(name)


def _trigger(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = TriggerName.make(found["project"], found["location"], found["trigger"])
    return _there(tx.triggers.find_trigger(name), name)


def _channel(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = ChannelName.make(found["project"], found["location"], found["channel"])
    return _there(tx.triggers.find_channel(name), name)


def _secret(tx: Tx, found: Parameters, now_s: float) -> str:
    name = SecretName.make(found["project"], found["secret"])
    if tx.identity.find_secret(name, now_s) is None:
        raise NotFound(f"Secret [{name}] not found.")
    return str(name)


def _account(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    return account_of(tx, AccountName.make(found["project"], found["account"])).name


def _topic(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = TopicName.make(found["project"], found["topic"])
    return _there(tx.pubsub.find_topic(name), name)


def _subscription(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = SubscriptionName.make(found["project"], found["subscription"])
    return _there(tx.pubsub.find_subscription(name), name)


def _snapshot(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = SnapshotName.make(found["project"], found["snapshot"])
    return _there(tx.pubsub.find_snapshot(name), name)


def _schema(tx: Tx, found: Parameters, now_s: float) -> str:
    del now_s
    name = SchemaName.make(found["project"], found["schema"])
    return _there(tx.pubsub.find_schema(name), name)


def _there(resource: object, name: object) -> str:
    if resource is None:
        raise NotFound(f"Resource not found (resource={str(name).rpartition('/')[2]}).")
    return str(name)


# Buckets have policies of another form, at paths of their own: `storage_access`. They are kept in the same place, as
# `buckets/BUCKET`.
KINDS: tuple[Kind, ...] = (
    Kind(("/v1/projects/{project}",), _project, "resourcemanager.projects.setIamPolicy"),
    Kind((f"/v1/{_LOCATION}/jobs/{{job}}", f"/v2/{_LOCATION}/jobs/{{job}}"), _job, "run.jobs.setIamPolicy"),
    Kind(
        (f"/v1/{_LOCATION}/services/{{resident}}", f"/v2/{_LOCATION}/services/{{resident}}"),
        partial(_resident, ResidentKind.SERVICE),
        "run.services.setIamPolicy",
        partial(_resident_text, ResidentKind.SERVICE),
    ),
    Kind(
        (
            f"/v1/{_LOCATION}/workerpools/{{resident}}",
            f"/v1/{_LOCATION}/workerPools/{{resident}}",  # the name of the resource, as gRPC has it
            f"/v2/{_LOCATION}/workerPools/{{resident}}",
        ),
        partial(_resident, ResidentKind.POOL),
        "run.workerpools.setIamPolicy",
        partial(_resident_text, ResidentKind.POOL),
    ),
    Kind((f"/v1/{_LOCATION}/workflows/{{workflow}}",), _workflow, "workflows.workflows.setIamPolicy"),
    Kind((f"/v1/{_LOCATION}/triggers/{{trigger}}",), _trigger, "eventarc.triggers.setIamPolicy"),
    Kind((f"/v1/{_LOCATION}/channels/{{channel}}",), _channel, "eventarc.channels.setIamPolicy"),
    Kind(("/v1/projects/{project}/secrets/{secret}",), _secret, "secretmanager.secrets.setIamPolicy"),
    Kind(("/v1/projects/{project}/serviceAccounts/{account}",), _account, "iam.serviceAccounts.setIamPolicy"),
    Kind(("/v1/projects/{project}/topics/{topic}",), _topic, "pubsub.topics.setIamPolicy"),
    Kind(("/v1/projects/{project}/subscriptions/{subscription}",), _subscription, "pubsub.subscriptions.setIamPolicy"),
    Kind(("/v1/projects/{project}/snapshots/{snapshot}",), _snapshot, "pubsub.snapshots.setIamPolicy"),
    Kind(("/v1/projects/{project}/schemas/{schema}",), _schema, "pubsub.schemas.setIamPolicy"),
)
