"""How the arguments of `http.*` become a request."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_calls import not_started, started

from hakobune.core.workflows.effects import HttpRequest, Token, TokenKind
from hakobune.core.workflows.stdlib.http_requests import USER_AGENT
from hakobune.core.workflows.values import Value

URL = "https://example.com/x"
SERVICE = "projects/p/locations/l/namespaces/n/services/s"


def sent(name: str = "http.post", **arguments: Value) -> HttpRequest:
    effect = started(name, **({"url": URL} | arguments)).effect
    assert isinstance(effect, HttpRequest)
    return effect


def not_sent(name: str = "http.post", **arguments: Value) -> str:
    return not_started(name, **({"url": URL} | arguments))


def headers_of(request: HttpRequest) -> dict[str, str]:
    return dict(request.headers)


@pytest.mark.parametrize("method", ["get", "delete", "patch", "post", "put"])
def test_each_function_has_its_method(method: str) -> None:
    assert sent(f"http.{method}") == HttpRequest(
        method=method.upper(), url=URL, headers=(("User-Agent", USER_AGENT),), timeout_s=300.0
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_request_takes_the_method(method: str) -> None:
    assert sent("http.request", method=method).method == method


@pytest.mark.parametrize("method", ["get", "TRACE", "CONNECT", "", "GET "])
def test_request_refuses_another_method(method: str) -> None:
    assert not_sent("http.request", method=method).startswith("ValueError: http.request: unsupported method")


def test_request_wants_a_text_as_method() -> None:
    assert not_sent("http.request", method=1).startswith("TypeError: ")


def test_arguments_by_position() -> None:
    effect = started("http.get", URL, 5, {"X-A": "1"}, {"q": "2"}).effect
    assert isinstance(effect, HttpRequest)
    assert (effect.timeout_s, effect.url) == (5.0, f"{URL}?q=2")
    assert headers_of(effect)["X-A"] == "1"


def test_a_get_has_no_body() -> None:
    assert not_started("http.get", url=URL, body={}) == "TypeError: http.get: unknown argument body"


# -- address ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTP://example.com/a", "http://example.com/a"),
        ("https://example.com:8443/a/b?c=d", "https://example.com:8443/a/b?c=d"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://example.com/a b", "http://example.com/a%20b"),
        ("http://example.com/a%2Fb%20c", "http://example.com/a%2Fb%20c"),
        ("http://example.com/100%", "http://example.com/100%25"),
        ("http://example.com/日本?q=日", "http://example.com/%E6%97%A5%E6%9C%AC?q=%E6%97%A5"),
        ("http://example.com/a#part", "http://example.com/a"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
    ],
)
def test_urls(url: str, asked: str) -> None:
    assert sent(url=url).url == asked


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "example.com",
            "/path",
            "ftp://example.com/",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "https://:80/",
        ),
        *("http://exa mple.com/", "http://example.com:port/", "http://example.com:99999/", "http://example.com:0/"),
        *(" http://example.com/", "http://example.com/ ", "http://example.com/\n", "http://exa\tmple.com/"),
        *("http://example.com/\x00", "http://[::1/", "http://a\\b/", "http://a<b>/", "http://example.com/\ud800"),
    ],
)
def test_invalid_urls(url: str) -> None:
    assert not_sent(url=url).startswith("ValueError: http.post: ")


@pytest.mark.parametrize("url", [None, 1, [], {}, b"http://example.com"])
def test_a_url_is_a_string(url: Value) -> None:
    assert not_sent(url=url).startswith("TypeError: http.post: argument 'url'")


@pytest.mark.parametrize(
    ("query", "added"),
    [
        ({}, ""),
        ({"a": "b c"}, "?a=b%20c"),
        ({"a": 1, "b": 2.5, "c": True, "d": False}, "?a=1&b=2.5&c=true&d=false"),
        ({"a": ["x", 2, True]}, "?a=x&a=2&a=true"),
        ({"a": []}, ""),
        ({"k&=": "+/&=日"}, "?k%26%3D=%2B%2F%26%3D%E6%97%A5"),
        ({"a": ""}, "?a="),
    ],
)
def test_the_query_is_encoded(query: Value, added: str) -> None:
    assert sent(query=query).url == URL + added


def test_the_query_is_appended_to_the_one_that_is_there() -> None:
    assert sent(url=f"{URL}?a=1#top", query={"b": 2}).url == f"{URL}?a=1&b=2"
    assert sent(url=f"{URL}?", query={"b": 2}).url == f"{URL}?b=2"


@pytest.mark.parametrize("query", ["a=1", [], 1, {"a": None}, {"a": {}}, {"a": [None]}, {"a": [[1]]}, {"a": b"x"}])
def test_a_query_of_another_type(query: Value) -> None:
    assert not_sent(query=query).startswith("TypeError: http.post: ")


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 300.0), (1, 1.0), (0.5, 0.5), (1800, 1800.0)])
def test_timeouts(timeout: Value, seconds: float) -> None:
    assert sent(timeout=timeout).timeout_s == seconds


@pytest.mark.parametrize("timeout", [0, -1, 1800.001, math.inf, math.nan])
def test_timeouts_that_cannot_be(timeout: Value) -> None:
    assert not_sent(timeout=timeout) == "ValueError: http.post: timeout must be above 0 and at most 1800 seconds"


@pytest.mark.parametrize("timeout", ["5", True, []])
def test_a_timeout_is_a_number(timeout: Value) -> None:
    assert not_sent(timeout=timeout).startswith("TypeError: http.post: argument 'timeout'")


# -- headers and credentials ------------------------------------------------------------------------------------


def test_headers_are_texts_and_numbers_become_texts() -> None:
    request = sent(headers={"X-A": " a ", "X-B": 1, "X-C": 1.5, "X-D": True})
    assert request.headers == (
        *(("X-A", "a"), ("X-B", "1"), ("X-C", "1.5"), ("X-D", "true")),
        ("User-Agent", USER_AGENT),
    )


def test_the_user_agent_stands_after_the_users_own() -> None:
    assert sent(headers={"user-agent": "mine/1"}).headers == (("User-Agent", f"mine/1 {USER_AGENT}"),)


def test_headers_that_describe_the_connection_are_not_sent() -> None:
    headers: Value = {"Host": "h", "content-length": "3", "Transfer-Encoding": "chunked", "Trailer": "x", "X-A": "1"}
    assert headers_of(sent(headers=headers)).keys() == {"X-A", "User-Agent"}


def test_the_users_own_credentials_and_idempotency_key_are_sent() -> None:
    headers = headers_of(sent(headers={"Authorization": "Basic eA==", "Idempotency-Key": "k"}))
    assert headers["Authorization"] == "Basic eA=="
    assert headers["Idempotency-Key"] == "k"


@pytest.mark.parametrize("headers", ["X: 1", [], 1, {"X": None}, {"X": []}, {"X": {}}, {"X": b"x"}])
def test_headers_of_another_type(headers: Value) -> None:
    assert not_sent(headers=headers).startswith("TypeError: http.post: ")


@pytest.mark.parametrize(
    "headers", [{"": "x"}, {"X A": "x"}, {"X:": "x"}, {"日": "x"}, {"X": "a\r\nY: b"}, {"X": "a\x00"}, {"X": "\ud800"}]
)
def test_headers_that_cannot_be_sent(headers: Value) -> None:
    assert not_sent(headers=headers).startswith("ValueError: http.post: ")


def test_an_identity_token_is_for_the_url_unless_an_audience_is_named() -> None:
    assert sent(auth={"type": "OIDC"}, query={"a": 1}).token == Token(kind=TokenKind.OIDC, audience=URL)
    token = sent(auth={"type": "OIDC", "audience": "https://example.com"}).token
    assert token == Token(kind=TokenKind.OIDC, audience="https://example.com")


@pytest.mark.parametrize(
    ("auth", "scopes"),
    [
        ({}, ("https://www.googleapis.com/auth/cloud-platform",)),
        ({"scope": "a"}, ("a",)),
        ({"scopes": "a b,c, d"}, ("a", "b", "c", "d")),
        ({"scopes": ["a", "b c"]}, ("a", "b", "c")),
        ({"scope": "a", "scopes": ["b"]}, ("a", "b")),
        ({"scopes": []}, ("https://www.googleapis.com/auth/cloud-platform",)),
        ({"audience": "of the other type"}, ("https://www.googleapis.com/auth/cloud-platform",)),
    ],
)
def test_an_access_token_has_scopes(auth: dict[str, Value], scopes: tuple[str, ...]) -> None:
    assert sent(auth={"type": "OAuth2"} | auth).token == Token(kind=TokenKind.OAUTH2, scopes=scopes)


def test_a_token_takes_the_place_of_the_users_authorization() -> None:
    request = sent(headers={"authorization": "Basic eA==", "X": "1"}, auth={"type": "OIDC"})
    assert headers_of(request).keys() == {"X", "User-Agent"}
    assert sent(auth=None).token is None


@pytest.mark.parametrize("auth", [{}, {"type": "oidc"}, {"type": "Basic"}, {"type": "OIDC", "audiences": "x"}])
def test_auth_that_cannot_be(auth: Value) -> None:
    assert not_sent(auth=auth).startswith("ValueError: http.post: ")


@pytest.mark.parametrize(
    "auth",
    [
        "OIDC",
        [],
        {"type": 1},
        {"type": "OIDC", "audience": 1},
        {"type": "OAuth2", "scopes": 1},
        {"type": "OAuth2", "scopes": [1]},
    ],
)
def test_auth_of_another_type(auth: Value) -> None:
    assert not_sent(auth=auth).startswith("TypeError: http.post: ")


def test_a_certificate_is_bytes() -> None:
    assert sent(ca_certificate=b"der").ca_certificate == b"der"
    assert not_sent(ca_certificate="pem").startswith("ValueError: http.post: ca_certificate")


def test_private_services_are_not_supported() -> None:
    assert not_sent(private_service_name=SERVICE).startswith("SystemError: http.post: private_service_name")
    assert not_sent(private_service_name="s").startswith("ValueError: http.post: private_service_name")
    assert not_sent(private_service_name=1).startswith("TypeError: http.post: ")
    with_port = not_sent(private_service_name=SERVICE, url="https://example.com:8443/")
    assert with_port == "ValueError: http.post: with private_service_name the URL must not have a port"


# -- body -------------------------------------------------------------------------------------------------------

JSON = "application/json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        ({"b": 1, "a": "日"}, '{"a":"日","b":1}'.encode(), JSON),
        ([1, 2.0, None], b"[1,2,null]", JSON),
        ("text", b'"text"', JSON),
        (5, b"5", JSON),
        (False, b"false", JSON),
        (b"\x00\x01", b"\x00\x01", "application/octet-stream"),
    ],
)
def test_a_body_without_a_type_is_json_or_bytes(body: Value, content: bytes, content_type: str) -> None:
    request = sent(body=body)
    assert request.body == content
    assert headers_of(request)["Content-Type"] == content_type


@pytest.mark.parametrize("arguments", [{}, {"body": None}])
def test_no_body_has_no_type(arguments: dict[str, Value]) -> None:
    request = sent(**arguments)
    assert request.body is None
    assert "Content-Type" not in headers_of(request)


@pytest.mark.parametrize(
    ("content_type", "body", "content"),
    [
        ("application/json", {"a": 1}, b'{"a":1}'),
        ("Application/JSON; charset=utf-8", [1], b"[1]"),
        ("application/json", '{"already": "text"}', b'{"already": "text"}'),
        ("application/json", True, b"true"),
        ("application/merge-patch+json", {"a": 1}, b'{"a":1}'),
        (FORM, {"a": "b c", "l": [1, True], "日": "+&="}, b"a=b+c&l=1&l=true&%E6%97%A5=%2B%26%3D"),
        (FORM, "a=1&b=2", b"a=1&b=2"),
        ("text/plain", "日", "日".encode()),
        ("text/csv", b"a,b", b"a,b"),
        ("application/xml", "<a/>", b"<a/>"),
        ("nonsense", "x", b"x"),
    ],
)
def test_a_body_is_encoded_as_its_type_asks(content_type: str, body: Value, content: bytes) -> None:
    request = sent(headers={"content-type": content_type}, body=body)
    assert request.body == content
    assert [value for name, value in request.headers if name.lower() == "content-type"] == [content_type]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/plain", {"a": 1}), ("text/plain", [1]), ("application/xml", {}), (FORM, [1]), (FORM, 5), ("text/plain", 5)],
)
def test_a_body_that_its_type_cannot_hold(content_type: str, body: Value) -> None:
    text = not_sent(headers={"Content-Type": content_type}, body=body)
    assert text.startswith("ValueError: http.post: a body of type ")


def test_a_form_holds_scalars_and_lists_of_them() -> None:
    assert not_sent(headers={"Content-Type": FORM}, body={"a": {}}).startswith("TypeError: http.post: ")


def test_a_body_that_json_cannot_hold() -> None:
    assert not_sent(body={"a": b"x"}).startswith("ValueError: ")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=4))
def test_any_query_makes_an_ascii_url(query: dict[str, str]) -> None:
    request = sent(query=dict(query))
    assert request.url.isascii()
    assert not set(request.url) & set(" \r\n#")
