"""Variables: which are visible where they are read, and which may be written where they are assigned."""

import pytest
from test_resolve import problems_of, the_problem, told

# -- reading ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "- a: {return: '${late}'}\n- b: {assign: [{late: 1}]}",
        "- a: {call: sys.now, result: t}\n- b: {return: '${t}'}",
        "- a: {steps: [{b: {assign: [{x: 1}]}}]}\n- c: {return: '${x}'}",
        "- a: {switch: [{condition: true, assign: [{x: 1}]}]}\n- c: {return: '${x}'}",
        "- a: {switch: [{condition: true, steps: [{b: {assign: [{x: 1}]}}]}]}\n- c: {return: '${x}'}",
        "- a: {try: {call: sys.now, result: x}, retry: '${http.default_retry}'}\n- c: {return: '${x}'}",
        "main: {params: [args], steps: [{a: {return: '${args.x[args.y]}'}}]}",
        "main: {steps: [{a: {return: 1}}]}\nsub: {params: [p, q: '${p}'], steps: [{a: {return: '${p + q}'}}]}",
        "main: {steps: [{a: {return: '${sub}'}}]}\nsub: {params: [p], steps: [{a: {return: 1}}]}",
        "- a: {for: {value: v, index: i, in: [], steps: [{b: {return: '${[v, i, later]}'}}, {c: {assign: [{later: 1}]}}]}}",
        "- a: {try: {call: sys.now}, except: {as: e, steps: [{b: {return: '${e.message}'}}]}}",
        "- a: {assign: [{x: 1}]}\n- p: {parallel: {branches: [{b: {steps: [{c: {assign: [{y: '${x}'}]}}]}}]}}",
        "- a: {assign: [{list: []}]}\n- b: {return: '${list.concat(list, list[0])}'}",
    ],
)
def test_given_a_variable_that_is_visible_when_it_is_read_then_nothing_is_told(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    "expression",
    [
        "http.default_retry",
        "http.default_retry.max_retries",
        "retry.default_backoff.multiplier + 1",
        "retry.always",
        "len",
        "[text.split, {'k': sys.now}]",
    ],
)
def test_given_a_constant_or_a_function_of_the_library_when_it_is_named_then_nothing_is_told(expression: str) -> None:
    assert told(f'- a: {{return: "${{{expression}}}"}}') == []


@pytest.mark.parametrize(
    ("expression", "symbol", "remedy"),
    [
        ("text", "text", "'text' is a module of the library: name one of its functions, as text.NAME(…)"),
        ("http.defualt_retry", "http.defualt_retry", "did you mean 'http.default_retry'?"),
        (
            "http.whatever",
            "http.whatever",
            "assign a value to 'http.whatever' in this routine, or write \"http.whatever\" if it is a text",
        ),
        ("googleapis.run.v1", "googleapis.run.v1", ""),
        ("(f.g)[0].h", "f", "assign a value to 'f' in this routine, or write \"f\" if it is a text"),
        ("-nope", "nope", ""),
        ("[1][nope]", "nope", ""),
        ("not(nope) and true", "nope", ""),
        ("{'k': [nope]}.k", "nope", ""),
        ("len(nope)", "nope", ""),
        ("coutner", "coutner", "did you mean 'counter'?"),
        ("subb", "subb", "did you mean 'sub'?"),
        ("lenn", "lenn", "did you mean 'len'?"),
        ("NULL", "NULL", "write null"),
        ("fetch.body", "fetch", "'fetch' is a step: give its call a 'result', and read that variable"),
    ],
)
def test_given_a_name_that_is_nothing_when_it_is_read_then_it_is_told_with_what_to_write(
    expression: str, symbol: str, remedy: str
) -> None:
    problem = the_problem(
        f'main: {{steps: [{{fetch: {{assign: [{{counter: 1}}]}}}}, {{a: {{return: "${{{expression}}}"}}}}]}}\n'
        "sub: {steps: [{a: {return: 1}}]}"
    )
    assert problem.rule == "unknown-symbol"
    assert problem.message.endswith(f": symbol '{symbol}' is neither a variable nor a sub-workflow name")
    assert problem.remedy.startswith(remedy)
    assert problem.remedy


def test_given_a_variable_of_another_routine_when_it_is_read_then_it_is_unknown() -> None:
    assert told("main: {steps: [{a: {assign: [{x: 1}]}}]}\nsub: {steps: [{a: {return: '${x}'}}]}") == [
        "2:31 unknown-symbol"
    ]


