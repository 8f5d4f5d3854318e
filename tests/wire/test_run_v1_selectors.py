"""Label selectors in the forms that gcloud sends."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.wire.run_v1 import label_selector

LABELS = {
    "run.googleapis.com/job": "thumbs",
    "run.googleapis.com/runningState": "Failed",
    "run.googleapis.com/servingState": "Active",
    "empty": "",
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "run.googleapis.com/job = thumbs",
        "run.googleapis.com/job=thumbs",
        " run.googleapis.com/job =thumbs ",
        "run.googleapis.com/runningState in (Failed,Running)",
        "run.googleapis.com/runningState in ( Running , Failed )",
        "run.googleapis.com/job = thumbs,run.googleapis.com/runningState in (Failed)",
        "run.googleapis.com/job = thumbs, run.googleapis.com/servingState = Active",
        "empty = ",
        "empty in (,x)",
    ],
)
def test_selectors_that_match(text: str) -> None:
    assert label_selector(text).matches(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "run.googleapis.com/job = other",
        "run.googleapis.com/job = Thumbs",
        "missing = ",
        "run.googleapis.com/runningState in (Pending,Running)",
        "run.googleapis.com/job = thumbs,run.googleapis.com/job = other",
    ],
)
def test_selectors_that_do_not_match(text: str) -> None:
    assert not label_selector(text).matches(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a ==",
        "a == b",
        "a != b",
        "!a",
        "a notin (b)",
        "a in b",
        "a in ()b",
        "a in (b",
        "a = b,",
        ",a = b",
        "a = b c",
        "a = b;c = d",
        "a = 'b'",
        "ä = b",
        "a" * 5_000,
        ",".join(["a = b"] * 33),
    ],
    ids=lambda text: text[:20],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        label_selector(text)
    assert caught.value.violations[0].field == "labelSelector"


def test_given_a_selector_when_asked_for_a_key_then_it_tells_the_only_value() -> None:
    selector = label_selector("a = b,c in (d,e),f in (g)")
    assert [selector.value_of(key) for key in "acfz"] == ["b", None, "g", None]
