"""Values of a source that may hold expressions → closures that build them, anew at each execution of their step."""

from __future__ import annotations

from typing import assert_never

from hakobune.core.workflows.expr.compile import Evaluate, Names, compile_expression, constant
from hakobune.core.workflows.failures import type_error
from hakobune.core.workflows.frames import UNSET, Frame, Unset
from hakobune.core.workflows.kinds import Value, type_name
from hakobune.core.workflows.syntax import Constant, Evaluated, ListTemplate, MapTemplate, Template


def compile_template(template: Template, names: Names) -> Evaluate:
    """What builds the value in a frame, part by part in document order; that raises Failure.

    A part without expressions is built once: nobody changes a value, so all executions can share it.
    """
    if isinstance(template, Constant):
        return constant(template.value)
    if isinstance(template, Evaluated):
        return compile_expression(template.expression, names)
    value = constant_value(template)
    if value is not UNSET:
        return constant(value)
    match template:
        case ListTemplate():
            items = [compile_template(item, names) for item in template.items]
            return lambda frame: [item(frame) for item in items]
        case MapTemplate():
            return _map(template, names)
        case _:
            assert_never(template)


def constant_value(template: Template) -> Value | Unset:
    """The value of a template without expressions; UNSET for one that has some."""
    match template:
        case Constant():
            return template.value
        case Evaluated():
            return UNSET
        case ListTemplate():
            items = [constant_value(item) for item in template.items]
            whole = [item for item in items if item is not UNSET]
            return whole if len(whole) == len(items) else UNSET
        case MapTemplate():
            entries: dict[str, Value] = {}
            for key, entry in template.entries:
                value = constant_value(entry)
                if isinstance(key, Evaluated) or value is UNSET:
                    return UNSET
                entries[_text(key.value)] = value
            return entries
        case _:
            assert_never(template)


def _map(template: MapTemplate, names: Names) -> Evaluate:
    if all(isinstance(key, Constant) for key, _ in template.entries):
        fixed = [
            (_text(key.value), compile_template(value, names))
            for key, value in template.entries
            if isinstance(key, Constant)
        ]
        return lambda frame: {key: value(frame) for key, value in fixed}
    entries = [(compile_template(key, names), compile_template(value, names)) for key, value in template.entries]

    def build(frame: Frame) -> Value:
        built: dict[str, Value] = {}
        for key, value in entries:
            name = _text(key(frame))
            built[name] = value(frame)
        return built

    return build


def _text(key: Value) -> str:
    if isinstance(key, str):
        return key
    raise type_error(f"map keys must be strings, not '{type_name(key)}'")
