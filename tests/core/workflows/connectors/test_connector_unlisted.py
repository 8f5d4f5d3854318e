"""Arguments that a generic connector's description does not list: parameters of the query."""

from __future__ import annotations

import pytest
from connector_calls import refused, started

from hakobune.core.workflows.values import Value

DOCUMENT = "firestore.v1.projects.databases.documents"
TRANSLATE = "translate.v2.translations.translate"
NAME = "projects/p/databases/(default)/documents/ships/one"


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({"q": "harbour", "target": "fr"}, "?q=harbour&target=fr"),
        ({"query": {"q": "harbour", "target": "fr"}}, "?q=harbour&target=fr"),
        ({"q": ["a", "b"], "flag": True, "n": 2.5, "nothing": None}, "?q=a&q=b&flag=true&n=2.5"),
        ({}, ""),
    ],
)
def test_given_unlisted_arguments_then_they_are_parameters_of_the_query(
    arguments: dict[str, Value], query: str
) -> None:
    assert (
        started(TRANSLATE, **arguments).request.url
        == f"https://translation.googleapis.com/language/translate/v2{query}"
    )


def test_given_a_map_then_it_stands_for_parameters_with_dotted_names() -> None:
    request = started(f"{DOCUMENT}.patch", name=NAME, updateMask={"fieldPaths": ["a", "b"]}).request
    assert request.url.endswith("/ships/one?updateMask.fieldPaths=a&updateMask.fieldPaths=b")
    other = started(f"{DOCUMENT}.get", name=NAME, colour={"tone": "red"}).request
    assert other.url.endswith("/ships/one?colour.tone=red")


def test_given_the_map_query_then_its_keys_are_the_methods_own_parameters() -> None:
    parent = "projects/p/databases/(default)/documents"
    request = started(
        f"{DOCUMENT}.createDocument", parent=parent, collectionId="ships", query={"documentId": "one"}
    ).request
    assert request.url.endswith("/documents/ships?documentId=one")


def test_given_an_argument_beside_the_path_then_it_does_no_harm() -> None:
    listing = started(
        "integrations.v1.projects.locations.integrations.list", parent="projects/p/locations/l", location="l"
    )
    assert listing.request.url.endswith("/projects/p/locations/l/integrations?location=l")


@pytest.mark.parametrize("value", [{"deep": {"deeper": 1}}, [[1]], [{}]])
def test_given_a_value_that_no_query_can_hold_then_it_is_refused(value: Value) -> None:
    assert refused(TRANSLATE, q=value).startswith("TypeError: googleapis.translate.v2.translations.translate: argument")


def test_given_a_connector_that_is_served_here_then_a_misspelt_argument_is_told() -> None:
    assert refused("run.v2.projects.locations.jobs.run", name="projects/p/locations/l/jobs/j", colour="red") == (
        "TypeError: googleapis.run.v2.projects.locations.jobs.run: unknown argument colour"
    )
