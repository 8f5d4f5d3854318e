"""Rules for production: for each, what it finds and what it leaves alone."""

from __future__ import annotations

import textwrap

import pytest

from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.lint import ALL_RULES, RULES, Level, lint_source


def found(source: str, rule: str) -> list[int]:
    """The lines at which a rule finds something."""
    text = textwrap.dedent(source).strip("\n")
    findings = lint_source(text)
    assert [finding for finding in findings if finding.level is Level.ERROR and finding.rule not in RULES] == []
    return [finding.position.line for finding in findings if finding.rule == rule]


def call(function: str, args: str, *, before: str = "") -> str:
    """A definition with one call in step `it`, in a try so that nothing is said about errors."""
    handler = "except: {as: e, steps: [{h: {raise: '${e}'}}]}"
    return f"{before}- t:\n    try:\n      call: {function}\n      args: {args}\n    {handler}\n"


# -- unstable-key -----------------------------------------------------------------------------------------------

URL = "url: 'https://a.example', timeout: 9"


@pytest.mark.parametrize(
    "source",
    [
        call("http.get", "{timeout: 9, url: '${\"https://a.example/\" + uuid.generate()}'}"),
        call("http.get", "{timeout: 9, url: '${\"https://a.example/\" + text.url_encode(string(sys.now()))}'}"),
        call("http.put", f"{{{URL}, headers: {{Idempotency-Key: '${{uuid.generate()}}'}}}}"),
        call("http.get", f"{{{URL}, query: {{name: '${{string(sys.now())}}'}}}}"),
        call(
            "http.get",
            f"{{{URL}, query: {{jobId: '${{key}}'}}}}",
            before="- a: {assign: [{key: '${uuid.generate()}'}]}\n",
        ),
        call("googleapis.storage.v1.objects.get", "{bucket: b, object: '${string(sys.now())}'}"),
        call(
            "http.get",
            "{timeout: 9, url: '${c}'}",
            before="- a: {call: sys.now, result: n}\n- b: {assign: [{m: '${int(n)}'}]}\n"
            "- c: {call: text.decode, args: {data: '${text.encode(\"https://a.example/\" + m)}'}, result: c}\n",
        ),
    ],
)
def test_given_clock_or_dice_in_a_name_then_it_is_found(source: str) -> None:
    assert len(found(source, "unstable-key")) == 1


@pytest.mark.parametrize(
    "source",
    [
        call("http.get", '{timeout: 9, url: \'${"https://a.example/" + sys.get_env("X")}\'}'),
        call("http.post", f"{{{URL}, body: {{at: '${{sys.now()}}'}}}}"),
        call("http.get", f"{{{URL}, query: {{since: '${{string(sys.now())}}'}}}}"),
        call("sys.log", "{text: '${uuid.generate()}'}"),
        call(
            "http.get",
            "{timeout: 9, url: '${r.body}'}",
            before="- a: {assign: [{r: {body: 1}}, {n: '${sys.now()}'}]}\n",
        ),
    ],
)
def test_given_a_stable_name_then_nothing_is_found(source: str) -> None:
    assert found(source, "unstable-key") == []


# -- retried-post -----------------------------------------------------------------------------------------------


def retried(function: str, args: str, retry: str) -> str:
    return f"- t:\n    try: {{call: {function}, args: {args}}}\n    retry: {retry}\n"


BLOCK = "{predicate: '${http.default_retry_predicate}', max_retries: 3, backoff: {initial_delay: 1, max_delay: 9, multiplier: 2}}"


