"""The methods of the gRPC port: each is a REST call of ours, as https://google.aip.dev/127 writes it.

`path` holds fields of the request in braces, with the form that their value must have; `*` stands for one segment,
`**` at the end for one and more. `body` names the field that
becomes the body ("*": all that the path does not hold); what is left becomes the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: full names of its messages, and its REST call."""

    request: str
    response: str
    verb: str
    path: str
    body: str = ""


_LOCATION = "projects/*/locations/*"
_WORKFLOW = f"{_LOCATION}/workflows/*"
_EXECUTION = f"{_WORKFLOW}/executions/*"
_OPERATION_NAME = f"{{name={_LOCATION}/operations/*}}"
_OPERATION = "google.longrunning.Operation"
_EMPTY = "google.protobuf.Empty"


# Name, message of the answer ("" is Empty; one without a dot is of the service's package), verb, path, body.
_Row = tuple[str, str, str, str, str]


def _methods(
    package: str, service: str, table: Iterable[_Row], *, base: str = "/v1/", requests: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Method]]:
    """The methods of a service. `requests` names those to which the resource itself is sent."""
    for name, response, verb, path, body in table:
        sent = (requests or {}).get(name, f"{name}Request")
        answer = response if "." in response else f"{package}.{response}" if response else _EMPTY
        method = Method(request=f"{package}.{sent}", response=answer, verb=verb, path=base + path, body=body)
        yield f"/{package}.{service}/{name}", method


def _workflows(version: str) -> Iterator[tuple[str, Method]]:
    package = f"google.cloud.workflows.{version}"
    table = [
        ("ListWorkflows", "ListWorkflowsResponse", "GET", f"{{parent={_LOCATION}}}/workflows", ""),
        ("GetWorkflow", "Workflow", "GET", f"{{name={_WORKFLOW}}}", ""),
        ("CreateWorkflow", _OPERATION, "POST", f"{{parent={_LOCATION}}}/workflows", "workflow"),
        ("DeleteWorkflow", _OPERATION, "DELETE", f"{{name={_WORKFLOW}}}", ""),
        ("UpdateWorkflow", _OPERATION, "PATCH", f"{{workflow.name={_WORKFLOW}}}", "workflow"),
        (
            "ListWorkflowRevisions",
            "ListWorkflowRevisionsResponse",
            "GET",
            f"{{name={_WORKFLOW}}}:listRevisions",
            "",
        ),
    ]
    yield from _methods(package, "Workflows", table, base=f"/{version}/")


def _run() -> Iterator[tuple[str, Method]]:
    package = "google.cloud.run.v2"
    job, execution = f"{_LOCATION}/jobs/*", f"{_LOCATION}/jobs/*/executions/*"
    table = [
        ("Jobs", "CreateJob", _OPERATION, "POST", f"{{parent={_LOCATION}}}/jobs", "job"),
        ("Jobs", "GetJob", f"{package}.Job", "GET", f"{{name={job}}}", ""),
        ("Jobs", "ListJobs", f"{package}.ListJobsResponse", "GET", f"{{parent={_LOCATION}}}/jobs", ""),
        ("Jobs", "UpdateJob", _OPERATION, "PATCH", f"{{job.name={job}}}", "job"),
        ("Jobs", "DeleteJob", _OPERATION, "DELETE", f"{{name={job}}}", ""),
        ("Jobs", "RunJob", _OPERATION, "POST", f"{{name={job}}}:run", "*"),
        ("Executions", "GetExecution", f"{package}.Execution", "GET", f"{{name={execution}}}", ""),
        (
            "Executions",
            "ListExecutions",
            f"{package}.ListExecutionsResponse",
            "GET",
            f"{{parent={job}}}/executions",
            "",
        ),
        ("Executions", "DeleteExecution", _OPERATION, "DELETE", f"{{name={execution}}}", ""),
        ("Executions", "CancelExecution", _OPERATION, "POST", f"{{name={execution}}}:cancel", "*"),
        ("Tasks", "GetTask", f"{package}.Task", "GET", f"{{name={execution}/tasks/*}}", ""),
        ("Tasks", "ListTasks", f"{package}.ListTasksResponse", "GET", f"{{parent={execution}}}/tasks", ""),
    ]
    for service, name, response, verb, path, body in table:
        method = Method(request=f"{package}.{name}Request", response=response, verb=verb, path=f"/v2/{path}", body=body)
        yield f"/{package}.{service}/{name}", method
    yield from _policies(f"/{package}.Jobs", job)
    yield from _residents(package, "Service", "services", "service")
    yield from _residents(package, "WorkerPool", "workerPools", "worker_pool")
    yield from _revisions(package)


