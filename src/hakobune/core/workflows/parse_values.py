"""Values of a source: literals, expressions, the left sides of assignments, names."""

from __future__ import annotations

import re
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.grammar import ExpressionError, parse_expression, parse_target
from hakobune.core.workflows.gaps import unread_value
from hakobune.core.workflows.joined_texts import joined
from hakobune.core.workflows.protection import expression_end
from hakobune.core.workflows.reading import Place, Reading
from hakobune.core.workflows.scalars import key_text
from hakobune.core.workflows.syntax import Constant, Evaluated, ListTemplate, MapTemplate, Target, Template
from hakobune.core.workflows.tree import Entry, Map, Node, Scalar, Sequence, kind_of

_SPACED: Final = re.compile(r"\$[ \t]+\{[^{}]*\}")
_LENGTH_REMEDY: Final = "assign parts of it to variables first"


def template(reading: Reading, node: Node, what: str) -> Template:
    """A value that may hold expressions at any depth. `what` names it in problems."""
    match node:
        case Scalar():
            return _scalar(reading, node, what)
        case Sequence(items=()):
            return Constant([], reading.position_of(node))
        case Sequence():
            items = tuple(template(reading, item, what) for item in node.items)
            return ListTemplate(items, reading.position_of(node))
        case Map(entries=()):
            return Constant({}, reading.position_of(node))
        case Map():
            entries = tuple(
                (_key(reading, entry, what), template(reading, entry.value, what)) for entry in node.entries
            )
            return MapTemplate(entries, reading.position_of(node))


def is_expression(node: Node) -> bool:
    """Whether a node is one whole `${…}`, right or wrong."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return False
    text = node.value.strip()
    return text.startswith("${") and text.endswith("}")


def expression(reading: Reading, node: Scalar, what: str) -> Evaluated:
    """The expression of a node that `is_expression`. A placeholder when it is wrong, which is noted."""
    assert isinstance(node.value, str)
    whole = node.value.strip()
    text = whole[2:-1]
    offset = node.value.index("${") + 2
    end = expression_end(whole, 0)
    if end is not None and end < len(whole):
        reading.complain(
            "syntax",
            f"text stands behind the '}}' that closes the expression: {_short(whole[end:])}",
            reading.tree.position_in(node, offset - 2 + end),
            remedy=f"write one expression for the whole value: {joined(whole)}",
            what=what,
        )
        return unread_value(reading.position_of(node))
    reading.check_limit(
        "characters in an expression",
        len(text),
        limits.EXPRESSION_CHARACTERS,
        node,
        remedy=_LENGTH_REMEDY,
    )
    try:
        read = parse_expression(text)
    except ExpressionError as error:
        reading.complain(
            "syntax",
            error.message,
            reading.tree.position_in(node, offset + error.at),
            remedy=error.remedy,
            what=what,
        )
        return unread_value(reading.position_of(node))
    places = reading.tree.places_in(node, offset, offset + len(text))
    return Evaluated(text, read, reading.position_of(node), places)


def target(reading: Reading, text: str, place: Scalar, what: str) -> Target | None:
    """The left side of an assignment: a variable and the path to an element. None when it is wrong, which is noted."""
    if text.strip().startswith("${"):
        reading.complain(
            "variable-name",
            f"'{_short(text)}' is an expression, not the name of a variable",
            place,
            remedy="write the variable without '${' and '}'",
            what=what,
        )
        reading.lose(place)
        return None
    try:
        name, path = parse_target(text)
    except ExpressionError as error:
        position = reading.tree.position_in(place, error.at) if place.value == text else reading.position_of(place)
        reading.complain(
            "variable-name",
            f"'{_short(text)}' is not a variable: {error.message}",
            position,
            remedy=error.remedy or "a name has the letters a to z, digits and '_', and does not begin with a digit",
            what=what,
        )
        reading.lose(place)
        return None
    return Target(name, path, text, reading.position_of(place))


def variable_name(reading: Reading, node: Node, owner: str) -> str | None:
    """The name of a variable that `owner` gives: a name and nothing else. None when it is wrong."""
    text = literal_text(reading, node, owner, "write the name of a variable")
    if text is None:
        return None
    assert isinstance(node, Scalar)
    found = target(reading, text, node, owner)
    if found is None:
        return None
    if found.path:
        reading.complain(
            "variable-name",
            f"{owner} must be the name of a variable, not of an element: '{_short(text)}'",
            node,
            remedy="write a plain name",
        )
        reading.lose(node)
        return None
    return found.name


def literal_text(reading: Reading, node: Node, owner: str, remedy: str = "") -> str | None:
    """The text of a scalar that is no expression and not empty (numbers and booleans: as they are written)."""
    if not isinstance(node, Scalar) or node.value is None or node.value == "":
        kind = "empty" if isinstance(node, Scalar) and node.value == "" else kind_of(node)
        reading.complain(
            "wrong-type", f"{owner} must be a text, it is {kind}", node, remedy=_alone(node, owner) or remedy
        )
        reading.lose(node)
        return None
    return key_text(node.value)


def _alone(node: Node, owner: str) -> str:
    """What to write for a list of one text where the text is due."""
    if isinstance(node, Sequence) and len(node.items) == 1:
        item = node.items[0]
        if isinstance(item, Scalar) and item.value is not None:
            return f"write it without brackets: {owner}: {_short(key_text(item.value))}"
    return ""


def warn_if_embedded(reading: Reading, text: str, place: Place) -> None:
    """A `${` in a text that is no expression as a whole stays as it is. So does what was meant as one, perhaps."""
    start = text.find("${")
    if start >= 0 and "}" not in text[start:]:
        reading.warn(
            "embedded-expression",
            "'${' is never closed: the text is taken as it is",
            place,
            remedy="write ${…} with the '}' that closes it",
        )
    elif start >= 0:
        reading.warn(
            "embedded-expression",
            "'${' within a text is no expression: the text is taken as it is",
            place,
            remedy=f"make the whole value one expression: {joined(text)}",
        )
    elif _SPACED.fullmatch(text.strip()):
        reading.warn(
            "embedded-expression",
            "this is no expression, since '$' and '{' do not stand together: the text is taken as it is",
            place,
            remedy="write '${' without a space to make it one",
        )


def _scalar(reading: Reading, node: Scalar, what: str) -> Template:
    if isinstance(node.value, str):
        if is_expression(node):
            return expression(reading, node, what)
        warn_if_embedded(reading, node.value, node)
    return Constant(node.value, reading.position_of(node))


def _key(reading: Reading, entry: Entry, what: str) -> Constant | Evaluated:
    node = entry.key_node
    if is_expression(node):
        return expression(reading, node, what)
    warn_if_embedded(reading, entry.key, node)
    return Constant(entry.key, reading.position_of(node))


def _short(text: str) -> str:
    """A text for a message: not longer than a person wants to read there."""
    return text if len(text) <= 60 else text[:57] + "..."
