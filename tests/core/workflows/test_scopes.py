"""Which variable a name means."""

from __future__ import annotations

import pytest

from hakobune.core.workflows.frames import Place
from hakobune.core.workflows.parse import parse_source
from hakobune.core.workflows.scopes import NotShared, RoutineScopes, ScopeKind, build_scopes
from hakobune.core.workflows.syntax import Body, Branch, Case, For, Group, Parallel, Routine, Step, Switch, Try


def a_routine(steps: str, params: str = "[]") -> Routine:
    program, problems = parse_source(f"main:\n  params: {params}\n  steps:\n{steps}")
    assert program is not None, problems
    return program.routines[0]


def blocks(routine: Routine) -> list[int]:
    """The blocks of a routine in the order of the text."""
    found = [routine.block]

    def steps(inner: tuple[Step, ...]) -> None:
        for step in inner:
            body(step.body)

    def body(inner: Body) -> None:
        match inner:
            case For():
                found.append(inner.block)
                steps(inner.steps)
            case Parallel(work=For() as loop):
                body(loop)
            case Parallel(work=branches):
                for branch in branches:
                    assert isinstance(branch, Branch)
                    found.append(branch.block)
                    steps(branch.steps)
            case Group():
                steps(inner.steps)
            case Switch():
                for case in inner.cases:
                    assert isinstance(case, Case)
                    if case.body is not None:
                        body(case.body)
            case Try():
                body(inner.body)
                if inner.handler is not None:
                    found.append(inner.handler.block)
                    steps(inner.handler.steps)
            case _:
                pass

    steps(routine.steps)
    return found


def scopes_of(steps: str, params: str = "[]") -> tuple[RoutineScopes, list[int]]:
    routine = a_routine(steps, params)
    return build_scopes(routine), blocks(routine)


def test_given_parameters_then_they_have_the_first_slots_in_their_order() -> None:
    program, _ = parse_source(
        "main:\n  steps: [{a: {return: 1}}]\nsub:\n  params: [x, y: 1]\n  steps: [{b: {assign: [{z: 1}]}}]"
    )
    assert program is not None
    sub = program.routine("sub")
    assert sub is not None
    assert dict(build_scopes(sub).scope(sub.block).own_names) == {"x": 0, "y": 1, "z": 2}


def test_given_steps_switch_and_try_then_their_names_belong_to_the_scope_around() -> None:
    scopes, (root, handler) = scopes_of("""
    - g: {steps: [{s: {assign: [{a: 1}]}}]}
    - w: {switch: [{condition: true, assign: [{b: 1}]}, {condition: true, steps: [{u: {assign: [{c: 1}]}}]}]}
    - t:
        try: {steps: [{v: {assign: [{d: 1}]}}]}
        except: {as: e, steps: [{x: {assign: [{f: 1}]}}]}
""")
    assert list(scopes.scope(root).own_names) == ["a", "b", "c", "d"]
    assert list(scopes.scope(handler).own_names) == ["e", "f"]
    assert scopes.scope(handler).kind is ScopeKind.EXCEPT


def test_given_a_loop_then_its_names_are_its_own_and_those_around_it_are_not() -> None:
    scopes, (root, loop) = scopes_of("""
    - i: {assign: [{before: 1}]}
    - l: {for: {value: v, index: n, in: [1], steps: [{s: {assign: [{before: 2}, {inside: 1}, {after: 1}]}}]}}
    - o: {assign: [{after: 1}]}
""")
    assert list(scopes.scope(root).own_names) == ["before", "after"]
    assert list(scopes.scope(loop).own_names) == ["v", "n", "inside", "after"]
    inside, outside = scopes.scope(loop), scopes.scope(root)
    assert inside.outer is outside
    assert inside.lookup("before") == outside.lookup("before") == Place(0, 0)
    assert inside.lookup("after") != outside.lookup("after")
    assert outside.lookup("inside") is None
    assert inside.lookup("nothing") is None


def test_given_a_result_then_it_makes_its_variable_as_an_assignment_does() -> None:
    scopes, (root,) = scopes_of("    - c: {call: sys.now, result: r}")
    assert scopes.scope(root).lookup("r") == Place(0, 0)


def test_given_an_element_that_is_assigned_then_no_variable_comes_into_being() -> None:
    scopes, (root,) = scopes_of("    - c: {assign: [{m.x: 1}]}")
    assert scopes.scope(root).lookup("m") is None


def test_given_branches_then_each_has_a_frame_and_may_write_only_what_is_shared() -> None:
    scopes, (root, one, two) = scopes_of("""
    - i: {assign: [{a: 1}, {b: 2}]}
    - p:
        parallel:
          shared: [b]
          branches:
            - one: {steps: [{s: {assign: [{b: 1}, {own: 1}, {a: 2}]}}]}
            - two: {steps: [{u: {assign: [{own: 1}]}}]}
""")
    assert scopes.scope(one).kind is ScopeKind.BRANCH
    assert dict(scopes.scope(one).own_names) == {"own": 0}
    assert scopes.scope(one).lookup("a") == Place(1, 0)
    assert scopes.scope(one).lookup_for_write("a") == NotShared("a", one)
    assert scopes.scope(one).lookup_for_write("b") == Place(1, 1)
    assert scopes.scope(one).lookup_for_write("own") == Place(0, 0)
    assert scopes.scope(one).lookup_for_write("nothing") is None
    assert [scopes.frame_size(block) for block in (root, one, two)] == [2, 1, 1]


def test_given_a_shared_name_that_nothing_assigned_then_it_comes_into_being_around_the_step() -> None:
    scopes, (root, loop) = scopes_of("""
    - p: {parallel: {shared: [n], for: {value: v, in: [1], steps: [{s: {assign: [{n: 1}]}}]}}}
""")
    assert list(scopes.scope(root).own_names) == ["n"]
    assert scopes.scope(loop).kind is ScopeKind.ITERATION
    assert scopes.scope(loop).lookup_for_write("n") == Place(1, 0)


def test_given_nested_parallel_steps_then_a_name_must_be_shared_at_each_level() -> None:
    source = """
    - i: {assign: [{n: 1}]}
    - p: {parallel: {shared: [%s], for: {value: v, in: [1], steps: [
        {q: {parallel: {shared: [n], for: {value: w, in: [1], steps: [{s: {assign: [{n: 1}]}}]}}}}]}}}
"""
    scopes, (_, _, inner) = scopes_of(source % "n")
    assert scopes.scope(inner).lookup_for_write("n") == Place(2, 0)
    scopes, (_, outer, inner) = scopes_of(source % "")
    assert scopes.scope(inner).lookup_for_write("n") == NotShared("n", outer)
    assert scopes.scope(inner).lookup("n") == Place(2, 0)


def test_given_a_loop_inside_a_branch_then_its_names_live_in_the_branchs_frame() -> None:
    scopes, (_, branch, loop) = scopes_of("""
    - p: {parallel: {branches: [{one: {steps: [{l: {for: {value: v, in: [1], steps: [{s: {assign: [{x: 1}]}}]}}}]}}]}}
""")
    assert scopes.scope(loop).lookup("v") == Place(0, 0)
    assert scopes.frame_size(branch) == scopes.frame_size(loop) == 2
    assert scopes.allocate(loop) == 2
    assert scopes.frame_size(branch) == 3


def test_given_a_block_of_another_routine_then_there_is_no_scope() -> None:
    scopes, _ = scopes_of("    - a: {return: 1}")
    with pytest.raises(KeyError):
        scopes.scope(999)
