"""`workflows graph`: the steps of a file as a picture."""

from __future__ import annotations

import os

from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.workflows.source_file import read_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session

_FORMATS = ("mermaid", "svg")
_ENDINGS = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".md": "mermaid"}


def _graph(session: Session, arguments: Arguments) -> None:
    path = arguments.word("file")
    output = arguments.text("output")
    form = arguments.text("format") or _format_of(output)
    text = picture(path, form)
    if form == "mermaid" and output.lower().endswith(".md"):
        text = f"```mermaid\n{text}```\n"
    if not output:
        session.console.answer(text)
        return
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"Unable to write file [{output}]: {error.strerror or error}") from error
    session.console.say(f"Drew [{path}] to [{output}].")


def _format_of(output: str) -> str:
    """What the name of the output ends with; Mermaid for stdout. Raises UsageError for an ending that is not known."""
    if not output:
        return "mermaid"
    ending = os.path.splitext(output)[1].lower()
    if ending not in _ENDINGS:
        known = ", ".join(_ENDINGS)
        raise UsageError(
            f"argument --output: [{output}] does not say what to write: end it with one of {known},"
            " or add --format=svg or --format=mermaid.",
            usage=False,
        )
    return _ENDINGS[ending]


def picture(path: str, form: str) -> str:
    """The picture of a file. Raises CommandError with all that keeps it from being read."""
    from hakobune.core.workflows.graph_builder import graph_of
    from hakobune.core.workflows.parse import parse_source
    from hakobune.core.workflows.problem_texts import problem_text, source_lines

    source = read_source(path)
    # Only what can be read is needed: a file that does not deploy yet is worth a picture all the more.
    program, problems = parse_source(source)
    if program is None:
        lines = source_lines(source)
        told = [problem_text(problem, lines, name=path, has_level=True) for problem in problems]
        raise CommandError("\n".join([f"[{path}] cannot be read as a workflow.", *told]))
    graph = graph_of(program)
    if form == "svg":
        from hakobune.core.workflows.graph_svg import to_svg

        return to_svg(graph, title=path)
    from hakobune.core.workflows.graph_mermaid import to_mermaid

    return to_mermaid(graph)


GRAPH = Command(
    _graph,
    "Draw the steps of a definition: what follows what, under which condition, with loops, branches and error handlers."
    " Nothing is run, and no server is needed. (Hakobune only.)",
    positionals=[Positional("file", "The file of the definition, YAML or JSON.")],
    flags=[
        Flag(
            "--format",
            "choice",
            "What to write. Default: what the ending of --output says, for stdout mermaid.",
            choices=_FORMATS,
        ),
        Flag("--output", "text", f"The file to write ({', '.join(_ENDINGS)}); else it goes to stdout.", metavar="FILE"),
    ],
    examples=[
        ("As a picture:", "hakobune workflows graph video.yaml --output video.svg"),
        ("For a README, which shows blocks of Mermaid:", "hakobune workflows graph video.yaml --output video.md"),
    ],
)
