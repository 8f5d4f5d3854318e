"""`sys.*`, `uuid.generate` and `gke.*`."""

from __future__ import annotations

import math

import pytest
from library_calls import AContext, function, message, not_started, started

from hakobune.core.errors import IllegalTransition
from hakobune.core.workflows.effects import Done, HttpResponse, NoResponse, Trouble, Wait, WriteLog
from hakobune.core.workflows.failures import Failure
from hakobune.core.workflows.stdlib.registry import Kind, bind_positional
from hakobune.core.workflows.values import FunctionValue, Value

YEAR_S = 31_536_000


def read(name: str, *arguments: Value) -> Value:
    called = function(name)
    assert called.kind is Kind.CONTEXT
    return called.run(AContext(1720788633.25), *bind_positional(called, arguments))  # type: ignore[return-value]


def not_read(name: str, *arguments: Value) -> Value:
    with pytest.raises(Failure) as raised:
        read(name, *arguments)
    return raised.value.value


def test_now_and_generate_are_the_journals() -> None:
    assert read("sys.now") == 1720788633.25
    assert read("uuid.generate") == "3f2c8c1e-5a0f-4d7e-9a54-0f5b8f1f6f10"


def test_get_env_gives_the_variable_or_the_default() -> None:
    assert read("sys.get_env", "PORT_NAME") == "kobe"
    assert read("sys.get_env", "PORT_NAME", "osaka") == "kobe"
    assert read("sys.get_env", "NOTHING", "osaka") == "osaka"
    assert read("sys.get_env", "EMPTY", "osaka") == ""


def test_get_env_without_a_default_is_a_key_error() -> None:
    expected = {"message": "KeyError: key not found: NOTHING", "tags": ["KeyError", "LookupError"]}
    assert not_read("sys.get_env", "NOTHING") == expected
    assert not_read("sys.get_env", "NOTHING", None) == expected


def test_get_env_takes_strings() -> None:
    for arguments in ((1,), (None,), ("PORT_NAME", 1), ("NOTHING", False)):
        error = not_read("sys.get_env", *arguments)
        assert isinstance(error, dict)
        assert error["tags"] == ["TypeError"]


@pytest.mark.parametrize("seconds", [0, 1, 0.5, YEAR_S])
def test_sleep_waits_until_an_instant(seconds: float) -> None:
    running = started("sys.sleep", seconds)
    assert running.effect == Wait(until_s=1000.0 + seconds)
    assert running.answer(Done()).has_ended
    assert running.value is None


@pytest.mark.parametrize("seconds", [-1, -0.001, YEAR_S + 1, math.inf, math.nan])
def test_sleep_for_a_time_that_cannot_be(seconds: Value) -> None:
    assert not_started("sys.sleep", seconds).startswith("ValueError: sys.sleep: ")


@pytest.mark.parametrize("seconds", ["1", True, None, []])
def test_sleep_takes_numbers(seconds: Value) -> None:
    assert not_started("sys.sleep", seconds).startswith("TypeError: sys.sleep: argument 'seconds'")


def test_sleep_until_waits_for_a_timestamp() -> None:
    running = started("sys.sleep_until", "1970-01-01T00:20:00.000001Z")
    assert running.effect == Wait(until_s=1200.000001)
    assert running.answer(Done()).value is None


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "1970-01-01T00:16:40Z"])
def test_sleep_until_a_time_that_is_over_waits_for_nothing(time: str) -> None:
    running = started("sys.sleep_until", time)
    assert running.has_ended
    assert running.effects == []


@pytest.mark.parametrize("time", ["tomorrow", "", "1970-01-02", "1972-01-01T00:00:00Z"])
def test_sleep_until_a_time_that_cannot_be(time: str) -> None:
    assert not_started("sys.sleep_until", time).startswith("ValueError: sys.sleep_until: ")


@pytest.mark.parametrize("time", [1200, None, True])
def test_sleep_until_takes_a_string(time: Value) -> None:
    assert not_started("sys.sleep_until", time).startswith("TypeError: sys.sleep_until: argument 'time'")


