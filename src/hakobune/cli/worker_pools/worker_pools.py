"""`run worker-pools list | describe | delete | replace | update-instance-split | revisions …`."""

from __future__ import annotations

from hakobune.cli.flags import LIST_FLAGS, Command, Flag, Positional
from hakobune.cli.jobs import view
from hakobune.cli.jobs.jobs import ASYNC
from hakobune.cli.services import revisions
from hakobune.cli.services.following import CREATING, SPLITTING
from hakobune.cli.services.names import WORKER_POOL
from hakobune.cli.services.replace import DRY_RUN, replacing
from hakobune.cli.services.services import deleting, describing, listing
from hakobune.cli.services.traffic import SHARE_FLAGS, splitting

_COLUMNS = (
    view.READY_COLUMN,
    "name:label=WORKER_POOL",
    "region:label=REGION",
    'last_modifier:label="LAST DEPLOYED BY"',
    'last_transition_time:label="LAST DEPLOYED AT"',
    'author:label="CREATED BY"',
    "creation_timestamp:label=CREATED",
    'scaled_instances:label="SCALED TO"',  # an extension
)
POOL = Positional("worker-pool", "The name of the worker pool.")

LIST = Command(
    listing(WORKER_POOL),
    "List the worker pools of a region, or of all regions when none is named.",
    flags=LIST_FLAGS,
    default_format=f"table({','.join(_COLUMNS)})",
    examples=[("All worker pools of all regions:", "hakobune run worker-pools list")],
)
DESCRIBE = Command(
    describing(WORKER_POOL),
    "Obtain details about a worker pool. --format export prints it as `run worker-pools replace` takes it.",
    positionals=[POOL],
    examples=[("For people:", "hakobune run worker-pools describe consumer")],
    default_format="yaml",
)
DELETE = Command(
    deleting(WORKER_POOL),
    "Delete a worker pool, with its revisions. Its instances are stopped when their work is done.",
    positionals=[POOL],
    flags=[ASYNC],
    examples=[("Without being asked:", "hakobune run worker-pools delete consumer --quiet")],
)
REPLACE = Command(
    replacing(WORKER_POOL, (CREATING,)),
    "Create the worker pool that a YAML file describes, or put it in the place of the one of its name.",
    positionals=[Positional("file", "The file, - for stdin. Default worker-pool.yaml.", required=False)],
    flags=[ASYNC, DRY_RUN],
    examples=[("From a file:", "hakobune run worker-pools replace consumer.yaml")],
)
UPDATE_INSTANCE_SPLIT = Command(
    splitting(WORKER_POOL, "Updating instance split", SPLITTING, "instance split"),
    "Divide the instances of a worker pool among its revisions. What is not named shares the rest as before.",
    positionals=[POOL],
    flags=[*SHARE_FLAGS, ASYNC],
    exclusive=(("--to-latest", "--to-revisions"),),
    default_format="yaml",
    examples=[
        (
            "Half of them of another revision:",
            "hakobune run worker-pools update-instance-split consumer --to-revisions consumer-00002-abc=50",
        )
    ],
)
LIST_REVISIONS = Command(
    revisions.listing(revisions.POOL_LABEL, "worker-pool"),
    "List the revisions of worker pools.",
    flags=[Flag("--worker-pool", "text", "Only those of this worker pool."), *LIST_FLAGS],
    default_format=revisions.table("worker_pool_name", "WORKER_POOL"),
    examples=[("Those of one pool:", "hakobune run worker-pools revisions list --worker-pool consumer")],
)
