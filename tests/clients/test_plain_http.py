"""requests as the client, for what no client library of ours calls: the XML API, keys of accounts, the metadata server."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
import requests
from google.auth import jwt

from runtime_process import PROJECT, RuntimeProcess

WITHIN_S = 10
PARTS = "<CompleteMultipartUpload>{}</CompleteMultipartUpload>"
PART = "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>"


class Site:
    """Requests to paths of the runtime, which must be answered with a status."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, method: str, path: str, status: int = 200, **more: Any) -> requests.Response:
        answer = requests.request(method, f"{self.url}{path}", timeout=WITHIN_S, **more)
        assert answer.status_code == status, answer.text
        return answer


@pytest.fixture
def site(runtime: RuntimeProcess) -> Site:
    return Site(runtime.url)


@pytest.fixture
def bucket(site: Site) -> str:
    name = f"xml-{uuid.uuid4().hex[:10]}"
    host = {"Host": "storage.googleapis.com"}  # a path alone is of the XML API where there is such a bucket
    site("PUT", f"/{name}", headers=host)
    return name


def test_a_bucket_is_made_asked_and_removed(site: Site, bucket: str) -> None:
    site("HEAD", f"/{bucket}")
    assert "LocationConstraint" in site("GET", f"/{bucket}?location").text
    site("DELETE", f"/{bucket}", 204)
    site("HEAD", f"/{bucket}", 404)


def test_an_object_is_put_read_copied_and_removed(site: Site, bucket: str) -> None:
    site("PUT", f"/{bucket}/dir/x", data=b"hello", headers={"x-goog-meta-k": "v", "x-goog-if-generation-match": "0"})
    site("PUT", f"/{bucket}/dir/x", 412, data=b"other", headers={"x-goog-if-generation-match": "0"})
    found = site("HEAD", f"/{bucket}/dir/x")
    assert (found.headers["x-goog-meta-k"], found.headers["x-goog-stored-content-length"]) == ("v", "5")
    assert site("GET", f"/{bucket}/dir/x", 206, headers={"Range": "bytes=1-3"}).content == b"ell"
    site("PUT", f"/{bucket}/y", headers={"x-goog-copy-source": f"{bucket}/dir/x"})
    assert site("GET", f"/{bucket}/y").content == b"hello"
    site("DELETE", f"/{bucket}/y", 204)
    site("GET", f"/{bucket}/y", 404)


def test_lists_of_both_versions(site: Site, bucket: str) -> None:
    for name in ("a", "dir/b", "dir/c", "z"):
        site("PUT", f"/{bucket}/{name}", data=b"x")
    first = site("GET", f"/{bucket}?max-keys=2").text
    assert re.findall("<Key>(.*?)</Key>", first) == ["a", "dir/b"]
    second = site("GET", f"/{bucket}?marker=dir/b").text
    assert re.findall("<Key>(.*?)</Key>", second) == ["dir/c", "z"]
    folders = site("GET", f"/{bucket}?list-type=2&delimiter=/").text
    assert re.findall("<CommonPrefixes><Prefix>(.*?)</Prefix>", folders) == ["dir/"]


def test_an_upload_in_parts_is_listed_ended_or_given_up(site: Site, bucket: str) -> None:
    def begin(name: str) -> str:
        (found,) = re.findall("<UploadId>(.*?)</UploadId>", site("POST", f"/{bucket}/{name}?uploads").text)
        return str(found)

    one, other = begin("x"), begin("other")
    tag = site("PUT", f"/{bucket}/x?partNumber=1&uploadId={one}", data=b"hello").headers["ETag"]
    assert "<PartNumber>1</PartNumber>" in site("GET", f"/{bucket}/x?uploadId={one}").text
    assert set(re.findall("<UploadId>(.*?)</UploadId>", site("GET", f"/{bucket}?uploads").text)) == {one, other}
    site("DELETE", f"/{bucket}/other?uploadId={other}", 204)
    site("POST", f"/{bucket}/x?uploadId={one}", data=PARTS.format(PART.format(1, tag)))
    assert site("GET", f"/{bucket}/x").content == b"hello"
    assert "<UploadId>" not in site("GET", f"/{bucket}?uploads").text


