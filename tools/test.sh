#!/bin/sh
# All tests. First the pure rooms with their coverage (branches of core and wire), then everything else, in parallel.
set -eu
cd "$(dirname "$0")/.."
workers=${1:-2}
bin=.venv/bin
export PYTHONWARNINGS=default
$bin/python -m pytest -q -n "$workers" tests/core tests/wire \
    --cov=hakobune.core --cov=hakobune.wire --cov-branch --cov-report=term:skip-covered --cov-fail-under=95
exec $bin/python -m pytest -q -n "$workers" --dist=worksteal tests --ignore=tests/core --ignore=tests/wire
