"""A definition as a list of sites: each body with what it stands in. The rules for production look at sites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from hakobune.core.workflows.connectors.methods import PREFIX, Method, method
from hakobune.core.workflows.expr.nodes import Binary, Expression, Literal, Operator
from hakobune.core.workflows.expr.walk import calls, names_read
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.syntax import (
    Assign,
    Body,
    Call,
    Constant,
    Evaluated,
    For,
    Goto,
    Group,
    ListTemplate,
    MapTemplate,
    Parallel,
    Program,
    Raise,
    Range,
    RetryBlock,
    Return,
    Routine,
    Step,
    Switch,
    Target,
    Template,
    Try,
)
from hakobune.core.workflows.values import Value

HTTP: Final = "http."


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A body, the step it belongs to, and what is around it, outermost first.

    `tries` are those whose body it stands in (not their `except`); `threads` are the parallel steps, each with the
    number of the branch (0 for iterations); `loops` counts the loops.
    """

    routine: Routine
    step: Step
    body: Body
    tries: tuple[Try, ...] = ()
    threads: tuple[tuple[Parallel, int], ...] = ()
    loops: int = 0

    @property
    def is_handled(self) -> bool:
        """Whether an error here comes to an `except` of the same routine."""
        return any(body.handler is not None for body in self.tries)


def sites(program: Program) -> list[Site]:
    """All bodies of a program, in the order of the source."""
    return [site for routine in program.routines for site in routine_sites(routine)]


def routine_sites(routine: Routine) -> Iterator[Site]:
    """All bodies of a routine."""
    return steps_sites(routine, routine.steps)


def steps_sites(routine: Routine, steps: Sequence[Step]) -> Iterator[Site]:
    """All bodies of some steps of a routine, as if nothing were around them."""
    return _walk([Site(routine=routine, step=step, body=step.body) for step in steps])


def try_sites(site: Site, body: Try) -> Iterator[Site]:
    """All bodies that a `try` protects."""
    return _walk([replace(site, body=body.body, tries=(*site.tries, body))])


def _walk(first: Sequence[Site]) -> Iterator[Site]:
    waiting = list(reversed(first))
    while waiting:
        site = waiting.pop()
        yield site
        waiting.extend(reversed(list(_inside(site))))


def _inside(site: Site) -> Iterator[Site]:
    """The sites directly inside a body."""
    body = site.body
    match body:
        case Assign() | Call() | Raise() | Return() | Goto():
            return
        case Switch():
            for case in body.cases:
                if case.body is not None:
                    yield replace(site, body=case.body)
        case For():
            yield from _steps(replace(site, loops=site.loops + 1), body.steps)
        case Group():
            yield from _steps(site, body.steps)
        case Parallel(work=For() as loop):
            inside = replace(site, loops=site.loops + 1, threads=(*site.threads, (body, 0)))
            yield from _steps(inside, loop.steps)
        case Parallel(work=tuple() as branches):
            for number, branch in enumerate(branches):
                yield from _steps(replace(site, threads=(*site.threads, (body, number))), branch.steps)
        case Parallel():
            return
        case Try():
            yield replace(site, body=body.body, tries=(*site.tries, body))
            if body.handler is not None:
                yield from _steps(site, body.handler.steps)
        case _:
            assert_never(body)


def _steps(site: Site, steps: Sequence[Step]) -> Iterator[Site]:
    return (replace(site, step=step, body=step.body) for step in steps)


def step_lists(routine: Routine) -> Iterator[Sequence[Step]]:
    """Every list of steps of a routine, an outer one before those inside it."""
    yield routine.steps
    for site in routine_sites(routine):
        match site.body:
            case For() | Group():
                yield site.body.steps
            case Parallel(work=For() as loop):
                yield loop.steps
            case Parallel(work=tuple() as branches):
                for branch in branches:
                    yield branch.steps
            case Try(handler=handler) if handler is not None:
                yield handler.steps
            case _:
                pass


# -- values -----------------------------------------------------------------------------------------------------


def templates(body: Body) -> Iterator[Template]:
    """The values that a body writes itself, not those of what is inside it."""
    match body:
        case Assign():
            for entry in body.entries:
                yield from (Evaluated(entry.target.text, key, entry.position) for key in entry.target.path)
                yield entry.value
        case Call():
            yield from (value for _, value in body.arguments.named or ())
            yield from body.arguments.positional or ()
            if body.arguments.dynamic is not None:
                yield body.arguments.dynamic
        case Switch():
            yield from (case.condition for case in body.cases)
        case For():
            yield from _items(body)
        case Parallel():
            if body.concurrency_limit is not None:
                yield body.concurrency_limit
            if isinstance(body.work, For):
                yield from _items(body.work)
        case Try():
            yield from _retry(body.retry)
        case Raise() | Return():
            yield body.value
        case Group() | Goto():
            return
        case _:
            assert_never(body)


