"""Secret Manager v1 as JSON."""

from __future__ import annotations

import base64
from typing import Any

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakobune.core.errors import InvalidArgument, Unimplemented
from hakobune.core.identity.secrets import Secret, SecretName, SecretVersion, VersionState, check_version, is_alias
from hakobune.wire import secrets_v1 as wire
from hakobune.wire.octets import octets_from_text, octets_to_text

NAME = SecretName(project="p", secret="s")
AUTOMATIC: dict[str, Any] = {"replication": {"automatic": {}}}


def test_a_secret_is_written_with_what_it_has() -> None:
    plain = Secret(name=NAME, create_s=0.0, etag='"e"', replication={"automatic": {}})
    assert wire.secret_to_json(plain) == {
        "name": "projects/p/secrets/s",
        "replication": {"automatic": {}},
        "createTime": "1970-01-01T00:00:00.000000Z",
        "etag": '"e"',
    }
    full = Secret(
        name=NAME,
        create_s=0.0,
        labels={"a": "b"},
        annotations={"c": "d"},
        aliases={"stable": 3},
        expire_s=1.0,
        replication={"automatic": {}},
        other={"topics": [{"name": "t"}]},
    )
    tree = wire.secret_to_json(full)
    assert (tree["versionAliases"], tree["expireTime"]) == ({"stable": "3"}, "1970-01-01T00:00:01.000000Z")
    assert tree["topics"] == [{"name": "t"}]


def test_a_version_is_written_without_its_value() -> None:
    version = SecretVersion(secret=NAME, number=2, state=VersionState.DESTROYED, destroy_s=1.0, etag="e")
    tree = wire.version_to_json(version)
    assert (tree["name"], tree["state"]) == ("projects/p/secrets/s/versions/2", "DESTROYED")
    assert tree["destroyTime"] == "1970-01-01T00:00:01.000000Z"
    assert "clientSpecifiedPayloadChecksum" not in tree


def test_a_draft_keeps_what_has_no_effect_here() -> None:
    body = {
        **AUTOMATIC,
        "labels": {"a": "b", "ä": ""},
        "rotation": {"rotationPeriod": "3600s"},
        "topics": [{"name": "projects/p/topics/t"}],
        "ttl": "1.5s",
        "createTime": "2020-01-01T00:00:00Z",
        "etag": "x",
    }
    draft = wire.secret_draft_from_json(body)
    assert (draft.ttl_s, draft.expire_s, draft.etag) == (1.5, None, "x")
    assert set(draft.other) == {"rotation", "topics"}
    assert draft.replication == AUTOMATIC["replication"]


@pytest.mark.parametrize(("spelling", "number"), [("versionAliases", 1), ("version_aliases", "1")])
def test_aliases_are_numbers_as_texts_or_not(spelling: str, number: object) -> None:
    patch = wire.secret_patch_from_json({spelling: {"stable": number}}, NAME, "version_aliases,etag")
    assert (patch.draft.aliases, patch.fields) == ({"stable": 1}, frozenset({"aliases"}))


