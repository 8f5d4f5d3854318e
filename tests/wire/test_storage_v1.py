"""The small parts of Cloud Storage's wire: ranges, partial responses, resources, notices, signatures, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import Code, HakobuneError, InvalidArgument, Unauthenticated, Unavailable
from hakobune.core.objects.failures import Conflicts, InvalidRequest, NothingFound, ObjectsError, RequiredMissing
from hakobune.core.objects.model import (
    Bucket,
    BucketSettings,
    Checksums,
    Destination,
    EventType,
    LifecycleRule,
    Notice,
    NotificationConfig,
    ObjectEvent,
    ObjectMetadata,
    ObjectState,
    ObjectVersion,
    PayloadFormat,
)
from hakobune.wire.storage_v1_access import AclKind, with_entries
from hakobune.wire.storage_v1_batch import calls_from_body
from hakobune.wire.storage_v1_buckets import (
    bucket_to_json,
    layout_to_json,
    location_type,
    settings_from_json,
    settings_to_json,
    varint,
)
from hakobune.wire.storage_v1_errors import XmlRefusal, error_to_storage_json, error_to_storage_xml, status_of
from hakobune.wire.storage_v1_fields import selected
from hakobune.wire.storage_v1_notifications import notice_to_message
from hakobune.wire.storage_v1_objects import (
    given_from_headers,
    has_metadata,
    is_class_alone,
    metadata_from_json,
    metadata_to_json,
    object_etag,
    object_to_json,
    with_class,
)
from hakobune.wire.storage_v1_parameters import is_full_projection, list_from_query, parameter_flag, parameter_required
from hakobune.wire.storage_v1_ranges import (
    RangeNotSatisfiable,
    Span,
    content_range_from_text,
    span_from_range,
)
from hakobune.wire.storage_v1_reading import Fields, ParseError, document, merged
from hakobune.wire.storage_v1_signatures import SignedRequest, signed_url
from hakobune.wire.storage_v1_times import compact_time_from_text, exact_time_to_text, time_to_text

ROOT = "http://127.0.0.1:1"


def a_version(**more: Any) -> ObjectVersion:
    fields: dict[str, Any] = {
        "bucket": "bk",
        "name": "dir/ü x",
        "generation": 1_795_598_174_751_544,
        "metageneration": 3,
        "state": ObjectState.LIVE,
        "size_bytes": 5,
        "checksums": Checksums(crc32c=0x9A71BB4C, md5="5d41402abc4b2a76b9719d911017c592"),
        "content": "c",
        "create_s": 1_795_598_174.75,
        "update_s": 1_795_598_175.25,
        "metadata": ObjectMetadata(content_type="text/plain", storage_class="STANDARD"),
        "class_update_s": 1_795_598_174.75,
    }
    return ObjectVersion(**(fields | more))


# -- ranges ---------------------------------------------------------------------------------------------------------


@given(first=st.integers(0, 30), last=st.none() | st.integers(0, 30), size=st.integers(0, 20))
def test_a_range_means_what_slicing_means(first: int, last: int | None, size: int) -> None:
    content = bytes(range(size))
    text = f"bytes={first}-{'' if last is None else last}"
    if last is not None and last < first:
        assert span_from_range(text, size) is None
    elif first >= size:
        with pytest.raises(RangeNotSatisfiable) as caught:
            span_from_range(text, size)
        assert caught.value.size_bytes == size
    else:
        span = span_from_range(text, size)
        assert span is not None
        wanted = content[first:] if last is None else content[first : last + 1]
        assert content[span.first : span.first + span.size_bytes] == wanted
        assert span.content_range(size) == f"bytes {first}-{first + len(wanted) - 1}/{size}"


@given(count=st.integers(0, 30), size=st.integers(0, 20))
def test_a_range_from_the_end(count: int, size: int) -> None:
    if not count or not size:
        with pytest.raises(RangeNotSatisfiable):
            span_from_range(f"bytes=-{count}", size)
    else:
        span = span_from_range(f"bytes=-{count}", size)
        assert span == Span(first=max(0, size - count), size_bytes=min(count, size))


@given(text=st.text(max_size=30))
def test_any_text_is_a_range_or_ignored(text: str) -> None:
    assert span_from_range(f"x{text}", 5) is None


@given(text=st.text(max_size=30) | st.from_regex(r"bytes [0-9*-]{1,25}/[0-9*]{1,25}", fullmatch=True))
def test_any_text_is_a_content_range_or_refused(text: str) -> None:
    try:
        found = content_range_from_text(text)
    except InvalidRequest:
        return
    assert (
        found.span is None or found.total_bytes is None or found.span.first + found.span.size_bytes <= found.total_bytes
    )


# -- partial responses ----------------------------------------------------------------------------------------------

TREE = {"kind": "k", "items": [{"name": "a", "metadata": {"x": 1, "y": 2}}, {"name": "b"}], "nextPageToken": "t"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", TREE),
        ("*", TREE),
        ("kind", {"kind": "k"}),
        ("none", {}),
        ("items", {"items": TREE["items"]}),
        ("items/name, nextPageToken", {"items": [{"name": "a"}, {"name": "b"}], "nextPageToken": "t"}),
        ("items(name,metadata/x)", {"items": [{"name": "a", "metadata": {"x": 1}}, {"name": "b"}]}),
        ("items/metadata(y)", {"items": [{"metadata": {"y": 2}}, {}]}),
        ("items(*)", {"items": TREE["items"]}),
        ("kind/deeper", {"kind": "k"}),
    ],
)
def test_fields(text: str, wanted: object) -> None:
    assert selected(dict(TREE), text) == wanted


@pytest.mark.parametrize(
    "text", ["a(", "a)", "a,,b", "a/", "(a)", "a(b", "!", "a(b))", "a" * 9000, "a(" * 20 + "b" + ")" * 20]
)
def test_fields_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InvalidRequest):
        selected(dict(TREE), text)


# -- resources ------------------------------------------------------------------------------------------------------


def test_settings_come_back_as_they_were() -> None:
    settings = BucketSettings(
        storage_class="NEARLINE",
        is_versioned=True,
        soft_delete_s=604_800,
        lifecycle=(
            LifecycleRule(action="Delete", age_days=0, is_live=False, days_since_noncurrent=1, suffixes=(".tmp",)),
            LifecycleRule(
                action="SetStorageClass",
                storage_class="ARCHIVE",
                created_before_s=1_767_225_600.0,
                noncurrent_before_s=1_767_225_600.0,
                custom_time_before_s=1_767_225_600.0,
                days_since_custom_time=3,
                newer_versions=2,
                prefixes=("a", "b"),
                storage_classes=("STANDARD",),
            ),
        ),
        labels={"a": "b"},
        extra={"website": {"mainPageSuffix": "x"}, "cors": [{"method": ["GET"]}]},
    )
    assert settings_from_json(json.loads(json.dumps(settings_to_json(settings)))) == settings


metadata_strategy = st.builds(
    ObjectMetadata,
    content_type=st.text(max_size=5),
    content_encoding=st.sampled_from(["", "gzip"]),
    cache_control=st.text(max_size=5),
    storage_class=st.sampled_from(["", "STANDARD"]),
    custom_time_s=st.none() | st.integers(0, 4_000_000_000).map(float),
    has_temporary_hold=st.booleans(),
    has_event_based_hold=st.booleans(),
    custom=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
    extra=st.sampled_from([{}, {"acl": [{"entity": "allUsers", "role": "READER"}]}]),
)


@given(metadata=metadata_strategy)
def test_metadata_comes_back_as_it_was(metadata: ObjectMetadata) -> None:
    assert metadata_from_json(json.loads(json.dumps(metadata_to_json(metadata)))) == metadata


@given(
    old=st.dictionaries(st.sampled_from("abc"), st.integers()),
    patch=st.dictionaries(st.sampled_from("abc"), st.none() | st.integers()),
)
def test_a_merge_patch(old: dict[str, object], patch: dict[str, object]) -> None:
    wanted = {name: value for name, value in (old | patch).items() if value is not None}
    assert merged(old, patch) == wanted
    assert merged({"x": old}, {"x": patch}) == {"x": wanted}
    assert merged({"x": 1}, {"x": {"y": 1}}) == {"x": {"y": 1}}


def test_a_bucket_and_its_layout() -> None:
    settings = BucketSettings(extra={"hierarchicalNamespace": {"enabled": True}, "acl": [], "rpo": "DEFAULT"})
    bucket = Bucket(
        name="bk", project="demo-project", create_s=0.0, update_s=0.0, metageneration=300, settings=settings
    )
    found = bucket_to_json(bucket, ROOT)
    assert (found["etag"], found["rpo"]) == ("CKwC", "DEFAULT")
    assert "acl" not in found
    assert bucket_to_json(bucket, ROOT, is_full=True)["acl"] == []
    assert layout_to_json(bucket)["hierarchicalNamespace"] == {"enabled": True}
    assert [location_type(name) for name in ("US", "ASIA1", "ASIA-NORTHEAST1")] == [
        "multi-region",
        "dual-region",
        "region",
    ]


def test_etags_and_numbers() -> None:
    assert varint(0) == b"\0"
    assert varint(300) == b"\xac\x02"
    assert len({object_etag(a_version(metageneration=number)) for number in range(1, 300)}) == 299


def test_an_object_that_is_not_live() -> None:
    version = a_version(state=ObjectState.SOFT_DELETED, delete_s=1.0, soft_delete_s=2.0, hard_delete_s=3.0)
    found = object_to_json(version, ROOT)
    assert (found["timeDeleted"], found["softDeleteTime"]) == ("1970-01-01T00:00:01.000Z", "1970-01-01T00:00:02.000Z")
    assert "mediaLink" not in found


def test_what_a_destination_gets() -> None:
    assert not has_metadata({"name": "x", "contentType": None, "size": "5"})
    assert has_metadata({"contentType": "a/b"})
    assert is_class_alone({"name": "x", "storageClass": "ARCHIVE"})
    assert not is_class_alone({"storageClass": "ARCHIVE", "metadata": {}})
    found = with_class(Destination(bucket="b", name="n"), a_version(), "archive").metadata
    assert found is not None
    assert (found.storage_class, found.content_type) == ("ARCHIVE", "text/plain")


def test_instants() -> None:
    assert time_to_text(1.2345678) == "1970-01-01T00:00:01.234Z"
    assert exact_time_to_text(1.5) == "1970-01-01T00:00:01.500Z"
    assert exact_time_to_text(1.234567) == "1970-01-01T00:00:01.234567Z"
    assert compact_time_from_text("19700101T000001Z") == 1.0


# -- reading --------------------------------------------------------------------------------------------------------


def test_fields_of_wrong_types_are_named_with_their_path() -> None:
    fields = Fields({"a": {"b": 5}, "n": True, "l": [1], "big": "9" * 30, "d": -1, "o": [5]})
    child = fields.child("a")
    assert child is not None
    for read, name in (
        (lambda: child.text("b"), "a.b"),
        (lambda: fields.number("n"), "n"),
        (lambda: fields.number("big"), "big"),
        (lambda: fields.names("l"), "l"),
        (lambda: fields.days("d"), "d"),
        (lambda: fields.children("o"), r"o\[0\]"),
        (lambda: fields.child("n"), "n"),
        (lambda: fields.children("n"), "n"),
        (lambda: fields.is_set("l"), "l"),
    ):
        with pytest.raises(InvalidRequest, match=name):
            read()
    assert Fields({"i": "2026-01-31"}).instant("i") == 1_769_817_600.0
    assert Fields({"i": None, "n": "12"}).number("n") == 12


def test_documents() -> None:
    assert document(b"") == {}
    with pytest.raises(ParseError):
        document(b"{")
    with pytest.raises(InvalidRequest):
        document(b"[]")


def test_parameters() -> None:
    assert parameter_flag({"x": "True"}, "x")
    assert not parameter_flag({"x": "0"}, "x")
    assert is_full_projection({"projection": "FULL"})
    with pytest.raises(InvalidRequest):
        list_from_query({"maxResults": "99999999999"})
    with pytest.raises(RequiredMissing):
        parameter_required({}, "x")


def test_checksums_in_headers() -> None:
    found = given_from_headers({"x-goog-hash": "crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg=="})
    assert (found.crc32c, found.md5) == (0x9A71BB4C, "5d41402abc4b2a76b9719d911017c592")
    assert given_from_headers({"content-md5": "XUFAKrxLKna5cZ2REBfFkg=="}).md5 == found.md5
    with pytest.raises(InvalidRequest):
        given_from_headers({"x-goog-hash": "crc32c=!"})


def test_an_access_list_has_its_bound() -> None:
    with pytest.raises(InvalidRequest):
        with_entries({}, AclKind.ACL, [{}] * 101)


# -- notices --------------------------------------------------------------------------------------------------------


def test_a_notice_is_a_message_with_the_object_and_its_attributes() -> None:
    config = NotificationConfig(id="7", topic="projects/p/topics/t", custom_attributes={"k": "v", "eventType": "mine"})
    event = ObjectEvent(type=EventType.FINALIZE, version=a_version(), at_s=1.5, overwrote_generation=6)
    data, attributes = notice_to_message(Notice(config=config, event=event), ROOT)
    assert json.loads(data) == object_to_json(a_version(), ROOT)
    assert attributes == {
        "k": "v",
        "notificationConfig": "projects/_/buckets/bk/notificationConfigs/7",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": "bk",
        "objectId": "dir/ü x",
        "objectGeneration": "1795598174751544",
        "eventTime": "1970-01-01T00:00:01.500Z",
        "overwroteGeneration": "6",
    }


def test_a_notice_without_a_payload() -> None:
    config = NotificationConfig(id="7", topic="projects/p/topics/t", payload_format=PayloadFormat.NONE)
    event = ObjectEvent(type=EventType.DELETE, version=a_version(), at_s=1.5, overwritten_by_generation=9)
    data, attributes = notice_to_message(Notice(config=config, event=event), ROOT)
    assert (data, attributes["payloadFormat"], attributes["overwrittenByGeneration"]) == (b"", "NONE", "9")


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "reason", "xml_code"),
    [
        (InvalidArgument("no"), 400, "invalid", "InvalidArgument"),
        (Unauthenticated("no"), 401, "authError", "AuthenticationRequired"),
        (Unavailable("no"), 503, "backendError", "ServiceUnavailable"),
        (HakobuneError("no"), 500, "internalError", "InternalError"),
        (NothingFound("No such object: a/b"), 404, "notFound", "NoSuchKey"),
        (NothingFound("The specified bucket does not exist."), 404, "notFound", "NoSuchBucket"),
        (NothingFound("No such upload"), 404, "notFound", "NoSuchUpload"),
        (Conflicts("The bucket you tried to delete is not empty."), 409, "conflict", "BucketNotEmpty"),
        (InvalidRequest("Invalid MD5 checksum: not base64."), 400, "invalid", "InvalidDigest"),
        (InvalidRequest('Provided MD5 hash "a" doesn\'t match calculated MD5 hash "b".'), 400, "invalid", "BadDigest"),
        (XmlRefusal(403, "Odd", "a < b"), 403, "forbidden", "Odd"),
    ],
)
def test_errors_in_both_forms(error: HakobuneError, status: int, reason: str, xml_code: str) -> None:
    assert status_of(error) == status
    found: Any = error_to_storage_json(error, status)["error"]
    assert (found["code"], found["errors"][0]["reason"], found["errors"][0]["domain"]) == (status, reason, "global")
    assert f"<Code>{xml_code}</Code>".encode() in error_to_storage_xml(error, status)


def test_the_place_of_an_error_is_named() -> None:
    error = InvalidRequest("no")
    error.location, error.location_type = "x", "parameter"
    found: Any = error_to_storage_json(error, 400)["error"]
    assert found["errors"][0]["location"] == "x"
    assert isinstance(error, ObjectsError)
    assert error.code is Code.INVALID_ARGUMENT


# -- batches and signatures -----------------------------------------------------------------------------------------


@given(body=st.binary(max_size=200))
def test_any_body_is_a_batch_or_refused(body: bytes) -> None:
    try:
        calls_from_body(b"--x\r\nContent-Type: application/http\r\n\r\n" + body + b"\r\n--x--", b"x")
    except InvalidRequest:
        return


@given(
    query=st.dictionaries(
        st.sampled_from(["X-Goog-Algorithm", "X-Goog-Date", "X-Goog-Expires", "X-Goog-Credential"]), st.text()
    )
)
def test_any_signed_url_is_read_or_refused(query: dict[str, str]) -> None:
    request = SignedRequest(method="GET", raw_path="/b/o", raw_query="", headers={})
    with pytest.raises(XmlRefusal):
        signed_url(request, {**query, "X-Goog-Signature": "zz"}, 0.0)


def test_a_signature_from_the_future_is_refused() -> None:
    query = {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": "a@b/19700102/auto/storage/goog4_request",
        "X-Goog-Date": "19700102T000000Z",
        "X-Goog-Expires": "60",
        "X-Goog-Signature": "00",
    }
    request = SignedRequest(method="GET", raw_path="/b/o", raw_query="", headers={})
    with pytest.raises(XmlRefusal, match="future"):
        signed_url(request, query, 0.0)
    assert signed_url(request, query, 86_430.0).account == "a@b"
    for change in ({"Expires": "x"}, {"Signature": "!"}):
        with pytest.raises(XmlRefusal):
            signed_url(request, {"GoogleAccessId": "a", "Expires": "99", "Signature": "AAAA", **change}, 0.0)
    with pytest.raises(XmlRefusal, match="date"):
        signed_url(request, query | {"X-Goog-Date": "19700103T000000Z"}, 0.0)


@pytest.mark.parametrize(
    ("text", "span", "total"),
    [
        ("bytes 0-9/10", Span(first=0, size_bytes=10), 10),
        ("bytes 0-262143/*", Span(first=0, size_bytes=262_144), None),
        ("bytes 100-262143/*", Span(first=100, size_bytes=262_044), None),  # goes on to a multiple
        ("bytes */10", None, 10),
        ("bytes */*", None, None),
    ],
)
def test_content_ranges(text: str, span: Span | None, total: int | None) -> None:
    found = content_range_from_text(text)
    assert (found.span, found.total_bytes) == (span, total)


@pytest.mark.parametrize(
    "text", ["", "bytes 5-2/10", "bytes 0-10/10", "bytes 0-99/*", "bytes 0-99/1000", "bytes -5/10"]
)
def test_content_ranges_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidRequest):
        content_range_from_text(text)


def test_ranges_that_are_ignored() -> None:
    assert span_from_range("bytes=-", 5) is None
    assert span_from_range("bytes=3-1", 5) is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X-Goog-Algorithm", "NONE", "Algorithm"),
        ("X-Goog-Credential", "a@b", "Credential"),
        ("X-Goog-Date", "now", "Date"),
        ("X-Goog-Expires", "604801", "Expires"),
        ("X-Goog-Expires", "", "Expires"),
        ("X-Goog-Signature", "zz", "Signature"),
    ],
)
def test_signatures_that_cannot_be_read(name: str, value: str, message: str) -> None:
    query = {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": "a@b/19700102/auto/storage/goog4_request",
        "X-Goog-Date": "19700102T000000Z",
        "X-Goog-Expires": "60",
        "X-Goog-Signature": "00",
    }
    request = SignedRequest(method="GET", raw_path="/b/o", raw_query="", headers={})
    with pytest.raises(XmlRefusal, match=message):
        signed_url(request, query | {name: value}, 86_400.0)
    with pytest.raises(XmlRefusal, match="expired"):
        signed_url(request, query, 86_461.0)


def test_flags_and_projections_that_cannot_be() -> None:
    with pytest.raises(InvalidRequest):
        parameter_flag({"x": "perhaps"}, "x")
    with pytest.raises(InvalidRequest):
        is_full_projection({"projection": "half"})
    assert parameter_required({"x": "y"}, "x") == "y"
