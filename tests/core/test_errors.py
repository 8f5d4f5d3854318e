"""The tree of errors."""

from __future__ import annotations

import pytest

from hakobune.core import errors
from hakobune.core.errors import Code, FieldViolation, HakobuneError, InvalidArgument


def _family(kind: type[HakobuneError]) -> list[type[HakobuneError]]:
    """The tree of this module: servers have errors of HTTP below it, which others may have imported."""
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [kind, *(member for child in below for member in _family(child))]


@pytest.mark.parametrize("kind", _family(HakobuneError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_a_reason_of_its_own_and_a_docstring(kind: type[HakobuneError]) -> None:
    assert kind.code is not Code.OK
    assert kind.reason.isupper()
    assert kind.__doc__
    assert str(kind("what was wrong")) == "what was wrong"


def test_reasons_are_not_shared() -> None:
    reasons = [kind.reason for kind in _family(HakobuneError)[1:]]
    assert len(set(reasons)) == len(reasons)


def test_given_wrong_fields_when_raised_then_the_error_names_them() -> None:
    violation = FieldViolation(field="job.template", description="is required")
    with pytest.raises(errors.HakobuneError) as caught:
        raise InvalidArgument("job.template: is required", violations=[violation])
    assert caught.value.violations == (violation,)
    assert caught.value.message == "job.template: is required"
