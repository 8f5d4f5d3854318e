"""The query language of Cloud Logging, as gcloud and people write it.

    severity>=ERROR AND resource.type=cloud_run_job AND NOT textPayload:"retry" AND labels."a/b"=("x" OR "y")

    query       both { ["AND"] both }            AND binds loosest; it may be left out
    both        one { "OR" one }
    one         ("NOT" | "-") one | "(" query ")" | comparison | function | text
    comparison  path operator value              operator: = != > >= < <= : =~ !~
    value       text | "(" values ")"            values: as a query, of texts alone

Source: https://docs.cloud.google.com/logging/docs/view/logging-query-language. Not supported, and said so: the
functions sample, source, ip_in_net, SEARCH, cast and regexp_extract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from urllib.parse import unquote

from hakobune.core.errors import Unimplemented
from hakobune.core.logs import limits
from hakobune.core.logs.entries import EXECUTION_LABEL, TASK_LABEL, LogEntry
from hakobune.core.logs.fields import Field, FieldType, Path, compare, every_text, find_field, instant, literal
from hakobune.core.logs.pattern import Pattern, PatternError
from hakobune.core.logs.structured import severity_from
from hakobune.core.logs.tokens import Kind, Token, refuse, tokenize

_KEYWORDS = frozenset({"AND", "OR", "NOT"})
_UNSUPPORTED = frozenset({"sample", "source", "ip_in_net", "search", "cast", "regexp_extract"})
_NULL = "NULL_VALUE"

Test = Callable[[LogEntry], bool]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A leaf: what it compares (for `bounds`), and its test."""

    path: Path
    operator: str
    value: str
    test: Test


@dataclass(frozen=True, slots=True)
class Junction:
    """All of its parts, or any of them."""

    is_all: bool
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """Not its part."""

    part: Node


Node = Comparison | Junction | Negation


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What must hold for every entry that a query matches; None where the query does not say. Times are inclusive,
    texts are in lower case. Used to skip what cannot match, never to decide."""

    after_s: float | None = None
    before_s: float | None = None
    job: str | None = None
    location: str | None = None
    execution: str | None = None
    task_index: int | None = None
    log_id: str | None = None
    severity_min: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed query. The empty one matches everything."""

    text: str
    root: Node

    def matches(self, entry: LogEntry) -> bool:
        """Whether the entry is among those that the query asks for."""
        return _matches(self.root, entry)

    def bounds(self) -> Bounds:
        """What follows from the parts that must all hold."""
        after_s, before_s, severity_min = -inf, inf, 0
        texts: dict[str, str] = {}
        for part in _conjuncts(self.root):
            name = _TEXT_BOUNDS.get(part.path)
            if name is not None and part.operator == "=":
                texts.setdefault(name, part.value.lower())
            elif part.path == ("logname",) and part.operator == "=":
                texts.setdefault("log_id", unquote(part.value.rpartition("/logs/")[2]).lower())
            elif part.path == ("severity",) and part.operator in {">", ">=", "="}:
                severity = severity_from(part.value)
                severity_min = max(severity_min, 0 if severity is None else severity.number)
            elif part.path == ("timestamp",) and part.operator in {">", ">=", "=", "<", "<="}:
                instant_s = instant(part.value)
                after_s = after_s if part.operator in {"<", "<="} else max(after_s, instant_s)
                before_s = before_s if part.operator in {">", ">="} else min(before_s, instant_s)
        index = texts.get("task_index", "")
        return Bounds(
            after_s=None if after_s == -inf else after_s,
            before_s=None if before_s == inf else before_s,
            job=texts.get("job"),
            location=texts.get("location"),
            execution=texts.get("execution"),
            task_index=int(index) if index.isascii() and index.isdigit() and len(index) < 10 else None,
            log_id=texts.get("log_id"),
            severity_min=severity_min,
        )


_TEXT_BOUNDS: dict[Path, str] = {
    ("resource", "labels", "job_name"): "job",
    ("resource", "labels", "location"): "location",
    ("labels", EXECUTION_LABEL): "execution",
    ("labels", TASK_LABEL): "task_index",
    ("log_id",): "log_id",
}


