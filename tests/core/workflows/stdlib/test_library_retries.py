"""`retry.*`, and the predicates of `http`."""

from __future__ import annotations

import pytest
from library_calls import call

from hakobune.core.workflows.failures import timeout_error
from hakobune.core.workflows.stdlib.library import predicate
from hakobune.core.workflows.stdlib.retries import default_backoff_s
from hakobune.core.workflows.values import Value

IDEMPOTENT = "http.default_retry_predicate"
NON_IDEMPOTENT = "http.default_retry_predicate_non_idempotent"


@pytest.mark.parametrize(
    ("code", "idempotent", "non_idempotent"),
    [
        (429, True, True),
        (503, True, True),
        (502, True, False),
        (504, True, False),
        (500, False, False),
        (408, False, False),
        (404, False, False),
        (501, False, False),
    ],
)
def test_statuses(code: int, idempotent: bool, non_idempotent: bool) -> None:
    error: Value = {"code": code, "message": "m", "tags": ["HttpError"]}
    assert call(IDEMPOTENT, error) is idempotent
    assert call(NON_IDEMPOTENT, error) is non_idempotent


@pytest.mark.parametrize(
    ("tag", "idempotent", "non_idempotent"),
    [
        ("ConnectionFailedError", True, True),
        ("ConnectionError", True, False),
        ("TimeoutError", True, False),
        ("AuthError", False, False),
        ("ValueError", False, False),
    ],
)
def test_tags(tag: str, idempotent: bool, non_idempotent: bool) -> None:
    error: Value = {"message": "m", "tags": [tag]}
    assert call(IDEMPOTENT, error) is idempotent
    assert call(NON_IDEMPOTENT, error) is non_idempotent


def test_a_map_without_tags_counts_by_its_code() -> None:
    assert call(IDEMPOTENT, {"code": 503}) is True
    assert call(IDEMPOTENT, {"code": 503.0}) is True
    assert call(IDEMPOTENT, {"code": 202}) is False


@pytest.mark.parametrize(
    "error", [None, "503", 503, [], {}, {"code": "503"}, {"code": [503]}, {"tags": "TimeoutError"}, {"tags": [1]}]
)
def test_values_of_another_shape_are_not_retried(error: Value) -> None:
    assert call(IDEMPOTENT, error) is False
    assert call(NON_IDEMPOTENT, error) is False


@pytest.mark.parametrize("error", [None, "text", {"code": 404}])
def test_always_and_never(error: Value) -> None:
    assert call("retry.always", error) is True
    assert call("retry.never", error) is False


def test_a_predicate_is_found_by_its_name() -> None:
    found = predicate(IDEMPOTENT)
    assert found is not None
    assert found(timeout_error("late").value)
    always = predicate("retry.always")
    assert always is not None
    assert always("anything")


def test_the_default_backoff_grows_by_a_quarter_up_to_a_minute() -> None:
    assert [default_backoff_s(attempt) for attempt in (1, 2, 3)] == [1, 1.25, 1.5625]
    assert default_backoff_s(19) < 60
    assert default_backoff_s(20) == 60
    assert default_backoff_s(10**9) == 60
