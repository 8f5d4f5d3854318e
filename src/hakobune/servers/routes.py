"""All routes of the front door, in the order in which they win."""

from __future__ import annotations

from hakobune.runtime.app import Runtime
from hakobune.servers.executions_v1 import ExecutionsV1
from hakobune.servers.executions_v1_parts import ExecutionPartsV1
from hakobune.servers.feed import Feed
from hakobune.servers.front import FrontDoor
from hakobune.servers.iam import Iam
from hakobune.servers.identity import Identity
from hakobune.servers.locations import Locations
from hakobune.servers.logging_v2 import LoggingV2
from hakobune.servers.metadata import Metadata
from hakobune.servers.missing import add_missing
from hakobune.servers.operations import Operations
from hakobune.servers.own import Own
from hakobune.servers.run_v1 import RunV1
from hakobune.servers.run_v2 import RunV2
from hakobune.servers.side import Side
from hakobune.servers.workflows_v1 import WorkflowsV1

_APIS = (
    Own,
    Feed,
    RunV2,
    RunV1,
    WorkflowsV1,
    ExecutionsV1,
    ExecutionPartsV1,
    Operations,
    Locations,
    LoggingV2,
    Metadata,
    Identity,
    Iam,
    Side,
)


def front_door(runtime: Runtime) -> FrontDoor:
    """The front door of a runtime."""
    front = FrontDoor(runtime)
    for api in _APIS:
        api(runtime).routes(front.router)
    add_missing(front.router)
    return front
