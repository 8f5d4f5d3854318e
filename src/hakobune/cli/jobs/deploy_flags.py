"""The flags of `run jobs deploy | create | update` (spec/run.md 6.1), and which of them exclude one another."""

from __future__ import annotations

from hakobune.cli.containers import flags as shared
from hakobune.cli.containers.flags import TEMPLATE_FLAGS
from hakobune.cli.flags import Flag

JOB_FLAGS = (
    Flag("--tasks", "number", "Number of tasks, 1 to 10000. Default 1.", at_least=1),
    Flag("--parallelism", "number", "Tasks that may run at once; 0: as many as possible.", at_least=0),
    Flag("--max-retries", "number", "How often a failed task is tried again, 0 to 10. Default 3.", at_least=0),
    Flag("--task-timeout", "duration", "Deadline of each attempt: 605, 10m5s, 1h. Default 10m.", at_least=1,
         metavar="DURATION"),
    *TEMPLATE_FLAGS,
    Flag("--gpu-zonal-redundancy", "switch", "", hidden=True, note="there is one machine"),
    Flag("--execution-environment", "choice", "", hidden=True, choices=("gen1", "gen2"), note="tasks are processes"),
    Flag("--key", "text", "Encryption key.", refusal="nothing is encrypted with a key here"),
    Flag("--binary-authorization", "text", "Binary authorization policy.", refusal="images are not checked here"),
    Flag("--breakglass", "text", "Why binary authorization is set aside.", refusal="images are not checked here"),
    Flag("--client-name", "text", "", hidden=True),
    Flag("--client-version", "text", "", hidden=True),
    Flag("--update-annotations", "map", "", hidden=True),
    Flag("--delay-execution", "switch", "", hidden=True, note="there is always capacity to start at once"),
    Flag("--container", "text", "The container flags after this one belong to the container NAME.", metavar="NAME"),
    Flag("--async", "switch", "Return at once."),
    Flag("--execute-now", "switch", "Execute the job afterwards; return when the execution has started."),
    Flag("--wait", "switch", "Execute the job afterwards, and wait until the execution has ended."),
    Flag("--retry-backoff", "seconds", "Seconds to wait before a failed task is tried again. (Hakobune only.)",
         metavar="SECONDS"),
    Flag("--max-failed-tasks", "number", "Start no more tasks once more than N have failed for good. (Hakobune only.)",
         at_least=0, metavar="N"),
    Flag("--warm", "list", "Load these Python modules once, and fork each task from there. (Hakobune only.)",
         metavar="MODULE"),
)  # fmt: skip

LABELS = Flag("--labels", "map", "Labels of the job and of its executions: added or changed.")

CONTAINER_FLAGS = shared.CONTAINER_FLAGS
EXCLUSIVE = (("--async", "--execute-now+--wait"), *shared.EXCLUSIVE)
