"""From a program to its graph. Recursion goes as deep as the source is nested, which is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from hakobune.core.workflows.expr.nodes import Literal
from hakobune.core.workflows.graph import (
    Block,
    Edge,
    EdgeKind,
    Frame,
    FrameKind,
    Graph,
    Node,
    NodeKind,
    Row,
    Stack,
    nodes_of,
)
from hakobune.core.workflows.graph_texts import (
    assign_lines,
    call_lines,
    loop_lines,
    parallel_lines,
    retry_lines,
    short,
    shown,
)
from hakobune.core.workflows.syntax import (
    Assign,
    Body,
    Call,
    Case,
    Constant,
    Evaluated,
    Except,
    For,
    Goto,
    Group,
    Jump,
    Parallel,
    Program,
    Raise,
    Return,
    Routine,
    Step,
    Switch,
    Template,
    Try,
)

_OTHERWISE: Final = "otherwise"


@dataclass(frozen=True, slots=True)
class _Exit:
    """A way out of a node that leads to whatever comes next."""

    node: str
    label: str = ""


@dataclass(slots=True)
class _Loop:
    """The loop around a step: where `continue` and `break` lead."""

    head: str
    after: str


@dataclass(slots=True)
class _Guard:
    """The `except` around a step, before it is drawn: who raises to it."""

    raisers: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What was drawn, and the ways out of it."""

    blocks: tuple[Block, ...]
    exits: tuple[_Exit, ...]


def graph_of(program: Program) -> Graph:
    """The graph of a program, `main` first."""
    routines = sorted(program.routines, key=lambda routine: routine.name != "main")
    names = frozenset(routine.name for routine in routines)
    edges: list[Edge] = []
    frames = [_Drawing(index, routine, names, edges).frame() for index, routine in enumerate(routines)]
    return Graph(routines=tuple(frames), edges=tuple(_merged(edges)))


def _merged(edges: Iterable[Edge]) -> list[Edge]:
    """Edges of one kind between the same nodes as one, with all labels."""
    found: dict[tuple[str, str, EdgeKind], list[str]] = {}
    for edge in edges:
        labels = found.setdefault((edge.source, edge.target, edge.kind), [])
        if edge.label and edge.label not in labels:
            labels.append(edge.label)
    return [
        Edge(source=source, target=target, kind=kind, label=" / ".join(labels))
        for (source, target, kind), labels in found.items()
    ]