@pytest.mark.parametrize(
    "aliases",
    [
        {"stable": 0},
        {"stable": -1},
        {"stable": "01"},
        {"stable": True},
        {"stable": 1.5},
        {"latest": 1},
        {"1": 1},
        {"": 1},
        {f"a{number}": 1 for number in range(51)},
        "x",
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_alias_that_cannot_be_one_is_refused(aliases: object) -> None:
    with pytest.raises(InvalidArgument):
        wire.secret_patch_from_json({"versionAliases": aliases}, NAME, "versionAliases")


@pytest.mark.parametrize("mask", ["", "name", "replication", "labels,nope", "create_time", "versionDestroyTtls"])
def test_a_mask_of_no_field_is_refused(mask: str) -> None:
    with pytest.raises(InvalidArgument, match="update_mask"):
        wire.secret_patch_from_json({}, NAME, mask)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "secret.replication"),
        ({"replication": {"userManaged": {}}}, "secret.replication.user_managed.replicas"),
        ({**AUTOMATIC, "labels": {"UP": "x"}}, "secret.labels"),
        ({**AUTOMATIC, "labels": {"a": "x y"}}, "secret.labels"),
        ({**AUTOMATIC, "labels": {"1a": ""}}, "secret.labels"),
        ({**AUTOMATIC, "labels": {"a" * 64: ""}}, "secret.labels"),
        ({**AUTOMATIC, "labels": {f"l{number}": "" for number in range(65)}}, "secret.labels"),
        ({**AUTOMATIC, "annotations": {"a": "x" * 17_000}}, "secret.annotations"),
        ({**AUTOMATIC, "topics": [{"name": "t"}] * 11}, "secret.topics"),
        ({**AUTOMATIC, "ttl": "0s"}, "secret.ttl"),
        ({**AUTOMATIC, "ttl": "99999999999s"}, "secret.ttl"),
        ({**AUTOMATIC, "versionAliases": {"a": "x"}}, "secret.version_aliases"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_draft_that_is_none_is_refused_by_its_field(body: object, field: str) -> None:
    with pytest.raises(InvalidArgument, match=field):
        wire.secret_draft_from_json(body)


def test_a_patch_names_the_secret_of_its_path() -> None:
    assert wire.secret_patch_from_json({"name": str(NAME), "labels": {}}, NAME, "labels").fields == {"labels"}
    with pytest.raises(InvalidArgument, match="contradicts"):
        wire.secret_patch_from_json({"name": "projects/p/secrets/other"}, NAME, "labels")
    with pytest.raises(InvalidArgument, match="bytes"):
        wire.new_value_from_json({"payload": {"data": octets_to_text(b"x" * 65_537)}})


@pytest.mark.parametrize("mask", ["versionDestroyTtl", "version_destroy_ttl"])
def test_delayed_destruction_is_refused_by_name(mask: str) -> None:
    with pytest.raises(Unimplemented, match="versionDestroyTtl"):
        wire.secret_patch_from_json({}, NAME, mask)
    with pytest.raises(Unimplemented, match="versionDestroyTtl"):
        wire.secret_draft_from_json({**AUTOMATIC, "versionDestroyTtl": "1s"})


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["std", "url", "bare"]))
def test_a_value_comes_in_either_alphabet_with_its_checksum(data: bytes, form: str) -> None:
    text = base64.urlsafe_b64encode(data).decode() if form == "url" else octets_to_text(data)
    text = text.rstrip("=") if form == "bare" else text
    assert octets_from_text(text) == data
    checksum = int.from_bytes(google_crc32c.Checksum(data).digest(), "big")
    for given_checksum in (checksum, str(checksum)):
        found = wire.new_value_from_json({"payload": {"data": text, "dataCrc32c": given_checksum}})
        assert (found.data, found.has_checksum) == (data, True)
    assert not wire.new_value_from_json({"payload": {"data": text}}).has_checksum
    with pytest.raises(InvalidArgument, match="CRC32C"):
        wire.new_value_from_json({"payload": {"data": text, "dataCrc32c": checksum ^ 1}})
    version = SecretVersion(secret=NAME, number=1)
    assert wire.access_to_json(version, data)["payload"] == {"data": octets_to_text(data), "dataCrc32c": str(checksum)}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"payload": None},
        {"payload": "hush-hush"},
        {"payload": {"data": 5}},
        {"payload": {"data": ["hush-hush"]}},
        {"payload": {"data": "hush-hush\0"}},
        {"payload": {"data": "hush hush"}},
        {"payload": {"data": ""}},
        {"payload": {"data": "aGk=", "dataCrc32c": "x"}},
        {"payload": {"data": "aGk=", "more": 1}},
    ],
    ids=str,
)
def test_a_value_that_is_none_is_refused_without_being_shown(body: object) -> None:
    with pytest.raises(InvalidArgument) as refused:
        wire.new_value_from_json(body)
    if body != {"payload": "hush-hush"}:
        assert "hush" not in refused.value.message


@given(st.text())
def test_any_text_names_a_version_or_is_refused(text: str) -> None:
    try:
        assert check_version(text) == text
    except InvalidArgument:
        assert not is_alias(text)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("s", "projects/p/secrets/s"),
        ("projects/q/secrets/s", "projects/q/secrets/s"),
        ("a_B-1", "projects/p/secrets/a_B-1"),
    ],
)
def test_a_reference_names_a_secret(text: str, full: str) -> None:
    assert str(SecretName.of_reference(text, "p")) == full


@pytest.mark.parametrize("text", ["", "a.b", "projects/q/secrets/", "projects/q/things/s", "x" * 256, "../x"])
def test_a_reference_that_names_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        SecretName.of_reference(text, "p")


def test_a_number_of_the_own_project_is_its_id() -> None:
    from hakobune.core.names import project_number

    text = f"projects/{project_number('p')}/secrets/s"
    assert str(SecretName.of_reference(text, "p")) == "projects/p/secrets/s"


def test_the_etag_of_a_state_change_is_a_text() -> None:
    assert wire.state_etag_from_json({"etag": '"e"'}) == '"e"'
    assert wire.state_etag_from_json({}) == ""
    with pytest.raises(InvalidArgument):
        wire.state_etag_from_json({"etag": 1})
