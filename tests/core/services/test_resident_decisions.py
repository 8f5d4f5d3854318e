"""What becomes of residents, revisions and instances."""

from __future__ import annotations

from dataclasses import replace

import pytest
from resident_builders import POOL, SERVICE, a_draft, a_pool, a_revision, a_service, a_template, fresh

from hakobune.core.conditions import ConditionState
from hakobune.core.errors import FailedPrecondition, IllegalTransition, InvalidArgument
from hakobune.core.services import decide
from hakobune.core.services.conditions import resident_conditions, revision_conditions
from hakobune.core.services.model import Instance, InstanceState, RevisionState, Scaling, Share
from hakobune.core.services.states import RevisionSignal


def test_given_a_new_service_then_its_first_revision_has_a_name_of_its_own() -> None:
    made = decide.declare(SERVICE, a_draft(labels={"a": "b"}), None, fresh(), 5.0)
    assert made.revision is not None
    assert made.revision.name.revision == "web-00001-abc"
    resident = made.resident
    assert (resident.generation, resident.observed_generation, resident.is_reconciling) == (1, 0, True)
    assert (resident.latest_created, resident.latest_ready) == ("web-00001-abc", "")
    assert (resident.creator, resident.last_modifier) == ("me@example.com", "me@example.com")


def declared_twice(draft: object, *, forced: bool = False) -> decide.Declared:
    first = decide.declare(SERVICE, a_draft(), None, fresh(), 5.0)
    ready = decide.shown(first.resident, a_revision("web-00001-abc"), 6.0)
    return decide.declare(SERVICE, draft, ready, fresh(2), 7.0, forced=forced)  # type: ignore[arg-type]


def test_given_the_same_template_then_only_what_differs_changes() -> None:
    same = declared_twice(a_draft())
    assert same.revision is None
    assert (same.resident.generation, same.resident.is_reconciling) == (1, False)
    labelled = declared_twice(a_draft(labels={"a": "b"}, scaling=Scaling(min_instances=2)))
    assert labelled.revision is None
    assert (labelled.resident.generation, labelled.resident.observed_generation) == (2, 2)


def test_given_another_template_or_a_name_then_there_is_another_revision() -> None:
    other = declared_twice(a_draft(template=a_template(max_concurrency=3)))
    assert other.revision is not None
    assert (other.revision.name.revision, other.revision.number) == ("web-00002-abc", 2)
    assert (other.resident.latest_created, other.resident.latest_ready) == ("web-00002-abc", "web-00001-abc")
    named = declared_twice(a_draft(template=a_template(revision="web-blue")))
    assert named.revision is not None
    assert named.revision.name.revision == "web-blue"
    again = decide.declare(SERVICE, a_draft(template=a_template(revision="web-blue")), named.resident, fresh(3), 8.0)
    assert again.revision is None
    assert declared_twice(a_draft(), forced=True).revision is not None
    with pytest.raises(InvalidArgument):
        declared_twice(a_draft(template=a_template(revision="Not_a_label")))


def test_given_shares_of_revisions_that_cannot_serve_then_the_error_names_them() -> None:
    service = a_service(shares=(Share(revision="web-9", percent=100),))
    with pytest.raises(FailedPrecondition, match="'web-9' of 'web' does not exist"):
        decide.check_shares(service, {})
    broken = a_revision("web-9", state=RevisionState.FAILED, message="It broke.")
    with pytest.raises(FailedPrecondition, match=r"'web-9' is not ready and cannot serve traffic\. It broke\."):
        decide.check_shares(service, {"web-9": broken})
    decide.check_shares(service, {"web-9": a_revision("web-9")})


def test_given_a_revision_that_failed_then_the_service_says_so_and_keeps_what_was_ready() -> None:
    service = a_service(latest_created="web-2", latest_ready="web-1", is_reconciling=True, generation=2)
    revision = decide.moved(
        a_revision("web-2", state=RevisionState.DEPLOYING), RevisionSignal.FAIL, 9.0, "WHY", "It broke."
    )
    failed = decide.failed(service, revision, 9.0)
    assert (failed.latest_ready, failed.is_reconciling, failed.observed_generation) == ("web-1", False, 2)
    ready, configurations, routes = resident_conditions(failed)
    assert (ready.state, ready.reason) == (ConditionState.FAILED, "REVISION_FAILED")
    assert ready.message == "Revision 'web-2' is not ready and cannot serve traffic. It broke."
    assert configurations.state is ConditionState.FAILED
    assert routes.state is ConditionState.SUCCEEDED
    told = {one.type: one for one in revision_conditions(revision)}
    assert (told["Ready"].revision_reason, told["Ready"].message) == ("WHY", "It broke.")
    with pytest.raises(IllegalTransition):
        decide.moved(revision, RevisionSignal.SHOWN, 10.0)


