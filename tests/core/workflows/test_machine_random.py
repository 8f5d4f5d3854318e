"""Random programs: against a small model that walks the tree, and with crashes at every point."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import Played, begin, explore, go_on, play

from hakobune.core.workflows.effects import Done
from hakobune.core.workflows.events import Answered
from hakobune.core.workflows.limits import RunLimits

# A program is a tree of tuples: a word, what it needs, and the bodies inside it. `Writer` writes it as JSON, `Model`
# runs it.
Node = tuple  # type: ignore[type-arg]

NAMES = st.sampled_from(["a", "b"])


def bodies(in_loop: bool, depth: int) -> st.SearchStrategy[list[Node]]:
    simple = [
        st.tuples(st.just("add"), NAMES, st.integers(-3, 3)),
        st.tuples(st.just("twice"), NAMES),
        st.tuples(st.just("both"), NAMES, NAMES),
        st.tuples(st.just("sleep"), st.integers(0, 2)),
        st.tuples(st.just("raise"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("return"), NAMES),
    ]
    targets = ["end", "break", "continue"] if in_loop else ["end"]
    nested: list[st.SearchStrategy[Node]] = [st.tuples(st.just("jump"), st.sampled_from(targets))]
    if depth:
        inner, loop = st.deferred(lambda: bodies(in_loop, depth - 1)), st.deferred(lambda: bodies(True, depth - 1))
        nested += [
            st.tuples(st.just("loop"), st.integers(0, 3), loop),
            st.tuples(st.just("if"), NAMES, st.integers(-2, 4), inner, st.sampled_from([None, *targets])),
            st.tuples(st.just("try"), inner, inner, st.integers(0, 2)),
            st.tuples(st.just("group"), inner),
        ]
    weighted = [simple[0], simple[0], simple[1], *simple[2:4], *nested, *nested, simple[4], simple[5]]
    return st.lists(st.one_of(weighted), min_size=1, max_size=4)


class Raised(Exception):
    pass


class Jumped(Exception):
    pass


class Returned(Exception):
    pass


@dataclass
class Model:
    """What a program means, in the simplest words."""

    variables: dict[str, int] = field(default_factory=lambda: {"a": 1, "b": 2})
    steps: int = 1  # the one that sets the variables
    sleeps: int = 0

    def run(self, body: list[Node]) -> tuple[str, object]:
        try:
            self.body(body)
        except Returned as value:
            return "returned", value.args[0]
        except Raised as value:
            return "raised", value.args[0]
        except Jumped:
            return "returned", None
        self.steps += 1
        return "returned", [self.variables["a"], self.variables["b"]]

    def body(self, body: list[Node]) -> None:
        for node in body:
            self.steps += 1
            self.node(node)

    def node(self, node: Node) -> None:
        match node:
            case ("add", name, number):
                self.variables[name] += number
            case ("twice", name):
                self.steps += 1
                self.variables[name] = min(self.variables[name] * 2, 99)
            case ("both", name, other):
                self.steps += 2
                value = self.variables[other] * 2
                self.variables[name] = min(self.variables[name] + min(value, 99), 99) if value > 2 else 0
            case ("sleep", _):
                self.sleeps += 1
            case ("raise", text):
                raise Raised(text)
            case ("return", name):
                raise Returned(self.variables[name])
            case ("jump", target):
                raise Jumped(target)
            case ("loop", count, body):
                for _ in range(count):
                    try:
                        self.body(body)
                    except Jumped as jump:
                        if jump.args[0] == "break":
                            break
                        if jump.args[0] == "end":
                            raise
            case ("if", name, number, body, target):
                if self.variables[name] > number:
                    self.body(body)
                    if target is not None:
                        raise Jumped(target)
            case ("group", body):
                self.body(body)
            case ("try", body, handler, retries):
                self.tried(body, handler, retries)

    def tried(self, body: list[Node], handler: list[Node], retries: int) -> None:
        while True:
            try:
                return self.body(body)
            except Raised:
                if not retries:
                    break
                retries -= 1
                self.sleeps += 1
        self.body(handler)
        return None


class Writer:
    def __init__(self) -> None:
        self.count = 0

    def steps(self, body: list[Node]) -> list[object]:
        return [self.step(node) for node in body]

    def step(self, node: Node) -> object:
        self.count += 1
        name = f"s{self.count}"
        return {name: self.body(node)}

    def body(self, node: Node) -> dict[str, object]:
        match node:
            case ("add", name, number):
                return {"assign": [{name: f"${{{name} + {number}}}"}]}
            case ("twice", name):
                return {"assign": [{name: f"${{twice({name})}}"}]}
            case ("both", name, other):
                return {"assign": [{name: f"${{add({name}, twice({other}), {other} * 2 > 2)}}"}]}
            case ("sleep", number):
                return {"call": "sys.sleep", "args": {"seconds": number}}
            case ("raise", text):
                return {"raise": text}
            case ("return", name):
                return {"return": f"${{{name}}}"}
            case ("jump", target):
                return {"next": target}
            case ("loop", count, body):
                self.count += 1
                return {"for": {"value": f"v{self.count}", "range": [1, count], "steps": self.steps(body)}}
            case ("if", name, number, body, target):
                case: dict[str, object] = {"condition": f"${{{name} > {number}}}", "steps": self.steps(body)}
                return {"switch": [case | ({"next": target} if target else {})]}
            case ("group", body):
                return {"steps": self.steps(body)}
            case ("try", body, handler, retries):
                retry = {
                    "predicate": "${retry.always}",
                    "max_retries": retries,
                    "backoff": {"initial_delay": 1, "max_delay": 1, "multiplier": 1},
                }
                return {
                    "try": {"steps": self.steps(body)},
                    "retry": retry,
                    "except": {"as": "e", "steps": self.steps(handler)},
                }
        raise AssertionError(node)


def to_source(body: list[Node]) -> str:
    writer = Writer()
    steps = [
        {"init": {"assign": [{"a": 1}, {"b": 2}]}},
        *writer.steps(body),
        {"out": {"return": ["${a}", "${b}"]}},
    ]
    routines = {
        "main": {"steps": steps},
        "twice": {"params": ["n"], "steps": [{"r": {"return": "${if(n * 2 > 99, 99, n * 2)}"}}]},
        "add": {
            "params": ["n", "m", "ok"],
            "steps": [{"r": {"return": "${if(ok, if(n + m > 99, 99, n + m), 0)}"}}],
        },
    }
    return json.dumps(routines)


@given(bodies(in_loop=False, depth=3))
@settings(max_examples=150)
def test_given_any_program_then_it_does_what_the_model_does_also_with_a_crash_at_any_point(body: list[Node]) -> None:
    model = Model()
    kind, value = model.run(body)
    played = go_on(begin(to_source(body)))
    assert (played.result if kind == "returned" else played.payload) == value
    assert played.machine.steps.internal == model.steps
    assert len(played.commands()) == model.sleeps
    if len(played.journal) <= 12:
        explore(played)


# -- side by side -----------------------------------------------------------------------------------------------

LEAVES = st.lists(
    st.one_of(
        st.just({"call": "sys.sleep", "args": {"seconds": 1}}),
        st.just({"assign": [{"total": "${total + 1}"}, {"log": "${list.concat(log, total)}"}]}),
        st.just({"assign": [{"total": "${total + slow(2)}"}]}),
        st.just({"raise": "no"}),
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def fans(draw: st.DrawFn) -> str:
    """A parallel step, whose branches sleep, add and fail, and hold parallel steps of their own."""
    names = iter(range(10_000))

    def steps(leaves: list[dict[str, object]]) -> list[object]:
        return [{f"s{next(names)}": leaf} for leaf in leaves]

    def fan(depth: int) -> dict[str, object]:
        inner = steps(draw(LEAVES))
        if depth and draw(st.booleans()):
            inner.insert(draw(st.integers(0, len(inner))), {f"p{next(names)}": fan(depth - 1)})
        parallel: dict[str, object] = {"shared": ["total", "log"]}
        if draw(st.booleans()):
            parallel["concurrency_limit"] = draw(st.integers(1, 3))
        if draw(st.booleans()):
            parallel["for"] = {"value": f"v{next(names)}", "range": [1, draw(st.integers(0, 5))], "steps": inner}
        else:
            parallel["branches"] = [
                {f"b{next(names)}": {"steps": inner}},
                {f"b{next(names)}": {"steps": steps(draw(LEAVES))}},
            ]
        return {"parallel": parallel}

    tried = {"try": fan(1), "except": {"as": "e", "steps": [{"h": {"assign": [{"failed": "${e.branches}"}]}}]}}
    main = [
        {"init": {"assign": [{"total": 0}, {"log": []}, {"failed": []}]}},
        {"fan": tried},
        {"out": {"return": ["${total}", "${log}", "${failed}"]}},
    ]
    slow = {"params": ["n"], "steps": [{"z": {"call": "sys.sleep", "args": {"seconds": "${n}"}}}, {"r": {"return": 1}}]}
    return json.dumps({"main": {"steps": main}, "slow": slow})


@given(fans(), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=80)
def test_given_any_parallel_program_and_any_order_of_answers_then_a_crash_at_any_point_changes_nothing(
    source: str, dice: object, width: int
) -> None:
    played: Played = begin(source, limits=RunLimits(concurrent_branches=width))
    while played.machine.outcome is None:
        assert played.machine.waiting
        call = dice.choice(list(played.machine.waiting))  # type: ignore[attr-defined]
        played.event(Answered(call=call, answer=Done()))
    calls = [command.call for command in played.commands()]
    assert len(calls) == len(set(calls))
    assert isinstance(played.result, list)
    explore(played)


def test_given_the_model_then_it_is_not_blind() -> None:
    assert play(to_source([("add", "a", 2), ("both", "b", "a")])).result == [3, 8]
    with pytest.raises(AssertionError):
        assert Model().run([("add", "a", 1)]) == ("returned", [1, 2])
