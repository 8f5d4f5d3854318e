"""Wildcards and URLs of `hakobune storage`."""

from __future__ import annotations

import pytest

from hakobune.cli.errors import CommandError
from hakobune.cli.storage.globs import matches
from hakobune.cli.storage.urls import CloudUrl, FileUrl, local_path, url_from_text

YES = [
    ("*.txt", "a.txt"),
    ("*", ""),
    ("a*c", "abc"),
    ("?", "日"),
    ("**", "a/b/c"),
    ("a/**", "a/b/c"),
    ("**.txt", "a/b.txt"),
    ("**/c", "c"),
    ("**/c", "a/b/c"),
    ("a/**/c", "a/c"),
    ("a/**/c", "a/b/b/c"),
    ("[a-c]x", "bx"),
    ("[!a]x", "bx"),
    ("[]x", "[]x"),
    ("a.b+c", "a.b+c"),
    ("line*", "line\nend"),
]
NO = [
    ("*.txt", "a/b.txt"),
    ("?", "ab"),
    ("?", "/"),
    ("a*", "ba"),
    ("[a-c]x", "dx"),
    ("[!a]x", "ax"),
    ("[!a]x", "/x"),
    ("a.b", "axb"),
    ("a/**/c", "ac"),
]


@pytest.mark.parametrize(("pattern", "name"), YES)
def test_a_pattern_matches(pattern: str, name: str) -> None:
    assert matches(pattern, name)


@pytest.mark.parametrize(("pattern", "name"), NO)
def test_a_pattern_does_not_match(pattern: str, name: str) -> None:
    assert not matches(pattern, name)


URLS = [
    ("gs://", "", "", ""),
    ("gs://b", "b", "", ""),
    ("gs://b/", "b", "", ""),
    ("gs://b/a/c", "b", "a/c", ""),
    ("gs://b//a", "b", "/a", ""),
    ("gs://b/a#12", "b", "a", "12"),
    ("gs://b/a#x", "b", "a#x", ""),
]


@pytest.mark.parametrize(("text", "bucket", "name", "generation"), URLS)
def test_a_url_has_its_parts(text: str, bucket: str, name: str, generation: str) -> None:
    url = url_from_text(text)
    assert isinstance(url, CloudUrl)
    assert (url.bucket, url.name, url.generation) == (bucket, name, generation)


@pytest.mark.parametrize(("text", "path"), [("a/b", "a/b"), ("file://a", "a"), ("file:///a", "/a"), ("-", "-")])
def test_what_has_no_scheme_is_a_path(text: str, path: str) -> None:
    url = url_from_text(text)
    assert isinstance(url, FileUrl)
    assert (url.path, url.is_stream) == (path, path == "-")


@pytest.mark.parametrize("text", ["s3://b/x", "http://x", "gs:///x"])
def test_what_cannot_be_served_is_named(text: str) -> None:
    with pytest.raises(CommandError):
        url_from_text(text)


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [("o", "a/b", "o/a/b"), (".", "a", "./a"), ("o", "a//b", "o/a/b"), ("o", "/a", "o/a"), ("o", "a/../b", "o/b")],
)
def test_an_object_s_name_lies_below_the_folder(folder: str, name: str, path: str) -> None:
    assert local_path(folder, name) == path


@pytest.mark.parametrize("name", ["..", "../a", "a/../../b", "/../a"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="leads out"):
        local_path("o", name)
