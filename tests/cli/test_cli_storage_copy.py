"""`hakobune storage cp | mv`: what goes where, and what is left alone, against a running server."""

from __future__ import annotations

import gzip
import json
import os
import uuid
from pathlib import Path

import pytest
from command_calls import Call


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder `tree` with `a.txt` and `sub/b.bin`, and a file `hello.txt` beside it."""
    (tmp_path / "hello.txt").write_text("hello")
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a.txt").write_text("a")
    (tmp_path / "tree" / "sub" / "b.bin").write_bytes(b"\x00\xffb")
    return tmp_path


def put(storage: Call, tree: Path, *urls: str) -> None:
    """Make objects that hold their own names."""
    for number, url in enumerate(urls):
        file = tree / f"put-{number}.txt"
        file.write_text(url.rpartition("/")[2])
        done = storage("cp", file.name, url)
        assert done.code == 0, done.err
        file.unlink()


def names(storage: Call, bucket: str) -> list[str]:
    """The names of all objects of a bucket."""
    found = storage("ls", f"{bucket}/**")
    return [line.removeprefix(f"{bucket}/") for line in found.lines]


def described(storage: Call, url: str) -> dict[str, object]:
    found = storage("objects", "describe", url, "--format=json")
    assert found.code == 0, found.err
    document: dict[str, object] = json.loads(found.out)
    return document


# -- where things go ------------------------------------------------------------------------------------------------

UPLOADS = [
    (["hello.txt", "{b}"], ["hello.txt"]),
    (["hello.txt", "{b}/x"], ["x"]),
    (["hello.txt", "{b}/d/"], ["d/hello.txt"]),
    (["hello.txt", "tree/a.txt", "{b}/d"], ["d/a.txt", "d/hello.txt"]),
    (["tree/*.txt", "{b}"], ["a.txt"]),
    (["tree/**", "{b}/flat"], ["flat/a.txt", "flat/b.bin"]),
    (["-r", "tree", "{b}"], ["tree/a.txt", "tree/sub/b.bin"]),
    (["-r", "tree", "{b}/new"], ["new/a.txt", "new/sub/b.bin"]),
    (["-r", "tree", "{b}/d/"], ["d/tree/a.txt", "d/tree/sub/b.bin"]),
    (["-r", "tree/.", "{b}/d/"], ["d/a.txt", "d/sub/b.bin"]),
    (["-r", "tree", "hello.txt", "{b}/both"], ["both/hello.txt", "both/tree/a.txt", "both/tree/sub/b.bin"]),
]


@pytest.mark.parametrize(("words", "expected"), UPLOADS)
def test_given_files_when_they_are_copied_to_the_store_then_each_goes_where_gcloud_puts_it(
    storage: Call, bucket: str, tree: Path, words: list[str], expected: list[str]
) -> None:
    done = storage("cp", *(word.format(b=bucket) for word in words))
    assert done.code == 0, done.err
    assert names(storage, bucket) == expected


def test_given_a_folder_that_exists_in_the_store_when_another_is_copied_to_it_then_it_goes_inside(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/there/x")
    assert storage("cp", "-r", "tree", f"{bucket}/there").code == 0
    assert names(storage, bucket) == ["there/tree/a.txt", "there/tree/sub/b.bin", "there/x"]


DOWNLOADS = [
    (["{b}/a.txt", "."], ["a.txt"]),
    (["{b}/a.txt", "new.txt"], ["new.txt"]),
    (["{b}/a.txt", "deep/er/new.txt"], ["deep/er/new.txt"]),
    (["{b}/*.txt", "."], ["a.txt"]),
    (["{b}/**.txt", "."], ["a.txt", "c.txt"]),
    (["{b}/d/**/c.txt", "."], ["c.txt"]),
    (["-r", "{b}/d", "."], ["d/c.txt", "d/e/f.bin"]),
    (["-r", "{b}/*", "."], ["a.txt", "d/c.txt", "d/e/f.bin"]),
]


@pytest.mark.parametrize(("words", "expected"), DOWNLOADS)
def test_given_objects_when_they_are_copied_to_this_machine_then_each_goes_where_gcloud_puts_it(
    storage: Call,
    bucket: str,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: list[str],
) -> None:
    put(storage, tree, f"{bucket}/a.txt", f"{bucket}/d/c.txt", f"{bucket}/d/e/f.bin")
    (tree / "out").mkdir()
    monkeypatch.chdir(tree / "out")
    done = storage("cp", *(word.format(b=bucket) for word in words))
    assert done.code == 0, done.err
    files = sorted(str(path.relative_to(tree / "out")) for path in (tree / "out").rglob("*") if path.is_file())
    assert files == expected


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "packed"])
def test_given_a_pipe_when_an_object_is_copied_to_it_then_it_is_written_to_and_not_replaced(
    storage: Call, bucket: str, tree: Path, is_packed: bool
) -> None:
    (tree / "content").write_bytes(gzip.compress(b"hello") if is_packed else b"hello")
    flags = ["--content-encoding=gzip"] if is_packed else []
    assert storage("cp", *flags, "content", f"{bucket}/hello").code == 0
    pipe = tree / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        done = storage("cp", f"{bucket}/hello", str(pipe))
        assert done.code == 0, done.err
        assert pipe.is_fifo()
        assert os.read(reader, 100) == b"hello"
    finally:
        os.close(reader)


def test_given_a_bucket_when_it_is_copied_with_all_that_is_in_it_then_it_becomes_a_folder_of_its_name(
    storage: Call, bucket: str, tree: Path
) -> None:
    put(storage, tree, f"{bucket}/a.txt")
    (tree / "out").mkdir()
    assert storage("cp", "-r", bucket, "out").code == 0
    assert (tree / "out" / bucket.removeprefix("gs://") / "a.txt").read_text() == "a.txt"


def test_given_objects_when_they_are_copied_within_the_store_then_content_and_metadata_are_kept(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/x", "--content-type=a/b", "--custom-metadata=k=v")
    assert storage("cp", f"{bucket}/x", f"{bucket}/y").code == 0
    found = described(storage, f"{bucket}/y")
    assert (found["content_type"], found["custom_fields"], found["size"]) == ("a/b", {"k": "v"}, 5)


def test_given_a_flag_for_the_type_when_an_object_is_copied_in_the_store_then_the_rest_is_kept(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/x", "--cache-control=no-store", "--custom-metadata=k=v")
    assert storage("cp", f"{bucket}/x", f"{bucket}/y", "--content-type=c/d").code == 0
    found = described(storage, f"{bucket}/y")
    assert (found["content_type"], found["cache_control"], found["custom_fields"]) == ("c/d", "no-store", {"k": "v"})


# -- what is said ---------------------------------------------------------------------------------------------------

REFUSALS = [
    (["none.txt", "{b}"], "The following URLs matched no objects or files:\nnone.txt"),
    (["{b}/none", "."], "The following URLs matched no objects or files:\n{b}/none"),
    (["tree", "{b}"], "The following URLs matched no objects or files:\ntree"),
    (["hello.txt", "gs://no-such-bucket-of-ours/x"], "gs://no-such-bucket-of-ours not found: 404."),
    (["hello.txt", "gs://"], "The cp command does not support provider-only destination URLs."),
    (["hello.txt", "{b}/x#12"], "The destination argument of the cp command cannot be a version-specific URL"),
    (["hello.txt", "{b}/x*"], "Destination ({b}/x*) contains an unexpected wildcard."),
    (["hello.txt", "s3://x/y"], 'Unrecognized scheme "s3".'),
    (["hello.txt", "copy.txt"], "Local copies not supported."),
    (["-r", "{b}/", "no-folder"], "Destination URL must name an existing directory. Provided: no-folder."),
]


@pytest.mark.parametrize(("words", "expected"), REFUSALS)
def test_given_what_cannot_be_copied_when_it_is_tried_then_the_reason_is_gclouds(
    storage: Call, bucket: str, tree: Path, words: list[str], expected: str
) -> None:
    if words[0] == "-r":
        storage("cp", "hello.txt", bucket)
    done = storage("cp", *(word.format(b=bucket) for word in words))
    assert done.code == 1
    assert f"ERROR: (hakobune.storage.cp) {expected.format(b=bucket)}" in done.err


def test_given_no_such_bucket_when_it_is_copied_to_then_it_is_named(storage: Call, tree: Path) -> None:
    done = storage("cp", "hello.txt", "gs://no-such-bucket-of-ours/")
    assert (done.code, done.err.splitlines()[-1]) == (1, "ERROR: gs://no-such-bucket-of-ours not found: 404.")


def test_given_a_folder_when_it_is_copied_without_recursion_then_it_is_named_and_left_out(
    storage: Call, bucket: str, tree: Path
) -> None:
    done = storage("cp", "tree", "hello.txt", bucket)
    assert "WARNING: Omitting file://tree because it is a container, and recursion is not enabled." in done.err
    assert done.code == 1
    assert names(storage, bucket) == ["hello.txt"], "the others are copied"


def test_given_no_source_when_cp_is_called_then_it_is_a_mistake_of_usage(storage: Call) -> None:
    done = storage("cp")
    assert done.code == 2
    assert "Must be specified" in done.err


def test_given_two_objects_of_one_name_when_both_are_downloaded_to_a_folder_then_the_first_is_kept(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/one/x")
    storage("cp", "tree/a.txt", f"{bucket}/two/x")
    done = storage("cp", f"{bucket}/**", "tree/sub")
    assert (done.code, (tree / "tree" / "sub" / "x").read_text()) == (0, "hello")
    assert "Skipping" in done.err


def test_given_an_object_when_it_is_copied_onto_itself_then_that_is_refused(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/x")
    done = storage("cp", f"{bucket}/x", f"{bucket}/x")
    assert done.code == 1
    assert f"Source URL matches destination URL: {bucket}/x#" in done.err


def test_given_versions_when_all_are_copied_then_the_newest_is_live_at_the_end(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("buckets", "update", bucket, "--versioning")
    for text in ("1", "2", "3"):
        (tree / "v").write_text(text)
        storage("cp", "v", f"{bucket}/v")
    assert storage("cp", "-A", f"{bucket}/v", f"{bucket}/w").code == 0
    assert len(storage("ls", "-a", f"{bucket}/w/v").lines) == 3, "several sources go into a folder"
    assert storage("cat", f"{bucket}/w/v").out == "3"
    assert storage("cp", "-A", f"{bucket}/v", "last").code == 1, "several sources need a folder"


# -- preconditions --------------------------------------------------------------------------------------------------


def test_given_an_object_when_another_is_copied_over_it_without_clobbering_then_the_first_stays(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/x")
    done = storage("cp", "--no-clobber", "tree/a.txt", f"{bucket}/x")
    assert done.code == 0
    assert f"Skipping existing destination item (no-clobber): {bucket}/x#" in done.err
    assert storage("cat", f"{bucket}/x").out == "hello"


def test_given_a_file_when_an_object_is_downloaded_without_clobbering_then_the_file_stays(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/a.txt")
    done = storage("cp", "-n", f"{bucket}/a.txt", "tree/a.txt")
    assert (done.code, (tree / "tree" / "a.txt").read_text()) == (0, "a")


def test_given_an_object_when_it_must_not_be_there_then_the_upload_fails_with_412(
    storage: Call, bucket: str, tree: Path
) -> None:
    assert storage("cp", "--if-generation-match=0", "hello.txt", f"{bucket}/x").code == 0
    done = storage("cp", "--if-generation-match=0", "tree/a.txt", f"{bucket}/x")
    assert done.code == 1
    assert "ERROR: HTTPError 412: " in done.err
    assert storage("cat", f"{bucket}/x").out == "hello"


def test_given_the_right_generation_when_it_is_demanded_then_the_upload_replaces_it(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/x")
    generation = described(storage, f"{bucket}/x")["generation"]
    assert storage("cp", f"--if-generation-match={generation}", "tree/a.txt", f"{bucket}/x").code == 0
    assert storage("cp", f"--if-generation-match={generation}", "hello.txt", f"{bucket}/x").code == 1
    assert storage("cat", f"{bucket}/x").out == "a"


def test_given_silence_when_a_copy_fails_then_the_reason_is_still_said(storage: Call, bucket: str, tree: Path) -> None:
    storage("cp", "hello.txt", f"{bucket}/x")
    done = storage("cp", "--if-generation-match=0", "hello.txt", f"{bucket}/x", "--no-user-output-enabled")
    assert done.code == 1
    assert done.err.startswith("ERROR: (hakobune.storage.cp) HTTPError 412: ")


# -- content --------------------------------------------------------------------------------------------------------


def test_given_gzip_content_when_it_is_downloaded_then_it_is_unpacked_unless_that_is_not_wanted(
    storage: Call, bucket: str, tree: Path
) -> None:
    packed = gzip.compress(b"packed") + gzip.compress(b" twice")
    (tree / "g.gz").write_bytes(packed)
    storage("cp", "g.gz", f"{bucket}/g", "--content-encoding=gzip", "--content-type=text/plain")
    assert storage("cp", f"{bucket}/g", "plain").code == 0
    assert (tree / "plain").read_bytes() == b"packed twice"
    assert storage("cp", "--do-not-decompress", f"{bucket}/g", "as-it-is").code == 0
    assert (tree / "as-it-is").read_bytes() == packed


def test_given_content_that_only_says_it_is_gzip_when_it_is_downloaded_then_nothing_appears(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/g", "--content-encoding=gzip")
    done = storage("cp", f"{bucket}/g", "plain")
    assert done.code == 1
    assert "--do-not-decompress" in done.err
    assert sorted(os.listdir(tree)) == ["hello.txt", "tree"]


@pytest.mark.parametrize("name", ["a b.txt", "日本語/x%y.mp4", "a+b#1-c", "sp ace/%2F", "emoji-🚢"])
def test_given_an_odd_name_when_it_is_copied_there_and_back_then_it_is_that_name(
    storage: Call, bucket: str, tree: Path, name: str
) -> None:
    assert storage("cp", "hello.txt", f"{bucket}/{name}").code == 0
    assert names(storage, bucket) == [name]
    listed = storage("ls", "--json", f"{bucket}/**")
    assert json.loads(listed.out)[0]["metadata"]["name"] == name


def test_given_a_name_that_leads_out_of_the_folder_when_it_is_downloaded_then_nothing_is_written(
    storage: Call, bucket: str, tree: Path
) -> None:
    storage("cp", "hello.txt", f"{bucket}/d/../../../escaped")
    (tree / "out").mkdir()
    done = storage("cp", "-r", f"{bucket}/d", "out")
    assert done.code == 1
    assert "leads out of the destination" in done.err
    assert not list((tree / "out").iterdir())
    assert not (tree.parent / "escaped").exists()


def test_given_a_symbolic_link_that_leads_nowhere_when_its_folder_is_copied_then_the_rest_is(
    storage: Call, bucket: str, tree: Path
) -> None:
    (tree / "tree" / "broken").symlink_to("nowhere")
    (tree / "tree" / "sub" / "round").symlink_to(tree / "tree")
    assert storage("cp", "-r", "tree", bucket).code == 0
    assert names(storage, bucket) == ["tree/a.txt", "tree/sub/b.bin"]


# -- mv -------------------------------------------------------------------------------------------------------------


def test_given_an_object_when_it_is_renamed_then_it_is_there_once(storage: Call, bucket: str, tree: Path) -> None:
    storage("cp", "hello.txt", f"{bucket}/x", "--custom-metadata=k=v")
    done = storage("mv", f"{bucket}/x", f"{bucket}/y")
    assert (done.code, done.err.splitlines()) == (0, [f"Copying {bucket}/x to {bucket}/y", f"Removing {bucket}/x..."])
    assert names(storage, bucket) == ["y"]
    assert described(storage, f"{bucket}/y")["custom_fields"] == {"k": "v"}


def test_given_an_object_when_it_moves_to_another_bucket_then_one_request_does_it(
    storage: Call, bucket: str, tree: Path
) -> None:
    other = f"gs://b-{uuid.uuid4().hex[:12]}"
    storage("buckets", "create", other)
    storage("cp", "hello.txt", f"{bucket}/x")
    done = storage("mv", f"{bucket}/x", other, "--log-http")
    assert done.code == 0, done.err
    assert [line for line in done.err.splitlines() if line.startswith(("==> POST", "==> DELETE"))] == [
        line for line in done.err.splitlines() if line.startswith("==> POST /hakobune/v1/b/")
    ]
    assert (names(storage, bucket), names(storage, other)) == ([], ["x"])


def test_given_a_folder_when_it_is_renamed_then_all_that_is_in_it_moves(storage: Call, bucket: str, tree: Path) -> None:
    put(storage, tree, f"{bucket}/old/a", f"{bucket}/old/b/c", f"{bucket}/older")
    assert storage("mv", f"{bucket}/old", f"{bucket}/new").code == 0
    assert names(storage, bucket) == ["new/a", "new/b/c", "older"]


def test_given_files_when_they_are_moved_to_the_store_then_they_are_gone_here(
    storage: Call, bucket: str, tree: Path
) -> None:
    assert storage("mv", "hello.txt", "tree", bucket).code == 0
    assert names(storage, bucket) == ["hello.txt", "tree/a.txt", "tree/sub/b.bin"]
    assert not [path for path in tree.rglob("*") if path.is_file()]
    assert storage("mv", f"{bucket}/hello.txt", ".").code == 0
    assert (tree / "hello.txt").read_text() == "hello"
    assert names(storage, bucket) == ["tree/a.txt", "tree/sub/b.bin"]


def test_given_a_destination_that_is_taken_when_a_move_must_not_clobber_then_both_stay(
    storage: Call, bucket: str, tree: Path
) -> None:
    put(storage, tree, f"{bucket}/x", f"{bucket}/y")
    done = storage("mv", "-n", f"{bucket}/x", f"{bucket}/y")
    assert done.code == 0
    assert "Skipping existing" in done.err
    assert (storage("cat", f"{bucket}/y").out, names(storage, bucket)) == ("y", ["x", "y"])


def test_given_a_bucket_when_it_is_to_be_moved_then_that_is_refused(storage: Call, bucket: str) -> None:
    done = storage("mv", bucket, "gs://elsewhere")
    assert (done.code, done.err) == (1, "ERROR: (hakobune.storage.mv) Cannot mv buckets.\n")


def test_given_two_sources_of_one_name_when_they_are_copied_or_moved_then_the_first_is_written_and_the_other_stays(
    storage: Call, bucket: str, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f").write_text(folder)
    done = storage("cp", "a/f", "b/f", f"{bucket}/d/")
    assert done.code == 0
    skipped = f"for {bucket}/d/f. This can occur if a cp command results in multiple writes to the same resource."
    assert f"Skipping FileUploadTask {skipped}" in done.err
    assert storage("cat", f"{bucket}/d/f").out == "a"
    assert storage("cp", "b/f", f"{bucket}/e/f").code == 0
    moved = storage("mv", f"{bucket}/d/f", f"{bucket}/e/f", f"{bucket}/m/")
    assert (moved.code, "Skipping IntraCloudCopyTask" in moved.err) == (0, True)
    assert storage("ls", f"{bucket}/**").lines == [f"{bucket}/e/f", f"{bucket}/m/f"]
    assert storage("cat", f"{bucket}/m/f", f"{bucket}/e/f").out == "ab"
