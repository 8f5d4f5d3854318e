"""The key lists and the description of the local issuer, where verifying libraries look for Google's."""

from __future__ import annotations

from hakobune.runtime.app import Runtime
from hakobune.runtime.credentials import ISSUER
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router


class Identity:
    """Handlers of the issuer's pages."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("GET", "/oauth2/v3/certs", self.keys)
        router.add("GET", "/oauth2/v1/certs", self.certificates)
        router.add("GET", "/.well-known/openid-configuration", self.description)

    async def keys(self, request: Request) -> Response:
        """JSON Web Keys."""
        del request
        return json_response(await self._runtime.credentials.jwks())

    async def certificates(self, request: Request) -> Response:
        """PEM certificates by key id."""
        del request
        return json_response(await self._runtime.credentials.certificates())

    async def description(self, request: Request) -> Response:
        """OpenID Connect discovery."""
        del request
        url = f"http://127.0.0.1:{self._runtime.settings.port}"
        return json_response(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{url}/oauth2/v3/certs",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
            }
        )