def _revisions(package: str) -> Iterator[tuple[str, Method]]:
    """Of services, and of worker pools."""
    revision = f"{_LOCATION}/*/*/revisions/*"
    table = [
        ("GetRevision", "Revision", "GET", f"{{name={revision}}}", ""),
        ("ListRevisions", "ListRevisionsResponse", "GET", f"{{parent={_LOCATION}/*/*}}/revisions", ""),
        ("DeleteRevision", _OPERATION, "DELETE", f"{{name={revision}}}", ""),
    ]
    yield from _methods(package, "Revisions", table, base="/v2/")


def _residents(package: str, noun: str, collection: str, field: str) -> Iterator[tuple[str, Method]]:
    """Services or worker pools."""
    one = f"{_LOCATION}/{collection}/*"
    table = [
        (f"Create{noun}", _OPERATION, "POST", f"{{parent={_LOCATION}}}/{collection}", field),
        (f"Get{noun}", noun, "GET", f"{{name={one}}}", ""),
        (f"List{noun}s", f"List{noun}sResponse", "GET", f"{{parent={_LOCATION}}}/{collection}", ""),
        (f"Update{noun}", _OPERATION, "PATCH", f"{{{field}.name={one}}}", field),
        (f"Delete{noun}", _OPERATION, "DELETE", f"{{name={one}}}", ""),
    ]
    yield from _methods(package, f"{noun}s", table, base="/v2/")
    yield from _policies(f"/{package}.{noun}s", one)


def _executions(version: str) -> Iterator[tuple[str, Method]]:
    package = f"google.cloud.workflows.executions.{version}"
    table = [
        ("ListExecutions", "ListExecutionsResponse", "GET", f"{{parent={_WORKFLOW}}}/executions", ""),
        ("CreateExecution", "Execution", "POST", f"{{parent={_WORKFLOW}}}/executions", "execution"),
        ("GetExecution", "Execution", "GET", f"{{name={_EXECUTION}}}", ""),
        ("CancelExecution", "Execution", "POST", f"{{name={_EXECUTION}}}:cancel", "*"),
    ]
    yield from _methods(package, "Executions", table, base=f"/{version}/")


def _operations() -> Iterator[tuple[str, Method]]:
    package = "google.longrunning"
    table = [
        ("ListOperations", "ListOperationsResponse", "GET", f"{{name={_LOCATION}}}/operations", ""),
        ("GetOperation", _OPERATION, "GET", _OPERATION_NAME, ""),
        ("DeleteOperation", _EMPTY, "DELETE", _OPERATION_NAME, ""),
        ("CancelOperation", _EMPTY, "POST", f"{_OPERATION_NAME}:cancel", "*"),
        ("WaitOperation", _OPERATION, "POST", f"{_OPERATION_NAME}:wait", "*"),
    ]
    yield from _methods(package, "Operations", table)


def _locations() -> Iterator[tuple[str, Method]]:
    package = "google.cloud.location"
    table = [
        ("ListLocations", "ListLocationsResponse", "GET", "{name=projects/*}/locations", ""),
        ("GetLocation", "Location", "GET", f"{{name={_LOCATION}}}", ""),
    ]
    yield from _methods(package, "Locations", table)


