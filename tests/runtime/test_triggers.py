"""Triggers over a whole runtime: who is told of what, how often, and what a crash leaves of it."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from house import JOBS, declared
from schedules_world import ACCOUNT, answered
from triggers_world import (
    ARCHIVED,
    AUDIT,
    DELETED,
    ENDPOINT,
    FINALIZED,
    JOB,
    LOCATION,
    MESSAGE,
    TRIGGERS,
    UPDATED,
    WORKFLOW,
    filters,
    restart,
    triggers,
)

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble

pytestmark = pytest.mark.anyio
DAY_S = 86_400


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def refuse(request: HttpRequest) -> HttpResponse:
    return answered(500)


def data(world: Any, place: int = 0) -> Any:
    return json.loads(world.target.got[place][1].body)


# -- Cloud Storage ---------------------------------------------------------------------------------------------------


async def test_given_a_trigger_when_an_object_is_uploaded_then_its_destination_is_told_as_eventarc_does(
    tmp_path: Path,
) -> None:
    async with triggers(tmp_path) as world:
        await world.create()
        await world.upload("in/movie%201.mp4")
        await world.settled()
        ((_, request),) = world.target.got
        assert (request.method, request.url) == ("POST", ENDPOINT)
        headers = world.headers[0]
        assert headers["content-type"] == "application/json"
        assert headers["ce-type"] == FINALIZED
        assert headers["ce-source"] == "//storage.googleapis.com/projects/_/buckets/b01"
        assert headers["ce-subject"] == "objects/in/movie%201.mp4"
        assert headers["ce-bucket"] == "b01"
        assert headers["ce-time"].startswith("2027-01-15T08:00:0")
        assert "authorization" not in headers
        told = data(world)
        assert (told["name"], told["bucket"], told["size"]) == ("in/movie 1.mp4", "b01", "8")
        assert isinstance(told["generation"], str)
        assert "acl" not in told
        (event,) = await world.events()
        assert (event["state"], event["attempts"], event["lastAttempt"]) == ("DELIVERED", 1, {"status": 200})
        assert event["event"]["data"] == told


async def test_each_change_of_an_object_has_its_own_type_and_triggers_hear_of_theirs_alone(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.bucket("versioned", versioning={"enabled": True})
        for number, event_type in enumerate((FINALIZED, DELETED, ARCHIVED, UPDATED)):
            for bucket in ("b01", "versioned"):
                await world.create(f"t{number}-{bucket}", eventFilters=filters(event_type, bucket=bucket))
        for bucket in ("b01", "versioned"):
            await world.upload("a", bucket)
            await world.upload("a", bucket)  # in place of the first
            await world.house.ok("PATCH", f"/storage/v1/b/{bucket}/o/a", {"metadata": {"k": "v"}})
            await world.settled()
        told = sorted((headers["ce-bucket"], headers["ce-type"].rpartition(".")[2]) for headers in world.headers)
        assert told == [
            ("b01", "deleted"),
            ("b01", "finalized"),
            ("b01", "finalized"),
            ("b01", "metadataUpdated"),
            ("versioned", "archived"),
            ("versioned", "finalized"),
            ("versioned", "finalized"),
            ("versioned", "metadataUpdated"),
        ]


async def test_given_no_trigger_that_wants_it_then_a_change_leaves_nothing(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.create()
        await world.bucket("other")
        await world.upload("a", "other")
        await world.house.call("POST", "/upload/storage/v1/b/none/o?uploadType=media&name=x", {})
        await world.settled()
        assert (world.target.got, await world.events()) == ([], [])


async def test_a_trigger_that_is_deleted_or_changed_counts_from_that_instant_on(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.bucket("b02")
        await world.create()
        moved = {"eventFilters": filters(FINALIZED, bucket="b02")}
        await world.house.ok("PATCH", f"{TRIGGERS}/t?updateMask=eventFilters", moved)
        await world.upload("a")
        await world.upload("b", "b02")
        await world.settled()
        assert [headers["ce-bucket"] for headers in world.headers] == ["b02"]
        await world.house.ok("DELETE", f"{TRIGGERS}/t")
        await world.upload("c", "b02")
        await world.settled()
        assert len(world.target.got) == 1
        assert (await world.house.call("GET", f"{TRIGGERS}/t"))[0] == 404


# -- HTTP ------------------------------------------------------------------------------------------------------------


async def test_a_service_is_called_by_its_url_with_an_id_token_for_it(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.house.settings.service_urls["svc"] = "http://127.0.0.1:77"  # type: ignore[index]
        destination = {"cloudRun": {"service": "svc", "region": "asia-northeast1", "path": "x/y"}}
        await world.create(destination=destination, serviceAccount=ACCOUNT)
        await world.upload()
        await world.settled()
        ((_, request),) = world.target.got
        assert request.url == "http://127.0.0.1:77/x/y"
        account, _, audience = world.headers[0]["authorization"].removeprefix("Bearer ").partition(" for ")
        assert account == ACCOUNT
        assert audience.startswith("https://svc-")
        assert audience.endswith(".asia-northeast1.run.app")


async def test_given_a_service_that_is_not_there_then_the_trigger_says_so_and_events_wait_for_it(
    tmp_path: Path,
) -> None:
    async with triggers(tmp_path) as world:
        made = await world.create(destination={"cloudRun": {"service": "svc"}})
        gone = made["conditions"]["DESTINATION_NOT_FOUND"]["message"]
        assert gone.startswith(f"Service {LOCATION}/services/svc does not exist: deploy it.")
        await world.upload()
        await world.settled()
        condition = (await world.get())["conditions"]["DELIVERY_FAILED"]
        assert condition["code"] == "UNAVAILABLE"
        assert "it answered 404" in condition["message"]
        world.house.settings.service_urls["svc"] = "http://127.0.0.1:77"  # type: ignore[index]
        await anyio.sleep(10)
        assert [request.url for _, request in world.target.got] == ["http://127.0.0.1:77/"]
        assert "conditions" not in await world.get()


async def test_a_token_never_goes_over_plain_http_to_another_machine(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.create(destination={"httpEndpoint": {"uri": "http://example.test/x"}}, serviceAccount=ACCOUNT)
        await world.upload()
        await world.settled()
        assert world.target.got == []
        assert "it gets no token" in (await world.get())["conditions"]["DELIVERY_FAILED"]["message"]


async def test_a_host_that_nobody_may_call_is_told_so(tmp_path: Path) -> None:
    async def refused(request: HttpRequest) -> NoResponse:
        return NoResponse(trouble=Trouble.INVALID, detail="metadata is a link-local address: workflows may not call it")

    async with triggers(tmp_path) as world:
        world.target.reply = refused
        await world.create()
        await world.upload()
        await world.settled()
        message = (await world.get())["conditions"]["DELIVERY_FAILED"]["message"]
        assert message.endswith("metadata is a link-local address: no trigger may call it")


async def test_a_failed_delivery_is_repeated_with_the_same_event_after_growing_waits(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.target.reply = refuse
        await world.create()
        await world.upload()
        await anyio.sleep(3_000)
        waits = [round(later - sooner) for (sooner, _), (later, _) in pairwise(world.target.got)]
        assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]
        assert len(set(world.ids)) == 1
        (event,) = await world.events(query="?state=pending")
        assert event["lastAttempt"] == {"status": 500, "message": "it answered 500"}
        assert await world.events(query="?state=settled") == []


async def test_after_a_day_an_event_is_dropped_unless_there_is_a_dead_letter_topic(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.target.reply = refuse
        await world.create()
        await world.upload()
        await anyio.sleep(DAY_S + 1_200)
        (event,) = await world.events()
        assert event["state"] == "DROPPED"
        assert "conditions" not in await world.get()


async def test_the_settings_of_the_triggers_subscription_rule(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.target.reply = refuse
        subscription = (await world.create())["transport"]["pubsub"]["subscription"]
        await world.house.ok("PUT", "/v1/projects/p/topics/dead", {})
        await world.house.ok("PUT", "/v1/projects/p/subscriptions/letters", {"topic": "projects/p/topics/dead"})
        settings = {
            "subscription": {
                "name": subscription,
                "deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 5},
                "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "2s"},
            },
            "updateMask": "deadLetterPolicy,retryPolicy",
        }
        await world.house.ok("PATCH", f"/v1/{subscription}", settings)
        await world.upload()
        await anyio.sleep(60)
        waits = [round(later - sooner) for (sooner, _), (later, _) in pairwise(world.target.got)]
        assert waits == [1, 2, 2, 2]
        (event,) = await world.events()
        assert event["state"] == "DEAD_LETTERED"
        pulled = await world.house.ok("POST", "/v1/projects/p/subscriptions/letters:pull", {"maxMessages": 5})
        (received,) = pulled["receivedMessages"]
        attributes = received["message"]["attributes"]
        assert attributes["ce-type"] == FINALIZED
        assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
        assert json.loads(base64.b64decode(received["message"]["data"]))["name"] == "a.txt"


async def test_one_attempt_at_most_is_one_attempt(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.house.settings.service_urls["svc"] = "http://127.0.0.1:77"  # type: ignore[index]
        world.target.reply = refuse
        await world.create(destination={"cloudRun": {"service": "svc"}}, retryPolicy={"maxAttempts": 1})
        await world.upload()
        await anyio.sleep(3_000)
        assert len(world.target.got) == 1


async def test_a_destination_that_hangs_or_cannot_be_reached_has_failed(tmp_path: Path) -> None:
    async def hang(request: HttpRequest) -> HttpResponse | NoResponse:
        if len(world.target.got) > 1:
            return NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="connection refused")
        await anyio.sleep(10_000)
        raise AssertionError

    async with triggers(tmp_path) as world:
        world.target.reply = hang
        await world.create()
        await world.upload()
        await anyio.sleep(11)
        (event,) = await world.events()
        assert event["lastAttempt"]["message"].startswith("no answer within 10 s, the ack deadline")
        await anyio.sleep(10)
        (event,) = await world.events()
        assert event["lastAttempt"] == {"message": "connection refused"}


# -- workflows and jobs ----------------------------------------------------------------------------------------------


async def test_a_workflow_gets_the_event_as_its_argument(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.workflow()
        await world.create(destination={"workflow": WORKFLOW})
        await world.upload("a")
        await world.settled()
        (execution,) = await world.executions()
        argument = json.loads(execution["argument"])
        assert set(argument) == {
            "specversion", "id", "type", "source", "subject", "time", "datacontenttype", "bucket", "data",
        }  # fmt: skip
        assert argument["data"]["generation"].isdigit()
        assert execution["result"] == '"a"'
        (event,) = await world.events()
        assert event["lastAttempt"] == {"status": 200, "started": execution["name"]}


async def test_a_workflow_that_fails_is_not_told_again_and_one_that_is_missing_is(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.create(destination={"workflow": WORKFLOW})
        await world.upload("a")
        await world.settled()
        assert (await world.get())["conditions"]["DESTINATION_NOT_FOUND"]["code"] == "NOT_FOUND"
        await world.workflow("main:\n  steps:\n  - bad:\n      raise: no\n")
        await anyio.sleep(1_000)
        (execution,) = await world.executions()
        assert execution["state"] == "FAILED"
        assert "conditions" not in await world.get()


async def test_duplicates_of_an_event_start_a_workflow_once_unless_each_is_to_count(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.workflow()
        test = {"duplicates": 2, "delay": "5s", "reorder": "3s", "seed": 4}
        await world.create(destination={"workflow": WORKFLOW}, hakobune={"test": test})
        await world.upload("a")
        await anyio.sleep(4.9)
        assert await world.executions() == []
        await anyio.sleep(10)
        events = await world.events()
        assert [event["state"] for event in events] == ["DELIVERED"] * 3
        assert len({event["lastAttempt"]["started"] for event in events}) == len(await world.executions()) == 1
        strict = {"hakobune": {"strictDuplicates": True, "test": test}}
        await world.house.ok("PATCH", f"{TRIGGERS}/t?updateMask=hakobune", strict)
        await world.upload("b")
        await anyio.sleep(20)
        assert len(await world.executions()) == 4


async def test_a_job_is_run_with_the_event_in_its_environment_once(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.create(destination={"cloudRun": {"job": "one"}}, hakobune={"test": {"duplicates": 1}})
        await world.upload("a")
        await world.settled()
        assert (await world.get())["conditions"]["DESTINATION_NOT_FOUND"]["message"].startswith(f"Job {JOB} does not")
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        await anyio.sleep(20)
        (execution,) = (await world.house.ok("GET", f"{JOBS}/one/executions"))["executions"]
        variables = {one["name"]: one["value"] for one in execution["template"]["containers"][0]["env"]}
        assert variables["CE_TYPE"] == FINALIZED
        assert json.loads(variables["CE_DATA"])["name"] == "a"
        started = {event["lastAttempt"]["started"] for event in await world.events()}
        assert started == {execution["name"]}


# -- Pub/Sub ---------------------------------------------------------------------------------------------------------


async def test_a_message_is_told_with_its_envelope_and_acknowledged(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        made = await world.create(eventFilters=filters(MESSAGE))
        topic, subscription = (made["transport"]["pubsub"][name] for name in ("topic", "subscription"))
        assert topic.startswith("projects/p/topics/eventarc-us-central1-t-")
        assert subscription.startswith("projects/p/subscriptions/eventarc-us-central1-t-sub-")
        message = {"data": "aGk=", "attributes": {"k": "v"}}
        published = await world.house.ok("POST", f"/v1/{topic}:publish", {"messages": [message]})
        await world.settled()
        headers = world.headers[0]
        assert headers["ce-id"] == published["messageIds"][0]
        assert headers["ce-source"] == f"//pubsub.googleapis.com/{topic}"
        assert headers["ce-type"] == MESSAGE
        assert "ce-subject" not in headers
        told = data(world)
        assert told["subscription"] == subscription
        assert {name: told["message"][name] for name in message} == message
        assert told["message"]["publishTime"] == told["message"]["publish_time"] == headers["ce-time"]
        await restart(world)
        await anyio.sleep(100)
        assert len(world.target.got) == 1
        await world.house.ok("DELETE", f"{TRIGGERS}/t")
        for name in (topic, subscription):
            assert (await world.house.call("GET", f"/v1/{name}"))[0] == 404


async def test_a_topic_of_the_user_stays_and_must_be_there(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        body = {
            "eventFilters": filters(MESSAGE),
            "destination": {"httpEndpoint": {"uri": ENDPOINT}},
            "transport": {"pubsub": {"topic": "projects/p/topics/mine"}},
        }
        status, answer = await world.house.call("POST", f"{TRIGGERS}?triggerId=t", body)
        assert status == 404
        assert "create it first" in answer["error"]["message"]
        await world.house.ok("PUT", "/v1/projects/p/topics/mine", {})
        await world.create(**body)
        await world.house.ok("POST", "/v1/projects/p/topics/mine:publish", {"messages": [{"data": "aGk="}]})
        await world.settled()
        assert len(world.target.got) == 1
        await world.house.ok("DELETE", f"{TRIGGERS}/t")
        await world.house.ok("GET", "/v1/projects/p/topics/mine")


async def test_messages_wait_for_their_destination_over_a_restart(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.target.reply = refuse
        topic = (await world.create(eventFilters=filters(MESSAGE)))["transport"]["pubsub"]["topic"]
        messages = [{"data": "aGk="}] * 3
        await world.house.ok("POST", f"/v1/{topic}:publish", {"messages": messages})
        await world.settled()
        await restart(world)
        world.target.reply = type(world.target)().reply
        world.target.got.clear()
        await anyio.sleep(30)
        assert len(set(world.ids)) == len(world.ids) == 3


# -- calls and custom events -----------------------------------------------------------------------------------------


async def test_calls_that_change_something_are_told_to_those_who_want_it(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        wanted = filters(AUDIT, serviceName="storage.googleapis.com", methodName="storage.objects.create")
        pattern = {
            "attribute": "resourceName",
            "value": "projects/_/buckets/*/objects/in/**",
            "operator": "match-path-pattern",
        }
        await world.create(eventFilters=[*wanted, pattern])
        await world.create(
            "runs",
            eventFilters=filters(AUDIT, serviceName="run.googleapis.com", methodName="google.cloud.run.v2.Jobs.RunJob"),
        )
        await world.upload("in/a")
        await world.upload("out/a")
        await world.house.ok("GET", "/storage/v1/b/b01/o/in%2Fa")
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        await world.house.call("POST", f"{JOBS}/none:run", {})
        await world.house.ok("POST", f"{JOBS}/one:run", {})
        await world.settled()
        assert sorted(headers["ce-subject"] for headers in world.headers)[1:] == [
            "storage.googleapis.com/projects/_/buckets/b01/objects/in/a"
        ]
        told = {headers["ce-methodname"]: data(world, place) for place, headers in enumerate(world.headers)}
        payload = told["google.cloud.run.v2.Jobs.RunJob"]["protoPayload"]
        assert payload["resourceName"].startswith(f"{LOCATION}/jobs/one/executions/")
        assert payload["authenticationInfo"]["principalEmail"]
        assert world.headers[0]["content-type"] == "application/json; charset=utf-8"


async def test_events_of_a_channel_go_to_its_triggers(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        channel = f"{LOCATION}/channels/c"
        body = {
            "eventFilters": filters("my.type"),
            "destination": {"httpEndpoint": {"uri": ENDPOINT}},
            "channel": channel,
        }
        status, answer = await world.house.call("POST", f"{TRIGGERS}?triggerId=t", body)
        assert (status, answer["error"]["message"]) == (
            404,
            f"trigger.channel: channel '{channel}' does not exist: create it first.",
        )
        await world.house.ok("POST", f"/v1/{LOCATION}/channels?channelId=c", {})
        await world.create(**body)
        event = {"specversion": "1.0", "id": "e1", "source": "//mine", "type": "my.type", "myattr": "x", "data": [1]}
        other = {**event, "id": "e2", "type": "other"}
        texts = [json.dumps(one) for one in (event, other)]
        await world.house.ok("POST", f"/v1/{channel}:publishEvents", {"textEvents": texts})
        await world.settled()
        assert [(headers["ce-id"], headers["ce-myattr"]) for headers in world.headers] == [("e1", "x")]
        assert data(world) == [1]
        await world.house.ok("DELETE", f"/v1/{channel}")
        assert (await world.house.call("POST", f"/v1/{channel}:publishEvents", {"textEvents": texts}))[0] == 404


async def test_the_same_custom_event_with_other_contents_starts_no_second_execution(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.workflow("main:\n  params: [event]\n  steps:\n  - done:\n      return: ${event.id}\n")
        channel = f"{LOCATION}/channels/c"
        await world.house.ok("POST", f"/v1/{LOCATION}/channels?channelId=c", {})
        await world.create(eventFilters=filters("my.type"), destination={"workflow": WORKFLOW}, channel=channel)
        for number in range(2):
            event = {"specversion": "1.0", "id": "e1", "source": "//mine", "type": "my.type", "data": number}
            await world.house.ok("POST", f"/v1/{channel}:publishEvents", {"textEvents": [json.dumps(event)]})
        await world.settled()
        assert len(await world.executions()) == 1
        assert [event["state"] for event in await world.events()] == ["DELIVERED", "DELIVERED"]


# -- crashes and repeats ---------------------------------------------------------------------------------------------


async def test_given_a_crash_while_a_delivery_is_under_way_then_it_is_repeated_with_the_same_id(tmp_path: Path) -> None:
    async def hang(request: HttpRequest) -> HttpResponse:
        await anyio.sleep(8 if len(world.target.got) == 1 else 0)
        return answered(200)

    async with triggers(tmp_path) as world:
        world.target.reply = hang
        await world.create()
        await world.upload()
        await anyio.sleep(1)
        await restart(world)
        await anyio.sleep(5)
        assert len(world.ids) == 2
        assert len(set(world.ids)) == 1
        (event,) = await world.events()
        assert event["attempts"] == 1


async def test_given_a_crash_while_a_retry_is_waited_for_then_it_comes_at_its_time(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.target.reply = refuse
        await world.create()
        await world.upload()
        await anyio.sleep(15)
        await restart(world)
        await anyio.sleep(20)
        waits = [round(later - sooner) for (sooner, _), (later, _) in pairwise(world.target.got)]
        assert waits == [10, 20]


async def test_an_event_can_be_delivered_again_and_a_workflow_started_anew(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.workflow()
        await world.create(destination={"workflow": WORKFLOW})
        await world.upload("a")
        await world.settled()
        (event,) = await world.events()
        again = f"/v1/{event['name']}:redeliver"
        assert (await world.house.ok("POST", again, {}))["state"] == "PENDING"
        await world.settled()
        assert len(await world.executions()) == 1
        await world.house.ok("POST", again, {"anew": True})
        await world.settled()
        assert len(await world.executions()) == 2
        (event,) = await world.events("t")
        assert (event["state"], event["attempts"]) == ("DELIVERED", 3)
        assert (await world.house.call("POST", f"/v1/{LOCATION}/triggers/t/events/none:redeliver", {}))[0] == 404
        assert (await world.house.call("GET", f"{TRIGGERS}/none/events"))[0] == 404


async def test_a_dropped_event_gets_as_much_time_again_when_it_is_asked_for(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.target.reply = refuse
        subscription = (await world.create())["transport"]["pubsub"]["subscription"]
        short = {"subscription": {"name": subscription, "messageRetentionDuration": "600s"}}
        await world.house.ok("PATCH", f"/v1/{subscription}", {**short, "updateMask": "messageRetentionDuration"})
        await world.upload()
        await anyio.sleep(1_200)
        (event,) = await world.events()
        await world.house.ok("POST", f"/v1/{event['name']}:redeliver", {})
        world.target.got.clear()
        await anyio.sleep(100)
        assert len(world.target.got) == 4


async def test_deliveries_that_are_over_are_forgotten_after_a_day(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        await world.create()
        await world.upload()
        await anyio.sleep(DAY_S - 1_000)
        assert len(await world.events()) == 1
        await anyio.sleep(2_000)
        assert await world.events() == []


async def test_events_that_wait_go_with_their_trigger(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        world.target.reply = refuse
        await world.create()
        await world.upload()
        await world.settled()
        await world.house.ok("DELETE", f"{TRIGGERS}/t")
        world.target.got.clear()
        await anyio.sleep(1_000)
        assert world.target.got == []


async def test_an_attempt_that_cannot_be_made_has_failed(tmp_path: Path) -> None:
    async def broken(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("a bug")

    async with triggers(tmp_path) as world:
        world.target.reply = broken
        await world.create()
        await world.upload()
        await anyio.sleep(5)
        (event,) = await world.events()
        assert event["state"] == "PENDING"
        assert "a bug" in event["lastAttempt"]["message"]


async def test_given_a_change_that_came_to_nothing_then_the_index_is_of_what_is_there(tmp_path: Path) -> None:
    async with triggers(tmp_path) as world:
        book, store = world.house.runtime.triggers._book, world.house.runtime.store
        await world.create()
        kept = await store.read(lambda tx: tx.triggers.all_triggers())

        def undone(turn: Any) -> None:
            turn.tx.triggers.remove_trigger(kept[0].uid)
            book.changed(turn, "mark-of-nothing", kept[0])
            assert not book.index(turn.tx).may_want(FINALIZED, "bucket", "b01")
            raise RuntimeError("undone")

        with pytest.raises(RuntimeError, match="undone"):
            await world.house.runtime.wheel.turn(undone)
        await world.upload()
        await world.settled()
        assert len(world.target.got) == 1
