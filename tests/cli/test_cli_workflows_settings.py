"""What `hakobune up` takes for workflows: from its flags, and from `hakobune.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hakobune.cli.errors import UsageError
from hakobune.cli.flags import parse
from hakobune.cli.settings import settings_of
from hakobune.cli.start import UP
from hakobune.core.workflows.limits import Strictness
from hakobune.runtime.settings import Settings

FILE = """\
service_urls: {ocr: "http://127.0.0.1:9001", speech: "http://127.0.0.1:9002"}
http_allowed_hosts: [169.254.1.7]
google_token_command: [gcloud, auth, print-access-token]
limits: off
max_executions: 5
max_backlog: 7
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(*flags: str) -> Settings:
    return settings_of(parse(UP, flags), {})


def test_given_nothing_then_the_limits_are_those_of_the_service() -> None:
    found = settings()
    assert found.limits is Strictness.STRICT
    assert (found.workflow_executions_max, found.workflow_backlog_max) == (10_000, 100_000)
    assert (found.service_urls, found.http_allowed_hosts, found.google_token_command) == ({}, (), ())


def test_given_a_file_then_it_is_read(here: Path) -> None:
    (here / "hakobune.yaml").write_text(FILE)
    found = settings()
    assert found.limits is Strictness.OFF
    assert (found.workflow_executions_max, found.workflow_backlog_max) == (5, 7)
    assert found.service_urls == {"ocr": "http://127.0.0.1:9001", "speech": "http://127.0.0.1:9002"}
    assert found.http_allowed_hosts == ("169.254.1.7",)
    assert found.google_token_command == ("gcloud", "auth", "print-access-token")


def test_given_flags_and_a_file_then_flags_win_and_maps_and_lists_add_up(here: Path) -> None:
    (here / "other.yaml").write_text(FILE)
    found = settings(
        "--config=other.yaml",
        "--limits=warn",
        "--max-executions=1",
        "--max-backlog=0",
        "--service-url=ocr=http://127.0.0.1:1",
        "--allow-host=METADATA.google.internal",
    )
    assert found.limits is Strictness.WARN
    assert (found.workflow_executions_max, found.workflow_backlog_max) == (1, 0)
    assert found.service_urls == {"ocr": "http://127.0.0.1:1", "speech": "http://127.0.0.1:9002"}
    assert found.http_allowed_hosts == ("169.254.1.7", "metadata.google.internal")


def test_given_a_bound_for_journals_then_a_flag_wins_over_the_environment_and_that_over_the_file(here: Path) -> None:
    variables = {"HAKOBUNE_MAX_JOURNAL_BYTES": "2000"}
    assert settings().workflow_journal_bytes_max == 268_435_456
    (here / "hakobune.yaml").write_text("max_journal_bytes: 1000\n")
    assert settings().workflow_journal_bytes_max == 1_000
    assert settings_of(parse(UP, []), variables).workflow_journal_bytes_max == 2_000
    assert settings_of(parse(UP, ["--max-journal-bytes=3000"]), variables).workflow_journal_bytes_max == 3_000
    for wrong in ("0", "-1", "1e6", "9" * 30, "１"):
        with pytest.raises(UsageError, match="HAKOBUNE_MAX_JOURNAL_BYTES: must be a whole number of at least 1"):
            settings_of(parse(UP, []), {"HAKOBUNE_MAX_JOURNAL_BYTES": wrong})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: some", "hakobune.yaml: limits: must be one of strict, warn, off."),
        ("max_executions: 0", "hakobune.yaml: max_executions: must be a whole number of at least 1."),
        ("max_executions: true", "hakobune.yaml: max_executions: must be a whole number of at least 1."),
        ("max_journal_bytes: 0", "hakobune.yaml: max_journal_bytes: must be a whole number of at least 1."),
        ("max_backlog: -1", "hakobune.yaml: max_backlog: must be a whole number of at least 0."),
        ("service_urls: [a]", "hakobune.yaml: service_urls: must be a map."),
        ("service_urls: {a: 1}", "hakobune.yaml: service_urls: must map names to texts."),
        ("service_urls: {A: 'http://h'}", "service_urls: 'A' is no name of a service: a-z, 0-9 and dashes."),
        ("service_urls: {a: 'ftp://h'}", "service_urls: a: write http://127.0.0.1:PORT, not 'ftp://h'."),
        ("service_urls: {a: 'http://h:x'}", "service_urls: a: write http://127.0.0.1:PORT, not 'http://h:x'."),
        ("http_allowed_hosts: host", "hakobune.yaml: http_allowed_hosts: must be a list of texts."),
        ("google_token_command: gcloud", "hakobune.yaml: google_token_command: must be a list of texts."),
        ("images: {a: {command: [b]}}", "hakobune.yaml: images.a: source: DIR is missing."),
        ("- a", "hakobune.yaml: must be a map with the keys "),
        ("quota: 1", "hakobune.yaml: unknown key 'quota'; known: google_token_command, "),
        ("a: [", "hakobune.yaml cannot be read: "),
    ],
)
def test_given_a_file_that_cannot_be_then_the_place_is_named(here: Path, text: str, message: str) -> None:
    (here / "hakobune.yaml").write_text(text)
    with pytest.raises(UsageError) as raised:
        settings()
    assert str(raised.value).startswith(message)


def test_given_a_flag_that_cannot_be_then_it_is_named() -> None:
    with pytest.raises(UsageError, match="Invalid choice: 'none'"):
        settings("--limits=none")
    with pytest.raises(UsageError, match="is no name of a service"):
        settings("--service-url=-x=http://127.0.0.1:1")
