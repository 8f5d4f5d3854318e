"""`hakobune lint`: checks definitions without deploying them."""

from __future__ import annotations

from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.workflows.source_file import read_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakobune.cli.session import Session
    from hakobune.core.workflows.lint_reports import CheckedFile

_EXIT_UNREADABLE = 2


def _run(session: Session, arguments: Arguments) -> None:
    from hakobune.core.workflows.lint import Level

    select, ignore = arguments.words("select"), arguments.words("ignore")
    _check_rules([*select, *ignore])
    files: list[CheckedFile] = []
    unreadable: list[str] = []
    for name in _names(session, arguments.positionals["file"]):
        try:
            files.append(_checked(name, arguments))
        except CommandError as error:
            unreadable.append(str(error))
    if files or not unreadable:
        _print(session, files, arguments.text("output") or "text")
    if unreadable:  # what could be read is told all the same
        raise CommandError("\n".join(unreadable), exit_code=_EXIT_UNREADABLE)
    refused = {Level.ERROR, Level.WARNING} if arguments.switch("strict") else {Level.ERROR}
    if any(finding.level in refused for file in files for finding in file.findings):
        raise CommandError("")


def _names(session: Session, words: Sequence[str]) -> list[str]:
    """The files that are meant, each once; what is left out is told. Raises CommandError if none is left."""
    from hakobune.cli.definition_files import definitions

    names: dict[str, None] = {}
    for word in words:
        found, left_out = definitions(word)
        names.update(dict.fromkeys(found))
        for name, why in left_out:
            session.console.say(f"{name}: skipped, {why}")
    if not names:
        raise CommandError(f"there is no workflow in {', '.join(words)}", exit_code=_EXIT_UNREADABLE)
    return list(names)


def _check_rules(names: Sequence[str]) -> None:
    """Raises UsageError for a rule that is none: a typing mistake would hide what it was to show."""
    from difflib import get_close_matches

    from hakobune.core.workflows.lint import ALL_RULES

    for name in names:
        if name not in ALL_RULES:
            near = get_close_matches(name, ALL_RULES, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; the rules are {', '.join(ALL_RULES)}"
            raise UsageError(f"there is no rule {name!r}{hint}", usage=False)


def _checked(name: str, arguments: Arguments) -> CheckedFile:
    """A file with its findings. Raises CommandError: it cannot be read."""
    from hakobune.core.workflows.limits import Strictness
    from hakobune.core.workflows.lint import lint_source
    from hakobune.core.workflows.lint_reports import CheckedFile

    source = read_source(name)
    findings = lint_source(
        source,
        select=arguments.words("select"),
        ignore=arguments.words("ignore"),
        strictness=Strictness(arguments.text("limits") or "strict"),
    )
    return CheckedFile(name=name, source=source, findings=findings)


def _print(session: Session, files: Sequence[CheckedFile], kind: str) -> None:
    from hakobune import __version__
    from hakobune.core.workflows.lint_reports import json_report, sarif_report, summary, text_report

    match kind:
        case "json":
            session.console.answer(json_report(files))
        case "sarif":
            session.console.answer(sarif_report(files, __version__))
        case _:
            session.console.answer(text_report(files))
            session.console.say(summary(files))


LINT = Command(
    _run,
    "Check workflows: what refuses a deployment, and what is likely to go wrong in production. Nothing is deployed and"
    " no server is needed. A comment '# hakobune: ignore RULE' at the end of a line, or above it, leaves a finding out."
    " Exit code 0: no errors; 1: errors (with --strict also warnings); 2: a file cannot be read.",
    positionals=[
        Positional(
            "file",
            "A workflow, in YAML or JSON; or a folder: then all workflows below it. Cases of tests"
            " (_test.yaml) and other YAML are skipped, and named on stderr.",
            repeats=True,
        )
    ],
    flags=[
        Flag("--select", "list", "Only these rules (errors of deployment are always told).", metavar="RULE"),
        Flag("--ignore", "list", "Not these rules.", metavar="RULE"),
        Flag("--strict", "switch", "Fail on warnings too."),
        Flag("--output", "choice", "How to print: text (default), json, sarif.", choices=("text", "json", "sarif")),
        Flag(
            "--limits",
            "choice",
            "The limits of the service: kept (strict, the default), only warned of, or none.",
            choices=("off", "warn", "strict"),
        ),
    ],
    examples=[
        ("Check a workflow:", "hakobune lint order.yaml"),
        ("All workflows of a folder, in a build; warnings fail too:", "hakobune lint flows --strict"),
        ("For a review tool:", "hakobune lint flows --output sarif > lint.sarif"),
        ("One rule only:", "hakobune lint flows --select secret-in-source"),
    ],
)
