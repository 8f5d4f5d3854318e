"""`logging read`."""

from __future__ import annotations

from hakobune.cli import values
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag, Positional
from hakobune.cli.format.records import Record
from hakobune.cli.log_entries import ago, entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_DAY_S = 86400
_ONE_PROJECT = "one project is read at a time: use --project"


def _read(session: Session, arguments: Arguments) -> Iterator[Record]:
    expression = arguments.word("log-filter")
    if "timestamp" not in expression:
        freshness = arguments.text("freshness")
        seconds = values.duration("--freshness", freshness, 0) if freshness else _DAY_S
        recent = f'timestamp>="{ago(seconds)}"'
        # The typed part stands first and without brackets, so that the columns of an error are those that were typed.
        # AND binds loosest in this language; a line of its own, since a comment goes on to the end of its line.
        expression = f"{expression}\nAND {recent}" if expression else recent
    newest_first = arguments.text("order") != "asc"
    found = entries(session, expression, newest_first=newest_first, limit=arguments.number("limit"))
    return (Record(entry) for entry in found)


READ = Command(
    _read,
    "Read log entries, the newest first. Unless the filter speaks of timestamps, those of the last day.",
    positionals=[Positional("log-filter", "Which entries, in the language of Cloud Logging.", required=False)],
    flags=[
        Flag("--limit", "number", "Print at most this many.", at_least=1),
        Flag("--order", "choice", "Newest first (desc, default) or oldest first.", choices=("asc", "desc")),
        Flag("--freshness", "text", "How far back to look. Default 1d.", metavar="DURATION"),
        *(flag for flag in LIST_FLAGS if flag.name in ("--filter", "--sort-by", "--page-size")),
        Flag("--resource-names", "list", "", hidden=True, refusal=_ONE_PROJECT),
        *(
            Flag(f"--{name}", "text", "", hidden=True, refusal=_ONE_PROJECT)
            for name in ("billing-account", "bucket", "folder", "organization", "view")
        ),
    ],
    default_format="yaml",
    examples=[
        ("The last ten errors:", "hakobune logging read 'severity>=ERROR' --limit 10"),
        ("Texts only:", "hakobune logging read 'resource.type=cloud_run_job' --format 'value(textPayload)'"),
    ],
)