@pytest.mark.parametrize(
    ("data", "text"),
    [("a", "a"), (1, "1"), (2.5, "2.5"), (True, "true"), ([1, "a"], '[1,"a"]')],
)
def test_log_writes_data_as_text(data: Value, text: str) -> None:
    running = started("sys.log", data)
    assert running.effect == WriteLog(severity="DEFAULT", text=text)
    assert running.answer(Done()).value is None


def test_log_writes_a_map_as_json_and_with_text_as_text() -> None:
    assert started("sys.log", data={"a": 1}).effect == WriteLog(severity="DEFAULT", json={"a": 1})
    assert started("sys.log", json={"a": 1}).effect == WriteLog(severity="DEFAULT", json={"a": 1})
    assert started("sys.log", text={"a": 1}).effect == WriteLog(severity="DEFAULT", text='{"a":1}')
    assert started("sys.log", text=True).effect == WriteLog(severity="DEFAULT", text="true")


def test_log_passes_over_positional_nulls_as_the_documentation_does() -> None:
    assert started("sys.log", None, "ERROR", "text").effect == WriteLog(severity="ERROR", text="text")
    assert started("sys.log", None, None, None, {"a": 1}).effect == WriteLog(severity="DEFAULT", json={"a": 1})


@pytest.mark.parametrize(
    "severity", ["DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"]
)
def test_log_severities(severity: str) -> None:
    assert started("sys.log", "a", severity).effect == WriteLog(severity=severity, text="a")


@pytest.mark.parametrize("severity", ["error", "FATAL", ""])
def test_log_with_an_unknown_severity(severity: str) -> None:
    assert not_started("sys.log", "a", severity).startswith("ValueError: sys.log: unknown severity")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"data": None},
        {"data": "a", "text": "b"},
        {"text": "a", "json": {}},
        {"data": "a", "text": "b", "json": {}},
        {"data": b"a"},
        {"text": b"a"},
        {"data": FunctionValue("retry.always")},
        {"json": "a"},
        {"json": [1]},
        {"data": "a", "severity": 1},
        {"data": "a", "timeout": "5"},
        {"data": "a", "unknown": 1},
    ],
)
def test_log_with_arguments_of_the_wrong_kind(arguments: dict[str, Value]) -> None:
    if arguments:
        assert not_started("sys.log", **arguments).startswith("TypeError: sys.log: ")
    else:
        assert not_started("sys.log") == "TypeError: sys.log: exactly one of data, text and json must be given, got 0"


def test_log_refuses_what_json_cannot_hold_before_it_writes() -> None:
    assert not_started("sys.log", {"a": b"x"}).startswith("ValueError: ")
    assert not_started("sys.log", [b"x"]).startswith("ValueError: ")


def test_log_with_a_timeout() -> None:
    assert started("sys.log", "a", timeout=5).effect == WriteLog(severity="DEFAULT", text="a")
    running = started("sys.log", "a", timeout=5)
    with pytest.raises(Failure) as raised:
        running.answer(NoResponse(trouble=Trouble.TIMEOUT, detail="the log is slow"))
    assert message(raised.value) == "TimeoutError: the log is slow"


def test_an_answer_of_another_kind_is_our_bug() -> None:
    answer = HttpResponse(code=200, headers=(), body=b"")
    for running in (started("sys.sleep", 1), started("sys.log", "a")):
        with pytest.raises(IllegalTransition, match="was answered by HttpResponse"):
            running.answer(answer)


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("gke.request", ("GET", "/api")),
        ("gke.create_job", ("default", {})),
        ("gke.await_job", ("job",)),
        ("gke.delete_job", ("job",)),
    ],
)
def test_kubernetes_is_not_supported(name: str, rest: tuple[Value, ...]) -> None:
    assert not_started(name, "p", "l", "c", *rest) == (
        f"SystemError: {name} is not supported: there is no Kubernetes cluster here"
    )
