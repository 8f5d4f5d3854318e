"""The kinds that can be applied, by the word in `kind:`."""

from __future__ import annotations

from hakobune.cli.apply.account_kind import ServiceAccountKind
from hakobune.cli.apply.bucket_kind import BucketKind
from hakobune.cli.apply.pubsub_kinds import SubscriptionKind, TopicKind
from hakobune.cli.apply.run_kinds import JOB, SERVICE, WORKER_POOL
from hakobune.cli.apply.schedule_kind import ScheduleKind
from hakobune.cli.apply.secret_kind import SecretKind
from hakobune.cli.apply.trigger_kind import TriggerKind
from hakobune.cli.apply.workflow_kind import WorkflowKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hakobune.cli.apply.kinds import Kind

_ALL: tuple[Kind, ...] = (
    BucketKind(),
    TopicKind(),
    SubscriptionKind(),
    SecretKind(),
    ServiceAccountKind(),
    JOB,
    WorkflowKind(),
    SERVICE,
    WORKER_POOL,
    ScheduleKind(),
    TriggerKind(),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}

# Files that are the source of a workflow: what stands before the ending is its name.
SOURCE_ENDINGS = (
    ".workflows.yaml", ".workflows.yml", ".workflows.json", ".workflow.yaml", ".workflow.yml", ".workflow.json",
)  # fmt: skip
