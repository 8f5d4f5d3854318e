"""The log of workflow executions: what is told of calls, and the entries that it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from hakobune.core.logs.entries import LogEntry, Severity
from hakobune.core.logs.workflows import call_entry, end_entry, limit_entries, start_entry, warning_entry
from hakobune.core.names import WorkflowName
from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.call_log import TEXT_CHARS, CallLog, CallNote
from hakobune.core.workflows.effects import Answer, Done, HttpRequest, HttpResponse
from hakobune.core.workflows.events import Answered, Event, Stamped, Started
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Machine, resume
from hakobune.core.workflows.model import (
    CallLogLevel,
    ExecutionError,
    ExecutionState,
    Revision,
    StackFrame,
    StepCounts,
    Workflow,
    WorkflowExecution,
)
from hakobune.core.workflows.positions import Position

START_S = 1_700_000_000.0
NAME = WorkflowName(project="p", location="asia-northeast1", workflow="w").execution(
    "2ca73032-f73f-499b-b177-520eb540eae1"
)


def an_execution(state: ExecutionState = ExecutionState.SUCCEEDED, **fields: Any) -> WorkflowExecution:
    given: dict[str, Any] = {
        "name": NAME,
        "uid": NAME.execution,
        "workflow_uid": "u",
        "revision_id": "000001-a4d",
        "state": state,
        "create_s": START_S,
        "start_s": START_S + 1,
        "end_s": START_S + 2.5,
    }
    return WorkflowExecution(**{**given, **fields})


def answer(code: int = 200) -> HttpResponse:
    return HttpResponse(code=code, headers=(("Content-Type", "application/json"),), body=b'{"n": 1}')


def played(
    steps: str,
    *answers: Answer,
    level: CallLogLevel = CallLogLevel.ALL_CALLS,
    more: str = "",
    argument: Any = None,
) -> tuple[list[CallNote], list[Stamped], Any]:
    """The notes of a run whose calls get these answers, a second apart (the last one serves all others); its journal
    and plan."""
    plan = compile_source(f"main:\n  params: [args]\n  steps:\n{steps}{more}")
    log = CallLog(level)
    machine = Machine(plan, limits=RunLimits(), recorder=log)
    journal: list[Stamped] = []
    notes: list[CallNote] = []

    def happen(event: Event) -> None:
        journal.append(Stamped(event=event, at_s=START_S + len(journal), seed=len(journal)))
        machine.feed(journal[-1])
        while not machine.advance(1_000):
            pass
        notes.extend(log.take())

    happen(Started(argument=argument, environment={}, execution=str(NAME), base_url="http://127.0.0.1:1"))
    left = list(answers)
    while machine.outcome is None:
        command = next(iter(machine.waiting.values()))
        given: Answer = Done()
        if isinstance(command.effect, HttpRequest):
            given = left.pop(0) if len(left) > 1 else left[0]
        happen(Answered(call=command.call, answer=given))
    return notes, journal, plan


def told(notes: list[CallNote]) -> list[str]:
    """`STATE step callee` of each note."""
    return [f"{note.state.value} {note.step} {note.callee}" for note in notes]


GET = """
    - fetch:
        call: http.get
        args:
          url: http://127.0.0.1:1/x
          headers: {authorization: Bearer secret, X-A: b}
        result: r