def _items(loop: For) -> Iterator[Template]:
    if not isinstance(loop.over, Range):
        yield loop.over
    elif isinstance(loop.over.bounds, Evaluated):
        yield loop.over.bounds
    else:
        yield from loop.over.bounds


def _retry(retry: RetryBlock | Evaluated | None) -> Iterator[Template]:
    if isinstance(retry, Evaluated):
        yield retry
    elif retry is not None:
        fields = (retry.predicate, retry.max_retries, retry.initial_delay, retry.max_delay, retry.multiplier)
        yield from (field for field in fields if field is not None)


def evaluated(template: Template) -> Iterator[Evaluated]:
    """Every expression in a value, in the order of the text."""
    waiting: list[Template] = [template]
    while waiting:
        part = waiting.pop()
        match part:
            case Evaluated():
                yield part
            case ListTemplate():
                waiting.extend(reversed(part.items))
            case MapTemplate():
                for key, value in reversed(part.entries):
                    waiting.extend((value, key))
            case Constant():
                pass
            case _:
                assert_never(part)


def names_in(template: Template) -> set[str]:
    """The variables that a value reads."""
    return {name.name for part in evaluated(template) for name in names_read(part.expression)}


def functions_in(template: Template) -> set[str]:
    """The functions that a value calls."""
    return {call.path for part in evaluated(template) for call in calls(part.expression)}


def literal(template: Template | None) -> Value:
    """The value that is written in the source, of a constant or of an expression that is one; None for all else."""
    if isinstance(template, Constant):
        return template.value
    if isinstance(template, Evaluated) and isinstance(template.expression, Literal):
        return template.expression.value
    return None


def text_prefix(template: Template | None) -> str:
    """The text that a value certainly begins with: `https://a/` of `${"https://a/" + id}`."""
    if isinstance(template, Evaluated):
        return _prefix(template.expression)
    value = literal(template)
    return value if isinstance(value, str) else ""


def _prefix(expression: Expression) -> str:
    while isinstance(expression, Binary) and expression.operator is Operator.ADD:
        expression = expression.left
    is_text = isinstance(expression, Literal) and isinstance(expression.value, str)
    return str(expression.value) if is_text and isinstance(expression, Literal) else ""


def assigned(body: Body) -> Iterator[tuple[Target, Template | None]]:
    """What a body assigns, with the value where it is written there (the result of a call is not)."""
    match body:
        case Assign():
            yield from ((entry.target, entry.value) for entry in body.entries)
        case Call(result=Target() as target):
            yield target, None
        case _:
            return


def reached(sources: Iterable[str], flows: Iterable[tuple[str, set[str]]]) -> set[str]:
    """The variables that hold something of the sources; a flow is a variable, and those that its value reads."""
    readers: dict[str, list[str]] = {}
    for target, read in flows:
        for name in read:
            readers.setdefault(name, []).append(target)
    found = set(sources)
    waiting = list(found)
    while waiting:
        for target in readers.get(waiting.pop(), ()):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


# -- calls ------------------------------------------------------------------------------------------------------


def argument(call: Call, name: str) -> Template | None:
    """The argument of a call, by name or by the place that its function gives it; None if it is not there."""
    if call.arguments.named is not None:
        return next((value for key, value in call.arguments.named if key == name), None)
    function = library.find(call.function)
    if function is None or call.arguments.positional is None:
        return None
    names = [parameter.name for parameter in function.parameters]
    return dict(zip(names, call.arguments.positional, strict=False)).get(name)


def entries(template: Template | None) -> dict[str, Template]:
    """The entries of a map that is written in the source, by the keys that are."""
    if not isinstance(template, MapTemplate):
        return {}
    return {
        key.value: value for key, value in template.entries if isinstance(key, Constant) and isinstance(key.value, str)
    }


def connector(call: Call) -> Method | None:
    """The method of an API that a call means, if it is one."""
    if not call.function.startswith(PREFIX):
        return None
    words = call.function.removeprefix(PREFIX).split(".")
    return method(".".join(words[:2]), ".".join(words[2:]))


def verb(call: Call) -> str:
    """The HTTP method of a call: `POST`; "" where it is no request or is not known."""
    if call.function == "http.request":
        value = literal(argument(call, "method"))
        return value.upper() if isinstance(value, str) else ""
    if call.function.startswith(HTTP):
        return call.function.removeprefix(HTTP).upper() if library.find(call.function) is not None else ""
    known = connector(call)
    return "" if known is None else known.verb
