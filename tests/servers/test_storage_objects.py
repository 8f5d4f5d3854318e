"""Objects of Cloud Storage over HTTP: shown, listed, changed, removed, copied, moved, joined."""

from __future__ import annotations

import threading
from urllib.parse import quote

import pytest
from storage_calls import Storage, a_bucket, crc32c, md5, reason

from runtime_process import RuntimeProcess

NAMES = [
    "a b.txt",
    "日本語/x%y.mp4",
    "a/../b",
    "../../etc/passwd",
    "trailing/",
    "/leading",
    "a//b",
    "plus+plus",
    "hash#tag",
    "question?mark",
    "100%",
    "%2F",
    "a:b:run",
    "compose",
    "x/acl",
    "x/rewriteTo/b/y/o/z",
    "semi;colon&amp=1",
    "tab\tname",
    "🦀",
    "é",
    "é",
    "x" * 1024,
    ".hidden",
    "...",
]


@pytest.fixture(scope="module")
def bucket(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


@pytest.fixture
def own(runtime: RuntimeProcess) -> Storage:
    return a_bucket(runtime)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_decoded_once_whatever_it_holds(bucket: Storage, name: str) -> None:
    content = name.encode()
    made = bucket.put(name, content)
    assert made["name"] == name
    assert bucket.get(name)["generation"] == made["generation"]
    assert bucket.media(name).body == content
    assert bucket.call("GET", f"/{bucket.bucket}/{quote(name, safe='')}").body == content
    link = made["mediaLink"].removeprefix(bucket.runtime.url)
    assert bucket.call("GET", link).body == content
    assert name in bucket.names(prefix=name)
    assert bucket.call("DELETE", bucket.path(name)).status == 204
    assert bucket.media(name).status == 404


def test_slashes_that_are_not_encoded_belong_to_the_name(bucket: Storage) -> None:
    bucket.put("dir/sub/file.txt", b"raw")
    assert bucket.call("GET", f"{bucket.root}/o/dir/sub/file.txt").json["name"] == "dir/sub/file.txt"
    assert bucket.call("GET", f"/download{bucket.root}/o/dir/sub/file.txt?alt=media").body == b"raw"


@pytest.mark.parametrize("name", ["", ".", "..", "a\rb", "a\nb", "x" * 1025, ".well-known/acme-challenge/x"])
def test_names_that_no_object_can_have_are_refused(bucket: Storage, name: str) -> None:
    answer = bucket.upload(name, b"x")
    assert answer.status == 400, answer.body
    reason(answer)


def test_the_short_paths_of_the_node_js_client(bucket: Storage) -> None:
    bucket.put("dir/x", b"short")
    assert bucket.call("GET", f"/b/{bucket.bucket}").json["name"] == bucket.bucket
    assert bucket.call("GET", f"/b/{bucket.bucket}/o/dir%2Fx?alt=media").body == b"short"
    assert bucket.call("GET", "/b?project=nobody-here").json == {"kind": "storage#buckets"}
    answer = bucket.call("GET", f"/b/{bucket.bucket}/o/none")
    assert (answer.status, reason(answer)) == (404, "notFound")


def test_an_object_is_shown_as_clients_expect_it(bucket: Storage) -> None:
    made = bucket.put("dir/a b.txt", b"hello")
    found = bucket.get("dir/a b.txt")
    assert found == made
    generation = found["generation"]
    root = bucket.runtime.url
    assert found["kind"] == "storage#object"
    assert found["id"] == f"{bucket.bucket}/dir/a b.txt/{generation}"
    assert found["selfLink"] == f"{root}{bucket.root}/o/dir%2Fa%20b.txt"
    assert found["mediaLink"] == f"{root}/download{bucket.root}/o/dir%2Fa%20b.txt?generation={generation}&alt=media"
    assert (found["size"], found["crc32c"], found["md5Hash"]) == ("5", "mnG7TA==", "XUFAKrxLKna5cZ2REBfFkg==")
    assert (found["contentType"], found["storageClass"], found["metageneration"]) == ("text/plain", "STANDARD", "1")
    assert len(generation) == 16
    assert found["timeCreated"].endswith("Z")
    assert "acl" not in found
    answer = bucket.call(
        "GET", bucket.path("dir/a b.txt", projection="noAcl", prettyPrint="false", key="x", alt="json")
    )
    assert answer.headers["etag"] == found["etag"]


def test_a_patch_merges_and_counts(own: Storage) -> None:
    own.put("x")
    first = own.call("PATCH", own.path("x"), {"metadata": {"k": "v", "l": "w"}, "cacheControl": "no-cache"}).json
    assert (first["metadata"], first["metageneration"]) == ({"k": "v", "l": "w"}, "2")
    second = own.call("PATCH", own.path("x"), {"metadata": {"k": None}, "contentType": "a/b"}).json
    assert (second["metadata"], second["cacheControl"], second["contentType"]) == ({"l": "w"}, "no-cache", "a/b")
    assert second["etag"] != first["etag"]
    assert "metadata" not in own.call("PATCH", own.path("x"), {"metadata": None}).json
    assert own.call("PATCH", own.path("x"), {"size": "7", "generation": "1", "md5Hash": "x"}).json["size"] == "5"


def test_an_update_replaces_all_but_the_storage_class(own: Storage) -> None:
    own.put("x")
    own.call("PATCH", own.path("x"), {"metadata": {"k": "v"}, "contentLanguage": "ja"})
    found = own.call("PUT", own.path("x"), {"contentType": "c/d", "storageClass": "ARCHIVE"}).json
    assert (found["contentType"], found["storageClass"]) == ("c/d", "STANDARD")
    assert "metadata" not in found
    assert "contentLanguage" not in found


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"k": 5}},
        {"metadata": ["k"]},
        {"contentType": 5},
        {"temporaryHold": "yes"},
        {"customTime": "yesterday"},
        {"contentType": "a\r\nb"},
        {"metadata": {"k": "v" * 9000}},
        {"metadata": {"k": "\ud800"}},
    ],
)
def test_metadata_that_cannot_be_is_refused_and_changes_nothing(bucket: Storage, body: object) -> None:
    made = bucket.put("fixed")
    answer = bucket.call("PATCH", bucket.path("fixed"), body)
    assert answer.status == 400, answer.body
    reason(answer)
    assert bucket.get("fixed") == made