"""


def test_given_all_calls_then_each_call_step_is_told_of_with_arguments_times_and_answer() -> None:
    notes, _, _ = played(GET, answer())
    assert told(notes) == ["BEGUN fetch http.get", "SUCCEEDED fetch http.get"]
    begun, succeeded = notes
    assert (begun.at_s, begun.start_s, begun.number) == (START_S, None, 1)
    assert (succeeded.at_s, succeeded.start_s, succeeded.number) == (START_S + 1, START_S, 2)
    assert begun.arguments == {
        "url": "http://127.0.0.1:1/x",
        "headers": {"authorization": "[REDACTED]", "X-A": "b"},
    }
    assert '"body":{"n":1}' in succeeded.response
    assert "secret" not in repr(notes)


def test_given_calls_inside_expressions_then_nothing_is_told_of_them() -> None:
    notes, _, _ = played('    - one:\n        return: ${text.to_upper("a")}\n')
    assert notes == []


def test_given_a_subworkflow_then_its_call_and_the_calls_within_are_told_of_in_order() -> None:
    sub = "sub:\n  params: [a, b]\n  steps:\n    - inner:\n        call: sys.log\n        args: {text: hello}\n"
    notes, _, _ = played("    - outer:\n        call: sub\n        args: [1, [true, null]]\n", more=sub)
    assert told(notes) == ["BEGUN outer sub", "BEGUN inner sys.log", "SUCCEEDED inner sys.log", "SUCCEEDED outer sub"]
    assert notes[0].arguments == ("1", "[true,null]")
    assert notes[3].response == "null"


TRY = """
    - guarded:
        try:
          call: http.get
          args: {url: "http://127.0.0.1:1/x"}
        retry:
          predicate: ${http.default_retry_predicate}
          max_retries: 1
          backoff: {initial_delay: 1, max_delay: 1, multiplier: 1}
        except:
          as: e
          steps:
            - note:
                call: sys.log
                args: {text: failed}
"""


def test_given_a_retry_and_a_handler_then_each_failure_is_raised_and_handled() -> None:
    notes, _, _ = played(TRY, answer(503))
    assert told(notes) == [
        "BEGUN guarded http.get",
        "EXCEPTION_RAISED guarded http.get",
        "EXCEPTION_HANDLED guarded http.get",
        "BEGUN guarded http.get",
        "EXCEPTION_RAISED guarded http.get",
        "EXCEPTION_HANDLED guarded http.get",
        "BEGUN note sys.log",
        "SUCCEEDED note sys.log",
    ]
    assert notes[1].exception == "HTTP server responded with error code 503"
    assert (notes[1].origin, notes[1].start_s, notes[1].at_s) == ("guarded", START_S, START_S + 1)


def test_given_errors_only_then_begins_and_successes_are_not_told_and_numbers_have_no_gaps_of_their_own() -> None:
    notes, _, _ = played(TRY, answer(503), level=CallLogLevel.ERRORS_ONLY)
    assert {note.state.value for note in notes} == {"EXCEPTION_RAISED", "EXCEPTION_HANDLED"}
    assert [note.number for note in notes] == [1, 2, 3, 4]


def test_given_an_error_nobody_handles_then_all_open_calls_are_raised_innermost_first() -> None:
    sub = 'sub:\n  steps:\n    - inner:\n        call: text.to_upper\n        args: ["a"]\n    - bad:\n        raise: oh\n'
    notes, _, _ = played("    - outer:\n        call: sub\n", more=sub)
    assert told(notes) == [
        "BEGUN outer sub",
        "BEGUN inner text.to_upper",
        "SUCCEEDED inner text.to_upper",
        "EXCEPTION_RAISED outer sub",
    ]
    assert (notes[-1].exception, notes[-1].origin) == ('RuntimeError: "oh"', "bad")


def test_given_branches_then_the_calls_of_each_are_its_own() -> None:
    steps = """
    - side:
        try:
          steps:
            - both:
                parallel:
                  branches:
                    - good:
                        steps:
                          - a:
                              call: sys.sleep
                              args: {seconds: 5}
                    - bad:
                        steps:
                          - b:
                              call: text.to_upper
                              args: [7]
        except:
          as: e
          steps:
            - c:
                call: text.to_upper
                args: ["x"]
