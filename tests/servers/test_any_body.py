"""Whatever the body of a request: the answer is never an internal error."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hakobune.engines.process.engine import ProcessEngine
from hakobune.runtime.app import Outside, Runtime
from hakobune.runtime.clock import RandomIdentifiers, SystemClock
from hakobune.runtime.settings import Settings
from hakobune.runtime.telemetry import Telemetry
from hakobune.runtime.threads import WorkerThreads
from hakobune.servers.routes import front_door
from hakobune.store.sqlite.database import SqliteStore
from hakobune.wire import iam_v1, run_v1_schema, run_v2_schema
from hakobune.wire.schema import Choice, FieldType, ListOf, Message
from runtime_process import LOCATION, PROJECT, RuntimeProcess

# Bodies of each route, of which there are a hundred.
EXAMPLES = 60 if os.environ.get("HAKOBUNE_SOAK") else 15
CHANGING = ("POST", "PUT", "PATCH")
PLACES = {
    "{project}": PROJECT,
    "{location}": LOCATION,
    "{job}": "any-body",
    "{execution}": "any-body-x",
    "{operation}": "none",
}


async def _routes() -> list[tuple[str, str]]:
    with TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "logs").mkdir()
        store = await SqliteStore.open(directory)
        outside = Outside(
            store=store,
            engine=ProcessEngine(directory),
            clock=SystemClock(),
            identifiers=RandomIdentifiers(),
            threads=WorkerThreads(),
        )
        router = front_door(Runtime(Settings(directory=directory), outside, Telemetry())).router
        await store.close()
    found: list[tuple[str, str]] = []
    for (_, verb), routes in router._routes.items():
        for route in routes:
            path = "/" + "/".join(PLACES.get(segment, segment.strip("{}")) for segment in route.segments)
            for method, handler in route.handlers.items():
                if method in CHANGING and handler.__module__ != "hakobune.servers.missing":
                    found.append((method, f"{path}:{verb}" if verb else path))
    return sorted(found)


ROUTES = anyio.run(_routes)


def words(kind: FieldType, found: set[str]) -> set[str]:
    """Names of fields and of enums, so that bodies get past the first look."""
    match kind:
        case Message():
            for name, inner in kind.fields.items():
                if name not in ("command", "args"):  # nothing made up is started on this machine
                    found.add(name)
                    words(inner, found)
        case ListOf():
            words(kind.item, found)
        case Choice():
            found.update(name for name in kind.names if name)
        case _:
            pass
    return found


@cache
def bodies() -> st.SearchStrategy[Any]:
    known: set[str] = set()
    for module in (iam_v1, run_v1_schema, run_v2_schema):
        for value in vars(module).values():
            if isinstance(value, Message):
                words(value, known)
    texts = (
        st.sampled_from(sorted(known))
        | st.text(max_size=8)
        | st.sampled_from(["local", "1s", "-1s", "any-body", "9" * 30])
    )
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
    keys = st.sampled_from(sorted(known)) | st.text(max_size=5)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
    )


@pytest.fixture(scope="module")
def connection(runtime: RuntimeProcess) -> Iterator[http.client.HTTPConnection]:
    runtime.create("any-body", ["/bin/true"])
    found = http.client.HTTPConnection("127.0.0.1", runtime.port, timeout=30)
    yield found
    found.close()


def test_the_routes_that_change_something_are_known() -> None:
    assert len(ROUTES) >= 15
    assert ("POST", f"/v2/projects/{PROJECT}/locations/{LOCATION}/jobs/any-body:run") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])
def test_given_any_json_then_the_answer_is_never_an_internal_error(
    connection: http.client.HTTPConnection, method: str, path: str
) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(bodies())
    def ask(body: Any) -> None:
        connection.request(method, path + "?validateOnly=true" * path.endswith("/jobs"), json.dumps(body))
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status < 500 or answer.status in (501, 503), (answer.status, content)
        assert isinstance(json.loads(content), dict)

    ask()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.sampled_from(ROUTES), st.binary(max_size=60))
def test_given_any_bytes_then_the_answer_is_never_an_internal_error(
    connection: http.client.HTTPConnection, route: tuple[str, str], body: bytes
) -> None:
    connection.request(*route, body)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status < 500 or answer.status in (501, 503), (answer.status, content)
    assert isinstance(json.loads(content), dict)
