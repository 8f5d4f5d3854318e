"""What containers may say: names, images, commands, variables, resources, mounts, ports, probes, start order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hakobune.core.jobs import limits
from hakobune.core.quantities import bytes_from_quantity, millicores_from_quantity
from hakobune.wire.run_v2_templates import with_default_limits
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations

_DNS_LABEL = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?\Z")
_SECRET = re.compile(r"(?:projects/[a-z0-9.:-]{1,63}/secrets/)?[A-Za-z0-9_-]{1,255}\Z")
_VERSION = re.compile(r"[A-Za-z0-9_-]{1,63}\Z")
# Source: RFC 9110, section 5, and RFC 9112, section 3.2.
_URL_PATH = re.compile(r"[!-~]*\Z")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_HEADER_VALUE = re.compile(r"[^\0\r\n]*\Z")
_IMAGE_MAX_CHARS = 2_048  # ours
_PATH_MAX_BYTES = 4_095  # Linux: PATH_MAX less the final NUL
_PORT_NAMES = frozenset({"", "http1", "h2c"})
_RESOURCES = frozenset({"cpu", "memory", limits.GPU_RESOURCE})

# (longest initial delay, longest period) in seconds: reference of `Probe`.
_PROBES = {"startupProbe": (240, 240), "livenessProbe": (3_600, 3_600), "readinessProbe": (3_600, 3_600)}
_PROBE_TIMEOUT_MAX_S = 3_600
_PROBE_TIMEOUT_DEFAULT_S = 1
_PROBE_PERIOD_DEFAULT_S = 10
_PORT_MAX = 65_535


def check_dns_label(name: str, path: str, found: Violations) -> None:
    """Names of containers and volumes."""
    if len(name) > limits.DNS_LABEL_MAX_CHARS or not _DNS_LABEL.match(name):
        found.add(
            path,
            f"names have 1 to {limits.DNS_LABEL_MAX_CHARS} lowercase letters, digits and dashes, begin with a letter "
            f"and do not end with a dash: {name[:80]!r}",
        )


def check_secret(secret: str, version: str, path: str, version_path: str, found: Violations) -> None:
    """A secret and its version (a number, an alias or `latest`; "" stands for `latest`)."""
    if not _SECRET.match(secret):
        found.add(path, f"must be the name of a secret, or projects/PROJECT/secrets/SECRET, not {secret[:80]!r}")
    if version and not _VERSION.match(version):
        found.add(version_path, f"must be a number, an alias or 'latest', not {version[:80]!r}")


def check_containers(containers: Sequence[Json], volumes: Mapping[str, Json], path: str, found: Violations) -> None:
    """Note all that is wrong with the containers of a template, whose volumes are known by name."""
    if not 1 <= len(containers) <= limits.CONTAINERS_MAX:
        found.add(path, f"there are 1 to {limits.CONTAINERS_MAX} containers, not {len(containers)}")
        return
    names: set[str] = set()
    for number, container in enumerate(containers):
        where = f"{path}[{number}]"
        name: str = container.get("name", "")
        if name:
            check_dns_label(name, f"{where}.name", found)
        elif len(containers) > 1:
            found.add(f"{where}.name", "is required when there are several containers")
        if name and name in names:
            found.add(f"{where}.name", f"is the name of two containers: {name[:80]!r}")
        names.add(name)
        _check_container(container, volumes, where, found)
    _check_start_order(containers, names, path, found)


def _check_container(container: Json, volumes: Mapping[str, Json], where: str, found: Violations) -> None:
    image: str = container.get("image", "")
    if not image:
        found.add(f"{where}.image", "is required")
    elif len(image) > _IMAGE_MAX_CHARS or any(char.isspace() for char in image):
        found.add(f"{where}.image", f"has at most {_IMAGE_MAX_CHARS} characters and no spaces")
    for field in ("command", "args"):
        check_arguments(container.get(field, []), f"{where}.{field}", found)
    if len(container.get("workingDir", "").encode()) > _PATH_MAX_BYTES:
        found.add(f"{where}.workingDir", f"has at most {_PATH_MAX_BYTES} bytes")
    check_env(container.get("env", []), f"{where}.env", found)
    _check_resources(container, f"{where}.resources.limits", found)
    _check_mounts(container.get("volumeMounts", []), volumes, f"{where}.volumeMounts", found)
    _check_ports(container.get("ports", []), f"{where}.ports", found)
    for field, (delay_max_s, period_max_s) in _PROBES.items():
        if field in container:
            _check_probe(container[field], delay_max_s, period_max_s, f"{where}.{field}", found)


def check_arguments(arguments: Sequence[str], path: str, found: Violations) -> None:
    """No argument is longer than what a process can be started with."""
    for number, argument in enumerate(arguments):
        if len(argument.encode()) > limits.ARGUMENT_MAX_BYTES:
            found.add(f"{path}[{number}]", f"has more than {limits.ARGUMENT_MAX_BYTES} bytes")


def check_env(env: Sequence[Json], path: str, found: Violations) -> None:
    """Names and sizes of variables, and their secrets."""
    for number, variable in enumerate(env):
        where = f"{path}[{number}]"
        name: str = variable.get("name", "")
        if not name:
            found.add(f"{where}.name", "is required")
        elif "=" in name:
            found.add(f"{where}.name", f"must not contain '=': {name[:80]!r}")
        elif len(name) > limits.ENV_NAME_MAX_CHARS:
            found.add(f"{where}.name", f"has more than {limits.ENV_NAME_MAX_CHARS} characters")
        if len(variable.get("value", "").encode()) > limits.ENV_VALUE_MAX_BYTES:
            found.add(f"{where}.value", f"has more than {limits.ENV_VALUE_MAX_BYTES} bytes")
        if "valueSource" in variable:
            _check_env_source(variable["valueSource"], f"{where}.valueSource.secretKeyRef", found)


def _check_env_source(source: Json, where: str, found: Violations) -> None:
    if "secretKeyRef" not in source:
        found.add(where, "is required: the only source of a variable's value is a secret")
        return
    reference: Json = source["secretKeyRef"]
    check_secret(
        reference.get("secret", ""), reference.get("version", ""), f"{where}.secret", f"{where}.version", found
    )


def asks_for_gpu(container: Json) -> bool:
    """Whether a container has a GPU."""
    given: dict[str, str] = container.get("resources", {}).get("limits", {})
    return given.get(limits.GPU_RESOURCE, "0") != "0"


def _check_resources(container: Json, path: str, found: Violations) -> None:
    given: dict[str, str] = container.get("resources", {}).get("limits", {})
    for name in sorted(given.keys() - _RESOURCES):
        found.add(f"{path}[{name[:80]!r}]", f"is no resource: there are {', '.join(sorted(_RESOURCES))}")
    whole = with_default_limits(given)
    cpu = _quantity(whole["cpu"], "cpu", path, found)
    memory_bytes = _quantity(whole["memory"], "memory", path, found)
    if cpu is not None and not (0 < cpu < 1_000 or cpu in limits.CPUS):
        found.add(f"{path}['cpu']", f"must be 1, 2, 4, 8 or a fraction of 1, not {whole['cpu'][:40]!r}")
        cpu = None
    if memory_bytes is not None and not limits.MEMORY_MIN_BYTES <= memory_bytes <= limits.MEMORY_MAX_BYTES:
        found.add(f"{path}['memory']", f"must be from 1Mi to 32Gi, not {whole['memory'][:40]!r}")
        memory_bytes = None
    if cpu is not None and memory_bytes is not None:
        _check_relations(cpu, memory_bytes, given.get(limits.GPU_RESOURCE, "0"), path, found)


def _quantity(text: str, name: str, path: str, found: Violations) -> int | None:
    try:
        return millicores_from_quantity(text) if name == "cpu" else bytes_from_quantity(text)
    except ValueError as error:
        found.add(f"{path}[{name!r}]", str(error))
        return None


def _check_relations(cpu: int, memory_bytes: int, gpu: str, path: str, found: Violations) -> None:
    least_bytes = limits.MEMORY_MIN_BYTES_BY_CPU.get(cpu, 0)
    if memory_bytes < least_bytes:
        found.add(f"{path}['memory']", f"{cpu // 1_000} CPU need at least {least_bytes >> 30}Gi of memory")
    if gpu not in ("0", "1"):
        found.add(f"{path}[{limits.GPU_RESOURCE!r}]", f"must be 1, not {gpu[:40]!r}")
    elif gpu == "1" and (cpu < limits.GPU_CPU_MIN or memory_bytes < limits.GPU_MEMORY_MIN_BYTES):
        found.add(f"{path}[{limits.GPU_RESOURCE!r}]", "a GPU needs at least 4 CPU and 16Gi of memory")


def _check_mounts(mounts: Sequence[Json], volumes: Mapping[str, Json], path: str, found: Violations) -> None:
    seen: set[str] = set()
    for number, mount in enumerate(mounts):
        where = f"{path}[{number}]"
        name: str = mount.get("name", "")
        mount_path: str = mount.get("mountPath", "")
        if name not in volumes:
            found.add(f"{where}.name", f"names no volume of this template: {name[:80]!r}")
        if not mount_path.startswith("/") or ":" in mount_path or len(mount_path.encode()) > _PATH_MAX_BYTES:
            found.add(f"{where}.mountPath", f"must be an absolute path without ':', not {mount_path[:80]!r}")
        elif mount_path in seen:
            found.add(f"{where}.mountPath", f"is mounted twice: {mount_path[:80]!r}")
        seen.add(mount_path)
        sub_path: str = mount.get("subPath", "")
        if sub_path and "secret" in volumes.get(name, {}):
            found.add(f"{where}.subPath", "is not allowed for secrets")
        elif sub_path:
            check_relative(sub_path, f"{where}.subPath", found)


def check_relative(path_text: str, path: str, found: Violations) -> None:
    """A path that stays below where it is put."""
    if path_text.startswith("/") or ".." in path_text.split("/") or len(path_text.encode()) > _PATH_MAX_BYTES:
        found.add(path, f"must be a relative path without '..', not {path_text[:80]!r}")


def _check_ports(ports: Sequence[Json], path: str, found: Violations) -> None:
    if len(ports) > 1:
        found.add(path, f"a container has one port at most, not {len(ports)}")
    for number, port in enumerate(ports):
        if port.get("name", "") not in _PORT_NAMES:
            found.add(f"{path}[{number}].name", f"must be http1 or h2c, not {port['name'][:80]!r}")
        _check_port(port.get("containerPort", 0), f"{path}[{number}].containerPort", found)


def _check_port(port: int, path: str, found: Violations) -> None:
    if not 0 <= port <= _PORT_MAX:
        found.add(path, f"must be from 1 to {_PORT_MAX}, not {port}")


def _check_probe(probe: Json, delay_max_s: int, period_max_s: int, where: str, found: Violations) -> None:
    """Zero stands for the default everywhere. The action's default is the container's port over TCP."""
    period_s: int = probe.get("periodSeconds", 0) or _PROBE_PERIOD_DEFAULT_S
    timeout_s: int = probe.get("timeoutSeconds", 0) or _PROBE_TIMEOUT_DEFAULT_S
    _check_range(probe.get("initialDelaySeconds", 0), 0, delay_max_s, f"{where}.initialDelaySeconds", found)
    _check_range(period_s, 1, period_max_s, f"{where}.periodSeconds", found)
    _check_range(timeout_s, 1, _PROBE_TIMEOUT_MAX_S, f"{where}.timeoutSeconds", found)
    if timeout_s > period_s >= 1:
        found.add(f"{where}.timeoutSeconds", f"must not exceed periodSeconds ({period_s})")
    if probe.get("failureThreshold", 1) < 1:
        found.add(f"{where}.failureThreshold", f"must be at least 1, not {probe['failureThreshold']}")
    for action in ("httpGet", "tcpSocket", "grpc"):
        if action in probe:
            _check_port(probe[action].get("port", 0), f"{where}.{action}.port", found)
    if "httpGet" in probe:
        _check_http_get(probe["httpGet"], f"{where}.httpGet", found)


def _check_http_get(action: Json, where: str, found: Violations) -> None:
    """Nothing of it may end its line of the request."""
    if not _URL_PATH.match(action.get("path", "")):
        found.add(f"{where}.path", f"must be a path of a URL, such as /ready, not {action['path'][:80]!r}")
    for number, header in enumerate(action.get("httpHeaders", [])):
        name, value = header.get("name", ""), header.get("value", "")
        if not _HEADER_NAME.match(name):
            found.add(f"{where}.httpHeaders[{number}].name", f"is no name of a header: {name[:80]!r}")
        if not _HEADER_VALUE.match(value):
            found.add(f"{where}.httpHeaders[{number}].value", "must not have line breaks")


def _check_range(value: int, least: int, most: int, path: str, found: Violations) -> None:
    if not least <= value <= most:
        found.add(path, f"must be from {least} to {most}, not {value}")


def _check_start_order(containers: Sequence[Json], names: set[str], path: str, found: Violations) -> None:
    waits_for: dict[str, list[str]] = {}
    for number, container in enumerate(containers):
        before: list[str] = container.get("dependsOn", [])
        for place, name in enumerate(before):
            if not name or name not in names:
                found.add(f"{path}[{number}].dependsOn[{place}]", f"names no container of this template: {name[:80]!r}")
        waits_for[container.get("name", "")] = before
    while waits_for:  # at most ten containers: the plain way is the clear one
        free = [name for name, before in waits_for.items() if not any(other in waits_for for other in before)]
        if not free:
            number = next(place for place, item in enumerate(containers) if item.get("name", "") in waits_for)
            found.add(f"{path}[{number}].dependsOn", f"the containers wait for each other: {', '.join(waits_for)}")
            return
        for name in free:
            del waits_for[name]
