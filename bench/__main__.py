"""python -m bench [QUESTION …] [--quick] [--directory DIR]: measure, print, keep results."""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from pathlib import Path

from bench.report import RESULTS

QUESTIONS = ("fan_out", "warm_start", "first_task", "start", "command_line", "waits", "store", "spawn")
QUESTIONS += ("workflows_steps", "workflows_durable", "workflows_posts", "workflows_sleeping", "workflows_sources")
QUESTIONS += ("objects_upload", "objects_http", "pubsub_store", "pubsub_grpc", "cron", "triggers", "services_proxy")
QUESTIONS += ("services_cold",)


def main() -> None:
    """Answer the questions that were asked, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"one of {', '.join(QUESTIONS)}")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works; nothing is kept")
    parser.add_argument("--directory", default="/var/tmp", help="scratch space, on the disk that is meant")
    options = parser.parse_args()
    unknown = [name for name in options.questions if name not in QUESTIONS]
    if unknown:
        parser.error(f"unknown question {unknown[0]}; known: {', '.join(QUESTIONS)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start compiles our sources again: no user's start does
    for name in options.questions or QUESTIONS:
        with tempfile.TemporaryDirectory(prefix="hakobune-bench-", dir=options.directory) as place:
            module = importlib.import_module(f"bench.{name}")
            module.measure(Path(place), is_quick=options.quick).close(None if options.quick else RESULTS)


if __name__ == "__main__":
    main()
