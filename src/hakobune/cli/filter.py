"""Filter expressions: `metadata.name=thumbs AND (status.x:* OR -y>3)`.

Grammar and meaning: `gcloud topic filters`; compared with gcloud 528 in tests. AND and OR may not be mixed without
brackets, terms beside one another mean AND, `-` and NOT turn a term round. `:` finds a text within a value (`*` at the
end or start of the operand: prefix or suffix; `key:*`: the key is there), `=` is equality without case, `~` a regular
expression; numbers and timestamps are compared as such.
"""

from __future__ import annotations

import re

from hakobune.cli.document import as_dict, is_dict, is_list
from hakobune.cli.errors import CommandError
from hakobune.cli.format.keys import get, key_text
from hakobune.cli.format.lexer import Key, Lexer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hakobune.cli.format.projection import Transform

    Holds = Callable[[object], bool]

_OPERATORS = frozenset((":", "=", "!=", "<", "<=", ">", ">=", "~", "!~"))
_OPERATOR_CHARACTERS = ":=!<>~"
_LOGICAL = ("AND", "OR", "NOT")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")
_DEPTH_MAX = 100  # brackets within brackets; far above any filter a person writes


class Filter:
    """A compiled expression: whether it holds for a resource, and which of its keys no resource has had so far."""

    __slots__ = ("_holds", "unseen")

    def __init__(self, holds: Holds, keys: list[Key]) -> None:
        self._holds = holds
        self.unseen = list(dict.fromkeys(keys))

    def __call__(self, resource: object) -> bool:
        """Whether the expression holds for `resource`."""
        if self.unseen:
            self.unseen = [key for key in self.unseen if get(resource, key) is None]
        return self._holds(resource)


def compile_filter(text: str, aliases: dict[str, Key] | None = None) -> Filter:
    """The predicate that `text` writes; the empty text holds for everything. Raises CommandError showing where.

    `aliases`: other names for keys.
    """
    lexer = Lexer(text)
    if lexer.is_at_end():
        return Filter(_always, [])
    parser = _Parser(lexer, aliases or {})
    holds = parser.expression()
    if not lexer.is_at_end():
        raise lexer.error("Unexpected tokens")
    return Filter(holds, parser.keys)


class _Parser:
    """A recursive descent over one expression."""

    def __init__(self, lexer: Lexer, aliases: dict[str, Key]) -> None:
        self.lexer = lexer
        self.aliases = aliases
        self.depth = 0
        self.keys: list[Key] = []

    def expression(self) -> Holds:
        """Terms joined by AND, by OR, or standing side by side."""
        holds = [self._term()]
        joined = ""
        while not self.lexer.is_at_end() and not self.lexer.peek(")"):
            here = self.lexer.position
            word = "AND" if self.lexer.take_word("AND") else "OR" if self.lexer.take_word("OR") else ""
            if word and joined not in ("", word):
                raise self.lexer.error("Parenthesis grouping is required when AND and OR are combined", here)
            if not word and joined == "OR":
                holds = [_any(holds), self._term()]
                joined = ""
                continue
            joined = word or joined
            holds.append(self._term())
        return _any(holds) if joined == "OR" else _all(holds)

    def _term(self) -> Holds:
        if self.lexer.is_at_end():
            raise self.lexer.error("Term expected")
        if self.lexer.take_word("NOT"):
            return _not(self._term())
        if self.lexer.take("-"):
            return _not(self._term())
        if self.lexer.take("("):
            self.depth += 1
            if self.depth > _DEPTH_MAX:
                raise self.lexer.error("Too many brackets")
            holds = self.expression()
            self.lexer.expect(")")
            self.depth -= 1
            return holds
        return self._comparison()

    def _comparison(self) -> Holds:
        here = self.lexer.position
        key = self.lexer.key()
        if key and key[0] in _LOGICAL:
            raise self.lexer.error("Term expected", here)
        transforms: list[Transform] = []
        while self.lexer.position < len(self.lexer.text) and self.lexer.text[self.lexer.position] == "(":
            from hakobune.cli.format.projection import Transform
            from hakobune.cli.format.transforms import check_name

            name = key[-1]
            key = key[:-1]
            check_name(str(name))
            self.lexer.take("(")
            transforms.append(Transform(str(name), self.lexer.arguments(), {}))
        operator = self._operator()
        if not operator:
            return _anywhere(key_text(key))
        operands = self._operands(operator)
        if len(key) == 1 and isinstance(key[0], str):
            key = self.aliases.get(key[0], key)
        self.keys.append(key)
        return _Comparison(key, transforms, operator, operands).holds

    def _operator(self) -> str:
        here = self.lexer.position
        found = self.lexer.take(_OPERATOR_CHARACTERS)
        text = self.lexer.text
        if found and self.lexer.position < len(text) and text[self.lexer.position] in "=~" and found + "=~" != ":=~":
            found += text[self.lexer.position]
            self.lexer.position += 1
        if found and found not in _OPERATORS:
            raise self.lexer.error("Malformed operator", here)
        return found

    def _operands(self, operator: str) -> list[str]:
        if self.lexer.is_at_end():
            raise self.lexer.error("Term operand expected")
        here = self.lexer.position
        if operator in (":", "=") and self.lexer.take("("):
            return [word for word in self.lexer.arguments(separators=" ,") if word and word not in _LOGICAL]
        if any(self.lexer.take_word(word) for word in _LOGICAL):
            raise self.lexer.error("Logical operator not expected", here)
        operand = self.lexer.token("()")
        if operand is None:
            raise self.lexer.error("Term operand expected", here)
        return [operand]