def parse(text: str) -> Query:
    """The query that `text` means. Raises InvalidArgument with the column, Unimplemented for some functions."""
    return Query(text=text, root=_Parser(tokenize(text)).parse())


def _matches(node: Node, entry: LogEntry) -> bool:
    match node:
        case Comparison():
            return node.test(entry)
        case Negation():
            return not _matches(node.part, entry)
        case Junction(is_all=True):
            return all(_matches(part, entry) for part in node.parts)
        case Junction():
            return any(_matches(part, entry) for part in node.parts)


def _conjuncts(node: Node) -> list[Comparison]:
    if isinstance(node, Junction) and node.is_all:
        return [leaf for part in node.parts for leaf in _conjuncts(part)]
    return [node] if isinstance(node, Comparison) else []


class _Parser:
    """Recursive descent over the tokens. Depth and number of terms are bounded."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._terms = 0

    def parse(self) -> Node:
        if self._next().kind is Kind.END:
            return Junction(True, ())
        node = self._query(self._one)
        if self._next().kind is not Kind.END:
            refuse(f"unexpected {self._next().value!r}", self._next().at)
        return node

    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._tokens[self._place]
        self._place += token.kind is not Kind.END
        return token

    def _is_keyword(self, word: str) -> bool:
        return self._next().kind is Kind.TEXT and self._next().value == word

    def _query(self, leaf: Callable[[], Node]) -> Node:
        """Parts joined by AND or by standing side by side."""
        parts = [self._both(leaf)]
        while True:
            if self._is_keyword("AND"):
                self._take()
            elif self._next().kind in {Kind.END, Kind.CLOSE, Kind.COMMA}:
                return parts[0] if len(parts) == 1 else Junction(True, tuple(parts))
            parts.append(self._both(leaf))

    def _both(self, leaf: Callable[[], Node]) -> Node:
        parts = [self._negated(leaf)]
        while self._is_keyword("OR"):
            self._take()
            parts.append(self._negated(leaf))
        return parts[0] if len(parts) == 1 else Junction(False, tuple(parts))

    def _negated(self, leaf: Callable[[], Node]) -> Node:
        token = self._next()
        if not (self._is_keyword("NOT") or token.kind is Kind.MINUS):
            return self._grouped(leaf)
        self._take()
        self._go_down(token)
        part = self._negated(leaf)
        self._depth -= 1
        return Negation(part)

    def _grouped(self, leaf: Callable[[], Node]) -> Node:
        token = self._next()
        if token.kind is not Kind.OPEN:
            self._terms += 1
            if self._terms > limits.QUERY_TERMS_MAX:
                refuse(f"more than {limits.QUERY_TERMS_MAX} terms", token.at)
            return leaf()
        self._take()
        self._go_down(token)
        node = self._query(leaf)
        self._depth -= 1
        if self._take().kind is not Kind.CLOSE:
            refuse("a parenthesis is not closed", token.at)
        return node

    def _go_down(self, token: Token) -> None:
        self._depth += 1
        if self._depth > limits.QUERY_DEPTH_MAX:
            refuse(f"nested deeper than {limits.QUERY_DEPTH_MAX} levels", token.at)

    def _one(self) -> Node:
        """A comparison, a function, or a text to be found anywhere."""
        first = self._take()
        if first.kind not in {Kind.TEXT, Kind.QUOTED} or (first.kind is Kind.TEXT and first.value in _KEYWORDS):
            refuse("the filter ends too early" if first.kind is Kind.END else f"unexpected {first.value!r}", first.at)
        if first.kind is Kind.TEXT and self._next().kind is Kind.OPEN and self._next().at == first.end:
            return self._function(first)
        path = self._path(first)
        if self._next().kind is not Kind.OPERATOR:
            return _anywhere(".".join(path) if len(path) > 1 and first.kind is Kind.QUOTED else first.value)
        operator = self._take()
        field = find_field(path)
        if field is None:
            refuse(f"field not found: {'.'.join(path)[:120]!r}", first.at)

        def leaf() -> Node:
            return self._comparison(path, field, operator.value)

        return self._grouped(leaf)

    def _path(self, first: Token) -> Path:
        """Names joined by dots; quoted names may have dots themselves."""
        names = [first.value] if first.kind is Kind.QUOTED else first.value.split(".")
        last = first
        while self._next().at == last.end and self._next().kind in {Kind.TEXT, Kind.QUOTED}:
            token = self._next()
            if token.kind is Kind.QUOTED and last.kind is Kind.TEXT and names[-1] == "":
                names[-1] = token.value
            elif token.kind is Kind.TEXT and last.kind is Kind.QUOTED and token.value.startswith("."):
                names += token.value[1:].split(".")
            else:
                break
            last = self._take()
        if "" in names and self._next().kind is Kind.OPERATOR:
            refuse("a name is missing in the path of a field", first.at)
        return tuple(names)

    def _comparison(self, path: Path, field: Field, operator: str) -> Node:
        token = self._take()
        value = token.value
        if token.kind is Kind.MINUS and self._next().kind is Kind.TEXT and self._next().at == token.end:
            value = f"-{self._take().value}"
        elif token.kind not in {Kind.TEXT, Kind.QUOTED} or (token.kind is Kind.TEXT and value in _KEYWORDS):
            refuse("a value is missing after the operator", token.at)
        is_plain = token.kind is Kind.TEXT
        test = _test(field, operator, value, token, is_presence=is_plain and operator == ":" and value == "*")
        normal = tuple(part.replace("_", "").lower() for part in path[:1]) + path[1:]
        return Comparison(normal, operator, value, test)

    def _function(self, name: Token) -> Node:
        opening = self._take()
        if name.value.lower() in _UNSUPPORTED:
            raise Unimplemented(f"The function {name.value} of the Logging query language is not supported here.")
        if name.value.lower() != "log_id":
            refuse(f"unknown function {name.value[:60]!r}", name.at)
        argument = self._take()
        if argument.kind not in {Kind.TEXT, Kind.QUOTED} or self._take().kind is not Kind.CLOSE:
            refuse("log_id takes one text in parentheses", opening.at)
        wanted = unquote(argument.value).lower()
        return Comparison(
            ("log_id",), "=", wanted, lambda entry: unquote(entry.log_name.partition("/logs/")[2]).lower() == wanted
        )


def _anywhere(text: str) -> Node:
    wanted = text.lower()
    return Comparison((), ":", text, lambda entry: any(wanted in found.lower() for found in every_text(entry)))


def _test(field: Field, operator: str, text: str, token: Token, *, is_presence: bool) -> Test:
    if is_presence:
        return field.is_present
    if operator in {"=~", "!~"}:
        return _pattern_test(field, text, token, is_match=operator == "=~")
    if text == _NULL and token.kind is Kind.TEXT and operator in {"=", "!="}:
        is_null = operator == "="
        return lambda entry: any((value is None) == is_null for value in field.values(entry))
    try:
        wanted = literal(field.type, text)
    except (ValueError, OverflowError) as error:
        refuse(str(error), token.at)
    values = field.values
    if operator == "!=":

        def differs(entry: LogEntry) -> bool:
            found = values(entry)
            return len(found) > 0 and not any(compare("=", value, wanted) for value in found)

        return differs
    return lambda entry: any(compare(operator, value, wanted) for value in values(entry))


def _pattern_test(field: Field, text: str, token: Token, *, is_match: bool) -> Test:
    try:
        pattern = Pattern(text)
    except PatternError as error:
        refuse(f"invalid regular expression: {error}", token.at)
    if field.type is FieldType.SEVERITY:
        return lambda entry: pattern.is_in(entry.severity.value) == is_match

    def test(entry: LogEntry) -> bool:
        found = field.values(entry)
        return len(found) > 0 and any(pattern.is_in(str(value)) for value in found) == is_match

    return test
