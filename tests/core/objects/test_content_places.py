"""Where the contents of objects may be kept."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.objects.content_places import place_from_text


@pytest.mark.parametrize(
    ("text", "parts", "url"),
    [
        ("gs://media", ("gs", "media", ""), "gs://media"),
        ("gs://media/", ("gs", "media", ""), "gs://media"),
        ("gs://my_bucket.example.com/a/b/", ("gs", "my_bucket.example.com", "a/b"), "gs://my_bucket.example.com/a/b"),
        ("s3://media-1/hakobune", ("s3", "media-1", "hakobune"), "s3://media-1/hakobune"),
        ("file:///srv/my objects", ("file", "", "srv/my objects"), "file:///srv/my objects"),
    ],
)
def test_given_a_place_when_it_is_read_then_its_parts_and_its_one_way_to_be_written_are_there(
    text: str, parts: tuple[str, str, str], url: str
) -> None:
    found = place_from_text(text)
    assert ((found.scheme, found.bucket, found.prefix), found.url) == (parts, url)
    assert place_from_text(found.url) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no place for objects"),
        ("media", "no place for objects"),
        ("/srv/objects", "no place for objects"),
        ("az://media/x", "no place for objects"),
        ("GS://media/x", "no place for objects"),
        ("gs://", "no name of a bucket"),
        ("gs://Media/x", "no name of a bucket"),
        ("s3:///x", "no name of a bucket"),
        ("file://srv/objects", "whole path"),
        ("file:///", "root of the file system"),
        ("gs://media/a//b", "cannot be a part"),
        ("gs://media/../b", "cannot be a part"),
        ("gs://media/./b", "cannot be a part"),
        ("gs://media/a?b", "cannot be a part"),
        ("gs://media/a%2e", "cannot be a part"),
        ("file:///srv/\n", "cannot be a part"),
    ],
)
def test_given_what_is_no_place_when_it_is_read_then_it_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        place_from_text(text)
