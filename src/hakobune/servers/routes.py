"""All routes of the front door, in the order in which they win."""

from __future__ import annotations

from functools import partial

from hakobune.runtime.app import Runtime
from hakobune.servers.eventarc_v1 import EventarcV1
from hakobune.servers.eventarc_v1_channels import EventarcV1Channels
from hakobune.servers.executions_v1 import ExecutionsV1
from hakobune.servers.executions_v1_parts import ExecutionPartsV1
from hakobune.servers.feed import Feed
from hakobune.servers.front import FrontDoor
from hakobune.servers.iam import Iam
from hakobune.servers.iam_accounts import IamAccounts
from hakobune.servers.iam_credentials import IamCredentials
from hakobune.servers.identity import Identity
from hakobune.servers.identity_token import IdentityToken
from hakobune.servers.locations import Locations
from hakobune.servers.logging_v2 import LoggingV2
from hakobune.servers.metadata import Metadata
from hakobune.servers.missing import add_missing
from hakobune.servers.operations import Operations
from hakobune.servers.own import Own
from hakobune.servers.pubsub_v1 import PubsubV1
from hakobune.servers.pubsub_v1_schemas import PubsubV1Schemas
from hakobune.servers.pubsub_v1_subscriptions import PubsubV1Subscriptions
from hakobune.servers.run_v1 import RunV1
from hakobune.servers.run_v1_residents import RunV1Residents
from hakobune.servers.run_v1_revisions import RunV1Revisions
from hakobune.servers.run_v2 import RunV2
from hakobune.servers.run_v2_residents import RunV2Residents
from hakobune.servers.scheduler_v1 import SchedulerV1
from hakobune.servers.secret_manager import SecretManager
from hakobune.servers.side import Side
from hakobune.servers.storage_access import StorageAccess
from hakobune.servers.storage_batch import StorageBatch
from hakobune.servers.storage_buckets import StorageBuckets
from hakobune.servers.storage_copies import StorageCopies
from hakobune.servers.storage_notifications import StorageNotifications
from hakobune.servers.storage_objects import StorageObjects
from hakobune.servers.storage_uploads import StorageUploads
from hakobune.servers.storage_xml import StorageXml
from hakobune.servers.workflows_v1 import WorkflowsV1
from hakobune.wire.storage_v1_notifications import notice_to_message

_APIS = (
    Own,
    Feed,
    RunV2,
    RunV2Residents,
    RunV1,
    RunV1Residents,
    RunV1Revisions,
    WorkflowsV1,
    ExecutionsV1,
    ExecutionPartsV1,
    SchedulerV1,
    EventarcV1,
    EventarcV1Channels,
    PubsubV1,
    PubsubV1Subscriptions,
    PubsubV1Schemas,
    Operations,
    Locations,
    LoggingV2,
    Metadata,
    Identity,
    IdentityToken,
    IamAccounts,
    IamCredentials,
    SecretManager,
    Iam,
    Side,
    StorageBuckets,
    StorageAccess,
    StorageNotifications,
    StorageObjects,
    StorageCopies,
    StorageUploads,
)


def front_door(runtime: Runtime) -> FrontDoor:
    """The front door of a runtime."""
    front = FrontDoor(runtime)
    for api in _APIS:
        api(runtime).routes(front.router)
    StorageBatch(front.handle).routes(front.router)
    add_missing(front.router)
    # A bucket may have any name that is not taken by what stands above.
    xml = StorageXml(runtime)
    xml.routes(front.router)
    front.xml = xml.by_host
    root = f"http://127.0.0.1:{runtime.settings.port}"
    runtime.objects.notices.connect(partial(notice_to_message, root=root), runtime.publisher)
    return front
