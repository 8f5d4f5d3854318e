"""Bodies that call: `call` with `args` and `result`."""

from __future__ import annotations

import re
from typing import Final

from hakobune.core.workflows.gaps import UNREAD_FUNCTION, unread_value
from hakobune.core.workflows.parse_values import expression, is_expression, literal_text, target, template
from hakobune.core.workflows.reading import STRANGE_KEY, Reading
from hakobune.core.workflows.syntax import Arguments, Call
from hakobune.core.workflows.tree import Entry, Map, Node, Scalar, Sequence, kind_of

_FUNCTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


def call(reading: Reading, node: Map, main: Entry) -> Call:
    """The call of a body. Parts that could not be read are placeholders; what is wrong is noted."""
    arguments = _arguments(reading, node)
    result_entry = node.entry("result")
    result = None
    if result_entry is not None:
        text = literal_text(reading, result_entry.value, "result", "write the name of a variable: result: answer")
        if text is not None:
            assert isinstance(result_entry.value, Scalar)
            result = target(reading, text, result_entry.value, "result")
    function = literal_text(
        reading, main.value, "call", "write the name of a function or a subworkflow: call: http.get"
    )
    if function is not None and not _FUNCTION.fullmatch(function):
        reading.complain(
            "call",
            f"'{function}' is not the name of a function or a subworkflow",
            main.value,
            remedy=_name_remedy(function),
        )
        function = None
    return Call(function or UNREAD_FUNCTION, reading.position_of(main.value), arguments, result)


def _name_remedy(written: str) -> str:
    """What to write for something that is no name of a function, but may have one in it."""
    found = _FUNCTION.search(written)
    if found is not None and written.startswith("${") and written == f"${{{found.group()}}}":
        return f"write the name without '${{' and '}}': call: {found.group()}"
    if found is not None and written.startswith(f"{found.group()}("):
        return f"write 'call: {found.group()}', and the arguments in 'args'"
    return "write the name alone, such as 'http.get'; arguments go to 'args'"


def _arguments(reading: Reading, body: Map) -> Arguments:
    """`args`; an empty one is as good as none."""
    entry = body.entry("args")
    if entry is None:
        return _unread(reading, body) if reading.is_doubtful(body, {"args", STRANGE_KEY}) else Arguments()
    node = entry.value
    position = reading.position_of(node)
    is_twice = reading.is_doubtful(body, {"args"})
    if isinstance(node, Map):
        wrong = [argument for argument in node.entries if is_expression(argument.key_node)]
        for argument in wrong:
            reading.complain(
                "args",
                "the name of an argument cannot be an expression",
                argument,
                remedy="write the name, or give 'args' as one expression that makes a map",
            )
        named = tuple((argument.key, template(reading, argument.value, "args")) for argument in node.entries)
        if wrong or is_twice:
            return _unread(reading, node)
        places = tuple(reading.position_of(argument) for argument in node.entries)
        return Arguments(named=named, position=position, places=places)
    if isinstance(node, Sequence):
        positional = tuple(template(reading, item, "args") for item in node.items)
        return _unread(reading, node) if is_twice else Arguments(positional=positional, position=position)
    if is_expression(node):
        return Arguments(dynamic=expression(reading, node, "args"), position=position)
    if node.value is None:
        return Arguments()
    reading.complain(
        "args",
        f"args must be a map, a list or one expression, it is {kind_of(node)}",
        node,
        remedy="write 'name: value' for each argument below 'args:'",
    )
    return _unread(reading, node)


def _unread(reading: Reading, node: Node) -> Arguments:
    """Arguments that could not be read: whatever the function takes may be among them."""
    position = reading.position_of(node)
    return Arguments(dynamic=unread_value(position), position=position)
