"""The text of an expression → its tree, by the grammar and the precedence of the language.

From loose to tight: `or`; `and`; comparisons and `in`; `+ -`; `* / // %`; unary `-`, `+`, `not`; `.`, `[]`, calls.
`not` binds tighter than a comparison: `not a == b` is `(not a) == b`. All operators group from the left.
"""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.lexer import (
    INT64_LIMIT,
    ExpressionError,
    Token,
    TokenKind,
    integer_too_large,
    tokens,
)
from hakobune.core.workflows.expr.nodes import (
    Binary,
    CallOf,
    Expression,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Member,
    Name,
    Not,
    Operator,
    Sign,
)
from hakobune.core.workflows.expr.remedies import (
    behind_item,
    behind_value,
    instead_of_colon,
    instead_of_key,
    instead_of_value,
)
from hakobune.core.workflows.expr.walk import height

__all__ = ["ExpressionError", "parse_expression", "parse_target"]

_OR, _AND, _COMPARISON, _SUM, _PRODUCT = range(1, 6)

_LEVELS: Final = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), _COMPARISON),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "//", "%"), _PRODUCT),
}
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_PREFIXES: Final = frozenset({"not", "-", "+"})


def parse_expression(text: str) -> Expression:
    """The tree of what stands between `${` and `}`. Raises ExpressionError."""
    reader = _Reader(text)
    if reader.token.kind is TokenKind.END:
        raise ExpressionError("empty expression", 0, "write a value between '${' and '}'")
    tree = reader.expression()
    reader.expect_end()
    reader.check_height(tree)
    return tree


def parse_target(text: str) -> tuple[str, tuple[Expression, ...]]:
    """The left side of an assignment: the variable, and an expression for each `[…]` or `.name` behind it (a
    Literal for the latter). Raises ExpressionError.
    """
    reader = _Reader(text)
    first = reader.take()
    if first.kind is TokenKind.KEYWORD:
        raise ExpressionError(f"'{first.text}' is a word of the language, not a variable", first.at)
    if first.kind is not TokenKind.NAME:
        raise ExpressionError(f"expected the name of a variable, found {first.described()}", first.at)
    path: list[Expression] = []
    while True:
        if reader.skip("."):
            key = reader.key()
            path.append(Literal(key.text, key.at))
        elif reader.skip("["):
            path.append(reader.enclosed("]"))
            reader.check_height(path[-1])
        else:
            break
    if reader.token.kind is not TokenKind.END:
        found = reader.token
        raise ExpressionError(f"expected '.', '[' or the end of the left side, found {found.described()}", found.at)
    return first.text, tuple(path)