def _secrets() -> Iterator[tuple[str, Method]]:
    package = "google.cloud.secretmanager.v1"
    service = f"/{package}.SecretManagerService"
    secret, version = "projects/*/secrets/*", "projects/*/secrets/*/versions/*"
    table = [
        ("ListSecrets", "ListSecretsResponse", "GET", "{parent=projects/*}/secrets", ""),
        ("CreateSecret", "Secret", "POST", "{parent=projects/*}/secrets", "secret"),
        ("AddSecretVersion", "SecretVersion", "POST", f"{{parent={secret}}}:addVersion", "*"),
        ("GetSecret", "Secret", "GET", f"{{name={secret}}}", ""),
        ("UpdateSecret", "Secret", "PATCH", f"{{secret.name={secret}}}", "secret"),
        ("DeleteSecret", "", "DELETE", f"{{name={secret}}}", ""),
        ("ListSecretVersions", "ListSecretVersionsResponse", "GET", f"{{parent={secret}}}/versions", ""),
        ("GetSecretVersion", "SecretVersion", "GET", f"{{name={version}}}", ""),
        ("AccessSecretVersion", "AccessSecretVersionResponse", "GET", f"{{name={version}}}:access", ""),
        ("DisableSecretVersion", "SecretVersion", "POST", f"{{name={version}}}:disable", "*"),
        ("EnableSecretVersion", "SecretVersion", "POST", f"{{name={version}}}:enable", "*"),
        ("DestroySecretVersion", "SecretVersion", "POST", f"{{name={version}}}:destroy", "*"),
    ]
    yield from _methods(package, "SecretManagerService", table)
    yield from _policies(service, secret)


def _iam_credentials() -> Iterator[tuple[str, Method]]:
    package = "google.iam.credentials.v1"
    for name in ("GenerateAccessToken", "GenerateIdToken", "SignBlob", "SignJwt"):
        method = Method(
            request=f"{package}.{name}Request",
            response=f"{package}.{name}Response",
            verb="POST",
            path=f"/v1/{{name=projects/*/serviceAccounts/*}}:{name[0].lower()}{name[1:]}",
            body="*",
        )
        yield f"/{package}.IAMCredentials/{name}", method


def _iam_admin() -> Iterator[tuple[str, Method]]:
    package = "google.iam.admin.v1"
    project, account, key = "{name=projects/*}", "projects/*/serviceAccounts/*", "projects/*/serviceAccounts/*/keys/*"
    table = [
        ("ListServiceAccounts", "ListServiceAccountsResponse", "GET", f"{project}/serviceAccounts", ""),
        ("GetServiceAccount", "ServiceAccount", "GET", f"{{name={account}}}", ""),
        ("CreateServiceAccount", "ServiceAccount", "POST", f"{project}/serviceAccounts", "*"),
        ("UpdateServiceAccount", "ServiceAccount", "PUT", f"{{name={account}}}", "*"),
        ("PatchServiceAccount", "ServiceAccount", "PATCH", f"{{service_account.name={account}}}", "*"),
        ("DeleteServiceAccount", "", "DELETE", f"{{name={account}}}", ""),
        ("EnableServiceAccount", "", "POST", f"{{name={account}}}:enable", "*"),
        ("DisableServiceAccount", "", "POST", f"{{name={account}}}:disable", "*"),
        ("ListServiceAccountKeys", "ListServiceAccountKeysResponse", "GET", f"{{name={account}}}/keys", ""),
        ("GetServiceAccountKey", "ServiceAccountKey", "GET", f"{{name={key}}}", ""),
        ("CreateServiceAccountKey", "ServiceAccountKey", "POST", f"{{name={account}}}/keys", "*"),
        ("DeleteServiceAccountKey", "", "DELETE", f"{{name={key}}}", ""),
        ("EnableServiceAccountKey", "", "POST", f"{{name={key}}}:enable", "*"),
        ("DisableServiceAccountKey", "", "POST", f"{{name={key}}}:disable", "*"),
    ]
    made = {"UpdateServiceAccount": "ServiceAccount"}  # what is sent is the resource itself
    yield from _methods(package, "IAM", table, requests=made)
    yield from _policies(f"/{package}.IAM", account)