@pytest.mark.parametrize(
    ("function", "args", "retry"),
    [
        ("http.post", "{url: 'https://a.example'}", BLOCK),
        ("http.post", "{url: 'https://a.example'}", "'${http.default_retry}'"),
        ("http.patch", "{url: 'https://a.example'}", BLOCK),
        ("http.request", "{method: post, url: 'https://a.example'}", BLOCK),
        (
            "http.post",
            "{url: 'https://a.example', headers: {X-Other: a}}",
            BLOCK.replace("http.default_retry_predicate", "retry.always"),
        ),
        ("googleapis.run.v2.projects.locations.jobs.run", "{name: a}", BLOCK),
    ],
)
def test_given_a_post_under_an_eager_retry_then_it_is_found(function: str, args: str, retry: str) -> None:
    assert found(retried(function, args, retry), "retried-post") == [2]


@pytest.mark.parametrize(
    ("retry", "remedy"),
    [
        ("'${http.default_retry}'", "write 'retry: ${http.default_retry_non_idempotent}', or send "),
        (BLOCK, "write 'predicate: ${http.default_retry_predicate_non_idempotent}', or send "),
    ],
)
def test_given_an_eager_retry_when_it_is_found_then_the_remedy_can_stand_in_its_place(retry: str, remedy: str) -> None:
    source = retried("http.post", "{url: 'https://a.example'}", retry)
    finding = next(finding for finding in lint_source(source) if finding.rule == "retried-post")
    assert finding.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("function", "args", "retry"),
    [
        ("http.get", "{url: 'https://a.example'}", BLOCK),
        ("http.put", "{url: 'https://a.example'}", BLOCK),
        ("http.request", "{method: '${m}', url: 'https://a.example'}", BLOCK),
        ("http.post", "{url: 'https://a.example', headers: {idempotency-key: '${m}'}}", BLOCK),
        ("http.post", "{url: 'https://a.example'}", "'${http.default_retry_non_idempotent}'"),
        ("http.post", "{url: 'https://a.example'}", BLOCK.replace("predicate}", "predicate_non_idempotent}")),
    ],
)
def test_given_a_retry_that_is_safe_then_nothing_is_found(function: str, args: str, retry: str) -> None:
    source = "- a: {assign: [{m: POST}]}\n" + retried(function, args, retry)
    assert found(source, "retried-post") == []


# -- unhandled-call ---------------------------------------------------------------------------------------------


def test_given_a_call_without_except_then_it_is_found() -> None:
    assert found("- a: {call: http.get, args: {url: 'https://a.example'}}", "unhandled-call") == [1]
    assert found(retried("http.get", "{url: 'https://a.example'}", BLOCK), "unhandled-call") == [2]


def test_given_an_except_here_or_around_every_caller_then_nothing_is_found() -> None:
    assert found(call("http.get", "{url: 'https://a.example'}"), "unhandled-call") == []
    source = """
    main:
      steps:
        - t:
            try: {call: outer}
            except: {as: e, steps: [{h: {raise: "${e}"}}]}
    outer: {steps: [{o: {return: "${inner()}"}}]}
    inner: {steps: [{i: {call: http.get, args: {url: "https://a.example"}}}]}
    """
    assert found(source, "unhandled-call") == []
    assert found(source.replace("- t:", "- extra: {call: inner}\n        - t:"), "unhandled-call") == [8]


def test_given_a_function_that_asks_nobody_then_nothing_is_found() -> None:
    assert (
        found("- a: {call: sys.log, args: {text: x}}\n- b: {call: sys.sleep, args: {seconds: 1}}", "unhandled-call")
        == []
    )


# -- error-is-text ----------------------------------------------------------------------------------------------

RAISES = """
- t:
    try: {{steps: [{{r: {{raise: {value}}}}}]}}
    except: {{as: e, steps: [{{h: {{return: "${{{read}}}"}}}}]}}
"""


@pytest.mark.parametrize("value", ["bad", "'${\"bad: \" + string(1)}'"])
@pytest.mark.parametrize("read", ["e.message", "e.code", "string(e.tags[0])"])
def test_given_a_text_that_is_raised_when_its_message_is_read_then_it_is_found(value: str, read: str) -> None:
    assert found(RAISES.format(value=value, read=read), "error-is-text") == [3]


