#!/bin/sh
# The full counts: many simulations, many kills of real processes, and the crash harness where its folder is given.
# RELIABILITY=DIR names the folder that holds crash_jobs.py, crash_workflows.py, crash_storage.py, crash_pubsub.py and
# load.py; ROUNDS and SEEDS_OF_KILLS scale the harness.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
bin=$root/.venv/bin
$bin/python -m hakobune.testing --seeds "${SEEDS:-10000}"
HAKOBUNE_SOAK=1 HAKOBUNE_POWER_CUTS="${POWER_CUTS:-1000}" $bin/python -m pytest -q tests/power tests/e2e tests/examples \
    tests/demo tests/language/test_random_programs.py tests/servers/test_any_body.py
if [ -n "${RELIABILITY:-}" ]; then
    start="$bin/hakobune up --data {data} --port {port} --grpc-port {grpc_port}"
    for part in crash_jobs crash_workflows crash_storage crash_pubsub; do
        for seed in ${SEEDS_OF_KILLS:-1 2 3}; do
            echo "soak: $part, seed $seed"
            (cd "$RELIABILITY" && $bin/python "$part.py" --start "$start" --rounds "${ROUNDS:-10}" --seed "$seed")
        done
    done
    echo "soak: load"
    (cd "$RELIABILITY" && $bin/python load.py --start "$start" --parts first,fan)
else
    echo "soak: RELIABILITY is not set: the crash harness was not run" >&2
fi