def _pubsub() -> Iterator[tuple[str, Method]]:
    """All methods of Pub/Sub but those of `pubsub`, which messages pass through."""
    package = "google.pubsub.v1"
    project, schema = "{project=projects/*}", "{name=projects/*/schemas/*}"
    topic, subscription = "{topic=projects/*/topics/*}", "{subscription=projects/*/subscriptions/*}"
    snapshot, parent = "{snapshot=projects/*/snapshots/*}", "{parent=projects/*}/schemas"
    table = [
        ("Publisher", "CreateTopic", "Topic", "PUT", "{name=projects/*/topics/*}", "*"),
        ("Publisher", "UpdateTopic", "Topic", "PATCH", "{topic.name=projects/*/topics/*}", "*"),
        ("Publisher", "GetTopic", "Topic", "GET", topic, ""),
        ("Publisher", "ListTopics", "ListTopicsResponse", "GET", f"{project}/topics", ""),
        ("Publisher", "ListTopicSubscriptions", "ListTopicSubscriptionsResponse", "GET", f"{topic}/subscriptions", ""),
        ("Publisher", "ListTopicSnapshots", "ListTopicSnapshotsResponse", "GET", f"{topic}/snapshots", ""),
        ("Publisher", "DeleteTopic", "", "DELETE", topic, ""),
        ("Publisher", "DetachSubscription", "DetachSubscriptionResponse", "POST", f"{subscription}:detach", ""),
        ("Subscriber", "CreateSubscription", "Subscription", "PUT", "{name=projects/*/subscriptions/*}", "*"),
        ("Subscriber", "GetSubscription", "Subscription", "GET", subscription, ""),
        (
            "Subscriber",
            "UpdateSubscription",
            "Subscription",
            "PATCH",
            "{subscription.name=projects/*/subscriptions/*}",
            "*",
        ),
        ("Subscriber", "ListSubscriptions", "ListSubscriptionsResponse", "GET", f"{project}/subscriptions", ""),
        ("Subscriber", "DeleteSubscription", "", "DELETE", subscription, ""),
        ("Subscriber", "ModifyPushConfig", "", "POST", f"{subscription}:modifyPushConfig", "*"),
        ("Subscriber", "GetSnapshot", "Snapshot", "GET", snapshot, ""),
        ("Subscriber", "ListSnapshots", "ListSnapshotsResponse", "GET", f"{project}/snapshots", ""),
        ("Subscriber", "CreateSnapshot", "Snapshot", "PUT", "{name=projects/*/snapshots/*}", "*"),
        ("Subscriber", "UpdateSnapshot", "Snapshot", "PATCH", "{snapshot.name=projects/*/snapshots/*}", "*"),
        ("Subscriber", "DeleteSnapshot", "", "DELETE", snapshot, ""),
        ("Subscriber", "Seek", "SeekResponse", "POST", f"{subscription}:seek", "*"),
        ("SchemaService", "CreateSchema", "Schema", "POST", parent, "schema"),
        ("SchemaService", "GetSchema", "Schema", "GET", schema, ""),
        ("SchemaService", "ListSchemas", "ListSchemasResponse", "GET", parent, ""),
        ("SchemaService", "ListSchemaRevisions", "ListSchemaRevisionsResponse", "GET", f"{schema}:listRevisions", ""),
        ("SchemaService", "CommitSchema", "Schema", "POST", f"{schema}:commit", "*"),
        ("SchemaService", "RollbackSchema", "Schema", "POST", f"{schema}:rollback", "*"),
        ("SchemaService", "DeleteSchemaRevision", "Schema", "DELETE", f"{schema}:deleteRevision", ""),
        ("SchemaService", "DeleteSchema", "", "DELETE", schema, ""),
        ("SchemaService", "ValidateSchema", "ValidateSchemaResponse", "POST", f"{parent}:validate", "*"),
        ("SchemaService", "ValidateMessage", "ValidateMessageResponse", "POST", f"{parent}:validateMessage", "*"),
    ]
    made = {"CreateTopic": "Topic", "CreateSubscription": "Subscription"}  # what is sent is the resource itself
    for service, name, response, verb, path, body in table:
        method = Method(
            request=f"{package}.{made.get(name, f'{name}Request')}",
            response=f"{package}.{response}" if response else _EMPTY,
            verb=verb,
            path=f"/v1/{path}",
            body=body,
        )
        yield f"/{package}.{service}/{name}", method


