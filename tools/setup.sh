#!/bin/sh
# Makes .venv inside the checkout: `setup.sh core|dev|demo`. Nothing global, nothing fetched twice.
set -eu
cd "$(dirname "$0")/.."
what=${1:?core, dev or demo}
python=${PYTHON:-python3}
venv=.venv

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || {
    echo "hakobune needs Python 3.11 to 3.14; '$python' is $("$python" -V 2>&1). Set PYTHON=python3.11 (or newer)." >&2
    exit 1
}
if [ ! -x $venv/bin/python ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "setup: installing the Debian package python3-venv (the interpreter lacks ensurepip)"
            apt-get update -q >/dev/null && apt-get install -q -y python3-venv >/dev/null
        else
            echo "setup: '$python' cannot make virtual environments: install python3-venv, then try again." >&2
            exit 1
        fi
    fi
    echo "setup: making $venv with $("$python" -V)"
    "$python" -m venv $venv
fi
case $what in
core) extras=grpc,schemas ;;
dev) extras=grpc,telop,dev ;;
demo) extras=grpc,schemas,telop ;;
*) echo "setup.sh core|dev|demo" >&2; exit 2 ;;
esac
$venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=24'
echo "setup: installing hakobune[$extras] into $venv"
$venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
# Compiled once here, so that the command line starts quickly from the first call on.
$venv/bin/python -m compileall -q src/hakobune
touch $venv/.stamp-core
[ "$what" = core ] || touch $venv/.stamp-demo
[ "$what" != dev ] || touch $venv/.stamp-dev
