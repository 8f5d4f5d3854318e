"""Which service a host means."""

from __future__ import annotations

import pytest

from hakobune.core.names import project_number
from hakobune.core.services.addresses import Address, Place, address_of, choose, labelled, place_of
from hakobune.core.services.names import Kind, ResidentName


def named(service: str, project: str = "p1", location: str = "us-central1") -> ResidentName:
    return ResidentName(kind=Kind.SERVICE, project=project, location=location, id=service)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("api-abc123-uc.a.run.app", Address(label="api-abc123-uc")),
        ("api-12.us-east1.run.app.", Address(label="api-12", location="us-east1")),
        ("api.run.app", Address(label="api")),
        ("blue---api-12.us-east1.run.app", Address(label="api-12", tag="blue", location="us-east1")),
        ("blue---api-x.localhost", Address(label="api-x", tag="blue")),
        ("api-x.us-east1.localhost", Address(label="api-x")),
        ("api.localhost", Address(label="api", is_certain=False)),
        ("---api-x.localhost", Address(label="---api-x")),
        ("api---.localhost", Address(label="api---")),
        ("localhost", None),
        ("run.app", None),
        (".run.app", None),
        (".localhost", None),
        ("a.run.googleapis.com", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_hosts_are_taken_apart(host: str, address: Address | None) -> None:
    assert address_of(host) == address


def test_a_name_in_a_path_may_have_a_tag() -> None:
    assert labelled("blue---api") == Address(label="api", tag="blue")


def test_the_longest_name_that_begins_the_label_is_meant() -> None:
    names = [named("api"), named("api-v2"), named("ap")]
    assert choose("api-v2-abc", names, "p1", "us-central1") == named("api-v2")
    assert choose("api-v2", names, "p1", "us-central1") == named("api-v2")
    assert choose("api-v3", names, "p1", "us-central1") == named("api")
    assert choose("apix", names, "p1", "us-central1") is None
    assert choose("api2-abc", names, "p1", "us-central1") is None


def test_the_callers_project_and_region_come_first_then_the_only_match() -> None:
    near, far, other = named("api"), named("api", location="us-east1"), named("api", project="p2")
    assert choose("api-x", [other, far, near], "p1", "us-central1") == near
    assert choose("api-x", [far, other], "p1", "us-central1") == far
    assert choose("api-x", [other], "p1", "us-central1") == other
    assert choose("api-x", [other, named("api", project="p3")], "p1", "us-central1") is None
    assert choose("api-x", [far, named("api", location="us-west1")], "p1", "us-central1") is None


def test_given_the_number_of_a_project_then_it_is_that_projects_service() -> None:
    mine, theirs = named("api"), named("api", project="p2")
    assert choose(f"api-{project_number('p2')}", [mine, theirs], "p1", "us-central1") == theirs


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://A.run.app/x?y=1", Place(host="a.run.app", port=443, path="/x")),
        ("http://127.0.0.1:8080", Place(host="127.0.0.1", port=8080, path="")),
        ("http://a.localhost./", Place(host="a.localhost", port=80, path="/")),
        ("ftp://a/", None),
        ("my-audience", None),
        ("http://a:99999/", None),
        ("http:///x", None),
        ("http://[::1", None),
    ],
)
def test_urls_are_taken_apart(url: str, place: Place | None) -> None:
    assert place_of(url) == place
