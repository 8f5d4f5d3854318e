"""Whose hosts are ours: targets in both forms, names, origins of pages."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument, PermissionDenied
from hakobune.core.services.addresses import Address
from hakobune.servers.hosts import Hosts, Place, is_loopback
from hakobune.servers.http.messages import Request


def placed(
    target: str, host: str = "127.0.0.1:8642", *, method: str = "GET", bound: str = "127.0.0.1", origin: str = ""
):
    headers = {"host": host} | ({"origin": origin} if origin else {})
    request = Request(method=method, target=target, headers=headers)
    return Hosts(bound).place(request), request


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8642",
        "127.9.9.9",
        "localhost:1",
        "LOCALHOST",
        "[::1]:8642",
        "[::ffff:127.0.0.1]",
        "localhost.",
        "",
        "metadata.google.internal",
        "169.254.169.254",
    ],
)
def test_names_of_this_machine_are_ours(host: str) -> None:
    assert placed("/v2/x", host)[0] == Place(host="")


@pytest.mark.parametrize(
    ("host", "plain", "region"),
    [
        ("run.googleapis.com", "run.googleapis.com", None),
        ("us-central1-run.googleapis.com", "run.googleapis.com", "us-central1"),
        ("northamerica-northeast2-run.googleapis.com:443", "run.googleapis.com", "northamerica-northeast2"),
        ("run.us-east4.rep.googleapis.com", "run.googleapis.com", "us-east4"),
        ("run.hakobune.internal", "run.hakobune.internal", None),
        ("asia-northeast1-run.hakobune.internal", "run.hakobune.internal", "asia-northeast1"),
        ("mars-run.googleapis.com", "run.googleapis.com", "mars"),
        ("mars-run.hakobune.internal", "run.hakobune.internal", "mars"),
        ("run.mars.rep.googleapis.com", "run.googleapis.com", "mars"),
        ("us-central1-aiplatform.googleapis.com", "aiplatform.googleapis.com", "us-central1"),
        ("two-words.googleapis.com", "two-words.googleapis.com", None),
    ],
)
def test_hosts_of_apis_are_ours_with_their_region(host: str, plain: str, region: str | None) -> None:
    assert placed("/v2/x", host)[0] == Place(host=plain, region=region)


@pytest.mark.parametrize(
    "host",
    [
        "9mars-run.googleapis.com",
        "-run.googleapis.com",
        "us_central1-run.googleapis.com",
        f"{'a' * 64}-run.googleapis.com",
        "9-run.hakobune.internal",
        "run.9.rep.googleapis.com",
        "run..rep.googleapis.com",
    ],
)
def test_what_can_be_no_location_is_refused_in_front_of_an_api_and_never_dropped(host: str) -> None:
    with pytest.raises(InvalidArgument, match="location"):
        placed("/v2/x", host)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "evil.com:8642",
        "googleapis.com.evil.com",
        "evilgoogleapis.com",
        "127.0.0.1.nip.io",
        "localhost.evil.com",
        "10.0.0.1",
        "8.8.8.8",
        "run.app",
        "[fe80::1]",
        "run.hakobune.internal.evil.com",
    ],
)
def test_other_hosts_are_refused_whichever_way_they_are_named(host: str) -> None:
    for target in ("/healthz", f"http://{host}/healthz"):
        with pytest.raises(PermissionDenied):
            placed(target, host)


@pytest.mark.parametrize(
    "host", ["a b", "a@127.0.0.1", "127.0.0.1:99999999", "127.0.0.1:x", "[::1", "a/b", "é", "a:1:2"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidArgument):
        placed("/healthz", host)


def test_given_an_absolute_target_then_its_host_counts_and_not_the_header() -> None:
    place, request = placed("HTTP://us-central1-run.googleapis.com:80/apis/x?a=1#f", "evil.com")
    assert place == Place(host="run.googleapis.com", region="us-central1")
    assert (request.path, request.query) == ("/apis/x", "a=1")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a/b?c=d?e", "/a/b", "c=d?e"),
        ("/a#b?c", "/a", ""),
        ("/a?b#c", "/a", "b"),
        ("//v2/x", "//v2/x", ""),
        ("http://localhost", "/", ""),
        ("http://localhost?a=b", "/", "a=b"),
        ("http://localhost#f", "/", ""),
    ],
)
def test_targets_are_split_into_path_and_query(target: str, path: str, query: str) -> None:
    _, request = placed(target)
    assert (request.path, request.query) == (path, query)


@pytest.mark.parametrize("target", ["*", "ftp://localhost/x", "http:///x", "http:/x", "javascript:x", "http://"])
def test_other_targets_are_refused(target: str) -> None:
    with pytest.raises(InvalidArgument):
        placed(target)


def test_given_connect_then_its_target_is_the_host() -> None:
    assert placed("run.googleapis.com:443", method="CONNECT")[0].host == "run.googleapis.com"
    with pytest.raises(PermissionDenied):
        placed("example.com:443", method="CONNECT")


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("hello-abc123-uc.a.run.app", Address(label="hello-abc123-uc")),
        ("hello-1234567.us-central1.run.app", Address(label="hello-1234567", location="us-central1")),
        ("blue---hello-1.us-central1.run.app:443", Address(label="hello-1", tag="blue", location="us-central1")),
        ("HELLO-1.localhost:8642", Address(label="hello-1")),
        ("hello-1.us-central1.localhost.", Address(label="hello-1")),
        ("hello.localhost", Address(label="hello", is_certain=False)),
    ],
)
def test_hosts_of_services_say_which_one(host: str, service: Address) -> None:
    place = placed("/", host)[0]
    assert place.service == service
    assert bool(place.host) is service.is_certain


def test_given_a_page_of_another_site_then_it_may_call_a_service_for_that_decides_itself() -> None:
    assert placed("/", "hello-1.localhost", origin="https://evil.com")[0].service is not None
    with pytest.raises(PermissionDenied):
        placed("/", "hello.localhost", origin="https://evil.com")


@pytest.mark.parametrize(
    ("host", "target", "bucket"),
    [
        ("storage.googleapis.com", "/bucket/object", ""),
        ("my_bucket.storage.googleapis.com", "/object", "my_bucket"),
        ("my-run.storage.googleapis.com", "/object", "my-run"),
        ("my.bucket.storage.googleapis.com", "/v1/object", "my.bucket"),
        ("storage.googleapis.com", "/storage/v1/b", None),
        ("storage.googleapis.com", "/upload/storage/v1/b", None),
        ("127.0.0.1", "/bucket/object", None),
    ],
)
def test_the_xml_api_has_hosts_of_its_own(host: str, target: str, bucket: str | None) -> None:
    place = placed(target, host)[0]
    assert (place.is_xml, place.bucket) == (bucket is not None, bucket or "")


@pytest.mark.parametrize(
    "origin", ["https://evil.com", "null", "http://127.0.0.1.evil.com", "http://[", "https://storage.googleapis.com"]
)
def test_given_a_page_of_another_site_then_it_may_not_call(origin: str) -> None:
    with pytest.raises(PermissionDenied):
        placed("/v2/x", method="POST", origin=origin)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8642", "http://[::1]:80"])
def test_given_a_page_of_this_machine_then_it_may_call(origin: str) -> None:
    assert placed("/v2/x", method="POST", origin=origin)[0] == Place(host="")


def test_given_a_port_that_is_open_to_others_then_its_addresses_are_ours_and_names_are_not() -> None:
    assert placed("/x", "10.0.0.1:8642", bound="0.0.0.0")[0] == Place(host="")
    with pytest.raises(PermissionDenied):
        placed("/x", "evil.com", bound="0.0.0.0")


def test_loopback_is_what_reaches_only_this_machine() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "example.com")] == [
        True,
        True,
        True,
        False,
        False,
    ]