class _Reader:
    """Reads one text from its first token to its last."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._next = 0
        self._last = len(self._tokens) - 1
        self._depth = 0
        self.token = self._tokens[0]

    def take(self) -> Token:
        """The token at hand; the next one comes to hand. The one at the end stays."""
        token = self.token
        if self._next < self._last:
            self._next += 1
            self.token = self._tokens[self._next]
        return token

    def skip(self, text: str) -> bool:
        """Take this sign or keyword if it is at hand."""
        if self.token.word != text:
            return False
        self.take()
        return True

    def expect_end(self) -> None:
        """Raises ExpressionError if something is left."""
        if self.token.kind is not TokenKind.END:
            raise self._surplus("an operator or the end of the expression")

    def check_height(self, tree: Expression) -> None:
        """Raises ExpressionError for too many values inside one another (no tree has more levels than tokens)."""
        if self._last > limits.EXPRESSION_DEPTH and (levels := height(tree)) > limits.EXPRESSION_DEPTH:
            raise ExpressionError(
                f"expression has {levels} levels, the limit is {limits.EXPRESSION_DEPTH}",
                tree.at,
                "assign parts of it to variables first",
            )

    def _surplus(self, expected: str, closing: str = "", *, is_item: bool = False) -> ExpressionError:
        """What stands at hand cannot follow a complete value. `closing`: the bracket that is still to come."""
        remedy = (behind_item if is_item else behind_value)(self._before(self._next), self.token, closing)
        return ExpressionError(f"expected {expected}, found {self.token.described()}", self.token.at, remedy)

    def _before(self, index: int) -> Token:
        """The token before that of this index."""
        return self._tokens[max(index - 1, 0)]

    def expression(self, loosest: int = _OR) -> Expression:
        """A value with all operators that bind at least as tight as `loosest`."""
        self._depth += 1
        if self._depth > limits.NESTING_DEPTH:  # hostile input must not use up the stack
            raise ExpressionError(
                f"more than {limits.NESTING_DEPTH} values inside one another",
                self.token.at,
                "assign parts of it to variables first",
            )
        left = self._operand()
        while (level := _LEVELS.get(self.token.word, 0)) >= loosest:
            word = self.take().word
            right = self.expression(level + 1)
            if level <= _AND:
                left = Logic(level == _AND, left, right, left.at)
            else:
                left = Binary(Operator(word), left, right, left.at)
        self._depth -= 1
        return left

    def _operand(self) -> Expression:
        prefixes: list[Token] = []
        while self.token.word in _PREFIXES:
            prefixes.append(self.take())
        token = self.token
        if token.value == INT64_LIMIT and isinstance(token.value, int):
            if not prefixes or prefixes[-1].word != "-":
                raise integer_too_large(token.at)
            self.take()
            value: Expression = Literal(-INT64_LIMIT, prefixes.pop().at)
        else:
            value = self._postfix()
        for prefix in reversed(prefixes):
            value = Not(value, prefix.at) if prefix.word == "not" else Sign(value, prefix.word == "-", prefix.at)
        return value

    def _postfix(self) -> Expression:
        at = self.token.at
        path = self.token.text if self.token.kind is TokenKind.NAME else None
        value = self._primary()
        while True:
            if self.skip("."):
                key = self.key().text
                value = Member(value, key, at)
                path = f"{path}.{key}" if path is not None else None
            elif self.skip("["):
                value = Index(value, self.enclosed("]"), at)
                path = None
            elif self.token.word == "(":
                if path is None:
                    raise ExpressionError(
                        "only a function can be called, by its name", self.token.at, "write an operator before '('"
                    )
                value = CallOf(path, self._arguments(), at)
                path = None
            else:
                break
        return value

    def key(self) -> Token:
        """What stands behind a dot. A word of the language is a key as well."""
        token = self.take()
        if token.kind is TokenKind.KEYWORD:
            return Token(TokenKind.NAME, token.text, token.at)
        if token.kind is not TokenKind.NAME:
            raise ExpressionError(
                f"expected a name after '.', found {token.described()}", token.at, instead_of_key(token)
            )
        return token

    def _primary(self) -> Expression:
        token = self.take()
        match token.kind:
            case TokenKind.NUMBER | TokenKind.TEXT:
                return Literal(token.value, token.at)
            case TokenKind.NAME:
                return Name(token.text, token.at)
            case TokenKind.KEYWORD if token.word in _CONSTANTS:
                return Literal(_CONSTANTS[token.word], token.at)
            case TokenKind.SIGN if token.text == "(":
                return self.enclosed(")")
            case TokenKind.SIGN if token.text == "[":
                return self._list(token.at)
            case TokenKind.SIGN if token.text == "{":
                return self._map(token.at)
            case _:
                return self._no_value(token)

    def _no_value(self, token: Token) -> Expression:
        index = self._next if token.kind is TokenKind.END else self._next - 1
        before = self._before(index) if index > 0 else None
        raise ExpressionError(
            f"expected a value, found {token.described()}", token.at, instead_of_value(before, token, self.token)
        )

    def enclosed(self, closing: str) -> Expression:
        """An expression, and the bracket that closes it."""
        value = self.expression()
        if not self.skip(closing):
            raise self._surplus(f"an operator or '{closing}'", closing)
        return value

    def _arguments(self) -> tuple[Expression, ...]:
        self.take()
        found: list[Expression] = []
        if self.token.word != ")":
            found.append(self.expression())
            while self.skip(","):
                found.append(self.expression())
        if not self.skip(")"):
            raise self._surplus("',' or ')'", ")", is_item=True)
        return tuple(found)

    def _list(self, at: int) -> Expression:
        items: list[Expression] = []
        while self.token.word != "]":
            items.append(self.expression())
            if not self.skip(",") and self.token.word != "]":
                raise self._surplus("',' or ']'", "]", is_item=True)
        self.take()
        return ListOf(tuple(items), at)

    def _map(self, at: int) -> Expression:
        entries: list[tuple[str, Expression]] = []
        while self.token.word != "}":
            key = self._map_key()
            if not self.skip(":"):
                raise ExpressionError(
                    f"expected ':' after the key '{key}', found {self.token.described()}",
                    self.token.at,
                    instead_of_colon(key, self.token),
                )
            entries.append((key, self.expression()))
            if not self.skip(",") and self.token.word != "}":
                raise self._surplus("',' or '}'", "}", is_item=True)
        self.take()
        return MapOf(tuple(entries), at)

    def _map_key(self) -> str:
        token = self.take()
        match token.kind:
            case TokenKind.NAME | TokenKind.KEYWORD:
                return token.text
            case TokenKind.TEXT:
                return str(token.value)
            case _:
                raise ExpressionError(
                    f"expected a key of the map, found {token.described()}", token.at, 'write "key": value'
                )
