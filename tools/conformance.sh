#!/bin/sh
# Runs language cases of Workflows. Without a folder: the project's own, on the pure machine. With one: its cases, by the
# `run_workflows.py` that is beside it (or in it), over REST against a fresh runtime. Ends with 1 if a case fails.
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
folder=${1:-}
if [ -z "$folder" ]; then
    exec "$python" -m pytest -q -n 2 tests/language/test_language_cases.py
fi
[ -d "$folder" ] || { echo "conformance: $folder is no directory" >&2; exit 2; }
folder=$(cd "$folder" && pwd)
if [ -f "$folder/run_workflows.py" ]; then
    runner=$folder/run_workflows.py cases=$folder/workflows
elif [ -f "$folder/../run_workflows.py" ]; then
    runner=$folder/../run_workflows.py cases=$folder
else
    echo "conformance: there is no run_workflows.py in $folder or beside it" >&2
    exit 2
fi
results=$(mktemp)
trap 'rm -f "$results"' EXIT
"$python" tools/served.py "$python" "$runner" --cases "$cases" --endpoint '{url}' --jobs 8 --json "$results"
# The runner ends with 0 whenever it could run; the verdict is in its results.
"$python" - "$results" <<'END'
import json, sys
failed = [result["id"] for result in json.load(open(sys.argv[1]))["results"] if not result["passed"]]
sys.exit(f"conformance: {len(failed)} failed: {' '.join(failed)}" if failed else 0)
END
