"""`hakobune apply`: read and check a folder, show what differs, ask, bring it about."""

from __future__ import annotations

import hashlib
import os
import re

from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.apply.reading import Folder
    from hakobune.cli.session import Session

_SET = re.compile(r"[a-z0-9_-]{1,63}\Z")  # what the value of a label may be
_BASE_CHARACTERS = 40


def _apply(session: Session, arguments: Arguments) -> object:
    from hakobune.cli.apply import report
    from hakobune.cli.apply.carrying import Result, carry_out
    from hakobune.cli.apply.plan import Choice, make_plan
    from hakobune.cli.apply.problems import told
    from hakobune.cli.apply.record import Record

    name = arguments.text("filename")
    if not name:
        raise UsageError("argument --filename: Must be specified.")
    choice = Choice(
        set_name=set_of(name, arguments.text("set")),
        prunes=arguments.switch("prune"),
        prunes_objects=arguments.switch("prune-objects"),
    )
    folder = _read(session, name)
    record = Record(session, choice.set_name)
    record.read()
    plan = make_plan(session, folder, record, choice)
    if plan.problems:
        raise CommandError(told(plan.problems))
    is_formatted = arguments.given("format")
    is_brief = arguments.switch("brief")
    is_shown = not is_formatted and not is_brief
    if is_shown:
        session.console.answer(report.plan_text(plan))
    if arguments.switch("dry-run") or plan.is_empty:
        return report.as_documents(report.planned(plan)) if is_formatted else None
    if plan.changes_something and not arguments.switch("yes"):
        if not is_shown and not session.console.takes_defaults:
            session.console.say(report.plan_text(plan))  # whoever is asked must see what about
        session.console.confirm(f"This is applied to project [{session.project}].")
    outcomes = carry_out(session, plan.steps, record)
    failed = [one for one in outcomes if one.result in (Result.FAILED, Result.LEFT_OUT)]
    if failed:
        session.failure = CommandError(f"{len(failed)} of {len(outcomes)} resources could not be applied.")
    if is_formatted:
        return report.as_documents(outcomes)
    if not is_brief:
        session.console.answer(report.end_text(outcomes))
    return None


def _read(session: Session, name: str) -> Folder:
    """The definitions. Raises CommandError with all that is wrong; says which files are none."""
    from hakobune.cli.apply.kinds import Ground
    from hakobune.cli.apply.problems import told
    from hakobune.cli.apply.reading import read_folder

    folder = read_folder(name, Ground(project=session.project, location=session.region, folder=""))
    for path, why in () if session.arguments.switch("brief") else folder.left_out:
        session.console.say(f"{path}: skipped, {why}")
    if folder.problems:
        raise CommandError(told(folder.problems))
    return folder


def set_of(path: str, given: str) -> str:
    """The set that a folder is: its own name with a digest of where it is, or the name that was given.

    Raises UsageError.
    """
    if given:
        if not _SET.match(given):
            raise UsageError(
                f"argument --set: [{given}] must have 1 to 63 lowercase letters, digits, dashes, underscores."
            )
        return given
    place = os.path.realpath(path)
    base = re.sub(r"[^a-z0-9_-]+", "-", os.path.basename(place).lower()).strip("-")[:_BASE_CHARACTERS]
    return f"{base or 'set'}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:8]}"


APPLY = Command(
    _apply,
    "Bring about what a folder of definitions says: jobs, services and worker pools (the YAML of gcloud run … replace),"
    " workflows, schedules, triggers, buckets, topics, subscriptions, secrets by reference, service accounts. All is"
    " read and checked first, then the difference is shown. Applied once more, nothing changes.",
    flags=[
        Flag("--filename", "text", "The folder, or one file.", metavar="DIR|FILE", short="-f"),
        Flag("--dry-run", "switch", "Only show the difference.", short="--diff-only"),
        Flag("--brief", "switch", "Only say what was done, one line for each resource."),
        Flag("--yes", "switch", "Do not ask. --quiet does the same.", short="-y"),
        Flag(
            "--prune",
            "switch",
            "Remove what an earlier apply of the same folder made and no definition is left of. A bucket with objects"
            " is kept.",
        ),
        Flag("--prune-objects", "switch", "With --prune: remove such buckets too, with their objects."),
        Flag(
            "--set",
            "text",
            "The name under which --prune finds what was made. Default: made of the folder's path; name one where the"
            " folder lies in other places.",
            metavar="NAME",
        ),
    ],
    examples=[
        ("A folder, after a look at what differs:", "hakobune apply -f deploy"),
        ("The difference only, for a script:", "hakobune apply -f deploy --dry-run --format json"),
        ("In a build, from any checkout; what is gone from the folder goes:",
         "hakobune apply -f deploy --set shop --prune --quiet"),
    ],
)  # fmt: skip
