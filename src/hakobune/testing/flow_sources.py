"""The source of a workflow of a simulation, as JSON: what its parts do, in the words of the language."""

from __future__ import annotations

import json
from functools import cache

from hakobune.testing.flow_model import MODULUS
from hakobune.testing.flow_plans import (
    CHILD,
    CHILD_LOCATION,
    FOREVER_S,
    GIVE_UP_RETRIES,
    JOB,
    RETRIES_MAX,
    Kind,
    Part,
    Post,
    Revision,
)
from hakobune.testing.plans import LOCATION, PROJECT

HOST = "partner.test"
_URL = f"http://{HOST}"
_CALLBACK_S = 2_000_000.0  # 23 days: what is posted is never too late
_SILENCE_S = 600.0

Json = dict[str, object]
_Steps = list[Json]


@cache
def source_of(revision: Revision) -> str:
    """The definition."""
    steps: _Steps = [{"begin": {"assign": [{"acc": "${input.n}"}, {"early": 0}]}}]
    routines: Json = {}
    for part in revision.parts:
        steps += _WRITERS[part.kind](part)
        if part.kind is Kind.SUB:
            routines[f"sub_{part.name}"] = _sub(part)
    if revision.is_raising:
        steps.append({"finish": {"raise": {"code": 55, "acc": "${acc}", "early": "${early}"}}})
    else:
        steps.append({"finish": {"return": {"acc": "${acc}", "early": "${early}"}}})
    return json.dumps({"main": {"params": ["input"], "steps": steps}, **routines})


def _post(part: Part, result: str, *, i: object = 0, n: str = "${acc}", path: str = "call", **more: object) -> Json:
    body = {"step": part.name, "i": i, "n": n, **more}
    return {"call": "http.post", "args": {"url": f"{_URL}/{path}", "body": body}, "result": result}


def _set(name: str, expression: str, step: str) -> Json:
    return {step: {"assign": [{name: f"${{{expression}}}"}]}}


def _call(part: Part) -> _Steps:
    p = part.name
    return [{f"{p}_call": _post(part, f"r_{p}")}, _set("acc", f"r_{p}.body.n", f"{p}_set")]


def _loop(part: Part) -> _Steps:
    p = part.name
    inner = [
        {f"{p}_call": _post(part, f"r_{p}", i=f"${{i_{p}}}")},
        _set("acc", f"r_{p}.body.n", f"{p}_set"),
    ]
    return [{f"{p}_for": {"for": {"value": f"i_{p}", "range": [0, part.count - 1], "steps": inner}}}]


def _around_parallel(part: Part, parallel: Json) -> _Steps:
    p = part.name
    return [
        {f"{p}_zero": {"assign": [{f"s_{p}": 0}]}},
        {f"{p}_fork": {"parallel": {"shared": [f"s_{p}"], **parallel}}},
        _set("acc", f"(acc + s_{p}) % {MODULUS}", f"{p}_set"),
    ]


def _for(part: Part) -> _Steps:
    p = part.name
    inner: _Steps = [
        {f"{p}_call": _post(part, f"r_{p}", i=f"${{i_{p}}}")},
        _set(f"s_{p}", f"s_{p} + r_{p}.body.n", f"{p}_add"),
    ]
    limit: Json = {"concurrency_limit": 2} if part.style else {}
    rounds = list(range(part.count))
    return _around_parallel(part, {**limit, "for": {"value": f"i_{p}", "in": rounds, "steps": inner}})


def _branches(part: Part) -> _Steps:
    p = part.name
    branches: list[Json] = []
    for i in range(part.count):
        steps: _Steps = []
        if i == 0 and part.delay_s:
            steps.append({f"{p}_nap": _sleep_call(part.delay_s)})
        steps.append({f"{p}_call{i}": _post(part, f"r_{p}{i}", i=i)})
        steps.append(_set(f"s_{p}", f"s_{p} + r_{p}{i}.body.n", f"{p}_add{i}"))
        branches.append({f"{p}_b{i}": {"steps": steps}})
    return _around_parallel(part, {"branches": branches})


def _retry(part: Part) -> _Steps:
    p = part.name
    policy: object = {
        "predicate": "${http.default_retry_predicate}",
        "max_retries": RETRIES_MAX,
        "backoff": {"initial_delay": max(part.delay_s, 0.2), "max_delay": 60, "multiplier": 2},
    }
    attempt = {"steps": [{f"{p}_call": _post(part, f"r_{p}", path="retry", fails=part.failures)}]}
    return [{f"{p}_try": {"try": attempt, "retry": policy}}, _set("acc", f"r_{p}.body.n", f"{p}_set")]


def _give_up(part: Part) -> _Steps:
    p = part.name
    policy = {
        "predicate": "${http.default_retry_predicate}",
        "max_retries": GIVE_UP_RETRIES,
        "backoff": {"initial_delay": max(part.delay_s, 0.2), "max_delay": 60, "multiplier": 2},
    }
    return [_caught(part, _post(part, f"r_{p}", path="fail"), f"e_{p}.code", {"retry": policy})]


def _refused(part: Part) -> _Steps:
    return [_caught(part, _post(part, f"r_{part.name}", path="refuse"), f"e_{part.name}.code", {})]