def test_custom_times_only_rise_and_come_back_as_they_were(own: Storage) -> None:
    own.put("x")
    found = own.call("PATCH", own.path("x"), {"customTime": "2026-01-02T03:04:05.123456Z"}).json
    assert found["customTime"] == "2026-01-02T03:04:05.123456Z"
    assert own.call("PATCH", own.path("x"), {"customTime": "2025-01-01T00:00:00Z"}).status == 400


# -- preconditions --------------------------------------------------------------------------------------------------


def test_preconditions_of_reads_changes_and_deletes(own: Storage) -> None:
    generation = own.put("x")["generation"]
    assert own.call("GET", own.path("x", ifGenerationMatch=generation)).status == 200
    answer = own.call("GET", own.path("x", ifGenerationMatch=1))
    assert (answer.status, reason(answer)) == (412, "conditionNotMet")
    assert own.call("GET", own.path("x", ifGenerationNotMatch=generation)).status == 304
    assert own.call("GET", own.path("x", ifMetagenerationNotMatch=1)).status == 304
    assert own.media("x", ifGenerationMatch=1).status == 412
    assert own.call("PATCH", own.path("x", ifMetagenerationMatch=2), {}).status == 412
    assert own.call("DELETE", own.path("x", ifGenerationMatch=1)).status == 412
    assert own.get("x")["generation"] == generation
    assert own.call("DELETE", own.path("x", ifGenerationMatch=generation)).status == 204
    for method in ("GET", "PATCH", "DELETE"):
        answer = own.call(method, own.path("x", ifGenerationMatch=generation))
        assert (answer.status, reason(answer)) == (404, "notFound")
        assert answer.json["error"]["message"] == f"No such object: {own.bucket}/x"


