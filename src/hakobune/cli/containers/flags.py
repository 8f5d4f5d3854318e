"""The flags that deploys of jobs, services and worker pools share (spec/run.md 6.1), and which of them exclude one
another."""

from __future__ import annotations

from hakobune.cli.flags import Flag

NOT_ISOLATED = "programs use the network of this machine"
PROBE_KEYS = (
    "initialDelaySeconds, timeoutSeconds, periodSeconds, failureThreshold, httpGet.port, httpGet.path, grpc.port,"
    " grpc.service, tcpSocket.port"
)

CONTAINER_FLAGS = (
    Flag(
        "--image", "text", "The container image; `local` runs --command and --args as a process of this machine.",
        scoped=True,
    ),
    Flag("--command", "list", "What to start instead of the image's entry point; empty clears.", scoped=True),
    Flag("--args", "list", "Arguments of the command; empty clears.", metavar="ARG", scoped=True),
    Flag("--workdir", "text", "Directory to start in.", metavar="DIR", scoped=True),
    Flag("--cpu", "text", "CPUs: 1, 0.5, 2000m.", scoped=True),
    Flag("--memory", "text", "Memory: 512Mi, 4Gi.", scoped=True),
    Flag("--gpu", "text", "GPUs: 0 or 1.", scoped=True, note="processes see the GPUs of this machine"),
    Flag("--set-env-vars", "map", "Replace all variables by these.", scoped=True),
    Flag("--update-env-vars", "map", "Add or change these variables.", scoped=True),
    Flag("--remove-env-vars", "list", "Remove these variables.", metavar="KEY", scoped=True),
    Flag("--clear-env-vars", "switch", "Remove all variables.", scoped=True),
    Flag("--env-vars-file", "text", "Replace all variables by those of a YAML map or of KEY=VALUE lines.",
         metavar="FILE", scoped=True),
    Flag("--set-secrets", "map", "Replace all secrets: NAME=SECRET:VERSION or /path/file=SECRET:VERSION.", scoped=True),
    Flag("--update-secrets", "map", "Add or change these secrets.", scoped=True),
    Flag("--remove-secrets", "list", "Remove these secrets.", metavar="KEY", scoped=True),
    Flag("--clear-secrets", "switch", "Remove all secrets.", scoped=True),
    Flag("--add-volume-mount", "fields", "Mount a volume: volume=NAME,mount-path=/PATH. May repeat.", scoped=True),
    Flag("--remove-volume-mount", "list", "Remove the mounts at these paths.", metavar="PATH", scoped=True),
    Flag("--clear-volume-mounts", "switch", "Remove all mounts.", scoped=True),
    Flag("--startup-probe", "fields", f"The startup probe; keys: {PROBE_KEYS}.", scoped=True),
    Flag("--depends-on", "list", "Containers that start before this one.", metavar="NAME", scoped=True),
)  # fmt: skip

TEMPLATE_FLAGS = (
    Flag("--service-account", "text", "The account that the program runs as.", metavar="EMAIL"),
    Flag("--add-volume", "fields", "Add a volume: name=N,type=in-memory|ephemeral-disk|cloud-storage|nfs|secret|"
         "cloudsql and its settings. May repeat."),
    Flag("--remove-volume", "list", "Remove these volumes.", metavar="NAME"),
    Flag("--clear-volumes", "switch", "Remove all volumes."),
    Flag("--set-cloudsql-instances", "list", "Cloud SQL instances.", metavar="INSTANCE", note=NOT_ISOLATED),
    Flag("--vpc-connector", "text", "VPC connector.", note=NOT_ISOLATED),
    Flag("--vpc-egress", "choice", "What goes through the VPC.", choices=("all", "all-traffic", "private-ranges-only"),
         note=NOT_ISOLATED),
    Flag("--network", "text", "VPC network.", note=NOT_ISOLATED),
    Flag("--subnet", "text", "VPC subnetwork.", note=NOT_ISOLATED),
    Flag("--network-tags", "list", "Network tags.", metavar="TAG", note=NOT_ISOLATED),
    Flag("--clear-network", "switch", "Remove the network settings."),
    Flag("--clear-network-tags", "switch", "Remove the network tags."),
    Flag("--gpu-type", "text", "Kind of GPU.", note="processes see the GPUs of this machine"),
)  # fmt: skip

SOURCE = Flag(
    "--source",
    "text",
    "Run the program in this directory (a snapshot of it) instead of an image; with --command, that command there."
    " A later --image takes it away.",
    metavar="DIR",
)
REMOVE_CONTAINERS = Flag("--remove-containers", "list", "Remove these containers.", metavar="NAME")
UPDATE_ONLY = (
    Flag("--update-labels", "map", "Add or change these labels."),
    Flag("--remove-labels", "list", "Remove these labels.", metavar="KEY"),
    Flag("--clear-labels", "switch", "Remove all labels."),
    Flag("--add-cloudsql-instances", "list", "Add Cloud SQL instances.", metavar="INSTANCE", note=NOT_ISOLATED),
    Flag("--remove-cloudsql-instances", "list", "Remove Cloud SQL instances.", metavar="INSTANCE"),
    Flag("--clear-cloudsql-instances", "switch", "Remove all Cloud SQL instances."),
    Flag("--clear-vpc-connector", "switch", "Remove the VPC connector."),
    Flag("--clear-key", "switch", "", hidden=True),
    Flag("--clear-binary-authorization", "switch", "", hidden=True),
)

EXCLUSIVE = (
    ("--clear-env-vars", "--env-vars-file", "--set-env-vars", "--remove-env-vars+--update-env-vars"),
    ("--clear-secrets", "--set-secrets", "--remove-secrets+--update-secrets"),
    ("--clear-labels", "--labels", "--remove-labels+--update-labels"),
    (
        "--clear-cloudsql-instances",
        "--set-cloudsql-instances",
        "--add-cloudsql-instances+--remove-cloudsql-instances",
    ),
    ("--clear-network", "--network+--subnet"),
    ("--clear-volumes", "--remove-volume"),
    ("--clear-volume-mounts", "--remove-volume-mount"),
)
