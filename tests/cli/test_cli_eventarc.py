"""`hakobune eventarc …` against a running server. Texts of triggers, providers and channels are those of gcloud 528."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest
from command_calls import Call

from hakobune.cli.main import main
from runtime_process import RuntimeProcess

WHERE = "--location=us-central1"
TYPE = "google.cloud.storage.object.v1.finalized"
FILTERS = f"--event-filters=type={TYPE},bucket=b01"
MESSAGES = "--event-filters=type=google.cloud.pubsub.topic.v1.messagePublished"


@pytest.fixture
def eventarc(command: Call) -> Call:
    """`eventarc("triggers", "list")` runs `hakobune eventarc triggers list`, in a project of this test."""
    return partial(command, "eventarc")


def told(eventarc: Call, *words: str) -> Any:
    done = eventarc(*words, "--format=json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def create(eventarc: Call, *flags: str, trigger: str = "t") -> Any:
    destination = [] if any("destination" in flag for flag in flags) else ["--destination-run-service=svc"]
    filters = [] if any("event-filters" in flag for flag in flags) else [FILTERS]
    done = eventarc("triggers", "create", trigger, WHERE, *filters, *destination, *flags)
    assert done.code == 0, done.err
    return told(eventarc, "triggers", "describe", trigger, WHERE)


# -- create ----------------------------------------------------------------------------------------------------------


def test_given_a_trigger_when_it_is_created_then_it_is_told_as_gcloud_does(eventarc: Call, project: str) -> None:
    done = eventarc("triggers", "create", "t", WHERE, FILTERS, "--destination-run-service=svc")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"Creating trigger [t] in project [{project}], location [us-central1]...done.\n"
    listed = eventarc("triggers", "list")
    assert listed.lines == [
        "NAME  TYPE                                      DESTINATION             ACTIVE  LOCATION",
        f"t     {TYPE}  Cloud Run service: svc  Yes     us-central1",
    ]


@pytest.mark.parametrize(
    ("flags", "destination"),
    [
        (["--destination-run-service=s", "--destination-run-path=/x", "--destination-run-region=r"],
         {"cloudRun": {"service": "s", "path": "/x", "region": "r"}}),
        (["--destination-run-job=j"], {"cloudRun": {"job": "j", "region": "us-central1"}}),
        (["--destination-http-endpoint-uri=http://h/x"], {"httpEndpoint": {"uri": "http://h/x"}}),
        (["--destination-http-endpoint-uri=http://h/x", "--network-attachment=n"],
         {"httpEndpoint": {"uri": "http://h/x"}, "networkConfig": {"networkAttachment": "n"}}),
    ],
)  # fmt: skip
def test_each_destination_is_sent_as_the_api_has_it(eventarc: Call, flags: list[str], destination: Any) -> None:
    assert create(eventarc, *flags)["destination"] == destination


def test_a_workflow_is_named_by_its_id_in_the_triggers_project(eventarc: Call, project: str) -> None:
    made = create(eventarc, "--destination-workflow=w", "--destination-workflow-location=l")
    assert made["destination"] == {"workflow": f"projects/{project}/locations/l/workflows/w"}
    full = f"projects/{project}/locations/m/workflows/w"
    assert create(eventarc, f"--destination-workflow={full}", trigger="u")["destination"] == {"workflow": full}


def test_a_trigger_of_messages_tells_its_topic(eventarc: Call, project: str) -> None:
    done = eventarc("triggers", "create", "t", WHERE, MESSAGES, "--destination-workflow=w")
    lines = done.err.splitlines()
    assert lines[1].startswith(f"Created Pub/Sub topic [projects/{project}/topics/eventarc-us-central1-t-")
    assert lines[2].endswith("to receive events in Workflow [w].")
    main(["pubsub", "topics", "create", "mine"])
    given = eventarc("triggers", "create", "u", WHERE, MESSAGES, "--transport-topic=mine", "--destination-run-job=j")
    assert given.err.splitlines()[1:] == [
        f"Publish to Pub/Sub topic [projects/{project}/topics/mine] to receive events in Cloud Run job [j]."
    ]


def test_all_the_rest_is_sent(eventarc: Call, project: str) -> None:
    assert eventarc("channels", "create", "c", WHERE, "--labels=a=b", "--provider=x").code == 0
    made = create(
        eventarc,
        "--event-filters=type=my.type",
        "--event-filters-path-pattern=subject=a/*",
        "--channel=c",
        "--labels=k=v",
        "--service-account=a@p.iam.gserviceaccount.com",
        "--event-data-content-type=application/json",
        "--strict-duplicates",
        "--test-duplicates=2",
        "--test-delay=1s",
        "--test-reorder=2s",
        "--test-seed=3",
    )
    assert made["eventFilters"] == [
        {"attribute": "type", "value": "my.type"},
        {"attribute": "subject", "value": "a/*", "operator": "match-path-pattern"},
    ]
    assert made["channel"] == f"projects/{project}/locations/us-central1/channels/c"
    assert made["hakobune"] == {
        "strictDuplicates": True,
        "test": {"duplicates": 2, "delay": "1s", "reorder": "2s", "seed": 3},
    }
    assert made["labels"] == {"k": "v"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["create", "t", WHERE, "--destination-run-service=s"], "argument --event-filters: Must be specified."),
        (["create", "t", WHERE, FILTERS], "Exactly one of (--destination-run-service |"),
        (["create", "t", FILTERS, "--destination-run-service=s"], "Failed to find attribute [location]."),
        (
            ["create", "t", WHERE, "--event-filters=bucket=b", "--destination-run-job=j"],
            "must contain an attribute: type",
        ),
        (["create", "t", WHERE, FILTERS, "--destination-gke-cluster=c", "--destination-run-job=j"], "no Kubernetes"),
        (["create", "t", WHERE, f"--event-filters=type={TYPE}", "--destination-run-job=j"], 'attribute "bucket"'),
        (["describe", "a/b", WHERE], "is not a full name"),
        (["describe", "none", WHERE], "NOT_FOUND"),
        (["update", "none", WHERE, "--destination-run-path=/x"], "NOT_FOUND"),
    ],
)
def test_what_is_wrong_is_said(eventarc: Call, words: list[str], text: str) -> None:
    done = eventarc("triggers", *words)
    assert done.code != 0
    assert text in done.err


# -- update and delete -----------------------------------------------------------------------------------------------


def test_a_trigger_is_changed_field_by_field(eventarc: Call, project: str) -> None:
    create(
        eventarc, "--destination-run-path=/x", "--destination-run-service=svc", "--labels=a=b", "--test-duplicates=1"
    )
    done = eventarc("triggers", "update", "t", WHERE, "--destination-run-region=r", "--update-labels=c=d")
    assert done.err == f"Updating trigger [t] in project [{project}], location [us-central1]...done.\n"
    made = told(eventarc, "triggers", "describe", "t", WHERE)
    assert made["destination"] == {"cloudRun": {"service": "svc", "path": "/x", "region": "r"}}
    assert (made["labels"], made["hakobune"]["test"]["duplicates"]) == ({"a": "b", "c": "d"}, 1)
    flags = ("--clear-destination-run-path", "--no-strict-duplicates", "--test-seed=4", "--clear-labels")
    eventarc("triggers", "update", "t", WHERE, *flags, "--service-account=a@p")
    made = told(eventarc, "triggers", "describe", "t", WHERE)
    assert made["destination"] == {"cloudRun": {"service": "svc", "region": "r"}}
    assert made["hakobune"]["test"] == {"duplicates": 1, "delay": "0s", "reorder": "0s", "seed": 4}
    assert ("labels" in made, made["serviceAccount"]) == (False, "a@p")
    eventarc("triggers", "update", "t", WHERE, "--clear-service-account", "--destination-run-job=j")
    made = told(eventarc, "triggers", "describe", "t", WHERE)
    assert ("serviceAccount" in made, made["destination"]) == (False, {"cloudRun": {"job": "j", "region": "r"}})
    nothing = eventarc("triggers", "update", "t", WHERE)
    assert "Must specify at least one field to update." in nothing.err
    eventarc("triggers", "update", "t", WHERE, "--destination-workflow=w")
    assert eventarc("triggers", "update", "t", WHERE, "--destination-run-path=/x").code != 0


def test_with_async_the_operation_is_printed(eventarc: Call, project: str) -> None:
    create(eventarc)
    for words in (["update", "t", "--update-labels=a=b"], ["delete", "t"]):
        done = eventarc("triggers", words[0], *words[1:], WHERE, "--async", "--format=value(name)")
        assert done.out.startswith(f"projects/{project}/locations/us-central1/operations/")
    assert eventarc("triggers", "describe", "t", WHERE).code == 1
    create(eventarc, trigger="v")
    done = eventarc("triggers", "delete", f"projects/{project}/locations/us-central1/triggers/v")
    assert done.err == f"Deleting trigger [v] in project [{project}], location [us-central1]...done.\n"


# -- providers, channels, events -------------------------------------------------------------------------------------


def test_providers_and_channels_are_shown(eventarc: Call) -> None:
    listed = eventarc("providers", "list", WHERE, "--name=storage")
    assert listed.lines == ["NAME                    LOCATION", "storage.googleapis.com  us-central1"]
    provider = told(eventarc, "providers", "describe", "pubsub.googleapis.com", WHERE)
    assert provider["displayName"] == "Cloud Pub/Sub"
    assert eventarc("channels", "create", "c", WHERE).err == "Created channel [c].\n"
    assert told(eventarc, "channels", "describe", "c", WHERE)["state"] == "ACTIVE"
    assert eventarc("channels", "list").lines[1].split() == ["c", "ACTIVE", "us-central1"]
    event = ("--event-id=1", "--event-type=a", "--event-source=b")
    assert "is no JSON" in eventarc("channels", "publish", "c", WHERE, *event, "--event-data={").err
    assert "--event-data: Must be specified" in eventarc("channels", "publish", "c", WHERE, *event).err
    assert eventarc("channels", "publish", "c", WHERE, *event, "--event-data={}").code == 0
    operation = eventarc("channels", "create", "d", WHERE, "--async", "--format=value(done)")
    assert operation.out == "True\n"
    assert eventarc("channels", "delete", "d", WHERE, "--async", "--format=value(done)").out == "True\n"
    assert eventarc("channels", "delete", "c", WHERE).err == "Deleted channel [c].\n"


def test_locations_are_shown(eventarc: Call) -> None:
    head, *names = eventarc("locations", "list").lines
    assert head == "NAME"
    assert "us-central1" in names
    assert told(eventarc, "locations", "describe", "us-central1")["locationId"] == "us-central1"
    assert "is not the id of a location" in eventarc("locations", "describe", "a/b").err


def test_deliveries_are_listed_and_repeated(eventarc: Call, project: str, runtime: RuntimeProcess) -> None:
    eventarc("channels", "create", "c", WHERE)
    create(eventarc, "--event-filters=type=a", "--channel=c", "--destination-http-endpoint-uri=http://127.0.0.1:9/x")
    event = ("--event-id=1", "--event-type=a", "--event-source=b", "--event-data={}")
    eventarc("channels", "publish", "c", WHERE, *event)
    end = time.monotonic() + 20
    while "refused" not in eventarc("events", "list", "--state=pending").out.lower():
        assert time.monotonic() < end, eventarc("events", "list").out
        time.sleep(0.02)
    head, line = eventarc("events", "list", "--trigger=t", WHERE).lines
    assert head.split() == ["EVENT", "TRIGGER", "TYPE", "SUBJECT", "STATE", "ATTEMPTS", "ANSWER"]
    assert line.split()[1:6] == ["t", "a", "b", "PENDING", "1"]
    name = eventarc("events", "list", "--format=value(name)").out.strip()
    again = eventarc("events", "redeliver", name)
    assert again.err == f"Event [{name.rpartition('/')[2]}] is delivered again.\n"
    assert eventarc("events", "redeliver", name.rpartition("/")[2], "--trigger=t", WHERE, "--anew").code == 0
    assert "--trigger: Must be specified" in eventarc("events", "redeliver", "x").err
    assert "is not a full name" in eventarc("events", "redeliver", "x/y").err
    assert eventarc("events", "list", "--state=settled").out == ""
