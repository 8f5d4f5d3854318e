"""Bounds of jobs, each with its source. Documented by Google: "Quotas and limits", "Container runtime contract"
(https://cloud.google.com/run/quotas, …/docs/container-contract) and the v2 API reference."""

from __future__ import annotations

TASKS_MAX = 10_000  # tasks of one execution
RETRIES_DEFAULT = 3
RETRIES_MAX = 10
TIMEOUT_DEFAULT_S = 600.0
TIMEOUT_MIN_S = 1.0
TIMEOUT_MAX_S = 604_800.0  # 168 h
TIMEOUT_GPU_MAX_S = 3_600.0
GPU_RESOURCE = "nvidia.com/gpu"
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
CPUS = frozenset({1_000, 2_000, 4_000, 8_000})  # thousandths; fractions of one CPU are allowed too
MEMORY_MAX_BYTES = 32 * 1024**3
MEMORY_MIN_BYTES_BY_CPU = {4_000: 2 * 1024**3, 8_000: 4 * 1024**3}
GPU_CPU_MIN = 4_000
GPU_MEMORY_MIN_BYTES = 16 * 1024**3
ARGUMENT_MAX_BYTES = 131_071  # Linux, MAX_ARG_STRLEN less the final NUL: a longer one cannot be started
LABELS_MAX = 64  # https://cloud.google.com/resource-manager/docs/labels-overview#requirements
LABEL_MAX_CHARS = 63
KEY_PREFIX_MAX_CHARS = 253  # Kubernetes: the part of a label or annotation key before the slash
DNS_LABEL_MAX_CHARS = 63

# Ours. Less is not a limit but a unit that was left out.
MEMORY_MIN_BYTES = 1024**2
REGIONS_MAX = 200  # locations that may hold a job of the same id; Google has about 45

# Ours. Attempts handed to the engine ahead of free slots, per execution: enough to keep the hands busy while a commit
# is on its way to the disk (about 2,000 starts/s × 50 ms, measured in bench/fan_out.py), small enough to cancel fast.
LOOKAHEAD = 96
BACKOFF_MAX_S = 3_600.0
LOG_LIMIT_BYTES = 64 * 1024 * 1024  # output kept of one attempt
# A program that the engine loses again and again must not loop for ever on its own (the platform's fault, so no retry
# of the user's is used): this many losses of one task fail it with "Internal error.". A week-long task may meet many.
LOSSES_MAX = 1_000
