"""Help pages: plain text of 80 columns, drawn from the same data that the parser reads."""

from __future__ import annotations

from hakobune.cli.commands import COMMANDS, GROUPS, canonical, next_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Command, Flag

_WIDTH = 80
_CHOICES_MAX = 48  # characters of all choices, to stand beside the flag
_EXAMPLES = {
    "": """\
EXAMPLES
    Start the runtime, and point this shell at it:

        $ hakobune up
        $ eval "$(hakobune env)"

    Deploy a program of this machine as a job of 100 tasks, run it, look at it:

        $ hakobune run jobs deploy thumbs --source . --tasks 100 --parallelism 8
        $ hakobune run jobs execute thumbs --wait
        $ hakobune run jobs executions list --job thumbs
        $ hakobune run jobs logs read thumbs

    Run a workflow from its file, with no runtime; deploy it, and run it there:

        $ hakobune workflows run video.yaml --data '{"id": 7}'
        $ hakobune workflows deploy video --source video.yaml
        $ hakobune workflows run video --data '{"id": 7}'
""",
    "workflows": """\
EXAMPLES
    A file, with no server: run it, draw it, check it, test it:

        $ hakobune workflows run video.yaml --data '{"id": 7}'
        $ hakobune workflows graph video.yaml --output video.svg
        $ hakobune lint video.yaml
        $ hakobune test video_test.yaml

    With a server (hakobune up): deploy it, start it, look at it, read its log:

        $ hakobune workflows deploy video --source video.yaml
        $ hakobune workflows execute video --data '{"id": 7}'
        $ hakobune workflows executions describe-last
        $ hakobune logs video
""",
    "storage": """\
EXAMPLES
    Make a bucket, fill it, look at it, get it back:

        $ hakobune storage buckets create gs://media
        $ hakobune storage cp -r photos gs://media
        $ hakobune storage ls -l gs://media/photos
        $ hakobune storage cp 'gs://media/**.jpg' .

    Move what was checked, in one instant, and remove the rest:

        $ hakobune storage mv gs://quarantine/a.mp4 gs://clean/
        $ hakobune storage rm -r gs://quarantine
""",
}


def group_help(words: list[str]) -> str:
    """The page of a group of commands, or of `hakobune` itself."""
    name = canonical(words)
    summary = GROUPS.get(name, "")
    path = " ".join(["hakobune", *words])
    lines = ["NAME", f"    {path} - {summary}", "", "SYNOPSIS", f"    {path} GROUP | COMMAND [flags]", ""]
    lines.append(group_summary(words))
    if name in _EXAMPLES:
        lines.append(_EXAMPLES[name])
    lines.append(f"For one command: {path} COMMAND --help\n")
    return "\n".join(lines)


def group_summary(words: list[str]) -> str:
    """What may follow a group: its groups and commands, a line each."""
    name = canonical(words)
    groups: list[tuple[str, str]] = []
    commands: list[tuple[str, str]] = []
    for word in next_words(name):
        full = f"{name} {word}".strip()
        if full in COMMANDS:
            commands.append((word, COMMANDS[full][1]))
        elif full in GROUPS:
            groups.append((word, GROUPS[full]))
    width = max((len(word) for word, _ in groups + commands), default=0) + 2
    lines: list[str] = []
    for title, found in (("GROUPS", groups), ("COMMANDS", commands)):
        if found:
            lines.append(title)
            lines += [f"    {word:<{width}}{text}" for word, text in found]
            lines.append("")
    return "\n".join(lines)


def usage(words: list[str], command: Command) -> str:
    """One line: how the command is written."""
    parts = ["hakobune", *words]
    for positional in command.positionals:
        name = f"{positional.metavar} ..." if positional.repeats else positional.metavar
        parts.append(name if positional.required else f"[{name}]")
    return " ".join([*parts, "[flags]"])


def command_help(words: list[str], command: Command) -> str:
    """The page of one command."""
    summary = COMMANDS[canonical(words)][1]
    path = " ".join(["hakobune", *words])
    lines = ["NAME", f"    {path} - {summary}", "", "SYNOPSIS", f"    {usage(words, command)}", ""]
    lines += ["DESCRIPTION", *_wrapped(command.text, 4), ""]
    if command.positionals:
        lines.append("ARGUMENTS")
        for positional in command.positionals:
            lines += [f"    {positional.metavar}", *_wrapped(positional.text, 8), ""]
    shown = [flag for flag in command.flags.values() if not flag.hidden]
    if shown:
        lines.append("FLAGS")
        for flag in sorted(shown, key=lambda flag: flag.name):
            lines += [*_flag_lines(flag), ""]
    lines.append("GLOBAL FLAGS")
    for flag in _global_flags():
        lines += [*_flag_lines(flag), ""]
    if command.examples:
        lines.append("EXAMPLES")
        for text, line in command.examples:
            lines += [*_wrapped(text, 4), "", f"        $ {line}", ""]
    return "\n".join(lines)


def _flag_lines(flag: Flag) -> list[str]:
    choices = "|".join(flag.choices)
    is_listed = len(choices) > _CHOICES_MAX
    if flag.kind == "switch":
        head = ", ".join([flag.name, *flag.shorts])
    else:
        value = flag.metavar if is_listed or not choices else choices
        pairs = f"{flag.metavar},…" if "=" in flag.metavar else "KEY=VALUE,…"
        forms = {"map": pairs, "list": f"{flag.metavar},…", "fields": pairs}
        shown = forms.get(flag.kind, value)
        head = ", ".join([f"{flag.name}={shown}", *(f"{short} {shown}" for short in flag.shorts)])
    text = flag.text
    if is_listed:
        text = f"{text} One of: {', '.join(flag.choices)}."
    if flag.refusal:
        text = f"{text} Not available here: {flag.refusal}."
    elif flag.note:
        text = f"{text} Makes no difference here: {flag.note}."
    lines = [f"    {head}", *_wrapped(text.strip(), 8)]
    if flag.opposite:
        lines += ["", f"    --no-{flag.name[2:]}", *_wrapped(flag.opposite, 8)]
    return lines


def _global_flags() -> list[Flag]:
    from hakobune.cli.flags import GLOBAL_FLAGS

    return [flag for flag in GLOBAL_FLAGS.values() if not flag.hidden]


def _wrapped(text: str, indent: int) -> list[str]:
    """`text` in lines of at most 80 columns; `textwrap` would import `re`."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            if line and indent + len(line) + 1 + len(word) > _WIDTH:
                lines.append(" " * indent + line)
                line = word
            else:
                line = f"{line} {word}".strip()
        lines.append((" " * indent + line).rstrip())
    return lines
