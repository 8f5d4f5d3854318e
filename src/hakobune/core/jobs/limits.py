"""Bounds of jobs, each with its source. Documented by Google: "Quotas and limits", "Container runtime contract"
(https://cloud.google.com/run/quotas, …/docs/container-contract) and the v2 API reference."""

from __future__ import annotations

TASKS_MAX = 10_000  # tasks of one execution
RETRIES_DEFAULT = 3
RETRIES_MAX = 10
TIMEOUT_DEFAULT_S = 600.0
TIMEOUT_MIN_S = 1.0
TIMEOUT_MAX_S = 604_800.0  # 168 h
GRACE_S = 10.0  # between SIGTERM and SIGKILL
EXECUTION_ID_MAX_CHARS = 62  # "{job}-{token}" must have fewer than 63 characters
ENV_NAME_MAX_CHARS = 32_768
ENV_VALUE_MAX_BYTES = 32_768
CONTAINERS_MAX = 10
ANNOTATION_MAX_BYTES = 262_144  # Kubernetes: all annotations together
RUNNING_EXECUTIONS_MAX = 1_000  # per project and region
COMPLETED_EXECUTIONS_KEPT = 1_000  # per job; the oldest go first
MEMORY_DEFAULT = "512Mi"  # shown, not enforced for processes unless the user set it
CPU_DEFAULT = "1000m"

# Ours. Attempts handed to the engine ahead of free slots, per execution: enough to keep the hands busy while a commit
# is on its way to the disk (about 2,000 starts/s × 50 ms, measured in bench/fan_out.py), small enough to cancel fast.
LOOKAHEAD = 96
BACKOFF_MAX_S = 3_600.0
LOG_LIMIT_BYTES = 64 * 1024 * 1024  # output kept of one attempt
# A program that the engine loses again and again must not loop for ever on its own (the platform's fault, so no
# retry of the user's is used): this many losses in a row fail the task with "Internal error.".
LOSSES_MAX = 100