def _caught(part: Part, call: Json, added: str, more: Json) -> Json:
    p = part.name
    handler = {"as": f"e_{p}", "steps": [_set("acc", f"(acc + {added}) % {MODULUS}", f"{p}_caught")]}
    return {f"{p}_try": {"try": call, **more, "except": handler}}


def _sleep_call(seconds: float) -> Json:
    return {"call": "sys.sleep", "args": {"seconds": seconds}}


def _sleep(part: Part) -> _Steps:
    """`early` counts sleeps that ended before their instant, by the clock that the workflow sees."""
    p = part.name
    return [
        _set(f"t_{p}", "sys.now()", f"{p}_before"),
        {f"{p}_sleep": _sleep_call(part.delay_s)},
        _set("early", f"early + if(sys.now() - t_{p} < {part.delay_s - 1e-6}, 1, 0)", f"{p}_after"),
    ]


def _callback(part: Part) -> _Steps:
    p = part.name
    steps: _Steps = [
        {
            f"{p}_make": {
                "call": "events.create_callback_endpoint",
                "args": {"http_callback_method": "POST"},
                "result": f"c_{p}",
            }
        },
        {f"{p}_tell": _post(part, f"r_{p}", path="callback", url=f"${{c_{p}.url}}", post=part.post.value)},
    ]
    if part.post is Post.EARLY:
        steps.append({f"{p}_nap": _sleep_call(12.0)})
    steps.append({f"{p}_wait": _await(part, _CALLBACK_S)})
    steps.append(_set("acc", f"g_{p}.http_request.body.n", f"{p}_set"))
    return steps


def _await(part: Part, timeout_s: float) -> Json:
    arguments = {"callback": f"${{c_{part.name}}}", "timeout": timeout_s}
    return {"call": "events.await_callback", "args": arguments, "result": f"g_{part.name}"}


def _silence(part: Part) -> _Steps:
    p = part.name
    make = {"call": "events.create_callback_endpoint", "args": {"http_callback_method": "POST"}, "result": f"c_{p}"}
    return [{f"{p}_make": make}, _caught(part, _await(part, _SILENCE_S), "7", {})]


def _sub_call(part: Part) -> _Steps:
    p = part.name
    return [{p: {"call": f"sub_{p}", "args": {"a": "${acc}"}, "result": f"r_{p}"}}, _set("acc", f"r_{p}", f"{p}_set")]


def _sub(part: Part) -> Json:
    return {"params": ["a"], "steps": [{"ask": _post(part, "r", n="${a}")}, {"done": {"return": "${r.body.n}"}}]}


def _twice(part: Part) -> _Steps:
    """Both calls have the same number: the answer to the first is not used."""
    p = part.name
    seen = {"u": f"${{u_{p}}}", "t": f"${{t_{p}}}"}
    steps: _Steps = [
        {f"{p}_see": {"assign": [{f"u_{p}": "${uuid.generate()}"}, {f"t_{p}": "${sys.now()}"}]}},
        {f"{p}_first": _post(part, f"q_{p}", i=0, **seen)},
    ]
    if part.delay_s:
        steps.append({f"{p}_nap": _sleep_call(part.delay_s)})
    steps.append({f"{p}_second": _post(part, f"r_{p}", i=1, **seen)})
    steps.append(_set("acc", f"r_{p}.body.n", f"{p}_set"))
    return steps


def _log(part: Part) -> _Steps:
    return [{f"{part.name}_log": {"call": "sys.log", "args": {"text": part.name, "severity": "INFO"}}}]


def _job(part: Part) -> _Steps:
    p = part.name
    run = {
        "call": "googleapis.run.v2.projects.locations.jobs.run",
        "args": {
            "name": f"projects/{PROJECT}/locations/{LOCATION}/jobs/{JOB}",
            "connector_params": {"timeout": FOREVER_S},
        },
        "result": f"r_{p}",
    }
    return [{f"{p}_run": run}, _set("acc", f"(acc + r_{p}.succeededCount) % {MODULUS}", f"{p}_set")]


def _child(part: Part) -> _Steps:
    p = part.name
    arguments: Json = {"workflow_id": CHILD, "location": CHILD_LOCATION, "argument": {"n": "${acc}"}}
    if part.style:
        function = "experimental.executions.run"
        arguments["timeout"] = FOREVER_S
    else:
        function = "googleapis.workflowexecutions.v1.projects.locations.workflows.executions.run"
        arguments["connector_params"] = {"timeout": FOREVER_S}
    run = {"call": function, "args": arguments, "result": f"r_{p}"}
    return [{f"{p}_run": run}, _set("acc", f"r_{p}.acc", f"{p}_set")]


_WRITERS = {
    Kind.CALL: _call,
    Kind.LOOP: _loop,
    Kind.FOR: _for,
    Kind.BRANCHES: _branches,
    Kind.RETRY: _retry,
    Kind.GIVE_UP: _give_up,
    Kind.REFUSED: _refused,
    Kind.SLEEP: _sleep,
    Kind.CALLBACK: _callback,
    Kind.SILENCE: _silence,
    Kind.SUB: _sub_call,
    Kind.TWICE: _twice,
    Kind.LOG: _log,
    Kind.JOB: _job,
    Kind.CHILD: _child,
}