@pytest.mark.parametrize(("value", "read"), [("bad", "e"), ("{message: m}", "e.message"), ("'${x}'", "e.message")])
def test_given_an_error_that_is_read_as_it_is_then_nothing_is_found(value: str, read: str) -> None:
    source = "- a: {assign: [{x: {message: 1}}]}" + RAISES.format(value=value, read=read)
    assert found(source, "error-is-text") == []


# -- loops ------------------------------------------------------------------------------------------------------

POLL = """
- ask: {{call: http.get, args: {args}, result: r}}
- check: {{switch: [{{condition: "${{r.body.done}}", next: end}}]}}
- again: {wait}
"""
ASK = "{url: 'https://a.example/job', timeout: 9}"


@pytest.mark.parametrize(
    ("seconds", "level", "text"),
    [
        (
            10,
            Level.NOTE,
            "asks every 10 s, 3 steps a round: 25,920 steps ($0.26) a day, and the limit of 100,000 steps after 3.86 days",
        ),
        (1, Level.WARNING, "limit of 100,000 steps after 0.386 days"),
    ],
)
def test_given_a_polling_loop_then_its_cost_is_told(seconds: int, level: Level, text: str) -> None:
    source = POLL.format(args=ASK, wait=f"{{call: sys.sleep, args: {{seconds: {seconds}}}, next: ask}}")
    (finding,) = [finding for finding in lint_source(source) if finding.rule == "polling-cost"]
    assert finding.level is level
    assert text in finding.message


def test_given_a_loop_without_a_wait_when_it_asks_the_same_then_it_is_found() -> None:
    assert found(POLL.format(args=ASK, wait="{next: ask}"), "busy-loop") == [1]


@pytest.mark.parametrize(
    "source",
    [
        POLL.format(args=ASK, wait="{call: sys.sleep, args: {seconds: '${r.body.wait}'}, next: ask}"),
        POLL.format(args=ASK, wait="{next: end}"),
        "- a: {assign: [{page: ''}]}"
        + POLL.format(
            args="{url: 'https://a.example', query: {page: '${page}'}}",
            wait="{assign: [{page: '${r.body.next}'}], next: ask}",
        ),
        (
            "- one: {assign: [{x: 1}], next: two}\n- three: {call: http.get, args: {url: 'https://a.example'}, next: end}\n"
            "- two: {assign: [{x: 2}], next: three}"
        ),
    ],
)
def test_given_pages_a_wait_or_no_loop_then_nothing_is_found(source: str) -> None:
    assert found(source, "busy-loop") == found(source, "polling-cost") == []


def test_given_a_loop_that_collects_answers_then_it_is_found() -> None:
    loop = """
    - init: {{assign: [{{all: []}}]}}
    - loop:
        for:
          value: v
          in: [1, 2]
          steps:
            - get: {{call: http.get, args: {{url: "https://a.example"}}, result: r}}
            - keep: {{assign: [{{all: "${{list.concat(all, {what})}}"}}]}}
    """
    assert found(loop.format(what="r.body"), "growing-variable") == [8]
    assert found(loop.format(what="r.body.items"), "growing-variable") == [8]
    assert found(loop.format(what="v"), "growing-variable") == []


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ("{return: 1}", [2]),
        ("{raise: x}", [2]),
        ("{assign: [{x: 1}], next: last}", [2]),
        ("{next: last}", [2]),
        ("{assign: [{x: 1}]}", []),
        ("{switch: [{condition: true, next: second}, {condition: false, next: last}], next: last}", []),
    ],
)
def test_steps_that_no_way_leads_to_are_found(first: str, lines: list[int]) -> None:
    source = f"- first: {first}\n- second: {{assign: [{{y: 1}}]}}\n- last: {{return: 2}}"
    assert found(source, "unreachable-step") == lines


