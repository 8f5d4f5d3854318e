"""JSON of what no Google API has."""

from __future__ import annotations

from hakobune.core.jobs.model import AttemptRecord, AttemptResult, Cause, ResultKind
from hakobune.core.logs.progress import Progress
from hakobune.wire.own_v1 import attempt_to_json, progress_to_json


def an_attempt(**changes: object) -> AttemptRecord:
    fields: dict[str, object] = {
        "uid": "e1.3.2",
        "index": 3,
        "number": 1,
        "cause": Cause.FIRST,
        "create_time_s": 0.0,
        "start_time_s": None,
        "end_time_s": None,
        "result": None,
    }
    return AttemptRecord(**{**fields, **changes})  # type: ignore[arg-type]


def test_given_an_attempt_that_waits_then_only_its_beginning_is_told() -> None:
    assert attempt_to_json(an_attempt()) == {
        "uid": "e1.3.2",
        "index": 3,
        "attempt": 1,
        "cause": Cause.FIRST.value,
        "createTime": "1970-01-01T00:00:00.000000Z",
    }


def test_given_an_attempt_that_ended_then_how_it_ended_and_what_it_took_are_told() -> None:
    result = AttemptResult(kind=ResultKind.EXIT, exit_code=3, detail="why")
    found = attempt_to_json(
        an_attempt(start_time_s=1.0, end_time_s=2.5, result=result, max_rss_bytes=4096, cpu_s=0.12345678)
    )
    assert found["startTime"] == "1970-01-01T00:00:01.000000Z"
    assert found["endTime"].startswith("1970-01-01T00:00:02.5")
    assert found["result"]["kind"] == ResultKind.EXIT.value
    assert found["result"]["exitCode"] == 3
    assert found["result"]["detail"] == "why"
    assert (found["maxRssBytes"], found["cpuSeconds"]) == ("4096", 0.123457)


def test_progress_is_told_as_it_was_summed() -> None:
    progress = Progress(done=3, total=10, note="half way", tasks=2)
    assert progress_to_json(progress) == {"done": 3, "total": 10, "note": "half way", "tasks": 2}
