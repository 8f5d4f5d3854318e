"""From the flags of `run deploy` and `run services update` to a changed service. Fields that no flag names stay as they
are."""

from __future__ import annotations

import json
import os

from hakobune.cli.containers.changes import (
    LOCAL_IMAGE,
    RUN,
    SOURCE,
    change_labels,
    change_template,
    client_annotations,
    container_of,
)
from hakobune.cli.document import Document, as_dict, child, children, dict_at, list_at, text_at
from hakobune.cli.errors import CommandError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments
    from hakobune.cli.services.subject import Subject

_KNATIVE = "autoscaling.knative.dev/"
_DEFAULT = "default"
_NONCE = "client.knative.dev/nonce"
_NONCE_CHARS = 10
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NAME_MAX_CHARS = 63
# Annotation → the flag whose number it holds.
_TEMPLATE_COUNTS = {"min-instances": f"{_KNATIVE}minScale", "max-instances": f"{_KNATIVE}maxScale"}
_SERVICE_COUNTS = {"min": f"{RUN}minScale", "max": f"{RUN}maxScale"}
_MODE, _MANUAL = f"{RUN}scalingMode", f"{RUN}manualInstanceCount"
_TEMPLATE_SWITCHES = {
    "cpu-throttling": f"{RUN}cpu-throttling",
    "cpu-boost": f"{RUN}startup-cpu-boost",
    "session-affinity": f"{RUN}sessionAffinity",
}
# Switches that are on when the annotation is not there.
_NEGATED = {
    "invoker-iam-check": f"{RUN}invoker-iam-disabled",
    "default-url": f"{RUN}default-url-disabled",
}
# Flags that change nothing in the template: they make no revision.
_OF_RESOURCE = frozenset(
    {
        *_SERVICE_COUNTS,
        *_NEGATED,
        *(f"{verb}-custom-audiences" for verb in ("set", "add", "remove", "clear")),
        *("scaling", "instances", "promote", "traffic", "tag", "ingress", "allow-unauthenticated", "description"),
        *("update-annotations", "client-name", "client-version", "async", "dry-run", "platform"),
        *("region", "project", "format", "quiet", "verbosity", "access-token-file", "log-http"),
    }
)
_POLICY = ("scaling-", "clear-scaling")  # flags of worker pools: the pool is scaled, its program is the same
_HEALTH = f"{RUN}health-check-disabled"
_AUDIENCES = f"{RUN}custom-audiences"


def apply_template_flags(subject: Subject, resource: Document, arguments: Arguments) -> None:
    """Change a service or a worker pool by all flags that both have. Raises CommandError or UsageError."""
    template = child(resource, "spec", "template")
    annotations = child(template, "metadata", "annotations")
    client = client_annotations(arguments)
    child(resource, "metadata", "annotations").update(client)
    if _touches_template(arguments):
        annotations.update(client)
    change_labels((child(resource, "metadata", "labels"), child(template, "metadata", "labels")), arguments)
    change_template(child(template, "spec"), annotations, arguments, subject.container_flags, subject.noun)
    for key, value in arguments.pairs("update-annotations").items():
        child(resource, "metadata", "annotations")[key] = value
    if arguments.given("description"):
        _set(child(resource, "metadata", "annotations"), f"{RUN}description", arguments.text("description"))
    check_program(resource)


def check_program(resource: Document) -> None:
    """`--image local` alone starts nothing. Raises UsageError."""
    template = dict_at(resource, "spec", "template")
    if SOURCE in dict_at(template, "metadata", "annotations"):
        return
    for container in list_at(template, "spec", "containers"):
        if text_at(container, "image") == LOCAL_IMAGE and not list_at(container, "command"):
            raise UsageError("argument --image: The image `local` needs --command (and --args), or use --source DIR.")


def _touches_template(arguments: Arguments) -> bool:
    named = {name for name in arguments.values if not name.startswith(_POLICY)}
    return bool(arguments.containers) or not _OF_RESOURCE.issuperset(named)


def force_revision(resource: Document, arguments: Arguments) -> None:
    """Let the next revision be another one, whatever has changed: by its name, where one is wanted, else by a label
    that is new each time, as gcloud does it. Not where all flags are of the resource, and none of its template."""
    if not _touches_template(arguments):
        return
    metadata = child(resource, "spec", "template", "metadata")
    suffix = arguments.text("revision-suffix")
    if not suffix:
        metadata.pop("name", None)
        nonce = "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(_NONCE_CHARS))
        child(metadata, "labels")[_NONCE] = nonce
        return
    revision = f"{text_at(resource, 'metadata', 'name')}-{suffix}"
    if len(revision) > _NAME_MAX_CHARS:
        raise CommandError(f"argument --revision-suffix: [{revision}] has more than {_NAME_MAX_CHARS} characters.")
    metadata["name"] = revision