@pytest.mark.parametrize(
    ("block", "where"),
    [
        ("for: {value: x, in: [], steps: [{b: {assign: [{y: 1}]}}]}", "exists only in the 'for' of step 'a'"),
        ("for: {value: v, index: x, in: [], steps: [{b: {assign: [{y: 1}]}}]}", "exists only in the 'for' of step 'a'"),
        ("for: {value: v, in: [], steps: [{b: {assign: [{x: 1}]}}]}", "give it the value in the loop"),
        ("for: {value: v, in: [], steps: [{b: {call: sys.now, result: x}}]}", "assign a variable before step 'a'"),
        ("try: {call: sys.now}, except: {as: x, steps: [{b: {assign: [{y: 1}]}}]}", "only in the 'except' of step 'a'"),
        ("try: {call: sys.now}, except: {steps: [{b: {assign: [{x: 1}]}}]}", "give it the value in its 'except'"),
        ("parallel: {branches: [{one: {steps: [{b: {assign: [{x: 1}]}}]}}]}", "only in branch 'one' of step 'a'"),
        ("parallel: {branches: [{one: {steps: [{b: {assign: [{x: 1}]}}]}}]}", "list it in 'shared' of step 'a'"),
        (
            "parallel: {for: {value: x, in: [], steps: [{b: {assign: [{y: 1}]}}]}}",
            "only in the parallel 'for' of step 'a'",
        ),
    ],
)
def test_given_a_variable_of_a_block_when_it_is_read_outside_then_it_is_told_how_to_keep_it(
    block: str, where: str
) -> None:
    problem = the_problem(f"- a: {{{block}}}\n- z: {{return: '${{x + x}}'}}")
    assert problem.rule == "out-of-scope"
    assert problem.message == (
        "error in step z: error evaluating return value: symbol 'x' is neither a variable nor a sub-workflow name"
    )
    assert where in problem.remedy


def test_given_a_variable_of_a_branch_when_the_branch_beside_it_reads_it_then_it_is_out_of_scope() -> None:
    assert told(
        """
- fan:
    parallel:
      branches:
        - one: {steps: [{a: {assign: [{x: 1}]}}]}
        - two: {steps: [{b: {assign: [{y: "${x}"}]}}]}
"""
    ) == ["6:46 out-of-scope"]


def test_given_the_error_of_an_except_block_when_the_retry_reads_it_then_it_is_out_of_scope() -> None:
    assert told(
        """
- a:
    try: {call: sys.now}
    retry: {predicate: "${retry.always}", max_retries: "${e}"}
    except: {as: e, steps: [{b: {return: "${e}"}}]}
"""
    ) == ["4:59 out-of-scope"]


def test_given_a_list_of_a_loop_when_it_reads_the_variable_of_the_loop_then_it_is_out_of_scope() -> None:
    assert told("- a: {for: {value: v, in: '${v.items}', steps: [{b: {return: '${v}'}}]}}") == ["1:30 out-of-scope"]


# -- writing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("m.x", []),
        ("m[k].x", []),
        ("new", []),
        ("none.x", ["4:9 unknown-symbol"]),
        ("none[0]", ["4:9 unknown-symbol"]),
        ("m[none]", ["4:11 unknown-symbol"]),
        ("m[m[none]].x", ["4:13 unknown-symbol"]),
        ("'m[none]'", ["4:12 unknown-symbol"]),
        ("text.x", ["4:9 unknown-symbol"]),
    ],
)
def test_given_an_element_when_it_is_assigned_then_its_variable_and_its_keys_must_be_known(
    target: str, expected: list[str]
) -> None:
    assert told(f"- a: {{assign: [{{m: {{}}}}, {{k: 1}}]}}\n- b:\n    assign:\n      - {target}: 1\n") == expected


def test_given_an_element_of_a_variable_of_a_loop_when_it_is_assigned_outside_then_it_is_out_of_scope() -> None:
    problem = the_problem(
        "- a: {for: {value: v, in: [], steps: [{b: {assign: [{m: {}}]}}]}}\n- c: {assign: [{m.x: 1}]}"
    )
    assert problem.rule == "out-of-scope"
    assert problem.message.startswith("error in step c: error evaluating assignment: symbol 'm'")


WRITES = [
    "assign: [{x: 1}]",
    "assign: [{x.y: 1}]",
    "call: sys.now, result: x",
    "switch: [{condition: true, assign: [{x: 1}]}]",
    "steps: [{deep: {assign: [{x: 1}]}}]",
    "try: {assign: [{x: 1}]}, retry: '${http.default_retry}'",
    "try: {call: sys.now}, except: {steps: [{deep: {assign: [{x: 1}]}}]}",
    "for: {value: v, in: [], steps: [{deep: {assign: [{x: 1}]}}]}",
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "work",
    ["branches: [{one: {steps: [{w: {$}}]}}]", "for: {value: n, in: [], steps: [{w: {$}}]}"],
)
def test_given_a_variable_around_a_parallel_step_when_it_is_written_inside_then_it_must_be_shared(
    write: str, work: str
) -> None:
    before = "- a: {assign: [{x: {}}]}\n"
    inside = work.replace("$", write)
    assert told(f"{before}- fan: {{parallel: {{shared: [x], {inside}}}}}") == []
    problem = the_problem(f"{before}- fan: {{parallel: {{{inside}}}}}")
    assert problem.rule == "not-shared"
    assert "variable 'x' is written in a parallel branch and is not shared" in problem.message
    assert problem.remedy == "add 'x' to 'shared' of step 'fan', or choose another name"