def test_steps_inside_blocks_are_looked_at_too() -> None:
    source = """
    - fan:
        parallel:
          branches:
            - b: {steps: [{s: {assign: [{x: 1}], next: end}}, {lost: {assign: [{x: 2}]}}]}
            - c: {steps: [{u: {assign: [{x: 1}]}}]}
    - t:
        try: {call: sys.log, args: {text: a}}
        except: {as: e, steps: [{r: {raise: a}}, {gone: {raise: b}}]}
    """
    assert found(source, "unreachable-step") == [4, 8]


# -- parallel-race ----------------------------------------------------------------------------------------------


def branches(left: str, right: str) -> str:
    return f"""
    - init: {{assign: [{{x: 0}}, {{m: {{}}}}]}}
    - fan:
        parallel:
          shared: [x, m]
          branches:
            - a: {{steps: [{{as: {{assign: {left}}}}}]}}
            - b: {{steps: [{{bs: {{assign: {right}}}}}]}}
    """


@pytest.mark.parametrize(
    ("left", "right", "lines"),
    [
        ('[{x: "${x + 1}"}]', '[{x: "${x + 2}"}]', []),
        ("[{x: 1}]", "[{x: 1}]", []),
        ("[{x: 1}]", "[{x: 2}]", [6]),
        ("[{x: true}]", "[{x: 1}]", [6]),
        ("[{x: 0}]", '[{x: "${x + 1}"}]', [6]),
        ('[{x: "${len([])}"}]', "[{y: 1}]", []),
        ('[{m.a: "${len([])}"}]', '[{m.b: "${len([])}"}]', []),
        ('[{x: "${len([])}"}]', '[{x: "${x + 1}"}]', [6]),
        ('[{x: "${x + 1}"}]', '[{old: "${x}"}, {x: "${old + 1}"}]', [7]),
        ('[{m.a: "${len([])}"}]', '[{m.a: "${len([1])}"}]', [6]),
    ],
)
def test_given_branches_then_writes_that_lose_something_are_found(left: str, right: str, lines: list[int]) -> None:
    assert found(branches(left, right), "parallel-race") == lines


def iterations(body: str) -> str:
    return f"""
    - init: {{assign: [{{x: 0}}, {{m: {{}}}}, {{l: [0, 0]}}]}}
    - fan:
        parallel:
          shared: [x, m, l]
          for: {{value: v, index: i, in: [1, 2], steps: [{{s: {body}}}]}}
    """


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        ('{assign: [{x: "${x + v}"}]}', False),
        ("{assign: [{x: 1}]}", False),
        ("{assign: [{x: 1}, {x: 2}]}", True),
        ('{assign: [{"m[string(v)]": "${v}"}]}', False),
        ('{assign: [{"l[i]": "${v}"}]}', False),
        ('{assign: [{k: "${string(v)}"}, {"m[k]": "${v}"}]}', False),
        ('{assign: [{m.count: "${m.count + 1}"}]}', False),
        ('{assign: [{x: "${v}"}]}', True),
        ('{assign: [{old: "${x}"}, {new: "${old + v}"}, {x: "${new}"}]}', True),
        ('{assign: [{m.last: "${v}"}]}', True),
        ('{call: text.to_lower, args: {source: "${string(v)}"}, result: x}', True),
    ],
)
def test_given_iterations_then_writes_that_lose_something_are_found(body: str, is_found: bool) -> None:
    assert bool(found(iterations(body), "parallel-race")) is is_found


def test_a_lost_update_and_a_last_winner_are_told_apart() -> None:
    lost = lint_source(textwrap.dedent(iterations('{assign: [{old: "${x}"}, {x: "${old + v}"}]}')))
    last = lint_source(textwrap.dedent(iterations('{assign: [{x: "${v}"}]}')))
    assert any("was read in an entry before" in finding.message for finding in lost)
    assert any("the last one wins" in finding.message for finding in last)


