"""The test kit counts the steps that a real server enters."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from command_calls import Call

from hakobune.core.workflows.prices import estimate
from hakobune.testing.workflows import Mock, Response, Trouble, Workflow
from runtime_process import free_port

# Entries of the history that are parts of a step, and no steps of their own.
_PARTS = {"CONDITION", "EXCEPT", "FOR_ITERATION", "PARALLEL_BRANCH_ENTRY", "RETRY", "TRY", "TRY_RETRY_EXCEPT"}

BRANCHES = """
main:
  params: [a]
  steps:
    - init: {assign: [{n: 0}, {m: 1}, {l: []}]}
    - loop:
        for:
          value: v
          in: ["${a}", 2, 3]
          steps:
            - pick:
                switch:
                  - {condition: "${v == 3}", next: break}
                  - {condition: "${v == 1}", steps: [{one: {assign: [{n: 1}]}}]}
    - both:
        parallel:
          branches:
            - left: {steps: [{nap: {call: sys.sleep, args: {seconds: 0.01}}}]}
            - right: {steps: [{ask: {call: sub, args: {x: 2}, result: q}}]}
    - done: {return: "${sub(n)}"}
sub:
  params: [x]
  steps:
    - less: {switch: [{condition: "${x < 1}", next: zero}]}
    - again: {return: "${sub(x - 1) + 1}"}
    - zero: {return: 0}
"""

RETRIES = """
main:
  params: [port]
  steps:
    - guard:
        try: {call: http.get, args: {url: "${port}", timeout: 2}}
        retry: {predicate: "${often}", max_retries: 2, backoff: {initial_delay: 0.01, max_delay: 0.01, multiplier: 1}}
        except: {as: e, steps: [{caught: {assign: [{m: 8}, {m: 9}]}}]}
    - done: {return: 5}
often: {params: [e], steps: [{yes: {return: true}}]}
"""


@pytest.mark.parametrize(("source", "argument", "external"), [(BRANCHES, 1, 0), (BRANCHES, 7, 0), (RETRIES, "", 3)])
def test_given_a_definition_when_the_kit_and_a_server_run_it_then_they_count_the_same_steps(
    command: Call,
    tmp_path: Path,
    source: str,
    argument: int | str,
    external: int,
) -> None:
    (tmp_path / "flow.yaml").write_text(source)
    argument = argument or f"http://127.0.0.1:{free_port()}/"

    def hakobune(*words: str) -> str:
        done = command("workflows", *words, "--location=us-central1")
        assert done.code == 0, done.err
        return done.out

    hakobune("deploy", "flow", "--source=flow.yaml", "--format=none")
    execution = json.loads(hakobune("run", "flow", f"--data={json.dumps(argument)}", "--format=json"))
    entries = json.loads(hakobune("executions", "steps", "list", execution["name"], "--format=json"))
    mocks = [Mock(url="*", answers=[Response(error=Trouble.CONNECTION_FAILED)])]
    run = Workflow(source).run(argument, mocks=mocks)

    assert json.dumps(run.result) == execution["result"]
    steps = [entry for entry in entries if entry["stepType"].removeprefix("STEP_") not in _PARTS]
    named = Counter((entry["routine"], entry["step"]) for entry in steps)
    assert set(named) == set(run.steps)
    assignments = Counter(entry["step"] for entry in steps if entry["stepType"] == "STEP_ASSIGN")
    more = 2 * assignments["init"] + assignments["caught"]  # each assignment of a step is billed
    assert run.counts.internal + run.counts.external == len(steps) + more
    assert run.counts.external == external
    assert estimate(run.counts).run_usd == pytest.approx((run.counts.internal * 0.01 + external * 0.025) / 1_000)
