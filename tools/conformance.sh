#!/bin/sh
# Runs language cases of Workflows. Without a folder: the project's own, on the pure machine. With one: its cases, by the
# `run_workflows.py` that is in the folder or beside it, over REST against a fresh runtime. Ends with 1 if a case fails.
set -eu
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
cases=${1:-}
if [ -z "$cases" ]; then
    exec "$python" -m pytest -q -n 2 tests/language/test_language_cases.py
fi
[ -d "$cases" ] || { echo "conformance: $cases is no directory" >&2; exit 2; }
cases=$(cd "$cases" && pwd)
for runner in "$cases/run_workflows.py" "$cases/../run_workflows.py"; do
    [ -f "$runner" ] || continue
    results=$(mktemp)
    trap 'rm -f "$results"' EXIT
    [ "$runner" = "$cases/run_workflows.py" ] || set -- --cases "$cases"
    [ $# -gt 1 ] || set --
    "$python" tools/served.py "$python" "$runner" --endpoint '{url}' --jobs 8 --json "$results" "$@"
    # The runner ends with 0 whenever it could run; the verdict is in its results.
    exec "$python" - "$results" <<'END'
import json, sys
failed = [result["id"] for result in json.load(open(sys.argv[1]))["results"] if not result["passed"]]
sys.exit(f"conformance: {len(failed)} cases failed: {' '.join(failed)}" if failed else 0)
END
done
echo "conformance: there is no run_workflows.py in $cases or beside it" >&2
exit 2
