"""Checksums: as texts, compared, and joined."""

from __future__ import annotations

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.objects import checksums
from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.model import Checksums, GivenChecksums

HELLO = Checksums(crc32c=google_crc32c.value(b"hello"), md5="5d41402abc4b2a76b9719d911017c592")


def test_given_checksums_when_they_are_written_and_read_then_they_are_as_the_api_has_them() -> None:
    assert checksums.crc32c_to_text(HELLO.crc32c) == "mnG7TA=="
    assert checksums.md5_to_text(HELLO.md5) == "XUFAKrxLKna5cZ2REBfFkg=="
    assert checksums.crc32c_from_text("mnG7TA==") == HELLO.crc32c
    assert checksums.md5_from_text("XUFAKrxLKna5cZ2REBfFkg==") == HELLO.md5


@pytest.mark.parametrize("text", ["", "mnG7TA", "mnG7TA=", "mnG7TAA=", "é", "mn G7TA==", "XUFAKrxLKna5cZ2REBfFkg=="])
def test_given_a_text_that_is_no_crc32c_when_it_is_read_then_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid CRC32C"):
        checksums.crc32c_from_text(text)


def test_given_a_text_that_is_no_md5_when_it_is_read_then_it_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="4 bytes instead of 16"):
        checksums.md5_from_text("mnG7TA==")


def test_given_what_the_caller_said_when_it_is_compared_then_what_differs_is_refused() -> None:
    checksums.verify(HELLO, GivenChecksums())
    checksums.verify(HELLO, GivenChecksums(crc32c=HELLO.crc32c, md5=HELLO.md5))
    checksums.verify(Checksums(crc32c=1), GivenChecksums(md5=HELLO.md5))  # there is none to compare with
    with pytest.raises(InvalidRequest, match='Provided CRC32C "AAAAAQ==" doesn\'t match calculated CRC32C "mnG7TA=="'):
        checksums.verify(HELLO, GivenChecksums(crc32c=1))
    with pytest.raises(InvalidRequest, match="Provided MD5 hash"):
        checksums.verify(HELLO, GivenChecksums(md5="0" * 32))


def test_given_two_sources_of_checksums_when_they_are_merged_then_the_first_wins() -> None:
    both = GivenChecksums(crc32c=1).merged(GivenChecksums(crc32c=2, md5="ab"))
    assert both == GivenChecksums(crc32c=1, md5="ab")


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_the_crc_of_joined_parts_is_that_of_the_whole(parts: list[bytes]) -> None:
    found = checksums.joined([(google_crc32c.value(part), len(part)) for part in parts])
    assert found == google_crc32c.value(b"".join(parts))


def test_given_a_very_long_part_when_crcs_are_joined_then_zeros_after_it_count() -> None:
    mib = google_crc32c.value(bytes(1 << 20))
    whole = 0
    for _ in range(64):
        whole = google_crc32c.extend(whole, bytes(1 << 20))
    assert checksums.joined([(mib, 1 << 20)] * 64) == whole
