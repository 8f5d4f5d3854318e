"""The job's program: finds telops that are written in another way than they were said. Each task takes its share.

An upload has a line for each segment: time, telop, what was said; with a tab between. What a task finds goes to an
object of its own under a name that is known before, so a task may be killed and done again as often as it likes.
"""

from __future__ import annotations

import difflib
import os
import time

from google.cloud import storage

from hakobune.sdk import Checkpoint, Task, global_id, progress, shutdown, write_json

BUCKET, NAME = os.environ["BUCKET"], os.environ["NAME"]
PARTS = os.environ["PARTS"]  # where the parts of the report go: gs://BUCKET/PREFIX
SECONDS_EACH = float(os.environ.get("SECONDS_EACH", "0"))  # stands for what recognition of a picture takes
STRIDE = 1000  # more than there are mistakes in a segment


def mistakes(segment: int, line: str) -> list[dict[str, object]]:
    """Where telop and speech of a segment differ. An id follows from the place of the mistake, not from the task."""
    at, telop, speech = line.split("\t")
    changes = difflib.SequenceMatcher(None, telop, speech, autojunk=False).get_opcodes()
    found = [(telop[a:b], speech[c:d]) for kind, a, b, c, d in changes if kind != "equal"]
    return [
        {"id": global_id(local, stride=STRIDE, index=segment), "at": at, "telop": written, "speech": said}
        for local, (written, said) in enumerate(found)
    ]


def main() -> None:
    shutdown.install()  # SIGTERM: the segment in hand is finished first
    task = Task.from_env()
    text = storage.Client().bucket(BUCKET).blob(NAME).download_as_text()
    mine = task.contiguous(list(enumerate(text.splitlines())))  # neighbours: the parts in order are the report in order
    checkpoint = Checkpoint.open("check", where=f"{PARTS}/checkpoints")
    for segment, line in checkpoint.items(mine, key=lambda item: item[0]):
        time.sleep(SECONDS_EACH)
        checkpoint.stage([*checkpoint.load([]), *mistakes(segment, line)])
        progress(segment - mine[0][0] + 1, len(mine), line.partition("\t")[0])
    write_json(f"{PARTS}/{task.index}.json", {"segments": len(mine), "mistakes": checkpoint.load([])})


if __name__ == "__main__":
    main()
