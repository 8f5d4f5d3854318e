"""The work behind the reception: counts the letters of some texts, slowly, and can be killed at any instant.

What is counted is in a checkpoint, so the next attempt goes on from there; the result is written once.
"""

from __future__ import annotations

import os
import time

from hakobune.sdk import Assignment, Checkpoint, progress, shutdown

SECONDS_EACH = float(os.environ.get("SECONDS_EACH", "1"))


def main() -> None:
    shutdown.install()
    assignment = Assignment.from_env()
    texts = assignment.request["texts"]
    checkpoint = Checkpoint.open("letters", where=os.environ.get("CHECKPOINTS"))
    for number, text in checkpoint.items(enumerate(texts), key=lambda item: item[0]):
        time.sleep(SECONDS_EACH)
        checkpoint.stage(checkpoint.load(0) + sum(map(str.isalpha, text)))
        progress(number + 1, len(texts), text[:40])
    assignment.finish({"letters": checkpoint.load(0)})


if __name__ == "__main__":
    main()
