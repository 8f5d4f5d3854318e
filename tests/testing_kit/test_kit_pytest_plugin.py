"""The plug-in, in a pytest of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = (
    "main: {params: [n], steps: [{done: {switch: [{condition: '${n == 1}', return: one}]}}, {last: {return: other}}]}"
)


def a_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    plugin = ["-p", "hakobune.testing.pytest_plugin", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *arguments],
        cwd=folder,
        env={
            **environment,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # others take a second to load
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.yaml").write_text(WORKFLOW)
    return tmp_path


def test_given_a_file_of_cases_then_each_case_is_a_test(folder: Path) -> None:
    (folder / "flow_test.yaml").write_text(
        "workflow: flow.yaml\n"
        "cases:\n"
        "  - {name: good, argument: 1, expect: {result: one}}\n"
        "  - {name: bad, argument: 2, expect: {result: one}}\n"
    )
    done = a_pytest(folder, "-q")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert '$: expected "one", got "other"' in done.stdout
    assert "main.last" in done.stdout  # the trace
    assert "Traceback" not in done.stdout
    assert a_pytest(folder, "-q", "-k", "good").returncode == 0


def test_given_a_step_that_is_not_there_then_the_file_is_refused_with_the_place(folder: Path) -> None:
    (folder / "flow_test.yaml").write_text(
        "workflow: flow.yaml\ncases:\n  - {name: one, argument: 1, expect: {steps_not: [lasst]}}\n"
    )
    done = a_pytest(folder, "-q")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "flow_test.yaml:3:51: 'steps_not' names the step 'lasst'" in done.stdout
    assert "did you mean 'last'?" in done.stdout


def test_given_other_files_of_yaml_then_they_are_left_alone(folder: Path) -> None:
    (folder / "other_test.yaml").write_text("cases:\n  - workflow: deep inside\n")
    (folder / "broken_test.yaml").write_text("\t: [")
    (folder / "flow_test.txt").write_text("workflow: flow.yaml\ncases: []\n")
    assert a_pytest(folder).returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_given_a_file_of_cases_with_a_mistake_then_collecting_it_fails_with_its_place(folder: Path) -> None:
    (folder / "flow_test.yaml").write_text("workflow: flow.yaml\ncases:\n  - {nme: a}\n")
    done = a_pytest(folder)
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "flow_test.yaml:3:" in done.stdout
    assert "unknown key 'nme'" in done.stdout


def test_given_the_fixture_then_a_test_in_python_runs_the_workflow_and_coverage_adds_up(folder: Path) -> None:
    (folder / "flow_test.yaml").write_text("workflow: flow.yaml\ncases: [{name: one, argument: 1}]\n")
    (folder / "test_flow.py").write_text(
        "def test_other(hakobune_workflow):\n    assert hakobune_workflow('flow.yaml').run(2).result == 'other'\n"
    )
    done = a_pytest(folder, "--workflow-coverage", "--workflow-html", "pages")
    assert done.returncode == 0, done.stdout
    assert "coverage of flow.yaml: steps 2/2 (100 %), branches 2/2 (100 %)" in done.stdout
    assert (folder / "pages" / "index.html").exists()


def test_given_no_workflows_then_the_plug_in_imports_nothing_of_the_kit(folder: Path) -> None:
    (folder / "test_nothing.py").write_text(
        "import sys\n\n"
        "def test_nothing():\n"
        "    found = [name for name in sys.modules if name.startswith('hakobune.')]\n"
        "    assert sorted(found) == ['hakobune.testing', 'hakobune.testing.pytest_plugin']\n"
    )
    done = a_pytest(folder, "--workflow-coverage")
    assert done.returncode == 0, done.stdout
    assert "coverage of" not in done.stdout


def test_the_example_is_green(tmp_path: Path) -> None:
    example = tmp_path / "example"
    shutil.copytree(ROOT / "examples" / "workflows_kit", example, ignore=shutil.ignore_patterns("__pycache__"))
    done = a_pytest(example, "--workflow-coverage")
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    assert "steps 8/8 (100 %), branches 2/2 (100 %), except and retry 3/3 (100 %)" in done.stdout