# -- credentials ------------------------------------------------------------------------------------------------

RUN = "url: 'https://run.googleapis.com/v2/projects/p/locations/l/jobs/j:run', timeout: 9"


@pytest.mark.parametrize(
    ("args", "rules"),
    [
        (f"{{{RUN}, auth: {{type: OIDC}}}}", ["oidc-for-google-api"]),
        (
            '{timeout: 9, url: \'${"https://run.googleapis.com/v2/" + "j:run"}\', auth: {type: OIDC}}',
            ["oidc-for-google-api"],
        ),
        (f"{{{RUN}, auth: {{type: OAuth2}}}}", []),
        (f"{{{RUN}}}", ["missing-auth"]),
        (f"{{{RUN}, headers: {{Authorization: '${{h}}'}}}}", []),
        ("{timeout: 9, url: 'https://a-x.a.run.app/x', auth: {type: OAuth2}}", ["oauth-for-service"]),
        ("{timeout: 9, url: 'https://l-p.cloudfunctions.net/x', auth: {type: OIDC}}", []),
        ("{timeout: 9, url: 'https://a.example/x', auth: {type: OIDC}}", []),
        ("{timeout: 9, url: '${\"https://run.googleapis.com\" + h}', auth: {type: OIDC}}", []),
    ],
)
def test_credentials_fit_the_host(args: str, rules: list[str]) -> None:
    findings = lint_source(call("http.post", args, before="- a: {assign: [{h: x}]}\n"))
    assert [
        finding.rule
        for finding in findings
        if "a" in finding.rule and finding.rule.split("-")[0] in ("oidc", "oauth", "missing")
    ] == rules


def test_oidc_for_a_google_api_is_an_error() -> None:
    (finding,) = lint_source(call("http.post", f"{{{RUN}, auth: {{type: OIDC}}}}"))
    assert finding.level is Level.ERROR


# -- timeouts and secrets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "args", "level"),
    [
        ("http.post", "{url: 'https://a.example'}", Level.NOTE),
        ("http.post", "{url: 'https://a.example', timeout: 900}", None),
        ("googleapis.run.v2.projects.locations.jobs.run", "{name: a}", Level.WARNING),
        ("googleapis.run.v2.projects.locations.jobs.run", "{name: a, connector_params: {timeout: 9}}", None),
        ("googleapis.run.v2.projects.locations.jobs.run", "{name: a, connector_params: {skip_polling: true}}", None),
        ("googleapis.run.v2.projects.locations.jobs.run", "{name: a, connector_params: {scopes: x}}", Level.WARNING),
        ("googleapis.run.v2.projects.locations.jobs.get", "{name: a}", None),
        ("sys.log", "{text: a}", None),
    ],
)
def test_calls_that_may_take_long_say_how_long(function: str, args: str, level: Level | None) -> None:
    levels = [finding.level for finding in lint_source(call(function, args)) if finding.rule == "default-timeout"]
    assert levels == ([] if level is None else [level])


SECRET = "- s: {call: googleapis.secretmanager.v1.projects.secrets.versions.accessString, args: {secret_id: a, project_id: p}, result: v}\n"


@pytest.mark.parametrize(
    ("args", "is_found"),
    [
        ("{text: '${v}'}", True),
        ("{json: {given: '${\"x\" + v}'}}", True),
        ("{text: '${copy}'}", True),
        ("{text: '${conf.api_key}'}", True),
        ("{text: '${conf.user_password}'}", True),
        ("{text: '${conf.name}'}", False),
        ("{text: '${conf.secretary}'}", False),
        ("{text: '${string(len(list))}'}", False),
    ],
)
def test_secrets_in_logs_are_found(args: str, is_found: bool) -> None:
    before = SECRET + "- c: {assign: [{copy: '${v + 1}'}, {conf: {}}, {list: []}]}\n"
    assert bool(found(call("sys.log", args, before=before), "secret-in-log")) is is_found


