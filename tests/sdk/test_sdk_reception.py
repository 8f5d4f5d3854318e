"""The reception against a stand-in of the platform that loses answers, refuses, and forgets keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from platform_stand_in import JOB, WORKFLOW, PlatformStandIn
from storage_stand_in import StorageStandIn

from hakobune.sdk import (
    ApiRefused,
    ApiUnavailable,
    Assignment,
    Job,
    KeyReused,
    Receipt,
    Reception,
    SdkError,
    TaskEnvironmentError,
    Workflow,
    write_once,
)
from hakobune.sdk.owners import Owner
from hakobune.sdk.receipts import Claim, State
from hakobune.sdk.receipts_store import ReceiptStore
from hakobune.sdk.reception import scope_of
from hakobune.sdk.reception_http import Api, Platform

OF_TASK = {"run.googleapis.com/execution_name": "e0", "run.googleapis.com/task_index": "0"}
OF_WORKFLOW = {"workflows.googleapis.com/execution_id": "e0"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_767_323_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def platform() -> Iterator[PlatformStandIn]:
    with PlatformStandIn() as server:
        yield server


class House:
    """A reception, and instances of it that come later."""

    def __init__(self, platform: PlatformStandIn, place: Any, target: Job | Workflow) -> None:
        self.platform, self.place, self.target = platform, place, target
        self.clock = Clock()

    def instance(self) -> Reception:
        return Reception(
            self.target,
            self.place,
            poll_s=0.5,
            progress_every_s=0.5,
            environ=self.platform.environ,
            clock=self.clock,
            monotonic=self.clock,
        )

    def later(self, reception: Reception, receipt: Receipt) -> Receipt:
        """The receipt at the next look."""
        self.clock.now += 1
        found = reception.receipt(receipt.id)
        assert found is not None
        return found

    @property
    def store(self) -> ReceiptStore:
        return ReceiptStore(self.place, scope_of("default", self.target))

    @property
    def marks(self) -> list[str]:
        return self.store.open_ids()


@pytest.fixture
def house(platform: PlatformStandIn, tmp_path: Path) -> House:
    return House(platform, tmp_path / "receipts", Job("thumbs"))


@pytest.fixture
def flow_house(platform: PlatformStandIn, tmp_path: Path) -> House:
    return House(platform, tmp_path / "receipts", Workflow("pipeline"))


# -- accepting ------------------------------------------------------------------------------------------------------


def test_given_a_request_when_accepted_then_the_job_is_started_with_it_and_the_receipt_was_kept_before(
    house: House,
) -> None:
    kept_at_start: list[object] = []
    house.platform.on_start = lambda: kept_at_start.extend(house.marks)
    receipt = house.instance().accept({"video": "運転.mp4"}, key="order 42")

    assert (receipt.state, receipt.execution) == (State.RUNNING, f"{JOB}/executions/e0")
    assert kept_at_start == [receipt.id]
    assert house.marks == []
    (call,) = house.platform.starts()
    assert call.path == f"/v2/{JOB}:run"
    assert call.headers["idempotency-key"] == receipt.id
    assert call.headers["authorization"].startswith("Bearer token")
    env = {pair["name"]: pair["value"] for pair in call.body["overrides"]["containerOverrides"][0]["env"]}
    assert Assignment.from_env(env) == Assignment(
        receipt=receipt.id, request={"video": "運転.mp4"}, result=f"{house.place}/results/{receipt.id}.json"
    )


def test_given_the_same_key_when_accepted_by_any_instance_then_it_is_the_same_receipt_and_one_start(
    house: House,
) -> None:
    first = house.instance().accept({"n": 1}, key="k")
    assert house.instance().accept({"n": 1}, key="k") == first
    assert house.instance().receipt(first.id) == first
    assert len(house.platform.starts()) == 1


def test_given_the_same_key_for_another_request_then_it_is_refused(house: House) -> None:
    reception = house.instance()
    reception.accept({"n": 1}, key="k")
    with pytest.raises(KeyReused, match="'k' belongs to another request"):
        reception.accept({"n": 2}, key="k")


def test_given_no_key_then_each_request_is_its_own(house: House) -> None:
    reception = house.instance()
    assert reception.accept({}).id != reception.accept({}).id


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\x00"])
def test_given_a_key_that_cannot_be_then_nothing_is_accepted(house: House, key: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 printable characters"):
        house.instance().accept({}, key=key)
    assert house.platform.calls == []


@pytest.mark.parametrize("request_", [{1, 2}, float("nan"), object()])
def test_given_a_request_that_is_no_json_then_nothing_is_accepted(house: House, request_: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        house.instance().accept(request_)
    assert house.platform.calls == []


def test_given_many_callers_of_one_key_at_once_then_one_execution_is_started(house: House) -> None:
    house.platform.honours_keys = False
    reception, found = house.instance(), []

    def accept() -> None:
        found.append(reception.accept({"n": 1}, key="k").id)

    threads = [threading.Thread(target=accept) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(house.platform.executions) == 1


def test_given_two_receptions_in_one_place_then_neither_starts_what_the_other_one_accepted(
    platform: PlatformStandIn, tmp_path: Path
) -> None:
    house, other = (House(platform, tmp_path, target) for target in (Job("thumbs"), Workflow("pipeline")))
    platform.refuse[":run$|/executions$"] = (503, "later")
    receipt, others = (one.instance().accept({}, key="k") for one in (house, other))
    assert receipt.id != others.id
    assert (house.marks, other.marks) == ([receipt.id], [others.id])
    assert other.instance().receipt(receipt.id) is None


# -- starts in doubt ------------------------------------------------------------------------------------------------


def test_given_a_platform_that_is_away_when_accepted_then_it_is_started_when_it_is_back(house: House) -> None:
    house.platform.refuse[":run$"] = (503, "later")
    receipt = house.instance().accept({"n": 1}, key="k")
    assert (receipt.state, receipt.execution) == (State.ACCEPTED, "")
    assert house.marks == [receipt.id]
    assert house.instance().start_open() == 1

    del house.platform.refuse[":run$"]
    assert house.instance().start_open() == 0
    assert house.marks == []
    found = house.instance().receipt(receipt.id)
    assert found is not None
    assert (found.state, found.execution) == (State.RUNNING, f"{JOB}/executions/e0")


@pytest.mark.parametrize("honours_keys", [True, False], ids=["keys-known", "keys-unknown"])
@pytest.mark.parametrize("of", ["house", "flow_house"])
def test_given_a_start_whose_answer_was_lost_when_repeated_then_there_is_one_execution(
    request: pytest.FixtureRequest, of: str, honours_keys: bool
) -> None:
    house: House = request.getfixturevalue(of)
    house.platform.honours_keys, house.platform.lose_starts = honours_keys, 1
    receipt = house.instance().accept({"n": 1}, key="k")
    assert receipt.state is State.ACCEPTED
    assert house.instance().start_open() == 0
    found = house.instance().receipt(receipt.id)
    assert found is not None
    assert found.state is State.RUNNING
    assert len(house.platform.executions) == 1
    assert len({call.headers["idempotency-key"] for call in house.platform.starts()}) == 1


def test_given_an_accepted_receipt_when_asked_for_then_its_start_is_tried_again(house: House) -> None:
    house.platform.lose_starts = 1
    reception = house.instance()
    receipt = reception.accept({"n": 1}, key="k")
    found = reception.receipt(receipt.id)
    assert found is not None
    assert found.state is State.RUNNING
    assert house.marks == []


def test_given_a_start_that_is_refused_then_the_receipt_says_so_and_it_is_not_tried_again(house: House) -> None:
    house.platform.refuse[":run$"] = (404, "Job 'thumbs' does not exist.")
    receipt = house.instance().accept({"n": 1}, key="k")
    assert receipt.to_json()["error"] == {
        "message": "The work could not be started: Job 'thumbs' does not exist.",
        "detail": None,
    }
    assert receipt.state is State.FAILED
    assert house.marks == []
    assert house.instance().accept({"n": 1}, key="k") == receipt
    assert len(house.platform.starts()) == 1


def test_given_another_instance_at_work_on_the_start_then_it_is_left_to_it_until_its_time_is_over(house: House) -> None:
    house.platform.refuse[":run$"] = (503, "later")
    receipt = house.instance().accept({"n": 1}, key="k")
    del house.platform.refuse[":run$"]
    kept = house.store.read(receipt.id)
    assert kept is not None
    house.store.swap(kept[1], kept[0].claimed(Claim(owner=Owner.new(), expires_at=house.clock.now + 50)))
    starts = len(house.platform.starts())

    assert house.instance().start_open() == 1
    assert house.instance().accept({"n": 1}, key="k").state is State.ACCEPTED
    assert len(house.platform.starts()) == starts
    house.clock.now += 51
    assert house.instance().start_open() == 0


def test_given_a_process_killed_in_the_middle_of_a_start_then_the_next_one_starts_it_under_the_same_key(
    house: House,
) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        go_on.wait(20)

    house.platform.on_start = hold
    program = f"from hakobune.sdk import *; Reception(Job('thumbs'), {str(house.place)!r}).accept({{'n': 1}}, key='k')"
    with subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **house.platform.environ}) as process:
        assert arrived.wait(20)
        process.send_signal(signal.SIGKILL)
    house.platform.on_start = lambda: None
    go_on.set()

    (receipt_id,) = house.marks
    with house.instance() as reception:  # its thread looks at once
        while house.marks:
            assert reception.accept({"n": 1}, key="k").id == receipt_id
    assert reception.accept({"n": 1}, key="k").state is State.RUNNING
    assert len(house.platform.executions) == 1


def test_given_a_crash_between_the_receipt_and_its_mark_when_repeated_then_it_is_started(house: House) -> None:
    house.platform.refuse[":run$"] = (503, "later")
    receipt = house.instance().accept({"n": 1}, key="k")
    house.store.unmark(receipt.id)
    assert house.instance().accept({"n": 1}, key="k").state is State.ACCEPTED
    assert house.marks == [receipt.id]
    del house.platform.refuse[":run$"]
    assert house.instance().accept({"n": 1}, key="k").state is State.RUNNING


def test_given_a_mark_without_a_receipt_then_the_round_goes_on(house: House) -> None:
    house.store.mark_open("0" * 32)
    assert house.instance().start_open() == 0


def test_given_a_reception_when_opened_twice_and_closed_then_its_thread_ends(house: House) -> None:
    reception = house.instance()
    assert reception.open() is reception.open()
    reception.close()
    reception.close()


# -- work under way -------------------------------------------------------------------------------------------------


def test_given_reports_of_tasks_then_progress_rises_and_never_falls_also_in_a_new_process(house: House) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    house.platform.executions[receipt.execution]["taskCount"] = 2
    other = {**OF_TASK, "run.googleapis.com/task_index": "1"}
    house.platform.say(OF_TASK, 6, 10, "frames", second=1)
    house.platform.say(other, 2, 10, second=1)
    shown = house.later(reception, receipt)
    assert shown.to_json()["progress"] == {"fraction": 0.4, "done": 8, "total": 20, "note": "frames"}

    house.platform.entries.clear()  # the attempt is gone, and the new one begins anew
    house.platform.say(OF_TASK, 1, 10, "again", second=5)
    after = house.later(house.instance(), receipt)
    assert after.to_json()["progress"] == {"fraction": 0.4, "done": 8, "total": 20, "note": "again"}
    house.platform.say(other, 3, 10, second=6)
    assert house.later(reception, receipt).progress.done == 9  # the other task goes on; this one counts as it was
    house.platform.say(OF_TASK, 10, 10, second=7)
    house.platform.say(other, 4, 10, second=7)
    assert house.later(reception, receipt).progress.fraction == 0.7


def test_given_succeeded_tasks_that_report_nothing_then_they_count_as_whole(house: House) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    house.platform.executions[receipt.execution] |= {"taskCount": 4, "succeededCount": "1"}
    assert house.later(reception, receipt).progress.fraction == 0.25
    house.platform.say(OF_TASK, 5, 10)  # may be the one that has succeeded: taken as such
    assert house.later(reception, receipt).progress.fraction == 0.25


def test_given_reports_that_are_none_then_they_are_passed_over(house: House) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    for report in ({"done": -1, "total": 4}, {"done": True, "total": 4}, {"done": 1.5}, {"done": "3"}, [1], None):
        house.platform.entries.append(
            {"timestamp": "2026-01-02T03:04:05Z", "labels": OF_TASK, "jsonPayload": {"hakobune.dev/progress": report}}
        )
    house.platform.entries.append({"labels": OF_TASK, "jsonPayload": {"hakobune.dev/progress": {"done": 1}}})
    assert house.later(reception, receipt) == receipt
    house.platform.say(OF_TASK, 3.0, 4)  # type: ignore[arg-type]  # as Google's JSON may hold a whole number
    assert house.later(reception, receipt).progress.done == 3


def test_given_questions_in_quick_succession_then_the_work_is_looked_at_once(house: House, tmp_path: Path) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    calls = len(house.platform.calls)
    seen = reception.receipt(receipt.id)
    house.place.rename(tmp_path / "away")  # nor is it read again
    for _ in range(10):
        assert reception.receipt(receipt.id) == seen
    assert len(house.platform.calls) == calls + 2  # the execution and its log
    house.clock.now += 1
    assert reception.receipt(receipt.id) is None


def test_given_an_instance_that_sees_more_while_another_one_looks_then_none_shows_less_afterwards(house: House) -> None:
    """One thread of an instance waits for the platform; another one shows what a second instance has kept since."""
    first, second = house.instance(), house.instance()
    receipt = first.accept({}, key="k")
    house.platform.say(OF_TASK, 1, 10)
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        house.platform.on_look = lambda: None
        asked.set()
        assert go_on.wait(20)

    house.platform.on_look = hold
    looking = threading.Thread(target=first.receipt, args=(receipt.id,))
    looking.start()
    assert asked.wait(20)
    house.platform.say(OF_TASK, 5, 10)
    assert second.receipt(receipt.id) != receipt
    shown = first.receipt(receipt.id)
    house.platform.refuse["executions/"] = (503, "away")  # so the first thread learns nothing
    go_on.set()
    looking.join()
    assert shown is not None
    assert shown.progress.done == 5
    assert first.receipt(receipt.id) == shown


def test_given_success_and_a_result_then_the_receipt_has_it_and_is_not_looked_at_any_more(house: House) -> None:
    reception = house.instance()
    receipt = reception.accept({"n": 21}, key="k")
    env = house.platform.executions[receipt.execution]["template"]["containers"][0]["env"]
    Assignment.from_env({pair["name"]: pair["value"] for pair in env}).finish({"sum": 42})
    house.platform.end(receipt.execution, "CONDITION_SUCCEEDED", succeededCount=1)
    shown = house.later(reception, receipt)
    assert (shown.state, shown.progress.fraction, shown.to_json()["result"]) == (State.SUCCEEDED, 1.0, {"sum": 42})

    del house.platform.executions[receipt.execution]
    calls = len(house.platform.calls)
    assert house.later(house.instance(), receipt) == shown
    assert len(house.platform.calls) == calls


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (None, None),
        ("[1, 2]", [1, 2]),
        ("no JSON", {"location": "…"}),
        ("NaN", {"location": "…"}),
        (json.dumps("x" * 70_000), {"location": "…"}),
    ],
)
def test_given_what_a_job_left_when_it_has_succeeded_then_small_json_is_the_result_and_all_else_is_pointed_to(
    house: House, written: str | None, shown: object
) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    location = f"{house.place}/results/{receipt.id}.json"
    if written is not None:
        write_once(location, written)
    house.platform.end(receipt.execution, "CONDITION_SUCCEEDED")
    expected = {"location": location} if shown == {"location": "…"} else shown
    assert house.later(reception, receipt).to_json()["result"] == expected


def test_given_a_place_for_results_then_the_job_and_the_receipt_use_it(
    platform: PlatformStandIn, storage: StorageStandIn, tmp_path: Path
) -> None:
    house = House(platform, tmp_path, Job(JOB, result="gs://results/{receipt}.json", container="main"))
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    (override,) = platform.starts()[0].body["overrides"]["containerOverrides"]
    assert override["name"] == "main"
    assert Assignment.from_env({p["name"]: p["value"] for p in override["env"]}).finish([7]).location == (
        f"gs://results/{receipt.id}.json"
    )
    platform.end(receipt.execution, "CONDITION_SUCCEEDED")
    assert house.later(reception, receipt).result == [7]
    assert storage.uploads == 1


@pytest.mark.parametrize(("reason", "state"), [("", State.FAILED), ("CANCELLED", State.CANCELLED)])
def test_given_an_execution_that_failed_then_the_receipt_says_why(house: House, reason: str, state: State) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    house.platform.end(receipt.execution, "CONDITION_FAILED", "Task 0 failed: exit(1)", reason)
    shown = house.later(reception, receipt)
    assert shown.state is state
    assert shown.to_json()["error"] == {"message": "Task 0 failed: exit(1)", "detail": None}
    assert "result" not in shown.to_json()


def test_given_an_execution_that_was_deleted_then_the_receipt_ends(house: House) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    del house.platform.executions[receipt.execution]
    shown = house.later(reception, receipt)
    assert shown.failure is not None
    assert shown.failure.message.startswith("The execution cannot be found any more")


def test_given_a_log_that_does_not_answer_then_the_state_is_seen_all_the_same(house: House) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    house.platform.refuse["entries:list"] = (429, "quota")
    assert house.later(reception, receipt) == receipt
    house.platform.end(receipt.execution, "CONDITION_FAILED", "no")
    assert house.later(reception, receipt).state is State.FAILED


@pytest.mark.parametrize("status", [403, 429, 503])
def test_given_a_platform_that_does_not_tell_then_the_receipt_is_shown_as_it_is_kept(house: House, status: int) -> None:
    reception = house.instance()
    receipt = reception.accept({}, key="k")
    house.platform.refuse["executions/"] = (status, "not now")
    assert house.later(reception, receipt) == receipt


def test_given_no_such_receipt_then_it_is_none(house: House) -> None:
    assert house.instance().receipt("0" * 32) is None


# -- workflows ------------------------------------------------------------------------------------------------------


def test_given_a_workflow_when_accepted_then_it_gets_the_request_and_the_receipt(flow_house: House) -> None:
    receipt = flow_house.instance().accept({"n": 1}, key="k")
    (call,) = flow_house.platform.starts()
    assert call.path == f"/v1/{WORKFLOW}/executions"
    assert json.loads(call.body["argument"]) == {"receipt": receipt.id, "request": {"n": 1}}
    assert call.headers["idempotency-key"] == receipt.id


def test_given_a_plain_workflow_then_its_argument_is_the_request(platform: PlatformStandIn, tmp_path: Path) -> None:
    House(platform, tmp_path, Workflow(WORKFLOW, is_plain=True)).instance().accept({"n": 1})
    assert json.loads(platform.starts()[0].body["argument"]) == {"n": 1}


@pytest.mark.parametrize(
    ("ended", "shown"),
    [
        ({"state": "SUCCEEDED", "result": '{"sum": 3}'}, {"state": "succeeded", "result": {"sum": 3}}),
        ({"state": "SUCCEEDED"}, {"state": "succeeded", "result": None}),
        (
            {"state": "FAILED", "error": {"payload": '{"code": 404}', "context": "HTTP 404\nin step get"}},
            {"state": "failed", "error": {"message": "HTTP 404\nin step get", "detail": {"code": 404}}},
        ),
        (
            {"state": "FAILED", "error": {"payload": "no JSON"}},
            {"state": "failed", "error": {"message": "The execution has failed.", "detail": "no JSON"}},
        ),
        (
            {"state": "CANCELLED"},
            {"state": "cancelled", "error": {"message": "The execution was cancelled.", "detail": None}},
        ),
        ({"state": "QUEUED"}, {"state": "running"}),
        ({"state": "UNAVAILABLE"}, {"state": "running"}),
    ],
)
def test_given_a_workflow_s_state_then_the_receipt_shows_it(
    flow_house: House, ended: dict[str, object], shown: dict[str, object]
) -> None:
    reception = flow_house.instance()
    receipt = reception.accept({}, key="k")
    flow_house.platform.executions[receipt.execution] |= ended
    found = flow_house.later(reception, receipt).to_json()
    assert {name: found.get(name) for name in shown} == shown


def test_given_a_workflow_s_jobs_that_report_then_their_units_count_until_it_reports_itself(flow_house: House) -> None:
    reception = flow_house.instance()
    receipt = reception.accept({}, key="k")
    flow_house.platform.say({**OF_TASK, "hakobune.dev/receipt": receipt.id}, 1, 10, "job")
    assert flow_house.later(reception, receipt).to_json()["progress"] == {
        "fraction": 0.1,
        "done": 1,
        "total": 10,
        "note": "job",
    }
    flow_house.platform.say(OF_WORKFLOW, 2, 4, "second of four steps", second=9)
    shown = flow_house.later(reception, receipt).progress
    assert (shown.fraction, shown.note) == (0.5, "second of four steps")


# -- the platform ---------------------------------------------------------------------------------------------------


def test_given_a_token_then_it_is_asked_for_again_only_before_its_end(platform: PlatformStandIn) -> None:
    clock = Clock()
    caller = Platform(platform.environ, monotonic=clock)
    platform.executions["x"] = {"name": "x"}
    for _ in range(2):
        assert caller.call(Api.RUN, "GET", "/v2/x") == {"name": "x"}
    clock.now += 3541
    caller.call(Api.RUN, "GET", "/v2/x")
    tokens = [call.headers.get("authorization") for call in platform.calls if call.path == "/v2/x"]
    assert tokens == ["Bearer token1", "Bearer token1", "Bearer token4"]


def test_given_a_runtime_without_a_metadata_server_then_no_token_is_sent(platform: PlatformStandIn) -> None:
    platform.executions["x"] = {"name": "x"}
    Platform({"HAKOBUNE_URL": f"http://{platform.host}"}).call(Api.RUN, "GET", "/v2/x")
    assert "authorization" not in platform.calls[0].headers


def test_given_names_in_the_environment_then_the_metadata_server_is_not_asked(platform: PlatformStandIn) -> None:
    environ = {**platform.environ, "GOOGLE_CLOUD_PROJECT": "p2", "GOOGLE_CLOUD_REGION": "europe-west4"}
    caller = Platform(environ)
    assert (caller.project(), caller.location()) == ("p2", "europe-west4")
    assert platform.calls == []


def test_given_no_platform_at_all_then_the_error_names_the_way_out() -> None:
    with pytest.raises(ApiUnavailable, match="set HAKOBUNE_URL"):
        Platform({"GCE_METADATA_HOST": "127.0.0.1:1"}).project()
    with pytest.raises(SdkError, match="must be an address"):
        Platform({"HAKOBUNE_URL": "localhost"}).call(Api.RUN, "GET", "/v2/x")


def test_given_a_refusal_then_it_has_the_service_s_own_words(platform: PlatformStandIn) -> None:
    with pytest.raises(ApiRefused, match=r"^y was not found$") as refused:
        Platform(platform.environ).call(Api.RUN, "GET", "/v2/y")
    assert refused.value.status == 404


# -- a job's side ---------------------------------------------------------------------------------------------------


def test_given_no_reception_then_the_assignment_is_empty_and_has_no_place_for_a_result() -> None:
    assignment = Assignment.from_env({})
    assert (assignment.receipt, assignment.request) == ("", None)
    with pytest.raises(SdkError, match="no place for the result"):
        assignment.finish(1)


def test_given_a_request_that_is_no_json_then_the_variable_is_named() -> None:
    with pytest.raises(TaskEnvironmentError, match="HAKOBUNE_REQUEST: must be JSON"):
        Assignment.from_env({"HAKOBUNE_REQUEST": "{"})


def test_given_a_receipt_in_the_environment_when_progress_is_reported_then_the_line_names_it() -> None:
    program = "from hakobune.sdk import progress; progress(1, 2)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HAKOBUNE_RECEIPT": "r1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["logging.googleapis.com/labels"] == {"hakobune.dev/receipt": "r1"}
