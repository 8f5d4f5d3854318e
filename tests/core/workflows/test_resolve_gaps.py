"""Sources that can be read in parts only: all that is surely wrong is told, and nothing that follows from one mistake."""

import re

import pytest

from hakobune.core.workflows.build import check_source
from hakobune.core.workflows.positions import Severity


def told(source: str) -> list[str]:
    """The errors of a source, as `line rule`."""
    _, problems = check_source(source)
    return [f"{problem.position.line} {problem.rule}" for problem in problems if problem.severity is Severity.ERROR]


# Everything in it is used by something else in it.
WHOLE = """\
main:
  params: [args]
  steps:
    - init:
        assign:
          - total: ${args.start}
          - seen: []
    - ask:
        call: double
        args:
          number: ${total}
        result: answer
    - choose:
        switch:
          - condition: ${answer > 10}
            next: each
          - condition: true
            steps:
              - log: {call: sys.log, args: {text: "${answer}"}}
    - each:
        for:
          value: item
          index: place
          in: ${seen}
          steps:
            - skip: {switch: [{condition: "${item > place}", next: continue}]}
            - inner: {assign: [{total: "${total + item}"}]}
    - side:
        parallel:
          shared: [total, late]
          branches:
            - one: {steps: [{s1: {assign: [{total: "${args.a}"}]}}]}
            - two: {steps: [{s2: {assign: [{late: 1}]}}]}
    - careful:
        try:
          call: http.get
          args:
            url: ${args.url}
          result: page
        retry:
          predicate: ${again}
          max_retries: 3
          backoff: {initial_delay: 1, max_delay: 2, multiplier: 2}
        except:
          as: error
          steps:
            - h: {raise: "${error}"}
    - done:
        return: ${total + late + page.body}
double:
  params: [number]
  steps:
    - r: {return: "${number * 2}"}
again:
  params: [e]
  steps:
    - r: {return: "${e.code == 429}"}
"""
KEYS = list(re.finditer(r"(?<=[\s{])[a-z_]+(?=:\s)", WHOLE))
# Words that the source gives meaning to, not the language: steps, variables, arguments.
OWN = re.compile(
    "main|init|total|seen|ask|number|choose|log|text|each|skip|inner|side|one|two|s1|s2|late|careful|url|done|r|h|again"
    "|double"
)
LANGUAGE = [found for found in KEYS if not OWN.fullmatch(found[0])]
FIRST = [found for found in KEYS if WHOLE[: found.start()].rpartition("\n")[2].strip(" ") == ""]


def test_given_the_whole_source_when_checked_then_nothing_is_wrong() -> None:
    assert told(WHOLE) == []
    assert len(LANGUAGE) > 40


@pytest.mark.parametrize("key", LANGUAGE, ids=[f"{found[0]}-{found.start()}" for found in LANGUAGE])
def test_given_a_key_with_a_letter_wrong_when_checked_then_that_alone_is_told(key: re.Match[str]) -> None:
    word = key[0]
    wrong = f"{word[0]}{word}" if len(word) > 2 else f"{word}{word[-1]}"
    line = WHOLE.count("\n", 0, key.start()) + 1
    found = told(WHOLE[: key.start()] + wrong + WHOLE[key.end() :])
    if len(word) > 2:
        assert found == [f"{line} unknown-key"]
    else:  # a key of two letters is near to nothing: that it is missing is told as well
        assert f"{line} unknown-key" in found
        assert len(found) <= 2


@pytest.mark.parametrize("key", LANGUAGE, ids=[f"{found[0]}-{found.start()}" for found in LANGUAGE])
def test_given_a_key_that_is_near_to_none_when_checked_then_no_name_is_blamed_for_it(key: re.Match[str]) -> None:
    line = WHOLE.count("\n", 0, key.start()) + 1
    found = told(WHOLE[: key.start()] + "qqq" + WHOLE[key.end() :])
    assert f"{line} unknown-key" in found
    assert {rule.partition(" ")[2] for rule in found} <= {"unknown-key", "missing-key", "try", "for", "parallel"}
    assert len(found) <= 2


@pytest.mark.parametrize("key", FIRST, ids=[f"{found[0]}-{found.start()}" for found in FIRST])
def test_given_a_key_that_stands_twice_when_checked_then_that_alone_is_told(key: re.Match[str]) -> None:
    indent = len(WHOLE[: key.start()].rpartition("\n")[2])
    entry = re.compile(rf".*\n(?: {{{indent + 1}}}.*\n)*").match(WHOLE, key.start() - indent)
    assert entry is not None
    line = WHOLE.count("\n", 0, entry.end()) + 1
    found = told(WHOLE[: entry.end()] + entry.group() + WHOLE[entry.end() :])
    assert found == [f"{line} duplicate-key"]


