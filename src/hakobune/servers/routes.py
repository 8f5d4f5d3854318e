"""All routes of the front door, in the order in which they win."""

from __future__ import annotations

from hakobune.runtime.app import Runtime
from hakobune.servers.feed import Feed
from hakobune.servers.front import FrontDoor
from hakobune.servers.iam import Iam
from hakobune.servers.identity import Identity
from hakobune.servers.logging_v2 import LoggingV2
from hakobune.servers.metadata import Metadata
from hakobune.servers.missing import add_missing
from hakobune.servers.own import Own
from hakobune.servers.run_v1 import RunV1
from hakobune.servers.run_v2 import RunV2
from hakobune.servers.side import Side


def front_door(runtime: Runtime) -> FrontDoor:
    """The front door of a runtime."""
    front = FrontDoor(runtime)
    for api in (Own, Feed, RunV2, RunV1, LoggingV2, Metadata, Identity, Iam, Side):
        api(runtime).routes(front.router)
    add_missing(front.router)
    return front
