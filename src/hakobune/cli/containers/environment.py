"""Variables and secrets of a container, as flags change them."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, children, is_dict, list_at, text_at
from hakobune.cli.errors import CommandError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

_FILE_BYTES_MAX = 4 * 1024 * 1024  # far above any file of variables


def change_environment(container: Document, scope: Arguments) -> None:
    """Apply `--*-env-vars` and `--env-vars-file`. Variables that come from secrets are left alone."""
    flags = ("set-env-vars", "update-env-vars", "remove-env-vars", "clear-env-vars", "env-vars-file")
    if not any(scope.given(flag) for flag in flags):
        return
    variables = children(container, "env")
    replaces = scope.given("set-env-vars") or scope.given("env-vars-file") or scope.switch("clear-env-vars")
    removed = set(scope.words("remove-env-vars"))
    kept = [item for item in variables if _is_secret(item) or not (replaces or text_at(item, "name") in removed)]
    values = {**scope.pairs("set-env-vars"), **scope.pairs("update-env-vars")}
    if scope.given("env-vars-file"):
        values = {**read_file(scope.text("env-vars-file")), **values}
    for name, value in values.items():
        held = next((as_dict(item) for item in kept if text_at(item, "name") == name), None)
        if held is not None and _is_secret(held):
            raise CommandError(
                f"Environment variable [{name}] cannot become a text: it has already been set with a different type."
                f" Remove it first: --remove-secrets={name}"
            )
        if held is None:
            kept.append({"name": name, "value": value})
        else:
            held["value"] = value
    _store(container, "env", kept)


def change_secrets(container: Document, task: Document, scope: Arguments) -> None:
    """Apply `--*-secrets`: NAME=SECRET:VERSION is a variable, /path/file=SECRET:VERSION a file."""
    flags = ("set-secrets", "update-secrets", "remove-secrets", "clear-secrets")
    if not any(scope.given(flag) for flag in flags):
        return
    given = {**scope.pairs("set-secrets"), **scope.pairs("update-secrets")}
    removed = set(scope.words("remove-secrets")) | set(given)
    everything = scope.given("set-secrets") or scope.switch("clear-secrets")
    variables = [
        item
        for item in children(container, "env")
        if not (_is_secret(item) and (everything or text_at(item, "name") in removed))
    ]
    _remove_files(container, task, None if everything else removed)
    for key, reference in given.items():
        secret, colon, version = reference.rpartition(":")
        if not colon or not secret or not version:
            raise UsageError(f"argument --update-secrets: Write {key}=SECRET:VERSION, not [{reference}].")
        if key.startswith("/"):
            _add_file(container, task, key, secret, version)
            continue
        if any(text_at(item, "name") == key for item in variables):
            raise CommandError(
                f"Environment variable [{key}] cannot become a secret: it has already been set with a different type."
                f" Remove it first: --remove-env-vars={key}"
            )
        variables.append({"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": version}}})
    _store(container, "env", variables)


def read_file(path: str) -> dict[str, str]:
    """The variables of a YAML map, or of lines KEY=VALUE. Raises CommandError naming what is wrong."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_FILE_BYTES_MAX)
    except (OSError, UnicodeError) as error:
        raise CommandError(f"argument --env-vars-file: [{path}] cannot be read: {error}") from error
    from hakobune.cli.yaml_reader import read_yaml

    try:
        document = read_yaml(text, path)
    except CommandError:
        document = None
    if is_dict(document):
        return {name: _literal(path, name, value) for name, value in as_dict(document).items()}
    return _lines(path, text)


def _literal(path: str, name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise CommandError(f"argument --env-vars-file: [{path}]: the value of [{name}] must be a text; put it in quotes.")


def _lines(path: str, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise CommandError(
                f"argument --env-vars-file: [{path}] line {number}: KEY=VALUE or a YAML map is expected."
            )
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    return found


def _is_secret(variable: object) -> bool:
    return "valueFrom" in as_dict(variable)


def _add_file(container: Document, task: Document, path: str, secret: str, version: str) -> None:
    directory, _, name = path.rpartition("/")
    if not directory or not name:
        raise UsageError(f"argument --update-secrets: [{path}] must name a file in a directory: /DIR/FILE.")
    taken = {text_at(volume, "name") for volume in list_at(task, "volumes")}
    number = 1
    while f"{secret}-{number}" in taken:
        number += 1
    volume = f"{secret}-{number}"
    children(task, "volumes").append(
        {"name": volume, "secret": {"secretName": secret, "items": [{"key": version, "path": name}]}}
    )
    children(container, "volumeMounts").append({"name": volume, "mountPath": directory})


def _remove_files(container: Document, task: Document, paths: set[str] | None) -> None:
    """Take away the secret files at `paths` (all for None): mounts and their volumes."""
    secrets = {text_at(volume, "name"): volume for volume in list_at(task, "volumes") if "secret" in as_dict(volume)}
    gone: set[str] = set()
    for mount in list_at(container, "volumeMounts"):
        volume = secrets.get(text_at(mount, "name"))
        if volume is None:
            continue
        directory = text_at(mount, "mountPath")
        path = f"{directory}/{text_at(volume, 'secret', 'items', 0, 'path')}"
        if paths is None or path in paths or directory in paths:
            gone.add(text_at(mount, "name"))
    if gone:
        kept = [mount for mount in list_at(container, "volumeMounts") if text_at(mount, "name") not in gone]
        _store(container, "volumeMounts", kept)
        _store(task, "volumes", [item for item in list_at(task, "volumes") if text_at(item, "name") not in gone])


def _store(holder: Document, key: str, items: list[object]) -> None:
    if items:
        holder[key] = items
    else:
        holder.pop(key, None)
