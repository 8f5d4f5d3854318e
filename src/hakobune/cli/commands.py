"""Which words name which command, and where it lives. Nothing is imported to print a list of commands."""

from __future__ import annotations

GROUPS: dict[str, str] = {
    "": "Run Cloud Run jobs and Workflows on your own machine.",
    "run": "Jobs of Cloud Run.",
    "run jobs": "Deploy, run and look at jobs.",
    "run jobs executions": "View and manage the executions of your jobs.",
    "run jobs executions logs": "Read the logs of an execution.",
    "run jobs executions tasks": "View the tasks of an execution.",
    "run jobs logs": "Read the logs of a job.",
    "workflows": "Deploy, run and look at workflows.",
    "workflows executions": "View and manage the executions of your workflows.",
    "workflows executions steps": "View the steps of an execution.",
    "workflows executions callbacks": "View and call the callbacks of an execution.",
    "logging": "Read log entries.",
    "alpha": "The same commands, by their alpha names.",
    "beta": "The same commands, by their beta names.",
}

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("hakobune.cli.start:UP", "Run everything in the foreground."),
    "env": ("hakobune.cli.environment:ENV", "Print the variables that point clients at this runtime."),
    "doctor": ("hakobune.cli.doctor:DOCTOR", "Check that all is in order, and say what to do where it is not."),
    "logs": ("hakobune.cli.logs:LOGS", "Read or follow the log of a job, a workflow or an execution."),
    "logs read": ("hakobune.cli.logs:READ", "Read the log of a job, a workflow or an execution."),
    "logs tail": ("hakobune.cli.logs:TAIL", "Follow the log of a job, a workflow or an execution."),
    "test": ("hakobune.cli.test:TEST", "Test workflows offline, on a virtual clock."),
    "lint": ("hakobune.cli.lint:LINT", "Check workflows for mistakes and for what fails in production."),
    "version": ("hakobune.cli.version:VERSION", "Print the version."),
    "run jobs deploy": ("hakobune.cli.jobs.deploy:DEPLOY", "Create or update a job."),
    "run jobs create": ("hakobune.cli.jobs.deploy:CREATE", "Create a job."),
    "run jobs update": ("hakobune.cli.jobs.deploy:UPDATE", "Update a job."),
    "run jobs replace": ("hakobune.cli.jobs.replace:REPLACE", "Create or replace a job from a YAML file."),
    "run jobs execute": ("hakobune.cli.jobs.execute:EXECUTE", "Execute a job."),
    "run jobs describe": ("hakobune.cli.jobs.jobs:DESCRIBE", "Obtain details about a job."),
    "run jobs list": ("hakobune.cli.jobs.jobs:LIST", "List jobs."),
    "run jobs delete": ("hakobune.cli.jobs.jobs:DELETE", "Delete a job and its executions."),
    "run jobs logs read": ("hakobune.cli.logs:READ_JOB", "Read the log of a job."),
    "run jobs logs tail": ("hakobune.cli.logs:TAIL_JOB", "Follow the log of a job."),
    "run jobs add-iam-policy-binding": ("hakobune.cli.jobs.policy:ADD", "Add a binding to the IAM policy of a job."),
    "run jobs remove-iam-policy-binding": (
        "hakobune.cli.jobs.policy:REMOVE",
        "Remove a binding from the IAM policy of a job.",
    ),
    "run jobs get-iam-policy": ("hakobune.cli.jobs.policy:GET", "Get the IAM policy of a job."),
    "run jobs set-iam-policy": ("hakobune.cli.jobs.policy:SET", "Set the IAM policy of a job from a file."),
    "run jobs executions list": ("hakobune.cli.jobs.executions:LIST", "List executions."),
    "run jobs executions describe": ("hakobune.cli.jobs.executions:DESCRIBE", "Obtain details about an execution."),
    "run jobs executions describe-latest": (
        "hakobune.cli.jobs.executions:DESCRIBE_LATEST",
        "Obtain details about the latest execution of a job.",
    ),
    "run jobs executions cancel": ("hakobune.cli.jobs.executions:CANCEL", "Cancel an execution."),
    "run jobs executions delete": ("hakobune.cli.jobs.executions:DELETE", "Delete an execution."),
    "run jobs executions rerun": ("hakobune.cli.jobs.rerun:RERUN", "Run the failed tasks of an execution again."),
    "run jobs executions logs read": ("hakobune.cli.logs:READ_EXECUTION", "Read the log of an execution."),
    "run jobs executions logs tail": ("hakobune.cli.logs:TAIL_EXECUTION", "Follow the log of an execution."),
    "run jobs executions tasks list": ("hakobune.cli.jobs.tasks:LIST", "List the tasks of an execution."),
    "run jobs executions tasks describe": ("hakobune.cli.jobs.tasks:DESCRIBE", "Obtain details about a task."),
    "workflows deploy": ("hakobune.cli.workflows.deploy:DEPLOY", "Create or update a workflow."),
    "workflows list": ("hakobune.cli.workflows.workflows:LIST", "List workflows."),
    "workflows describe": ("hakobune.cli.workflows.workflows:DESCRIBE", "Obtain details about a workflow."),
    "workflows delete": ("hakobune.cli.workflows.workflows:DELETE", "Delete a workflow and its executions."),
    "workflows list-revisions": ("hakobune.cli.workflows.workflows:REVISIONS", "List the revisions of a workflow."),
    "workflows execute": ("hakobune.cli.workflows.execute:EXECUTE", "Start an execution of a workflow."),
    "workflows run": (
        "hakobune.cli.workflows.execute:RUN",
        "Execute a workflow, or a file without a server.",
    ),
    "workflows graph": ("hakobune.cli.graph:GRAPH", "Draw the steps of a file, as SVG or Mermaid."),
    "workflows executions list": ("hakobune.cli.workflows.executions:LIST", "List the executions of a workflow."),
    "workflows executions describe": (
        "hakobune.cli.workflows.executions:DESCRIBE",
        "Obtain details about an execution.",
    ),
    "workflows executions describe-last": (
        "hakobune.cli.workflows.executions:DESCRIBE_LAST",
        "Obtain details about the execution started last.",
    ),
    "workflows executions wait": ("hakobune.cli.workflows.executions:WAIT", "Wait for the end of an execution."),
    "workflows executions wait-last": (
        "hakobune.cli.workflows.executions:WAIT_LAST",
        "Wait for the end of the execution started last.",
    ),
    "workflows executions cancel": ("hakobune.cli.workflows.executions:CANCEL", "Cancel an execution."),
    "workflows executions steps list": ("hakobune.cli.workflows.history:STEPS", "List the steps of an execution."),
    "workflows executions callbacks list": (
        "hakobune.cli.workflows.history:CALLBACKS",
        "List the open callbacks of an execution.",
    ),
    "workflows executions callbacks send": (
        "hakobune.cli.workflows.history:SEND",
        "Send a request to a callback of an execution.",
    ),
    "logging read": ("hakobune.cli.logging_read:READ", "Read log entries that a filter chooses."),
}

TRACKS = ("alpha", "beta")


def canonical(words: list[str]) -> str:
    """The words without the release track: `beta run jobs list` is `run jobs list`."""
    return " ".join(words[1:] if words[:1] and words[0] in TRACKS else words)


def next_words(group: str) -> list[str]:
    """The words that may follow `group`, groups and commands alike, in order."""
    prefix = f"{group} " if group else ""
    found = {name[len(prefix) :].split(" ")[0] for name in (*COMMANDS, *GROUPS) if name.startswith(prefix) and name}
    return sorted(found - {""})
