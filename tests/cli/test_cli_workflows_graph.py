"""`hakobune workflows graph`: files in, pictures out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import workflow_files as files

from hakobune.cli.main import main


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sum.yaml").write_text(files.SUM)
    return tmp_path


def test_given_a_file_when_it_is_drawn_then_mermaid_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workflows", "graph", "sum.yaml"]) == 0
    assert capsys.readouterr().out.startswith('flowchart TD\n  subgraph f0["main(args)"]\n')


@pytest.mark.parametrize("flags", [["--output=sum.svg"], ["--format=svg", "--output=picture"]])
def test_given_an_output_when_a_file_is_drawn_then_it_is_written(
    here: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    assert main(["workflows", "graph", "sum.yaml", *flags]) == 0
    name = flags[-1].partition("=")[2]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"Drew [sum.yaml] to [{name}].\n")
    assert ET.fromstring((here / name).read_text()).tag.endswith("}svg")


def test_given_a_file_that_cannot_be_read_as_a_workflow_when_it_is_drawn_then_its_mistakes_are_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "odd.yaml").write_text("main:\n  steps:\n    - a: {nonsense: 1}\n")
    assert main(["workflows", "graph", "odd.yaml"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("ERROR: (hakobune.workflows.graph) [odd.yaml] cannot be read as a workflow.\nodd.yaml:3:")


def test_given_warnings_beside_errors_when_a_file_is_drawn_then_each_says_what_it_is(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "odd.yaml").write_text("main:\n  steps:\n    - a: {return: 'see ${x}'}\n    - b: {nonsense: 1}\n")
    assert main(["workflows", "graph", "odd.yaml"]) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("odd.yaml:")]
    assert [line.split(": ")[1:3] for line in told] == [
        ["warning", "in step a"],
        *[["error", "in step b"]] * 2,  # a key that is not known, and that there is no other
    ]


def test_given_a_place_that_cannot_be_written_when_a_file_is_drawn_then_it_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["workflows", "graph", "sum.yaml", "--output=none/sum.svg"]) == 1
    assert "Unable to write file [none/sum.svg]: No such file or directory" in capsys.readouterr().err


def test_given_a_definition_that_does_not_deploy_yet_when_it_is_drawn_then_there_is_a_picture(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "bad.yaml").write_text(files.BAD)
    assert main(["workflows", "graph", "bad.yaml"]) == 0
    assert "call foo.bar" in capsys.readouterr().out


def test_given_the_cases_of_a_test_when_they_are_drawn_then_what_runs_them_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "sum_test.yaml").write_text("workflow: sum.yaml\ncases: [{name: a}]\n")
    for words in (["graph", "sum_test.yaml"], ["run", "sum_test.yaml"]):
        assert main(["workflows", *words]) == 1
        assert "[sum_test.yaml] has the cases of a test, it is no workflow." in (err := capsys.readouterr().err)
        assert err.endswith("Run them with: hakobune test sum_test.yaml\n")


@pytest.mark.parametrize("name", ["sum.png", "sum", "sum.svg.txt"])
def test_given_an_output_of_an_ending_that_is_not_known_when_it_is_drawn_then_it_is_refused_with_those_that_are(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["workflows", "graph", "sum.yaml", f"--output={name}"]) == 2
    err = capsys.readouterr().err
    assert f"[{name}] does not say what to write: end it with one of .svg, .mmd, .mermaid, .md, or add" in err
    assert not (here / name).exists()


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [
        ("a.SVG", "<svg ", "</svg>\n"),
        ("a.mmd", "flowchart TD\n", "\n"),
        ("a.mermaid", "flowchart TD\n", "\n"),
        ("a.md", "```mermaid\nflowchart TD\n", "\n```\n"),
    ],
)
def test_given_an_output_when_it_is_drawn_then_its_ending_says_how(here: Path, name: str, begin: str, end: str) -> None:
    assert main(["workflows", "graph", "sum.yaml", f"--output={name}"]) == 0
    text = (here / name).read_text()
    assert text.startswith(begin)
    assert text.endswith(end)