def test_preconditions_that_are_no_numbers_are_refused(bucket: Storage) -> None:
    bucket.put("x")
    for value in ("abc", "-1", "1.5", "9" * 30):
        answer = bucket.call("GET", bucket.path("x", ifGenerationMatch=value))
        assert (answer.status, reason(answer)) == (400, "invalidParameter")
        assert answer.json["error"]["errors"][0]["location"] == "ifGenerationMatch"


def test_of_racers_that_want_to_create_exactly_one_wins(own: Storage) -> None:
    found: list[int] = []

    def race(number: int) -> None:
        found.append(own.upload("race", f"racer {number}".encode(), ifGenerationMatch=0).status)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] + [412] * 7


def test_etags_of_reads(own: Storage) -> None:
    etag = own.put("x")["etag"]
    assert own.call("GET", own.path("x"), If_None_Match=f'"{etag}"').status == 304
    assert own.call("GET", own.path("x"), If_Match="other").status == 412
    assert own.media("x", {"If-Match": etag}).status == 200
    assert own.media("x", {"If-None-Match": f'"a", W/"{etag}"'}).status == 304


# -- versions -------------------------------------------------------------------------------------------------------


def test_versions_are_kept_listed_and_removed_one_by_one(runtime: RuntimeProcess) -> None:
    own = a_bucket(runtime, versioning={"enabled": True})
    old, new = own.put("x", b"old"), own.put("x", b"new")
    assert int(new["generation"]) > int(old["generation"])
    assert own.media("x", generation=old["generation"]).body == b"old"
    assert own.media("x").body == b"new"
    assert own.call("DELETE", own.path("x")).status == 204
    assert own.media("x").status == 404
    assert own.names() == []
    listed = own.call("GET", f"{own.root}/o?versions=True").json["items"]
    assert [item["generation"] for item in listed] == [old["generation"], new["generation"]]
    assert all("timeDeleted" in item for item in listed)
    assert own.call("DELETE", own.path("x", generation=old["generation"])).status == 204
    assert own.names(versions="true") == ["x"]


def test_what_was_soft_deleted_can_be_restored(runtime: RuntimeProcess) -> None:
    own = a_bucket(runtime, softDeletePolicy={"retentionDurationSeconds": 604800})
    made = own.put("x", b"precious")
    own.call("DELETE", own.path("x"))
    listed = own.call("GET", f"{own.root}/o?softDeleted=true").json["items"]
    assert [item["generation"] for item in listed] == [made["generation"]]
    assert "hardDeleteTime" in listed[0]
    assert own.get("x", softDeleted="true", generation=made["generation"])["size"] == "8"
    answer = own.call("POST", f"{own.root}/o/x/restore")
    assert (answer.status, reason(answer)) == (400, "required")
    restored = own.call("POST", f"{own.root}/o/x/restore?generation={made['generation']}").json
    assert own.media("x").body == b"precious"
    assert int(restored["generation"]) > int(made["generation"])


# -- lists ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listed(runtime: RuntimeProcess) -> Storage:
    found = a_bucket(runtime)
    for name in ("a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d/", "d/4.md", "é", "z"):
        found.put(name)
    return found


