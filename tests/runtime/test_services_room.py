"""Services: deployments, revisions, traffic, restarts of the runtime."""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from resident_world import CALLER, POOL, SERVER, SERVICE, ServiceHouse, a_service_house, pool, program, service

from hakobune.core.containers import Container, EnvVar, SecretRef
from hakobune.core.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound
from hakobune.core.jobs.policy import SOURCE
from hakobune.core.logs.entries import LogEntry
from hakobune.core.logs.listing import ListEntries
from hakobune.core.logs.query import parse
from hakobune.core.operations import ResidentVerb
from hakobune.core.services.model import RevisionState, Share
from hakobune.core.services.shares import resolved
from hakobune.runtime.service_fleet import Backend
from hakobune.store.api import Page

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_given_a_program_that_listens_when_deployed_then_it_serves(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        operation = await house.runtime.services.create(SERVICE, service(), CALLER)
        assert (operation.verb, operation.done) == (ResidentVerb.CREATE, False)
        ended = await house.done(operation)
        assert ended.error is None
        resident = await house.resident(SERVICE)
        assert not resident.is_reconciling
        assert resident.latest_ready == resident.latest_created == (await house.newest(SERVICE)).name.revision
        revision_uid = house.runtime.fleet.route(SERVICE, "", 0.5)
        assert revision_uid is not None
        (backend,) = house.runtime.fleet.backends(revision_uid)
        assert int(await house.ask(backend.port)) > 0
        assert house.runtime.fleet.find("web-abc123-uc", "p", "us-central1") == SERVICE
        assert house.runtime.fleet.find("we", "p", "us-central1") is None


async def test_given_a_program_that_exits_before_it_listens_when_deployed_then_that_fails_at_once(
    tmp_path: Path,
) -> None:
    async with a_service_house(tmp_path) as house:
        with anyio.fail_after(10):
            ended = await house.deploy(SERVICE, service("raise SystemExit(3)"))
        assert ended.error is not None
        assert "failed to start and listen on the port" in ended.error[1]
        assert "exit(3)" in ended.error[1]
        assert (await house.newest(SERVICE)).state is RevisionState.FAILED
        assert (await house.resident(SERVICE)).ready_reason == "REVISION_FAILED"
        await house.count(0)


async def test_given_a_service_that_serves_when_a_broken_revision_is_deployed_then_the_former_goes_on(
    tmp_path: Path,
) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service())
        good = await house.newest(SERVICE)
        failed = await house.deploy(SERVICE, service("import nothing_that_is_there"))
        assert failed.error is not None
        resident = await house.resident(SERVICE)
        assert resident.latest_ready == good.name.revision
        assert resident.latest_created != good.name.revision
        assert house.runtime.fleet.route(SERVICE, "", 0.0) == good.uid


