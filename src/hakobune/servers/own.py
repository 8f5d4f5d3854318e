"""Our own pages: health, metrics, the environment of clients, progress, attempts, the doctor's questions."""

from __future__ import annotations

from hakobune import __version__
from hakobune.core.client_environment import tls_environment
from hakobune.core.errors import FailedPrecondition, NotFound
from hakobune.core.instants import timestamp_to_text
from hakobune.core.jobs.model import Execution
from hakobune.core.names import check_location, check_project
from hakobune.runtime.app import Runtime
from hakobune.runtime.doctor import Doctor
from hakobune.runtime.jobs import missing
from hakobune.servers.http.messages import Request, Response, json_response, text_response
from hakobune.servers.http.router import Router
from hakobune.servers.query import count, flag, only
from hakobune.store.api import Effect
from hakobune.wire import own_v1


class Own:
    """Handlers of what no Google API has."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._doctor = Doctor(runtime)

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("GET", "/healthz", self.health)
        router.add("GET", "/metrics", self.metrics)
        router.add("GET", "/hakobune/v1/env", only("project tls", self.environment))
        router.add("GET", "/hakobune/v1/version", self.version)
        router.add("GET", "/hakobune/v1/doctor", self.doctor)
        router.add("POST", "/hakobune/v1/doctor/examinations", self.begin_examination)
        router.add("GET", "/hakobune/v1/doctor/examinations/latest", self.examined)
        execution = "/hakobune/v1/projects/{project}/locations/{location}/executions/{execution}"
        router.add("GET", execution + "/progress", self.progress)
        router.add("GET", execution + "/attempts", only("index", self.attempts))

    async def health(self, request: Request) -> Response:
        """200 as soon as every API can be served: the listener opens only then."""
        del request
        return json_response({"status": "ok", "version": __version__})

    async def version(self, request: Request) -> Response:
        """Version and place, for the command line."""
        del request
        settings = self._runtime.settings
        return json_response({"version": __version__, "location": settings.location, "project": settings.project})

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format."""
        del request
        totals = await self._runtime.store.read(lambda tx: tx.jobs.totals())
        gauges = {"hakobune_store_queue_depth": float(self._runtime.store.queue_depth)}
        text = self._runtime.telemetry.page(totals, gauges)
        return text_response(text, content_type="text/plain; version=0.0.4; charset=utf-8")

    async def environment(self, request: Request) -> Response:
        """The variables of `hakobune env`; the files that they name are written first."""
        fields = request.query_fields()
        await self._runtime.write_client_files()
        variables = self._runtime.variables(self._runtime.settings.port)
        project = fields.get("project", "")
        if flag(request, "tls"):
            tls_port = self._runtime.settings.tls_port
            if tls_port is None:
                raise FailedPrecondition("TLS is not spoken: start the runtime with --tls-port PORT.")
            authorities = str(self._runtime.authority.bundle_file)
            variables |= tls_environment(tls_port=tls_port, authorities=authorities)
        if project:
            check_project(project, field="project")
            variables |= {"GOOGLE_CLOUD_PROJECT": project, "CLOUDSDK_CORE_PROJECT": project}
        return json_response(variables)

    async def doctor(self, request: Request) -> Response:
        """What is in force, and what is not well."""
        del request
        return json_response({"checks": await self._doctor.checks()})

    async def begin_examination(self, request: Request) -> Response:
        """Begin to read every object and compare it with its checksum; one that is under way goes on."""
        del request
        return json_response({"number": self._doctor.begin_examination()})

    async def examined(self, request: Request) -> Response:
        """How far the examination has come; held back for a few seconds for its end."""
        del request
        return json_response(await self._doctor.examined())

    # -- executions -------------------------------------------------------------------------------------------------

    async def _execution(self, request: Request) -> Execution:
        project = check_project(request.parameters["project"])
        location = check_location(request.parameters["location"])
        found = await self._runtime.jobs.find_execution(project, location, request.parameters["execution"])
        if found is None:
            raise NotFound(f"Execution '{request.parameters['execution'][:200]}' does not exist.")
        return found

    async def progress(self, request: Request) -> Response:
        """What the tasks of an execution say of their progress, summed."""
        found = await self._runtime.logs.progress(await self._execution(request))
        if found is None:
            raise NotFound("No task of this execution has reported progress.")
        return json_response(own_v1.progress_to_json(found))

    async def attempts(self, request: Request) -> Response:
        """Every attempt of one task (`?index=N`): when, how it ended, and why it was made."""
        execution = await self._execution(request)
        index = count(request.query_fields().get("index", "0"), "index")
        if index >= execution.task_count:
            raise missing("TASK", execution.name, str(index))
        items: list[dict[str, object]] = []
        for attempt in await self._runtime.jobs.list_attempts(execution, index):
            effects = await self._runtime.jobs.effects_of(attempt.uid)
            items.append({**own_v1.attempt_to_json(attempt), "effects": [_effect_to_json(found) for found in effects]})
        return json_response({"attempts": items})


def _effect_to_json(effect: Effect) -> dict[str, object]:
    at = timestamp_to_text(effect.at_s)
    return {"call": effect.call, "phase": effect.phase.value, "target": effect.target, "key": effect.key, "time": at}
