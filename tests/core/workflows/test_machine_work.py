"""Work and what is held: a slice ends when its work is done, one op cannot do too much, and nothing is held for free."""

from __future__ import annotations

import json

import pytest
from stage import BASE_URL, EXECUTION, Played, a_plan, begin, go_on, ok

from hakobune.core.workflows.effects import Answer, HttpRequest
from hakobune.core.workflows.events import Command, Stamped, Started
from hakobune.core.workflows.limits import NO_LIMITS, RunLimits
from hakobune.core.workflows.machine import Machine
from hakobune.core.workflows.outcomes import Failed, Succeeded
from hakobune.core.workflows.values import Value

TOO_MUCH = "ResourceLimitError: one step has too much to work on: its texts or lists are too large"
MEMORY = "ResourceLimitError: Memory usage limit exceeded"
LETTERS = "a" * 65_000
COMMAS = "a," * 32_000


def a_main(*steps: str) -> str:
    """A definition whose `main` takes `args`."""
    return "main:\n  params: [args]\n  steps:\n" + "".join(f"    - {step}\n" for step in steps)


def an_assign(expression: str, times: int = 1) -> str:
    """A definition of one `assign` step and a result."""
    entries = ", ".join(f"{{r: '${{{expression}}}'}}" for _ in range(times))
    return a_main(f"work: {{assign: [{entries}]}}", "done: {return: done}")


def slices(source: str, argument: Value, *, steps: int = 100_000) -> tuple[int, Machine]:
    """How many slices an execution takes whose steps would all go into one."""
    machine = Machine(a_plan(source), limits=RunLimits())
    started = Started(argument=argument, environment={}, execution=EXECUTION, base_url=BASE_URL)
    machine.feed(Stamped(event=started, at_s=1.0, seed=7))
    count = 1
    while not machine.advance(steps):
        count += 1
    return count, machine


def first_line(played: Played) -> str:
    return played.error.context.partition("\n")[0]


# -- slices -----------------------------------------------------------------------------------------------------

HEAVY_STEPS = [
    pytest.param('len(text.split(args.a, ",")) + len(text.split(args.a, ","))', COMMAS, id="split"),
    pytest.param('len(text.find_all(args.a, ","))', COMMAS, id="find_all"),
    pytest.param('text.match_regex(args.a, "(a|aa){20}b")', LETTERS, id="match_regex"),
    pytest.param("json.decode(args.a)", json.dumps([[]] * 20_000), id="json.decode"),
    pytest.param("len(json.encode_to_string(args.a))", [1] * 20_000, id="json.encode"),
    pytest.param("args.a == args.b", [1] * 20_000, id="equal lists"),
    pytest.param("-1 in args.a", [1] * 20_000, id="search in a list"),
    pytest.param('len(map.merge_nested({"a": args.a}, {"a": args.a}))', {f"k{n}": n for n in range(9_000)}, id="merge"),
    pytest.param("len(list.concat(list.concat(list.concat(args.a, 1), 1), 1))", [1] * 100_000, id="list.concat"),
]


@pytest.mark.parametrize(("expression", "a"), HEAVY_STEPS)
def test_given_one_step_of_much_work_then_slices_end_between_its_assignments(expression: str, a: Value) -> None:
    count, machine = slices(an_assign(expression, 45), {"a": a, "b": a})
    assert machine.outcome == Succeeded(result='"done"')
    assert 3 <= count <= 46
    assert machine.steps.internal == 2


def test_given_a_step_of_little_work_then_one_slice_does_it() -> None:
    count, _ = slices(an_assign('len(text.split(args.a, ","))', 45), {"a": "a,b"})
    assert count == 1


def test_given_many_large_expressions_then_slices_end_between_them() -> None:
    entries = ", ".join([f"{{r: '${{{'+'.join(['v'] * 190)}}}'}}"] * 40)
    source = a_main(
        "begin: {assign: [{v: 1}]}",
        f"again: {{for: {{value: n, range: [1, 40], steps: [{{work: {{assign: [{entries}]}}}}]}}}}",
        "done: {return: done}",
    )
    count, machine = slices(source, None)
    assert machine.outcome == Succeeded(result='"done"')
    assert count > 5


def test_given_large_lists_that_elements_are_assigned_to_then_the_copies_count() -> None:
    entries = ", ".join("{'l[0]': 1}" for _ in range(50))
    source = a_main("begin: {assign: [{l: '${args}'}]}", f"work: {{assign: [{entries}]}}", "done: {return: '${l[0]}'}")
    count, machine = slices(source, [0] * 100_000)
    assert machine.outcome == Succeeded(result="1")
    assert count > 4


