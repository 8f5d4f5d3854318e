"""The names that the guide's Python blocks leave open. The blocks follow it in one file: the program of a job.

Items come from an object, and each that was processed leaves one of its own. The first attempt of one task dies amid
its items, so that its next one does some of them again.
"""

import json
import os

from google.cloud import storage

storage_client = storage.Client()
local_id = 7
payload = json.dumps({"by": os.environ["CLOUD_RUN_TASK_INDEX"]})


def load_all_item_ids():
    """All items, from where they are kept."""
    return json.loads(storage_client.bucket("inputs").blob("items.json").download_as_text())


def process_one(item_id):
    """Work that may be done twice: it overwrites an object of its own."""
    storage_client.bucket("inputs").blob(f"seen/{item_id}").upload_from_string(os.environ["CLOUD_RUN_TASK_INDEX"])
    if item_id == "item-005" and os.environ["CLOUD_RUN_TASK_ATTEMPT"] == "0":
        os.abort()
