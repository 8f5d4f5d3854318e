"""Where objects are kept, as `hakobune up` is told: flag over environment over file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hakobune.cli.errors import UsageError
from hakobune.cli.flags import parse
from hakobune.cli.settings import settings_of
from hakobune.cli.start import UP
from hakobune.core.objects.content_places import place_from_text


def test_given_a_place_when_settings_are_read_then_a_flag_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings_of(parse(UP, []), {}).objects is None
    (tmp_path / "hakobune.yaml").write_text("objects: gs://of-the-file/x\n")
    variables = {"HAKOBUNE_OBJECTS": "s3://of-the-environment"}
    assert settings_of(parse(UP, []), {}).objects == place_from_text("gs://of-the-file/x")
    assert settings_of(parse(UP, []), variables).objects == place_from_text("s3://of-the-environment")
    flag = parse(UP, ["--objects=file:///srv/objects"])
    assert settings_of(flag, variables).objects == place_from_text("file:///srv/objects")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("objects: 1", "hakobune.yaml: objects: must be a text."),
        ("objects: ftp://x", "'ftp://x' is no place for objects"),
    ],
)
def test_given_what_is_no_place_when_settings_are_read_then_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hakobune.yaml").write_text(text)
    with pytest.raises(UsageError) as raised:
        settings_of(parse(UP, []), {})
    assert str(raised.value).startswith(why)
