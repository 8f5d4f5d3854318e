"""What a command takes, as data, and the parser that reads a command line by it.

Grammar (compared with gcloud 528): `--flag=value`, `--flag value`, `--no-flag` for switches, flags anywhere after the
command's words, `--` ends the flags; names are never abbreviated; a value that starts with `-` needs `=`. A repeated
list or map adds to the first, any other repeated flag replaces it. After `--container NAME` the flags of a container
belong to NAME.
"""

from __future__ import annotations

from hakobune.cli import values
from hakobune.cli.document import is_dict, is_list
from hakobune.cli.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hakobune.cli.session import Session

KINDS_WITHOUT_VALUE = frozenset({"switch"})


class Flag:
    """One flag: how its value is read, and what `--help` says about it."""

    __slots__ = (
        "at_least",
        "choices",
        "hidden",
        "kind",
        "metavar",
        "name",
        "note",
        "opposite",
        "refusal",
        "scoped",
        "shorts",
        "text",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        text: str,
        *,
        metavar: str = "",
        choices: Sequence[str] = (),
        at_least: int | None = None,
        scoped: bool = False,
        note: str = "",
        refusal: str = "",
        hidden: bool = False,
        opposite: str = "",
        short: str = "",
    ) -> None:
        """`opposite` says what `--no-NAME` of a switch means, where that is not just its absence. `note` is printed
        once when the flag is given and makes no difference here; `refusal` ends the command. `short`: its other names,
        such as `-r|-R`."""
        self.name = name
        self.kind = kind
        self.text = text
        self.metavar = metavar or name[2:].replace("-", "_").upper()
        self.choices = choices
        self.at_least = at_least
        self.scoped = scoped
        self.note = note
        self.refusal = refusal
        self.hidden = hidden
        self.opposite = opposite
        self.shorts = short.split("|") if short else []


class Positional:
    """A word without a flag: its metavar, whether it must be there, and whether it may repeat."""

    __slots__ = ("metavar", "name", "repeats", "required", "text")

    def __init__(self, name: str, text: str, *, required: bool = True, repeats: bool = False) -> None:
        self.name = name
        self.text = text
        self.metavar = name.replace("-", "_").upper()
        self.required = required
        self.repeats = repeats


