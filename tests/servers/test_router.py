"""Paths to handlers; queries to fields."""

from __future__ import annotations

import anyio
import pytest

from hakobune.core.errors import InvalidArgument, NotFound
from hakobune.servers.http.messages import Request, Response, text_response
from hakobune.servers.http.router import MethodNotAllowed, Router
from hakobune.servers.query import count, flag, number, only

JOB = "/v2/projects/{project}/jobs/{job}"


async def shown(request: Request) -> Response:
    return text_response(" ".join(f"{name}={value}" for name, value in request.parameters.items()))


def routed(path: str, method: str = "GET") -> str:
    router = Router()
    for verb, pattern in (
        ("GET", JOB),
        ("DELETE", JOB),
        ("POST", JOB + ":run"),
        ("GET", "/v2/projects/{project}/jobs"),
        ("GET", "/v2/projects/{project}"),
        ("POST", "/v2/projects/{project}:test"),
        ("GET", "/storage/v1/{rest*}"),
        ("GET", "/"),
    ):
        router.add(verb, pattern, shown)
    return anyio.run(router, Request(method=method, target=path, path=path)).content.decode()


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("GET", "/v2/projects/p/jobs/j", "project=p job=j"),
        ("HEAD", "/v2/projects/p/jobs/j", "project=p job=j"),
        ("POST", "/v2/projects/p/jobs/j:run", "project=p job=j"),
        ("GET", "//v2/projects/p/jobs/j", "project=p job=j"),
        ("GET", "///v2/projects/p/jobs", "project=p"),
        ("GET", "/v2/projects/example.com:p", "project=example.com:p"),
        ("GET", "/v2/projects/example.com:p/jobs/j", "project=example.com:p job=j"),
        ("POST", "/v2/projects/example.com:p:test", "project=example.com:p"),
        ("GET", "/v2/projects/%70/jobs/a%20b", "project=p job=a b"),
        ("GET", "/v2/projects/p/jobs/a%2Fb", "project=p job=a/b"),
        ("GET", "/storage/v1/b/x/o/y", "rest=b/x/o/y"),
        ("GET", "/storage/v1/", "rest="),
        ("GET", "/storage/v1", "rest="),
        ("GET", "/v2/projects/p/jobs/j:frob", "project=p job=j:frob"),
        ("GET", "/", ""),
    ],
)
def test_a_path_finds_its_handler(method: str, path: str, parameters: str) -> None:
    assert routed(path, method) == parameters


@pytest.mark.parametrize(
    "path",
    [
        "/v3",
        "/v2/projects//jobs",
        "/v2/projects/p//jobs",
        "/v2/projects/p/jobs/j/",
        "/v2/./projects/p",
        "/v2/projects/p/jobs/j/../k",
        "/V2/projects/p",
        "/storage/v2",
    ],
)
def test_given_an_unknown_path_then_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        routed(path)


@pytest.mark.parametrize("segment", [".", "..", "%2e%2e", "%2E", "a%00b", "%ff", "%c3%28"])
def test_given_a_segment_that_is_no_name_then_it_is_refused(segment: str) -> None:
    with pytest.raises(InvalidArgument):
        routed(f"/v2/projects/p/jobs/{segment}")


def test_given_a_method_that_the_path_has_not_then_the_others_are_named() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        routed("/v2/projects/p/jobs/j", "PUT")
    assert (caught.value.status, caught.value.allowed) == (405, "DELETE, GET")


# -- queries ----------------------------------------------------------------------------------------------------------


def asked(query: str) -> Request:
    return Request(method="GET", target="/", query=query)


def test_given_a_field_that_the_method_does_not_know_then_it_is_named() -> None:
    handler = only("pageSize", shown)
    for query in ("pageSize=1", "alt=json&prettyPrint=false", "$alt=json%3Benum-encoding%3Dint", "", "fields=a&key=b"):
        assert anyio.run(handler, asked(query)).status == 200
    for query in ("pagesize=1", "updateMask=a", "alt=proto", "page%20Size=1"):
        with pytest.raises(InvalidArgument):
            anyio.run(handler, asked(query))


@pytest.mark.parametrize("query", ["a=%00", "%00=a", "a=%ff", "&".join(f"a{number}=1" for number in range(300))])
def test_given_a_query_that_cannot_be_read_then_it_is_refused(query: str) -> None:
    with pytest.raises(InvalidArgument):
        asked(query).query_fields()


def test_flags_and_numbers_are_what_they_say() -> None:
    assert [flag(asked(f"a={text}"), "a") for text in ("true", "True", "1", "false", "0", "")] == [True] * 3 + [
        False
    ] * 3
    assert [number(asked(query), "a") for query in ("a=12", "a=-3", "a=", "")] == [12, -3, 0, 0]
    assert count("12", "a") == 12
    for text in ("yes", "2"):
        with pytest.raises(InvalidArgument):
            flag(asked(f"a={text}"), "a")
    for text in ("1.5", "1e3", "%C2%B2", "12345678901", "--1", "abc"):
        with pytest.raises(InvalidArgument):
            number(asked(f"a={text}"), "a")
    for text in ("-1", "", "²", "1" * 16):
        with pytest.raises(InvalidArgument):
            count(text, "a")


def test_given_a_repeated_field_then_all_values_are_there_and_the_last_one_counts() -> None:
    request = asked("names=a&names=b%2Fc&x=1")
    assert request.query_values("names") == ["a", "b/c"]
    assert request.query_fields() == {"names": "b/c", "x": "1"}
