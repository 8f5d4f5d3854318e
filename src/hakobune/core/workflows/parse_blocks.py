"""Bodies that hold other steps: `for`, `parallel`, and `try` with `retry` and `except`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.nodes import Member
from hakobune.core.workflows.gaps import ANY_NAME, unread_value
from hakobune.core.workflows.parse_values import expression, is_expression, template, variable_name
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.reading import Reading
from hakobune.core.workflows.syntax import (
    Body,
    Branch,
    Evaluated,
    Except,
    For,
    Goto,
    Group,
    ListTemplate,
    Parallel,
    Range,
    RetryBlock,
    Step,
    Template,
    Try,
)
from hakobune.core.workflows.tree import Entry, Map, Node, Scalar, Sequence, kind_of

_EXCEPTION_POLICY: Final = "continueAll"
_FOR_KEYS: Final = ("value", "index", "in", "range", "steps")
_PARALLEL_KEYS: Final = ("branches", "for", "shared", "concurrency_limit", "exception_policy")
_RETRY_KEYS: Final = ("predicate", "max_retries", "backoff")
_BACKOFF_KEYS: Final = ("initial_delay", "max_delay", "multiplier")
_POLICY_REMEDY: Final = "write 'retry: ${http.default_retry}', or a map with predicate, max_retries and backoff"


class BlockParser:
    """Reads blocks; for the steps in them it asks the parser of steps."""

    def __init__(
        self,
        reading: Reading,
        steps: Callable[[Node, str], tuple[Step, ...]],
        body_of_try: Callable[[Map, Entry], Body],
        name: Callable[[Entry, str], str],
    ) -> None:
        self._reading = reading
        self._steps = steps
        self._body_of_try = body_of_try
        self._name = name

    # -- for ----------------------------------------------------------------------------------------------------

    def loop(self, main: Entry) -> For | None:
        """`for`."""
        reading = self._reading
        block = reading.new_block()
        node = self._map_of(main, "for", _FOR_KEYS)
        if node is None:
            return None
        value_node = self._required(node, "value", main, "write 'value: name'")
        value = None if value_node is None else variable_name(reading, value_node, "value")
        index_node = node.get("index")
        index = None if index_node is None else variable_name(reading, index_node, "index")
        if index is not None and index == value:
            reading.complain("for", f"'value' and 'index' are the same variable '{index}'", main, remedy="rename one")
        over = self._over(node, main)
        steps = self._steps_of(node, "for", main)
        position = reading.position_of(main)
        value_position = position if value_node is None else reading.position_of(value_node)
        return For(block, value or ANY_NAME, value_position, index, over, steps, position)

    def _over(self, node: Map, main: Entry) -> Template | Range:
        """What a loop goes over: exactly one of `in` and `range`."""
        reading = self._reading
        items, bounds = node.get("in"), node.get("range")
        if bounds is not None and items is None:
            return self._range(bounds)
        if items is None or bounds is not None:
            is_told = items is None and reading.is_doubtful(node, {"in", "range"})
            if not is_told:
                reading.complain(
                    "for",
                    f"for needs either 'in' or 'range', it has {'none' if items is None else 'both'} of them",
                    main,
                    remedy="write 'in: ${list}' or 'range: [first, last]'",
                )
            read = tuple(template(reading, item, "for") for item in (items, bounds) if item is not None)
            return ListTemplate(read, reading.position_of(main))
        if not isinstance(items, Sequence) and not is_expression(items):
            reading.warn(
                "for",
                f"'in' is never a list, it is {kind_of(items)}: it will raise a TypeError",
                items,
                remedy="write a list, or an expression that gives one; keys(m) gives the keys of a map",
            )
        return template(reading, items, "for")

    def _range(self, node: Node) -> Template | Range:
        reading = self._reading
        position = reading.position_of(node)
        if isinstance(node, Sequence) and len(node.items) == 2:
            first, last = (template(reading, item, "range") for item in node.items)
            return Range((first, last), position)
        if isinstance(node, Scalar) and is_expression(node):
            return Range(expression(reading, node, "range"), position)
        count = f"a list of {len(node.items)}" if isinstance(node, Sequence) else kind_of(node)
        reading.complain(
            "for",
            f"range must be a list of two numbers or one expression, it is {count}",
            node,
            remedy="write 'range: [first, last]'; the last one is included",
        )
        return template(reading, node, "range")

    # -- parallel -----------------------------------------------------------------------------------------------

    def parallel(self, main: Entry) -> Body | None:
        """`parallel`. With too much in it: a group of all that it has."""
        reading = self._reading
        node = self._map_of(main, "parallel", _PARALLEL_KEYS)
        if node is None:
            return None
        self._check_policy(node.get("exception_policy"))
        shared = self._shared(node.get("shared"))
        limit = self._concurrency_limit(node.get("concurrency_limit"))
        branches, loop = node.entry("branches"), node.entry("for")
        is_told = reading.is_doubtful(node, {"branches", "for"})
        if (branches is None) == (loop is None) and not (loop is None and is_told):
            reading.complain(
                "parallel",
                f"parallel needs either 'branches' or 'for', it has {'none' if loop is None else 'both'} of them",
                main,
                remedy="make two steps of it, or write one of them",
            )
        read_branches = None if branches is None else self._branches(branches)
        read_loop = None if loop is None else self.loop(loop)
        works = [Parallel(shared, limit, work) for work in (read_branches, read_loop) if work is not None]
        if len(works) < 2:
            return works[0] if works else Parallel(shared, limit, ())
        position = reading.position_of(main)
        return Group(tuple(Step(reading.step, work, None, position) for work in works))

    def _check_policy(self, node: Node | None) -> None:
        if node is not None and not (isinstance(node, Scalar) and node.value == _EXCEPTION_POLICY):
            self._reading.complain(
                "parallel",
                f"exception_policy must be {_EXCEPTION_POLICY}",
                node,
                remedy=f"write 'exception_policy: {_EXCEPTION_POLICY}', or leave it out: it is the only one",
            )

    def _shared(self, node: Node | None) -> tuple[tuple[str, Position], ...]:
        reading = self._reading
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            reading.complain(
                "parallel",
                f"shared must be a list of names of variables, it is {kind_of(node)}",
                node,
                remedy="write 'shared: [name]'",
            )
            reading.lose(node)
            return ()
        found: dict[str, Position] = {}
        for item in node.items:
            name = variable_name(reading, item, "shared")
            if name is None:
                continue
            if name in found:
                reading.warn("parallel", f"shared names '{name}' twice", item, remedy="remove one of them")
            found.setdefault(name, reading.position_of(item))
        return tuple(found.items())

    def _concurrency_limit(self, node: Node | None) -> Template | None:
        if node is None:
            return None
        if not is_expression(node):
            value = node.value if isinstance(node, Scalar) else None
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                self._reading.complain(
                    "parallel",
                    "concurrency_limit must be a whole number of at least 1, or an expression",
                    node,
                    remedy="leave it out to have no limit of its own",
                )
        return template(self._reading, node, "concurrency_limit")

    def _branches(self, entry: Entry) -> tuple[Branch, ...] | None:
        reading = self._reading
        node = entry.value
        if not isinstance(node, Sequence) or not node.items:
            reading.complain(
                "parallel",
                f"branches must be a list of at least one branch, it is {kind_of(node)}",
                entry,
                remedy="begin each branch with '- name:' and write 'steps:' below it",
            )
            reading.lose(node)
            return None
        reading.check_limit(
            "branches in one step",
            len(node.items),
            limits.BRANCHES_PER_STEP,
            entry,
            remedy="use 'for' within 'parallel', or several steps",
        )
        outer_step = reading.step
        found: list[Branch] = []
        for item in node.items:
            branch = self._branch(item)
            if branch is not None:
                found.append(branch)
            reading.step = outer_step
        return tuple(found)

    def _branch(self, node: Node) -> Branch | None:
        reading = self._reading
        block = reading.new_block()
        if not isinstance(node, Map) or len(node.entries) != 1:
            reading.complain(
                "parallel",
                f"a branch must be a map of one name, it is {kind_of(node)}",
                node,
                remedy="write '- name:' and 'steps:' below it, indented further",
            )
            reading.lose(node)
            return None
        entry = node.entries[0]
        reading.lose(*node.repeated)
        reading.step = entry.key
        name = self._name(entry, "branch")
        body = self._map_of(entry, "a branch", ("steps",))
        steps = () if body is None else self._steps_of(body, "a branch", entry)
        return Branch(block, name, steps, reading.position_of(entry))

    # -- try ----------------------------------------------------------------------------------------------------

    def attempt(self, node: Map, main: Entry) -> Try:
        """`try` with its `retry` and `except`."""
        reading = self._reading
        retry_entry, except_entry = node.entry("retry"), node.entry("except")
        if retry_entry is None and except_entry is None and not reading.is_doubtful(node, {"retry", "except"}):
            reading.complain(
                "try",
                "try needs 'retry' or 'except' beside it",
                main,
                remedy="write 'except:' with 'as: e' and 'steps:' in the same map as 'try'",
            )
        body: Body
        if isinstance(main.value, Map):
            body = self._body_of_try(main.value, main)
        elif isinstance(main.value, Sequence):  # the published JSON schema has this form too
            body = Group(self._steps(main.value, "try"))
        else:
            reading.complain(
                "try",
                f"try must be a map: the body of one step, or 'steps', it is {kind_of(main.value)}",
                main,
                remedy="write 'steps:' below 'try:', and the list of steps below that",
            )
            reading.lose(main.value)
            body = Goto()
        retry = None if retry_entry is None else self._retry(retry_entry)
        handler = None if except_entry is None else self._except(except_entry)
        return Try(body, retry, handler)

    def _retry(self, entry: Entry) -> RetryBlock | Evaluated | None:
        reading = self._reading
        node = entry.value
        if isinstance(node, Scalar) and is_expression(node):
            return expression(reading, node, "retry policy")
        if not isinstance(node, Map):
            reading.complain(
                "retry",
                f"retry must be a map or one expression, it is {kind_of(node)}",
                entry,
                remedy=_POLICY_REMEDY,
            )
            return None
        node = reading.check_keys(node, _RETRY_KEYS, "retry")
        predicate = self._required(node, "predicate", entry, "write 'predicate: ${http.default_retry_predicate}'")
        if predicate is not None and not is_expression(predicate):
            reading.complain(
                "retry",
                f"predicate must be an expression that names a function, it is {kind_of(predicate)}",
                predicate,
                remedy="write 'predicate: ${http.default_retry_predicate}', or ${name} of a subworkflow",
            )
        max_retries = self._required(node, "max_retries", entry, "write 'max_retries: 5'")
        if max_retries is not None:
            self._check_number(max_retries, "max_retries", is_integer=True)
        initial_delay, max_delay, multiplier = self._backoff(node.entry("backoff"))
        position = reading.position_of(entry)
        return RetryBlock(
            unread_value(position) if predicate is None else template(reading, predicate, "retry predicate"),
            unread_value(position) if max_retries is None else template(reading, max_retries, "max_retries"),
            initial_delay,
            max_delay,
            multiplier,
            position,
        )

    def _backoff(self, entry: Entry | None) -> tuple[Template | None, Template | None, Template | None]:
        """Its three fields. One expression for all of them is read as its three members."""
        if entry is None:
            return None, None, None
        reading = self._reading
        node = entry.value
        if isinstance(node, Scalar) and is_expression(node):
            whole = expression(reading, node, "backoff")
            first, second, third = (
                replace(whole, expression=Member(whole.expression, key, whole.expression.at)) for key in _BACKOFF_KEYS
            )
            return first, second, third
        if not isinstance(node, Map):
            reading.complain(
                "retry",
                f"backoff must be a map or one expression, it is {kind_of(node)}",
                entry,
                remedy="write initial_delay, max_delay and multiplier below it, or leave 'backoff' out",
            )
            return None, None, None
        node = reading.check_keys(node, _BACKOFF_KEYS, "backoff")
        initial_delay, max_delay, multiplier = (self._backoff_field(node, key, entry) for key in _BACKOFF_KEYS)
        return initial_delay, max_delay, multiplier

    def _backoff_field(self, node: Map, key: str, entry: Entry) -> Template | None:
        value = self._required(node, key, entry, f"write '{key}: 1' below 'backoff:'")
        if value is None:
            return None
        self._check_number(value, key, is_integer=False)
        return template(self._reading, value, key)

    def _check_number(self, node: Node, owner: str, *, is_integer: bool) -> None:
        """A literal that can never be right is noted; what an expression gives is seen when it runs."""
        if is_expression(node):
            return
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int if is_integer else int | float):
            kind = "a whole number" if is_integer else "a number"
            remedy = f"write '{owner}: 5', or '{owner}: ${{name}}' for a variable" + (
                "" if is_integer else "; seconds have no unit: 1.5, not 1.5s"
            )
            detail = f"{owner} must be {kind} or an expression, it is {kind_of(node)}"
            self._reading.complain("retry", detail, node, remedy=remedy)

    def _except(self, entry: Entry) -> Except | None:
        reading = self._reading
        block = reading.new_block()
        node = self._map_of(entry, "except", ("as", "steps"))
        if node is None:
            return None
        name_node = node.get("as")
        name = None if name_node is None else variable_name(reading, name_node, "as")
        steps = self._steps_of(node, "except", entry)
        return Except(block, name, steps, reading.position_of(entry))

    # -- maps with known keys -----------------------------------------------------------------------------------

    def _map_of(self, entry: Entry, owner: str, keys: tuple[str, ...]) -> Map | None:
        """The map of an entry, with its keys checked."""
        if not isinstance(entry.value, Map):
            self._reading.complain(
                "wrong-type",
                f"{owner} must be a map, it is {kind_of(entry.value)}",
                entry,
                remedy=f"write below it, indented further: {', '.join(keys)}",
            )
            self._reading.lose(entry.value)
            return None
        return self._reading.check_keys(entry.value, keys, owner)

    def _required(self, node: Map, key: str, owner: Entry, remedy: str) -> Node | None:
        value = node.get(key)
        if value is None and not self._reading.is_doubtful(node, {key}):
            self._reading.complain("missing-key", f"{owner.key} needs '{key}'", owner, remedy=remedy)
        return value

    def _steps_of(self, node: Map, owner: str, entry: Entry) -> tuple[Step, ...]:
        steps = node.get("steps")
        if steps is not None:
            return self._steps(steps, owner)
        if not self._reading.is_doubtful(node, {"steps"}):
            self._reading.complain(
                "missing-key", f"{owner} needs 'steps'", entry, remedy="write 'steps:' and a list of steps below it"
            )
        return ()
