"""Lists against a simple model: every name, collapsed, sorted, cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import InvalidArgument
from hakobune.core.objects import listing
from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.model import Checksums, ListQuery, ObjectMetadata, ObjectState, ObjectVersion

NAMES = st.lists(st.text(alphabet="ab/é\U0010ffff", min_size=1, max_size=5), unique=True, max_size=25)


class Row:
    """An entry of a list in memory."""

    def __init__(self, name: str, generation: int) -> None:
        self.name = name
        self.generation = generation

    def version(self) -> ObjectVersion:
        return ObjectVersion(
            bucket="b", name=self.name, generation=self.generation, metageneration=1, state=ObjectState.LIVE,
            size_bytes=0, checksums=Checksums(crc32c=0), content="c", create_s=0, update_s=0, class_update_s=0,
            metadata=ObjectMetadata(),
        )  # fmt: skip


class Rows:
    """Rows in order; counts what was read."""

    def __init__(self, names: list[str], versions: int = 1) -> None:
        self.rows = [Row(name, number) for name in sorted(names, key=str.encode) for number in range(versions)]
        self.read = 0

    def seek(self, position: listing.Position) -> Iterator[listing.Entry]:
        for row in self.rows:
            if (row.name.encode(), row.generation) > (position.name.encode(), position.generation):
                self.read += 1
                yield row


def pages(rows: Rows, query: ListQuery) -> tuple[list[str], list[str], int]:
    """(items, prefixes, pages) of a whole list."""
    items: list[str] = []
    prefixes: list[str] = []
    token, count = "", 0
    while True:
        page = listing.page("b", replace(query, page_token=token), rows.seek)
        assert len(page.items) + len(page.prefixes) <= (query.max_results or 1_000)
        items += [item.name for item in page.items]
        prefixes += page.prefixes
        count += 1
        token = page.next_page_token
        if not token:
            return items, prefixes, count


def expected(names: list[str], query: ListQuery) -> tuple[list[str], list[str]]:
    items: list[str] = []
    prefixes: set[str] = set()
    for name in sorted(names, key=str.encode):
        if not name.startswith(query.prefix) or name < query.start_offset:
            continue
        if query.end_offset and name >= query.end_offset:
            continue
        place = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        if place < 0:
            items.append(name)
        else:
            prefixes.add(name[: place + len(query.delimiter)])
    return items, sorted(prefixes, key=str.encode)


@given(
    NAMES,
    st.sampled_from(["", "a", "a/", "é", "\U0010ffff"]),
    st.sampled_from(["", "/", "b", "ab"]),
    st.sampled_from(["", "a", "a/b", "b"]),
    st.sampled_from(["", "b", "é"]),
    st.sampled_from([0, 1, 2, 3]),
)
def test_a_list_shows_what_the_model_says_whatever_its_pages(
    names: list[str], prefix: str, delimiter: str, start: str, end: str, size: int
) -> None:
    query = ListQuery(prefix=prefix, delimiter=delimiter, start_offset=start, end_offset=end, max_results=size)
    items, prefixes, _ = pages(Rows(names), query)
    assert (items, prefixes) == expected(names, query)


def test_given_many_names_below_prefixes_when_they_are_listed_then_only_a_few_are_read() -> None:
    rows = Rows([f"{folder}/{number:05d}" for folder in "abc" for number in range(2_000)])
    assert pages(rows, ListQuery(delimiter="/")) == ([], ["a/", "b/", "c/"], 1)
    assert rows.read <= 6


def test_given_a_name_that_ends_with_the_delimiter_when_it_is_listed_then_it_is_an_item_only_when_asked_for() -> None:
    rows = Rows(["a", "dir/", "dir/x", "e/"])
    assert pages(rows, ListQuery(delimiter="/")) == (["a"], ["dir/", "e/"], 1)
    query = ListQuery(delimiter="/", includes_trailing_delimiter=True)
    assert pages(rows, query) == (["a", "dir/", "e/"], ["dir/", "e/"], 1)
    assert pages(rows, ListQuery(prefix="dir/", delimiter="/")) == (["dir/", "dir/x"], [], 1)


def test_given_versions_when_they_are_listed_in_pages_then_each_comes_once() -> None:
    rows = Rows(["a", "b"], versions=3)
    items, _, count = pages(rows, ListQuery(has_versions=True, max_results=2))
    assert (items, count) == (["a"] * 3 + ["b"] * 3, 3)


def test_given_a_pattern_when_names_are_listed_then_only_matching_ones_come() -> None:
    rows = Rows(["a.txt", "a.csv", "d/b.txt", "d/e/c.txt"])
    assert pages(rows, ListQuery(match_glob="*.txt"))[0] == ["a.txt"]
    assert pages(rows, ListQuery(match_glob="**/*.txt"))[0] == ["a.txt", "d/b.txt", "d/e/c.txt"]
    assert pages(rows, ListQuery(match_glob="d/*.txt", delimiter="/"))[:2] == ([], ["d/"])


def test_given_a_pattern_that_nearly_nothing_matches_when_it_is_listed_then_pages_end_early_and_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "PAGE_SCANNED", 10)
    rows = Rows([f"{number:03d}" for number in range(35)] + ["x"])
    items, _, count = pages(rows, ListQuery(match_glob="x"))
    assert (items, count) == (["x"], 4)


def test_given_names_that_come_and_go_between_pages_when_a_list_goes_on_then_none_that_stayed_is_missed() -> None:
    first = listing.page("b", ListQuery(max_results=2), Rows(["a", "b", "c", "d"]).seek)
    later = Rows(["a", "aa", "c", "cc", "d"])
    second = listing.page("b", ListQuery(page_token=first.next_page_token), later.seek)
    assert [item.name for item in second.items] == ["c", "cc", "d"]


@pytest.mark.parametrize("token", ["x", "é", "AAAA", "a" * 3000])
def test_given_a_token_that_is_not_ours_when_it_is_used_then_it_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        listing.page("b", ListQuery(page_token=token), Rows(["a"]).seek)


def test_given_the_token_of_another_bucket_when_it_is_used_then_it_is_refused() -> None:
    token = listing.page("b", ListQuery(max_results=1), Rows(["a", "b"]).seek).next_page_token
    with pytest.raises(InvalidArgument):
        listing.page("c", ListQuery(page_token=token), Rows(["a"]).seek)


@pytest.mark.parametrize(
    "query",
    [
        {"max_results": -1},
        {"prefix": "x" * 1025},
        {"start_offset": "\ud800"},
        {"delimiter": "\0"},
        {"match_glob": "*", "delimiter": "x"},
        {"match_glob": "["},
        {"has_versions": True, "is_soft_deleted": True},
    ],
)
def test_given_a_question_that_cannot_be_when_it_is_asked_then_it_is_refused(query: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        listing.page("b", ListQuery(**query), Rows([]).seek)  # type: ignore[arg-type]
