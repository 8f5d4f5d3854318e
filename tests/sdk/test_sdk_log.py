from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.sdk import LogHandler, lines, log


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("severity", ["debug", "info", "notice", "warning", "error", "critical"])
def test_given_a_message_when_logged_then_it_is_one_structured_line(
    capsys: pytest.CaptureFixture[str], severity: str
) -> None:
    getattr(log, severity)("resized\nwell", image="運転.png", ms=12, size=(3, 4))
    assert printed(capsys) == [
        {"severity": severity.upper(), "message": "resized\nwell", "image": "運転.png", "ms": 12, "size": [3, 4]}
    ]


def test_given_bound_fields_and_labels_when_logged_then_every_line_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    bound = log.bind(video="a", labels={"team": "x"}).bind(segment=1, labels={"stage": "ocr"})
    bound.info("m", segment=2)
    assert printed(capsys) == [
        {
            "severity": "INFO",
            "message": "m",
            "video": "a",
            "segment": 2,
            "logging.googleapis.com/labels": {"team": "x", "stage": "ocr"},
        }
    ]


def test_given_fields_with_reserved_names_when_logged_then_the_entry_keeps_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.info("m", severity="x", time="y", message="z")
    assert printed(capsys) == [{"severity": "INFO", "message": "m", "severity_": "x", "time_": "y", "message_": "z"}]


def test_given_an_exception_when_logged_then_its_stack_comes_along(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed", item=3)
    (entry,) = printed(capsys)
    assert (entry["severity"], entry["message"], entry["item"]) == ("ERROR", "failed", 3)
    assert str(entry["stack_trace"]).startswith("Traceback")
    assert "ValueError: broken" in str(entry["stack_trace"])


def test_given_a_clock_when_logged_then_the_line_has_its_own_time(capsys: pytest.CaptureFixture[str]) -> None:
    log.Logger(clock=lambda: 1_700_000_000.25).info("m")
    assert printed(capsys)[0]["time"] == "2023-11-14T22:13:20.250000Z"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"TRACEPARENT": "nonsense"}, {}),
        (
            {"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01", "GOOGLE_CLOUD_PROJECT": "p1"},
            {
                "logging.googleapis.com/trace": f"projects/p1/traces/{'a' * 32}",
                "logging.googleapis.com/spanId": "b" * 16,
                "logging.googleapis.com/trace_sampled": True,
            },
        ),
        (
            {"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-00"},
            {
                "logging.googleapis.com/trace": "a" * 32,
                "logging.googleapis.com/spanId": "b" * 16,
                "logging.googleapis.com/trace_sampled": False,
            },
        ),
    ],
)
def test_given_a_trace_in_the_environment_when_logged_then_the_line_belongs_to_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    expected: dict[str, object],
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    log.info("m")
    assert printed(capsys) == [{"severity": "INFO", "message": "m", **expected}]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.just({1, 2}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers() | st.binary(), inner),
    max_leaves=8,
)


@given(anything, st.text(st.characters()))
def test_every_value_makes_one_valid_line(value: object, message: str) -> None:
    line = lines.to_json({"message": message, "value": value})
    assert "\n" not in line

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    encoded = line.encode("utf-8", "backslashreplace")
    assert json.loads(encoded, parse_constant=refuse)["message"] == message


def test_given_a_list_that_holds_itself_when_logged_then_it_is_still_one_line() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert json.loads(lines.to_json({"loop": loop}))["loop"]


def test_given_many_threads_when_all_log_then_no_line_is_torn_and_prints_keep_their_place() -> None:
    program = (
        "import threading; from hakobune.sdk import log\n"
        "print('first')\n"
        "def work(n):\n"
        "  for i in range(100): log.info('x' * 5000, thread=n, i=i)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print('last')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *middle, last = done.stdout.splitlines()
    assert (first, last) == ("first", "last")
    seen = {(entry["thread"], entry["i"]) for entry in map(json.loads, middle)}
    assert len(middle) == len(seen) == 600


def test_given_a_fork_while_another_thread_writes_when_the_child_logs_then_it_does_not_hang() -> None:
    program = (
        "import os; from hakobune.sdk import lines, log, progress\n"
        "progress(1, 3)\n"
        "lines._lock.acquire()\n"  # as if a thread were in the middle of a line
        "if os.fork() == 0:\n"
        "  log.info('child'); progress(2, 3); os._exit(0)\n"
        "print(os.wait()[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20)
    messages = [json.loads(line)["message"] for line in done.stdout.splitlines()[:-1]]
    assert messages == ["1/3", "child", "2/3"]
    assert done.stdout.splitlines()[-1] == "0"


def test_given_a_terminal_when_logged_then_it_is_plain_text() -> None:
    program = (
        "from hakobune.sdk import log\n"
        "log.warning('resized', image='a.png')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: log.exception('failed')\n"
    )
    ours, theirs = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", program], stdout=theirs, check=True)
        text = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    first, second, *stack = text.splitlines()
    assert first.endswith(" WARNING  resized image=a.png")
    assert second.endswith(" ERROR    failed")
    assert stack[-1] == "ZeroDivisionError: division by zero"


def test_given_the_standard_logging_module_when_handled_then_the_lines_are_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.Logger("app.video")  # noqa: LOG001 - not in the process-wide tree
    logger.addHandler(LogHandler())
    logger.warning("took %d ms", 12, extra={"video": "a"})
    logger.log(25, "between")
    logger.debug("low")
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("failed")
    took, between, low, failed = printed(capsys)
    assert (took["severity"], took["message"], took["video"], took["logger"]) == (
        "WARNING",
        "took 12 ms",
        "a",
        "app.video",
    )
    assert str(took["time"]).endswith("Z")
    assert (between["severity"], low["severity"], failed["severity"]) == ("INFO", "DEBUG", "ERROR")
    assert "ValueError: broken" in str(failed["stack_trace"])


def test_given_a_record_that_cannot_be_formatted_when_handled_then_the_program_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.Logger("app")  # noqa: LOG001
    logger.addHandler(LogHandler())
    logger.info("%d", "text")
    captured = capsys.readouterr()
    assert "Logging error" in captured.err
    assert captured.out == ""


def test_given_concurrent_use_when_one_logger_is_bound_then_others_do_not_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    threads = [threading.Thread(target=lambda n=n: log.bind(n=n).info("m")) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.info("m")
    entries = printed(capsys)
    assert sorted(str(entry.get("n")) for entry in entries) == ["0", "1", "2", "3", "4", "None"]
