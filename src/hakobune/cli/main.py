"""The way in: words → command → answer. Only what a mistake or `--help` needs is imported here."""

from __future__ import annotations

import os
import sys

from hakobune.cli.commands import COMMANDS, GROUPS, TRACKS, canonical, next_words
from hakobune.cli.errors import CommandError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.console import Console
    from hakobune.cli.flags import Arguments, Command

_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_EXIT_BROKEN_PIPE = 1
_MEANT_MAX = 3  # commands that a mistyped word may have meant


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words: list[str] = []
    try:
        return _run(sys.argv[1:] if argv is None else argv, words)
    except UsageError as error:
        _complain(words, error)
        _remedy(words, error)
        return error.exit_code
    except CommandError as error:
        _complain(words, error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\n\nCommand killed by keyboard interrupt\n\n")
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, a pager) has gone: the interpreter must not complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _EXIT_BROKEN_PIPE


def _run(argv: list[str], words: list[str]) -> int:
    tokens = _split(argv, words)
    name = canonical(words)
    if name not in COMMANDS:
        return _group(words, tokens)
    command = load(name)
    if "--help" in tokens or "-h" in tokens:
        from hakobune.cli.help import command_help

        return _print(command_help(words, command))
    from hakobune.cli.flags import parse

    arguments = parse(command, tokens)
    return _execute(words, command, arguments)


def _execute(words: list[str], command: Command, arguments: Arguments) -> int:
    from hakobune.cli.session import Session

    if "--format" not in command.flags and (arguments.given("format") or arguments.given("filter")):
        from hakobune.cli.format.printing import check

        check(command, arguments)  # before anything is done
    session = Session(words, arguments)
    _say_notes(session.console, command, arguments)
    try:
        answer = command.run(session, arguments)
        if answer is not None:
            from hakobune.cli.format.printing import show

            show(session, command, answer)
        if session.failure is not None:
            raise session.failure
    finally:
        session.close()
    return 0


def _say_notes(console: Console, command: Command, arguments: Arguments) -> None:
    """Say of each harmless flag that it makes no difference here."""
    from hakobune.cli.flags import GLOBAL_FLAGS

    scopes = [arguments, *(scope for _, scope in arguments.containers)]
    for name in dict.fromkeys(name for scope in scopes for name in scope.values):
        flag = command.flags.get(f"--{name}") or GLOBAL_FLAGS.get(f"--{name}")
        if flag is not None and flag.note:
            console.say(f"NOTE: {flag.name} makes no difference here: {flag.note}")


def load(name: str) -> Command:
    """The command of that name; only its module is imported."""
    from importlib import import_module

    from hakobune.cli.flags import Command

    module_name, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(import_module(module_name), attribute)
    if not isinstance(command, Command):
        raise TypeError(f"{module_name}:{attribute} is not a command")
    return command


def _split(argv: list[str], words: list[str]) -> list[str]:
    """Move the command's words into `words`; what is left are its flags and arguments. Raises UsageError."""
    tokens: list[str] = []
    position = 0
    while position < len(argv) and canonical(words) not in COMMANDS:
        word = argv[position]
        position += 1
        if word.startswith("-") and word != "-":
            tokens.append(word)
            if "=" not in word and _takes_value(word) and position < len(argv):
                tokens.append(argv[position])
                position += 1
        elif word == "help" and not words:
            tokens.append("--help")
        else:
            _descend(words, word)
    if position < len(argv) and canonical([*words, argv[position]]) in COMMANDS:  # `logs tail` beside `logs`
        words.append(argv[position])
        position += 1
    return tokens + argv[position:]


def _takes_value(word: str) -> bool:
    if word in ("-h", "-q", "--help", "--quiet"):
        return False
    from hakobune.cli.flags import takes_value

    return takes_value(word)


def _descend(words: list[str], word: str) -> None:
    name = canonical([*words, word])
    if name in COMMANDS or name in GROUPS or (not words and word in TRACKS):
        words.append(word)
        return
    from difflib import get_close_matches  # only when a word was mistyped

    known = next_words(canonical(words))
    track = " ".join(["hakobune", *words])
    # The very word, in another group, before a word that is like it here.
    inside = f"{words[0]} " if words else ""
    alike = [name for name in (*GROUPS, *COMMANDS) if name.endswith(f" {word}") and name.startswith(inside)]
    meant = [f"hakobune {name}" for name in alike][:_MEANT_MAX]
    meant = meant or [f"{track} {near}" for near in get_close_matches(word, known, n=_MEANT_MAX, cutoff=0.6)]
    if meant:
        raise UsageError(f"Invalid choice: '{word}'. Maybe you meant:\n" + "\n".join(f"  {one}" for one in meant))
    raise UsageError(f"Invalid choice: '{word}'. What may follow: {', '.join(known)}")


def _group(words: list[str], tokens: list[str]) -> int:
    from hakobune.cli.help import group_help, group_summary

    if "--help" in tokens or "-h" in tokens or (not words and not tokens):
        return _print(group_help(words))
    if "--version" in tokens:
        return main(["version"])
    sys.stderr.write(f"ERROR: ({_dotted(words)}) Command name argument expected.\n\n{group_summary(words)}")
    return UsageError.exit_code


def _print(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _dotted(words: list[str]) -> str:
    return ".".join(["hakobune", *words])


def _complain(words: list[str], error: CommandError) -> None:
    text = str(error)
    if text:
        sys.stdout.flush()
        sys.stderr.write(f"ERROR: ({_dotted(words)}) {text}\n")


def _remedy(words: list[str], error: UsageError) -> None:
    """After a mistake in the words or flags: how the command is written, and where to read more."""
    lines: list[str] = []
    name = canonical(words)
    if error.usage and name in COMMANDS:
        from hakobune.cli.help import usage

        lines.append(f"Usage: {usage(words, load(name))}")
    lines.append(f"To see what it takes, run: {' '.join(['hakobune', *words])} --help")
    sys.stderr.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
