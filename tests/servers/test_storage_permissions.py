"""Who gets to the bytes of objects where tokens are wanted and policies count: every way there is closed, and opens with
the role for it and no other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from storage_calls import xml_code
from test_storage_signed_urls import a_signer

from runtime_process import PROJECT, Answer, RuntimeProcess

ANN = f"ann-robot@{PROJECT}.iam.gserviceaccount.com"
SCOPE = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
FLAVOR = {"Metadata-Flavor": "Google"}
Headers = dict[str, str]


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuntimeProcess]:
    """A runtime whose policies count."""
    found = RuntimeProcess(tmp_path_factory.mktemp("enforced") / "data", ("--auth=token", "--iam=enforce")).start()
    yield found
    assert found.stop() == 0, found.log


@pytest.fixture(scope="module")
def owner(enforced: RuntimeProcess) -> Headers:
    answer = enforced.call("GET", "/computeMetadata/v1/instance/service-accounts/default/token", headers=FLAVOR)
    return {"Authorization": f"Bearer {answer.json['access_token']}"}


@pytest.fixture(scope="module")
def ann(enforced: RuntimeProcess, owner: Headers) -> Headers:
    """The header of an account without any role."""
    made = enforced.call("POST", f"/v1/projects/-/serviceAccounts/{ANN}:generateAccessToken", SCOPE, owner)
    return {"Authorization": f"Bearer {made.json['accessToken']}"}


def ok(answer: Answer) -> Answer:
    assert answer.status in (200, 201, 204, 308), answer.body
    return answer


def a_bucket(runtime: RuntimeProcess, owner: Headers) -> str:
    """A bucket with some objects."""
    name = f"p-{uuid.uuid4().hex[:10]}"
    ok(runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name}, owner))
    for path in ("x", "dir/x", "x:getIamPolicy"):
        ok(runtime.call("POST", f"/upload/storage/v1/b/{name}/o?uploadType=media&name={path}", b"secret", owner))
    return name


def bind(runtime: RuntimeProcess, owner: Headers, bucket: str, *roles: str) -> None:
    bindings = [{"role": role, "members": [f"serviceAccount:{ANN}"]} for role in roles]
    ok(runtime.call("PUT", f"/storage/v1/b/{bucket}/iam", {"bindings": bindings}, owner))


OPEN_PATHS = (
    "/upload/storage/x?upload_id=1",
    "/resumable/upload/x?upload_id=1",
    "/token",
    "/tokeninfo",
    "/healthz",
    "/robot/v1/metadata/x",
    "/computeMetadata/v1/x",
    "/hakobune/v1/env",
)


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_a_path_that_needs_no_token_elsewhere_is_the_name_of_an_object_on_a_buckets_host(
    enforced: RuntimeProcess, owner: Headers, path: str
) -> None:
    bucket = a_bucket(enforced, owner)
    host = {"Host": f"{bucket}.storage.googleapis.com"}
    for extra in ({}, {"x-goog-copy-source": f"/{bucket}/x"}):
        answer = enforced.call("PUT", path, b"evil", {**host, **extra})
        assert (answer.status, xml_code(answer)) == (401, "AuthenticationRequired")
    ok(enforced.call("PUT", path, b"secret", {**host, **owner}))
    for method in ("GET", "DELETE"):
        answer = enforced.call(method, path, None, host)
        assert (answer.status, xml_code(answer)) == (401, "AuthenticationRequired")


def test_the_list_of_buckets_over_xml_needs_a_token(enforced: RuntimeProcess) -> None:
    answer = enforced.call("GET", "/", None, {"Host": "storage.googleapis.com"})
    assert (answer.status, xml_code(answer)) == (401, "AuthenticationRequired")
    assert enforced.call("GET", "/").status == 200  # on a name of ours it is the metadata server


B, S, V = "Host: {bucket}.storage.googleapis.com", "Host: storage.googleapis.com", "roles/storage.objectViewer"
CREATOR, USER, BUCKETS = "roles/storage.objectCreator", "roles/storage.objectUser", "roles/storage.admin"
# method, path, header, the role that opens, roles that do not
WAYS = (
    ("GET", "/storage/v1/b/{bucket}/o/x?alt=media", "", V, CREATOR),
    ("HEAD", "/storage/v1/b/{bucket}/o/x", "", V, CREATOR),
    ("GET", "/b/{bucket}/o/x?alt=media", "", V, CREATOR),
    ("GET", "/storage/v1/b/{bucket}/o/dir/x?alt=media", "", V, CREATOR),
    ("GET", "/storage/v1/b/{bucket}/o/dir%2Fx?alt=media", "", V, CREATOR),
    ("GET", "//storage/v1/b/{bucket}/o/x?alt=media", "", V, CREATOR),
    ("GET", "/storage/v1/b/{bucket}/o/x:getIamPolicy?alt=media", "", V, CREATOR),
    ("GET", "/storage/v1/b/{bucket}/o/x/acl", "", V, CREATOR),
    ("GET", "/download/storage/v1/b/{bucket}/o/x?alt=media", "", V, CREATOR),
    ("GET", "/download/storage/v1/b/{bucket}/o/dir/x?alt=media", "", V, CREATOR),
    ("GET", "/storage/v1/download/b/{bucket}/o/x?alt=media", "", V, CREATOR),
    ("GET", "/storage/v1/b/{bucket}/o", "", V, CREATOR),
    ("GET", "/{bucket}/x", "", V, CREATOR),
    ("HEAD", "/{bucket}/x", "", V, CREATOR),
    ("GET", "//{bucket}/x", "", V, CREATOR),
    ("GET", "/{bucket}", "", V, CREATOR),
    ("GET", "/{bucket}/x", S, V, CREATOR),
    ("GET", "/x", B, V, CREATOR),
    ("GET", "/", B, V, CREATOR),
    ("PUT", "/storage/v1/b/{bucket}/o/x:getIamPolicy", "", USER, V),
    ("PATCH", "/storage/v1/b/{bucket}/o/x", "", USER, CREATOR),
    ("DELETE", "/storage/v1/b/{bucket}/o/x", "", USER, CREATOR),
    ("DELETE", "/storage/v1/b/{bucket}/o/dir/x", "", USER, CREATOR),
    ("POST", "/storage/v1/b/{bucket}/o/x/copyTo/b/{bucket}/o/y:getIamPolicy", "", USER, CREATOR),
    ("POST", "/storage/v1/b/{bucket}/o/x/rewriteTo/b/{bucket}/o/y:testIamPermissions", "", USER, V),
    ("POST", "/storage/v1/b/{bucket}/o/x/moveTo/o/y:batchGet", "", USER, V),
    ("POST", "/hakobune/v1/b/{bucket}/o/x/moveTo/b/{bucket}/o/y:batchGet", "", USER, V),
    ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=new", "", CREATOR, V),
    ("PUT", "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=new", "", CREATOR, V),
    ("POST", "/resumable/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=new", "", CREATOR, V),
    ("PUT", "/{bucket}/new", "", CREATOR, V),
    ("PUT", "/{bucket}/new", S, CREATOR, V),
    ("PUT", "/new", B, CREATOR, V),
    ("PUT", "//", B, CREATOR, V),
    ("POST", "/{bucket}/new?uploads", "", CREATOR, V),
    ("POST", "/{bucket}?delete", "", USER, CREATOR),
    ("DELETE", "/{bucket}/x", "", USER, CREATOR),
    ("DELETE", "/{bucket}/x", S, USER, CREATOR),
    ("DELETE", "/x", B, USER, CREATOR),
    ("POST", "/{bucket}?delete", "", USER, CREATOR),
    ("POST", "/{bucket}?delete", S, USER, CREATOR),
    ("POST", "/?delete", B, USER, CREATOR),
    ("PATCH", "/storage/v1/b/{bucket}", "", BUCKETS, USER),
    ("PUT", "/storage/v1/b/{bucket}/iam", "", BUCKETS, USER),
)


@pytest.mark.parametrize(("method", "path", "header", "opens", "other"), WAYS)
def test_every_way_to_an_object_needs_its_role(
    enforced: RuntimeProcess, owner: Headers, ann: Headers, method: str, path: str, header: str, opens: str, other: str
) -> None:
    bucket = a_bucket(enforced, owner)
    name, _, value = header.format(bucket=bucket).partition(": ")
    headers = {**ann, **({name: value} if name else {})}
    body: object = None if method in ("GET", "HEAD", "DELETE") else b""
    if path.endswith("/iam"):
        body = {"bindings": []}
    if path.endswith("?delete"):
        body = b"<Delete><Object><Key>x</Key></Object></Delete>"
    if path.endswith("?delete"):
        body = b"<Delete><Object><Key>x</Key></Object></Delete>"

    def asked() -> Answer:
        return enforced.call(method, path.format(bucket=bucket), body, headers)

    assert asked().status == 403
    bind(enforced, owner, bucket, other)
    assert asked().status == 403
    bind(enforced, owner, bucket, opens)
    ok(asked())


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/storage/v1/b/{theirs}/o/x/copyTo/b/{own}/o/y", {}),
        ("POST", "/storage/v1/b/{theirs}/o/x/rewriteTo/b/{own}/o/y", {}),
        ("POST", "/hakobune/v1/b/{theirs}/o/x/moveTo/b/{own}/o/y", {}),
        ("PUT", "/{own}/y", {"x-goog-copy-source": "/{theirs}/x"}),
        ("PUT", "/{own}/y", {"x-goog-copy-source": "{theirs}%2Fx"}),
    ],
)
def test_a_copy_needs_a_role_on_both_sides(
    enforced: RuntimeProcess, owner: Headers, ann: Headers, method: str, path: str, headers: Headers
) -> None:
    own, theirs = a_bucket(enforced, owner), a_bucket(enforced, owner)
    bind(enforced, owner, own, "roles/storage.objectAdmin")
    said = {**ann, **{name: value.format(theirs=theirs) for name, value in headers.items()}}
    target = path.format(own=own, theirs=theirs)
    assert enforced.call(method, target, b"", said).status == 403
    bind(enforced, owner, theirs, "roles/storage.objectAdmin")
    ok(enforced.call(method, target, b"", said))
    bind(enforced, owner, own, V)
    assert enforced.call(method, target.replace("/x/", "/dir%2Fx/"), b"", said).status == 403


# method, path of a write onto the object x, header
OVERWRITES = (
    ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=x", ""),
    ("POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=x&ifGenerationMatch=0", ""),
    ("POST", "/resumable/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=x", ""),
    ("POST", "/storage/v1/b/{bucket}/o/dir%2Fx/copyTo/b/{bucket}/o/x", ""),
    ("POST", "/storage/v1/b/{bucket}/o/dir%2Fx/rewriteTo/b/{bucket}/o/x", ""),
    ("POST", "/storage/v1/b/{bucket}/o/x/compose", ""),
    ("PUT", "/{bucket}/x", ""),
    ("PUT", "/{bucket}/x", "x-goog-copy-source: /{bucket}/dir/x"),
    ("POST", "/{bucket}/x", "x-goog-resumable: start"),
    ("POST", "/{bucket}/x?uploads", ""),
)


@pytest.mark.parametrize(("method", "path", "header"), OVERWRITES)
def test_a_write_onto_an_object_needs_the_right_to_delete_it_too(
    enforced: RuntimeProcess, owner: Headers, ann: Headers, method: str, path: str, header: str
) -> None:
    bucket = a_bucket(enforced, owner)
    name, _, value = header.format(bucket=bucket).partition(": ")
    headers = {**ann, **({name: value} if name else {})}
    body: object = {"sourceObjects": [{"name": "dir/x"}]} if path.endswith("/compose") else b""
    bind(enforced, owner, bucket, CREATOR, V)
    answer = enforced.call(method, path.format(bucket=bucket), body, headers)
    assert answer.status == 403
    assert b"storage.objects.delete" in answer.body
    ok(enforced.call("DELETE", f"/storage/v1/b/{bucket}/o/x", None, owner))
    ok(enforced.call(method, path.format(bucket=bucket), body, headers))


def test_given_no_right_to_delete_when_another_is_faster_then_what_it_wrote_stays(
    enforced: RuntimeProcess, owner: Headers, ann: Headers
) -> None:
    bucket = a_bucket(enforced, owner)
    bind(enforced, owner, bucket, CREATOR)
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=new"
    session = ok(enforced.call("POST", path, b"", ann)).headers["location"].partition(str(enforced.port))[2]
    ok(enforced.call("PUT", f"/{bucket}/new", b"first", owner))
    assert enforced.call("PUT", session, b"second", ann).status == 412
    assert enforced.call("GET", f"/{bucket}/new", None, owner).body == b"first"


def test_the_editor_of_a_buckets_project_may_do_all_but_policies(
    enforced: RuntimeProcess, owner: Headers, ann: Headers
) -> None:
    bucket = f"p-{uuid.uuid4().hex[:10]}"
    project = f"own-{uuid.uuid4().hex[:8]}"
    create = f"/storage/v1/b?project={project}"
    assert enforced.call("POST", create, {"name": bucket}, ann).status == 403
    binding = {"role": "roles/editor", "members": [f"serviceAccount:{ANN}"]}
    ok(enforced.call("POST", f"/v1/projects/{project}:setIamPolicy", {"policy": {"bindings": [binding]}}, owner))
    ok(enforced.call("POST", create, {"name": bucket}, ann))
    ok(enforced.call("PUT", f"/{bucket}/x", b"hello", ann))
    ok(enforced.call("POST", f"/storage/v1/b/{bucket}/o/x/copyTo/b/{bucket}/o/y", {}, ann))
    compose = {"sourceObjects": [{"name": "x"}, {"name": "y"}]}
    ok(enforced.call("POST", f"/storage/v1/b/{bucket}/o/z/compose", compose, ann))
    assert enforced.call("PUT", f"/storage/v1/b/{bucket}/iam", {"bindings": []}, ann).status == 403
    for name in "xyz":
        ok(enforced.call("DELETE", f"/storage/v1/b/{bucket}/o/{name}", None, ann))
    ok(enforced.call("DELETE", f"/storage/v1/b/{bucket}", None, ann))


def test_the_calls_in_a_batch_need_their_own_roles(enforced: RuntimeProcess, owner: Headers, ann: Headers) -> None:
    bucket = a_bucket(enforced, owner)
    call = f"DELETE /storage/v1/b/{bucket}/o/x HTTP/1.1\r\n\r\n"
    body = f"--b\r\nContent-Type: application/http\r\n\r\n{call}\r\n--b--\r\n".encode()
    said = {**ann, "Content-Type": "multipart/mixed; boundary=b"}
    assert b"HTTP/1.1 403 " in ok(enforced.call("POST", "/batch/storage/v1", body, said)).body
    bind(enforced, owner, bucket, USER)
    assert b"HTTP/1.1 204 " in ok(enforced.call("POST", "/batch/storage/v1", body, said)).body


# -- signed URLs ----------------------------------------------------------------------------------------------------


def test_a_signed_url_copies_only_what_was_signed(enforced: RuntimeProcess, owner: Headers) -> None:
    bucket, signer = a_bucket(enforced, owner), a_signer(enforced, owner)
    bindings = [{"role": "roles/storage.objectAdmin", "members": [f"serviceAccount:{signer.email}"]}]
    ok(enforced.call("PUT", f"/storage/v1/b/{bucket}/iam", {"bindings": bindings}, owner))
    source = {"x-goog-copy-source": f"/{bucket}/x"}
    place = f"127.0.0.1:{enforced.port}"
    for url in (signer.v4("PUT", f"/{bucket}/new", place), signer.v2("PUT", f"/{bucket}/new", 4_000_000_000)):
        assert enforced.call("PUT", url, b"", source).status == 403
        ok(enforced.call("PUT", url, b"mine"))


def test_what_a_disabled_account_has_signed_opens_nothing(enforced: RuntimeProcess, owner: Headers) -> None:
    bucket, signer = a_bucket(enforced, owner), a_signer(enforced, owner)
    bindings = [{"role": V, "members": [f"serviceAccount:{signer.email}"]}]
    ok(enforced.call("PUT", f"/storage/v1/b/{bucket}/iam", {"bindings": bindings}, owner))
    url = signer.v4("GET", f"/{bucket}/x", f"127.0.0.1:{enforced.port}")
    assert enforced.call("GET", url).body == b"secret"
    account = f"/v1/projects/{PROJECT}/serviceAccounts/{signer.email}"
    ok(enforced.call("POST", f"{account}:disable", {}, owner))
    answer = enforced.call("GET", url)
    assert (answer.status, xml_code(answer)) == (403, "AccessDenied")
    ok(enforced.call("POST", f"{account}:enable", {}, owner))
    assert enforced.call("GET", url).body == b"secret"


# -- tokens ---------------------------------------------------------------------------------------------------------


def test_an_id_token_for_the_audience_of_our_apis_opens_nothing(enforced: RuntimeProcess) -> None:
    path = "/computeMetadata/v1/instance/service-accounts/default/identity?audience=https://www.googleapis.com/"
    token = enforced.call("GET", path, headers=FLAVOR).body.decode()
    answer = enforced.call("GET", f"/storage/v1/b?project={PROJECT}", None, {"Authorization": f"Bearer {token}"})
    assert answer.status in (401, 403), answer.body
