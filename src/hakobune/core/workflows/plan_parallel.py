"""`parallel`: an op that forks, the bodies of the branches (or of the iterations), and the op where they join.

Each branch has a frame of its own, whose `outer` is the frame that the step stands in. The machine starts the branches
and lets the one that forked go on at `join` when all have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from hakobune.core.workflows.assembly import Label
from hakobune.core.workflows.branches import HALT, Branch, Fork, Halt, Op, Thread
from hakobune.core.workflows.expr.compile import Evaluate
from hakobune.core.workflows.failures import failure, value_error
from hakobune.core.workflows.frames import UNSET, Frame, FrameShape, Place
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.plan_expressions import Around, Exit
from hakobune.core.workflows.plan_loops import hold_list, write_items
from hakobune.core.workflows.plan_steps import write_end
from hakobune.core.workflows.plan_writer import Writer, frame_at
from hakobune.core.workflows.raising import unhandled_branches
from hakobune.core.workflows.syntax import Branch as BranchSyntax
from hakobune.core.workflows.syntax import For, Parallel, Step
from hakobune.core.workflows.values import Value

# What is to be started, how many that is, and the list that their items come from (else null).
Threads: TypeAlias = tuple[Iterator[Thread], int, Value]


def write_parallel(writer: Writer, parallel: Parallel, around: Around, after: Label) -> None:
    """A `parallel` step with branches or with a `for`."""
    limit = None if parallel.concurrency_limit is None else writer.evaluate(parallel.concurrency_limit, around)
    shared = [writer.write_place(name, around.scope) for name, _ in parallel.shared]
    bodies: list[_Body] = []
    if isinstance(parallel.work, For):
        threads = _iterations(writer, parallel.work, around, bodies)
    else:
        threads = _branches(writer, parallel.work, around, bodies)
    join = Label()
    at = writer.shape(around.scope).loop()
    writer.assembler.emit(lambda _: _fork(threads, limit, shared, at, join.address))
    writer.assembler.place(join)
    writer.assembler.emit(lambda _: _join(at, after.address))
    for body in bodies:
        body.write(writer)


class _Body:
    """The steps of one branch, or those of all iterations, to be written after the step's own ops."""

    def __init__(self, writer: Writer, block: int, steps: Sequence[Step], around: Around, mark: Mark) -> None:
        self.entry = Label()
        self.shape = writer.open_frame(block, FrameShape())
        self._end = Label()
        self._steps = steps
        end = Exit(self._end, 0)
        self._around = replace(
            around, scope=writer.scopes.scope(block), guards=0, end=end, leave=None, again=end, mark=mark
        )

    def write(self, writer: Writer) -> None:
        """The steps, and the end of the thread."""
        writer.assembler.place(self.entry)
        writer.steps(self._steps, self._around, self._end)
        write_end(writer, self._end)


def _branches(
    writer: Writer, branches: Sequence[BranchSyntax], around: Around, bodies: list[_Body]
) -> Callable[[Frame], Threads]:
    named: list[tuple[str, _Body, Mark]] = []
    for branch in branches:
        mark = writer.mark(
            StepType.PARALLEL_BRANCH_ENTRY, branch.name, branch.position, around.mark, writer.scopes.scope(branch.block)
        )
        body = _Body(writer, branch.block, branch.steps, replace(around, again=None), mark)
        named.append((branch.name, body, mark))
        bodies.append(body)
    return lambda _: (
        iter([Thread(name, body.entry.address, body.shape, mark) for name, body, mark in named]),
        len(named),
        None,
    )


def _iterations(writer: Writer, loop: For, around: Around, bodies: list[_Body]) -> Callable[[Frame], Threads]:
    items = write_items(writer, loop, around)
    scope = writer.scopes.scope(loop.block)
    mark = writer.block(StepType.FOR_ITERATION, around, loop.position, scope)
    body = _Body(writer, loop.block, loop.steps, around, mark)
    bodies.append(body)
    value = scope.own_names[loop.value]
    index = None if loop.index is None else scope.own_names[loop.index]

    def threads(frame: Frame) -> Threads:
        iterator, number, held = items(frame)
        return _numbered(iterator, body.entry.address, body.shape, mark, value, index), number, held

    return threads


def _numbered(
    items: Iterator[Value], entry: int, shape: FrameShape, mark: Mark, value: int, index: int | None
) -> Iterator[Thread]:
    """One thread for each item, made when it is its turn."""
    for number, item in enumerate(items):
        values: tuple[tuple[int, Value], ...] = ((value, item),)
        if index is not None:
            values = (*values, (index, number))
        yield Thread(str(number), entry, shape, mark, values)


# -- ops --------------------------------------------------------------------------------------------------------


def _fork(
    threads: Callable[[Frame], Threads], limit: Evaluate | None, shared: Sequence[Place], at: int, join: int
) -> Op:
    def op(branch: Branch) -> int:
        if branch.depth >= branch.limits.parallel_depth:
            raise failure(
                ["ParallelNestingError"],
                f"ParallelNestingError: parallel steps are nested more than {branch.limits.parallel_depth} deep",
            )
        frame = branch.frame
        at_once = None if limit is None else _positive(limit(frame))
        iterator, width, held = threads(frame)
        hold_list(branch, at, held)
        for place in shared:
            slots = frame_at(frame, place.level).slots
            if slots[place.slot] is UNSET:
                slots[place.slot] = None
        branch.forks += 1
        branch.fork = Fork(
            parent=branch,
            path=f"{branch.path}.{branch.forks}",
            threads=iterator,
            width=width,
            limit=width if at_once is None else at_once,
        )
        if branch.recorder is not None:
            branch.recorder.expect(branch, width)
        branch.pc = join
        branch.halt = Halt.FORK
        return HALT

    return op


def _positive(limit: Value) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise value_error("concurrency_limit must be a positive integer")
    return limit


def _join(at: int, after: int) -> Op:
    def op(branch: Branch) -> int:
        branch.frame.end_loop(at)
        fork, branch.fork = branch.fork, None
        assert fork is not None
        if fork.errors:
            raise unhandled_branches(fork.errors)
        return after

    return op
