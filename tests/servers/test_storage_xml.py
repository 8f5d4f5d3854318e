"""The XML API of Cloud Storage: objects, lists, multipart uploads; by path and by host."""

from __future__ import annotations

import hashlib
import os
import uuid
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import pytest
from storage_calls import Storage, a_bucket, crc32c, md5, xml_code

from runtime_process import Answer, RuntimeProcess

LISTS = "{http://doc.s3.amazonaws.com/2006-03-01}"
UPLOADS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@pytest.fixture(scope="module")
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


@pytest.fixture
def own(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


def xml(
    bucket: Storage, method: str, name: str = "", body: bytes | None = None, query: str = "", **headers: str
) -> Answer:
    path = f"/{bucket.bucket}" + (f"/{quote(name, safe='/')}" if name else "")
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return bucket.runtime.call(method, path + (f"?{query}" if query else ""), body, named)


def test_put_get_head_delete(bucket: Storage) -> None:
    answer = xml(
        bucket, "PUT", "dir/x é.txt", b"hello",
        Content_Type="text/plain", x_goog_meta_colour="blue", x_goog_meta_name="日本".encode().decode("latin-1"),
        Cache_Control="no-cache", x_goog_hash=f"crc32c={crc32c(b'hello')}",
    )  # fmt: skip
    assert (answer.status, answer.body) == (200, b"")
    etag = f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert (answer.headers["etag"], answer.headers["x-goog-metageneration"]) == (etag, "1")
    found = bucket.get("dir/x é.txt")
    assert found["metadata"] == {"colour": "blue", "name": "日本"}
    assert found["generation"] == answer.headers["x-goog-generation"]
    answer = xml(bucket, "GET", "dir/x é.txt")
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"hello", etag)
    assert answer.headers["x-goog-meta-colour"] == "blue"
    assert answer.headers["x-goog-meta-name"].encode("latin-1").decode() == "日本"
    assert answer.headers["last-modified"].endswith("GMT")
    head = xml(bucket, "HEAD", "dir/x é.txt")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "5")
    names = set(answer.headers) - {"date"}
    assert {name: head.headers[name] for name in names} == {name: answer.headers[name] for name in names}
    assert xml(bucket, "GET", "dir/x é.txt", Range="bytes=1-2").body == b"el"
    assert xml(bucket, "GET", "dir/x é.txt", If_None_Match=etag).status == 304
    assert xml(bucket, "DELETE", "dir/x é.txt").status == 204
    answer = xml(bucket, "GET", "dir/x é.txt")
    assert (answer.status, xml_code(answer)) == (404, "NoSuchKey")
    assert xml(bucket, "HEAD", "dir/x é.txt").status == 404


def test_conditions_in_headers(own: Storage) -> None:
    first = xml(own, "PUT", "x", b"one", x_goog_if_generation_match="0")
    assert first.status == 200
    answer = xml(own, "PUT", "x", b"two", x_goog_if_generation_match="0")
    assert (answer.status, xml_code(answer)) == (412, "PreconditionFailed")
    assert xml(own, "PUT", "x", b"two", If_None_Match="*").status == 412
    assert xml(own, "PUT", "x", b"two", x_goog_if_metageneration_match="5").status == 412
    assert xml(own, "DELETE", "x", x_goog_if_generation_match="1").status == 412
    answer = xml(own, "PUT", "x", b"two", x_goog_if_generation_match="none")
    assert (answer.status, xml_code(answer)) == (400, "InvalidArgument")
    assert own.media("x").body == b"one"
    good = first.headers["x-goog-generation"]
    assert xml(own, "GET", "x", query=f"generation={good}").body == b"one"
    assert xml(own, "PUT", "x", b"two", x_goog_if_generation_match=good).status == 200