class Arguments:
    """What was given. Reading a flag that was not given answers the empty value of its kind."""

    __slots__ = ("containers", "positionals", "values")

    def __init__(self) -> None:
        self.positionals: dict[str, list[str]] = {}
        self.values: dict[str, object] = {}
        self.containers: list[tuple[str, Arguments]] = []

    def given(self, name: str) -> bool:
        """Whether `--name` (or `--no-name`) stood on the command line."""
        return name in self.values

    def word(self, name: str) -> str:
        """The positional argument `name`, or the empty text."""
        found = self.positionals.get(name)
        return found[0] if found else ""

    def text(self, name: str) -> str:
        """The text of a flag."""
        found = self.values.get(name, "")
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int | None:
        """The whole number of a flag (a duration is in seconds), or None."""
        found = self.values.get(name)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def switch(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.values.get(name) is True

    def words(self, name: str) -> list[str]:
        """The words of a list flag, or the values of a repeated one."""
        found = self.values.get(name)
        return [str(item) for item in found] if is_list(found) else []

    def pairs(self, name: str) -> dict[str, str]:
        """The pairs of a map flag."""
        found = self.values.get(name)
        return {str(key): str(value) for key, value in found.items()} if is_dict(found) else {}


class Command:
    """One command: its flags, its function, its default output and its help."""

    __slots__ = ("default_format", "examples", "exclusive", "flags", "positionals", "run", "shorts", "text")

    def __init__(
        self,
        run: Callable[[Session, Arguments], object],
        text: str,
        *,
        positionals: Sequence[Positional] = (),
        flags: Iterable[Flag] = (),
        exclusive: Sequence[tuple[str, ...]] = (),
        default_format: str = "none",
        examples: Sequence[tuple[str, str]] = (),
    ) -> None:
        """`exclusive`: groups of which at most one may be given; words joined by `+` in a group go together."""
        self.run = run
        self.text = text
        self.positionals = positionals
        self.flags = {flag.name: flag for flag in flags}
        self.shorts = {short: flag.name for flag in self.flags.values() for short in flag.shorts}
        self.exclusive = exclusive
        self.default_format = default_format
        self.examples = examples


GLOBAL_FLAGS = {
    flag.name: flag
    for flag in (
        Flag("--project", "text",
             "The project; else CLOUDSDK_CORE_PROJECT, else GOOGLE_CLOUD_PROJECT, else hakobune-local.", metavar="ID"),
        Flag("--region", "text", "The region; else CLOUDSDK_RUN_REGION, else us-central1.", metavar="REGION"),
        Flag("--location", "text", "The same as --region.", metavar="REGION", hidden=True),
        Flag("--format", "text", "How to print the answer: json, yaml, table(…), value(…), csv(…), …"),
        Flag("--flatten", "list", "Print one record for each item of the list KEY[].", metavar="KEY"),
        Flag("--quiet", "switch", "Answer every question with its default. Short: -q."),
        Flag("--verbosity", "choice", "What to say on stderr.",
             choices=("critical", "debug", "error", "info", "none", "warning")),
        Flag("--user-output-enabled", "switch", "Print messages and answers (default); --no-… prints none."),
        Flag("--log-http", "switch", "Show each request and answer on stderr."),
        Flag("--access-token-file", "text", "A file that holds the access token.", metavar="FILE"),
        Flag("--account", "text", "", hidden=True, note="there are no accounts here"),
        Flag("--billing-project", "text", "", hidden=True, note="nothing is billed here"),
        Flag("--configuration", "text", "", hidden=True, note="there are no named configurations here"),
        Flag("--impersonate-service-account", "text", "", hidden=True, note="nobody is impersonated here"),
        Flag("--trace-token", "text", "", hidden=True, note="nothing is traced here"),
        Flag("--flags-file", "text", "", hidden=True, refusal="write the flags on the command line"),
        Flag("--help", "switch", "Show this text. Short: -h."),
    )
}  # fmt: skip
_SHORT = {"-q": "--quiet", "-h": "--help", "-f": "--follow"}

LIST_FLAGS = (
    Flag("--filter", "text", "Print only the resources for which EXPRESSION holds.", metavar="EXPRESSION"),
    Flag("--limit", "number", "Print at most this many.", at_least=1),
    Flag("--page-size", "number", "Print the table in pages of this many rows.", at_least=1),
    Flag("--sort-by", "list", "Sort by these fields; ~FIELD turns the order round.", metavar="FIELD"),
    Flag("--uri", "switch", "Print only the resources' addresses."),
)


def parse(command: Command, tokens: Sequence[str]) -> Arguments:
    """Read `tokens` (without the command's words). Raises UsageError naming what is wrong."""
    reading = _Reading(command)
    reading.read(list(tokens))
    return reading.arguments


def takes_value(piece: str) -> bool:
    """Whether the word after the global flag `piece` is its value; for the words before the command is known."""
    flag = GLOBAL_FLAGS.get(_SHORT.get(piece, piece))
    return flag is not None and flag.kind != "switch"


class _Reading:
    """One pass over a command line."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.arguments = Arguments()
        self.scope = self.arguments
        self.words: list[tuple[int, str]] = []  # with their places, as `unknown`
        self.unknown: list[tuple[int, str]] = []

    def read(self, tokens: list[str]) -> None:
        position = 0
        while position < len(tokens):
            tokens[position : position + 1] = self._apart(tokens[position])
            piece = tokens[position]
            position += 1
            if piece == "--":
                self.unknown += enumerate(tokens[position:], position)
                break
            if len(piece) < 2 or not piece.startswith("-"):
                self.words.append((position, piece))
                continue
            name, equals, value = piece.partition("=")
            name = self._long(name)
            flag, on = self._find(name)
            if flag is None:
                self.unknown.append((position, piece))
            elif flag.kind in KINDS_WITHOUT_VALUE:
                if equals:
                    raise UsageError(f"argument {name}: ignored explicit argument '{value}'")
                self._store(flag, on)
            else:
                if not equals:
                    if position >= len(tokens) or _looks_like_flag(tokens[position]):
                        hint = self._joined(name, tokens[position:])
                        raise UsageError(f"argument {name}: expected one argument{hint}")
                    value = tokens[position]
                    position += 1
                self._store(flag, _converted(flag, value))
        self._place_words()
        if self.unknown:
            raise UsageError(self._unrecognized(), usage=False)
        self._check_exclusive()

    def _joined(self, name: str, rest: list[str]) -> str:
        """How to write it, when what follows a flag may be meant as its value."""
        if not rest or rest[0] == "--" or self._find(self._long(rest[0].partition("=")[0]))[0] is not None:
            return ""
        return f"; a value that begins with a dash is written with =: {name}={rest[0]}"

    def _apart(self, piece: str) -> list[str]:
        """`-lr` is `-l -r` where all of them are switches of the command."""
        if len(piece) < 3 or piece[0] != "-" or piece[1] == "-" or "=" in piece:
            return [piece]
        pieces = [f"-{letter}" for letter in piece[1:]]
        flags = [self.command.flags.get(self.command.shorts.get(one, "")) for one in pieces]
        return pieces if all(flag is not None and flag.kind == "switch" for flag in flags) else [piece]

    def _long(self, name: str) -> str:
        return self.command.shorts.get(name) or _SHORT.get(name, name)

    def _find(self, name: str) -> tuple[Flag | None, bool]:
        flag = self.command.flags.get(name) or GLOBAL_FLAGS.get(name)
        if flag is None and name.startswith("--no-"):
            positive = "--" + name[5:]
            flag = self.command.flags.get(positive) or GLOBAL_FLAGS.get(positive)
            return (flag, False) if flag is not None and flag.kind == "switch" else (None, True)
        return flag, True

    def _store(self, flag: Flag, value: object) -> None:
        if flag.refusal:
            raise UsageError(f"argument {flag.name}: not available here: {flag.refusal}", usage=False)
        name = flag.name[2:]
        if name == "container":
            self.scope = Arguments()
            self.arguments.containers.append((str(value), self.scope))
            return
        target = self.scope if flag.scoped else self.arguments
        held = target.values.get(name)
        if is_list(held) and is_list(value):
            target.values[name] = [*held, *value]
        elif is_dict(held) and is_dict(value):
            target.values[name] = {**held, **value}
        else:
            target.values[name] = value

    def _place_words(self) -> None:
        words = self.words
        for place, positional in enumerate(self.command.positionals):
            # What repeats leaves a word for each that must follow it.
            kept = sum(later.required for later in self.command.positionals[place + 1 :])
            taken = words[: max(1, len(words) - kept)] if positional.repeats else words[:1]
            words = words[len(taken) :]
            if taken:
                self.arguments.positionals[positional.name] = [word for _, word in taken]
            elif positional.required and not self.arguments.switch("help") and not self.unknown:
                raise UsageError(f"argument {positional.metavar}: Must be specified.")
        self.unknown = words + self.unknown

    def _check_exclusive(self) -> None:
        for scope in (self.arguments, *(scope for _, scope in self.arguments.containers)):
            for group in self.command.exclusive:
                given = [side for side in group if any(scope.given(name[2:]) for name in side.split("+"))]
                if len(given) > 1:
                    first = next(name for name in given[0].split("+") if scope.given(name[2:]))
                    names = " | ".join(side.replace("+", " ") for side in group)
                    raise UsageError(f"argument {first}: At most one of {names} can be specified.")

    def _unrecognized(self) -> str:
        parts: list[str] = []
        for _, piece in sorted(self.unknown):
            near = _nearest(piece.partition("=")[0], [*self.command.flags, *GLOBAL_FLAGS]) if piece[:1] == "-" else ""
            parts.append(f"{piece} (did you mean '{near}'?)" if near else piece)
        return "unrecognized arguments: " + " ".join(parts)


def _looks_like_flag(piece: str) -> bool:
    return len(piece) > 1 and piece.startswith("-") and not _is_number(piece)


def _is_number(piece: str) -> bool:
    return piece[1:].replace(".", "", 1).isdigit()


def _nearest(word: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches  # only when something was mistyped

    found = get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else ""


def _converted(flag: Flag, text: str) -> object:
    match flag.kind:
        case "number":
            return values.whole_number(flag.name, text, flag.at_least)
        case "seconds":
            return values.decimal(flag.name, text, flag.at_least)
        case "duration":
            return values.duration(flag.name, text, flag.at_least)
        case "list":
            return values.words(text)
        case "map":
            return values.pairs(flag.name, text)
        case "fields":
            return [values.fields(flag.name, text)]
        case "choice" if text not in flag.choices:
            valid = ", ".join(flag.choices)
            raise UsageError(f"argument {flag.name}: Invalid choice: '{text}'. Valid choices are [{valid}].")
        case _:
            return text
