"""`hakobune up`: its flags. What it does is in `cli/up.py`, which imports the whole runtime."""

from __future__ import annotations

from hakobune.cli.flags import Arguments, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.session import Session


def _run(session: Session, arguments: Arguments) -> None:
    del session
    from hakobune.cli import up

    up.run(arguments)


UP = Command(
    _run,
    "Run everything in the foreground: all APIs on one port of 127.0.0.1, gRPC on another. Ctrl-C or SIGTERM stops it"
    " in order. All that was accepted survives a crash and is gone on with at the next start in the same directory.",
    flags=[
        Flag("--data", "text", "Directory of all state; made if missing. Default ./.hakobune.", metavar="DIR"),
        Flag("--host", "text", "Address to listen on. Default 127.0.0.1; any other needs --auth=token."),
        Flag("--port", "number", "Port of the HTTP APIs. Default 8642.", at_least=0),
        Flag("--grpc-port", "number", "Port of the gRPC APIs. Default 8643.", at_least=0, metavar="PORT"),
        Flag("--tls-port", "number", "Port of all APIs over TLS, gRPC too. Default: none.", at_least=1, metavar="PORT"),
        Flag("--tls-cert", "text", "Certificate for TLS; else the local authority makes some.", metavar="FILE"),
        Flag("--tls-key", "text", "The key of that certificate.", metavar="FILE"),
        Flag("--auth", "choice", "Whether a bearer token is needed. Default none.", choices=("none", "token")),
        Flag(
            "--iam",
            "choice",
            "With --auth=token: whether IAM policies decide who may do what. Default none.",
            choices=("none", "enforce"),
        ),
        Flag(
            "--effects",
            "choice",
            "Whether it is on record what attempts change through these APIs. Default on.",
            choices=("on", "off"),
        ),
        Flag(
            "--request-log",
            "choice",
            "Whether the log has an entry for each request to a service. Default on.",
            choices=("on", "off"),
        ),
        Flag(
            "--durability",
            "choice",
            "What an accepted write survives: a power cut (default), or only the end of the process.",
            choices=("power", "process"),
        ),
        Flag(
            "--objects",
            "text",
            "Where the contents of objects are kept: gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or file:///DIR. Default: in"
            " the data directory. Needs the extra `bucket`.",
            metavar="URL",
        ),
        Flag(
            "--map-image",
            "map",
            "Run images that begin with PREFIX from the source DIR. May repeat.",
            metavar="PREFIX=DIR",
        ),
        Flag(
            "--filename",
            "text",
            "Apply the definitions in this folder or file at the start, as `hakobune apply` does.",
            metavar="DIR|FILE",
            short="-f",
        ),
        Flag("--watch", "switch", "Apply them again whenever one of their files changes."),
        Flag("--config", "text", "Settings file. Default ./hakobune.yaml where it exists.", metavar="FILE"),
        Flag("--max-running-tasks", "number", "Attempts that may run at once. Default 128.", at_least=1, metavar="N"),
        Flag(
            "--service-idle",
            "number",
            "Seconds after which an instance of a service that has no requests ends, at most 900. Default 60.",
            at_least=0,
            metavar="SECONDS",
        ),
        Flag(
            "--limits",
            "choice",
            "The limits of workflows: kept as the service does (strict, the default), only warned of, or none.",
            choices=("off", "warn", "strict"),
        ),
        Flag(
            "--max-executions",
            "number",
            "Executions of workflows that may be active at once in a location; more are queued. Default 10000.",
            at_least=1,
            metavar="N",
        ),
        Flag(
            "--max-backlog",
            "number",
            "Executions of workflows that may be queued in a location. Default 100000.",
            at_least=0,
            metavar="N",
        ),
        Flag(
            "--max-journal-bytes",
            "number",
            "What one execution of a workflow may be given and answered in all; more ends it. Default 268435456.",
            at_least=1,
            metavar="BYTES",
        ),
        Flag(
            "--service-url",
            "map",
            "Calls of workflows to https://NAME-….run.app go to this URL. May repeat.",
            metavar="NAME=URL",
        ),
        Flag(
            "--allow-host",
            "list",
            "Hosts that workflows may call though they are link-local or name a metadata server. May repeat.",
            metavar="HOST",
        ),
    ],
    examples=[
        ("With the state kept in ./state:", "hakobune up --data ./state"),
        ("With a deployed image run from a directory:", "hakobune up --map-image us-docker.pkg.dev/p1/app=./app"),
        ("With a folder of definitions that is applied whenever it changes:", "hakobune up -f deploy --watch"),
        ("With a service that workflows call:", "hakobune up --service-url ocr=http://127.0.0.1:9001"),
    ],
)