@pytest.mark.parametrize(
    "header", [{"Content_MD5": md5(b"other")}, {"x_goog_hash": "crc32c=AAAAAA=="}, {"x_goog_custom_time": "then"}]
)
def test_an_upload_that_is_refused_leaves_nothing(bucket: Storage, header: dict[str, str]) -> None:
    answer = xml(bucket, "PUT", "refused", b"hello", **header)
    assert answer.status == 400
    xml_code(answer)
    assert xml(bucket, "HEAD", "refused").status == 404


def test_a_copy_by_header(own: Storage) -> None:
    xml(own, "PUT", "from é", b"content", Content_Type="a/b", x_goog_meta_k="v")
    source = quote(f"{own.bucket}/from é")
    answer = xml(own, "PUT", "to", b"", x_goog_copy_source=source)
    assert answer.status == 200
    root = ET.fromstring(answer.body)
    assert root.tag == f"{LISTS}CopyObjectResult"
    assert root.findtext(f"{LISTS}ETag") == answer.headers["etag"]
    assert (own.get("to")["contentType"], own.get("to")["metadata"]) == ("a/b", {"k": "v"})
    assert xml(own, "PUT", "to", b"", x_goog_copy_source=source, x_goog_if_generation_match="0").status == 412
    headers = {"x_goog_copy_source": source, "x_goog_metadata_directive": "REPLACE", "Content_Type": "c/d"}
    xml(own, "PUT", "to", b"", **headers)
    assert own.get("to")["contentType"] == "c/d"
    assert "metadata" not in own.get("to")
    assert xml(own, "PUT", "to", b"", x_goog_copy_source="nothing").status == 400
    assert xml(own, "PUT", "to", b"", x_goog_copy_source=f"{own.bucket}/none").status == 404
    wrong = {"x_goog_copy_source": source, "x_goog_copy_source_if_generation_match": "1"}
    assert xml(own, "PUT", "to", b"", **wrong).status == 412


def test_lists_of_both_versions_page_through_everything(own: Storage) -> None:
    for name in ("a", "b/1", "b/2", "c & <d>", "é"):
        own.put(name)
    found: list[str] = []
    query, token = {"list-type": "2", "max-keys": "2"}, ""
    while True:
        root = ET.fromstring(xml(own, "GET", query=urlencode(query | {"continuation-token": token})).body)
        found += [str(item.findtext(f"{LISTS}Key")) for item in root.findall(f"{LISTS}Contents")]
        token = root.findtext(f"{LISTS}NextContinuationToken") or ""
        assert root.findtext(f"{LISTS}IsTruncated") == ("true" if token else "false")
        if not token:
            break
    assert found == ["a", "b/1", "b/2", "c & <d>", "é"]
    found, marker = [], ""
    while True:
        fields = {"delimiter": "/", "max-keys": "1", "marker": marker}
        root = ET.fromstring(xml(own, "GET", query=urlencode(fields)).body)
        found += [str(item.text) for item in root.iter() if item.tag == f"{LISTS}Key"]
        found += [str(item.findtext(f"{LISTS}Prefix")) for item in root.findall(f"{LISTS}CommonPrefixes")]
        marker = root.findtext(f"{LISTS}NextMarker") or ""
        if not marker:
            break
    assert found == ["a", "b/", "c & <d>", "é"]


def test_a_list_says_what_clients_need_of_each_object(own: Storage) -> None:
    made = own.put("dir/x y", b"hello")
    query = "list-type=2&prefix=dir/&encoding-type=url&start-after=dir"
    root = ET.fromstring(xml(own, "GET", query=query).body)
    item = root.find(f"{LISTS}Contents")
    assert item is not None
    fields = {child.tag.removeprefix(LISTS): child.text for child in item}
    assert fields == {
        "Key": "dir/x%20y",
        "Generation": made["generation"],
        "MetaGeneration": "1",
        "LastModified": made["updated"],
        "ETag": f'"{hashlib.md5(b"hello").hexdigest()}"',
        "Size": "5",
        "StorageClass": "STANDARD",
    }
    assert root.findtext(f"{LISTS}KeyCount") == "1"
    assert xml(own, "GET", query="max-keys=x").status == 400
    assert xml(own, "GET", query="list-type=2&continuation-token=rubbish").status == 400


