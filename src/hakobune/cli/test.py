"""`hakobune test`: runs files of cases against workflows, offline and on a virtual clock."""

from __future__ import annotations

from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.workflows.source_file import CASES_ENDINGS, is_cases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hakobune.cli.console import Console
    from hakobune.cli.session import Session
    from hakobune.core.workflows.prices import Prices
    from hakobune.testing.workflows.case_files import Case, CaseFile
    from hakobune.testing.workflows.results import CaseResult
    from hakobune.testing.workflows.results import Session as TestSession

_EXIT_UNREADABLE = 2  # nothing was tested: a file is not there, or cannot be understood


def _run(session: Session, arguments: Arguments) -> None:
    from hakobune.core.workflows.limits import Strictness
    from hakobune.testing.workflows.results import Session as TestSession

    console = session.console
    tests = TestSession(limits=Strictness(arguments.text("limits") or "strict"))
    files = _read(arguments.positionals["file"], tests)
    prices = _prices(arguments.text("prices"))
    is_traced = arguments.switch("trace")
    wanted = arguments.text("name").lower()

    def is_chosen(case: Case) -> bool:
        return wanted in case.name.lower()

    def tell(result: CaseResult) -> None:
        from hakobune.testing.workflows.terminal_report import case_text

        console.answer(f"{case_text(result)}\n")
        if is_traced and result.is_good and result.run is not None:
            console.answer(f"{result.run.story()}\n")

    for file in files:
        tests.run_file(file, is_chosen=is_chosen, tell=tell)
    if not tests.results:
        raise CommandError(f"no case has {arguments.text('name')!r} in its name", exit_code=_EXIT_UNREADABLE)
    _report(console, tests, prices)
    _write(console, tests, arguments)
    _judge(tests, arguments.number("min-coverage"))


def _read(names: Sequence[str], tests: TestSession) -> list[CaseFile]:
    """All files, before the first case runs. Raises CommandError that tells of every file that cannot be read, or
    names steps that are not there."""
    from pathlib import Path

    from hakobune.testing.workflows.case_files import CaseFileInvalid, read_case_file

    files: list[CaseFile] = []
    problems: list[str] = []
    for name in names:
        path = Path(name)
        found = _below(path) if path.is_dir() else [path]
        if not found:
            problems.append(f"{name}: no file below it ends with {', '.join(CASES_ENDINGS)}")
        for one in found:
            try:
                file = read_case_file(one)
                tests.check(file)
                files.append(file)
            except CaseFileInvalid as error:
                problems.append(_of_workflow(name) or str(error))
            except OSError as error:
                problems.append(f"{one}: {error.strerror or error}")
    if problems:
        raise CommandError("\n".join(problems), exit_code=_EXIT_UNREADABLE)
    return files


def _of_workflow(name: str) -> str:
    """What to do with a file that is no file of cases but a workflow; "" for all others."""
    from hakobune.cli.definition_files import is_definition

    if is_cases(name) or not is_definition(name):
        return ""
    stem, _, ending = name.rpartition(".")
    return f"{name} is a workflow; name the file with its cases, such as {stem}_test.{ending}"


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(CASES_ENDINGS) and path.is_file())


def _prices(name: str) -> Prices:
    from pathlib import Path

    from hakobune.core.errors import InvalidArgument
    from hakobune.core.workflows.prices import PRICES, read_prices

    if not name:
        return PRICES
    try:
        return read_prices(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeError, InvalidArgument) as error:
        raise CommandError(f"{name}: {error}", exit_code=_EXIT_UNREADABLE) from error


def _report(console: Console, tests: TestSession, prices: Prices) -> None:
    from hakobune.testing.workflows.terminal_report import coverage_text, failures_text, prices_text, summary_text

    parts = [
        failures_text(tests.results),
        *(coverage_text(workflow) for workflow in tests.workflows.values()),
        prices_text(tests, prices),
        summary_text(tests),
    ]
    console.answer("".join(f"{part}\n" for part in parts if part))


def _write(console: Console, tests: TestSession, arguments: Arguments) -> None:
    from pathlib import Path

    try:
        if arguments.text("junit"):
            from hakobune.testing.workflows.junit_report import junit_text

            Path(arguments.text("junit")).write_text(junit_text(tests.results), encoding="utf-8")
        if arguments.text("html"):
            from hakobune.testing.workflows.html_report import write_pages

            console.say(f"Coverage: {write_pages(tests, Path(arguments.text('html')))[0]}")
    except OSError as error:
        raise CommandError(f"the report cannot be written: {error}", exit_code=_EXIT_UNREADABLE) from error


def _judge(tests: TestSession, least: int | None) -> None:
    """Raises CommandError where a case is bad, or too little was reached."""
    from hakobune.testing.workflows.terminal_report import percent

    if any(not result.is_good for result in tests.results):
        raise CommandError("")
    for workflow in tests.workflows.values():
        reached = percent(*workflow.coverage.share())
        if least is not None and reached < least:
            raise CommandError(f"coverage of {workflow.name} is {reached} %, less than {least} %")


TEST = Command(
    _run,
    "Run the cases of FILE_test.yaml against the workflow that each names. Nothing real is called: mocks answer, and a"
    " wait of a year takes a millisecond. Exit code 0: all is good; 1: a case is bad; 2: nothing could be tested.",
    positionals=[
        Positional("file", "A file of cases, or a folder: then all files below it whose names end with _test.yaml,"
                   " _test.yml or _test.json.", repeats=True),
    ],
    flags=[
        Flag("--name", "text", "Run only cases with this text in their names.", metavar="TEXT"),
        Flag("--trace", "switch", "Print the steps of good cases as well."),
        Flag("--html", "text", "Write the coverage as pages of HTML into this folder.", metavar="DIR"),
        Flag("--junit", "text", "Write the results as JUnit's XML.", metavar="FILE"),
        Flag("--min-coverage", "number", "Fail if less than this percentage of a workflow was reached.", at_least=0,
             metavar="PERCENT"),
        Flag("--prices", "text", "A table of prices (TOML) in place of the list prices.", metavar="FILE"),
        Flag("--limits", "choice", "The limits of the service: kept (strict, the default), only warned of, or none.",
             choices=("off", "warn", "strict")),
    ],
    examples=[
        ("Run the cases of a workflow:", "hakobune test order_test.yaml"),
        ("For a build server:", "hakobune test tests/ --junit results.xml --html coverage --min-coverage 90"),
    ],
)  # fmt: skip
