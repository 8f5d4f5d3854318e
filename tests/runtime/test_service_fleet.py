"""What the front door sees of instances."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from resident_world import POOL, SERVICE, service

from hakobune.core.services.model import Instance, InstanceState, Resident, Revision, RevisionState
from hakobune.core.services.names import ResidentName
from hakobune.runtime.service_fleet import Backend, Fleet, Picture


def a_picture(name: ResidentName = SERVICE, *instances: Instance, seq: int = 1, **fields: Any) -> Picture:
    template = service(max_concurrency=7, max_instances=3, timeout_s=9.0).template
    resident = Resident(
        name=name,
        uid=f"uid of {name}",
        etag="e",
        create_time_s=0.0,
        update_time_s=0.0,
        template=template,
        latest_ready="web-1",
    )
    revision = Revision(
        name=name.revision("web-1"),
        uid="r1",
        resident_uid=resident.uid,
        number=1,
        etag="e",
        create_time_s=0.0,
        update_time_s=0.0,
        template=template,
        state=RevisionState.READY,
        state_time_s=0.0,
    )
    return Picture(resident=resident, revisions=(replace(revision, **fields),), instances=instances, seq=seq)


def an_instance(uid: str, state: InstanceState = InstanceState.READY, **fields: Any) -> Instance:
    return Instance(
        uid=uid, resident_uid="u", revision_uid="r1", index=0, port=5, state=state, create_time_s=0.0, **fields
    )


def test_given_instances_then_only_ready_ones_are_backends_and_changes_are_told() -> None:
    fleet, told = Fleet(), list[str]()
    fleet.watch = told.append
    fleet.show(a_picture(SERVICE, an_instance("a"), an_instance("b", InstanceState.DRAINING)))
    assert fleet.backends("r1") == (Backend(uid="a", port=5),)
    assert told == ["r1"]
    fleet.show(a_picture(SERVICE, an_instance("a"), seq=2))
    assert told == ["r1"]  # nothing that a request could notice
    fleet.show(a_picture(SERVICE, seq=3))
    assert (fleet.backends("r1"), told) == ((), ["r1", "r1"])
    fleet.show(a_picture(SERVICE, an_instance("a"), seq=2))
    assert fleet.backends("r1") == ()  # an older picture came late
    fleet.forget("uid of projects/p/locations/us-central1/services/web")
    assert (fleet.limits("r1"), fleet.route(SERVICE, "", 0.0), len(told)) == (None, None, 3)


def test_given_starts_then_limits_know_how_long_they_take() -> None:
    fleet = Fleet()
    fleet.show(a_picture(SERVICE, an_instance("a", ready_time_s=2.0)))
    found = fleet.limits("r1")
    assert found is not None
    assert (found.concurrency, found.max_instances, found.timeout_s, found.start_s) == (7, 3, 9.0, 2.0)
    fleet.show(a_picture(SERVICE, an_instance("a", ready_time_s=2.0), an_instance("b", ready_time_s=4.0)))
    later = fleet.limits("r1")
    assert later is not None
    assert later.start_s == 3.0


def test_given_an_instance_that_rests_then_its_end_is_the_failure_unless_another_is_ready() -> None:
    fleet = Fleet()
    resting = an_instance("a", InstanceState.RESTING, failures=1, detail="Container called exit(1).")
    fleet.show(a_picture(SERVICE, resting))
    assert fleet.failure("r1") == "Container called exit(1)."
    fleet.show(a_picture(SERVICE, resting, an_instance("b")))
    assert fleet.failure("r1") == ""
    fleet.show(a_picture(SERVICE, state=RevisionState.FAILED, message="It broke."))
    assert fleet.failure("r1") == "It broke."
    assert fleet.failure("unknown") == ""


def test_given_labels_then_the_longest_name_that_begins_them_is_the_service() -> None:
    fleet = Fleet()
    other = replace(SERVICE, location="europe-west1")
    longer = replace(SERVICE, id="web-api")
    for name in (SERVICE, longer, POOL):
        fleet.show(a_picture(name))
    assert fleet.find("web-x1-uc", "p", "us-central1") == SERVICE
    assert fleet.find("web-api-x1-uc", "p", "us-central1") == longer
    assert fleet.find("web", "q", "nowhere") == SERVICE  # the only one
    assert fleet.find("website-x1", "p", "us-central1") is None
    assert fleet.find("crew-x1", "p", "us-central1") is None  # pools have no address
    fleet.show(a_picture(other))
    assert fleet.find("web-x1", "p", "europe-west1") == other
    assert fleet.find("web-x1", "q", "nowhere") is None  # which one is not said


def test_given_a_wake_then_the_resident_is_looked_at() -> None:
    fleet, woken = Fleet(), list[str]()
    fleet.on_wake = woken.append
    fleet.show(a_picture())
    fleet.wake("r1")
    fleet.wake("unknown")
    assert woken == ["uid of projects/p/locations/us-central1/services/web"]
