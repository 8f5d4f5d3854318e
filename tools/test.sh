#!/bin/sh
# All tests, in three parts: the pure rooms with their coverage (branches of core and wire); the parts that stand alone
# (engines, store, SDK), so that nothing else kills, forks or draws random numbers beside them; then whole runtimes, by
# one worker more: many of their tests wait for another process, for a disk, or for an instant.
set -eu
cd "$(dirname "$0")/.."
workers=${1:-2}
bin=.venv/bin
export PYTHONWARNINGS=default
$bin/python -m pytest -q -n "$workers" tests/core tests/wire tests/language \
    --cov=hakobune.core --cov=hakobune.wire --cov-branch --cov-report=term:skip-covered --cov-fail-under=95
alone="tests/engines tests/engines_logs tests/store tests/power tests/sdk"
$bin/python -m pytest -q -n "$workers" --dist=worksteal $alone
ignored=""
for folder in tests/core tests/wire tests/language $alone; do ignored="$ignored --ignore=$folder"; done
exec $bin/python -m pytest -q -n "$((workers + 1))" --dist=worksteal tests $ignored
