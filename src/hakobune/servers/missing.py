"""What Google has and this runtime does not: answered with 501 and the name of what is missing, never with silence."""

from __future__ import annotations

from hakobune.core.errors import Unimplemented
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import Handler, Router

_LOCATION = "projects/{project}/locations/{location}"
_V1_PROJECT = "/v1/projects/{project}"
_V1 = "/v1/" + _LOCATION
_V2 = "/v2/" + _LOCATION
_JOB = _V2 + "/jobs/{job}"
_NAMESPACE = "/apis/run.googleapis.com/v1/namespaces/{project}"

# Collections: what is listed here, and all that lies below.
_COLLECTIONS = (
    (_V2 + "/builds", "Cloud Run builds"),
    (_V2 + "/instances", "Cloud Run instances"),
    (_V2 + "/queues", "Cloud Tasks"),
    ("/v2beta3/" + _LOCATION + "/queues", "Cloud Tasks"),
    (_V1 + "/cmekConfig", "Cloud Scheduler CMEK settings"),
    (_V1 + "/channelConnections", "Eventarc channel connections"),
    (_V1 + "/googleChannelConfig", "Eventarc channel settings"),
    (_V1 + "/messageBuses", "Eventarc message buses"),
    (_V1 + "/enrollments", "Eventarc enrollments"),
    (_V1 + "/pipelines", "Eventarc pipelines"),
    (_V1 + "/googleApiSources", "Eventarc sources"),
    (_V1 + "/kafkaSources", "Eventarc sources"),
    (_V1 + "/secrets", "Secret Manager (regional)"),
    (_V1 + "/repositories", "Artifact Registry"),
    (_V1_PROJECT + "/roles", "IAM roles"),
    ("/v1/roles", "IAM roles"),
    ("/v1/organizations/{organization}/roles", "IAM roles"),
    (_V1 + "/workloadIdentityPools", "IAM workload identity pools"),
    (_V1 + "/oauthClients", "IAM OAuth clients"),
    ("/v1/locations/{location}/workforcePools", "IAM workforce pools"),
    (_V1_PROJECT + "/authorizeddomains", "Cloud Run domain mappings"),
    ("/v2/projects/{project}/logs", "Cloud Logging: lists of logs"),
    ("/v2/projects/{project}/sinks", "Cloud Logging sinks"),
    ("/v2/projects/{project}/metrics", "Cloud Logging metrics"),
    ("/v2/projects/{project}/exclusions", "Cloud Logging exclusions"),
    (_V2 + "/buckets", "Cloud Logging buckets"),
    ("/v2/monitoredResourceDescriptors", "Cloud Logging resource descriptors"),
    ("/v3/projects", "Resource Manager v3"),
    ("/v3/folders", "Resource Manager folders"),
    ("/v3/organizations", "Resource Manager organizations"),
    ("/apis/domains.cloudrun.com/v1", "Cloud Run domain mappings"),
    ("/apis/eventing.knative.dev/v1", "Knative eventing"),
    ("/api/v1", "Kubernetes core resources (secrets, config maps)"),
    (_NAMESPACE + "/instances", "Cloud Run instances (v1)"),
)

# Single methods of what is otherwise here, by their path.
_METHODS = (
    (_V2 + ":exportImage", "locations.exportImage"),
    (_V2 + ":exportImageMetadata", "locations.exportImageMetadata"),
    (_V2 + ":exportMetadata", "locations.exportMetadata"),
    (_V2 + ":exportProjectMetadata", "locations.exportProjectMetadata"),
    (_JOB + ":exportImage", "jobs.exportImage"),
    (_JOB + ":exportMetadata", "jobs.exportMetadata"),
    (_JOB + "/executions/{execution}:exportMetadata", "executions.exportMetadata"),
    (_V2 + "/services/{service}/revisions/{revision}:exportImage", "revisions.exportImage"),
    (_V2 + "/services/{service}/revisions/{revision}:exportMetadata", "revisions.exportMetadata"),
    (_V2 + "/services/{service}/revisions/{revision}/{operation}:exportStatus", "revisions.exportStatus"),
    (_JOB + "/executions/{execution}/{operation}:exportStatus", "executions.exportStatus"),
    (_V2 + "/builds:submit", "builds.submit"),
    ("/v2/entries:tail", "entries.tail"),
    ("/v2/entries:copy", "entries.copy"),
    (_V1 + "/operations/{operation}:cancel", "operations.cancel"),
    (_V2 + "/operations/{operation}:cancel", "operations.cancel"),
    (_V1_PROJECT + "/serviceAccounts/{account}:undelete", "serviceAccounts.undelete"),
    (_V1_PROJECT + "/serviceAccounts/{account}/keys:upload", "serviceAccounts.keys.upload"),
    (_V1_PROJECT + "/serviceAccounts/{account}/allowedLocations", "serviceAccounts.getAllowedLocations"),
    ("/v1/roles:queryGrantableRoles", "roles.queryGrantableRoles"),
    ("/v1/permissions:queryTestablePermissions", "permissions.queryTestablePermissions"),
    ("/v1/iamPolicies:lintPolicy", "iamPolicies.lintPolicy"),
    ("/v1/iamPolicies:queryAuditableServices", "iamPolicies.queryAuditableServices"),
    (_V1_PROJECT + "/secrets/{secret}:enableManagedRotation", "secrets.enableManagedRotation"),
    (_V1_PROJECT + "/secrets/{secret}:rotateSecret", "secrets.rotateSecret"),
    (_V1_PROJECT + "/services/{service}:disable", "services.disable"),
)
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def add_missing(router: Router) -> None:
    """Register a 501 under every path of the tables. After the routes that exist: those win."""
    for pattern, name in _COLLECTIONS:
        for method in _VERBS:
            router.add(method, pattern, _refusal(name))
            router.add(method, pattern + "/{rest*}", _refusal(name))
    for pattern, name in _METHODS:
        for method in ("GET", "POST"):
            router.add(method, pattern, _refusal(name))


def _refusal(name: str) -> Handler:
    async def refuse(request: Request) -> Response:
        raise Unimplemented(
            f"{name}: not supported by this version of hakobune ({request.method} {request.path[:120]})."
        )

    return refuse
