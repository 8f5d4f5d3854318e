#!/bin/sh
# Format, lint, types, imports, unused code, what is drawn from the code. Every check runs, then the verdict.
cd "$(dirname "$0")/.." || exit 1
bin=.venv/bin
failed=""
step() {
    name=$1
    shift
    start=$(date +%s)
    if "$@" >.venv/check.out 2>&1; then
        echo "check: $name: good ($(($(date +%s) - start)) s)"
    else
        failed="$failed $name"
        cat .venv/check.out
        echo "check: $name: BAD"
    fi
}
step format $bin/ruff format --check .
step lint $bin/ruff check .
step mypy $bin/mypy
step pyright $bin/pyright --level error
step imports $bin/lint-imports
step unused $bin/vulture
step documents $bin/python tools/draw_docs.py --check
step schemas $bin/python tools/make_schemas.py --check
rm -f .venv/check.out
[ -z "$failed" ] || { echo "check:$failed failed" >&2; exit 1; }
