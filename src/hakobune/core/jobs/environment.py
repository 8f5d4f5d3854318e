"""What a task finds in its environment. Source: "Container runtime contract", section on jobs
(https://cloud.google.com/run/docs/container-contract#jobs-env-vars); the order of precedence is spec section 4.2:
what the runtime gives < what the user declared < the reserved CLOUD_RUN_* names."""

from __future__ import annotations

from collections.abc import Mapping

from hakobune.core.containers import Container, given_environment
from hakobune.core.jobs.model import Execution

# Index and attempt differ from task to task: the engine adds these two.
INDEX_VARIABLE = "CLOUD_RUN_TASK_INDEX"
ATTEMPT_VARIABLE = "CLOUD_RUN_TASK_ATTEMPT"


def task_environment(
    execution: Execution,
    container: Container,
    *,
    home: str,
    runtime: Mapping[str, str],
) -> dict[str, str]:
    """The environment that all tasks of an execution share.

    Variables that name a secret are left out: each attempt gets the values of its own start. No PORT and no K_* names
    are set: jobs have none.
    """
    env = given_environment(container, home=home, runtime=runtime)
    for name in [name for name in env if name.startswith("CLOUD_RUN_")]:
        del env[name]
    env["CLOUD_RUN_JOB"] = execution.name.job
    env["CLOUD_RUN_EXECUTION"] = execution.name.execution
    env["CLOUD_RUN_TASK_COUNT"] = str(execution.task_count)
    return env
