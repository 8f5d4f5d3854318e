"""Bodies that hold other steps: `for`, `parallel`, and `try` with `retry` and `except`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.expr.nodes import Member
from hakobune.core.workflows.parse_values import expression, is_expression, template, variable_name
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.reading import Reading
from hakobune.core.workflows.syntax import (
    Body,
    Branch,
    Evaluated,
    Except,
    For,
    Group,
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
        body_of_try: Callable[[Map, Entry], Body | None],
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
        value = self._required_name(node, "value", main)
        index_node = node.get("index")
        index = None if index_node is None else variable_name(reading, index_node, "index")
        if index is not None and value is not None and index == value[0]:
            reading.complain("for", f"'value' and 'index' are the same variable '{index}'", main, remedy="rename one")
        over = self._over(node, main)
        steps = self._steps_of(node, "for", main)
        if value is None or over is None:
            return None
        return For(block, value[0], value[1], index, over, steps, reading.position_of(main))

    def _over(self, node: Map, main: Entry) -> Template | Range | None:
        """What a loop goes over: exactly one of `in` and `range`."""
        reading = self._reading
        items, bounds = node.get("in"), node.get("range")
        if (items is None) == (bounds is None):
            reading.complain(
                "for",
                f"for needs either 'in' or 'range', it has {'none' if items is None else 'both'} of them",
                main,
                remedy="write 'in: ${list}' or 'range: [first, last]'",
            )
            return None
        if bounds is not None:
            return self._range(bounds)
        assert items is not None  # one of the two is there
        if not isinstance(items, Sequence) and not is_expression(items):
            reading.warn(
                "for",
                f"'in' is never a list, it is {kind_of(items)}: it will raise a TypeError",
                items,
                remedy="write a list, or an expression that gives one; keys(m) gives the keys of a map",
            )
        return template(reading, items, "for")

    def _range(self, node: Node) -> Range | None:
        reading = self._reading
        if isinstance(node, Sequence) and len(node.items) == 2:
            first, last = (template(reading, item, "range") for item in node.items)
            return Range((first, last), reading.position_of(node))
        if isinstance(node, Scalar) and is_expression(node):
            found = expression(reading, node, "range")
            return None if found is None else Range(found, reading.position_of(node))
        count = f"a list of {len(node.items)}" if isinstance(node, Sequence) else kind_of(node)
        reading.complain(
            "for",
            f"range must be a list of two numbers or one expression, it is {count}",
            node,
            remedy="write 'range: [first, last]'; the last one is included",
        )
        return None

    # -- parallel -----------------------------------------------------------------------------------------------

    def parallel(self, main: Entry) -> Parallel | None:
        """`parallel`."""
        reading = self._reading
        node = self._map_of(main, "parallel", _PARALLEL_KEYS)
        if node is None:
            return None
        self._check_policy(node.get("exception_policy"))
        shared = self._shared(node.get("shared"))
        limit = self._concurrency_limit(node.get("concurrency_limit"))
        branches, loop = node.entry("branches"), node.entry("for")
        if (branches is None) == (loop is None):
            reading.complain(
                "parallel",
                f"parallel needs either 'branches' or 'for', it has {'none' if loop is None else 'both'} of them",
                main,
                remedy="make two steps of it, or write one of them",
            )
        read_branches = None if branches is None else self._branches(branches)
        read_loop = None if loop is None else self.loop(loop)
        work = read_branches if loop is None else read_loop
        return None if work is None else Parallel(shared, limit, work)

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
            return None
        entry = node.entries[0]
        reading.step = entry.key
        name = self._name(entry, "branch")
        body = self._map_of(entry, "a branch", ("steps",))
        if body is None:
            return None
        return Branch(block, name, self._steps_of(body, "a branch", entry), reading.position_of(entry))

    # -- try ----------------------------------------------------------------------------------------------------

    def attempt(self, node: Map, main: Entry) -> Try | None:
        """`try` with its `retry` and `except`."""
        reading = self._reading
        retry_entry, except_entry = node.entry("retry"), node.entry("except")
        if retry_entry is None and except_entry is None:
            reading.complain(
                "try",
                "try needs 'retry' or 'except' beside it",
                main,
                remedy="write 'except:' with 'as: e' and 'steps:' in the same map as 'try'",
            )
        body: Body | None = None
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
        retry = None if retry_entry is None else self._retry(retry_entry)
        handler = None if except_entry is None else self._except(except_entry)
        return None if body is None else Try(body, retry, handler)

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
        reading.check_keys(node, _RETRY_KEYS, "retry")
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
        if predicate is None or max_retries is None:
            return None
        return RetryBlock(
            template(reading, predicate, "retry predicate"),
            template(reading, max_retries, "max_retries"),
            initial_delay,
            max_delay,
            multiplier,
            reading.position_of(entry),
        )

    def _backoff(self, entry: Entry | None) -> tuple[Template | None, Template | None, Template | None]:
        """Its three fields. One expression for all of them is read as its three members."""
        if entry is None:
            return None, None, None
        reading = self._reading
        node = entry.value
        if isinstance(node, Scalar) and is_expression(node):
            whole = expression(reading, node, "backoff")
            if whole is None:
                return None, None, None
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
        reading.check_keys(node, _BACKOFF_KEYS, "backoff")
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
            self._reading.complain("retry", f"{owner} must be {kind} or an expression, it is {kind_of(node)}", node)

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
            return None
        self._reading.check_keys(entry.value, keys, owner)
        return entry.value

    def _required(self, node: Map, key: str, owner: Entry, remedy: str) -> Node | None:
        value = node.get(key)
        if value is None:
            self._reading.complain("missing-key", f"{owner.key} needs '{key}'", owner, remedy=remedy)
        return value

    def _required_name(self, node: Map, key: str, owner: Entry) -> tuple[str, Position] | None:
        value = self._required(node, key, owner, f"write '{key}: name'")
        name = None if value is None else variable_name(self._reading, value, key)
        return None if name is None or value is None else (name, self._reading.position_of(value))

    def _steps_of(self, node: Map, owner: str, entry: Entry) -> tuple[Step, ...]:
        steps = node.get("steps")
        if steps is None:
            self._reading.complain(
                "missing-key", f"{owner} needs 'steps'", entry, remedy="write 'steps:' and a list of steps below it"
            )
            return ()
        return self._steps(steps, owner)
