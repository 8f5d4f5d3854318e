"""The published guide's Python blocks, as they stand there, in the tasks of a job, with Google's own storage client."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from runtime_process import PROJECT, RuntimeProcess

# Verbatim from the guide: comments and all.
SHARDING = """\
import os

task_index = int(os.environ["CLOUD_RUN_TASK_INDEX"])   # 0..count-1
task_count = int(os.environ["CLOUD_RUN_TASK_COUNT"])    # 例: 100

items = load_all_item_ids()        # 全件（外部ストアから取得）
# 自分の担当だけを処理（重複なく・漏れなく全体をカバー）
my_items = items[task_index::task_count]

for item_id in my_items:
    process_one(item_id)           # ← この1件が冪等であることが命（後述）
"""
NUMBERING = """\
# セグメント単位に「グローバルID = INDEX × stride + local_id」で決定的に採番。
# 並列処理しても後段マージでIDが衝突せず、再実行でも同じIDに収束する。
STRIDE = 100_000
def global_id(local_id: int) -> int:
    return task_index * STRIDE + local_id
"""
OUTPUT = """\
# 出力先を決定的なパスにする → 再実行は同じ場所を上書きするだけ（重複生成しない）
output_path = f"results/{global_id(local_id)}.json"
storage_client.bucket("outputs").blob(output_path).upload_from_string(payload)
"""

# The names that the blocks leave open. Items come from an object, and each that was processed leaves one of its own. The
# first attempt of one task dies amid its items, so that its next one does some of them again.
PRELUDE = """\
import json
import os

from google.cloud import storage

storage_client = storage.Client()
local_id = 7
payload = json.dumps({"by": os.environ["CLOUD_RUN_TASK_INDEX"]})


def load_all_item_ids():
    return json.loads(storage_client.bucket("inputs").blob("items.json").download_as_text())


def process_one(item_id):
    storage_client.bucket("inputs").blob(f"seen/{item_id}").upload_from_string(os.environ["CLOUD_RUN_TASK_INDEX"])
    if item_id == "item-05" and os.environ["CLOUD_RUN_TASK_ATTEMPT"] == "0":
        os.abort()


"""
ITEMS = [f"item-{number:02d}" for number in range(10)]
TASKS = 4


@pytest.mark.parametrize("runs", [1, 2])
def test_given_the_guides_blocks_in_a_job_then_every_item_is_done_by_its_task_and_each_has_one_output(
    own_runtime: RuntimeProcess, tmp_path: Path, runs: int
) -> None:
    main = tmp_path / "main.py"
    main.write_text(PRELUDE + SHARDING + NUMBERING + OUTPUT, encoding="utf-8")
    runtime = own_runtime.start()
    for bucket in ("inputs", "outputs"):
        assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": bucket}).status == 200
    upload = "/upload/storage/v1/b/inputs/o?uploadType=media&name=items.json"
    assert runtime.call("POST", upload, ITEMS).status == 200
    runtime.create("guide", [sys.executable, str(main)], tasks=TASKS, maxRetries=3)
    for _ in range(runs):
        execution = runtime.wait(runtime.run("guide"))
        assert (execution["succeededCount"], execution["retriedCount"]) == (TASKS, 1), runtime.log

    assert names(runtime, "inputs", "seen/") == [f"seen/{item}" for item in ITEMS]
    outputs = {f"results/{index * 100_000 + 7}.json": index for index in range(TASKS)}
    assert names(runtime, "outputs", "") == sorted(outputs)
    for path, index in outputs.items():
        assert json.loads(content(runtime, "outputs", path)) == {"by": str(index)}
    for number, item in enumerate(ITEMS):
        assert content(runtime, "inputs", f"seen/{item}") == str(number % TASKS).encode()


def names(runtime: RuntimeProcess, bucket: str, prefix: str) -> list[str]:
    listed = runtime.call("GET", f"/storage/v1/b/{bucket}/o?prefix={prefix}").json
    return [item["name"] for item in listed["items"]]


def content(runtime: RuntimeProcess, bucket: str, name: str) -> bytes:
    answer = runtime.call("GET", f"/download/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media")
    assert answer.status == 200, answer.body
    return answer.body