async def test_given_a_program_that_is_not_there_when_deployed_then_the_error_names_it(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        draft = service()
        member = program("")
        lost = replace(member, container=replace(member.container, command=("/no/such/program",)), port=8080)
        draft = replace(draft, template=replace(draft.template, members=(lost,)))
        ended = await house.deploy(SERVICE, draft)
        assert ended.error is not None
        assert "'/no/such/program' does not exist." in ended.error[1]


async def test_given_a_new_revision_when_it_is_ready_then_the_old_one_is_drained_and_retired(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service())
        old = await house.newest(SERVICE)
        (instance,) = await house.count(1, "ready")
        house.requests.busy.add(instance.uid)
        await house.deploy(SERVICE, service(SERVER + "\n# another"))
        assert (await house.runtime.services.revision(old.name)).state is RevisionState.RETIRED
        drained = (await house.count(1, "draining"))[0]
        assert drained.uid == instance.uid
        assert int(await house.ask(instance.port)) > 0  # it has a request in flight
        house.requests.busy.clear()
        await house.until(lambda: _has(house.requests.drains, instance.uid))
        house.requests.drains[instance.uid].set()
        (left,) = await house.count(1)
        assert left.uid != instance.uid


def _has(events: dict[str, anyio.Event], uid: str) -> bool:
    return uid in events


async def test_given_a_killed_runtime_when_it_starts_again_then_instances_and_ports_are_kept(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service())
        (before,) = await house.count(1, "ready")
        pid = await house.ask(before.port)
        await house.crash()
        await house.start()
        revision = await house.newest(SERVICE)
        backends = await house.until(lambda: _backends(house, revision.uid))
        assert [(one.uid, one.port) for one in backends] == [(before.uid, before.port)]
        assert await house.ask(before.port) == pid


async def test_given_an_engine_that_is_killed_then_what_must_run_runs_again(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service(min_instances=1))
        (before,) = await house.count(1, "ready")
        os.kill(_listener(tmp_path / "supervisor" / "socket"), signal.SIGKILL)
        await house.until(lambda: _another(house, before.uid))
        (after,) = await house.count(1, "ready")
        assert (after.uid != before.uid, after.failures) == (True, 0)


def _listener(path: Path) -> int:
    """The process that listens on a socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)


def _backends(house: ServiceHouse, revision_uid: str) -> Sequence[Backend]:
    return house.runtime.fleet.backends(revision_uid)


async def test_given_an_orderly_stop_when_it_starts_again_then_what_must_run_runs_again(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service(min_instances=1))
        (before,) = await house.count(1, "ready")
        pid = int(await house.ask(before.port))
        await house.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        await house.start()
        await house.until(lambda: _another(house, before.uid))
        (after,) = await house.count(1, "ready")
        assert after.uid != before.uid
        assert after.failures == 0


async def _another(house: ServiceHouse, uid: str) -> bool:
    return any(one.uid != uid for one in await house.instances())


async def test_given_a_service_when_deleted_then_its_instances_end_and_nothing_is_left(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service())
        (instance,) = await house.count(1, "ready")
        pid = int(await house.ask(instance.port))
        revision = await house.newest(SERVICE)
        ended = await house.runtime.services.delete(SERVICE)
        assert ended.done
        with pytest.raises(NotFound):
            await house.resident(SERVICE)
        with pytest.raises(NotFound):
            await house.runtime.services.revision(revision.name)
        assert house.runtime.fleet.find("web", "p", "us-central1") is None
        await house.count(0)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_given_traffic_when_split_by_revision_and_tag_then_requests_go_by_it(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service())
        first = await house.newest(SERVICE)
        shares = (Share(percent=75), Share(revision=first.name.revision, percent=25, tag="old"))
        await house.deploy(SERVICE, service(SERVER + "\n# another", shares=shares))
        second = await house.newest(SERVICE)
        fleet = house.runtime.fleet
        assert [fleet.route(SERVICE, "", seed) for seed in (0.0, 0.74, 0.76)] == [second.uid, second.uid, first.uid]
        assert fleet.route(SERVICE, "old", 0.0) == first.uid
        assert fleet.route(SERVICE, "none", 0.0) is None
        statuses = resolved(await house.resident(SERVICE))
        assert [(one.revision, one.percent) for one in statuses] == [
            (second.name.revision, 75),
            (first.name.revision, 25),
        ]
        with pytest.raises(FailedPrecondition, match="cannot be directly deleted because it is actively serving"):
            await house.runtime.services.delete_revision(first.name)
        await house.deploy(SERVICE, service(SERVER + "\n# another"))
        await house.runtime.services.delete_revision(first.name)
        with pytest.raises(NotFound):
            await house.runtime.services.revision(first.name)


async def test_given_the_same_template_when_declared_again_then_no_revision_is_made(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service())
        before = await house.resident(SERVICE)
        operation = await house.deploy(SERVICE, service(labels={"a": "b"}))
        after = await house.resident(SERVICE)
        assert operation.error is None
        assert (after.latest_created, after.generation) == (before.latest_created, before.generation + 1)
        await house.deploy(SERVICE, service(labels={"a": "b"}), force_new_revision=True)
        assert len(await house.runtime.services.revisions(SERVICE, Page(limit=10))) == 2
        with pytest.raises(AlreadyExists):
            await house.runtime.services.create(SERVICE, service(), CALLER)
        with pytest.raises(Aborted):
            await house.runtime.services.delete(SERVICE, etag='"other"')


async def test_given_output_of_instances_when_entries_are_listed_then_they_carry_the_revision(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        await house.deploy(SERVICE, service())
        await house.deploy(POOL, pool())
        revision, crew = await house.newest(SERVICE), await house.newest(POOL)

        async def entries(text: str) -> list[LogEntry]:
            request = ListEntries(projects=("p",), query=parse(text))
            return (await house.runtime.logs.list_entries(request))[0]

        (entry,) = await house.until(lambda: entries('resource.type="cloud_run_revision"'))
        assert entry.text_payload == "listening"
        assert entry.resource.labels == {
            "project_id": "p",
            "location": "us-central1",
            "service_name": "web",
            "configuration_name": "web",
            "revision_name": revision.name.revision,
        }
        assert entry.labels["container_name"] == "main"
        (worker,) = await house.until(lambda: entries('resource.labels.worker_pool_name="crew"'))
        assert (worker.text_payload, worker.resource.type) == ("at work", "cloud_run_worker_pool")
        assert worker.resource.labels["revision_name"] == crew.name.revision
        await house.runtime.services.delete(SERVICE)
        assert await entries('resource.type="cloud_run_revision"') == []


async def test_given_a_source_when_deployed_then_each_instance_runs_a_copy_of_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.py").write_text(SERVER)
    async with a_service_house(tmp_path / "data") as house:
        draft = service()
        member = replace(program(""), container=Container(image="us-docker.pkg.dev/p/r/web"), port=8080)
        template = replace(draft.template, members=(member,), annotations={SOURCE: str(source)})
        operation = await house.deploy(SERVICE, replace(draft, template=template))
        assert operation.error is None
        (instance,) = await house.count(1, "ready")
        assert int(await house.ask(instance.port)) > 0
        (source / "main.py").unlink()
        (source / "notes.txt").write_text("nothing to start")
        failed = await house.deploy(SERVICE, replace(draft, template=template), force_new_revision=True)
        assert failed.error is not None
        assert "The source has no entry point" in failed.error[1]


async def test_given_a_secret_that_is_not_there_when_deployed_then_the_error_names_the_variable(tmp_path: Path) -> None:
    async with a_service_house(tmp_path) as house:
        draft = service("import os\nprint(os.environ['WORD'], os.environ['K_SERVICE'], flush=True)\n" + SERVER)
        (member,) = draft.template.members
        variable = EnvVar(name="WORD", secret=SecretRef(secret="word", version="latest"))
        member = replace(member, container=replace(member.container, env=(variable,)))
        draft = replace(draft, template=replace(draft.template, members=(member,)))
        failed = await house.deploy(SERVICE, draft)
        assert failed.error is not None
        assert "Environment variable WORD" in failed.error[1]
