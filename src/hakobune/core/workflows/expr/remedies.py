"""What to write instead, where an expression has a part that cannot stand there."""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.expr.lexer import Token, TokenKind

_OPENING: Final = {")": "(", "]": "[", "}": "{"}
_VALUES: Final = frozenset({TokenKind.NAME, TokenKind.NUMBER, TokenKind.TEXT, TokenKind.KEYWORD})
_OPERATORS: Final = frozenset(
    {"+", "-", "*", "/", "//", "%", "<", "<=", ">", ">=", "==", "!=", "and", "or", "not", "in"}
)
_NOT_IN: Final = "write not(x in y) for 'x not in y'"
_WORDS: Final = {
    "is": "write '==' for 'is'",
    "if": "write if(condition, value, other value)",
    "else": "write if(condition, value, other value)",
    "not": _NOT_IN,
    "and": "write 'and' or 'AND'",
    "or": "write 'or' or 'OR'",
}
_NO_SLICES: Final = (
    "'[…]' reads one element and no part of a list; text.substring(text, first, end) reads a part of a text"
)


def behind_value(before: Token, token: Token, closing: str) -> str:
    """For a `token` that cannot stand behind a complete value. `closing`: the bracket that is still to come, or ""."""
    if token.kind is TokenKind.END:
        return f"close '{_OPENING[closing]}' with '{closing}'" if closing else ""
    if token.word == ":":
        return _NO_SLICES if closing == "]" else ""
    if token.word in _OPENING:
        return f"close '{_OPENING[closing]}' with '{closing}' first" if closing else f"remove '{token.text}'"
    if token.word == ",":
        return "write x[a][b] for an element of an element" if closing == "]" else "write a list as [a, b]"
    word = _WORDS.get(token.text.lower(), "")
    if word:
        return word
    return _between(before, token) if token.kind in _VALUES else ""


def behind_item(before: Token, token: Token, closing: str) -> str:
    """For a `token` behind an item of a list, a map or arguments, where only `,` or `closing` can stand."""
    if token.kind is TokenKind.END or token.word in _OPENING or token.word == ":":
        return behind_value(before, token, closing)
    return _WORDS.get(token.text.lower(), "") or "write a ',' between them"


def _between(before: Token, token: Token) -> str:
    """For two values without an operator."""
    ways = ["write an operator between them"]
    if before.kind is TokenKind.NAME and token.kind is TokenKind.NAME:
        ways.append(f'"{before.text} {token.text}" if it is a text')
    if before.kind is TokenKind.NAME:
        ways.append(f"{before.text}({token.shown}) to call a function")
    return ", or ".join(ways)


def instead_of_value(before: Token | None, token: Token, following: Token) -> str:
    """For a `token` where a value must stand."""
    last = before.word if before is not None else ""
    if token.word == "." and following.kind is TokenKind.NUMBER:
        return f"write 0.{following.text}"
    if token.word == "in" and following.word == "(":
        return "write x in y: 'in' is an operator, not a function"
    if last == "[" and token.word in ("", "]"):
        return 'write an index or a key: x[0], x["key"]'
    if (last == "," and token.word in _OPENING) or (token.word == "," and last in _OPENING.values()):
        return "remove the ','"
    if last == "," and token.word == ",":
        return "remove one ','"
    if last in _OPERATORS:
        return _behind_operator(last, token)
    if token.word in _OPERATORS or token.word == ".":
        return f"write a value before '{token.text}'"
    return "write a value here"


def _behind_operator(operator: str, token: Token) -> str:
    if (operator, token.word) == ("*", "*"):
        return "there is no operator for powers: multiply"
    if (operator, token.word) == ("<", ">"):
        return "write '!=' for '<>'"
    if operator in ("and", "or", "not") or token.word not in _OPERATORS:
        return f"write a value behind '{operator}', or leave it out"
    return f"write one operator, or a value between '{operator}' and '{token.text}'"


def instead_of_key(token: Token) -> str:
    """For a `token` behind a dot that is no name."""
    if token.kind in (TokenKind.NUMBER, TokenKind.TEXT):
        quoted = token.text if token.kind is TokenKind.TEXT else f'"{token.text}"'
        return f"write [{quoted}]" if token.kind is TokenKind.NUMBER else f"write [{quoted}] without the '.'"
    if token.word == "[":
        return "leave out the '.' before '['"
    if token.word == ".":
        return "write one '.'"
    return "write the name of a key behind the '.', or leave it out"


def instead_of_colon(key: str, token: Token) -> str:
    """For a `token` behind a key of a map that is no `:`."""
    if token.word in ("}", ","):
        return f'write "{key}": value; a variable alone needs no braces of its own: ${{{key}}}'
    return 'write "key": value'
