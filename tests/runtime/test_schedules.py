"""Schedules over a whole runtime: what is sent when, what is shown of it, and what a crash leaves of it."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from house import JOBS, declared
from schedules_world import ACCOUNT, SCHEDULES, TARGET, answered, schedules

from hakobune.core.schedules.model import ScheduleName
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.runtime.settings import Settings
from hakobune.store.api import WriteTx
from hakobune.testing.engine import Fate

pytestmark = pytest.mark.anyio
RUN_V2 = "https://run.googleapis.com/v2/projects/p/locations/us-central1/jobs/one:run"
RUN_V1 = "https://us-central1-run.googleapis.com/apis/run.googleapis.com/v1/namespaces/p/jobs/one:run"
HERE = "http://127.0.0.1:8642/v2/projects/p/locations/us-central1/jobs/one:run"
WORKFLOW = "https://workflowexecutions.googleapis.com/v1/projects/p/locations/us-central1/workflows/w/executions"
OAUTH = {"oauthToken": {"serviceAccountEmail": ACCOUNT}}
# The house is built at 2027-01-15T08:00:00Z.


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def executions(world: Any, job: str = "one") -> list[Any]:
    found = await world.house.ok("GET", f"{JOBS}/{job}/executions")
    return sorted(found.get("executions", []), key=lambda one: one["createTime"])


# -- due times ------------------------------------------------------------------------------------------------------


async def test_given_a_schedule_when_its_times_come_then_each_is_sent_once_with_the_services_headers(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        made = await world.create(http={"body": "aGk=", "headers": {"X-A": "1", "user-agent": "mine"}})
        assert (made["state"], made["scheduleTime"]) == ("ENABLED", "2027-01-15T08:01:00.000000Z")
        await world.sleep_until(150)
        assert [round(at_s) for at_s, _ in world.target.got] == [60, 120]
        assert world.target.slots == ["2027-01-15T08:01:00Z", "2027-01-15T08:02:00Z"]
        request, headers = world.target.got[0][1], world.target.headers[0]
        assert (request.method, request.url, request.body) == ("POST", TARGET, b"hi")
        assert headers == {
            "x-a": "1",
            "content-type": "application/octet-stream",
            "user-agent": "Google-Cloud-Scheduler",
            "x-cloudscheduler": "true",
            "x-cloudscheduler-jobname": "tick",
            "x-cloudscheduler-scheduletime": "2027-01-15T08:01:00Z",
        }
        shown = await world.get()
        assert shown["status"] == {}
        assert shown["lastAttemptTime"].startswith("2027-01-15T08:02:00.")
        assert shown["scheduleTime"] == "2027-01-15T08:03:00.000000Z"


async def test_given_a_target_that_fails_when_retries_are_allowed_then_they_follow_the_formula_and_keep_the_time(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        world.target.reply = answers(503)
        retry = {"retryCount": 5, "minBackoffDuration": "10s", "maxBackoffDuration": "60s", "maxDoublings": 2}
        await world.create(schedule="0 9 * * *", timeZone="Asia/Tokyo", retryConfig=retry)
        day_s = 16 * 3_600  # 09:00 in Tokyo is midnight UTC
        await world.sleep_until(day_s + 5)
        shown = await world.get()
        assert shown["status"] == {"code": 14, "message": "The target answered HTTP 503."}
        assert shown["scheduleTime"].startswith("2027-01-16T00:00:10.")  # of the retry
        await world.sleep_until(day_s + 1_000)
        waits = [round(later - sooner) for (sooner, _), (later, _) in pairwise(world.target.got)]
        assert waits == [10, 20, 40, 60, 60]
        assert set(world.target.slots) == {"2027-01-16T09:00:00+09:00"}
        assert (await world.get())["scheduleTime"] == "2027-01-17T00:00:00.000000Z"


async def test_given_a_target_that_hangs_when_its_deadline_passes_then_the_attempt_has_failed(tmp_path: Path) -> None:
    async def hang(request: HttpRequest) -> HttpResponse:
        await anyio.sleep(10_000)
        raise AssertionError

    async with schedules(tmp_path) as world:
        world.target.reply = hang
        await world.create(schedule="30 8 * * *", attemptDeadline="20s")
        await world.sleep_until(1_800 + 21)
        shown = await world.get()
        assert shown["status"] == {"code": 4, "message": "The target did not answer within 20 s."}
        assert shown["lastAttemptTime"].startswith("2027-01-15T08:30:00.")


async def test_given_a_run_that_takes_long_when_times_fall_due_then_the_earliest_waits_for_it(tmp_path: Path) -> None:
    async def slow(request: HttpRequest) -> HttpResponse:
        await anyio.sleep(150 if len(world.target.got) == 1 else 1)
        return answered(200)

    async with schedules(tmp_path) as world:
        world.target.reply = slow
        await world.create()
        await world.sleep_until(250)
        assert [
            (round(at_s), slot[14:16]) for (at_s, _), slot in zip(world.target.got, world.target.slots, strict=True)
        ] == [
            (60, "01"),
            (210, "02"),
            (240, "04"),
        ]


async def test_given_a_redirect_when_it_is_answered_then_what_follows_it_counts(tmp_path: Path) -> None:
    async def away(request: HttpRequest) -> HttpResponse:
        return answered(200) if request.url.endswith("/there") else answered(307, Location="/there")

    async with schedules(tmp_path) as world:
        world.target.reply = away
        await world.create(http={"body": "aGk="})
        await world.sleep_until(70)
        assert [(request.url[-6:], request.body) for _, request in world.target.got] == [
            ("9/work", b"hi"),
            ("/there", b"hi"),
        ]
        assert (await world.get())["status"] == {}
        world.target.reply = answers(307, Location=TARGET)
        await world.sleep_until(130)
        assert "redirected more than" in (await world.get())["status"]["message"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (NoResponse(trouble=Trouble.TOO_LARGE, detail="large", code=200), {}),
        (
            NoResponse(trouble=Trouble.TOO_LARGE, detail="large", code=500),
            {"code": 13, "message": "The target answered HTTP 500."},
        ),
        (
            NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="no connection"),
            {"code": 14, "message": "no connection"},
        ),
        (NoResponse(trouble=Trouble.INVALID, detail="refused"), {"code": 3, "message": "refused"}),
    ],
)
async def test_given_no_answer_or_a_huge_one_when_an_attempt_ends_then_its_status_says_so(
    tmp_path: Path, answer: NoResponse, status: object
) -> None:
    async def reply(request: HttpRequest) -> NoResponse:
        return answer

    async with schedules(tmp_path) as world:
        world.target.reply = reply
        await world.create()
        await world.sleep_until(70)
        assert (await world.get())["status"] == status


async def test_given_a_host_that_cannot_be_when_an_attempt_is_made_then_it_fails_with_a_clear_word(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        await world.create(uri="http://a%41.example/")
        await world.sleep_until(70)
        assert (await world.get())["status"]["code"] == 3
        assert world.target.got == []


# -- forced runs, pauses, changes ------------------------------------------------------------------------------------


async def test_given_a_schedule_when_it_is_run_by_force_then_it_is_sent_at_once_and_the_plan_stays(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        world.target.reply = answers(500)
        await world.create(schedule="0 0 1 1 *", retryConfig={"retryCount": 1, "minBackoffDuration": "7s"})
        await world.house.ok("POST", f"{SCHEDULES}/tick:pause", {})
        await world.sleep_until(5)
        assert (await world.run())["state"] == "PAUSED"
        await world.sleep_until(100)
        assert [round(at_s) for at_s, _ in world.target.got] == [5, 12]
        first, second = world.target.slots
        assert (first, first[:19]) == (second, "2027-01-15T08:00:05")


async def test_given_a_pause_when_times_pass_then_nothing_is_sent_nor_caught_up_after_it(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await world.create()
        paused = await world.house.ok("POST", f"{SCHEDULES}/tick:pause", {})
        assert (paused["state"], "scheduleTime" in paused) == ("PAUSED", False)
        status, error = await world.house.call("POST", f"{SCHEDULES}/tick:pause", {})
        assert (status, error["error"]["status"]) == (400, "FAILED_PRECONDITION")
        await world.sleep_until(300)
        resumed = await world.house.ok("POST", f"{SCHEDULES}/tick:resume", {})
        assert resumed["scheduleTime"] == "2027-01-15T08:06:00.000000Z"
        assert world.target.got == []
        await world.sleep_until(370)
        assert world.target.slots == ["2027-01-15T08:06:00Z"]


async def test_given_a_retry_that_is_waited_for_when_it_is_paused_or_deleted_then_it_is_not_sent(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        world.target.reply = answers(500)
        await world.create(retryConfig={"retryCount": 5, "minBackoffDuration": "20s"})
        await world.create("other", retryConfig={"retryCount": 5, "minBackoffDuration": "20s"})
        await world.sleep_until(65)
        await world.house.ok("POST", f"{SCHEDULES}/tick:pause", {})
        await world.house.ok("DELETE", f"{SCHEDULES}/other")
        await world.sleep_until(600)
        assert len(world.target.got) == 2
        assert (await world.house.call("GET", f"{SCHEDULES}/other"))[0] == 404


async def test_given_a_change_when_it_is_patched_then_the_new_times_count(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await world.create()
        changed = await world.patch(
            "schedule,httpTarget.uri", schedule="*/5 * * * *", httpTarget={"uri": TARGET + "/2"}
        )
        assert changed["scheduleTime"] == "2027-01-15T08:05:00.000000Z"
        await world.sleep_until(310)
        assert [request.url for _, request in world.target.got] == [TARGET + "/2"]


async def test_given_jitter_when_times_come_then_each_is_sent_a_part_of_it_later_with_its_own_time(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        await world.create(hakobune={"jitter": "30s"})
        await world.sleep_until(400)
        lates = [at_s - 60 * number for number, (at_s, _) in enumerate(world.target.got, 1)]
        assert len(lates) == 6
        assert all(0 <= late_s <= 30.1 for late_s in lates)
        assert len({round(late_s, 1) for late_s in lates}) > 3
        assert world.target.slots[0] == "2027-01-15T08:01:00Z"


# -- tokens and targets of the house ---------------------------------------------------------------------------------


async def test_given_oidc_when_a_target_is_called_then_the_token_is_for_its_uri_or_the_audience(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await world.create(http={"oidcToken": {"serviceAccountEmail": ACCOUNT}})
        await world.create("other", http={"oidcToken": {"serviceAccountEmail": ACCOUNT, "audience": "me"}})
        await world.sleep_until(70)
        tokens = {headers["authorization"] for headers in world.target.headers}
        assert tokens == {f"Bearer {ACCOUNT} for {TARGET}", f"Bearer {ACCOUNT} for me"}


@pytest.mark.parametrize(
    ("uri", "token", "message"),
    [
        ("https://example.com/", "oauthToken", "is no host of googleapis.com"),
        ("http://example.com/", "oidcToken", "is not https"),
    ],
)
async def test_given_a_target_that_may_see_no_token_when_it_is_due_then_nothing_is_sent(
    tmp_path: Path, uri: str, token: str, message: str
) -> None:
    async with schedules(tmp_path) as world:
        await world.create(uri=uri, http={token: {"serviceAccountEmail": ACCOUNT}})
        await world.sleep_until(70)
        status = (await world.get())["status"]
        assert (status["code"], message in status["message"]) == (3, True)
        assert world.target.got == []


@pytest.mark.parametrize("uri", [RUN_V2, RUN_V1, HERE])
async def test_given_a_job_as_target_when_it_is_due_then_one_execution_begins_by_its_account(
    tmp_path: Path, uri: str
) -> None:
    async with schedules(tmp_path) as world:
        if uri == HERE:  # in a running house this is its own port

            async def door(request: HttpRequest) -> HttpResponse | NoResponse:
                return await world.house.runtime._calls.front_door(request)

            world.target.reply = door
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        await world.create(uri=uri, http={"body": "e30=", **OAUTH})
        await world.sleep_until(70)
        assert (await world.get())["status"] == {}
        begun = await executions(world)
        assert [one["creator"] for one in begun] == [ACCOUNT]


async def test_given_a_workflow_as_target_when_it_is_due_then_an_execution_begins_with_its_argument(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        await make_workflow(world, "main:\n  params: [a]\n  steps:\n    - r:\n        return: ${a.n}\n")
        body = base64.b64encode(b'{"argument": "{\\"n\\": 7}"}').decode()
        await world.create(uri=WORKFLOW, http={"body": body, **OAUTH})
        await world.sleep_until(75)
        found = await world.house.ok(
            "GET", WORKFLOW.removeprefix("https://workflowexecutions.googleapis.com") + "?view=FULL"
        )
        assert [(one["state"], one["result"]) for one in found["executions"]] == [("SUCCEEDED", "7")]


async def test_given_a_job_that_is_not_there_when_its_schedule_is_due_then_the_status_says_so(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await world.create(uri=RUN_V2, http=OAUTH)
        await world.sleep_until(70)
        assert (await world.get())["status"] == {"code": 5, "message": "The target answered HTTP 404."}


async def test_given_a_topic_as_target_when_it_is_due_then_the_message_is_there(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        house = world.house
        target = {"topicName": "projects/p/topics/ttt", "data": "aGk=", "attributes": {"a": "b"}}
        body = {"name": f"{SCHEDULES[4:]}/tick", "schedule": "* * * * *", "pubsubTarget": target}
        made = await house.ok("POST", SCHEDULES, body)
        assert (made["pubsubTarget"], "attemptDeadline" in made) == (target, False)
        await world.sleep_until(65)
        assert (await world.get())["status"]["code"] == 5  # no such topic
        await house.ok("PUT", "/v1/projects/p/topics/ttt", {})
        await house.ok("PUT", "/v1/projects/p/subscriptions/sss", {"topic": "projects/p/topics/ttt"})
        await world.sleep_until(125)
        assert (await world.get())["status"] == {}
        pulled = await house.ok("POST", "/v1/projects/p/subscriptions/sss:pull", {"maxMessages": 9})
        (message,) = (one["message"] for one in pulled["receivedMessages"])
        assert (message["data"], message["attributes"]) == ("aGk=", {"a": "b"})


async def test_given_a_service_of_the_house_when_its_run_app_url_is_due_then_it_is_called_there(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await world.house.crash()
        world.house.settings = Settings(
            directory=tmp_path, project="p", images={}, service_urls={"worker": "http://127.0.0.1:7/base"}
        )
        await world.restart()
        uri = "https://worker-x1-uc.a.run.app/go?x=1"
        await world.create(uri=uri, http={"oidcToken": {"serviceAccountEmail": ACCOUNT}})
        await world.sleep_until(70)
        assert [request.url for _, request in world.target.got] == ["http://127.0.0.1:7/base/go?x=1"]
        assert world.target.headers[0]["authorization"] == f"Bearer {ACCOUNT} for {uri}"


# -- overlap ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlap", "begun_at", "states"),
    [
        ("ALLOW", [60, 120, 180, 240], "RRRR"),
        ("FORBID", [60, 240], "SR"),
        ("QUEUE", [60, 210], "SR"),
        ("REPLACE", [60, 120, 180, 240], "CCCR"),
    ],
)
async def test_given_a_policy_when_executions_last_longer_than_the_time_between_them_then_it_decides(
    tmp_path: Path, overlap: str, begun_at: list[int], states: str
) -> None:
    async with schedules(tmp_path) as world:
        world.house.fates[0] = Fate(duration_s=1e9 if overlap in {"ALLOW", "REPLACE"} else 145)
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        await world.create(uri=RUN_V2, http=OAUTH, hakobune={"overlap": overlap})
        await world.sleep_until(250)
        begun = await executions(world)
        offsets = [seconds(one["createTime"]) for one in begun]
        assert offsets == [pytest.approx(at_s, abs=21) for at_s in begun_at]
        assert "".join(state_of(one) for one in begun) == states
        assert (await world.get())["status"] == {}


async def test_given_a_queue_when_one_waits_then_its_own_time_is_told_and_others_are_left_out(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await make_workflow(world, "main:\n  steps:\n    - w:\n        call: sys.sleep\n        args: {seconds: 200}\n")
        await world.create(uri=WORKFLOW, http=OAUTH, hakobune={"overlap": "QUEUE"})
        await world.sleep_until(130)
        shown = await world.get()
        assert shown["scheduleTime"] == "2027-01-15T08:03:00.000000Z"  # 08:02 waits
        assert shown["lastAttemptTime"].startswith("2027-01-15T08:01:00")
        await world.sleep_until(290)
        shown = await world.get()
        assert "08:04:20" <= shown["lastAttemptTime"][11:19] <= "08:04:40"
        await world.house.ok("POST", f"{SCHEDULES}/tick:pause", {})
        await world.sleep_until(900)
        found = await world.house.ok("GET", WORKFLOW.removeprefix("https://workflowexecutions.googleapis.com"))
        assert [one["state"] for one in found["executions"]] == ["SUCCEEDED", "SUCCEEDED"]


async def test_given_a_forced_run_when_an_execution_is_under_way_then_it_begins_and_is_waited_for_too(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        world.house.fates[0] = Fate(duration_s=90)
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        await world.create(uri=RUN_V1, http=OAUTH, hakobune={"overlap": "FORBID"})
        await world.sleep_until(100)
        await world.run()
        await world.sleep_until(230)
        offsets = [seconds(one["createTime"]) for one in await executions(world)]
        assert offsets == [pytest.approx(at_s, abs=2) for at_s in (60, 100)]
        await world.sleep_until(250)
        assert len(await executions(world)) == 3


async def test_given_an_execution_that_was_deleted_or_cannot_be_seen_when_the_next_is_due_then_it_is_free_or_fails(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        await world.create(uri=RUN_V2, http=OAUTH, hakobune={"overlap": "FORBID"})
        await world.sleep_until(70)
        (one,) = await executions(world)
        await world.house.ok("DELETE", f"/v2/{one['name']}")
        await world.sleep_until(130)
        assert (await world.get())["status"] == {}
        world.house.runtime._calls.front_door = None
        await world.sleep_until(190)
        status = (await world.get())["status"]
        assert (status["code"], "no runtime is running" in status["message"]) == (14, True)


# -- crashes ----------------------------------------------------------------------------------------------------------


async def test_given_times_missed_while_down_when_it_is_back_then_the_latest_is_sent_once(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await world.create()
        await world.create("hourly", schedule="0 * * * *", timeZone="Europe/Berlin")
        await world.create("never", hakobune={"catchUp": "NONE"})
        await world.create("soon", hakobune={"catchUpWindow": "60s"}, schedule="1-50 * * * *")
        await world.sleep_until(30)
        await world.house.crash()
        await world.sleep_until(4 * 3_600 - 80)
        await world.restart()
        await world.sleep_until(4 * 3_600 - 65)
        sent = sorted(
            (headers["x-cloudscheduler-jobname"], headers["x-cloudscheduler-scheduletime"])
            for headers in world.target.headers
        )
        assert sent == [("hourly", "2027-01-15T12:00:00+01:00"), ("tick", "2027-01-15T11:58:00Z")]


async def test_given_an_attempt_in_doubt_at_a_crash_when_it_is_back_then_it_is_repeated_with_the_same_time(
    tmp_path: Path,
) -> None:
    async def hang(request: HttpRequest) -> HttpResponse:
        await anyio.sleep(100)
        return answered(200)

    async with schedules(tmp_path) as world:
        world.target.reply = hang
        await world.create(schedule="1 * * * *")
        await world.run()
        await world.sleep_until(65)
        await world.house.crash()
        assert len(world.target.got) == 2
        world.target.reply = answers(200)
        await world.restart()
        await world.sleep_until(200)
        assert sorted(world.target.slots[:2]) == sorted(world.target.slots[2:])
        assert len(world.target.got) == 4
        assert (await world.get())["status"] == {}


async def test_given_a_job_run_in_doubt_at_a_crash_when_it_is_repeated_then_it_is_one_execution(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        await world.house.ok("POST", f"{JOBS}?jobId=one", declared())
        door = world.house.runtime._calls.front_door
        assert door is not None

        async def lost(request: HttpRequest) -> HttpResponse | NoResponse:
            await door(request)  # it has begun, and nobody hears of it
            await anyio.sleep(1_000)
            raise AssertionError

        world.house.runtime.connect(lost)
        await world.create(schedule="1 * * * *", uri=RUN_V2, http=OAUTH)
        await world.run()
        await world.sleep_until(65)
        assert len(await executions(world)) == 2
        await world.house.crash()
        await world.restart()
        await world.sleep_until(200)
        assert len(await executions(world)) == 2
        assert (await world.get())["status"] == {}


async def test_given_a_host_that_hangs_when_many_schedules_call_it_then_others_are_sent_all_the_same(
    tmp_path: Path,
) -> None:
    async def reply(request: HttpRequest) -> HttpResponse:
        if "slow" in request.url:
            await anyio.sleep(1_000)
        return answered(200)

    async with schedules(tmp_path) as world:
        world.target.reply = reply
        for number in range(250):
            await world.create(f"slow-{number}", uri="http://slow.example/", schedule="1 * * * *")
        await world.create("fast", schedule="1 * * * *")
        await world.sleep_until(100)
        assert len([1 for _, request in world.target.got if "slow" in request.url]) == 200
        assert (await world.get("fast"))["status"] == {}
        await world.sleep_until(300)
        assert len([1 for _, request in world.target.got if "slow" in request.url]) == 250


async def test_given_attempts_when_they_are_made_then_the_log_has_them_as_the_service_tells_them(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        world.target.reply = answers(503)
        await world.create()
        await world.sleep_until(65)
        started, finished = world.logs.entries
        labels = {"project_id": "p", "location": "us-central1", "job_id": "tick"}
        for entry in (started, finished):
            assert entry.log_name == "projects/p/logs/cloudscheduler.googleapis.com%2Fexecutions"
            assert (entry.resource.type, entry.resource.labels) == ("cloud_scheduler_job", labels)
        kind = "type.googleapis.com/google.cloud.scheduler.logging.Attempt"
        common = {"jobName": f"{SCHEDULES[4:]}/tick", "targetType": "HTTP", "url": TARGET}
        assert (started.severity, started.json_payload) == (
            "INFO",
            {"@type": f"{kind}Started", **common, "scheduledTime": "2027-01-15T08:01:00.000000Z"},
        )
        assert (finished.severity, finished.json_payload) == (
            "ERROR",
            {
                "@type": f"{kind}Finished",
                **common,
                "status": "UNAVAILABLE",
                "debugInfo": "The target answered HTTP 503.",
            },
        )
        assert started.insert_id != finished.insert_id


async def test_given_a_schedule_that_cannot_be_read_any_more_when_others_are_due_then_they_are_sent(
    tmp_path: Path,
) -> None:
    async with schedules(tmp_path) as world:
        for number in range(3):
            await world.create(f"j{number}")

        def spoil(tx: WriteTx) -> None:
            found = tx.schedules.find_schedule(ScheduleName.make("p", "us-central1", "j1"))
            assert found is not None
            tx.schedules.save_schedule(replace(found, schedule="of an older version"))

        await world.house.runtime.store.write(spoil)
        await world.sleep_until(130)
        names = sorted(headers["x-cloudscheduler-jobname"] for headers in world.target.headers)
        assert names == ["j0", "j0", "j2", "j2"]


async def test_given_many_schedules_when_they_are_due_together_then_each_is_sent_once(tmp_path: Path) -> None:
    async with schedules(tmp_path) as world:
        for number in range(300):
            await world.create(f"j{number}")
        await world.sleep_until(130)
        names = sorted(headers["x-cloudscheduler-jobname"] for headers in world.target.headers)
        assert names == sorted([f"j{number}" for number in range(300)] * 2)


# -- what the tests say in short -------------------------------------------------------------------------------------


def answers(code: int, **headers: str) -> Any:
    async def reply(request: HttpRequest) -> HttpResponse:
        return answered(code, **headers)

    return reply


async def make_workflow(world: Any, source: str) -> None:
    path = "/v1/projects/p/locations/us-central1/workflows?workflowId=w"
    await world.house.ok("POST", path, {"sourceContents": source})
    await anyio.sleep(1)


def seconds(text: str) -> float:
    hours, minutes, rest = text[11:-1].split(":")
    return (int(hours) - 8) * 3_600 + int(minutes) * 60 + float(rest)


def state_of(execution: Any) -> str:
    if "completionTime" not in execution:
        return "R"
    return "C" if execution.get("cancelledCount") else "S"
