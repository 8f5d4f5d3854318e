"""What the user chose: image mappings, `hakobune.yaml`, flags, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hakobune.cli.errors import UsageError
from hakobune.cli.flags import parse
from hakobune.cli.start import UP
from hakobune.cli.up import settings_of
from hakobune.runtime.settings import Auth, ImageSource, Settings
from hakobune.store.api import Durability


@pytest.fixture(autouse=True)
def _a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path)


def settings(*tokens: str, **environ: str) -> Settings:
    return settings_of(parse(UP, tokens), environ)


# -- images -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "source"),
    [
        ("gcr.io/p/app", "app"),
        ("gcr.io/p/app:v1", "app"),
        ("gcr.io/p/app@sha256:0a", "app"),
        ("gcr.io/p/app/worker", "app"),
        ("gcr.io/p/app/special:v2", "special"),
        ("gcr.io/p/application", "rest"),
        ("gcr.io/other", "everything"),
        ("gcr.iox/p", None),
        ("app", None),
        ("", None),
    ],
)
def test_given_mapped_prefixes_when_an_image_is_looked_up_then_the_longest_that_ends_at_a_mark_wins(
    image: str, source: str | None
) -> None:
    names = {"gcr.io": "everything", "gcr.io/p": "rest", "gcr.io/p/app": "app", "gcr.io/p/app/special": "special"}
    images = {prefix: ImageSource(source=Path(name)) for prefix, name in names.items()}
    found = Settings(directory=Path("/d"), images=images).image_source(image)
    assert (None if found is None else str(found.source)) == source


# -- hakobune.yaml ------------------------------------------------------------------------------------------------


def test_given_a_settings_file_when_it_lies_here_then_its_images_are_mapped(tmp_path: Path) -> None:
    text = "images:\n  gcr.io/p/app: {source: app, command: [python3, job.py], args: [--fast]}\n"
    (tmp_path / "hakobune.yaml").write_text(text)
    (tmp_path / "mine").mkdir()
    found = settings("--map-image=gcr.io/p/mine=mine").images
    assert found == {
        "gcr.io/p/app": ImageSource(source=tmp_path / "app", command=("python3", "job.py"), args=("--fast",)),
        "gcr.io/p/mine": ImageSource(source=tmp_path / "mine"),
    }


def test_given_a_flag_and_a_file_for_one_image_when_read_then_the_flag_wins(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "my.yaml").write_text("images: {x: {source: app}}")
    assert settings("--config=my.yaml", "--map-image=x=other").images["x"].source == tmp_path / "other"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("images: {x: {source: app", "cannot be read"),
        ("- a", "must be a map"),
        ("image: {}", "unknown key 'image'"),
        ("images: [app]", "images: must be a map"),
        ("images: {x: app}", "source: DIR is missing"),
        ("images: {x: {source: app, port: 1}}", "unknown key 'port'"),
        ("images: {x: {source: app, command: python3}}", "images.x.command: must be a list of texts"),
        ("images: {x: {source: app, args: [1]}}", "images.x.args: must be a list of texts"),
        ("images: {x: {source: gone}}", "gone is no directory"),
        ("!!python/object/apply:os.system [id]", "cannot be read"),
    ],
)
def test_given_a_broken_settings_file_when_read_then_the_complaint_names_the_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "hakobune.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        settings()
    assert complaint in str(caught.value)


def test_given_an_empty_settings_file_or_none_when_read_then_nothing_is_mapped(tmp_path: Path) -> None:
    assert settings().images == {}
    (tmp_path / "hakobune.yaml").write_text("")
    assert settings().images == {}
    with pytest.raises(UsageError, match=r"gone\.yaml cannot be read"):
        settings("--config=gone.yaml")


# -- flags and environment ----------------------------------------------------------------------------------------


def test_given_nothing_when_read_then_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    found = settings()
    assert (found.directory, found.host, found.port, found.grpc_port) == (
        tmp_path / ".hakobune",
        "127.0.0.1",
        8642,
        8643,
    )
    assert (found.project, found.auth, found.durability) == ("hakobune-local", Auth.NONE, Durability.POWER)


def test_given_an_environment_when_read_then_the_project_is_looked_for_in_the_documented_order() -> None:
    both = {"GOOGLE_CLOUD_PROJECT": "project-one", "CLOUDSDK_CORE_PROJECT": "project-two"}
    assert settings(**both).project == "project-one"
    assert settings(CLOUDSDK_CORE_PROJECT="project-two").project == "project-two"
    assert settings(CLOUDSDK_RUN_REGION="asia-northeast1").location == "asia-northeast1"


@pytest.mark.parametrize(
    ("tokens", "environ", "complaint"),
    [
        (["--host=0.0.0.0"], {}, "--auth=token"),
        (["--port=70000"], {}, "a port is from 1 to 65535"),
        (["--grpc-port=0"], {}, "a port is from 1 to 65535"),
        (["--map-image=x=gone"], {}, "gone is no directory"),
        ([], {"GOOGLE_CLOUD_PROJECT": "no/project"}, "project"),
        ([], {"CLOUDSDK_RUN_REGION": "no region"}, "location"),
    ],
)
def test_given_a_wrong_setting_when_read_then_it_is_refused_by_name(
    tokens: list[str], environ: dict[str, str], complaint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        settings(*tokens, **environ)
    assert complaint in str(caught.value)


def test_given_tokens_for_everyone_when_listening_elsewhere_then_it_is_allowed() -> None:
    assert settings("--host=0.0.0.0", "--auth=token").auth is Auth.TOKEN
