"""Errors as Google's JSON."""

from __future__ import annotations

import pytest

from hakobune.core import errors
from hakobune.core.errors import Code, HakobuneError
from hakobune.wire.errors import HTTP_STATUSES, error_to_json
from hakobune.wire.violations import VIOLATIONS_MAX, Violations


@pytest.mark.parametrize(
    ("error", "http", "status"),
    [
        (errors.NotFound("x"), 404, "NOT_FOUND"),
        (errors.AlreadyExists("x"), 409, "ALREADY_EXISTS"),
        (errors.Aborted("x"), 409, "ABORTED"),
        (errors.InvalidArgument("x"), 400, "INVALID_ARGUMENT"),
        (errors.FailedPrecondition("x"), 400, "FAILED_PRECONDITION"),
        (errors.OutOfRange("x"), 400, "OUT_OF_RANGE"),
        (errors.ResourceExhausted("x"), 429, "RESOURCE_EXHAUSTED"),
        (errors.PermissionDenied("x"), 403, "PERMISSION_DENIED"),
        (errors.Unauthenticated("x"), 401, "UNAUTHENTICATED"),
        (errors.Unavailable("x"), 503, "UNAVAILABLE"),
        (errors.Unimplemented("x"), 501, "UNIMPLEMENTED"),
    ],
)
def test_given_an_error_when_printed_then_it_has_the_status_of_its_code_and_no_details(
    error: HakobuneError, http: int, status: str
) -> None:
    assert error_to_json(error) == (http, {"error": {"code": http, "message": "x", "status": status}})


def test_every_code_has_an_http_status() -> None:
    assert set(HTTP_STATUSES) == set(Code)
    assert HTTP_STATUSES[Code.CANCELLED] == 499
    assert HTTP_STATUSES[Code.DEADLINE_EXCEEDED] == 504


def test_given_wrong_fields_when_printed_then_they_are_a_bad_request_detail() -> None:
    found = Violations()
    found.add("job.template", "is required")
    found.add("job.labels", "has too many")
    with pytest.raises(errors.InvalidArgument) as caught:
        found.check()
    status, body = error_to_json(caught.value)
    assert (status, body) == (
        400,
        {
            "error": {
                "code": 400,
                "message": "job.template: is required\njob.labels: has too many",
                "status": "INVALID_ARGUMENT",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [
                            {"field": "job.template", "description": "is required"},
                            {"field": "job.labels", "description": "has too many"},
                        ],
                    }
                ],
            }
        },
    )


def test_given_a_reason_that_says_more_than_the_status_when_printed_then_it_is_an_error_info() -> None:
    _, body = error_to_json(errors.DataDirectoryInUse("held by 7"))
    assert body["error"]["details"] == [  # type: ignore[index]
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "DATA_DIRECTORY_IN_USE",
            "domain": "hakobune.dev",
        }
    ]


def test_given_endless_wrong_fields_when_gathered_then_the_answer_stays_readable() -> None:
    found = Violations()
    for number in range(10_000):
        found.add(f"f{number}", "is wrong")
    with pytest.raises(errors.InvalidArgument) as caught:
        found.check()
    assert len(caught.value.violations) == VIOLATIONS_MAX


def test_given_nothing_wrong_when_checked_then_nothing_is_raised() -> None:
    Violations().check()


def test_google_api_core_reads_our_errors() -> None:
    exceptions = pytest.importorskip("google.api_core.exceptions")
    found = Violations()
    found.add("job.template", "is required")
    with pytest.raises(errors.InvalidArgument) as caught:
        found.check()
    status, body = error_to_json(caught.value)
    error = exceptions.format_http_response_error(_Response(status), "POST", "/v2/jobs", body)
    assert isinstance(error, exceptions.BadRequest)
    assert error.details[0]["fieldViolations"][0]["field"] == "job.template"


class _Response:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


@pytest.mark.parametrize(
    ("before", "missing", "is_told"),
    [
        ("workflow.source_contents", "workflow.source_contents", False),
        ("push_config.oidc_token.audience", "push_config.oidc_token", False),
        ("push_config.push_endpoint[0]", "push_config.push_endpoint", False),
        ("workflow.source", "workflow.source_contents", True),
        ("workflow", "workflow.source_contents", True),
        ("labels", "topic", True),
    ],
)
def test_given_a_field_whose_value_was_refused_then_it_is_not_said_to_be_missing_as_well(
    before: str, missing: str, is_told: bool
) -> None:
    found = Violations()
    found.add(before, "is wrong")
    found.add_missing(missing)
    with pytest.raises(errors.InvalidArgument) as raised:
        found.check()
    assert [violation.field for violation in raised.value.violations] == [before, *([missing] if is_told else [])]
