"""Services, worker pools, revisions, instances and their operations, in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_builders import NOW_S
from store_factories import Stores

from hakobune.core.containers import Container, EnvVar, SecretRef
from hakobune.core.errors import AlreadyExists
from hakobune.core.names import OperationName
from hakobune.core.operations import ResidentOperation, ResidentVerb
from hakobune.core.services.model import (
    Instance,
    InstanceState,
    Member,
    Probe,
    ProbeKind,
    Resident,
    Revision,
    RevisionState,
    Scaling,
    ScalingMode,
    Share,
    Template,
)
from hakobune.core.services.names import Kind, ResidentName
from hakobune.store.api import Page, Store, WriteTx

pytestmark = pytest.mark.anyio
ALL = Page(limit=100)


def named(resident: str, kind: Kind = Kind.SERVICE, location: str = "l") -> ResidentName:
    return ResidentName(kind=kind, project="p", location=location, id=resident)


def a_template() -> Template:
    secret = EnvVar(name="S", secret=SecretRef(secret="s", version="1"))
    container = Container(image="local", command=("x",), env=(secret,), other={"volumeMounts": [{"name": "v"}]})
    probe = Probe(kind=ProbeKind.HTTP, headers=(("a", "b"),))
    return Template(members=(Member(container=container, port=8080, startup=probe),), volumes=({"name": "v"},))


def a_resident(name: ResidentName, **fields: object) -> Resident:
    base = Resident(
        name=name,
        uid=f"uid-{name}",
        etag="e",
        create_time_s=NOW_S,
        update_time_s=NOW_S,
        template=a_template(),
        shares=(Share(percent=100, tag="早"),),
        scaling=Scaling(manual=2, mode=ScalingMode.MANUAL),
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def a_revision(owner: Resident, number: int) -> Revision:
    return Revision(
        name=owner.name.revision(f"{owner.name.id}-{number:05d}-abc"),
        uid=f"{owner.uid}-{number}",
        resident_uid=owner.uid,
        number=number,
        etag="e",
        create_time_s=NOW_S,
        update_time_s=NOW_S,
        template=a_template(),
        state_time_s=NOW_S,
    )


async def test_given_residents_when_read_then_they_are_as_they_were_stored(store: Store) -> None:
    web, crew = a_resident(named("web")), a_resident(named("web", Kind.POOL))

    def unit(tx: WriteTx) -> None:
        tx.services.add_resident(web)
        tx.services.add_resident(crew)
        tx.services.save_resident(replace(web, description="x"))

    await store.write(unit)
    assert await store.read(lambda tx: tx.services.find_resident(web.name)) == replace(web, description="x")
    assert await store.read(lambda tx: tx.services.resident_by_uid(crew.uid)) == crew
    assert set(await store.read(lambda tx: tx.services.resident_uids())) == {web.uid, crew.uid}
    with pytest.raises(AlreadyExists):
        await store.write(lambda tx: tx.services.add_resident(replace(web, uid="other")))
    await store.write(lambda tx: tx.services.remove_resident(web.uid))
    assert await store.read(lambda tx: tx.services.find_resident(web.name)) is None


async def test_given_residents_when_listed_then_by_id_and_location_in_pages(store: Store) -> None:
    names = [named("a", location="x"), named("a", location="y"), named("b", location="x")]

    def unit(tx: WriteTx) -> None:
        for name in reversed(names):
            tx.services.add_resident(a_resident(name))
        tx.services.add_resident(a_resident(named("c", Kind.POOL, "x")))

    await store.write(unit)

    async def listed(location: str | None, page: Page) -> list[ResidentName]:
        found = await store.read(lambda tx: tx.services.list_residents(Kind.SERVICE, "p", location, page))
        return [one.name for one in found]

    assert await listed(None, ALL) == names
    assert await listed("x", ALL) == [names[0], names[2]]
    assert await listed(None, Page(limit=2)) == names[:2]
    assert await listed(None, Page(limit=2, after="a/y")) == names[2:]
    assert await listed("x", Page(limit=1, after="a")) == names[2:]


async def test_given_revisions_when_listed_then_newest_first_in_pages(store: Store) -> None:
    web, other = a_resident(named("web")), a_resident(named("other"))

    def unit(tx: WriteTx) -> None:
        for owner, number in ((web, 1), (other, 1), (web, 2), (web, 3)):
            tx.services.add_revision(a_revision(owner, number))

    await store.write(unit)
    found = await store.read(lambda tx: tx.services.revisions_of(web.uid, Page(limit=2)))
    assert [one.number for one in found] == [3, 2]
    rest = await store.read(lambda tx: tx.services.revisions_of(web.uid, Page(limit=2, after=found[-1].uid)))
    assert [one.number for one in rest] == [1]
    everywhere = await store.read(lambda tx: tx.services.revisions_in(Kind.SERVICE, "p", "l", Page(limit=3)))
    assert [one.uid for one in everywhere] == [f"{web.uid}-3", f"{web.uid}-2", f"{other.uid}-1"]
    left = Page(limit=3, after=everywhere[-1].uid)
    last = await store.read(lambda tx: tx.services.revisions_in(Kind.SERVICE, "p", "l", left))
    assert [one.uid for one in last] == [f"{web.uid}-1"]
    assert len(await store.read(lambda tx: tx.services.revisions_of_all("p"))) == 4
    with pytest.raises(AlreadyExists):
        await store.write(lambda tx: tx.services.add_revision(a_revision(web, 2)))
    failed = replace(a_revision(web, 2), state=RevisionState.FAILED, reason="R", message="M")
    await store.write(lambda tx: tx.services.save_revision(failed))
    assert await store.read(lambda tx: tx.services.find_revision(web.uid, "web-00002-abc")) == failed
    live = await store.read(lambda tx: tx.services.live_revisions(web.uid))
    assert [one.number for one in live] == [3, 1]
    instance = Instance(uid="i", resident_uid=web.uid, revision_uid=failed.uid, index=0, create_time_s=NOW_S)
    await store.write(lambda tx: tx.services.save_instance(instance))
    live = await store.read(lambda tx: tx.services.live_revisions(web.uid))
    assert [one.number for one in live] == [3, 2, 1]
    await store.write(lambda tx: tx.services.remove_revision(failed.uid))
    assert await store.read(lambda tx: tx.services.revision_by_uid(failed.uid)) is None


async def test_given_instances_when_begun_then_none_has_the_number_of_another_also_after_a_restart(
    store_factory: Stores,
) -> None:
    store = await store_factory.open()
    web = a_resident(named("web"))
    revision = a_revision(web, 1)
    await store.write(lambda tx: tx.services.add_revision(revision))
    assert await store.write(lambda tx: tx.services.count_start(revision.uid)) == 1
    instance = Instance(
        uid="i.0.1", resident_uid=web.uid, revision_uid=revision.uid, index=0, port=5, create_time_s=NOW_S
    )
    await store.write(lambda tx: tx.services.save_instance(instance))
    await store.close()
    store = await store_factory.open()
    assert await store.write(lambda tx: tx.services.count_start(revision.uid)) == 2
    resting = replace(instance, state=InstanceState.RESTING, restart_s=NOW_S + 1, failures=1, detail="d")
    await store.write(lambda tx: tx.services.save_instance(resting))
    assert await store.read(lambda tx: tx.services.find_instance(instance.uid)) == resting
    assert await store.read(lambda tx: tx.services.instances_of(web.uid)) == [resting]
    assert await store.read(lambda tx: tx.services.instances()) == [resting]
    await store.write(lambda tx: tx.services.remove_instance(instance.uid))
    assert await store.read(lambda tx: tx.services.instances()) == []


async def test_given_an_operation_when_its_resident_settles_then_it_is_done_with_that_picture(store: Store) -> None:
    web = a_resident(named("web"))
    name = OperationName(project="p", location="l", operation="op")
    begun = ResidentOperation(
        name=name, verb=ResidentVerb.CREATE, target=web.name, create_time_s=NOW_S, done=False, resource=web
    )
    revision = a_revision(web, 1)
    gone = replace(
        begun,
        name=replace(name, operation="gone"),
        verb=ResidentVerb.DELETE_REVISION,
        target=revision.name,
        done=True,
        resource=revision,
    )

    def unit(tx: WriteTx) -> None:
        tx.services.add_resident(web)
        tx.operations.add_resident_operation(begun, web.uid)
        tx.operations.add_resident_operation(gone, web.uid)
        tx.services.save_resident(replace(web, description="newer"))

    await store.write(unit)
    found = await store.read(lambda tx: tx.operations.find_operation(name))
    assert found == replace(begun, resource=replace(web, description="newer"))
    assert await store.read(lambda tx: tx.operations.find_operation(gone.name)) == gone
    settled = replace(web, is_reconciling=False, ready_reason="R")

    def settle(tx: WriteTx) -> None:
        tx.operations.settle_resident_operations(settled, (9, "why"))
        tx.services.remove_resident(web.uid)

    await store.write(settle)
    done = replace(begun, done=True, resource=settled, error=(9, "why"))
    assert await store.read(lambda tx: tx.operations.find_operation(name)) == done
    listed = await store.read(lambda tx: tx.operations.list_operations("p", "l", ALL))
    assert sorted(one.name.operation for one in listed) == ["gone", "op"]
