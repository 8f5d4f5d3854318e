"""The flags of `eventarc triggers create | update`, and what they make of a trigger. What is sent was compared with
gcloud 528."""

from __future__ import annotations

from hakobune.cli.document import Document, dict_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.flags import Arguments, Flag

FILTERS = (
    Flag(
        "--event-filters",
        "map",
        "What attributes of an event must be, `type` among them. May repeat. (`hakobune eventarc providers list` shows"
        " the types.)",
        metavar="ATTRIBUTE=VALUE",
    ),
    Flag(
        "--event-filters-path-pattern",
        "map",
        "The same with path patterns: * stands for a part of a segment, ** for any number of segments.",
        metavar="ATTRIBUTE=PATTERN",
    ),
    Flag("--event-data-content-type", "text", "application/json, the only one that is supported.", metavar="TYPE"),
)
DESTINATIONS = (
    Flag("--destination-run-service", "text", "The service that is told.", metavar="SERVICE"),
    Flag("--destination-run-job", "text", "The job that is run with the event in its environment.", metavar="JOB"),
    Flag("--destination-run-path", "text", "The path that is called, such as /route.", metavar="PATH"),
    Flag("--destination-run-region", "text", "The region of the service or job; else the location.", metavar="REGION"),
    Flag("--destination-workflow", "text", "The workflow that gets the event as its argument.", metavar="WORKFLOW"),
    Flag("--destination-workflow-location", "text", "Its location; else that of the trigger.", metavar="LOCATION"),
    Flag("--destination-http-endpoint-uri", "text", "The URL that is called.", metavar="URI"),
    Flag("--network-attachment", "text", "", hidden=True, note="there is no private network here; the name is kept"),
    Flag("--destination-gke-cluster", "text", "", hidden=True, refusal="there is no Kubernetes cluster here"),
    Flag("--destination-gke-service", "text", "", hidden=True, refusal="there is no Kubernetes cluster here"),
    Flag("--destination-gke-location", "text", "", hidden=True, refusal="there is no Kubernetes cluster here"),
    Flag("--destination-gke-namespace", "text", "", hidden=True, refusal="there is no Kubernetes cluster here"),
    Flag("--destination-gke-path", "text", "", hidden=True, refusal="there is no Kubernetes cluster here"),
    Flag("--destination-function", "text", "", hidden=True, refusal="there are no Cloud Functions here"),
)
ACCOUNT = Flag("--service-account", "text", "The account whose token the destination sees.", metavar="EMAIL")
ASYNC = Flag("--async", "switch", "Return at once, and print the operation.")
# Hakobune's own.
EXTENSIONS = (
    Flag(
        "--strict-duplicates",
        "switch",
        "A duplicate of an event starts a workflow or job again, as in Google's cloud; here it does not otherwise."
        " (Hakobune only.)",
        opposite="Duplicates of an event start nothing again.",
    ),
    Flag("--test-duplicates", "number", "Deliver each event so many more times. (Hakobune only.)", metavar="N"),
    Flag("--test-delay", "duration", "Deliver each event so much later. (Hakobune only.)", metavar="DURATION"),
    Flag(
        "--test-reorder",
        "duration",
        "Deliver the events of such a length of time in another order. (Hakobune only.)",
        metavar="DURATION",
    ),
    Flag("--test-seed", "number", "What the other order is drawn from. (Hakobune only.)", metavar="N"),
)
ONE_DESTINATION = (
    "--destination-run-service",
    "--destination-run-job",
    "--destination-workflow",
    "--destination-http-endpoint-uri",
)
_TESTS = ("test-duplicates", "test-delay", "test-reorder", "test-seed")


def settings_of(arguments: Arguments, project: str, location: str, held: Document | None = None) -> Document:
    """The fields of a trigger that the flags name. `held`: the trigger as it is, when it is changed. Raises
    UsageError, CommandError."""
    found: Document = {}
    if arguments.given("event-filters") or arguments.given("event-filters-path-pattern"):
        found["eventFilters"] = _filters(arguments)
    destination = _destination(arguments, project, location, held)
    if destination:
        found["destination"] = destination
    if arguments.given("service-account"):
        found["serviceAccount"] = arguments.text("service-account")
    if arguments.given("event-data-content-type"):
        found["eventDataContentType"] = arguments.text("event-data-content-type")
    extension = _extension(arguments, held)
    if extension is not None:
        found["hakobune"] = extension
    return found


def _filters(arguments: Arguments) -> list[Document]:
    exact, patterns = arguments.pairs("event-filters"), arguments.pairs("event-filters-path-pattern")
    if not exact.get("type"):
        raise UsageError("Invalid value for [--event-filters]: must contain an attribute: type")
    found: list[Document] = [{"attribute": name, "value": value} for name, value in exact.items()]
    for name, value in patterns.items():
        found.append({"attribute": name, "value": value, "operator": "match-path-pattern"})
    return found


def _destination(arguments: Arguments, project: str, location: str, held: Document | None) -> Document:
    if arguments.given("destination-workflow"):
        place = arguments.text("destination-workflow-location") or location
        workflow = arguments.text("destination-workflow")
        return {
            "workflow": workflow if "/" in workflow else f"projects/{project}/locations/{place}/workflows/{workflow}"
        }
    if arguments.given("destination-http-endpoint-uri"):
        found: Document = {"httpEndpoint": {"uri": arguments.text("destination-http-endpoint-uri")}}
        if arguments.given("network-attachment"):
            found["networkConfig"] = {"networkAttachment": arguments.text("network-attachment")}
        return found
    return _run_destination(arguments, location, held)


def _run_destination(arguments: Arguments, location: str, held: Document | None) -> Document:
    """A service or a job. What is only changed keeps the rest of what it was."""
    names = ("destination-run-service", "destination-run-job", "destination-run-path", "destination-run-region")
    if not any(arguments.given(name) for name in names) and not arguments.switch("clear-destination-run-path"):
        return {}
    run = dict(dict_at(dict_at(held or {}, "destination"), "cloudRun"))
    if not run and not arguments.given(names[0]) and not arguments.given(names[1]):
        raise CommandError("argument --destination-run-service: Must be specified.")
    for flag, field, other in ((names[0], "service", "job"), (names[1], "job", "service")):
        if arguments.given(flag):
            run.pop(other, None)
            run[field] = arguments.text(flag)
    if arguments.given(names[2]):
        run["path"] = arguments.text(names[2])
    if arguments.switch("clear-destination-run-path") or "job" in run:
        run.pop("path", None)
    run["region"] = arguments.text(names[3]) or run.get("region") or location
    return {"cloudRun": run}


def _extension(arguments: Arguments, held: Document | None) -> Document | None:
    if not any(arguments.given(name) for name in ("strict-duplicates", *_TESTS)):
        return None
    found = dict(dict_at(held or {}, "hakobune"))
    if arguments.given("strict-duplicates"):
        found["strictDuplicates"] = arguments.switch("strict-duplicates")
    test = dict(dict_at(found, "test"))
    for name, field in (("test-duplicates", "duplicates"), ("test-seed", "seed")):
        if arguments.given(name):
            test[field] = arguments.number(name)
    for name, field in (("test-delay", "delay"), ("test-reorder", "reorder")):
        if arguments.given(name):
            test[field] = f"{arguments.number(name)}s"
    if test:
        found["test"] = test
    return found