class _Comparison:
    """One `key operator operand`."""

    __slots__ = ("key", "operands", "operator", "patterns", "transforms")

    def __init__(self, key: Key, transforms: list[Transform], operator: str, operands: list[str]) -> None:
        self.key = key
        self.transforms = transforms
        self.operator = operator
        self.operands = operands
        self.patterns = [_pattern(operator, operand) for operand in operands] if operator in ":=!=~!~" else []

    def holds(self, resource: object) -> bool:
        value = get(resource, self.key)
        if self.transforms:
            from hakobune.cli.format.transforms import apply

            value = apply(self.transforms, value)
        if self.operator == "!=":
            return not any(self._equal(item, index) for item in _members(value) for index in range(len(self.operands)))
        items: list[object] = value if is_list(value) and value else [value]
        return any(self._one(item, index) for item in items for index in range(len(self.operands)))

    def _one(self, value: object, index: int) -> bool:
        operand = self.operands[index]
        match self.operator:
            case ":":
                return any(self._has(item, index) for item in _members(value))
            case "=":
                return any(self._equal(item, index) for item in _members(value))
            case "~":
                return isinstance(value, str) and self.patterns[index].search(value) is not None
            case "!~":
                return isinstance(value, str) and self.patterns[index].search(value) is None
            case _:
                return _ordered(self.operator, value, operand)

    def _has(self, value: object, index: int) -> bool:
        operand = self.operands[index]
        if operand == "*":
            return value is not None and value not in ("", [], {})
        return self._equal(value, index) or (
            value is not None and self.patterns[index].search(_folded(value)) is not None
        )

    def _equal(self, value: object, index: int) -> bool:
        operand = self.operands[index]
        if value is None:
            return operand == "" or self.patterns[index].search("null") is not None
        if isinstance(value, bool):
            return operand.lower() in (("true", "1") if value else ("false", "0"))
        number = _number(operand)
        if number is not None and _number(value) is not None:
            return _number(value) == number
        moment, other = _moment(value), _moment(operand)
        if moment is not None and other is not None:
            return moment == other
        if self.operator == ":":
            return _folded(value) == _folded(operand)
        return self.patterns[index].search(_folded(value)) is not None


def _pattern(operator: str, operand: str) -> re.Pattern[str]:
    """What a text must look like for `operand`. Raises CommandError for a broken regular expression."""
    if operator in ("~", "!~"):
        try:
            return re.compile(operand)
        except re.error as error:
            raise CommandError(f"Filter expression RE pattern [{operand}] does not compile: {error}.") from error
    if operator == ":" and operand != "*":
        parts = _folded(operand).split("*")
        if len(parts) > 2:
            raise CommandError(f"At most one * expected in : patterns [{operand}].")
        if len(parts) == 1:
            return re.compile(re.escape(parts[0]))
        left, right = re.escape(parts[0]), re.escape(parts[1])
        return re.compile(f"{'^' if left else ''}{left}.*{right}{'$' if right else ''}", re.MULTILINE)
    return re.compile(f"^{re.escape(_folded(operand))}$", re.MULTILINE)


def _folded(value: object) -> str:
    """Lower case, accents removed: as people search."""
    text = (value if isinstance(value, str) else str(value)).lower()
    if text.isascii():
        return text
    from unicodedata import combining, normalize

    return "".join(character for character in normalize("NFKD", text) if not combining(character))


def _members(value: object) -> list[object]:
    """What a word may match in: a map's keys and values, a list's items, or the value itself."""
    if is_dict(value):
        members = as_dict(value)
        return [*members, *members.values()]
    if is_list(value) and value:
        return value
    return [value]


def _ordered(operator: str, value: object, operand: str) -> bool:
    """`<`, `<=`, `>`, `>=` between two numbers, two timestamps, or two texts."""
    number, other = _number(value), _number(operand)
    if number is None or other is None:
        number, other = _moment(value), _moment(operand, relative=True)
    if number is not None and other is not None:
        return {"<": number < other, "<=": number <= other, ">": number > other, ">=": number >= other}[operator]
    if value is None and _moment(operand, relative=True) is not None:
        return False
    text = "" if value is None else str(value)
    return {"<": text < operand, "<=": text <= operand, ">": text > operand, ">=": text >= operand}[operator]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def _moment(value: object, *, relative: bool = False) -> float | None:
    """Seconds since the epoch of a timestamp; with `relative` also of a date, or of `-P1D` before now."""
    if not isinstance(value, str):
        return None
    from hakobune.cli.format.transforms_of_quantities import instant

    if _TIMESTAMP.match(value):
        return instant(value)
    if not relative:
        return None
    return _ago(value) if value.startswith("-P") else instant(value) if value[:4].isdigit() and "-" in value else None


def _ago(text: str) -> float | None:
    """`-P1D`, `-PT2H30M`: an ISO 8601 duration before now."""
    import time

    match = re.fullmatch(r"-P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if match is None:
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return time.time() - (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 - seconds


def _anywhere(word: str) -> Holds:
    """A bare word holds where it stands anywhere in the resource."""
    pattern = re.compile(re.escape(word), re.IGNORECASE)

    def holds(resource: object) -> bool:
        if is_dict(resource):
            return any(pattern.search(str(key)) or holds(value) for key, value in as_dict(resource).items())
        if is_list(resource):
            return any(holds(item) for item in resource)
        return resource is not None and pattern.search(str(resource)) is not None

    return holds


def _always(resource: object) -> bool:
    del resource
    return True


def _all(parts: list[Holds]) -> Holds:
    return parts[0] if len(parts) == 1 else lambda resource: all(holds(resource) for holds in parts)


def _any(parts: list[Holds]) -> Holds:
    return parts[0] if len(parts) == 1 else lambda resource: any(holds(resource) for holds in parts)


def _not(holds: Holds) -> Holds:
    return lambda resource: not holds(resource)