def test_given_an_older_revision_when_it_is_ready_then_the_newest_counts() -> None:
    service = a_service(latest_created="web-2", is_reconciling=True)
    assert decide.shown(service, a_revision("web-1"), 9.0) == service
    assert decide.failed(service, a_revision("web-1", state=RevisionState.FAILED), 9.0) == service


def test_given_a_ready_revision_then_its_conditions_say_how_long_it_took() -> None:
    found = {one.type: one for one in revision_conditions(a_revision("web-1", create_time_s=1.0, state_time_s=1.42))}
    assert found["Ready"].message == "Deploying revision succeeded in 0.42s."
    assert {one.state for one in found.values()} == {ConditionState.SUCCEEDED}
    assert set(found) == {
        "Ready",
        "Active",
        "ResourcesAvailable",
        "ContainerReady",
        "ContainerHealthy",
        "MinInstancesProvisioned",
    }
    retired = {one.type: one for one in revision_conditions(a_revision("web-1", state=RevisionState.RETIRED))}
    assert (retired["Active"].revision_reason, retired["Active"].message) == ("RETIRED", "Revision retired.")


def test_given_what_leads_to_a_revision_then_it_serves_or_is_retired() -> None:
    service = a_service(latest_ready="web-2", latest_created="web-2")
    assert decide.turnover(service, a_revision("web-1")) is RevisionSignal.RETIRE
    assert decide.turnover(service, a_revision("web-2")) is None
    assert decide.turnover(service, a_revision("web-2", state=RevisionState.RETIRED)) is RevisionSignal.SERVE
    assert decide.turnover(service, a_revision("web-1", state=RevisionState.DEPLOYING)) is RevisionSignal.RETIRE
    assert decide.turnover(service, a_revision("web-1", state=RevisionState.FAILED)) is None


def test_given_a_pool_when_it_is_deployed_then_it_has_one_condition() -> None:
    (ready,) = resident_conditions(a_pool(is_reconciling=True))
    assert (ready.state, ready.message) == (ConditionState.RECONCILING, "Deploying Revision.")
    with pytest.raises(InvalidArgument):
        decide.declare(POOL, a_draft(annotations={"hakobune.dev/scaling-max": "1"}), None, fresh(), 1.0)


def instance(**fields: object) -> Instance:
    base = Instance(uid="a", resident_uid="u", revision_uid="r", index=0, create_time_s=0.0, state=InstanceState.READY)
    return replace(base, **fields)  # type: ignore[arg-type]


def test_given_ends_in_a_row_then_the_wait_doubles_up_to_a_minute_and_a_minute_of_life_forgives() -> None:
    assert [decide.backoff_s(failures) for failures in (1, 2, 3, 6, 7, 400)] == [1.0, 2.0, 4.0, 32.0, 60.0, 60.0]
    rested = decide.rested(instance(failures=3, ready_time_s=0.0), 59.0, "why", is_our_fault=False)
    assert (rested.failures, rested.restart_s, rested.detail) == (4, 67.0, "why")
    assert decide.rested(instance(failures=3, ready_time_s=0.0), 60.0, "", is_our_fault=False).failures == 1
    lost = decide.rested(instance(failures=3), 5.0, "", is_our_fault=True)
    assert (lost.failures, lost.restart_s) == (3, 5.0)


def test_given_a_place_when_its_next_instance_begins_then_its_past_goes_with_it() -> None:
    rested = decide.rested(instance(port=1), 5.0, "why", is_our_fault=False)
    again = decide.restarted(rested, "b", 2, 6.0)
    assert (again.uid, again.port, again.state, again.failures, again.restart_s) == (
        "b",
        2,
        InstanceState.STARTING,
        1,
        None,
    )
    ready = decide.answered(again, 7.0)
    assert (ready.state, ready.ready_time_s, ready.detail) == (InstanceState.READY, 7.0, "")
    with pytest.raises(IllegalTransition):
        decide.answered(ready, 8.0)