def test_given_errors_of_much_work_that_are_caught_then_slices_end_between_them() -> None:
    source = a_main(
        'again: {for: {value: n, range: [1, 40], steps: [{one: {try: {assign: [{r: \'${len(text.find_all(args, ",")) +'
        " null}'}]}, except: {as: e, steps: [{go: {next: continue}}]}}}]}}",
        "done: {return: done}",
    )
    count, machine = slices(source, COMMAS)
    assert machine.outcome == Succeeded(result='"done"')
    assert count > 5


def test_given_a_step_limit_when_slices_end_within_a_step_then_the_limit_stays_exact() -> None:
    source = an_assign('len(text.find_all(args, ","))', 45)
    for steps, is_enough in ((2, True), (1, False)):
        played = begin(source, COMMAS, limits=RunLimits(steps=steps))
        assert isinstance(played.outcome, Succeeded) == is_enough
        assert played.machine.steps.internal == steps


# -- one op -----------------------------------------------------------------------------------------------------

TOO_MUCH_FOR_ONE = [
    pytest.param('len(text.find_all_regex(args, "a*b|a"))', LETTERS, id="each match looks at all of the text"),
    pytest.param('len(text.replace_all_regex(args, "a*b|a", "x"))', LETTERS, id="each replaced one does"),
    pytest.param('text.match_regex(args, "(a|aa){500}b")', LETTERS, id="a pattern of many instructions"),
    pytest.param(" and ".join(["args == args"] * 15), [1] * 100_000, id="many comparisons"),
    pytest.param(" or ".join(["-1 in args"] * 15), [1] * 100_000, id="many searches"),
    pytest.param(f"len(json.encode_to_string([{','.join(['args'] * 60)}]))", [1] * 100_000, id="a list many times"),
    pytest.param("len(" + "text.url_encode(" * 12 + "args" + ")" * 12 + ")", "é" * 40_000, id="a text of a text"),
    pytest.param("len(" + "json.encode_to_string(" * 12 + "args" + ")" * 12 + ")", '"' * 30_000, id="JSON of JSON"),
]


@pytest.mark.parametrize("limits", [RunLimits(), NO_LIMITS], ids=["limits", "no limits"])
@pytest.mark.parametrize(("expression", "argument"), TOO_MUCH_FOR_ONE)
def test_given_too_much_work_for_one_op_then_the_execution_fails(
    expression: str, argument: Value, limits: RunLimits
) -> None:
    assert first_line(begin(an_assign(expression), argument, limits=limits)) == TOO_MUCH


def test_given_many_matches_of_a_pattern_that_ends_then_they_are_found() -> None:
    source = a_main("done: {return: '${len(text.find_all_regex(args, \"a,\"))}'}")
    assert begin(source, "a," * 20_000).result == 20_000


def test_given_a_list_that_is_built_element_by_element_then_its_sizes_are_known() -> None:
    source = a_main(
        "begin: {assign: [{l: []}]}",
        "grow: {for: {value: v, range: [1, 20000], steps: [{one: {assign: [{l: '${list.concat(l, v)}'}]}}]}}",
        "done: {return: '${len(l)}'}",
    )
    count, machine = slices(source, None)
    assert machine.outcome == Succeeded(result="20000")
    assert count < 100  # measured as a whole each time, it would be hundreds


@pytest.mark.parametrize("function", ["list.concat(l, s)", "list.prepend(l, s)"])
def test_given_a_list_that_is_built_when_it_outgrows_the_memory_then_the_execution_fails(function: str) -> None:
    source = a_main(
        "begin: {assign: [{l: []}, {s: '${args}'}]}",
        f"grow: {{for: {{value: v, range: [1, 1000], steps: [{{one: {{assign: [{{l: '${{{function}}}'}}]}}}}]}}}}",
        "done: {return: '${len(l)}'}",
    )
    assert first_line(begin(source, "x" * 1_000)) == MEMORY
    assert begin(source, "x" * 400).result == 1_000


def test_given_a_list_that_is_built_when_it_nests_too_deep_then_the_execution_fails() -> None:
    source = a_main(
        "begin: {assign: [{l: '${args}'}]}",
        "grow: {for: {value: v, range: [1, 200], steps: [{one: {assign: [{l: '${list.concat(args, l)}'}]}}]}}",
    )
    assert "levels deep" in first_line(begin(source, ["x" * 20]))


# -- what is held -----------------------------------------------------------------------------------------------