@pytest.mark.parametrize(
    ("query", "items", "prefixes"),
    [
        ({}, ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d/", "d/4.md", "z", "é"], []),
        ({"delimiter": "/"}, ["a.txt", "z", "é"], ["b/", "d/"]),
        ({"delimiter": "/", "prefix": "b/"}, ["b/1.txt", "b/2.txt"], ["b/c/"]),
        ({"delimiter": "/", "includeTrailingDelimiter": "True"}, ["a.txt", "d/", "z", "é"], ["b/", "d/"]),
        ({"startOffset": "b/2.txt", "endOffset": "d/4.md"}, ["b/2.txt", "b/c/3.txt", "d/"], []),
        ({"matchGlob": "b/**.txt"}, ["b/1.txt", "b/2.txt", "b/c/3.txt"], []),
        ({"matchGlob": "{a,z}*"}, ["a.txt", "z"], []),
        ({"prefix": "nothing"}, [], []),
    ],
)
def test_lists(listed: Storage, query: dict[str, str], items: list[str], prefixes: list[str]) -> None:
    found = listed.call("GET", f"{listed.root}/o{listed._query(dict(query))}").json
    assert found["kind"] == "storage#objects"
    assert sorted(item["name"] for item in found.get("items", [])) == sorted(items)
    assert [item["name"] for item in found.get("items", [])] == sorted(items, key=str.encode)
    assert found.get("prefixes", []) == prefixes
    assert ("items" in found) == bool(items)


def test_pages_survive_what_comes_and_goes_between_them(own: Storage) -> None:
    for name in "abcdef":
        own.put(name)
    found, token = [], ""
    while True:
        page = own.call("GET", f"{own.root}/o?maxResults=2&pageToken={token}").json
        found += [item["name"] for item in page["items"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
        own.call("DELETE", own.path(found[-1]))
        own.put(f"{found[-1]}0")
    assert set("abcdef") <= set(found)
    assert len(found) == len(set(found))


def test_a_list_can_be_cut_down_to_some_fields(listed: Storage) -> None:
    found = listed.call("GET", f"{listed.root}/o?fields=items(name,size),nextPageToken&maxResults=1").json
    assert found["items"] == [{"name": "a.txt", "size": "5"}]
    assert set(found) == {"items", "nextPageToken"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"maxResults": "x"}, 400),
        ({"pageToken": "rubbish"}, 400),
        ({"versions": "maybe"}, 400),
        ({"matchGlob": "[a"}, 400),
        ({"matchGlob": "*", "delimiter": "x"}, 400),
        ({"prefix": "x" * 2000}, 400),
        ({"filter": "contexts"}, 501),
    ],
)
def test_lists_that_cannot_be_are_refused(listed: Storage, query: dict[str, str], status: int) -> None:
    answer = listed.call("GET", f"{listed.root}/o{listed._query(dict(query))}")
    assert answer.status == status, answer.body
    reason(answer)


# -- copies ---------------------------------------------------------------------------------------------------------


def test_a_copy_keeps_the_metadata_unless_it_is_given_other(runtime: RuntimeProcess, own: Storage) -> None:
    other = a_bucket(runtime)
    source = own.put("dir/x", b"content")
    own.call("PATCH", own.path("dir/x"), {"metadata": {"k": "v"}})
    path = f"{own.root}/o/dir%2Fx/copyTo/b/{other.bucket}/o/to%2Fy"
    kept = own.call("POST", path).json
    assert (kept["metadata"], kept["contentType"], kept["md5Hash"]) == ({"k": "v"}, "text/plain", source["md5Hash"])
    assert (kept["metageneration"], kept["bucket"], kept["name"]) == ("1", other.bucket, "to/y")
    assert other.media("to/y").body == b"content"
    replaced = own.call("POST", path, {"contentType": "a/b"}).json
    assert replaced["contentType"] == "a/b"
    assert "metadata" not in replaced


def test_a_rewrite_is_done_in_one_call(own: Storage) -> None:
    own.put("x", b"content")
    path = f"{own.root}/o/x/rewriteTo/b/{own.bucket}/o/y"
    found = own.call("POST", f"{path}?maxBytesRewrittenPerCall=1048576", {"name": "y"}).json
    assert (found["kind"], found["done"]) == ("storage#rewriteResponse", True)
    assert (found["totalBytesRewritten"], found["objectSize"]) == ("7", "7")
    assert (found["resource"]["name"], found["resource"]["contentType"]) == ("y", "text/plain")
    assert "rewriteToken" not in found
    assert own.call("POST", f"{path}?maxBytesRewrittenPerCall=1000").status == 400


def test_a_rewrite_onto_itself_changes_the_class_and_nothing_else(own: Storage) -> None:
    own.put("x", b"content")
    own.call("PATCH", own.path("x"), {"metadata": {"k": "v"}})
    path = f"{own.root}/o/x/rewriteTo/b/{own.bucket}/o/x"
    found = own.call("POST", path, {"name": "x", "storageClass": "nearline"}).json["resource"]
    assert (found["storageClass"], found["contentType"], found["metadata"]) == ("NEARLINE", "text/plain", {"k": "v"})


