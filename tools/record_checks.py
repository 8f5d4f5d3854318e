"""Runs the checks of the clients and writes down what each calls: `tests/clients/checks.json`, from which the tables of
the documents are drawn. `record_checks.py [PYTEST ARGUMENTS]`; with `--again` only what a check called twice stays.

What a client asks in the background may come in one run and not in the next: google-cloud-storage looks up buckets that
it meets. Take `storage.buckets.get` out where the check itself does not ask for a bucket.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "clients"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

from client_checks import check_functions, load_checks, save_checks  # noqa: E402 - from the folder of the checks


def main(words: list[str]) -> int:
    """Exit code 1 if a check failed: then nothing is written."""
    is_again = "--again" in words
    arguments = [word for word in words if word != "--again"] or [str(FOLDER), "-n", "2"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.jsonl"
        path.touch()
        environ = {**os.environ, "HAKOBUNE_RECORD_CHECKS": str(path)}
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], cwd=ROOT, env=environ, check=False)
        if done.returncode:
            return 1
        called = dict(json.loads(line) for line in path.read_bytes().splitlines())
    before = load_checks()
    for name, keys in called.items():
        kept = set(keys) & set(before.get(name, keys)) if is_again else set(keys)
        before[name] = sorted(kept)
    there = check_functions()
    save_checks({name: keys for name, keys in before.items() if name.partition("[")[0] in there})
    print(f"record_checks: {len(called)} checks ran; {len(before)} are on record")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