def _scheduler() -> Iterator[tuple[str, Method]]:
    package = "google.cloud.scheduler.v1"
    job = f"{_LOCATION}/jobs/*"
    table = [
        ("ListJobs", "ListJobsResponse", "GET", f"{{parent={_LOCATION}}}/jobs", ""),
        ("GetJob", "Job", "GET", f"{{name={job}}}", ""),
        ("CreateJob", "Job", "POST", f"{{parent={_LOCATION}}}/jobs", "job"),
        ("UpdateJob", "Job", "PATCH", f"{{job.name={job}}}", "job"),
        ("DeleteJob", "", "DELETE", f"{{name={job}}}", ""),
        ("PauseJob", "Job", "POST", f"{{name={job}}}:pause", "*"),
        ("ResumeJob", "Job", "POST", f"{{name={job}}}:resume", "*"),
        ("RunJob", "Job", "POST", f"{{name={job}}}:run", "*"),
    ]
    yield from _methods(package, "CloudScheduler", table)


def _eventarc() -> Iterator[tuple[str, Method]]:
    package = "google.cloud.eventarc.v1"
    for noun, collection in (("Trigger", "triggers"), ("Channel", "channels")):
        one, field = f"{_LOCATION}/{collection}/*", noun.lower()
        table = [
            (f"Get{noun}", noun, "GET", f"{{name={one}}}", ""),
            (f"List{noun}s", f"List{noun}sResponse", "GET", f"{{parent={_LOCATION}}}/{collection}", ""),
            (f"Create{noun}", _OPERATION, "POST", f"{{parent={_LOCATION}}}/{collection}", field),
            (f"Update{noun}", _OPERATION, "PATCH", f"{{{field}.name={one}}}", field),
            (f"Delete{noun}", _OPERATION, "DELETE", f"{{name={one}}}", ""),
        ]
        yield from _methods(package, "Eventarc", table)
    providers = [
        ("GetProvider", "Provider", "GET", f"{{name={_LOCATION}/providers/*}}", ""),
        ("ListProviders", "ListProvidersResponse", "GET", f"{{parent={_LOCATION}}}/providers", ""),
    ]
    yield from _methods(package, "Eventarc", providers)
    publishing = "google.cloud.eventarc.publishing.v1"
    channel = f"{{channel={_LOCATION}/channels/*}}"
    table = [("PublishEvents", "PublishEventsResponse", "POST", f"{channel}:publishEvents", "*")]
    yield from _methods(publishing, "Publisher", table)


def _policies(service: str = "/google.iam.v1.IAMPolicy", resource: str = "projects/**") -> Iterator[tuple[str, Method]]:
    """The three methods of policies, of one kind of resource or of all: REST has them under the resource's name."""
    package = "google.iam.v1"
    table = [
        ("SetIamPolicy", "Policy", "POST", "*"),
        ("GetIamPolicy", "Policy", "GET", ""),
        ("TestIamPermissions", "TestIamPermissionsResponse", "POST", "*"),
    ]
    for name, response, verb, body in table:
        method = Method(
            request=f"{package}.{name}Request",
            response=f"{package}.{response}",
            verb=verb,
            path=f"/v1/{{resource={resource}}}:{name[0].lower()}{name[1:]}",
            body=body,
        )
        yield f"{service}/{name}", method


METHODS: Mapping[str, Method] = dict(
    [
        *_workflows("v1"),
        *_workflows("v1beta"),
        *_executions("v1"),
        *_executions("v1beta"),
        *_run(),
        *_operations(),
        *_locations(),
        *_policies(),
        *_secrets(),
        *_iam_credentials(),
        *_iam_admin(),
        *_pubsub(),
        *_eventarc(),
        *_scheduler(),
    ]
)
