"""`hakobune pubsub …` against a running server. What is compared with gcloud 528 stands as it prints it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from command_calls import Call

AVRO = '{"type": "record", "name": "A", "fields": [{"name": "k", "type": "string"}]}'
AVRO_2 = AVRO.replace("}]", '}, {"name": "z", "type": "string", "default": ""}]')


@pytest.fixture
def pubsub(command: Call) -> Call:
    """`pubsub("topics", "list")` runs `hakobune pubsub topics list`, in a project of this test."""
    return partial(command, "pubsub")


@pytest.fixture
def topic(pubsub: Call) -> str:
    assert pubsub("topics", "create", "uploads").code == 0
    return "uploads"


@pytest.fixture
def worker(pubsub: Call, topic: str) -> str:
    assert pubsub("subscriptions", "create", "worker", f"--topic={topic}").code == 0
    return "worker"


def published(pubsub: Call, topic: str, *flags: str) -> str:
    done = pubsub("topics", "publish", topic, *flags, "--format=value(messageIds[0])")
    assert done.code == 0, done.err
    return done.out.strip()


# -- topics -------------------------------------------------------------------------------------------------------


def test_given_topics_when_they_are_created_then_each_is_told_and_those_that_fail_fail_the_command(
    pubsub: Call, project: str, topic: str
) -> None:
    done = pubsub("topics", "create", "one", "uploads", "two", "--labels=a=b", "--format=json")
    name = f"projects/{project}/topics"
    assert done.code == 1
    assert [made["name"] for made in json.loads(done.out)] == [f"{name}/one", f"{name}/two"]
    lines = done.err.splitlines()
    assert lines[0] == f"Created topic [{name}/one]."
    assert lines[1].startswith(f"ERROR: Failed to create topic [{name}/uploads]: Topic already exists")
    assert lines[2] == f"Created topic [{name}/two]."
    assert lines[3] == "ERROR: (hakobune.pubsub.topics.create) Failed to create the following: [uploads]."


def test_given_a_topic_when_it_is_created_then_nothing_is_printed_but_that_it_is_there(
    pubsub: Call, project: str
) -> None:
    done = pubsub("topics", "create", "one")
    assert (done.code, done.out, done.err) == (0, "", f"Created topic [projects/{project}/topics/one].\n")
    assert pubsub("topics", "describe", "one").out == f"name: projects/{project}/topics/one\n"
    assert pubsub("topics", "list").out == f"---\nname: projects/{project}/topics/one\n"
    assert pubsub("topics", "list", "--format=value(name.basename())").out == "one\n"
    assert pubsub("topics", "list", "--uri").out.endswith(f"/v1/projects/{project}/topics/one\n")


def test_given_a_full_name_or_a_url_then_the_project_is_that_of_the_name(
    pubsub: Call, project: str, topic: str
) -> None:
    name = f"projects/{project}/topics/{topic}"
    for text in (name, f"https://pubsub.googleapis.com/v1/{name}"):
        assert pubsub("topics", "describe", text, "--project=other", "--format=value(name)").out.strip() == name
    wrong = pubsub("topics", "describe", f"projects/{project}/subscriptions/{topic}")
    assert (wrong.code, "is not a full name" in wrong.err) == (2, True)


def test_given_a_topic_when_flags_change_it_then_only_that_changes(pubsub: Call, project: str, topic: str) -> None:
    changed = ("--format=json", "topics", "update", topic)
    done = pubsub(*changed, "--update-labels=a=b,c=d", "--message-retention-duration=1d")
    assert done.err == f"Updated topic [projects/{project}/topics/{topic}].\n"
    assert json.loads(done.out)["labels"] == {"a": "b", "c": "d"}
    found = json.loads(pubsub(*changed, "--remove-labels=a", "--clear-message-retention-duration").out)
    assert (found["labels"], "messageRetentionDuration" in found) == ({"c": "d"}, False)
    assert "labels" not in json.loads(pubsub(*changed, "--clear-labels").out)
    assert pubsub("topics", "update", topic, "--remove-labels=zz").err == "No update to perform.\n"
    none = pubsub("topics", "update", topic)
    assert (none.code, "Must specify at least one field to update." in none.err) == (1, True)


def test_given_a_message_when_it_is_published_then_its_id_is_printed(pubsub: Call, topic: str) -> None:
    done = pubsub("topics", "publish", topic, "--message=hello", "--attribute=a=1,b=2")
    assert done.code == 0
    assert done.out.startswith("messageIds:\n- '")
    empty = pubsub("topics", "publish", topic, "--message=")
    assert (empty.code, "You cannot send an empty message." in empty.err) == (1, True)


def test_given_a_topic_that_is_gone_then_its_name_is_in_the_error(pubsub: Call) -> None:
    done = pubsub("topics", "publish", "gone", "--message=x")
    assert (done.code, "ERROR: (hakobune.pubsub.topics.publish) NOT_FOUND: Topic not found" in done.err) == (1, True)


def test_given_topics_when_they_are_deleted_then_each_is_told(pubsub: Call, project: str, topic: str) -> None:
    done = pubsub("topics", "delete", topic, "gone")
    assert done.code == 1
    assert done.err.splitlines()[0] == f"Deleted topic [projects/{project}/topics/{topic}]."
    assert done.err.endswith("Failed to delete the following: [gone].\n")


# -- subscriptions ------------------------------------------------------------------------------------------------


def test_given_all_flags_then_the_subscription_is_so(pubsub: Call, project: str, topic: str) -> None:
    done = pubsub(
        "subscriptions", "create", "full", f"--topic={topic}", "--ack-deadline=20", "--retain-acked-messages",
        "--message-retention-duration=1d", "--expiration-period=never", f"--dead-letter-topic={topic}",
        "--max-delivery-attempts=7", "--min-retry-delay=1s", "--max-retry-delay=20s", "--labels=a=b",
        '--message-filter=attributes.kind = "a"', "--enable-message-ordering", "--enable-exactly-once-delivery",
        "--format=json",
    )  # fmt: skip
    (found,) = json.loads(done.out)
    expected = {
        "name": f"projects/{project}/subscriptions/full",
        "topic": f"projects/{project}/topics/{topic}",
        "ackDeadlineSeconds": 20,
        "retainAckedMessages": True,
        "messageRetentionDuration": "86400s",
        "expirationPolicy": {},
        "deadLetterPolicy": {"deadLetterTopic": f"projects/{project}/topics/{topic}", "maxDeliveryAttempts": 7},
        "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "20s"},
        "labels": {"a": "b"},
        "filter": 'attributes.kind = "a"',
        "enableMessageOrdering": True,
        "enableExactlyOnceDelivery": True,
    }
    assert expected.items() <= found.items()
    assert done.err == f"Created subscription [projects/{project}/subscriptions/full].\n"


def test_given_push_flags_then_the_config_is_so_and_can_be_changed(pubsub: Call, project: str, topic: str) -> None:
    pubsub(
        "subscriptions", "create", "hook", f"--topic={topic}", "--push-endpoint=http://127.0.0.1:9/x",
        "--push-auth-service-account=a@b.iam.gserviceaccount.com", "--push-auth-token-audience=me",
        "--push-no-wrapper", "--push-no-wrapper-write-metadata",
    )  # fmt: skip
    assert json.loads(pubsub("subscriptions", "describe", "hook", "--format=json").out)["pushConfig"] == {
        "pushEndpoint": "http://127.0.0.1:9/x",
        "oidcToken": {"serviceAccountEmail": "a@b.iam.gserviceaccount.com", "audience": "me"},
        "noWrapper": {"writeMetadata": True},
    }
    done = pubsub("subscriptions", "modify-push-config", "hook", "--push-endpoint=")
    assert (done.code, done.err) == (0, f"Updated subscription [projects/{project}/subscriptions/hook].\n")
    assert json.loads(pubsub("subscriptions", "describe", "hook", "--format=json").out)["pushConfig"] == {}


@pytest.mark.parametrize(
    ("flags", "code", "text"),
    [
        ((), 2, "argument (--topic : --topic-project=TOPIC_PROJECT): Must be specified."),
        (("--topic=gone",), 1, "Subscription topic does not exist"),
        (("--topic=uploads", '--message-filter=a == "b"'), 1, "Failed to create subscription"),
        (("--topic=uploads", "--message-filter="), 1, "Filter string must be non-empty."),
        (("--topic=uploads", "--max-delivery-attempts=6"), 1, "Missing required argument [DEAD_LETTER_TOPIC]"),
        (("--topic=uploads", "--push-no-wrapper"), 1, "--push-endpoint must be specified."),
        (("--topic=uploads", "--bigquery-table=p.d.t"), 2, "there is no BigQuery here"),
        (("--topic=uploads", "--ack-deadline=5"), 1, "Failed to create subscription"),
        (("--topic=uploads", "--expiration-period=soon"), 2, "argument --expiration-period"),
    ],
)
def test_given_a_subscription_that_cannot_be_then_it_is_said_why(
    pubsub: Call, topic: str, flags: tuple[str, ...], code: int, text: str
) -> None:
    done = pubsub("subscriptions", "create", "wrong", *flags)
    assert (done.code, text in done.err) == (code, True), done.err


def test_given_a_subscription_when_flags_change_it_then_only_that_changes(
    pubsub: Call, project: str, worker: str
) -> None:
    changed = ("--format=json", "subscriptions", "update", worker)
    done = pubsub(*changed, "--ack-deadline=33", "--min-retry-delay=2s", "--update-labels=a=b")
    found = json.loads(done.out)
    assert done.err == f"Updated subscription [projects/{project}/subscriptions/{worker}].\n"
    assert (found["ackDeadlineSeconds"], found["labels"]) == (33, {"a": "b"})
    assert found["retryPolicy"]["minimumBackoff"] == "2s"
    found = json.loads(pubsub(*changed, "--clear-retry-policy", "--message-retention-duration=default").out)
    assert ("retryPolicy" in found, found["messageRetentionDuration"]) == (False, "604800s")
    none = pubsub("subscriptions", "update", worker)
    assert (none.code, "Must specify at least one field to update." in none.err) == (1, True)
    both = pubsub("subscriptions", "update", worker, "--clear-retry-policy", "--min-retry-delay=2s")
    assert (both.code, "At most one of" in both.err) == (2, True)


def test_given_subscriptions_then_lists_name_them(pubsub: Call, project: str, topic: str, worker: str) -> None:
    name = f"projects/{project}/subscriptions/{worker}"
    assert pubsub("subscriptions", "list", "--format=value(name)").out.strip() == name
    assert pubsub("topics", "list-subscriptions", topic).out == f"---\n  {name}\n"
    assert json.loads(pubsub("topics", "list-subscriptions", topic, "--format=json").out) == [name]
    assert pubsub("topics", "detach-subscription", worker).err == f"Detached subscription [{name}].\n"
    refused = pubsub("subscriptions", "pull", worker)
    assert (refused.code, "FAILED_PRECONDITION" in refused.err) == (1, True)
    assert pubsub("subscriptions", "delete", worker).err == f"Deleted subscription [{name}].\n"
    assert pubsub("subscriptions", "list").err == "Listed 0 items.\n"


# -- messages -----------------------------------------------------------------------------------------------------


def test_given_a_message_when_it_is_pulled_then_the_table_is_as_gcloud_draws_it(
    pubsub: Call, topic: str, worker: str
) -> None:
    number = published(pubsub, topic, "--message=日本語", "--attribute=b=2,a=1", "--ordering-key=k")
    width = max(10, len(number))
    lines = pubsub("subscriptions", "pull", worker, "--auto-ack").lines
    heading = ["  DATA  ", f"{'MESSAGE_ID':^{width + 2}}", " ORDERING_KEY ", " ATTRIBUTES ", " DELIVERY_ATTEMPT "]
    assert lines[1].startswith("│" + "│".join(heading))
    assert lines[1].endswith("│ ACK_STATUS │")
    first = [" 日本語 ", f" {number:<{width}} ", f" {'k':<12} ", f" {'a=1':<10} ", " " * 18, f" {'SUCCESS':<10} "]
    second = [" " * 8, " " * (width + 2), " " * 14, f" {'b=2':<10} ", " " * 18, " " * 12]
    assert lines[3:5] == ["│" + "│".join(first) + "│", "│" + "│".join(second) + "│"]
    assert pubsub("subscriptions", "pull", worker, "--auto-ack").err == "Listed 0 items.\n"


def test_given_messages_without_auto_ack_then_their_ack_ids_can_be_used(
    pubsub: Call, project: str, topic: str, worker: str
) -> None:
    for text in ("one", "two"):
        published(pubsub, topic, f"--message={text}")
    form = "--format=value(ackId)"
    ids = pubsub("subscriptions", "pull", worker, "--limit=10", form).out.split()
    assert len(ids) == 2
    done = pubsub("subscriptions", "ack", worker, f"--ack-ids={ids[0]}")
    assert (done.code, done.out) == (0, "{}\n")
    assert done.err == f"Acked the messages with the following ackIds: [{ids[0]}]\n"
    done = pubsub("subscriptions", "modify-message-ack-deadline", worker, f"--ack-ids={ids[1]}", "--ack-deadline=0")
    name = f"projects/{project}/subscriptions/{worker}"
    said = f"Set ackDeadlineSeconds to [0] for messages with ackId [{ids[1]}]] for subscription [{name}]\n"
    assert (done.code, done.err) == (0, said)
    assert pubsub("subscriptions", "pull", worker, "--format=value(message.data.decode(base64))").out == "two\n"
    assert pubsub("subscriptions", "ack", worker).code == 2
    assert pubsub("subscriptions", "ack", worker, "--ack-ids=nonsense").code == 1


def test_given_exactly_once_when_an_old_ack_id_is_used_then_it_is_told(pubsub: Call, topic: str) -> None:
    pubsub("subscriptions", "create", "once", f"--topic={topic}", "--enable-exactly-once-delivery")
    published(pubsub, topic, "--message=x")
    old = pubsub("subscriptions", "pull", "once", "--format=value(ackId)").out.strip()
    pubsub("subscriptions", "modify-message-ack-deadline", "once", f"--ack-ids={old}", "--ack-deadline=0")
    pubsub("subscriptions", "pull", "once")
    done = pubsub("subscriptions", "ack", "once", f"--ack-ids={old}", "--format=json")
    assert done.code == 0
    assert done.err.splitlines()[1] == f"Failed to ack the messages with the following ackIds: [{old}]"
    assert json.loads(done.out) == [{"AckId": old, "FailureReason": "PERMANENT_FAILURE_INVALID_ACK_ID"}]


# -- seek and snapshots -------------------------------------------------------------------------------------------


def test_given_a_snapshot_when_it_is_sought_to_then_its_messages_come_again(
    pubsub: Call, project: str, topic: str, worker: str
) -> None:
    published(pubsub, topic, "--message=again")
    snapshot = f"projects/{project}/snapshots/before"
    done = pubsub("snapshots", "create", "before", f"--subscription={worker}", "--format=json")
    assert done.err == f"Created snapshot [{snapshot}].\n"
    (found,) = json.loads(done.out)
    assert (found["snapshotId"], sorted(found)) == (snapshot, ["expireTime", "snapshotId", "topic"])
    pubsub("subscriptions", "pull", worker, "--auto-ack")
    done = pubsub("subscriptions", "seek", worker, "--snapshot=before")
    assert done.out == f"snapshotId: {snapshot}\nsubscriptionId: projects/{project}/subscriptions/{worker}\n"
    text = pubsub("subscriptions", "pull", worker, "--auto-ack", "--format=value(message.data.decode(base64))")
    assert text.out == "again\n"
    row = pubsub("snapshots", "list").lines[3].split()
    assert row[1:6:2] == [project, "before", topic]
    assert pubsub("snapshots", "describe", "before", "--format=value(name)").out == f"{snapshot}\n"
    assert json.loads(pubsub("topics", "list-snapshots", topic, "--format=json").out) == [snapshot]
    assert pubsub("snapshots", "delete", "before").err == f"Deleted snapshot [{snapshot}].\n"
    gone = pubsub("snapshots", "delete", "before")
    assert (gone.code, gone.err.endswith("Failed to delete the following: [before].\n")) == (1, True)


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-01-01T09:00:00Z", "2026-01-01T09:00:00.000000Z"),
        ("2026-01-01T09:00:00+09:00", "2026-01-01T00:00:00.000000Z"),
        ("-PT10M", ""),
        ("-P1DT2H", ""),
    ],
)
def test_given_an_instant_when_it_is_sought_to_then_it_is_printed(
    pubsub: Call, worker: str, time: str, shown: str
) -> None:
    done = pubsub("subscriptions", "seek", worker, f"--time={time}", "--format=value(time)")
    assert done.code == 0, done.err
    assert not shown or done.out.strip() == shown


@pytest.mark.parametrize("time", ["rubbish", "P", "2026-99-01", "-PT99999999999999999999H"])
def test_given_no_instant_then_it_is_refused(pubsub: Call, worker: str, time: str) -> None:
    done = pubsub("subscriptions", "seek", worker, f"--time={time}")
    assert (done.code, "argument --time: Failed to parse date/time" in done.err) == (2, True)
    assert pubsub("subscriptions", "seek", worker).code == 2
    assert pubsub("snapshots", "create", "one").code == 2


# -- schemas ------------------------------------------------------------------------------------------------------


def test_given_a_schema_then_it_is_kept_shown_and_deleted(pubsub: Call, project: str, tmp_path: Path) -> None:
    (tmp_path / "a.avsc").write_text(AVRO)
    done = pubsub("schemas", "create", "upload", "--type=avro", "--definition-file=a.avsc", "--format=json")
    made = json.loads(done.out)
    assert (done.err, made["type"], made["definition"]) == ("Created schema [upload].\n", "AVRO", AVRO)
    assert pubsub("schemas", "list").lines[0].split() == ["NAME", "TYPE", "REVISION_ID", "CREATE_TIME"]
    assert pubsub("schemas", "list", "--view=full", "--format=value(definition)").out.strip() == AVRO
    assert pubsub("schemas", "describe", "upload", "--format=value(definition)").out.strip() == AVRO
    refused = pubsub("schemas", "delete", "upload")
    assert (refused.code, "You are about to delete schema [upload]" in refused.err) == (1, True)
    assert pubsub("schemas", "delete", "upload", "-q").err == "Deleted schema [upload].\n"
    assert pubsub("schemas", "list").err == "Listed 0 items.\n"


def test_given_a_schema_when_it_is_revised_then_revisions_are_told(pubsub: Call, project: str) -> None:
    pubsub("schemas", "create", "upload", "--type=avro", f"--definition={AVRO}")
    first = pubsub("schemas", "describe", "upload", "--format=value(revisionId)").out.strip()
    done = pubsub("schemas", "commit", "upload", "--type=avro", f"--definition={AVRO_2}", "--format=value(revisionId)")
    second = done.out.strip()
    assert done.err.startswith(f"Created schema revision [projects/{project}/schemas/upload")
    assert pubsub("schemas", "list-revisions", "upload", "--format=value(revisionId)").lines == [second, first]
    assert pubsub("schemas", "rollback", "upload", f"--revision-id={first}").code == 0
    assert pubsub("schemas", "delete-revision", f"upload@{second}").err.startswith("Deleted schema revision [")
    wrong = pubsub("schemas", "commit", "upload", "--type=avro", "--definition=nonsense")
    assert (wrong.code, wrong.err.startswith("ERROR: Failed to create schema revision [")) == (0, True)


def test_given_definitions_and_messages_when_they_are_checked_then_it_is_told(pubsub: Call) -> None:
    pubsub("schemas", "create", "upload", "--type=avro", f"--definition={AVRO}")
    done = pubsub("schemas", "validate-schema", "--type=avro", f"--definition={AVRO}")
    assert (done.code, done.out, done.err) == (0, "", "Schema is valid.\n")
    assert pubsub("schemas", "validate-schema", "--type=avro", "--definition=nonsense").code == 1
    words = ("schemas", "validate-message", "--message-encoding=json")
    assert pubsub(*words, '--message={"k": "v"}', "--schema-name=upload").err == "Message is valid.\n"
    inline = ("--type=avro", f"--definition={AVRO}")
    assert pubsub(*words, '--message={"k": "v"}', *inline).err == "Message is valid.\n"
    assert pubsub(*words, '--message={"k": 5}', "--schema-name=upload").code == 1
    assert pubsub("schemas", "validate-schema", "--type=avro").code == 2
    assert pubsub("schemas", "create", "other", f"--definition={AVRO}").code == 2


def test_given_a_topic_with_a_schema_then_its_encoding_is_needed(pubsub: Call, project: str) -> None:
    pubsub("schemas", "create", "upload", "--type=avro", f"--definition={AVRO}")
    assert pubsub("topics", "create", "typed", "--schema=upload").code == 2
    done = pubsub("topics", "create", "typed", "--schema=upload", "--message-encoding=json", "--format=json")
    (made,) = json.loads(done.out)
    assert made["schemaSettings"] == {"schema": f"projects/{project}/schemas/upload", "encoding": "JSON"}
    assert "schemaSettings" not in json.loads(
        pubsub("topics", "update", "typed", "--clear-schema-settings", "--format=json").out
    )