# -- what is sure is told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "rules"),
    [
        ("- a: {return: 1}", ["1 duplicate-step"]),  # with the step behind it
        ("- b: {asign: [{x: 1}]}", ["1 unknown-key"]),
        ("- b: {frobnicate: {x: 1}}", ["1 missing-key", "1 unknown-key"]),
        ("- b: 5", ["1 step-shape"]),
        ("- b: {return: '${1 +}'}", ["1 syntax"]),
        ("- b: {assign: {x: 1}}", ["1 assign-shape"]),
        ("- {b: {return: 1}, c: {return: 1}}", ["1 step-shape"]),
        ("- b: {assign: [{x: 1}], call: sys.now}", ["1 conflicting-keys"]),
        ("- b: {call: sys.now, args: text}", ["1 args"]),
        ("- b: {call: 'http.get('}", ["1 call"]),
        ("- b: {switch: {x: 1}}", ["1 switch-shape"]),
        ("- b: {for: [1]}", ["1 wrong-type"]),
        ("- b: {parallel: {}}", ["1 parallel"]),
        ("- b: {try: 5, retry: x}", ["1 try", "1 retry"]),
    ],
)
def test_given_a_step_that_cannot_be_read_when_checked_then_names_calls_and_jumps_elsewhere_are_judged(
    wrong: str, rules: list[str]
) -> None:
    source = f"{wrong}\n- a:\n    return: ${{nope}}\n- j: {{next: nowhere}}\n- f: {{call: no.such}}\n"
    if "duplicate-step" in rules[0]:
        rules = ["2 duplicate-step"]
    assert told(source) == [*rules, "3 unknown-symbol", "4 unknown-target", "5 unknown-function"]


def test_given_a_routine_that_cannot_be_read_when_checked_then_it_can_be_named_and_called_and_others_are_judged() -> (
    None
):
    source = (
        "main:\n  steps:\n    - a: {call: sub, args: {x: 1}, result: r}\n    - b: {return: '${nope}'}\n"
        "    - c: {try: {call: sub}, retry: {predicate: '${sub}', max_retries: 1}}\nsub: 5\n"
    )
    assert told(source) == ["4 unknown-symbol", "6 routine-shape"]


def test_given_a_routine_that_is_a_list_when_checked_then_its_steps_are_judged() -> None:
    assert told("main:\n  - a: {return: '${nope}'}\n") == ["1 routine-shape", "2 unknown-symbol"]


def test_given_params_and_steps_without_main_when_checked_then_they_are_read_as_main() -> None:
    assert told("params: [args]\nsteps:\n  - a: {return: '${args + nope}'}\n") == ["1 missing-main", "3 unknown-symbol"]


def test_given_a_body_beside_its_name_when_checked_then_it_is_judged_as_if_it_were_indented() -> None:
    source = "- a:\n  assign: [{x: '${nope}'}]\n  next: c\n- c: {return: '${x}'}\n- d: {next: a}\n"
    assert told(source) == ["1 step-shape", "2 unknown-symbol"]


@pytest.mark.parametrize("first", ["- {}", "- assign: \n  call: x", "- a:\n  zzz: 1", "- a: 1\n  call: x"])
def test_given_a_step_of_several_keys_when_no_name_is_empty_then_its_shape_alone_is_told(first: str) -> None:
    assert [rule.split()[1] for rule in told(f"{first}\n- last: {{return: 1}}\n")] == ["step-shape"]


def test_given_two_things_in_one_step_when_checked_then_both_are_judged() -> None:
    source = "- a:\n    assign: [{x: '${no1}'}]\n    call: sub\n    return: ${no2}\n"
    assert told(source) == [
        "2 unknown-symbol",
        "3 conflicting-keys",
        "3 unknown-function",
        "4 conflicting-keys",
        "4 unknown-symbol",
    ]


def test_given_branches_and_a_loop_in_one_parallel_step_when_checked_then_both_are_judged() -> None:
    source = (
        "- p:\n    parallel:\n      branches: [{b: {steps: [{s: {return: 1}}]}}]\n"
        "      for: {value: v, in: [1], steps: [{t: {next: break}}]}\n"
    )
    assert told(source) == ["2 parallel", "3 return-in-parallel", "4 forbidden-jump"]


def test_given_both_in_and_range_when_checked_then_the_names_in_both_are_judged() -> None:
    source = "- l:\n    for:\n      value: v\n      in: ${no1}\n      range: [1, '${no2}']\n      steps: [{s: {next: end}}]\n"
    assert told(source) == ["2 for", "4 unknown-symbol", "5 unknown-symbol"]


@pytest.mark.parametrize(
    ("key", "is_read"),
    [("retrun", True), ("returns", True), ("retrn", True), ("rexurn", True), ("raturm", False), ("rtrns", False)],
)
def test_given_a_wrong_key_when_one_slip_explains_it_then_what_it_holds_is_judged_too(key: str, is_read: bool) -> None:
    assert told(f"- a: {{{key}: '${{nope}}'}}") == ["1 unknown-key", *(["1 unknown-symbol"] if is_read else [])]


