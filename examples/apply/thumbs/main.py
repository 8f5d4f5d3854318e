"""Says which part of the pictures this task would make small."""

import os

print(f"task {os.environ['CLOUD_RUN_TASK_INDEX']} of {os.environ['CLOUD_RUN_TASK_COUNT']}: {os.environ['BUCKET']}")