def test_conditions_of_both_ends_of_a_copy(own: Storage) -> None:
    source = own.put("x", b"content")
    own.put("there")
    base = f"{own.root}/o/x/copyTo/b/{own.bucket}/o"
    assert own.call("POST", f"{base}/there?ifGenerationMatch=0").status == 412
    assert own.call("POST", f"{base}/new?ifSourceGenerationMatch=1").status == 412
    assert own.call("POST", f"{base}/new?ifSourceMetagenerationMatch=2").status == 412
    assert own.call("POST", f"{base}/new?sourceGeneration=1").status == 404
    good = f"{base}/new?ifGenerationMatch=0&ifSourceGenerationMatch={source['generation']}"
    assert own.call("POST", good).status == 200
    assert own.call("POST", good).status == 412
    assert own.call("POST", f"{own.root}/o/none/copyTo/b/{own.bucket}/o/new").status == 404
    assert own.call("POST", f"{own.root}/o/x/copyTo/b/no-such-bucket/o/new").status == 404


def test_a_move_leaves_nothing_behind(runtime: RuntimeProcess, own: Storage) -> None:
    source = own.put("dir/x", b"content")
    found = own.call("POST", f"{own.root}/o/dir%2Fx/moveTo/o/new%2Fy").json
    assert found["name"] == "new/y"
    assert int(found["generation"]) > int(source["generation"])
    assert own.names() == ["new/y"]
    other = a_bucket(runtime)
    path = f"/hakobune/v1/b/{own.bucket}/o/new%2Fy/moveTo/b/{other.bucket}/o/z"
    assert own.call("POST", f"{path}?ifGenerationMatch=5").status == 412
    moved = own.call("POST", f"{path}?ifGenerationMatch=0&ifSourceGenerationMatch={found['generation']}").json
    assert (moved["bucket"], moved["name"], moved["md5Hash"]) == (other.bucket, "z", md5(b"content"))
    assert (own.names(), other.names()) == ([], ["z"])


def test_compose_joins(own: Storage) -> None:
    own.put("a", b"one, ")
    second = own.put("b", b"two")
    body = {
        "sourceObjects": [
            {"name": "a", "generation": None},
            {"name": "b", "objectPreconditions": {"ifGenerationMatch": second["generation"]}},
        ],
        "destination": {"contentType": "text/x", "metadata": {"k": "v"}, "crc32c": crc32c(b"one, ")},
    }
    found = own.call("POST", f"{own.root}/o/joined/compose", body).json
    assert (found["size"], found["componentCount"], found["crc32c"]) == ("8", 2, crc32c(b"one, two"))
    assert (found["contentType"], found["metadata"]) == ("text/x", {"k": "v"})
    assert "md5Hash" not in found
    answer = own.media("joined")
    assert (answer.body, answer.headers["x-goog-component-count"]) == (b"one, two", "2")
    assert "md5" not in answer.headers["x-goog-hash"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"sourceObjects": []}, 400),
        ({"sourceObjects": [{}]}, 400),
        ({"sourceObjects": [{"name": "a"}] * 33}, 400),
        ({"sourceObjects": "a"}, 400),
        ({"sourceObjects": [{"name": "none"}]}, 404),
        ({"sourceObjects": [{"name": "a", "objectPreconditions": {"ifGenerationMatch": "1"}}]}, 412),
    ],
)
def test_compose_that_cannot_be_is_refused(bucket: Storage, body: object, status: int) -> None:
    bucket.put("a")
    answer = bucket.call("POST", f"{bucket.root}/o/joined/compose", body)
    assert answer.status == status, answer.body
    reason(answer)
    assert "joined" not in bucket.names()


@pytest.mark.parametrize(
    ("method", "tail"), [("POST", ""), ("PUT", "/compose"), ("GET", "/moveTo/o/x"), ("PATCH", "/acl")]
)
def test_methods_that_an_object_has_not(bucket: Storage, method: str, tail: str) -> None:
    bucket.put("x")
    answer = bucket.call(method, f"{bucket.root}/o/x{tail}", {})
    assert answer.status in (404, 405), answer.body
    reason(answer)