def apply_service_flags(service: Document, arguments: Arguments) -> None:
    """Change what only services have. Raises CommandError or UsageError naming the flag that does not fit."""
    metadata = child(service, "metadata", "annotations")
    template = child(service, "spec", "template")
    annotations = child(template, "metadata", "annotations")
    spec = child(template, "spec")
    _change_ports(spec, arguments)
    _change_requests(spec, arguments)
    for flag, name in _TEMPLATE_COUNTS.items():
        _change_count(annotations, name, arguments, flag)
    for flag, name in _SERVICE_COUNTS.items():
        _change_count(metadata, name, arguments, flag)
    change_scaling(metadata, arguments)
    for flag, name in _TEMPLATE_SWITCHES.items():
        if arguments.given(flag):
            annotations[name] = _flag_text(is_set=arguments.switch(flag))
    for flag, name in _NEGATED.items():
        if arguments.given(flag):
            metadata[name] = _flag_text(is_set=not arguments.switch(flag))
    if arguments.given("deploy-health-check"):
        annotations[_HEALTH] = _flag_text(is_set=not arguments.switch("deploy-health-check"))
    if arguments.text("execution-environment"):
        annotations[f"{RUN}execution-environment"] = arguments.text("execution-environment")
    if arguments.text("ingress"):
        metadata[f"{RUN}ingress"] = arguments.text("ingress")
    _change_audiences(metadata, arguments)


def change_scaling(annotations: Document, arguments: Arguments) -> None:
    """Apply `--scaling auto|N`. Raises UsageError."""
    text = arguments.text("scaling")
    if not text:
        return
    if text == "auto":
        annotations[_MODE] = "automatic"
        annotations.pop(_MANUAL, None)
        return
    _check_count("scaling", text, "auto")
    annotations.update({_MODE: "manual", _MANUAL: text})


def _change_ports(spec: Document, arguments: Arguments) -> None:
    containers = children(spec, "containers")
    for name, scope in (("", arguments), *arguments.containers):
        if not scope.given("port") and not scope.given("use-http2"):
            continue
        container = container_of(containers, name)
        ports = [as_dict(port) for port in list_at(container, "ports")]
        port: Document = dict(ports[0]) if ports else {}
        text = scope.text("port")
        if text == _DEFAULT:
            port.pop("containerPort", None)
        elif text:
            if not text.isdigit() or not 1 <= int(text) <= 65535:
                raise UsageError(f"argument --port: must be an integer from 1 to 65535, or default; not [{text}].")
            port["containerPort"] = int(text)
        if scope.given("use-http2"):
            port["name"] = "h2c" if scope.switch("use-http2") else "http1"
        if port:
            container["ports"] = [port]
        else:
            container.pop("ports", None)


def _change_requests(spec: Document, arguments: Arguments) -> None:
    concurrency = arguments.text("concurrency")
    if concurrency == _DEFAULT:
        spec.pop("containerConcurrency", None)
    elif concurrency:
        _check_count("concurrency", concurrency, _DEFAULT, least=1)
        spec["containerConcurrency"] = int(concurrency)
    timeout_s = arguments.number("timeout")
    if timeout_s is not None:
        spec["timeoutSeconds"] = timeout_s


def _change_count(annotations: Document, name: str, arguments: Arguments, flag: str) -> None:
    text = arguments.text(flag)
    if text == _DEFAULT:
        annotations.pop(name, None)
    elif text:
        _check_count(flag, text, _DEFAULT)
        annotations[name] = text


def _check_count(flag: str, text: str, word: str, *, least: int = 0) -> None:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise UsageError(f"argument --{flag}: must be a whole number from {least} on, or {word}; not [{text}].")


def _change_audiences(annotations: Document, arguments: Arguments) -> None:
    verbs = ("set", "add", "remove", "clear")
    if not any(arguments.given(f"{verb}-custom-audiences") for verb in verbs):
        return
    held: list[str] = []
    if not arguments.given("set-custom-audiences") and not arguments.switch("clear-custom-audiences"):
        try:
            held = [str(item) for item in json.loads(text_at(annotations, _AUDIENCES) or "[]")]
        except ValueError:
            held = []
    held += arguments.words("set-custom-audiences") + arguments.words("add-custom-audiences")
    removed = set(arguments.words("remove-custom-audiences"))
    kept = [item for item in dict.fromkeys(held) if item not in removed]
    _set(annotations, _AUDIENCES, json.dumps(kept) if kept else "")


def _set(annotations: Document, name: str, text: str) -> None:
    if text:
        annotations[name] = text
    else:
        annotations.pop(name, None)


def _flag_text(*, is_set: bool) -> str:
    return "true" if is_set else "false"
