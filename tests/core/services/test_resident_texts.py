"""Names, environments and texts of services and worker pools."""

from __future__ import annotations

import pytest
from resident_builders import POOL, SERVICE, a_revision, a_service, a_template

from hakobune.core.conditions import ConditionState
from hakobune.core.containers import DEFAULT_PATH, Container, EnvVar, SecretRef
from hakobune.core.errors import InvalidArgument
from hakobune.core.logs.entries import Severity
from hakobune.core.logs.residents import instance_ended, resident_labels, resident_resource
from hakobune.core.services import texts
from hakobune.core.services.conditions import resident_conditions, revision_conditions
from hakobune.core.services.environment import instance_environment
from hakobune.core.services.model import Probe, ProbeKind, RevisionState
from hakobune.core.services.names import Kind, ResidentName, RevisionName

REVISION = SERVICE.revision("web-1")
CREW = POOL.revision("crew-1")


def test_given_names_then_they_are_checked_and_printed() -> None:
    name = ResidentName.make(Kind.POOL, "p", "l", "crew")
    assert (name, str(name), name.parent) == (POOL, "projects/p/locations/l/workerPools/crew", "projects/p/locations/l")
    assert str(REVISION) == "projects/p/locations/l/services/web/revisions/web-1"
    assert RevisionName.make(SERVICE, "web-1") == REVISION
    for bad in ("Web", "-a", "a-", "a" * 50, ""):
        with pytest.raises(InvalidArgument):
            ResidentName.make(Kind.SERVICE, "p", "l", bad)
    with pytest.raises(InvalidArgument, match="DNS label"):
        RevisionName.make(SERVICE, "a" * 64)


def environment(revision: RevisionName, *env: EnvVar, runtime: dict[str, str] | None = None) -> dict[str, str]:
    container = Container(image="local", env=env)
    return instance_environment(revision, container, home="/h", runtime=runtime or {})


def test_given_a_service_then_its_instances_know_it_and_no_worker_variables() -> None:
    assert environment(REVISION) == {
        "PATH": DEFAULT_PATH,
        "HOME": "/h",
        "K_SERVICE": "web",
        "K_REVISION": "web-1",
        "K_CONFIGURATION": "web",
    }


def test_given_a_pool_then_both_names_of_its_revision_are_set() -> None:
    found = environment(CREW)
    assert {name: text for name, text in found.items() if name not in ("PATH", "HOME")} == {
        "CLOUD_RUN_WORKER_POOL": "crew",
        "CLOUD_RUN_WORKER_POOL_REVISION": "crew-1",
        "CLOUD_RUN_REVISION": "crew-1",
    }


def test_given_variables_then_the_users_win_over_ours_and_secrets_are_left_out() -> None:
    secret = EnvVar(name="TOKEN", secret=SecretRef(secret="s", version="1"))
    mine = EnvVar(name="PUBSUB_EMULATOR_HOST", value="mine")
    reserved = EnvVar(name="K_REVISION", value="mine")
    runtime = {"TOKEN": "x", "PUBSUB_EMULATOR_HOST": "ours"}
    found = environment(REVISION, secret, mine, reserved, runtime=runtime)
    assert "TOKEN" not in found
    assert (found["PUBSUB_EMULATOR_HOST"], found["K_REVISION"]) == ("mine", "web-1")


def test_given_what_is_missing_then_the_text_names_kind_region_and_project() -> None:
    assert texts.missing(SERVICE) == ("Resource 'web' of kind 'SERVICE' in region 'l' in project 'p' does not exist.")
    assert "'crew-1' of kind 'REVISION'" in texts.missing(CREW)
    assert texts.serving(REVISION) == ('Revision "web-1" cannot be directly deleted because it is actively serving.')
    assert texts.not_ready(CREW, "Why.") == "Revision 'crew-1' is not ready and cannot process workloads. Why."


