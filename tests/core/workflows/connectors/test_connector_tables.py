"""The tables of the connectors: what the reference says of the methods that matter, and that the tables are made."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import pytest

from hakobune.core.workflows.connectors.methods import Style, method, method_ids, services
from hakobune.core.workflows.connectors.table import find, suggestion
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.registry import Kind

ROOT = Path(__file__).parents[4]
TABLES = ROOT / "src/hakobune/core/workflows/connectors/data"

# From the reference of the connectors: HTTP method, path from the host, arguments in order (`!` required), and whether
# the call waits for something long.
FACTS = [
    ("run.v2 projects.locations.jobs.run", "POST v2/{+name}:run", "name! body", True),
    ("run.v2 projects.locations.jobs.create", "POST v2/{+parent}/jobs", "parent! jobId validateOnly body", True),
    ("run.v2 projects.locations.jobs.get", "GET v2/{+name}", "name!", False),
    ("run.v2 projects.locations.jobs.delete", "DELETE v2/{+name}", "name! etag validateOnly", True),
    ("run.v2 projects.locations.jobs.list", "GET v2/{+parent}/jobs", "parent! pageSize pageToken showDeleted", False),
    ("run.v2 projects.locations.jobs.patch", "PATCH v2/{+name}", "name! allowMissing validateOnly body", True),
    ("run.v2 projects.locations.jobs.executions.get", "GET v2/{+name}", "name!", False),
    ("run.v2 projects.locations.jobs.executions.cancel", "POST v2/{+name}:cancel", "name! body", True),
    ("run.v2 projects.locations.jobs.executions.tasks.get", "GET v2/{+name}", "name!", False),
    ("run.v2 projects.locations.operations.get", "GET v2/{+name}", "name!", False),
    ("run.v1 namespaces.jobs.run", "POST apis/run.googleapis.com/v1/{+name}:run", "name! location body", True),
    ("run.v1 namespaces.executions.get", "GET apis/run.googleapis.com/v1/{+name}", "name! location", False),
    (
        "storage.v1 buckets.insert",
        "POST storage/v1/b",
        "project! enableObjectRetention predefinedAcl predefinedDefaultObjectAcl projection userProject body",
        False,
    ),
    (
        "storage.v1 objects.insert",
        "POST storage/v1/b/{bucket}/o",
        "bucket! contentEncoding ifGenerationMatch ifGenerationNotMatch ifMetagenerationMatch ifMetagenerationNotMatch kmsKeyName name predefinedAcl projection userProject uploadType body",
        False,
    ),
    (
        "storage.v1 objects.list",
        "GET storage/v1/b/{bucket}/o",
        "bucket! delimiter endOffset filter includeFoldersAsPrefixes includeTrailingDelimiter matchGlob maxResults pageToken prefix projection softDeleted startOffset userProject versions",
        False,
    ),
    ("pubsub.v1 projects.topics.publish", "POST v1/{+topic}:publish", "topic! body", False),
    ("pubsub.v1 projects.topics.create", "PUT v1/{+name}", "name! body", False),
    ("pubsub.v1 projects.subscriptions.pull", "POST v1/{+subscription}:pull", "subscription! body", False),
    (
        "workflowexecutions.v1 projects.locations.workflows.executions.create",
        "POST v1/{+parent}/executions",
        "parent! body",
        True,
    ),
    (
        "workflowexecutions.v1 projects.locations.workflows.executions.get",
        "GET v1/{+name}",
        "name! view",
        False,
    ),
    (
        "workflows.v1 projects.locations.workflows.create",
        "POST v1/{+parent}/workflows",
        "parent! workflowId body",
        True,
    ),
    ("cloudscheduler.v1 projects.locations.jobs.pause", "POST v1/{+name}:pause", "name! body", False),
    ("cloudtasks.v2 projects.locations.queues.tasks.create", "POST v2/{+parent}/tasks", "parent! body", False),
    ("secretmanager.v1 projects.secrets.versions.access", "GET v1/{+name}:access", "name!", False),
    ("logging.v2 entries.write", "POST v2/entries:write", "body", False),
    ("bigquery.v2 jobs.insert", "POST bigquery/v2/projects/{+projectId}/jobs", "projectId! uploadType body", True),
    ("bigquery.v2 jobs.query", "POST bigquery/v2/projects/{+projectId}/queries", "projectId! body", False),
    (
        "compute.v1 instances.delete",
        "DELETE compute/v1/projects/{project}/zones/{zone}/instances/{instance}",
        "project! zone! instance! noGracefulShutdown requestId",
        True,
    ),
    (
        "aiplatform.v1 projects.locations.operations.wait",
        "POST v1/{+name}:wait",
        "name! timeout region",
        True,
    ),
]

# Where an operation is asked for.
POLLS = {
    "run.v2 projects.locations.jobs.run": (Style.OPERATION, "v2/{@name}"),
    "run.v1 namespaces.jobs.run": (Style.CONDITIONS, "apis/run.googleapis.com/v1/{name/2}/executions/{@id}"),
    "workflowexecutions.v1 projects.locations.workflows.executions.create": (Style.EXECUTION, "v1/{@name}"),
    "compute.v1 instances.insert": (Style.STATUS, "compute/v1/projects/{project}/zones/{zone}/operations/{@id}"),
    "compute.v1 addresses.insert": (Style.STATUS, "compute/v1/projects/{project}/regions/{region}/operations/{@id}"),
    "compute.v1 images.insert": (Style.STATUS, "compute/v1/projects/{project}/global/operations/{@id}"),
    "compute.v1 firewallPolicies.insert": (Style.STATUS, "compute/v1/locations/global/operations/{@id}"),
    "container.v1 projects.locations.clusters.create": (Style.STATUS, "v1/{parent/4}/operations/{@id}"),
    "container.v1 projects.zones.clusters.create": (
        Style.STATUS,
        "v1/projects/{projectId}/zones/{zone}/operations/{@id}",
    ),
    "sqladmin.v1 instances.insert": (Style.STATUS, "v1/projects/{project}/operations/{@id}"),
    "storage.v1 folders.rename": (Style.OPERATION, "storage/v1/b/{bucket}/operations/{@id}"),
    "cloudbuild.v1 projects.builds.create": (Style.OPERATION, "v1/{@name}"),
}


def split(name: str) -> tuple[str, str]:
    service, _, identifier = name.partition(" ")
    return service, identifier


@pytest.mark.parametrize(("name", "request_line", "arguments", "is_long"), FACTS, ids=[fact[0] for fact in FACTS])
def test_methods_are_as_the_reference_has_them(name: str, request_line: str, arguments: str, is_long: bool) -> None:
    service, identifier = split(name)
    found = method(service, identifier)
    assert found is not None
    assert f"{found.verb} {found.path}" == request_line
    assert (found.waiting is not None) is is_long
    function = library.find(f"googleapis.{service}.{identifier}")
    assert function is not None
    assert function.name == found.name
    assert function.kind is Kind.BLOCKING
    assert function.is_expression_allowed is not is_long
    shown = [p.name + ("!" if p.is_required else "") for p in function.parameters]
    assert " ".join(shown) == f"{arguments} connector_params"


@pytest.mark.parametrize(("name", "expected"), POLLS.items())
def test_an_operation_is_asked_for_where_its_service_keeps_it(name: str, expected: tuple[Style, str]) -> None:
    found = method(*split(name))
    assert found is not None
    assert found.waiting is not None
    assert (found.waiting.style, found.waiting.path) == expected


def test_objects_get_may_ask_for_the_content() -> None:
    function = find("googleapis.storage.v1.objects.get")
    assert function is not None
    assert "alt" in [parameter.name for parameter in function.parameters]


def test_repeated_parameters_are_known() -> None:
    found = method("spanner.v1", "projects.instances.instancePartitionOperations.list")
    assert found is not None
    assert [p.name for p in found.parameters if p.is_required] == ["parent"]
    testing = method("storage.v1", "buckets.testIamPermissions")
    assert testing is not None
    assert [(p.name, p.is_required, p.is_repeated) for p in testing.parameters] == [
        ("bucket", True, False),
        ("permissions", True, True),
        ("userProject", False, False),
    ]


def test_the_services_of_the_samples_are_there() -> None:
    assert {
        *("aiplatform.v1", "aiplatform.v1beta1", "batch.v1", "bigquery.v2", "bigquerydatatransfer.v1"),
        *("cloudbuild.v1", "cloudfunctions.v1", "cloudresourcemanager.v3", "cloudscheduler.v1", "cloudtasks.v2"),
        *("compute.v1", "container.v1", "dataflow.v1b3", "documentai.v1", "firestore.v1", "forms.v1"),
        *("integrations.v1", "language.v1", "ml.v1", "pubsub.v1", "run.v1", "run.v2", "secretmanager.v1", "sheets.v4"),
        *("spanner.v1", "sqladmin.v1beta4", "storage.v1", "storagetransfer.v1", "transcoder.v1", "translate.v2"),
        *("translate.v3", "workflowexecutions.v1", "workflowexecutions.v1beta", "workflows.v1", "workflows.v1beta"),
        *("cloudfunctions.v2", "cloudtasks.v2beta3", "language.v1beta2", "sqladmin.v1", "translate.v3beta1"),
        "logging.v2",
    } == set(services())


@pytest.mark.parametrize("service", services())
def test_every_row_can_be_called(service: str) -> None:
    """Places of paths, also of those where operations are, are parameters that must be given."""
    for identifier in method_ids(service):
        found = method(service, identifier)
        assert found is not None
        assert found.verb in {"GET", "POST", "PUT", "PATCH", "DELETE"}
        required = {parameter.name for parameter in found.parameters if parameter.is_required}
        assert set(re.findall(r"\{\+?([^}]*)\}", found.path)) <= required, identifier
        if found.waiting is not None:
            named = set(re.findall(r"\{([^}/]*)[^}]*\}", found.waiting.path))
            assert named - {"@name", "@id"} <= required, identifier
        function = find(found.name)
        assert function is not None
        names = [parameter.name for parameter in function.parameters]
        assert len(names) == len(set(names)), identifier


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("googleapis.run.v2.projects.locations.job.run", "googleapis.run.v2.projects.locations.jobs.run"),
        ("googleapis.run.v3.projects", "googleapis.run.v2"),
        ("googleapis.pubsub.v1.project.topics.publish", "googleapis.pubsub.v1.projects.topics.publish"),
        ("googleapis.pubsubs.v1.projects.topics.publish", "googleapis.pubsub.v1.projects.topics.publish"),
        (
            "googleapis.secretmanager.v1.projects.secrets.versions.accessStrings",
            "googleapis.secretmanager.v1.projects.secrets.versions.accessString",
        ),
        ("googleapis.run.v2.x", None),
        ("googleapis.quantum.v1.x", None),
        ("googleapis", None),
        ("http.get", None),
    ],
)
def test_a_wrong_name_has_a_near_one(path: str, near: str | None) -> None:
    assert find(path) is None
    assert suggestion(path) == near


def test_no_method_of_an_unknown_service() -> None:
    assert method_ids("quantum.v1") == ()


def test_golden_rows() -> None:
    rows = (TABLES / "run.v1.txt").read_text(encoding="utf-8").splitlines()
    assert rows[1:3] == [
        "root\thttps://run.googleapis.com/",
        "regional\tlocation\thttps://{}-run.googleapis.com/",
    ]
    assert (
        "namespaces.jobs.run\tPOST\tapis/run.googleapis.com/v1/{+name}:run\tname!\tbody\t"
        "conditions apis/run.googleapis.com/v1/{name/2}/executions/{@id}"
    ) in rows
    buckets = (TABLES / "storage.v1.txt").read_text(encoding="utf-8").splitlines()
    assert (
        "buckets.testIamPermissions\tGET\tstorage/v1/b/{bucket}/iam/testPermissions\tbucket! permissions[]!"
        " userProject\t-\t-"
    ) in buckets


# -- the generator ----------------------------------------------------------------------------------------------


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_connectors", ROOT / "tools" / "make_connectors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_what_the_generator_makes() -> None:
    first = (TABLES / "run.v2.txt").read_text(encoding="utf-8").splitlines()[0]
    recorded = re.search(r"google-api-python-client (\S+),", first)
    assert recorded is not None
    try:
        installed = version("google-api-python-client")
    except PackageNotFoundError:
        pytest.skip("google-api-python-client is not installed")
    if installed != recorded[1]:
        pytest.skip(f"made from google-api-python-client {recorded[1]}, and {installed} is installed")
    made = generator()
    assert {file.stem for file in TABLES.iterdir()} == set(made.SERVICES)
    behind = [
        service
        for service in made.SERVICES
        if (TABLES / f"{service}.txt").read_text(encoding="utf-8") != made.table(service)
    ]
    assert behind == []