class _Drawing:
    """One routine."""

    def __init__(self, index: int, routine: Routine, routines: frozenset[str], edges: list[Edge]) -> None:
        self._prefix = f"r{index}"
        self._routine = routine
        self._routines = routines
        self._edges = edges
        self._count = 0
        self._entries: dict[str, str] = {}  # step → its first node
        self._jumps: list[tuple[str, str, str]] = []  # node, step, label
        self._loops: list[_Loop] = []
        self._guards: list[_Guard] = []
        self._step = ""
        self._line = 0

    def frame(self) -> Frame:
        """The routine in its frame."""
        routine = self._routine
        parameters = ", ".join(parameter.name for parameter in routine.parameters)
        title = short(f"{routine.name}({parameters})")
        self._line = routine.position.line
        start = self._node(NodeKind.START, ["start"])
        drawn = self._steps(routine.steps, (_Exit(start.id),))
        blocks = [start, *drawn.blocks]
        if drawn.exits:
            blocks.append(self._end(drawn.exits))
        for source, step, label in self._jumps:
            self._edge(source, self._entries.get(step, source), EdgeKind.JUMP, label)
        return Frame(FrameKind.ROUTINE, title, Stack(tuple(blocks)))

    # -- nodes and edges ------------------------------------------------------------------------------------------

    def _node(self, kind: NodeKind, lines: Sequence[str], calls: str = "") -> Node:
        self._count += 1
        return Node(
            id=f"{self._prefix}n{self._count}",
            kind=kind,
            routine=self._routine.name,
            step=self._step,
            lines=tuple(line for line in lines if line),
            line=self._line,
            calls=calls,
        )

    def _edge(self, source: str, target: str, kind: EdgeKind, label: str = "") -> None:
        self._edges.append(Edge(source=source, target=target, kind=kind, label=label))

    def _enter(self, exits: Iterable[_Exit], node: Node) -> None:
        for way in exits:
            self._edge(way.node, node.id, EdgeKind.FLOW, way.label)

    def _end(self, exits: Iterable[_Exit]) -> Node:
        node = self._node(NodeKind.END, ["end"])
        self._enter(exits, node)
        return node

    # -- steps ----------------------------------------------------------------------------------------------------

    def _steps(self, steps: Sequence[Step], entering: tuple[_Exit, ...]) -> _Drawn:
        blocks: list[Block] = []
        for index, step in enumerate(steps):
            following = steps[index + 1].name if index + 1 < len(steps) else ""
            drawn = self._one(step, entering, following)
            blocks += drawn.blocks
            entering = drawn.exits
        return _Drawn(tuple(blocks), entering)

    def _one(self, step: Step, entering: tuple[_Exit, ...], following: str) -> _Drawn:
        self._step, self._line = step.name, step.position.line
        drawn = self._body(step.name, step.body, entering, following)
        self._step, self._line = step.name, step.position.line
        entry = next(nodes_of(Stack(drawn.blocks)), None)
        if entry is not None:
            self._entries[step.name] = entry.id
        return self._after(drawn, step.next, following)

    def _after(self, drawn: _Drawn, jump: Jump | None, following: str) -> _Drawn:
        """The ways out of a body, led to where `next` says."""
        if jump is None or not drawn.exits or jump.target == following:
            return drawn
        if jump.target == "end":
            return _Drawn((*drawn.blocks, self._end(drawn.exits)), ())
        for way in drawn.exits:
            self._jump(way, jump.target)
        return _Drawn(drawn.blocks, ())

    def _jump(self, way: _Exit, target: str) -> None:
        """Lead a way out to a step, or out of or back to the loop around it."""
        if target in ("break", "continue") and self._loops:
            loop = self._loops[-1]
            if target == "break":
                self._edge(way.node, loop.after, EdgeKind.JUMP, way.label)
            else:
                self._edge(way.node, loop.head, EdgeKind.BACK, way.label)
        else:
            self._jumps.append((way.node, target, way.label))

    def _body(self, title: str, body: Body, entering: tuple[_Exit, ...], following: str = "") -> _Drawn:
        match body:
            case Assign():
                return self._simple(NodeKind.ASSIGN, [title, *assign_lines(body)], entering)
            case Call():
                calls = body.function if body.function in self._routines else ""
                return self._simple(NodeKind.CALL, [title, *call_lines(body)], entering, calls)
            case Goto():
                return self._simple(NodeKind.GOTO, [title or "next"], entering)
            case Return():
                drawn = self._simple(NodeKind.RETURN, [title, short(f"return {shown(body.value)}")], entering)
                return _Drawn(drawn.blocks, ())
            case Raise():
                return self._raise(title, body, entering)
            case Switch():
                return self._switch(title, body, entering, following)
            case For():
                return self._for(title, body, None, entering)
            case Parallel():
                if isinstance(body.work, For):
                    return self._for(title, body.work, body, entering)
                return self._parallel(title, body, entering)
            case Try():
                return self._try(title, body, entering)
            case Group():
                drawn = self._steps(body.steps, entering)
                if not title:
                    return drawn
                return _Drawn((Frame(FrameKind.GROUP, title, Stack(drawn.blocks)),), drawn.exits)
            case _:
                assert_never(body)

    def _simple(self, kind: NodeKind, lines: Sequence[str], entering: tuple[_Exit, ...], calls: str = "") -> _Drawn:
        node = self._node(kind, lines, calls)
        self._enter(entering, node)
        return _Drawn((node,), (_Exit(node.id),))

    def _raise(self, title: str, body: Raise, entering: tuple[_Exit, ...]) -> _Drawn:
        node = self._node(NodeKind.RAISE, [title, short(f"raise {shown(body.value)}")])
        self._enter(entering, node)
        if self._guards:
            self._guards[-1].raisers.append(node.id)
        return _Drawn((node,), ())

    # -- switch ---------------------------------------------------------------------------------------------------

    def _switch(self, title: str, body: Switch, entering: tuple[_Exit, ...], following: str) -> _Drawn:
        node = self._node(NodeKind.SWITCH, [title or "switch"])
        self._enter(entering, node)
        columns: list[Block] = []
        exits: list[_Exit] = []
        straight: list[_Exit] = []  # ways from the switch itself to what comes next
        is_covered = False
        for case in body.cases:
            label = shown(case.condition)
            drawn = self._case(case, _Exit(node.id, label), following)
            if drawn.blocks:
                columns.append(Stack(drawn.blocks))
                exits += drawn.exits
            else:
                straight += drawn.exits
            is_covered = is_covered or _is_true(case.condition)
        if not is_covered:
            straight.append(_Exit(node.id, _OTHERWISE))
        if not columns:
            return _Drawn((node,), tuple(straight))
        if straight:
            point = self._node(NodeKind.JOIN, [])
            self._enter(straight, point)
            columns.append(Stack((point,)))
            exits.append(_Exit(point.id))
        return _Drawn((Stack((node, Row(tuple(columns)))),), tuple(exits))

    def _case(self, case: Case, way: _Exit, following: str) -> _Drawn:
        step, line = self._step, self._line
        self._line = case.position.line
        drawn = _Drawn((), (way,)) if case.body is None else self._body("", case.body, (way,))
        self._step, self._line = step, line
        return self._after(drawn, case.next, following)

    # -- blocks ---------------------------------------------------------------------------------------------------

    def _for(self, title: str, body: For, parallel: Parallel | None, entering: tuple[_Exit, ...]) -> _Drawn:
        head = self._node(NodeKind.LOOP, [title, *loop_lines(body, parallel)])
        self._enter(entering, head)
        after = self._node(NodeKind.JOIN, [])
        self._loops.append(_Loop(head.id, after.id))
        drawn = self._steps(body.steps, (_Exit(head.id),))
        self._loops.pop()
        for way in drawn.exits:
            if parallel is None:
                self._edge(way.node, head.id, EdgeKind.BACK, way.label)
            else:
                self._edge(way.node, after.id, EdgeKind.FLOW, way.label)
        if parallel is None:
            self._edge(head.id, after.id, EdgeKind.SKIP)
        frame = Frame(FrameKind.LOOP, f"each {body.value}", Stack(drawn.blocks))
        return _Drawn((Stack((head, frame, after)),), (_Exit(after.id),))

    def _parallel(self, title: str, body: Parallel, entering: tuple[_Exit, ...]) -> _Drawn:
        head = self._node(NodeKind.PARALLEL, [title, *parallel_lines(body)])
        self._enter(entering, head)
        after = self._node(NodeKind.JOIN, [])
        columns: list[Block] = []
        branches = () if isinstance(body.work, For) else body.work
        for branch in branches:
            drawn = self._steps(branch.steps, (_Exit(head.id),))
            self._enter(drawn.exits, after)
            columns.append(Frame(FrameKind.BRANCH, short(branch.name), Stack(drawn.blocks)))
        return _Drawn((Stack((head, Row(tuple(columns)), after)),), (_Exit(after.id),))

    def _try(self, title: str, body: Try, entering: tuple[_Exit, ...]) -> _Drawn:
        head = self._node(NodeKind.TRY, [title or "try", *retry_lines(body.retry)])
        self._enter(entering, head)
        guard = _Guard()
        if body.handler is not None:
            self._guards.append(guard)
        tried = self._body("", body.body, (_Exit(head.id),))
        if body.handler is not None:
            self._guards.pop()
        columns: list[Block] = [Frame(FrameKind.TRY, "try", Stack(tried.blocks))]
        exits = list(tried.exits)
        if body.handler is not None:
            handled = self._except(body.handler, head, guard)
            columns.append(Frame(FrameKind.EXCEPT, short(f"except {body.handler.name or ''}".strip()), handled[0]))
            exits += handled[1]
        return _Drawn((Stack((head, Row(tuple(columns)))),), tuple(exits))

    def _except(self, handler: Except, head: Node, guard: _Guard) -> tuple[Stack, tuple[_Exit, ...]]:
        drawn = self._steps(handler.steps, ())
        inner = Stack(drawn.blocks)
        entry = next(nodes_of(inner), None)
        if entry is not None:
            self._edge(head.id, entry.id, EdgeKind.ERROR, "on an error")
            for raiser in guard.raisers:
                self._edge(raiser, entry.id, EdgeKind.ERROR)
        return inner, drawn.exits


def _is_true(condition: Template) -> bool:
    match condition:
        case Constant():
            return condition.value is True
        case Evaluated():
            return isinstance(condition.expression, Literal) and condition.expression.value is True
        case _:
            return False