@pytest.mark.parametrize(
    ("args", "is_found"),
    [
        (f"{{{URL}, headers: {{Authorization: Bearer abc}}}}", True),
        (f"{{{URL}, headers: {{x-api-key: '${{\"abc\"}}'}}}}", True),
        (f"{{{URL}, headers: {{Authorization: '${{\"Bearer \" + t}}'}}}}", False),
        (f"{{{URL}, headers: {{Accept: text/plain}}}}", False),
        ("{timeout: 9, url: 'https://a.example/x?key=abc'}", True),
        ("{timeout: 9, url: 'https://user:word@a.example/x'}", True),
        ("{timeout: 9, url: 'https://a.example/x?monkey=abc'}", False),
        ("{timeout: 9, url: 'https://a.example/@x:y'}", False),
    ],
)
def test_secrets_in_the_source_are_found(args: str, is_found: bool) -> None:
    assert bool(found(call("http.get", args, before="- t0: {assign: [{t: x}]}\n"), "secret-in-source")) is is_found


ASSIGNED = "AKIA" + "ABCDEFGHIJKLMNOP"
GOOGLE = "AIza" + "B" * 35


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("- a: {assign: [{password: hunter2}]}", [1]),
        ("- a:\n    assign:\n      - db: {user: me, db_password: hunter2}", [3]),
        ("- a: {assign: [{m: {}}, {m.api_key: abc}]}", [1]),
        (f"- a: {{assign: [{{plain: {ASSIGNED}}}]}}", [1]),
        (f"- a: {{assign: [{{list: [1, '${{\"x={GOOGLE}\"}}']}}]}}", [1]),
        ("- a: {return: {client_secret: abc}}", [1]),
        ("- a: {assign: [{password: ''}, {api_key: null}]}", []),
        ("main: {params: [token], steps: [{a: {return: '${token}'}}]}", []),
        ("- a: {assign: [{t: x}, {token: '${t}'}, {auth_token: '${\"a\" + t}'}]}", []),
        ("- a: {assign: [{next_page_token: abc}, {pageToken: abc}, {token_count: '3'}, {secretary: abc}]}", []),
        ("- a: {assign: [{secret: projects/p/secrets/s/versions/latest}]}", []),
    ],
)
def test_secrets_that_are_assigned_or_returned_are_found(source: str, lines: list[int]) -> None:
    assert found(source, "secret-in-source") == lines


@pytest.mark.parametrize(
    ("args", "is_found"),
    [
        (f"{{{URL}, headers: {{X-Auth-Token: abc}}}}", True),
        (f"{{{URL}, body: {{user: me, password: abc}}}}", True),
        (f"{{{URL}, query: {{api_key: abc}}}}", True),
        (f"{{{URL}, body: {{password: '${{t}}'}}}}", False),
    ],
)
def test_secrets_in_what_is_sent_are_found_once(args: str, is_found: bool) -> None:
    lines = found(call("http.post", args, before="- t0: {assign: [{t: x}]}\n"), "secret-in-source")
    assert len(lines) == is_found


def test_the_name_of_a_secret_is_no_secret() -> None:
    assert found(SECRET.replace("secret_id: a", "secret_id: a, secret: name"), "secret-in-source") == []


