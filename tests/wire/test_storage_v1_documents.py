"""Documents of Cloud Storage: lists, policies, batches, notification configs, and the XML API's."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from hakobune.core.objects.failures import InvalidRequest, NothingFound
from hakobune.core.objects.model import (
    Bucket,
    BucketsPage,
    Checksums,
    ListQuery,
    MultipartUpload,
    NotificationConfig,
    ObjectMetadata,
    ObjectsPage,
    ObjectState,
    ObjectVersion,
    UploadPart,
    UploadTarget,
)
from hakobune.wire import storage_v1_access as access
from hakobune.wire import storage_v1_xml as xml
from hakobune.wire.storage_v1_batch import CALLS_MAX, BatchCall, answer_end, answer_part, calls_from_body
from hakobune.wire.storage_v1_buckets import buckets_to_json, service_account_to_json
from hakobune.wire.storage_v1_errors import XmlRefusal
from hakobune.wire.storage_v1_notifications import config_from_json, config_to_json, configs_to_json
from hakobune.wire.storage_v1_objects import given_from_json, object_to_json, objects_to_json, rewrite_to_json
from hakobune.wire.storage_v1_parameters import conditions_from_query, list_from_query, parameter_number
from hakobune.wire.storage_v1_reading import Fields
from hakobune.wire.storage_v1_signatures import SignedRequest, is_signed_query, signed_url
from hakobune.wire.storage_v1_times import http_date

ROOT = "http://127.0.0.1:1"
S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
LISTS = "{http://doc.s3.amazonaws.com/2006-03-01}"


def a_version(name: str = "x", **more: Any) -> ObjectVersion:
    fields: dict[str, Any] = {
        "bucket": "bk",
        "name": name,
        "generation": 7,
        "metageneration": 1,
        "state": ObjectState.LIVE,
        "size_bytes": 5,
        "checksums": Checksums(crc32c=0x9A71BB4C, md5="5d41402abc4b2a76b9719d911017c592"),
        "content": "c",
        "create_s": 1.0,
        "update_s": 2.0,
        "metadata": ObjectMetadata(
            content_type="a/b", storage_class="STANDARD", custom_time_s=1.5, extra={"acl": [{"entity": "e"}]}
        ),
        "class_update_s": 1.0,
    }
    return ObjectVersion(**(fields | more))


def a_bucket(name: str = "bk") -> Bucket:
    return Bucket(name=name, project="demo-project", create_s=1.0, update_s=1.0)


# -- JSON -----------------------------------------------------------------------------------------------------------


def test_pages_leave_out_what_is_empty() -> None:
    empty = ObjectsPage(items=(), prefixes=())
    assert objects_to_json(empty, ROOT) == {"kind": "storage#objects"}
    page = ObjectsPage(items=(a_version(),), prefixes=("p/",), next_page_token="t")
    found = objects_to_json(page, ROOT, is_full=True)
    assert (found["prefixes"], found["nextPageToken"]) == (["p/"], "t")
    assert found["items"] == [object_to_json(a_version(), ROOT, is_full=True)]
    assert buckets_to_json(BucketsPage(items=()), ROOT) == {"kind": "storage#buckets"}
    buckets: Any = buckets_to_json(BucketsPage(items=(a_bucket(),), next_page_token="t"), ROOT)
    assert ([item["name"] for item in buckets["items"]], buckets["nextPageToken"]) == (["bk"], "t")


def test_a_composed_object_has_no_md5_and_a_count() -> None:
    found = object_to_json(a_version(checksums=Checksums(crc32c=1), component_count=3), ROOT)
    assert found["componentCount"] == 3
    assert "md5Hash" not in found
    assert "acl" not in found
    assert found["customTime"] == "1970-01-01T00:00:01.500Z"


def test_a_rewrite() -> None:
    found: Any = rewrite_to_json(a_version(), ROOT)
    assert (found["done"], found["objectSize"], found["resource"]["name"]) == (True, "5", "x")


def test_checksums_of_metadata() -> None:
    found = given_from_json({"crc32c": "mnG7TA==", "md5Hash": "XUFAKrxLKna5cZ2REBfFkg=="})
    assert (found.crc32c, found.md5) == (0x9A71BB4C, "5d41402abc4b2a76b9719d911017c592")
    assert given_from_json({"crc32c": None}).crc32c is None


def test_the_service_account_belongs_to_its_project() -> None:
    one, other = (service_account_to_json(project)["email_address"] for project in ("demo-project", "other-project"))
    assert one != other


def test_queries() -> None:
    found = list_from_query({"prefix": "p", "delimiter": "/", "versions": "True", "maxResults": "5", "pageToken": "t"})
    assert found == ListQuery(prefix="p", delimiter="/", has_versions=True, max_results=5, page_token="t")
    conditions = conditions_from_query(
        {"ifSourceGenerationMatch": "0", "ifSourceMetagenerationNotMatch": "2"}, "ifSource"
    )
    assert (conditions.generation_match, conditions.metageneration_not_match) == (0, 2)
    assert parameter_number({}, "x") is None
    for value in ("-1", "x", "9" * 19 + "9"):
        with pytest.raises(InvalidRequest):
            parameter_number({"x": value}, "x")


def test_texts_leave_out_what_is_null() -> None:
    assert Fields({"m": {"a": "b", "c": None}}).texts("m") == {"a": "b"}
    assert Fields({}).texts("m") == {}
    with pytest.raises(InvalidRequest):
        Fields({"i": "99999-01-01"}).instant("i")


# -- access ---------------------------------------------------------------------------------------------------------


def test_entries_of_access_lists() -> None:
    entry = access.entry_from_json({"entity": "allUsers", "role": "READER", "etag": "x"})
    entries = access.with_entry([], entry)
    extra = access.with_entries({"website": 1}, access.AclKind.ACL, entries)
    assert access.entries_of(extra, access.AclKind.ACL) == [{"entity": "allUsers", "role": "READER"}]
    assert access.entries_of({}, access.AclKind.ACL) == []
    replaced = access.with_entry(entries, access.entry_from_json({"role": "OWNER"}, "allUsers"))
    assert access.found_entry(replaced, "allUsers")["role"] == "OWNER"
    assert access.without_entity(replaced, "allUsers") == []
    with pytest.raises(NothingFound):
        access.without_entity(replaced, "allAuthenticatedUsers")
    for body in ({"role": "READER"}, {"entity": "e", "role": "KING"}):
        with pytest.raises(InvalidRequest):
            access.entry_from_json(body)
    found: Any = access.entries_to_json(entries, "objectAccessControl", {"bucket": "bk"})
    assert found["items"][0]["bucket"] == "bk"
    assert found["kind"] == "storage#objectAccessControls"


def test_policies() -> None:
    condition = {"title": "t", "expression": "true"}
    body = {
        "version": 3,
        "etag": "e",
        "bindings": [{"role": "r", "members": ["allUsers"], "condition": condition}],
        "x": 1,
    }
    assert access.policy_from_json(body) == {"version": 3, "etag": "e", "bindings": body["bindings"]}
    assert access.policy_from_json({})["version"] == 1
    for bad in ({"version": 2}, {"bindings": [{"members": []}]}, {"bindings": [{"role": "r"}] * 1_501}):
        with pytest.raises(InvalidRequest):
            access.policy_from_json(bad)
    assert len(access.default_policy(a_bucket())["bindings"]) == 2  # type: ignore[arg-type]
    assert access.policy_to_json({"version": 1}, "bk")["resourceId"] == "projects/_/buckets/bk"
    assert access.tested_to_json([]) == {"kind": "storage#testIamPermissionsResponse"}
    assert access.tested_to_json(["p"])["permissions"] == ["p"]
    assert access.stored_policy({"a": 1}) == {"a": 1}


# -- notification configs -------------------------------------------------------------------------------------------


def test_configs() -> None:
    body = {
        "topic": "//pubsub.googleapis.com/projects/p/topics/t",
        "payload_format": "NONE",
        "event_types": ["OBJECT_ARCHIVE"],
        "object_name_prefix": "in/",
        "custom_attributes": {"k": "v"},
    }
    config = config_from_json(body)
    found = config_to_json(config, "bk", ROOT)
    assert {name: found[name] for name in body} == body
    plain = config_to_json(NotificationConfig(id="1", topic="projects/p/topics/t"), "bk", ROOT)
    assert "event_types" not in plain
    assert plain["selfLink"] == f"{ROOT}/storage/v1/b/bk/notificationConfigs/1"
    assert configs_to_json([], "bk", ROOT) == {"kind": "storage#notifications"}
    assert len(configs_to_json([config], "bk", ROOT)["items"]) == 1  # type: ignore[arg-type]
    for change in ({"topic": "t"}, {"payload_format": "XML"}, {"event_types": ["OTHER"]}):
        with pytest.raises(InvalidRequest):
            config_from_json(body | change)


# -- batches --------------------------------------------------------------------------------------------------------


def batch(*parts: str, end: str = "--x--") -> bytes:
    return ("".join(f"--x\n{part}\n" for part in parts) + end).encode()


CALL = "Content-Type: application/http\nContent-ID: <1>\n\nPATCH /a?b=c HTTP/1.1\nContent-Length: 2\nA: b\n\n{}\n"


def test_calls() -> None:
    found = calls_from_body(batch(CALL, "Content-Type: application/http; x=y\r\n\r\n\r\nGET /b\r\n\r\n"), b"x")
    assert found[0] == BatchCall(
        method="PATCH", target="/a?b=c", headers={"content-length": "2", "a": "b"}, body=b"{}", content_id="<1>"
    )
    assert (found[1].method, found[1].target, found[1].headers) == ("GET", "/b", {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        batch(),
        batch("x"),
        batch(CALL, end=""),
        batch("\n\n"),
        batch("Content-Type: text/plain\n\nGET / HTTP/1.1\n\n"),
        batch("Content-Type: application/http\n\nget it\n\n"),
        batch("Content-Type: application/http\n\nGET / HTTP/1.1\nno colon\n\n"),
        batch("Content-Type: application/http\n\nGET / HTTP/1.1\n" + "".join(f"h{n}: x\n" for n in range(102)) + "\n"),
        batch(*(["Content-Type: application/http\n\nGET / HTTP/1.1\n\n"] * (CALLS_MAX + 1))),
    ],
)
def test_batches_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        calls_from_body(body, b"x")


def test_answers_of_a_batch() -> None:
    call = calls_from_body(batch(CALL), b"x")[0]
    found = answer_part("e", call, 200, "OK", [("A", "b")], b"{}")
    assert found == (
        b"--e\r\nContent-Type: application/http\r\nContent-ID: <response-1>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\n{}\r\n"
    )
    plain = BatchCall(method="GET", target="/", headers={}, body=b"")
    assert b"Content-Length" not in answer_part("e", plain, 204, "No Content", [], b"")
    assert answer_end("e") == b"--e--\r\n"


# -- signatures -----------------------------------------------------------------------------------------------------


def test_the_older_signature_covers_what_it_should() -> None:
    query = {"GoogleAccessId": "a@b", "Expires": "99", "Signature": "AAAA"}
    assert is_signed_query(query)
    assert is_signed_query({"x-goog-signature": "00"})
    assert not is_signed_query({"Signature": "AAAA"})
    headers = {"content-type": "a/b", "x-goog-resumable": "start", "content-md5": "m"}
    request = SignedRequest(method="POST", raw_path="/b/o", raw_query="", headers=headers)
    found = signed_url(request, query, 0.0)
    assert (found.account, found.is_rsa) == ("a@b", True)
    assert b"POST\nm\na/b\n99\nx-goog-resumable:start\n/b/o" in found.contents
    with pytest.raises(XmlRefusal, match="expired"):
        signed_url(request, query, 100.0)


# -- XML ------------------------------------------------------------------------------------------------------------


def test_lists_as_xml() -> None:
    page = ObjectsPage(items=(a_version("a & b"),), prefixes=("p q/",), next_page_token="t")
    query = ListQuery(prefix="x y", delimiter="/", max_results=2, page_token="before")
    root = ET.fromstring(xml.objects_to_xml("bk", query, page, after="", is_v2=True, is_url_encoded=True))
    assert root.findtext(f"{LISTS}Prefix") == "x%20y"
    assert root.findtext(f"{LISTS}ContinuationToken") == "before"
    assert root.findtext(f"{LISTS}NextContinuationToken") == "t"
    assert root.findtext(f"{LISTS}CommonPrefixes/{LISTS}Prefix") == "p%20q/"
    root = ET.fromstring(xml.objects_to_xml("bk", ListQuery(), page, after="m", is_v2=False, is_url_encoded=False))
    assert (root.findtext(f"{LISTS}Marker"), root.findtext(f"{LISTS}NextMarker")) == ("m", "p q/")
    assert root.findtext(f"{LISTS}Contents/{LISTS}Key") == "a & b"
    last = ObjectsPage(items=(), prefixes=())
    for is_v2 in (True, False):
        root = ET.fromstring(xml.objects_to_xml("bk", ListQuery(), last, after="", is_v2=is_v2, is_url_encoded=False))
        assert root.findtext(f"{LISTS}IsTruncated") == "false"


def test_other_documents() -> None:
    assert ET.fromstring(xml.buckets_to_xml([a_bucket()])).findtext(f"{LISTS}Buckets/{LISTS}Bucket/{LISTS}Name") == "bk"
    assert ET.fromstring(xml.location_to_xml(a_bucket())).text == "US"
    assert ET.fromstring(xml.copy_to_xml(a_version())).findtext(f"{LISTS}ETag") == '"5d41402abc4b2a76b9719d911017c592"'
    composed = a_version("a/b c", checksums=Checksums(crc32c=1))
    root = ET.fromstring(xml.completed_to_xml(composed, ROOT))
    assert root.findtext(f"{S3}Location") == f"{ROOT}/bk/a/b%20c"
    assert root.findtext(f"{S3}ETag") == xml.xml_etag(composed)
    upload = MultipartUpload(id="u", target=UploadTarget(bucket="bk", name="n"), create_s=1.0, expire_s=2.0)
    assert ET.fromstring(xml.initiated_to_xml(upload)).findtext(f"{S3}UploadId") == "u"
    root = ET.fromstring(xml.uploads_to_xml("bk", "p", [upload], limit=1, is_cut=True))
    assert (root.findtext(f"{S3}NextKeyMarker"), root.findtext(f"{S3}NextUploadIdMarker")) == ("n", "u")
    assert ET.fromstring(xml.uploads_to_xml("bk", "", [], limit=1, is_cut=False)).find(f"{S3}Upload") is None
    part = UploadPart(number=3, size_bytes=1, checksums=Checksums(crc32c=1, md5="ab"), content="c", update_s=1.0)
    root = ET.fromstring(xml.parts_to_xml("bk", "n", "u", [part], after=0, limit=1, is_cut=True))
    assert (root.findtext(f"{S3}NextPartNumberMarker"), root.findtext(f"{S3}Part/{S3}ETag")) == ("3", '"ab"')
    assert ET.fromstring(xml.parts_to_xml("bk", "n", "u", [], after=0, limit=1, is_cut=False)).find(f"{S3}Part") is None
    assert http_date(0.0) == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_the_parts_that_shall_be_joined() -> None:
    body = f'<CompleteMultipartUpload xmlns="{S3[1:-1]}"><Part><PartNumber> 1 </PartNumber><ETag>"AB"</ETag></Part></CompleteMultipartUpload>'
    assert xml.parts_from_xml(body.encode()) == [(1, "ab")]
    for bad in (b"", b"<Other/>", b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", b"<!DOCTYPE x>"):
        with pytest.raises(XmlRefusal, match="well-formed"):
            xml.parts_from_xml(bad)