"""
    notes, _, _ = played(steps)
    assert told(notes) == [
        "BEGUN a sys.sleep",
        "BEGUN b text.to_upper",
        "EXCEPTION_RAISED b text.to_upper",
        "SUCCEEDED a sys.sleep",
        "BEGUN c text.to_upper",
        "SUCCEEDED c text.to_upper",
    ]


@pytest.mark.parametrize("crash", [1, 2, 3, 4])
def test_given_a_crash_when_the_journal_is_folded_then_the_same_notes_come_again(crash: int) -> None:
    notes, journal, plan = played(TRY, answer(503))
    again = CallLog(CallLogLevel.ALL_CALLS)
    resume(plan, journal[:crash], RunLimits(), again)
    found = again.take()
    assert found == notes[: len(found)]
    recent = CallLog(CallLogLevel.ALL_CALLS, from_s=journal[crash - 1].at_s)
    resume(plan, journal[:crash], RunLimits(), recent)
    assert recent.take() == [note for note in found if note.at_s >= journal[crash - 1].at_s]


def test_given_long_and_unwritable_arguments_then_they_are_cut_or_named_by_their_type() -> None:
    sub = "sub:\n  params: [long, many, raw]\n  steps:\n    - done:\n        return: ${long}\n"
    steps = """
    - go:
        call: sub
        args:
          long: ${args}
          many: ${[args, args]}
          raw: ${text.encode("x")}