# -- bad-argument -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "args", "is_found"),
    [
        ("sys.log", "{text: a, severity: WARN}", True),
        ("sys.log", "{text: a, severity: WARNING}", False),
        ("sys.log", "{text: a, severity: '${s}'}", False),
        ("sys.log", "{text: a}", False),
        ("sys.sleep", "{seconds: -1}", True),
        ("sys.sleep", "[-1]", True),
        ("sys.sleep", "{seconds: 31536001}", True),
        ("sys.sleep", "{seconds: 31536000}", False),
        ("sys.sleep", "{seconds: 0}", False),
        ("http.get", "{url: 'https://a.example', timeout: 1801}", True),
        ("http.get", "{url: 'https://a.example', timeout: 0}", True),
        ("http.get", "{url: 'https://a.example', timeout: 1800}", False),
        ("http.get", "{url: 'https://a.example', timeout: 9, auth: {type: Basic}}", True),
        ("http.get", "{url: 'https://a.example', timeout: 9, auth: {type: OIDC}}", False),
        ("http.get", "{url: 'https://a.example', timeout: 9, auth: '${s}'}", False),
        ("http.request", "{url: 'https://a.example', timeout: 9, method: FETCH}", True),
        ("http.request", "{url: 'https://a.example', timeout: 9, method: POST}", False),
        ("events.create_callback_endpoint", "{http_callback_method: SEND}", True),
        ("events.await_callback", "{callback: '${s}', timeout: 31536001}", True),
    ],
)
def test_arguments_that_the_library_always_refuses_are_found(function: str, args: str, is_found: bool) -> None:
    source = call(function, args, before="- t0: {assign: [{s: x}]}\n")
    assert bool(found(source, "bad-argument")) is is_found


def test_a_bad_argument_is_told_at_its_place_with_what_may_have_been_meant() -> None:
    (finding,) = lint_source("- a: {call: sys.log, args: {text: x, severity: warn}}")
    assert (finding.rule, finding.level) == ("bad-argument", Level.ERROR)
    assert finding.position.column == 48
    assert finding.remedy.endswith("; did you mean WARNING?")


# -- default and limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "is_found"),
    [
        ("default(m.a, 1)", True),
        ('default(m["a"], 1)', True),
        ("1 + default(m.a.b, 1)", True),
        ('default(map.get(m, "a"), 1)', False),
        ('default(map.get(m.b, "a"), 1)', False),
        ("default(m, 1)", False),
        ("default(1, m.a)", False),
    ],
)
def test_a_default_that_guards_nothing_is_found(expression: str, is_found: bool) -> None:
    source = f"- a: {{assign: [{{m: {{}}}}]}}\n- b:\n    return: ${{{expression}}}"
    assert bool(found(source, "unguarded-default")) is is_found


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        (f"- a: {{assign: [{', '.join(f'{{x{n}: 1}}' for n in range(40))}]}}", True),
        (f"- a: {{assign: [{', '.join(f'{{x{n}: 1}}' for n in range(39))}]}}", False),
        (f"- a: {{switch: [{', '.join(['{condition: false}'] * 40)}]}}", True),
        (f"- a: {{switch: [{', '.join(['{condition: false}'] * 39)}]}}", False),
        ("- a:\n    return: ${" + "1+" * 159 + "1}", False),
        ("- a:\n    return: ${" + "1+" * 159 + "10}", True),
        ("- a: {for: {value: v, range: [1, 80000], steps: [{b: {assign: [{x: 1}]}}]}}", True),
        ("- a: {for: {value: v, range: [1, 79999], steps: [{b: {assign: [{x: 1}]}}]}}", False),
        ("main: {steps: [{a: {return: 1}}]}\ns: {params: [a, b, c, d, e, f, g, h], steps: [{r: {return: 1}}]}", True),
        ("- a: {return: 1}\n" + "# a line of forty characters, or so to say\n" * 2_500, True),
        ("- a: {return: 1}\n" + "# a line of forty characters, or so to say\n" * 2_400, False),
    ],
)
def test_limits_that_are_near_are_told(source: str, is_found: bool) -> None:
    assert bool(found(source, "near-limit")) is is_found


def test_branches_near_their_limit_are_told() -> None:
    def fan(count: int) -> str:
        steps = ", ".join(f"{{b{n}: {{steps: [{{s{n}: {{assign: [{{x: 1}}]}}}}]}}}}" for n in range(count))
        return f"- a: {{parallel: {{branches: [{steps}]}}}}"

    assert found(fan(8), "near-limit") == [1]
    assert found(fan(7), "near-limit") == []