def test_a_session_that_begins_over_xml(site: Site, bucket: str) -> None:
    started = site("POST", f"/{bucket}/x", 201, headers={"x-goog-resumable": "start"})
    assert requests.put(started.headers["Location"], data=b"hello", timeout=WITHIN_S).status_code == 200
    assert site("GET", f"/{bucket}/x").content == b"hello"


def test_what_is_not_offered_over_xml_is_refused_by_name(site: Site, bucket: str) -> None:
    site("PUT", f"/{bucket}/x", data=b"hello")
    for path in (f"/{bucket}/x?acl", f"/{bucket}/x?tagging", f"/{bucket}?cors", f"/{bucket}?acl"):
        assert path.partition("?")[2] in site("GET", path, 501).text
    assert "HTML forms" in site("POST", f"/{bucket}", 501, data=b"").text


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/b/any/o/watch", "objects.watch"),
        ("POST", "/channels/stop", "channels.stop"),
        ("GET", "/b/any/o?filter=a", "filter"),
    ],
)
def test_what_the_json_api_has_no_more_is_refused_by_name(site: Site, method: str, path: str, name: str) -> None:
    answer = site(method, f"/storage/v1{path}", 501)
    assert name in answer.json()["error"]["message"]


def test_keys_are_found_by_openid_discovery_and_verify_a_token(site: Site) -> None:
    described = site("GET", "/.well-known/openid-configuration").json()
    assert described["jwks_uri"].endswith("/oauth2/v3/certs")
    keys = site("GET", "/oauth2/v3/certs").json()["keys"]
    path = "/computeMetadata/v1/instance/service-accounts/default/identity?audience=aud"
    token = site("GET", path, headers={"Metadata-Flavor": "Google"}).text
    assert jwt.decode_header(token)["kid"] in [key["kid"] for key in keys]
    claims = jwt.decode(token, certs=site("GET", "/oauth2/v1/certs").json(), audience="aud")
    assert claims["iss"] == described["issuer"]


def test_the_keys_of_an_account(site: Site) -> None:
    account = f"keys@{PROJECT}.iam.gserviceaccount.com"
    made = site("POST", f"/v1/projects/-/serviceAccounts/{account}:signBlob", json={"payload": "aGVsbG8="}).json()
    for place in ("robot", "service_accounts"):
        assert made["keyId"] in site("GET", f"/{place}/v1/metadata/x509/{account}").json()
        assert made["keyId"] in [
            key["kid"] for key in site("GET", f"/{place}/v1/metadata/jwk/{account}").json()["keys"]
        ]


def test_each_value_of_the_metadata_server(site: Site) -> None:
    def value(path: str) -> str:
        return site("GET", f"/computeMetadata/v1/{path}", headers={"Metadata-Flavor": "Google"}).text

    number = value("project/numeric-project-id")
    assert re.fullmatch(r"[0-9]{10,}", number)
    assert value("project/project-id") == PROJECT
    assert re.fullmatch(r"[0-9a-f]+", value("instance/id"))
    region = value("instance/region")
    assert region.startswith(f"projects/{number}/regions/")
    assert value("instance/zone") == f"{region.replace('/regions/', '/zones/')}-1"
    account = value("instance/service-accounts/default/email")
    assert value(f"instance/service-accounts/{account}/aliases") == "default\n"
    assert "cloud-platform" in value("instance/service-accounts/default/scopes")
    assert json.loads(value("?recursive=true"))["project"]["projectId"] == PROJECT
    assert value("instance/").split()[:2] == ["id", "region"]
    assert site("GET", "/").headers["Metadata-Flavor"] == "Google"
    site("GET", "/computeMetadata/v1/project/project-id", 403)
