"""Small answers that gcloud wants before it acts: service usage, projects. Everything is enabled here."""

from __future__ import annotations

from hakobune.core.names import check_project, project_number
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.parents import project_of


class Side:
    """Handlers that answer from nothing but their path."""

    def __init__(self, runtime: Runtime) -> None:
        del runtime  # nothing is asked of it

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("GET", "/v1/projects/{project}/services/{service}", self.service)
        router.add("POST", "/v1/projects/{project}/services/{service}:enable", self.enable)
        router.add("POST", "/v1/projects/{project}/services:batchEnable", self.enable)
        router.add("GET", "/v1/projects/{project}/services:batchGet", self.services)
        router.add("GET", "/v1/projects/{project}", self.project)

    async def service(self, request: Request) -> Response:
        """`services.get` of Service Usage."""
        return json_response(_service(project_of(request), request.parameters["service"]))

    async def services(self, request: Request) -> Response:
        """`services.batchGet` of Service Usage."""
        project = project_of(request)
        names = [name.rpartition("/")[2] for name in request.query_values("names")]
        return json_response({"services": [_service(project, name) for name in names]})

    async def enable(self, request: Request) -> Response:
        """`services.enable` and `services.batchEnable`: done at once."""
        project = project_of(request)
        response = {"@type": "type.googleapis.com/google.api.serviceusage.v1.BatchEnableServicesResponse"}
        return json_response(
            {"name": f"operations/enable.{project_number(project)}", "done": True, "response": response}
        )

    async def project(self, request: Request) -> Response:
        """`projects.get` of Resource Manager: projects need no creation."""
        project = project_of(request)
        return json_response(
            {
                "projectId": project,
                "projectNumber": project_number(project),
                "name": project,
                "lifecycleState": "ACTIVE",
            }
        )


def _service(project: str, service: str) -> dict[str, object]:
    name = f"projects/{project_number(check_project(project))}/services/{service}"
    return {
        "name": name,
        "config": {"name": service},
        "state": "ENABLED",
        "parent": f"projects/{project_number(project)}",
    }
