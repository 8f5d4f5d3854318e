"""What requests and answers of Cloud Storage share, without a socket."""

from __future__ import annotations

import pytest

from hakobune.core.objects.failures import ConditionNotMet, NotModified
from hakobune.servers.http.messages import Request
from hakobune.servers.storage_answers import (
    check_etag,
    header_text,
    is_session_url,
    is_storage_path,
    key_of,
    root_of,
    text_of_header,
)
from hakobune.servers.storage_signatures import shows_signature


@pytest.mark.parametrize(
    ("target", "headers", "is_tls", "root"),
    [
        ("/x", {"host": "127.0.0.1:8642"}, False, "http://127.0.0.1:8642"),
        ("/x", {"host": "localhost:1"}, True, "https://localhost:1"),
        ("/x", {}, False, "http://127.0.0.1"),
        ("https://storage.googleapis.com/x?y", {"host": "other"}, False, "https://storage.googleapis.com"),
        ("HTTP://storage.googleapis.com?y", {}, False, "http://storage.googleapis.com"),
        ("/x?u=http://elsewhere/", {"host": "h"}, False, "http://h"),
    ],
)
def test_links_begin_as_the_caller_has_written_it(
    target: str, headers: dict[str, str], is_tls: bool, root: str
) -> None:
    assert root_of(Request(method="GET", target=target, headers=headers, is_tls=is_tls)) == root


def test_the_key_of_a_call_is_what_makes_it_safe_to_repeat() -> None:
    query = "name=x&ifGenerationMatch=0&ifSourceMetagenerationNotMatch=2&ifGenerationMatched=1&notifGenerationMatch=1"
    headers = {"x-goog-if-generation-match": "5", "if-match": "x", "x-goog-gcs-idempotency-token": "t"}
    request = Request(method="POST", target="/", query=query, headers=headers)
    assert key_of(request) == "ifGenerationMatch=0 ifSourceMetagenerationNotMatch=2 x-goog-if-generation-match: 5 t"
    assert key_of(Request(method="POST", target="/")) == ""


def test_etags() -> None:
    for good in ({}, {"if-match": "*"}, {"if-match": '"a", "b"'}, {"if-none-match": '"c"'}, {"if-match": "b"}):
        check_etag(good, '"b"')
    with pytest.raises(ConditionNotMet):
        check_etag({"if-match": '"c"'}, '"b"')
    for unwanted in ("*", 'W/"b"', "a, b"):
        with pytest.raises(NotModified):
            check_etag({"if-none-match": unwanted}, '"b"')


@pytest.mark.parametrize("text", ["plain", "日本", "é", ""])
def test_texts_in_headers_come_back(text: str) -> None:
    assert text_of_header(header_text(text)) == text


def test_a_header_that_is_no_utf_8_is_latin_1() -> None:
    assert text_of_header("\xe9") == "é"


def test_which_requests_prove_themselves() -> None:
    def asked(path: str, query: str = "") -> Request:
        return Request(method="PUT", target=f"{path}?{query}", path=path, query=query)

    assert is_session_url(asked("/upload/storage/v1/b/x/o", "upload_id=1"))
    assert not is_session_url(asked("/upload/storage/v1/b/x/o", "uploadType=resumable"))
    assert not is_session_url(asked("/storage/v1/b/x/o", "upload_id=1"))
    assert shows_signature(asked("/bucket/x", "X-Goog-Signature=00"))
    assert shows_signature(asked("/bucket/x", "Signature=AA&GoogleAccessId=a"))
    for path in ("/v1/x", "/V2/x", "/storage/v1/b", "/computeMetadata/v1", "//v1/x"):
        assert not shows_signature(asked(path, "X-Goog-Signature=00")), path
    assert not shows_signature(asked("/bucket/x", "signature=AA"))
    assert [is_storage_path(path) for path in ("/storage/v1/b", "/batch", "/v1/storage")] == [True, True, False]