def test_a_name_with_control_characters_does_not_break_a_list(own: Storage) -> None:
    own.put("a\x01b")
    root = ET.fromstring(xml(own, "GET").body)
    assert root.findtext(f"{LISTS}Contents/{LISTS}Key") == "a\ufffdb"


def test_buckets_over_xml(runtime: RuntimeProcess) -> None:
    name = f"x-{uuid.uuid4().hex[:8]}"
    host = {"Host": "storage.googleapis.com"}
    assert runtime.call("PUT", f"/{name}", b"", host).status == 200
    assert runtime.call("HEAD", f"/{name}", None, host).status == 200
    assert b"LocationConstraint" in runtime.call("GET", f"/{name}?location", None, host).body
    listed = runtime.call("GET", "/", None, host)
    assert name.encode() in listed.body
    answer = runtime.call("PUT", f"/{name}", b"", host)
    assert (answer.status, xml_code(answer)) == (409, "BucketAlreadyOwnedByYou")
    Storage(runtime, name).put("x")
    answer = runtime.call("DELETE", f"/{name}", None, host)
    assert (answer.status, xml_code(answer)) == (409, "BucketNotEmpty")
    Storage(runtime, name).call("DELETE", f"/storage/v1/b/{name}/o/x")
    assert runtime.call("DELETE", f"/{name}", None, host).status == 204
    answer = runtime.call("GET", f"/{name}/x", None, host)
    assert (answer.status, xml_code(answer)) == (404, "NoSuchBucket")


def test_the_bucket_may_stand_in_front_of_the_host(bucket: Storage) -> None:
    bucket.put("dir/x", b"by host")
    host = {"Host": f"{bucket.bucket}.storage.googleapis.com"}
    assert bucket.runtime.call("GET", "/dir/x", None, host).body == b"by host"
    assert bucket.runtime.call("GET", "/storage/v1/b", None, host).status == 404
    assert b"ListBucketResult" in bucket.runtime.call("GET", "/", None, host).body


def test_a_path_that_names_no_bucket_is_not_found_in_the_other_form(runtime: RuntimeProcess) -> None:
    for path in ("/no-such-bucket", "/no-such-bucket/x", "/v1", "/v2/x", "/healthz/x", "/favicon.ico", "/%00/x"):
        answer = runtime.call("GET", path)
        assert answer.status in (400, 404), path
        assert "status" in answer.json["error"]


@pytest.mark.parametrize(
    ("method", "query", "status", "why"),
    [
        ("GET", "acl", 501, "NotImplemented"),
        ("PUT", "tagging", 501, "NotImplemented"),
        ("PATCH", "", 405, "MethodNotAllowed"),
        ("POST", "", 405, "MethodNotAllowed"),
        ("PUT", "partNumber=1", 200, ""),
        ("PUT", "partNumber=1&uploadId=none", 404, "NoSuchUpload"),
        ("PUT", "partNumber=0&uploadId=none", 400, "InvalidArgument"),
        ("PUT", "partNumber=10001&uploadId=none", 400, "InvalidArgument"),
        ("GET", "uploadId=none", 404, "NoSuchUpload"),
        ("DELETE", "uploadId=none", 404, "NoSuchUpload"),
    ],
)
def test_errors_are_xml_here(bucket: Storage, method: str, query: str, status: int, why: str) -> None:
    answer = xml(bucket, method, "errors", b"", query)
    assert answer.status == status, answer.body
    if why:
        assert xml_code(answer) == why


# -- multipart uploads ----------------------------------------------------------------------------------------------


