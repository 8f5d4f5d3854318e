"""The key lists and the description of the local issuer, where verifying libraries look for Google's; the keys of
service accounts; and the rotation of our own."""

from __future__ import annotations

from hakobune.core.identity.accounts import check_email
from hakobune.runtime.app import Runtime
from hakobune.runtime.credentials import ISSUER
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.query import only


class Identity:
    """Handlers of the issuer's pages."""

    def __init__(self, runtime: Runtime) -> None:
        self._credentials = runtime.credentials
        self._base_url = runtime.settings.base_url

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("GET", "/oauth2/v3/certs", self.keys)
        router.add("GET", "/oauth2/v1/certs", self.certificates)
        router.add("GET", "/.well-known/openid-configuration", self.description)
        router.add("GET", "/robot/v1/metadata/x509/{account}", self.account_certificates)
        router.add("GET", "/robot/v1/metadata/jwk/{account}", self.account_keys)
        router.add("GET", "/service_accounts/v1/metadata/x509/{account}", self.account_certificates)
        router.add("GET", "/service_accounts/v1/metadata/jwk/{account}", self.account_keys)
        router.add("GET", "/service_accounts/v1/jwk/{account}", self.account_keys)
        router.add("POST", "/hakobune/v1/identity/keys:rotate", only("", self.rotate))

    async def keys(self, request: Request) -> Response:
        """JSON Web Keys."""
        del request
        return json_response(await self._credentials.jwks())

    async def certificates(self, request: Request) -> Response:
        """PEM certificates by key id."""
        del request
        return json_response(await self._credentials.certificates())

    async def account_certificates(self, request: Request) -> Response:
        """PEM certificates of a service account by key id."""
        account = check_email(request.parameters["account"], field="account")
        return json_response(await self._credentials.accounts.certificates(account))

    async def account_keys(self, request: Request) -> Response:
        """JSON Web Keys of a service account."""
        account = check_email(request.parameters["account"], field="account")
        return json_response(await self._credentials.accounts.jwks(account))

    async def rotate(self, request: Request) -> Response:
        """A new key signs from now on; those before it are accepted until their tokens have expired."""
        del request
        key_id = await self._credentials.rotate()
        return json_response({"keyId": key_id, "published": len(await self._credentials.certificates())})

    async def description(self, request: Request) -> Response:
        """OpenID Connect discovery."""
        del request
        return json_response(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{self._base_url}/oauth2/v3/certs",
                "token_endpoint": f"{self._base_url}/token",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
            }
        )
