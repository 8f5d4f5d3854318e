"""Cloud Storage JSON API v1: notification configs."""

from __future__ import annotations

from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import Router
from hakobune.servers.storage_answers import answer, json_of, nothing, root_of
from hakobune.wire.storage_v1_notifications import config_from_json, config_to_json, configs_to_json

_CONFIGS = "/storage/v1/b/{bucket}/notificationConfigs"


class StorageNotifications:
    """Handlers over the objects room."""

    def __init__(self, runtime: Runtime) -> None:
        self._configs = runtime.objects.notifications

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("POST", _CONFIGS, self.create)
        router.add("GET", _CONFIGS, self.list_all)
        router.add("GET", _CONFIGS + "/{config}", self.get)
        router.add("DELETE", _CONFIGS + "/{config}", self.delete)

    async def create(self, request: Request) -> Response:
        """Tell a topic of what happens in a bucket."""
        bucket = request.parameters["bucket"]
        made = await self._configs.create(bucket, config_from_json(await json_of(request)))
        return answer(request, config_to_json(made, bucket, root_of(request)))

    async def list_all(self, request: Request) -> Response:
        """All configs of a bucket."""
        bucket = request.parameters["bucket"]
        return answer(request, configs_to_json(await self._configs.list(bucket), bucket, root_of(request)))

    async def get(self, request: Request) -> Response:
        """One config."""
        bucket = request.parameters["bucket"]
        found = await self._configs.get(bucket, request.parameters["config"])
        return answer(request, config_to_json(found, bucket, root_of(request)))

    async def delete(self, request: Request) -> Response:
        """Tell no more."""
        await self._configs.delete(request.parameters["bucket"], request.parameters["config"])
        return nothing()