def test_given_nested_loops_over_lists_that_no_variable_holds_then_they_count() -> None:
    """Each loop goes over a list of its own, made in its `in`."""
    inner = "{done: {return: done}}"
    for depth in range(8):
        inner = f"{{loop: {{for: {{value: v{depth}, in: '${{text.split(args, \",\")}}', steps: [{inner}]}}}}}}"
        inner = inner.replace("loop:", f"loop{depth}:")
    source = a_main(inner[1:-1])
    assert begin(source, "ab," * 10_000).result == "done"
    assert first_line(begin(source, "ab," * 60_000)) == MEMORY


def test_given_a_loop_over_a_part_of_a_variable_then_it_is_not_counted_twice() -> None:
    source = a_main(
        "one: {for: {value: v, in: '${args.l}', steps: [{a: {assign: [{x: '${v}'}]}}]}}",
        "two: {for: {value: v, in: '${args.l}', steps: [{b: {assign: [{x: '${v}'}]}}]}}",
        "done: {return: done}",
    )
    assert begin(source, {"l": ["x" * 100] * 4_500}).result == "done"


def test_given_loops_that_are_left_by_errors_then_their_lists_are_not_held() -> None:
    step = (
        "{{try: {{for: {{value: v, in: '${{text.split(args, \",\")}}', steps: [{{r{n}: {{raise: x}}}}]}}}}, "
        "except: {{as: e, steps: [{{c{n}: {{assign: [{{d: 1}}]}}}}]}}}}"
    )
    steps = [f"s{n}: {step.format(n=n)}" for n in range(20)]
    assert begin(a_main(*steps, "done: {return: done}"), "ab," * 60_000).result == "done"


def test_given_a_parallel_loop_over_a_list_that_no_variable_holds_then_it_counts() -> None:
    lists = ", ".join(['text.split(args, ",")'] * 8)
    source = a_main(
        f"p: {{parallel: {{concurrency_limit: 1, for: {{value: v, in: '${{[{lists}]}}', "
        "steps: [{a: {assign: [{x: 1}]}}]}}}",
        "done: {return: done}",
    )
    assert begin(source, "ab," * 20_000).result == "done"
    assert first_line(begin(source, "ab," * 55_000)) == MEMORY


@pytest.mark.parametrize("is_caught", [True, False])
def test_given_an_error_larger_than_a_result_then_the_execution_fails(is_caught: bool) -> None:
    raised = f"{{raise: '${{[{', '.join(['args'] * 3)}]}}'}}"
    step = f"{{try: {raised}, except: {{as: e, steps: [{{c: {{return: caught}}}}]}}}}" if is_caught else raised
    played = begin(a_main(f"s: {step}"), "x" * 200_000)
    assert first_line(played) == "ResourceLimitError: an error is larger than 524288 bytes"
    assert len(played.error.payload) < 1_000
    small = begin(a_main(f"s: {step}"), "x" * 1_000)
    assert isinstance(small.outcome, Succeeded if is_caught else Failed)


def test_given_branches_that_end_with_large_errors_then_together_they_are_bounded() -> None:
    source = a_main(
        "p: {parallel: {for: {value: v, range: [1, 20], steps: [{a: {raise: '${args}'}}]}}}",
    )
    assert first_line(begin(source, "x" * 1_000)).startswith("UnhandledBranchError: ")
    assert first_line(begin(source, "x" * 100_000)) == (
        "ResourceLimitError: the errors of branches are larger than 524288 bytes"
    )


def test_given_joined_branches_then_their_errors_count_no_more() -> None:
    source = a_main(
        "again: {for: {value: n, range: [1, 10], steps: [{t: {try: {parallel: {for: {value: v, range: [1, 2], steps: "
        "[{a: {raise: '${args}'}}]}}}, except: {as: e, steps: [{c: {assign: [{x: 1}]}}]}}}]}}",
        "done: {return: done}",
    )
    assert begin(source, "x" * 100_000).result == "done"


POSTS = a_main(
    "p: {parallel: {for: {value: v, range: [1, 20], steps: [{a: {call: http.post, args: {url: 'http://127.0.0.1/', "
    "body: {a: '${args}', b: '${args}', c: '${args}'}}}}]}}}",
    "done: {return: done}",
)


def test_given_requests_under_way_then_their_bodies_count() -> None:
    assert first_line(begin(POSTS, "x" * 100_000)) == (
        "ResourceLimitError: more than 4194304 bytes of requests are under way"
    )


def test_given_requests_that_were_answered_then_their_bodies_count_no_more() -> None:
    source = a_main(
        "again: {for: {value: n, range: [1, 60], steps: [{a: {call: http.post, args: {url: 'http://127.0.0.1/', "
        "body: '${args}'}}}]}}",
        "done: {return: done}",
    )

    def answered(command: Command) -> Answer:
        assert isinstance(command.effect, HttpRequest)
        return ok()

    assert go_on(begin(source, "x" * 200_000), answered).result == "done"
