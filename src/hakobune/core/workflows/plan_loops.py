"""`for`: an op that begins the loop, one that goes to the next item, one that leaves.

The items are an iterator over a list that nobody changes, or over a range that is never built. It lives beside the
frame's slots, so a loop costs nothing to leave by a jump or an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import TypeAlias

from hakobune.core.workflows.assembly import Label
from hakobune.core.workflows.branches import Branch, Op
from hakobune.core.workflows.failures import type_error, value_error
from hakobune.core.workflows.frames import UNSET, Frame, forget
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.meter import HEAVY
from hakobune.core.workflows.plan_expressions import Around, Exit
from hakobune.core.workflows.plan_writer import Writer
from hakobune.core.workflows.syntax import Evaluated, For, Range
from hakobune.core.workflows.values import Value, type_name

# The items, how many they are, and the list that they come from (null for a range).
Items: TypeAlias = tuple[Iterator[Value], int, Value]


def write_for(writer: Writer, loop: For, around: Around, after: Label) -> None:
    """A loop whose iterations follow each other."""
    scope = writer.scopes.scope(loop.block)
    shape = writer.shape(scope)
    at = shape.loop()
    counter = None if loop.index is None else shape.loop()
    mark = writer.block(StepType.FOR_ITERATION, around, loop.position, scope)
    own = scope.own_names
    variables = {loop.value, loop.index}
    fresh = tuple(slot for name, slot in own.items() if name not in variables)
    again, body, leave = Label(), Label(), Label()

    items = write_items(writer, loop, around)
    writer.assembler.emit(lambda here: _begin(items, at, counter, here + 1))
    writer.assembler.place(again)

    def next_item(_: int) -> Op:
        op = _next_item(at, own[loop.value], fresh, mark, body.address, leave.address)
        if counter is None or loop.index is None:
            return op
        return _next_item_and_index(op, counter, own[loop.index], leave.address)

    writer.assembler.emit(next_item)
    writer.assembler.place(leave)
    writer.assembler.emit(lambda _: _leave(at, tuple(own.values()), mark, after.address))
    inside = Around(
        scope=scope,
        guards=around.guards,
        end=around.end,
        leave=Exit(leave, around.guards),
        again=Exit(again, around.guards),
        step=around.step,
        mark=mark,
    )
    writer.assembler.place(body)
    writer.steps(loop.steps, inside, again)


def write_items(writer: Writer, loop: For, around: Around) -> Callable[[Frame], Items]:
    """What evaluates `in` or `range`, once, before the first iteration."""
    if not isinstance(loop.over, Range):
        over = writer.evaluate(loop.over, around)
        return lambda frame: items_of(over(frame))
    bounds = loop.over.bounds
    if isinstance(bounds, Evaluated):
        pair = writer.evaluate(bounds, around)
        return lambda frame: _range_of_pair(pair(frame))
    first, last = writer.evaluate_all(bounds, around)
    return lambda frame: range_items(first(frame), last(frame))


def items_of(over: Value) -> Items:
    """The items of `in`. Raises Failure (TypeError)."""
    if not isinstance(over, list):
        raise type_error(f"for: 'in' must be a list, not '{type_name(over)}'")
    return iter(over), len(over), over


def _range_of_pair(pair: Value) -> Items:
    if not isinstance(pair, list):
        raise type_error(f"for: 'range' must be a list of two numbers, not '{type_name(pair)}'")
    if len(pair) != 2:
        raise value_error(f"for: 'range' must be a list of two numbers, not of {len(pair)}")
    return range_items(pair[0], pair[1])


def range_items(first: Value, last: Value) -> Items:
    """`range: [first, last]`: both inclusive, steps of 1. Raises Failure (TypeError, ValueError)."""
    for bound in (first, last):
        if not isinstance(bound, int | float) or isinstance(bound, bool):
            raise type_error(f"for: 'range' must be of numbers, not '{type_name(bound)}'")
        if not math.isfinite(bound):
            raise value_error("for: 'range' must be of finite numbers")
    assert isinstance(first, int | float)
    assert isinstance(last, int | float)
    if isinstance(first, int):
        end = math.floor(last) + 1
        return iter(range(first, end)), max(0, end - first), None
    number = max(0, math.floor(last - first) + 1)  # each value is computed anew: no error adds up
    return map(first.__add__, range(number)), number, None


# -- ops --------------------------------------------------------------------------------------------------------


def _begin(items: Callable[[Frame], Items], at: int, counter: int | None, after: int) -> Op:
    def op(branch: Branch) -> int:
        frame = branch.frame
        iterator, number, held = items(frame)
        frame.loops[at] = iterator
        hold_list(branch, at, held)
        if counter is not None:
            frame.loops[counter] = count()
        if branch.recorder is not None:
            branch.recorder.expect(branch, number)
        return after

    return op


def hold_list(branch: Branch, at: int, held: Value) -> None:
    """The loop `at` of the branch's frame goes over this list. Raises Failure (ResourceLimitError)."""
    branch.frame.kept[at] = held
    branch.memory.keep(held)


def _next_item(at: int, value: int, fresh: tuple[int, ...], mark: Mark, body: int, leave: int) -> Op:
    def op(branch: Branch) -> int:
        frame = branch.frame
        item = next(frame.loops[at], UNSET)
        if item is UNSET:
            return leave
        if branch.recorder is not None:  # before the variables change: those of the last iteration are still there
            branch.recorder.begin(branch, mark)
        frame.slots[value] = item
        for slot in fresh:
            frame.slots[slot] = UNSET
        if type(item) in HEAVY:
            branch.memory.charge(item)
        return body

    return op


def _next_item_and_index(next_item: Op, counter: int, index: int, leave: int) -> Op:
    def op(branch: Branch) -> int:
        address = next_item(branch)
        if address != leave:
            branch.frame.slots[index] = next(branch.frame.loops[counter])
        return address

    return op


def _leave(at: int, own: tuple[int, ...], mark: Mark, after: int) -> Op:
    def op(branch: Branch) -> int:
        if branch.recorder is not None:
            branch.recorder.left(branch, mark)
        branch.frame.end_loop(at)
        forget(branch.frame, own)
        return after

    return op
