"""The plug-in for pytest: files `*_test.yaml` with cases of workflows are tests, and `hakobune_workflow` is a fixture.

A file is taken when its first level has the keys `workflow` and `cases`; all other YAML is left alone. Nothing of the
kit is imported before the first such file, or the first test that asks for the fixture.

    pytest --workflow-coverage                     # tell what was reached
    pytest --workflow-html coverage                # and as pages of HTML, with the sources
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from hakobune.testing.workflows.case_files import Case, CaseFile
    from hakobune.testing.workflows.results import Session
    from hakobune.testing.workflows.runs import Workflow

_ENDINGS: Final = ("_test.yaml", "_test.yml", "_test.json")
# At the beginning of a line, or with quotes and indented as in JSON.
_KEYS: Final = tuple(re.compile(rf'^(?:"?|[\s{{,]*"){key}"?\s*:', re.MULTILINE) for key in ("workflow", "cases"))
# (The two `ignore` below: pytest leaves the arguments of its own functions without types.)
_SESSION: Final = pytest.StashKey["Session"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plug-in."""
    group = parser.getgroup("workflows", "tests of workflows")
    group.addoption("--workflow-coverage", action="store_true", help="tell which steps of the workflows were reached")
    group.addoption("--workflow-html", metavar="DIR", help="write the coverage of workflows as HTML into DIR")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file of cases is a collector; its cases are items."""
    if not file_path.name.endswith(_ENDINGS):
        return None
    text = file_path.read_text(encoding="utf-8", errors="replace")
    if not all(key.search(text) for key in _KEYS):
        return None
    return CaseFileCollector.from_parent(parent, path=file_path)  # pyright: ignore[reportUnknownMemberType]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The coverage of the workflows that ran, where it was asked for."""
    session = config.stash.get(_SESSION, None)
    html: str | None = config.getoption("--workflow-html")
    if session is None or not (config.getoption("--workflow-coverage") or html):
        return
    from hakobune.testing.workflows.html_report import write_pages
    from hakobune.testing.workflows.terminal_report import coverage_text

    terminalreporter.section("workflows")
    for workflow in session.workflows.values():
        terminalreporter.write_line(coverage_text(workflow))
    if html:
        terminalreporter.write_line(f"coverage: {write_pages(session, Path(html))[0]}")


@pytest.fixture
def hakobune_workflow(request: pytest.FixtureRequest) -> Callable[[str], Workflow]:
    """`hakobune_workflow("order.yaml")` is the workflow of a file beside the test; coverage adds up over all tests."""
    session = _session(request.config)

    def load(name: str) -> Workflow:
        return session.workflow(request.path.parent / name)

    return load


class CaseFileCollector(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each case. Raises CollectError for a file that has mistakes."""
        from hakobune.testing.workflows.case_files import CaseFileInvalid, read_case_file

        try:
            file = read_case_file(self.path)
            _session(self.config).check(file)
        except CaseFileInvalid as error:
            raise self.CollectError(str(error)) from error
        for case in file.cases:
            item = CaseItem.from_parent(self, name=case.name)  # pyright: ignore[reportUnknownMemberType]
            item.file, item.case = file, case
            yield item


class CaseItem(pytest.Item):
    """A case."""

    file: CaseFile
    case: Case

    def runtest(self) -> None:
        """Run it. Raises CaseFailed."""
        result = _session(self.config).run_case(self.file, self.case)
        if not result.is_good:
            raise CaseFailed(result.message())

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,  # noqa: ARG002 - as pytest has it
    ) -> str:
        """What is not as expected, without a traceback of the kit."""
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the case stands, and its name."""
        return self.path, self.case.line - 1, self.name


class CaseFailed(Exception):
    """A case did not come out as expected."""


def _session(config: pytest.Config) -> Session:
    from hakobune.testing.workflows.results import Session

    session = config.stash.get(_SESSION, None)
    if session is None:
        session = config.stash[_SESSION] = Session()
    return session