"""
    notes, _, _ = played(steps, more=sub, argument="ä" * 5_000)
    assert isinstance(notes[0].arguments, dict)
    assert {name: len(str(value)) for name, value in notes[0].arguments.items()} == {
        "long": TEXT_CHARS,
        "many": TEXT_CHARS,
        "raw": len("<bytes>"),
    }
    assert len(notes[1].response) == TEXT_CHARS
    assert notes[1].response.endswith("…")


# -- entries ----------------------------------------------------------------------------------------------------------


def payload(entry: LogEntry) -> Any:
    assert entry.text_payload is None
    return entry.json_payload


def test_given_a_begin_then_the_entry_has_the_argument_and_says_whose_it_is() -> None:
    entry = start_entry(an_execution(argument='{"a":1}'))
    assert entry.log_name == "projects/p/logs/workflows.googleapis.com%2Fexecutions_system"
    assert entry.resource.type == "workflows.googleapis.com/Workflow"
    assert entry.resource.labels == {"project_id": "p", "location": "asia-northeast1", "workflow_id": "w"}
    assert entry.labels == {
        "workflows.googleapis.com/execution_id": NAME.execution,
        "workflows.googleapis.com/revision_id": "000001-a4d",
    }
    assert (entry.severity, entry.timestamp) == (Severity.INFO, "2023-11-14T22:13:21.000000Z")
    assert payload(entry) == {
        "@type": "type.googleapis.com/google.cloud.workflows.type.ExecutionsSystemLog",
        "message": "The execution has started.",
        "activityTime": "2023-11-14T22:13:21.000000Z",
        "state": "ACTIVE",
        "start": {"argument": '{"a":1}'},
    }
    assert payload(start_entry(an_execution()))["start"] == {"argument": "null"}


def test_given_an_end_then_its_entry_has_the_result_or_the_error_or_neither() -> None:
    good = end_entry(an_execution(result="42"))
    assert (payload(good)["state"], payload(good)["success"], good.severity) == ("SUCCEEDED", {"result": "42"}, "INFO")
    frame = StackFrame(step="bar", routine="Foo", position=Position(line=3, column=1))
    error = ExecutionError(payload="{}", context=f"{'x' * 2_000}\nin step", stack_trace=(frame,))
    bad = end_entry(an_execution(ExecutionState.FAILED, error=error))
    assert (bad.severity, payload(bad)["state"]) == ("ERROR", "FAILED")
    failure = payload(bad)["failure"]
    assert failure["source"] == "Foo.bar"
    assert len(failure["exception"].encode()) <= 1_000
    assert len(payload(bad)["message"].encode()) <= 5_000
    stopped = end_entry(an_execution(ExecutionState.CANCELLED))
    assert payload(stopped).keys() & {"start", "success", "failure"} == set()
    assert payload(stopped)["state"] == "CANCELLED"


def test_given_limits_that_are_not_kept_when_broken_then_there_is_a_warning_for_each() -> None:
    fine = an_execution(result="1", argument="1", steps=StepCounts(internal=99_999, external=1))
    assert limit_entries(fine) == []
    broken = an_execution(
        result="x" * 600_000, argument="é" * 300_000, steps=StepCounts(internal=100_000, external=5), end_s=START_S + 9
    )
    told = limit_entries(broken)
    assert [payload(entry)["message"] for entry in told] == [
        "100005 steps were executed, the limit of the service is 100000.",
        "600000 bytes were in the argument, the limit of the service is 524288.",
        "600000 bytes were in the result, the limit of the service is 524288.",
    ]
    assert {entry.severity for entry in told} == {Severity.WARNING}
    assert {entry.timestamp_s for entry in told} == {START_S + 9}
    assert len({entry.insert_id for entry in (*told, end_entry(broken))}) == 4
    assert limit_entries(broken) == told


def test_given_a_warning_about_a_definition_then_its_entry_names_the_workflow_and_the_revision() -> None:
    name = WorkflowName(project="p", location="tokyo", workflow="w")
    revision = Revision(id="000002-abc", ordinal=2, create_s=START_S, source_contents="", service_account="a")
    workflow = Workflow(name=name, uid="u", create_s=1.0, update_s=START_S, revision=revision)
    entry = warning_entry(workflow, 0, "line 3:5: more than 50 assignments [limits]")
    assert payload(entry)["message"] == f"{name}: line 3:5: more than 50 assignments [limits]"
    assert (entry.severity, entry.resource.labels["workflow_id"]) == (Severity.WARNING, "w")
    assert entry.labels == {"workflows.googleapis.com/revision_id": "000002-abc"}
    assert entry.log_name == "projects/p/logs/workflows.googleapis.com%2Fexecutions_system"
    assert entry.insert_id != warning_entry(workflow, 1, "another").insert_id


def test_given_the_same_event_then_the_id_is_the_same_and_each_event_has_its_own() -> None:
    execution = an_execution()
    assert start_entry(execution).insert_id == start_entry(execution).insert_id
    assert start_entry(execution).insert_id != end_entry(execution).insert_id
    notes, _, _ = played(TRY, answer(503))
    ids = [call_entry(execution, note).insert_id for note in notes]
    assert len(set(ids)) == len(ids)
    assert ids == [call_entry(execution, note).insert_id for note in notes]


def test_given_notes_then_their_entries_have_the_fields_of_the_call_log() -> None:
    notes, _, _ = played(TRY, answer(503))
    entries = [call_entry(an_execution(), note) for note in notes]
    assert {entry.severity for entry in entries} == {Severity.DEBUG}
    assert {entry.log_name for entry in entries} == {"projects/p/logs/workflows.googleapis.com%2Fengine_call"}
    begun, raised, handled = (payload(entry) for entry in entries[:3])
    assert begun == {
        "@type": "type.googleapis.com/google.cloud.workflows.type.EngineCallLog",
        "executionId": NAME.execution,
        "activityTime": "2023-11-14T22:13:20.000000Z",
        "state": "BEGUN",
        "step": "guarded",
        "callee": "http.get",
        "begun": {"namedArgs": {"url": "http://127.0.0.1:1/x"}},
    }
    failure = {
        "callStartTime": "2023-11-14T22:13:20.000000Z",
        "exception": "HTTP server responded with error code 503",
        "origin": "guarded",
    }
    assert (raised["exceptionRaised"], handled["exceptionHandled"]) == (failure, failure)
    succeeded = payload(entries[-1])["succeeded"]
    assert succeeded.keys() == {"callStartTime", "response"}
    positional, _, _ = played('    - up:\n        call: text.to_upper\n        args: ["a"]\n')
    assert payload(call_entry(an_execution(), positional[0]))["begun"] == {"args": [{"argument": '"a"'}]}
