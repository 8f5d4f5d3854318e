"""Templates of services and worker pools: canonical v2 JSON to our types, and back. Checks are made before
(run_resident_rules.py).

What the service fills in is filled in here, so that a template that a client reads and sends back is the same one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from hakobune.core.instants import duration_from_text, duration_to_text
from hakobune.core.quantities import millicores_from_quantity
from hakobune.core.services import limits
from hakobune.core.services.model import Member, Probe, ProbeKind, Template
from hakobune.core.services.names import Kind
from hakobune.wire.run_labels import without_reserved
from hakobune.wire.run_v2_templates import container_from_tree, container_to_tree
from hakobune.wire.schema import Json

_PORT_NAME = "http1"
_CPU = 1_000  # thousandths: with less than a CPU an instance takes one request at a time
# The check of a service that asks for none: its port is open within four minutes. It is shown as the service shows it,
# and means the same as none.
_DEFAULT_STARTUP = Probe(
    kind=ProbeKind.TCP,
    timeout_s=limits.STARTUP_DEFAULT_S,
    period_s=limits.STARTUP_DEFAULT_S,
    failure_threshold=1,
)


def template_from_tree(kind: Kind, tree: Json, service_account: str) -> Template:
    """Fill in the defaults; `service_account` stands in where none is named."""
    rest = dict(tree)
    scaling: Json = dict(rest.pop("scaling", {}))
    least, most = scaling.pop("minInstanceCount", 0), scaling.pop("maxInstanceCount", 0)
    if scaling:
        rest["scaling"] = scaling
    timeout: str | None = rest.pop("timeout", None)
    template = Template(
        revision=rest.pop("revision", ""),
        labels=cast("dict[str, str]", rest.pop("labels", {})),
        annotations=cast("dict[str, str]", rest.pop("annotations", {})),
        members=tuple(_member_from_tree(kind, item) for item in rest.pop("containers", [])),
        service_account=rest.pop("serviceAccount", service_account),
        timeout_s=limits.TIMEOUT_DEFAULT_S if timeout is None else duration_from_text(timeout),
        max_concurrency=rest.pop("maxInstanceRequestConcurrency", 0),
        min_instances=least,
        max_instances=most,
        execution_environment=rest.pop("executionEnvironment", ""),
        session_affinity=rest.pop("sessionAffinity", False),
        health_check_disabled=rest.pop("healthCheckDisabled", False),
        volumes=tuple(rest.pop("volumes", [])),
        other=rest,
    )
    return _with_defaults(template) if kind is Kind.SERVICE else template


def _with_defaults(template: Template) -> Template:
    cpu = max((millicores_from_quantity(member.container.limits["cpu"]) for member in template.members), default=_CPU)
    concurrency = limits.CONCURRENCY_DEFAULT if cpu >= _CPU else 1
    return replace(
        template,
        max_concurrency=template.max_concurrency or concurrency,
        max_instances=template.max_instances or max(limits.INSTANCES_MAX_DEFAULT, template.min_instances),
    )


def with_defaults_of(held: Template, template: Template) -> Template:
    """The template, whose memory is a default where it was one in the template that is held: clients send back what
    they read, and only a limit that the user wrote is enforced."""
    members = list(template.members)
    for place, (old, new) in enumerate(zip(held.members, members, strict=False)):
        is_default = not old.container.memory_set_by_user and old.container.limits == new.container.limits
        if is_default and new.container.memory_set_by_user:
            members[place] = replace(new, container=replace(new.container, memory_set_by_user=False))
    return replace(template, members=tuple(members))


def template_to_tree(kind: Kind, template: Template) -> Json:
    """A template as v2 prints it."""
    labels, annotations = without_reserved(template.labels), without_reserved(template.annotations)
    tree: Json = {"revision": template.revision, "labels": labels, "annotations": annotations}
    tree = {key: value for key, value in tree.items() if value}
    return tree | template_settings_to_tree(kind, template)


def template_settings_to_tree(kind: Kind, template: Template) -> Json:
    """What a template and the revision that is made of it have in common, as v2 prints it."""
    rest = dict(template.other)
    scaling: Json = {"minInstanceCount": template.min_instances, "maxInstanceCount": template.max_instances}
    tree: Json = {
        "scaling": {**{key: value for key, value in scaling.items() if value}, **cast("Json", rest.pop("scaling", {}))},
        "timeout": duration_to_text(template.timeout_s) if kind is Kind.SERVICE else "",
        "serviceAccount": template.service_account,
        "containers": [_member_to_tree(kind, member) for member in template.members],
        "volumes": [dict(volume) for volume in template.volumes],
        "executionEnvironment": template.execution_environment,
        "maxInstanceRequestConcurrency": template.max_concurrency,
        "sessionAffinity": template.session_affinity,
        "healthCheckDisabled": template.health_check_disabled,
    }
    return {key: value for key, value in tree.items() if value} | rest


# -- containers -------------------------------------------------------------------------------------------------------


def _member_from_tree(kind: Kind, tree: Json) -> Member:
    rest = dict(tree)
    ports: list[Json] = rest.pop("ports", [])
    port, port_name = 0, ""
    if kind is Kind.SERVICE:
        given: Json = ports[0] if ports else {}
        port = given.get("containerPort", limits.PORT_DEFAULT)
        port_name = given.get("name", _PORT_NAME)
    startup = _probe_from_tree(rest.pop("startupProbe", None), port)
    return Member(
        port=port,
        port_name=port_name,
        startup=None if kind is Kind.SERVICE and startup == _DEFAULT_STARTUP else startup,
        liveness=_probe_from_tree(rest.pop("livenessProbe", None), port),
        depends_on=tuple(rest.pop("dependsOn", [])),
        container=container_from_tree(rest),
    )


def _member_to_tree(kind: Kind, member: Member) -> Json:
    tree: Json = {}
    startup = member.startup
    if kind is Kind.SERVICE and member.port:
        tree["ports"] = [{"name": member.port_name, "containerPort": member.port}]
        startup = startup or _DEFAULT_STARTUP
    for field, probe in (("startupProbe", startup), ("livenessProbe", member.liveness)):
        if probe is not None:
            tree[field] = _probe_to_tree(probe, member.port)
    if member.depends_on:
        tree["dependsOn"] = list(member.depends_on)
    return {**container_to_tree(member.container), **tree}


def _probe_from_tree(tree: Json | None, container_port: int) -> Probe | None:
    """A probe. The container's own port is 0, named or not: an instance may be given another one."""
    if tree is None:
        return None
    kind = next((action for action in ProbeKind if action.value in tree), ProbeKind.TCP)
    action: Json = tree.get(kind.value, {})
    port = action.get("port", 0)
    headers: list[Json] = action.get("httpHeaders", [])
    return Probe(
        kind=kind,
        port=0 if port == container_port else port,
        path=action.get("path", "/"),
        headers=tuple((header.get("name", ""), header.get("value", "")) for header in headers),
        grpc_service=action.get("service", ""),
        initial_delay_s=float(tree.get("initialDelaySeconds", 0)),
        timeout_s=float(tree.get("timeoutSeconds", 1)),
        period_s=float(tree.get("periodSeconds", 10)),
        failure_threshold=tree.get("failureThreshold", 3),
    )


def _probe_to_tree(probe: Probe, container_port: int) -> Json:
    action: Json = {"port": probe.port or container_port}
    match probe.kind:
        case ProbeKind.HTTP:
            action = {"path": probe.path, **action}
            if probe.headers:
                action["httpHeaders"] = [{"name": name, "value": value} for name, value in probe.headers]
        case ProbeKind.GRPC:
            action |= {"service": probe.grpc_service} if probe.grpc_service else {}
        case ProbeKind.TCP:
            pass
    tree: Json = {
        "initialDelaySeconds": int(probe.initial_delay_s),
        "timeoutSeconds": int(probe.timeout_s),
        "periodSeconds": int(probe.period_s),
        "failureThreshold": probe.failure_threshold,
        probe.kind.value: {key: value for key, value in action.items() if value},
    }
    return {key: value for key, value in tree.items() if value}