def initiate(bucket: Storage, name: str, **headers: str) -> str:
    answer = xml(bucket, "POST", name, b"", "uploads", **headers)
    assert answer.status == 200, answer.body
    root = ET.fromstring(answer.body)
    assert (root.findtext(f"{UPLOADS}Bucket"), root.findtext(f"{UPLOADS}Key")) == (bucket.bucket, name)
    return str(root.findtext(f"{UPLOADS}UploadId"))


def complete(bucket: Storage, name: str, upload: str, parts: list[tuple[int, str]]) -> Answer:
    inner = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in parts)
    body = f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>".encode()
    return xml(bucket, "POST", name, body, f"uploadId={upload}")


def test_parts_in_any_order_become_one_object(own: Storage) -> None:
    name, content = "dir/big", [os.urandom(300_000), os.urandom(100_000), b"end"]
    upload = initiate(own, name, Content_Type="a/b", x_goog_meta_k="v")
    etags = {}
    for number in (3, 1, 2):
        answer = xml(own, "PUT", name, content[number - 1], f"partNumber={number}&uploadId={upload}")
        assert answer.headers["etag"] == f'"{hashlib.md5(content[number - 1]).hexdigest()}"'
        assert answer.headers["x-goog-hash"] == f"crc32c={crc32c(content[number - 1])},md5={md5(content[number - 1])}"
        etags[number] = answer.headers["etag"]
    root = ET.fromstring(xml(own, "GET", name, query=f"uploadId={upload}&max-parts=2").body)
    assert [part.findtext(f"{UPLOADS}PartNumber") for part in root.findall(f"{UPLOADS}Part")] == ["1", "2"]
    assert (root.findtext(f"{UPLOADS}IsTruncated"), root.findtext(f"{UPLOADS}NextPartNumberMarker")) == ("true", "2")
    root = ET.fromstring(xml(own, "GET", query="uploads&prefix=dir/").body)
    assert root.findtext(f"{UPLOADS}Upload/{UPLOADS}UploadId") == upload
    assert own.names() == []
    answer = complete(own, name, upload, sorted(etags.items()))
    assert answer.status == 200, answer.body
    root = ET.fromstring(answer.body)
    assert root.findtext(f"{UPLOADS}Key") == name
    assert root.findtext(f"{UPLOADS}ETag") == answer.headers["etag"]
    found = own.get(name)
    assert (found["contentType"], found["metadata"]) == ("a/b", {"k": "v"})
    assert own.media(name).body == b"".join(content)
    assert complete(own, name, upload, sorted(etags.items())).status == 404


def test_an_aborted_upload_is_gone(own: Storage) -> None:
    upload = initiate(own, "x")
    xml(own, "PUT", "x", b"part", f"partNumber=1&uploadId={upload}")
    assert xml(own, "DELETE", "x", query=f"uploadId={upload}").status == 204
    answer = xml(own, "GET", "x", query=f"uploadId={upload}")
    assert (answer.status, xml_code(answer)) == (404, "NoSuchUpload")
    assert own.names() == []


def test_parts_that_are_wrong_are_refused(own: Storage) -> None:
    upload = initiate(own, "x")
    answer = xml(own, "PUT", "x", b"part", f"partNumber=1&uploadId={upload}", Content_MD5=md5(b"other"))
    assert answer.status == 400
    etag = xml(own, "PUT", "x", b"part", f"partNumber=1&uploadId={upload}").headers["etag"]
    for parts in ([(2, etag)], [(1, '"' + "0" * 32 + '"')], [(1, etag), (1, etag)]):
        answer = complete(own, "x", upload, parts)
        assert answer.status == 400, answer.body
        xml_code(answer)
    assert complete(own, "y", upload, [(1, etag)]).status == 404
    assert complete(own, "x", upload, [(1, etag)]).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"rubbish",
        b"<Other/>",
        b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>",
        b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><CompleteMultipartUpload>&b;</CompleteMultipartUpload>',
        b"\xff\xfe<CompleteMultipartUpload/>",
    ],
)
def test_a_list_of_parts_that_cannot_be_read_is_refused(own: Storage, body: bytes) -> None:
    upload = initiate(own, "x")
    answer = xml(own, "POST", "x", body, f"uploadId={upload}")
    assert (answer.status, xml_code(answer)) == (400, "MalformedXML")