def test_given_a_program_that_does_not_listen_then_the_text_says_what_it_did_instead() -> None:
    begin = (
        "The user-provided container failed to start and listen on the port defined provided by the PORT=5 "
        "environment variable within the allocated timeout."
    )
    assert texts.not_listening(5, "Container called exit(1).").startswith(f"{begin} Container called exit(1).")
    assert "read the number from the variable PORT" in texts.not_listening(5, "")
    assert "variable PORT. Logs" in texts.not_listening(5, texts.listening(["127.0.0.1:90"], 5))
    assert texts.cannot_start("Gone.") == "The container cannot be started: Gone."


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([], ""),
        (["127.0.0.1:5", "127.0.0.1:6"], ""),  # it listens, but does not answer
        (["127.0.0.1:90"], "It listens on 127.0.0.1:90, not on PORT=5: read the number from the variable PORT."),
        (["[::1]:5"], "It listens on [::1]:5 only, which IPv4 does not reach: listen on 0.0.0.0."),
    ],
)
def test_given_where_a_program_listens_when_that_is_elsewhere_then_the_text_says_it(
    addresses: list[str], expected: str
) -> None:
    assert texts.listening(addresses, 5) == expected


@pytest.mark.parametrize(
    ("exit_code", "signal", "detail", "expected"),
    [
        (0, None, "", "Container called exit(0)."),
        (None, 9, "", "Container terminated on signal 9."),
        (None, None, "Too much memory.", "Too much memory."),
        (None, None, "", "The instance was lost."),
    ],
)
def test_given_an_end_then_the_text_says_how(
    exit_code: int | None, signal: int | None, detail: str, expected: str
) -> None:
    assert texts.ended(exit_code, signal, detail) == expected


def test_given_a_probe_that_failed_then_the_text_names_it() -> None:
    probe = Probe(kind=ProbeKind.HTTP, path="/up")
    assert texts.probe_failed("STARTUP", probe, 5, 3).startswith(
        'STARTUP HTTP probe failed 3 times consecutively for container on path "/up" on port 5.'
    )
    tcp = texts.probe_failed("LIVENESS", Probe(kind=ProbeKind.TCP), 5, 1)
    assert tcp.startswith("LIVENESS TCP probe failed 1 time consecutively for container on port 5.")


def test_given_a_service_that_is_ready_then_all_its_conditions_are() -> None:
    found = resident_conditions(a_service(settle_time_s=7.0))
    assert [(one.type, one.state, one.since_s) for one in found] == [
        ("Ready", ConditionState.SUCCEEDED, 7.0),
        ("ConfigurationsReady", ConditionState.SUCCEEDED, 7.0),
        ("RoutesReady", ConditionState.SUCCEEDED, 7.0),
    ]
    working = revision_conditions(a_revision("web-1", state=RevisionState.DEPLOYING))
    assert {one.message for one in working} == {"Provisioning revision instances to process workloads."}


def test_given_instances_then_their_entries_carry_the_revision() -> None:
    service = resident_resource(REVISION)
    assert (service.type, service.labels["configuration_name"]) == ("cloud_run_revision", "web")
    pool = resident_resource(CREW)
    assert (pool.type, pool.labels["worker_pool_name"]) == ("cloud_run_worker_pool", "crew")
    assert set(resident_labels("a", "main")) == {"instanceId", "container_name"}
    assert resident_labels("a", "")["instanceId"] != resident_labels("b", "")["instanceId"]
    revision = a_revision("web-1", template=a_template())
    bad = instance_ended(revision, "a", 5.0, "Container called exit(1).", is_good=False)
    assert (bad.severity, bad.text_payload, bad.timestamp_s) == (Severity.WARNING, "Container called exit(1).", 5.0)
    assert bad.log_name == "projects/p/logs/run.googleapis.com%2Fvarlog%2Fsystem"
    assert instance_ended(revision, "a", 5.0, "x", is_good=True).severity is Severity.INFO
