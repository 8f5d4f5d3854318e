"""Secrets and their versions. Values leave this room only through `access` and `resolve`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from hakobune.core.containers import EnvVar
from hakobune.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    HakobuneError,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)
from hakobune.core.identity import limits
from hakobune.core.identity.secrets import (
    LATEST,
    Secret,
    SecretDraft,
    SecretName,
    SecretVersion,
    VersionState,
    check_version,
)
from hakobune.engines.process.mounts import MountedFile
from hakobune.runtime.secret_files import SecretFile
from hakobune.runtime.secrets_vault import Vault
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx, WriteTx

T = TypeVar("T")

_PREFIX = "CLOUD_RUN_"  # reserved names: a user's value for them never wins (core/jobs/environment.py)


class SecretsRoom:
    """Secrets of all projects."""

    def __init__(self, wheel: Wheel, vault: Vault) -> None:
        self._wheel = wheel
        self._vault = vault

    async def _read(self, unit: Callable[[ReadTx, float], T]) -> T:
        now_s = self._wheel.clock.now_s()
        return await self._wheel.store.read(lambda tx: unit(tx, now_s))

    # -- secrets --------------------------------------------------------------------------------------------------

    async def create(self, name: SecretName, draft: SecretDraft) -> Secret:
        """Raises AlreadyExists, InvalidArgument, ResourceExhausted."""

        def unit(turn: Turn) -> Secret:
            turn.tx.identity.remove_expired(turn.now_s)
            if turn.tx.identity.find_secret(name, turn.now_s) is not None:
                raise AlreadyExists(f"Secret [{name}] already exists.")
            if turn.tx.identity.count_secrets(name.project) >= limits.SECRETS_MAX:
                raise ResourceExhausted(f"A project has at most {limits.SECRETS_MAX} secrets.")
            if draft.aliases:
                raise InvalidArgument("version_aliases: the secret has no version yet.")
            secret = Secret(
                name=name,
                create_s=turn.now_s,
                etag=_etag(turn, str(name)),
                labels=draft.labels,
                annotations=draft.annotations,
                expire_s=_expiry(draft, turn.now_s),
                replication=draft.replication,
                other=draft.other,
            )
            turn.tx.identity.save_secret(secret)
            return secret

        return await self._wheel.turn(unit)

    async def get(self, name: SecretName) -> Secret:
        """Raises NotFound."""
        return await self._read(lambda tx, now_s: _found(tx, name, now_s))

    async def list_secrets(self, project: str, page: Page) -> list[Secret]:
        """By id."""
        return await self._read(lambda tx, now_s: tx.identity.list_secrets(project, page, now_s))

    async def patch(self, name: SecretName, draft: SecretDraft, fields: frozenset[str]) -> Secret:
        """Change `fields` of a secret: `labels`, `annotations`, `aliases`, `expiry`, and names within `other`. Raises
        NotFound, InvalidArgument (an alias of no version), FailedPrecondition (the etag is an old one)."""

        def unit(turn: Turn) -> Secret:
            secret = _found(turn.tx, name, turn.now_s)
            _check_etag(draft.etag, secret.etag)
            if "aliases" in fields:
                _check_aliases(turn.tx, name, draft.aliases)
            of_other = fields - {"labels", "annotations", "aliases", "expiry"}
            kept = {key: value for key, value in secret.other.items() if key not in of_other}
            changed = replace(
                secret,
                etag=_etag(turn, str(name)),
                labels=draft.labels if "labels" in fields else secret.labels,
                annotations=draft.annotations if "annotations" in fields else secret.annotations,
                aliases=draft.aliases if "aliases" in fields else secret.aliases,
                expire_s=_expiry(draft, turn.now_s) if "expiry" in fields else secret.expire_s,
                other={**kept, **{key: value for key, value in draft.other.items() if key in of_other}},
            )
            turn.tx.identity.save_secret(changed)
            return changed

        return await self._wheel.turn(unit)

    async def delete(self, name: SecretName, etag: str) -> None:
        """Its versions go with it. Raises NotFound, FailedPrecondition (the etag is an old one)."""

        def unit(turn: Turn) -> None:
            _check_etag(etag, _found(turn.tx, name, turn.now_s).etag)
            turn.tx.identity.remove_secret(name)

        await self._wheel.turn(unit)

    # -- versions -------------------------------------------------------------------------------------------------

    async def add_version(self, name: SecretName, value: bytes, *, has_checksum: bool) -> SecretVersion:
        """Raises NotFound, ResourceExhausted."""
        await self._vault.prepare()

        def unit(turn: Turn) -> SecretVersion:
            _found(turn.tx, name, turn.now_s)
            newest = turn.tx.identity.newest_version(name)
            number = 1 if newest is None else newest.number + 1
            if number > limits.VERSIONS_MAX:
                raise ResourceExhausted(f"A secret has at most {limits.VERSIONS_MAX} versions.")
            version = SecretVersion(
                secret=name,
                number=number,
                create_s=turn.now_s,
                etag=_etag(turn, name.version(number)),
                has_checksum=has_checksum,
            )
            turn.tx.identity.add_version(version, self._vault.seal(version.name, value))
            return version

        return await self._wheel.turn(unit)

    async def get_version(self, name: SecretName, version: str) -> SecretVersion:
        """By number, alias or `latest`. Raises NotFound."""
        return await self._read(lambda tx, now_s: _found_version(tx, name, version, now_s))

    async def list_versions(self, name: SecretName, page: Page) -> list[SecretVersion]:
        """Newest first. Raises NotFound."""

        def unit(tx: ReadTx, now_s: float) -> list[SecretVersion]:
            _found(tx, name, now_s)
            return tx.identity.list_versions(name, page)

        return await self._read(unit)

    async def access(self, name: SecretName, version: str) -> tuple[SecretVersion, bytes]:
        """A version with its value. Raises NotFound, FailedPrecondition (disabled or destroyed)."""
        await self._vault.prepare()

        def unit(tx: ReadTx, now_s: float) -> tuple[SecretVersion, bytes]:
            found = _found_version(tx, name, version, now_s)
            sealed = tx.identity.payload(name, found.number)
            if found.state is not VersionState.ENABLED or sealed is None:
                raise FailedPrecondition(f"Secret Version [{found.name}] is in {found.state} state.")
            return found, sealed

        found, sealed = await self._read(unit)
        return found, self._vault.open(found.name, sealed)

    async def set_state(self, name: SecretName, version: str, state: VersionState, etag: str) -> SecretVersion:
        """Enable, disable or destroy. Raises NotFound, FailedPrecondition (destroyed, or the etag is an old one)."""

        def unit(turn: Turn) -> SecretVersion:
            found = _found_version(turn.tx, name, version, turn.now_s)
            _check_etag(etag, found.etag)
            if found.state is VersionState.DESTROYED:
                raise FailedPrecondition(f"Secret Version [{found.name}] is in {found.state} state.")
            if found.state is state:
                return found
            changed = replace(
                found,
                state=state,
                etag=_etag(turn, found.name),
                destroy_s=turn.now_s if state is VersionState.DESTROYED else None,
            )
            turn.tx.identity.save_version(changed)
            return changed

        return await self._wheel.turn(unit)

    # -- jobs -----------------------------------------------------------------------------------------------------

    async def resolve(self, env: Sequence[EnvVar], project: str) -> dict[str, str]:
        """The values of variables that name secrets. Raises FailedPrecondition naming the variable and what is wrong
        with its secret."""
        found: dict[str, str] = {}
        for variable in env:
            reference = variable.secret
            if reference is None or variable.name.startswith(_PREFIX):
                continue
            try:
                name = SecretName.of_reference(reference.secret, project)
                _, value = await self.access(name, check_version(reference.version or LATEST))
                found[variable.name] = value.decode("utf-8")
                if "\0" in found[variable.name]:
                    raise InvalidArgument("the value holds a NUL character, which no variable can.")
            except UnicodeDecodeError:
                problem = "the value is not UTF-8 text, which a variable must be."
                raise _unresolved(variable, problem) from None
            except (NotFound, FailedPrecondition, InvalidArgument) as error:
                raise _unresolved(variable, error.message) from error
        return found

    async def resolve_files(self, files: Sequence[SecretFile], project: str) -> list[MountedFile]:
        """The contents of files that stand for secrets. Raises FailedPrecondition naming the file and what is wrong
        with its secret."""
        found: list[MountedFile] = []
        for file in files:
            try:
                name = SecretName.of_reference(file.secret.secret, project)
                _, value = await self.access(name, check_version(file.secret.version))
            except (NotFound, FailedPrecondition, InvalidArgument) as error:
                raise FailedPrecondition(f"File {file.place}/{file.path}: {error.message}") from error
            found.append(MountedFile(place=file.place, path=file.path, mode=file.mode, content=value))
        return found


def _unresolved(variable: EnvVar, problem: str) -> HakobuneError:
    return FailedPrecondition(f"Environment variable {variable.name}: {problem}")


def _found(tx: ReadTx | WriteTx, name: SecretName, now_s: float) -> Secret:
    secret = tx.identity.find_secret(name, now_s)
    if secret is None:
        raise NotFound(f"Secret [{name}] not found.")
    return secret


def _found_version(tx: ReadTx | WriteTx, name: SecretName, version: str, now_s: float) -> SecretVersion:
    secret = _found(tx, name, now_s)
    if version == LATEST:
        found = tx.identity.newest_version(name)
    else:
        number = int(version) if version.isdigit() else secret.aliases.get(version)
        found = None if number is None else tx.identity.find_version(name, number)
    if found is None:
        raise NotFound(f"Secret Version [{name.version(version)}] not found.")
    return found


def _check_aliases(tx: WriteTx, name: SecretName, aliases: Mapping[str, int]) -> None:
    for alias, number in aliases.items():
        if tx.identity.find_version(name, number) is None:
            raise InvalidArgument(f"version_aliases[{alias!r}]: Secret Version [{name.version(number)}] not found.")


def _check_etag(given: str, held: str) -> None:
    if given and given.strip('"') != held.strip('"'):
        raise FailedPrecondition(f"The etag {given[:80]} is not that of the resource, {held}: read it again.")


def _expiry(draft: SecretDraft, now_s: float) -> float | None:
    expire_s = draft.expire_s if draft.ttl_s is None else now_s + draft.ttl_s
    if expire_s is not None and expire_s <= now_s:
        raise InvalidArgument("expire_time: must be in the future.")
    return expire_s


def _etag(turn: Turn, name: str) -> str:
    """With quotes, as Secret Manager's are."""
    return f'"{hashlib.sha256(f"{turn.tx.seq} {name}".encode()).hexdigest()[:14]}"'