def test_a_resumable_upload_that_begins_over_xml(own: Storage) -> None:
    answer = xml(own, "POST", "x", b"", x_goog_resumable="start", Content_Type="a/b")
    assert answer.status == 201
    session = answer.headers["location"].removeprefix(own.runtime.url)
    assert own.send(session, b"hello").json["contentType"] == "a/b"
    assert xml(own, "POST", "x", b"", x_goog_resumable="stop").status == 400


def test_a_session_that_begins_on_a_buckets_host_goes_on_beside_it(own: Storage) -> None:
    host = {"Host": f"{own.bucket}.storage.googleapis.com"}
    answer = own.runtime.call("POST", "/dir/x", b"", {**host, "x-goog-resumable": "start"})
    assert answer.status == 201
    root = "http://storage.googleapis.com"
    assert answer.headers["location"].startswith(f"{root}/upload/storage/v1/b/{own.bucket}/o?")
    session = answer.headers["location"].removeprefix(root)
    assert own.runtime.call("PUT", session, b"hello", {"Host": "storage.googleapis.com"}).status == 200
    assert own.get("dir/x")["size"] == "5"


def test_many_objects_are_removed_by_one_request(own: Storage) -> None:
    own.call("PATCH", own.root, {"versioning": {"enabled": True}})
    old = own.put("a & b")
    own.put("a & b")
    held = own.put("held")
    own.call("PATCH", own.path("held"), {"temporaryHold": True})
    for name in ("x", "y"):
        own.put(name)
    keys = ["a &amp; b", "x", "missing", "held"]
    body = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    body += f"<Object><Key>a &amp; b</Key><VersionId>{old['generation']}</VersionId></Object>"
    answer = xml(own, "POST", "", f"<Delete>{body}</Delete>".encode(), "delete")
    assert answer.status == 200
    said = answer.body.decode()
    for key in keys[:3]:
        assert f"<Deleted><Key>{key}</Key></Deleted>" in said
    assert f"<Deleted><Key>a &amp; b</Key><VersionId>{old['generation']}</VersionId></Deleted>" in said
    assert said.count("<Error>") == 1
    assert "<Error><Key>held</Key><Code>AccessDenied</Code><Message>" in said
    assert own.names() == ["held", "y"]
    assert own.get("held")["generation"] == held["generation"]
    quiet = "<Delete><Quiet>true</Quiet><Object><Key>y</Key></Object><Object><Key>held</Key></Object></Delete>"
    said = xml(own, "POST", "", quiet.encode(), "delete").body.decode()
    assert ("<Deleted>" in said, said.count("<Error>")) == (False, 1)
    assert own.names() == ["held"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete/>",
        b"<Delete><Object/></Delete>",
        b"<Delete><Object><Key>x</Key><VersionId>v1</VersionId></Object></Delete>",
        b"<Other><Object><Key>x</Key></Object></Other>",
        b"<Delete>" + b"<Object><Key>x</Key></Object>" * 1_001 + b"</Delete>",
    ],
)
def test_a_list_of_removals_that_cannot_be_read_is_refused(bucket: Storage, body: bytes) -> None:
    bucket.put("x")
    answer = xml(bucket, "POST", "", body, "delete")
    assert (answer.status, b"<Code>MalformedXML</Code>" in answer.body) == (400, True)
    assert bucket.get("x")


def test_many_removals_from_no_bucket_are_refused(bucket: Storage) -> None:
    body = b"<Delete><Object><Key>x</Key></Object></Delete>"
    answer = bucket.runtime.call("POST", "/?delete", body, {"Host": "no-such-bucket.storage.googleapis.com"})
    assert (answer.status, b"NoSuchBucket" in answer.body) == (404, True)
