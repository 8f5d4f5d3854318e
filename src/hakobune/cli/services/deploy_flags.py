"""The flags of `run deploy` and `run services update` (spec/run.md 6.5), and which of them exclude one another."""

from __future__ import annotations

from hakobune.cli.containers import flags as shared
from hakobune.cli.flags import Flag

_ONE_PRICE = "processes of this machine cost nothing"
_NO_BUILD = "sources are run as they are: use --source with --command"

_NO_KEY = "nothing is encrypted with a key here"
_BUILD_VALUES = (
    "build-service-account",
    "build-worker-pool",
    "build-env-vars-file",
    "set-build-env-vars",
    "update-build-env-vars",
    "remove-build-env-vars",
)
_BUILD_SWITCHES = (
    "automatic-updates",
    "allow-unencrypted-build",
    "clear-base-image",
    "clear-build-env-vars",
    "clear-build-service-account",
    "clear-build-worker-pool",
)

PROBE = Flag("--liveness-probe", "fields", f"The liveness probe; keys: {shared.PROBE_KEYS}.", scoped=True)
CONTAINER_FLAGS = (
    *shared.CONTAINER_FLAGS,
    Flag("--port", "text", "The port that the program listens on, or `default` (8080); it is told by PORT.",
         scoped=True),
    Flag("--use-http2", "switch", "Speak HTTP/2 (h2c) to the program, not HTTP/1.", scoped=True),
    PROBE,
)  # fmt: skip

SERVICE_FLAGS = (
    Flag("--concurrency", "text", "Requests at once per instance, 1 to 1000, or `default`."),
    Flag("--timeout", "duration", "How long a request may take, up to 1h. Default 5m.", at_least=1,
         metavar="DURATION"),
    Flag("--min-instances", "text", "Instances of the revision that are always there, or `default`.", metavar="N"),
    Flag("--max-instances", "text", "Instances of the revision at most, or `default`.", metavar="N"),
    Flag("--min", "text", "Instances of the service that are always there, or `default`.", metavar="N"),
    Flag("--max", "text", "Instances of the service at most, or `default`.", metavar="N"),
    Flag("--scaling", "text", "`auto`, or the number of instances to keep.", metavar="auto|N"),
    Flag("--allow-unauthenticated", "switch", "Let everybody call the service: roles/run.invoker for allUsers.",
         opposite="take that back"),
    Flag("--invoker-iam-check", "switch", "Check who calls (default).", opposite="let everybody call"),
    Flag("--ingress", "choice", "Who may reach it.", choices=("all", "internal", "internal-and-cloud-load-balancing")),
    Flag("--default-url", "switch", "Give the service its URL (default).", opposite="give it none"),
    Flag("--session-affinity", "switch", "Send a client to the same instance where that can be."),
    Flag("--deploy-health-check", "switch", "Wait for an instance to be well before the revision is ready (default).",
         opposite="do not wait"),
    Flag("--add-custom-audiences", "list", "Add audiences of tokens.", metavar="AUDIENCE"),
    Flag("--set-custom-audiences", "list", "Replace all audiences of tokens.", metavar="AUDIENCE"),
    Flag("--remove-custom-audiences", "list", "Remove audiences of tokens.", metavar="AUDIENCE"),
    Flag("--clear-custom-audiences", "switch", "Remove all audiences of tokens."),
    Flag("--traffic", "switch", "Send traffic to the new revision (default).", opposite="leave it where it is"),
    Flag("--tag", "text", "A name by which the new revision alone can be reached."),
    Flag("--revision-suffix", "text", "The end of the revision's name."),
    Flag("--description", "text", "What the service is for."),
    Flag("--cpu-throttling", "switch", "", hidden=True, note=_ONE_PRICE),
    Flag("--cpu-boost", "switch", "", hidden=True, note="processes start as fast as they can"),
    Flag("--execution-environment", "choice", "", hidden=True, choices=("gen1", "gen2"), note="it is a process"),
    Flag("--platform", "choice", "", hidden=True, choices=("managed",)),
    Flag("--function", "text", "", hidden=True, refusal=_NO_BUILD),
    Flag("--base-image", "text", "", hidden=True, refusal=_NO_BUILD),
    *(Flag(f"--{name}", "text", "", hidden=True, refusal=_NO_BUILD) for name in _BUILD_VALUES),
    *(Flag(f"--{name}", "switch", "", hidden=True, refusal=_NO_BUILD) for name in _BUILD_SWITCHES),
    Flag("--cluster", "text", "", hidden=True, refusal="there are no clusters here"),
    Flag("--namespace", "text", "", hidden=True, refusal="there are no clusters here"),
    Flag("--iap", "switch", "", hidden=True, refusal="there is no Identity-Aware Proxy here"),
)  # fmt: skip

COMMON_FLAGS = (
    *shared.TEMPLATE_FLAGS,
    Flag("--gpu-zonal-redundancy", "switch", "", hidden=True, note="there is one machine"),
    Flag("--key", "text", "Encryption key.", refusal=_NO_KEY),
    Flag("--encryption-key-shutdown-hours", "text", "", hidden=True, refusal=_NO_KEY),
    Flag("--post-key-revocation-action-type", "text", "", hidden=True, refusal=_NO_KEY),
    Flag("--clear-encryption-key-shutdown-hours", "switch", "", hidden=True),
    Flag("--clear-post-key-revocation-action-type", "switch", "", hidden=True),
    Flag("--mesh", "text", "", hidden=True, refusal="there is no service mesh here"),
    Flag("--binary-authorization", "text", "Binary authorization policy.", refusal="images are not checked here"),
    Flag("--breakglass", "text", "Why binary authorization is set aside.", refusal="images are not checked here"),
    Flag("--client-name", "text", "", hidden=True),
    Flag("--client-version", "text", "", hidden=True),
    Flag("--update-annotations", "map", "", hidden=True),
    Flag("--container", "text", "The container flags after this one belong to the container NAME.", metavar="NAME"),
    Flag("--labels", "map", "Labels of the resource and of its revision: added or changed."),
    Flag("--async", "switch", "Return at once."),
    shared.SOURCE,
    shared.REMOVE_CONTAINERS,
    *shared.UPDATE_ONLY,
)

EXCLUSIVE = (
    *shared.EXCLUSIVE,
    (
        "--clear-custom-audiences",
        "--set-custom-audiences",
        "--add-custom-audiences+--remove-custom-audiences",
    ),
)