def test_given_parameters_and_variables_of_loops_when_a_branch_writes_them_then_they_must_be_shared() -> None:
    assert told(
        """
main:
  params: [args]
  steps:
    - each:
        for:
          value: v
          in: []
          steps:
            - fan:
                parallel:
                  branches:
                    - one: {steps: [{a: {assign: [{args: 1}, {v: 1}, {own: 1}, {own: 2}]}}]}
"""
    ) == ["13:52 not-shared", "13:63 not-shared"]


def test_given_a_variable_that_is_assigned_after_the_step_when_a_branch_writes_it_then_it_is_another_one() -> None:
    assert (
        told(
            """
- fan: {parallel: {branches: [{one: {steps: [{a: {assign: [{x: 1}]}}]}}]}}
- b: {assign: [{x: 1}]}
"""
        )
        == []
    )


def test_given_loop_variables_with_the_name_of_an_outer_variable_when_a_branch_has_the_loop_then_they_are_its_own() -> (
    None
):
    assert (
        told(
            """
- a: {assign: [{v: 1}, {i: 2}]}
- fan:
    parallel:
      branches:
        - one: {steps: [{l: {for: {value: v, index: i, in: [], steps: [{s: {assign: [{v: 1}]}}]}}}]}
"""
        )
        == []
    )


def test_given_nested_parallel_steps_when_a_variable_is_written_then_each_level_must_share_it() -> None:
    text = """
- a: {assign: [{x: 1}]}
- outer:
    parallel:
      shared: [OUTER]
      branches:
        - one:
            steps:
              - inner:
                  parallel:
                    shared: [INNER]
                    for: {value: v, in: [], steps: [{w: {assign: [{x: 1}]}}]}
"""
    assert told(text.replace("OUTER", "x").replace("INNER", "x")) == []
    assert the_problem(text.replace("OUTER", "x").replace("INNER", "")).remedy.startswith(
        "add 'x' to 'shared' of step 'inner',"
    )
    assert the_problem(text.replace("OUTER", "").replace("INNER", "x")).remedy.startswith(
        "add 'x' to 'shared' of step 'outer',"
    )
    assert the_problem(text.replace("OUTER", "").replace("INNER", "")).remedy.startswith(
        "add 'x' to 'shared' of step 'outer', 'inner',"
    )


# -- shared -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "- a: {assign: [{x: 1}]}\n- fan: FAN",
        "- a: {call: sys.now, result: x}\n- fan: FAN",
        "main: {params: [x], steps: [{fan: FAN}]}",
        "- fan: FAN\n- later: {assign: [{x: 1}]}",
        "- l: {for: {value: x, in: [], steps: [{fan: FAN}]}}",
        "- l: {for: {value: v, index: x, in: [], steps: [{fan: FAN}]}}",
        "- t: {try: {call: sys.now}, except: {as: x, steps: [{fan: FAN}]}}",
        "- fan: {parallel: {shared: [x], branches: [{one: {steps: [{s: {assign: [{x: 1}]}}]}}]}}\n- r: {return: '${x}'}",
        "- fan: {parallel: {shared: [x], for: {value: v, in: [], steps: [{s: {call: sys.now, result: x}}]}}}",
    ],
)
def test_given_a_shared_variable_that_something_assigns_when_it_is_checked_then_nothing_is_told(text: str) -> None:
    fan = "{parallel: {shared: [x], branches: [{one: {steps: [{s: {assign: [{y: '${x}'}]}}]}}]}}"
    assert told(text.replace("FAN", fan)) == []


def test_given_a_shared_variable_that_nothing_assigns_when_it_is_checked_then_it_is_told_once() -> None:
    problem = the_problem(
        """
- a: {assign: [{totals: 0}]}
- fan:
    parallel:
      shared: [totals, total]
      branches:
        - one: {steps: [{s: {assign: [{total.x: "${total}"}]}}]}
"""
    )
    assert problem.message == "error in step fan: shared variable 'total' is never assigned"
    assert (problem.rule, problem.step) == ("unassigned-shared", "fan")
    assert (problem.position.line, problem.position.column) == (5, 24)
    assert problem.remedy == "did you mean 'totals'?"


def test_given_a_shared_variable_that_an_unrelated_block_has_when_it_is_checked_then_it_is_told() -> None:
    [problem] = problems_of(
        """
- l: {for: {value: x, in: [], steps: [{b: {assign: [{z: 1}]}}]}}
- fan: {parallel: {shared: [x], branches: [{one: {steps: [{s: {assign: [{y: 1}]}}]}}]}}
"""
    )
    assert problem.rule == "unassigned-shared"
    assert problem.remedy == "assign a value to 'x' before the parallel step"
