"""What the library has, under which names, with which parameters in which order."""

from __future__ import annotations

import pytest

from hakobune.core.workflows.stdlib.library import find, find_value, is_module, names, predicate
from hakobune.core.workflows.stdlib.registry import Kind
from hakobune.core.workflows.values import FunctionValue

# `?` after a name: optional. From the tables of the library's reference.
SIGNATURES = {
    "double": "x",
    "int": "x",
    "string": "x",
    "keys": "m",
    "len": "x",
    "default": "val d",
    "if": "cond a b",
    "get_type": "x",
    "base64.decode": "data padding?",
    "base64.encode": "data padding?",
    "events.create_callback_endpoint": "http_callback_method?",
    "events.await_callback": "callback timeout?",
    "http.get": "url timeout? headers? query? auth? private_service_name? ca_certificate?",
    "http.delete": "url timeout? body? headers? query? auth? private_service_name? ca_certificate?",
    "http.patch": "url timeout? body? headers? query? auth? private_service_name? ca_certificate?",
    "http.post": "url timeout? body? headers? query? auth? private_service_name? ca_certificate?",
    "http.put": "url timeout? body? headers? query? auth? private_service_name? ca_certificate?",
    "http.request": "method url timeout? body? headers? query? auth? private_service_name? ca_certificate?",
    "http.default_retry_predicate": "exception",
    "http.default_retry_predicate_non_idempotent": "exception",
    "json.decode": "data",
    "json.encode": "data indent?",
    "json.encode_to_string": "data indent?",
    "list.concat": "objs val",
    "list.prepend": "objs val",
    "map.get": "map keys",
    "map.delete": "map key",
    "map.merge": "first second",
    "map.merge_nested": "first second",
    "math.abs": "x",
    "math.max": "x y",
    "math.min": "x y",
    "math.floor": "x",
    "hash.compute_checksum": "data algorithm",
    "hash.compute_hmac": "key data algorithm",
    "retry.always": "exception",
    "retry.never": "exception",
    "sys.get_env": "name default?",
    "sys.log": "data? severity? text? json? timeout?",
    "sys.now": "",
    "sys.sleep": "seconds",
    "sys.sleep_until": "time",
    "text.decode": "data charset?",
    "text.encode": "text charset?",
    "text.find_all": "source substr",
    "text.find_all_regex": "source regexp",
    "text.match_regex": "source regexp",
    "text.replace_all": "source substr repl",
    "text.replace_all_regex": "source regexp repl",
    "text.split": "source separator",
    "text.substring": "source start end",
    "text.to_lower": "source",
    "text.to_upper": "source",
    "text.url_decode": "source",
    "text.url_encode": "source",
    "text.url_encode_plus": "source",
    "time.format": "seconds timezone?",
    "time.parse": "value",
    "uuid.generate": "",
    "experimental.executions.run": "workflow_id argument? location? project_id? timeout?",
    "experimental.executions.map": "workflow_id arguments timeout? location? project_id?",
    "gke.request": "project location cluster_id method path query? body? timeout?",
    "gke.create_job": "project location cluster_id namespace job",
    "gke.await_job": "project location cluster_id job_name namespace? timeout?",
    "gke.delete_job": "project location cluster_id job_name namespace? query?",
}
CONSTANTS = {"retry.default_backoff", "http.default_retry", "http.default_retry_non_idempotent"}
BLOCKING = {
    *("http.get", "http.delete", "http.patch", "http.post", "http.put", "http.request"),
    *("events.await_callback", "sys.log", "sys.sleep", "sys.sleep_until"),
    *("experimental.executions.run", "experimental.executions.map"),
    *("gke.request", "gke.create_job", "gke.await_job", "gke.delete_job"),
}
READING_CONTEXT = {"sys.now", "sys.get_env", "uuid.generate", "events.create_callback_endpoint"}
METERED = {
    *("json.encode", "json.encode_to_string", "list.concat", "list.prepend", "map.merge_nested"),
    *("text.find_all_regex", "text.match_regex", "text.replace_all_regex"),
}


def test_the_library_has_these_functions_and_constants_and_no_others() -> None:
    assert names() == SIGNATURES.keys() | CONSTANTS


@pytest.mark.parametrize(("name", "signature"), SIGNATURES.items())
def test_parameters_stand_in_their_documented_order(name: str, signature: str) -> None:
    found = find(name)
    assert found is not None
    assert found.name == name
    assert " ".join(p.name + ("" if p.is_required else "?") for p in found.parameters) == signature


@pytest.mark.parametrize("name", SIGNATURES)
def test_only_what_waits_is_blocking_and_only_what_reads_the_journal_has_a_context(name: str) -> None:
    found = find(name)
    assert found is not None
    expected = Kind.BLOCKING if name in BLOCKING else Kind.CONTEXT if name in READING_CONTEXT else Kind.PURE
    assert found.kind is (Kind.METERED if name in METERED else expected)


@pytest.mark.parametrize(
    "name", ["bool", "type", "range", "floor", "text", "text.trim", "not", "", "retry.default_backoff"]
)
def test_what_is_no_function_is_not_found(name: str) -> None:
    assert find(name) is None


def test_policies_and_the_backoff_are_maps() -> None:
    backoff = {"initial_delay": 1, "max_delay": 60, "multiplier": 1.25}
    assert find_value("retry.default_backoff") == backoff
    assert find_value("http.default_retry") == {
        "predicate": FunctionValue("http.default_retry_predicate"),
        "max_retries": 5,
        "backoff": backoff,
    }
    assert find_value("http.default_retry_non_idempotent") == {
        "predicate": FunctionValue("http.default_retry_predicate_non_idempotent"),
        "max_retries": 5,
        "backoff": backoff,
    }
    assert find_value("http.get") is None


@pytest.mark.parametrize(
    "name", ["text", "http", "map", "sys", "retry", "experimental", "experimental.executions", "googleapis"]
)
def test_modules(name: str) -> None:
    assert is_module(name)


@pytest.mark.parametrize("name", ["len", "text.split", "main", "", "tex"])
def test_what_is_no_module(name: str) -> None:
    assert not is_module(name)


def test_a_policy_names_a_predicate_that_is_there() -> None:
    for name in ("http.default_retry", "http.default_retry_non_idempotent"):
        policy = find_value(name)
        assert isinstance(policy, dict)
        function = policy["predicate"]
        assert isinstance(function, FunctionValue)
        assert predicate(function.name) is not None
    assert predicate("text.split") is None
