"""Filters and orders of lists, as https://google.aip.dev/160 and https://google.aip.dev/132 have them.

    filter      both { ["AND"] both }            AND binds loosest; it may be left out
    both        one { "OR" one }
    one         ("NOT" | "-") one | "(" filter ")" | comparison
    comparison  field operator value             operator: = != > >= < <= :
    order       field ["asc" | "desc"] { "," field ["asc" | "desc"] }

A list says which fields it knows. Their names may be written in camelCase or snake_case. A field without a value is
matched by no comparison; `field:*` asks whether it has one. In a text, `*` stands for anything. Not supported, and said
so: functions, and words without a field.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NoReturn, TypeVar

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.instants import duration_from_text, timestamp_from_text
from hakobune.core.logs import limits
from hakobune.core.logs.tokens import Kind, Token, refuse, tokenize

T = TypeVar("T")
Single = str | int | float | bool
Test = Callable[[T], bool]

_TERMS_MAX = 50  # ours: each is asked of each item, and a history may have 100,000 entries
_KEYWORDS = frozenset({"AND", "OR", "NOT"})
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,18}\Z", re.ASCII)
_ORDERINGS: Mapping[str, Callable[[Single, Single], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ":": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_EQUALITIES = frozenset({"=", "!=", ":"})


class FieldType(Enum):
    """What values of a field are; the value is the word for it in error texts."""

    TEXT = "a text"
    CHOICE = "one of a few names"
    INSTANT = "a timestamp"
    DURATION = 'a duration such as "3.5s"'
    INTEGER = "a whole number"
    FLAG = "true or false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Generic[T]):
    """A field of the listed items. `values` gives none where it is unset, several where it is repeated."""

    type: FieldType
    values: Callable[[T], Sequence[Single]]
    names: frozenset[str] = frozenset()  # that a CHOICE can have


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMap(Generic[T]):
    """A map of the listed items: `labels.team = "art"`, `labels:team`, `labels:"team:art"`."""

    texts: Callable[[T], Mapping[str, str]]


Fields = Mapping[str, Field[T] | TextMap[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Generic[T]):
    """A parsed filter. `fields` are the names, in camelCase, of the fields that it looks at."""

    fields: frozenset[str]
    matches: Test[T]


def filter_from_text(text: str, fields: Fields[T]) -> Filter[T] | None:
    """What a filter means; None for an empty one. Raises InvalidArgument with the column of what is wrong."""
    tokens = tokenize(text)
    if tokens[0].kind is Kind.END:
        return None
    parser = _Parser(tokens, fields)
    test = parser.parse()
    return Filter(fields=frozenset(parser.used), matches=test)


class _Parser(Generic[T]):
    """Recursive descent over the tokens. Depth and number of terms are bounded."""

    def __init__(self, tokens: list[Token], fields: Fields[T]) -> None:
        self._tokens = tokens
        self._known = {_plain(name): name for name in fields}
        self._fields = fields
        self._place = 0
        self._depth = 0
        self._terms = 0
        self.used: set[str] = set()

    def parse(self) -> Test[T]:
        """The whole text. Raises InvalidArgument."""
        test = self._all()
        if self._next().kind is not Kind.END:
            refuse(f"unexpected {self._next().value!r}", self._next().at)
        return test

    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._tokens[self._place]
        self._place += token.kind is not Kind.END
        return token

    def _is_keyword(self, word: str) -> bool:
        return self._next().kind is Kind.TEXT and self._next().value == word

    def _all(self) -> Test[T]:
        """Parts joined by AND or by standing side by side."""
        parts = [self._any()]
        while True:
            if self._is_keyword("AND"):
                self._take()
            elif self._next().kind in {Kind.END, Kind.CLOSE, Kind.COMMA}:
                return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)
            parts.append(self._any())

    def _any(self) -> Test[T]:
        parts = [self._negated()]
        while self._is_keyword("OR"):
            self._take()
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else lambda item: any(part(item) for part in parts)

    def _negated(self) -> Test[T]:
        token = self._next()
        if not (self._is_keyword("NOT") or token.kind is Kind.MINUS):
            return self._grouped()
        self._take()
        self._go_down(token)
        part = self._negated()
        self._depth -= 1
        return lambda item: not part(item)

    def _grouped(self) -> Test[T]:
        token = self._next()
        if token.kind is not Kind.OPEN:
            self._terms += 1
            if self._terms > _TERMS_MAX:
                refuse(f"more than {_TERMS_MAX} terms", token.at)
            return self._comparison()
        self._take()
        self._go_down(token)
        test = self._all()
        self._depth -= 1
        if self._take().kind is not Kind.CLOSE:
            refuse("a parenthesis is not closed", token.at)
        return test

    def _go_down(self, token: Token) -> None:
        self._depth += 1
        if self._depth > limits.QUERY_DEPTH_MAX:
            refuse(f"nested deeper than {limits.QUERY_DEPTH_MAX} levels", token.at)

    def _comparison(self) -> Test[T]:
        first = self._take()
        if first.kind is not Kind.TEXT or first.value in _KEYWORDS:
            refuse("the name of a field is missing", first.at)
        name, key = self._path(first)
        sign = self._take()
        if sign.kind is not Kind.OPERATOR or sign.value not in _ORDERINGS:
            refuse("an operator is missing: one of = != > >= < <= :", sign.at)
        token = self._take()
        value = token.value
        if token.kind is Kind.MINUS and self._next().kind is Kind.TEXT and self._next().at == token.end:
            value = f"-{self._take().value}"
        elif token.kind not in {Kind.TEXT, Kind.QUOTED} or (token.kind is Kind.TEXT and value in _KEYWORDS):
            refuse("a value is missing after the operator", token.at)
        field = self._fields[name]
        is_presence = sign.value == ":" and token.kind is Kind.TEXT and value == "*"
        if isinstance(field, TextMap):
            return _map_test(field, key, sign, value, is_presence=is_presence)
        if key is not None:
            refuse(f"{name} has no fields of its own", first.at)
        return _field_test(field, sign, value, token, is_presence=is_presence)

    def _path(self, first: Token) -> tuple[str, str | None]:
        """The name of a known field, and the key behind its dot; a key may be quoted."""
        head, dot, key = first.value.partition(".")
        if dot and not key and self._next().kind is Kind.QUOTED and self._next().at == first.end:
            key = self._take().value
        name = self._known.get(_plain(head))
        if name is None:
            refuse(f"unknown field {head[:60]!r}, want one of {', '.join(sorted(self._fields))}", first.at)
        if dot and not key:
            refuse("a name is missing behind the dot", first.at)
        self.used.add(name)
        return name, key if dot else None


def _plain(name: str) -> str:
    """`revision_id` and `revisionId` are one name."""
    return name.replace("_", "").lower()


def _map_test(field: TextMap[T], key: str | None, sign: Token, value: str, *, is_presence: bool) -> Test[T]:
    if sign.value not in _EQUALITIES:
        refuse(f"{sign.value!r} cannot compare texts of a map: use = != :", sign.at)
    texts = field.texts
    if key is not None:
        wanted = _wildcard("*" if is_presence else value)
        if sign.value == "!=":
            return lambda item: key in texts(item) and not wanted(texts(item)[key])
        return lambda item: key in texts(item) and wanted(texts(item)[key])
    if sign.value != ":":
        refuse('a map is asked with ":" or by a key, as in labels.team = "art"', sign.at)
    if is_presence:
        return lambda item: bool(texts(item))
    name, colon, text = value.partition(":")
    return lambda item: name in texts(item) and (not colon or texts(item)[name] == text)


def _field_test(field: Field[T], sign: Token, value: str, token: Token, *, is_presence: bool) -> Test[T]:
    values = field.values
    if is_presence:
        return lambda item: len(values(item)) > 0
    if sign.value not in _EQUALITIES and field.type in {FieldType.FLAG, FieldType.CHOICE}:
        refuse(f"{sign.value!r} cannot compare {field.type.value}: use = != :", sign.at)
    if field.type is FieldType.TEXT and sign.value in _EQUALITIES:
        return _text_test(values, sign, value)
    try:
        wanted = _literal(field, value)
    except (ValueError, OverflowError):
        names = f": {', '.join(sorted(field.names))}" if field.names else ""
        refuse(f"{value[:60]!r} is not {field.type.value}{names}", token.at)
    compare = _ORDERINGS[sign.value]
    return lambda item: any(compare(found, wanted) for found in values(item))


def _text_test(values: Callable[[T], Sequence[Single]], sign: Token, value: str) -> Test[T]:
    """A text is equal, or (`:`) has a part that is."""
    wanted = _wildcard(f"*{value}*" if sign.value == ":" else value)
    if sign.value == "!=":
        return lambda item: len(values(item)) > 0 and not any(wanted(str(found)) for found in values(item))
    return lambda item: any(wanted(str(found)) for found in values(item))


def _wildcard(pattern: str) -> Callable[[str], bool]:
    """Whether a text is the pattern, in which `*` stands for anything. Takes time in proportion to the text."""
    first, *rest = pattern.split("*")
    if not rest:
        return lambda text: text == pattern
    *middle, last = rest

    def matches(text: str) -> bool:
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return False
        place, end = len(first), len(text) - len(last)
        for part in middle:
            place = text.find(part, place, end)
            if place < 0:
                return False
            place += len(part)
        return True

    return matches


def _literal(field: Field[T], text: str) -> Single:
    """The value that a text means. Raises ValueError, OverflowError."""
    match field.type:
        case FieldType.TEXT:
            return text
        case FieldType.CHOICE:
            if text not in field.names:
                raise ValueError("no such name")
            return text
        case FieldType.INSTANT:
            return round(timestamp_from_text(f"{text}T00:00:00Z" if _DAY.match(text) else text), 6)
        case FieldType.DURATION:
            return duration_from_text(text)
        case FieldType.INTEGER:
            if not _INTEGER.match(text):
                raise ValueError("no whole number")
            return int(text)
        case FieldType.FLAG:
            if text not in ("true", "false"):
                raise ValueError("no boolean")
            return text == "true"


# -- orders -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """By a field, rising or falling."""

    field: str
    is_falling: bool = False


def orders_from_text(text: str, known: Collection[str]) -> tuple[Order, ...]:
    """What `orderBy` says, the most important first; none if it is empty. Raises InvalidArgument."""
    if not text.strip():
        return ()
    names = {_plain(name): name for name in known}
    orders: list[Order] = []
    for part in text.split(","):
        words = part.split()
        name = names.get(_plain(words[0])) if words else None
        direction = words[1].lower() if len(words) == 2 else "asc"
        if name is None:
            _refuse_order(f"unknown field {part.strip()[:60]!r}, want one of {', '.join(sorted(known))}")
        if len(words) > 2 or direction not in ("asc", "desc"):
            _refuse_order(f"{part.strip()[:60]!r} is not a field with asc or desc behind it")
        if any(order.field == name for order in orders):
            _refuse_order(f"{name} is named twice")
        orders.append(Order(field=name, is_falling=direction == "desc"))
    return tuple(orders)


def _refuse_order(problem: str) -> NoReturn:
    raise InvalidArgument(
        f"Invalid order: {problem}.", violations=[FieldViolation(field="order_by", description=problem)]
    )


def sort(items: list[T], orders: Sequence[Order], fields: Fields[T]) -> None:
    """Order items in place; those without a value come first, equal ones keep their places."""
    for order in reversed(orders):
        field = fields[order.field]
        if isinstance(field, Field):
            items.sort(key=_key(field), reverse=order.is_falling)


def _key(field: Field[T]) -> Callable[[T], tuple[Single, ...]]:
    return lambda item: tuple(field.values(item)[:1])