# -- the whole --------------------------------------------------------------------------------------------------


def test_problems_of_deployment_come_with_their_place_and_remedy() -> None:
    (finding,) = lint_source("- a: {return: '${nobody}'}")
    assert finding.level is Level.ERROR
    assert finding.rule == "unknown-symbol"
    assert finding.position.line == 1
    assert finding.remedy


def test_warnings_of_deployment_are_warnings_here() -> None:
    (finding,) = lint_source("- a: {return: 'see ${x} there'}")
    assert (finding.rule, finding.level) == ("embedded-expression", Level.WARNING)


def test_findings_are_in_the_order_of_the_source() -> None:
    source = "- a: {call: http.get, args: {url: 'https://a.example'}}\n- b: {call: http.get, args: {url: 'https://a.example'}}"
    assert [(f.position.line, f.rule) for f in lint_source(source)] == [
        (1, "default-timeout"),
        (1, "unhandled-call"),
        (2, "default-timeout"),
        (2, "unhandled-call"),
    ]


GET = "- a: {call: http.get, args: {url: 'https://a.example'}}"


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        (f"{GET} # hakobune: ignore unhandled-call", ["default-timeout"]),
        (f"# hakobune: ignore unhandled-call, default-timeout\n{GET}", []),
        (f"# hakobune: ignore unhandled-call\n\n{GET}", ["default-timeout", "unhandled-call"]),
        (f"# hakobune: ignore-file default-timeout\n\n\n{GET}", ["unhandled-call"]),
        (f"{GET} # hakobune: ignore", ["default-timeout", "unhandled-call"]),
        (f"{GET} # hakobune: ignore other-rule", ["default-timeout", "unhandled-call"]),
        ("- a: {return: 'x ${y}'} # hakobune: ignore embedded-expression", []),
        ("- a: {return: '${nobody}'} # hakobune: ignore unknown-symbol", ["unknown-symbol"]),
    ],
)
def test_comments_leave_findings_out_but_not_what_refuses_a_deployment(source: str, rules: list[str]) -> None:
    assert [finding.rule for finding in lint_source(source)] == rules


def test_rules_can_be_selected_and_ignored() -> None:
    assert [finding.rule for finding in lint_source(GET, select=["unhandled-call"])] == ["unhandled-call"]
    assert [finding.rule for finding in lint_source(GET, ignore=["unhandled-call"])] == ["default-timeout"]
    assert [finding.rule for finding in lint_source("- a: {return: '${x}'}", select=["near-limit"])] == [
        "unknown-symbol"
    ]


def test_limits_can_be_off() -> None:
    many = ", ".join(f"{{x{number}: 1}}" for number in range(60))
    source = f"- a: {{assign: [{many}]}}"
    assert [finding.level for finding in lint_source(source)] == [Level.ERROR]
    assert Level.ERROR not in [finding.level for finding in lint_source(source, strictness=Strictness.OFF)]


def test_every_warning_of_deployment_has_a_name_that_can_be_ignored() -> None:
    source = """
    - odd name:
        switch:
          - {condition: 1, return: "a ${b}", next: end}
    - loop: {for: {value: v, in: {}, steps: [{s: {assign: [{x: 1}]}}]}}
    - fan: {parallel: {shared: [x, x], branches: [{b: {steps: [{t: {assign: [{y: 1}]}}]}}]}}
    - range: {for: {value: w, range: [a, b], steps: [{u: {assign: [{z: 1}]}}]}}
    """
    rules = {finding.rule for finding in lint_source(textwrap.dedent(source))}
    assert rules >= {
        "step-name",
        "condition",
        "embedded-expression",
        "unreachable-next",
        "for",
        "parallel",
        "range-type",
    }
    assert rules <= ALL_RULES.keys()
