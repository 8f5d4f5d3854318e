"""Service accounts and secrets, in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_builders import NOW_S
from store_factories import Stores

from hakobune.core.identity.accounts import ServiceAccount, UserKey
from hakobune.core.identity.secrets import Secret, SecretName, SecretVersion, VersionState
from hakobune.store.api import Page, Store, WriteTx

pytestmark = pytest.mark.anyio
ALL = Page(limit=1_000)
NAME = SecretName(project="p", secret="token")


def an_account(name: str = "batch", project: str = "p") -> ServiceAccount:
    return ServiceAccount(email=f"{name}@{project}.iam.gserviceaccount.com", project=project, created_s=NOW_S)


def a_key(key_id: str, account: ServiceAccount) -> UserKey:
    return UserKey(id=key_id, email=account.email, public_key="P", certificate="C", created_s=NOW_S)


def a_secret(name: SecretName = NAME, expire_s: float | None = None) -> Secret:
    return Secret(name=name, create_s=NOW_S, labels={"a": "早"}, replication={"automatic": {}}, expire_s=expire_s)


def a_version(number: int, name: SecretName = NAME) -> SecretVersion:
    return SecretVersion(secret=name, number=number, create_s=NOW_S)


async def test_given_an_account_when_saved_then_it_is_found_by_address_and_number(store_factory: Stores) -> None:
    store = await store_factory.open()
    account = an_account()
    await store.write(lambda tx: tx.identity.save_account(account))
    changed = replace(account, display_name="Night", is_disabled=True)
    await store.write(lambda tx: tx.identity.save_account(changed))
    await store.close()
    again = await store_factory.open()
    for name in (account.email, account.unique_id):
        assert await again.read(lambda tx, name=name: tx.identity.find_account(name)) == changed
    assert await again.read(lambda tx: tx.identity.find_account("other@p.iam.gserviceaccount.com")) is None
    await again.close()


async def test_given_accounts_when_listed_then_those_of_the_project_come_in_order(store: Store) -> None:
    accounts = [an_account("c"), an_account("a"), an_account("b"), an_account("z", "other")]

    def unit(tx: WriteTx) -> None:
        for account in accounts:
            tx.identity.save_account(account)

    await store.write(unit)
    found = await store.read(lambda tx: tx.identity.list_accounts("p", ALL))
    assert [account.email[0] for account in found] == ["a", "b", "c"]
    rest = await store.read(lambda tx: tx.identity.list_accounts("p", Page(limit=1, after=found[0].email)))
    assert rest == [found[1]]
    assert await store.read(lambda tx: tx.identity.count_accounts("p")) == 3


async def test_given_an_account_when_removed_then_its_keys_and_its_policy_go(store: Store) -> None:
    account, other = an_account(), an_account("other")

    def unit(tx: WriteTx) -> None:
        for number, owner in enumerate((account, account, other)):
            tx.identity.save_key(a_key(f"k{number}", owner))
        tx.identity.save_account(account)
        tx.set_policy(account.name, "{}")

    await store.write(unit)
    disabled = replace(a_key("k1", account), is_disabled=True)
    await store.write(lambda tx: tx.identity.save_key(disabled))
    keys = await store.read(lambda tx: tx.identity.list_keys(account.email))
    assert [(key.id, key.is_disabled) for key in keys] == [("k0", False), ("k1", True)]
    await store.write(lambda tx: tx.identity.remove_key("k0"))
    assert await store.read(lambda tx: tx.identity.find_key("k0")) is None
    await store.write(lambda tx: tx.identity.remove_account(account))
    assert await store.read(lambda tx: tx.identity.find_key("k1")) is None
    assert await store.read(lambda tx: tx.identity.find_key("k2")) is not None
    assert await store.read(lambda tx: tx.policy(account.name)) is None
    assert await store.read(lambda tx: tx.identity.find_account(account.email)) is None


async def test_given_versions_when_added_then_they_are_found_and_their_values_kept(store: Store) -> None:
    def unit(tx: WriteTx) -> None:
        tx.identity.save_secret(a_secret())
        for number in (1, 2, 3):
            tx.identity.add_version(a_version(number), bytes([number, 0, 255]))

    await store.write(unit)
    assert await store.read(lambda tx: tx.identity.find_secret(NAME, NOW_S)) == a_secret()
    assert await store.read(lambda tx: tx.identity.newest_version(NAME)) == a_version(3)
    assert await store.read(lambda tx: tx.identity.find_version(NAME, 2)) == a_version(2)
    assert await store.read(lambda tx: tx.identity.find_version(NAME, 4)) is None
    assert await store.read(lambda tx: tx.identity.payload(NAME, 2)) == b"\x02\x00\xff"
    assert await store.read(lambda tx: tx.identity.payload(NAME, 4)) is None
    listed = await store.read(lambda tx: tx.identity.list_versions(NAME, Page(limit=2)))
    assert [version.number for version in listed] == [3, 2]
    rest = await store.read(lambda tx: tx.identity.list_versions(NAME, Page(limit=2, after="2")))
    assert [version.number for version in rest] == [1]


async def test_given_a_version_when_disabled_its_value_stays_and_when_destroyed_it_goes(store: Store) -> None:
    await store.write(lambda tx: tx.identity.add_version(a_version(1), b"value"))
    disabled = replace(a_version(1), state=VersionState.DISABLED)
    await store.write(lambda tx: tx.identity.save_version(disabled))
    assert await store.read(lambda tx: tx.identity.payload(NAME, 1)) == b"value"
    destroyed = replace(a_version(1), state=VersionState.DESTROYED, destroy_s=NOW_S)
    await store.write(lambda tx: tx.identity.save_version(destroyed))
    assert await store.read(lambda tx: tx.identity.payload(NAME, 1)) is None
    assert await store.read(lambda tx: tx.identity.find_version(NAME, 1)) == destroyed


async def test_given_secrets_when_their_time_is_over_then_they_are_not_seen_and_can_be_removed(store: Store) -> None:
    names = [SecretName(project="p", secret=secret) for secret in ("b", "a", "c")]

    def unit(tx: WriteTx) -> None:
        tx.identity.save_secret(a_secret(names[0], expire_s=NOW_S + 10))
        tx.identity.save_secret(a_secret(names[1]))
        tx.identity.save_secret(a_secret(names[2], expire_s=NOW_S + 20))
        tx.identity.add_version(a_version(1, names[0]), b"x")
        tx.set_policy(str(names[0]), "{}")

    await store.write(unit)

    async def listed(now_s: float) -> list[str]:
        found = await store.read(lambda tx: tx.identity.list_secrets("p", ALL, now_s))
        return [secret.name.secret for secret in found]

    assert await listed(NOW_S) == ["a", "b", "c"]
    assert await listed(NOW_S + 10) == ["a", "c"]
    assert await store.read(lambda tx: tx.identity.find_secret(names[0], NOW_S + 10)) is None
    await store.write(lambda tx: tx.identity.remove_expired(NOW_S + 10))
    assert await store.read(lambda tx: tx.identity.count_secrets("p")) == 2
    assert await store.read(lambda tx: tx.identity.payload(names[0], 1)) is None
    assert await store.read(lambda tx: tx.policy(str(names[0]))) is None
    after = await store.read(lambda tx: tx.identity.list_secrets("p", Page(limit=1, after="a"), NOW_S))
    assert [secret.name.secret for secret in after] == ["c"]


async def test_given_a_snapshot_then_no_secret_is_in_it(store: Store) -> None:
    def unit(tx: WriteTx) -> None:
        tx.identity.save_secret(a_secret())
        tx.identity.add_version(a_version(1), b"needle")
        tx.snapshot("s", "p", NOW_S)

    await store.write(unit)
    await store.write(lambda tx: tx.fork("s", "copy"))
    copy = SecretName(project="copy", secret=NAME.secret)
    assert await store.read(lambda tx: tx.identity.find_secret(copy, NOW_S)) is None
    assert await store.read(lambda tx: tx.identity.payload(copy, 1)) is None