def test_given_the_steps_of_a_loop_beside_it_when_checked_then_what_belongs_inside_is_not_judged() -> None:
    source = "- l:\n    for: {value: v, in: [1]}\n    steps: [{s: {switch: [{condition: '${v}', next: break}]}}]\n"
    assert told(source) == ["2 missing-key", "3 conflicting-keys"]


def test_given_a_strange_key_beside_arguments_and_parameters_when_checked_then_these_are_judged() -> None:
    source = (
        "main:\n  steps:\n    - a: {call: sub, color: red, args: {y: '${nope}'}}\n"
        "sub:\n  params: [x]\n  colour: red\n  steps: [{s: {return: 1}}]\n"
    )
    assert told(source) == [
        "3 missing-argument",
        "3 unknown-key",
        "3 unknown-argument",
        "3 unknown-symbol",
        "6 unknown-key",
    ]


# -- what may follow from a mistake is not ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("- a: {assign: [{'x y': 1}]}\n- b: {return: '${x + y}'}", ["1 variable-name"]),
        ("- a: {assign: [[x, 1]]}\n- b: {return: '${x}'}", ["1 assign-shape"]),
        ("- a: {assign: ['x:1']}\n- b: {return: '${x}'}", ["1 assign-shape"]),
        ("- a: {call: sys.now, result: x-y}\n- b: {return: '${x-y}'}", ["1 variable-name"]),
        ("- a: {assign: [{y: 1}], result: x}\n- b: {return: '${x}'}", ["1 conflicting-keys"]),
        ("- l: {for: {in: [1], steps: [{s: {return: '${v}'}}]}}", ["1 missing-key"]),
        (
            "- l: {for: {in: [1], steps: [{m: {for: {in: [1], steps: [{s: {return: '${v}'}}]}}}]}}",
            ["1 missing-key", "1 missing-key"],
        ),
        ("- a: {call: http.get, args: '${1 +}'}", ["1 syntax"]),
        ("- a: {call: http.get, args: {'${u}': 1}}", ["1 args"]),
        ("- a: {call: http.get, args: {url: a}, args: {query: {}}}", ["1 duplicate-key"]),
        ("- a: {call: http.get, args: [], args: [a]}", ["1 duplicate-key"]),
        ("- a: {call: http.get, arguments: {url: a}}", ["1 unknown-key"]),
        ("- a: {call: http.get, with: {url: a}}", ["1 unknown-key"]),
        ("- a: {next: c}\n- {b: {return: 1}, c: {return: 2}}", ["2 step-shape"]),
        ("- a: {next: c}\n- b: {stages: [{c: {return: 2}}]}", ["2 unknown-key"]),
        ("- a: {next: b}\n- b: {return: 1}\n- l: {for: {value: v, in: [], steps: [{b: {return: 1}}]}}", ["3 duplicate-step"]),
        ("- t: {try: {raise: x}, retry: {predicate: '${1 +}', max_retries: 1}}", ["1 syntax"]),
        ("- t: {try: {raise: x}, retry: {predikate: '${retry.always}', max_retries: 1}}", ["1 unknown-key"]),
        ("- t: {try: {raise: x}, retry: '${1 +}'}", ["1 syntax"]),
        ("- l: {for: {value: v, range: ['${1 +}', 2], steps: [{s: {next: end}}]}}", ["1 syntax"]),
        ("main: {steps: [{a: {call: sub, args: {x: 1}}}], sub: {steps: [{s: {return: 1}}]}}", ["1 unknown-key"]),
        ("main: {steps: [{a: {call: sub, args: {x: 1}}}]}\nsub: {params: x, steps: [{s: {return: '${x}'}}]}", ["2 params"]),
        ("main: {steps: [{a: {return: '${sub(1, 2)}'}}]}\nsub: {params: [x, x], steps: [{s: {return: '${x}'}}]}", ["2 params"]),
        (
            "- i: {assign: [{x: 1}]}\n- p: {parallel: {shared: x, branches: [{b: {steps: [{s: {assign: [{x: 2}]}}]}}]}}",
            ["2 parallel"],
        ),
        (
            "- p: {parallel: {shared: [x], branches: [{b: {steps: [{s: {asign: {x: 2}}}]}}]}}",
            ["1 unknown-key", "1 assign-shape"],
        ),
        ("- i: {asign: {x: 1}}\n- l: {for: {value: v, in: [], steps: [{s: {assign: [{x: 1}]}}]}}\n- e: {return: '${x}'}", ["1 unknown-key", "1 assign-shape"]),
    ],
)  # fmt: skip
def test_given_a_part_that_cannot_be_read_when_checked_then_nothing_is_told_that_it_may_explain(
    source: str, rules: list[str]
) -> None:
    assert told(source) == rules
    assert not any(
        problem.severity is Severity.WARNING and problem.rule == "range-type" for problem in check_source(source)[1]
    )
