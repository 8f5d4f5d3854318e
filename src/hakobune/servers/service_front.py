"""The front door of services, put together from the parts of a runtime."""

from __future__ import annotations

from hakobune.core.services.names import ResidentName
from hakobune.runtime.app import Runtime
from hakobune.servers.http.server import HttpServer
from hakobune.servers.service_doors import ServiceDoors
from hakobune.servers.service_invokers import Invokers
from hakobune.servers.service_proxy import ServiceProxy
from hakobune.servers.service_proxy_tunnels import H2cTunnels


def service_proxy(runtime: Runtime) -> ServiceProxy:
    """What answers requests to services."""
    settings = runtime.settings

    def find(label: str, location: str) -> ResidentName | None:
        return runtime.fleet.find(label, settings.project, location or settings.location)

    async def policy(resource: str) -> str | None:
        return await runtime.store.read(lambda tx: tx.policy(resource))

    invokers = Invokers(policy, runtime.credentials, runtime.guard, find, auth=settings.auth, port=settings.port)
    return ServiceProxy(
        runtime.fleet,
        runtime.admission,
        invokers,
        runtime.identifiers,
        runtime.request_log,
        project=settings.project,
        location=settings.location,
    )


def open_to(server: HttpServer, proxy: ServiceProxy, runtime: Runtime) -> None:
    """Services may have ports of their own from now on, on this server, which take HTTP/2 as well."""
    runtime.services.doors = proxy.doors = ServiceDoors(server)
    server.lead_to_service = H2cTunnels(proxy.seat_for_h2c).lead
