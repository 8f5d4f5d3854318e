"""IAM Service Account Credentials API v1: tokens and signatures in the name of an account."""

from __future__ import annotations

from hakobune.runtime.app import Runtime
from hakobune.runtime.credentials_accounts import claims_from_text
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.iam_accounts import account_name
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.wire import iam_credentials_v1 as wire
from hakobune.wire.octets import octets_to_text


class IamCredentials:
    """Handlers over the local issuer."""

    def __init__(self, runtime: Runtime) -> None:
        self._credentials = runtime.credentials
        self._accounts = runtime.service_accounts

    def routes(self, router: Router) -> None:
        """Register all paths."""
        one = "/v1/projects/{project}/serviceAccounts/{account}"
        table: list[tuple[str, Handler]] = [
            (":generateAccessToken", self.access_token),
            (":generateIdToken", self.id_token),
            (":signBlob", self.sign_blob),
            (":signJwt", self.sign_jwt),
        ]
        for verb, handler in table:
            router.add("POST", one + verb, only("", handler))

    async def _account(self, request: Request) -> str:
        """The address of the account in the path. Raises NotFound."""
        return await self._accounts.email(account_name(request))

    async def access_token(self, request: Request) -> Response:
        """`:generateAccessToken`."""
        account = await self._account(request)
        wanted = wire.access_token_request_from_json(await body_of(request))
        issued = await self._credentials.scoped_token(account, wanted.scopes, wanted.life_s)
        return json_response(wire.access_token_to_json(issued.text, issued.expires_s))

    async def id_token(self, request: Request) -> Response:
        """`:generateIdToken`."""
        account = await self._account(request)
        wanted = wire.id_token_request_from_json(await body_of(request))
        extra = None if wanted.includes_email else {"email": None, "email_verified": None}
        return json_response({"token": await self._credentials.id_token(account, wanted.audience, extra)})

    async def sign_blob(self, request: Request) -> Response:
        """`:signBlob`."""
        account = await self._account(request)
        data = wire.blob_from_json(await body_of(request))
        key_id, signature = await self._credentials.accounts.sign_blob(account, data)
        return json_response({"keyId": key_id, "signedBlob": octets_to_text(signature)})

    async def sign_jwt(self, request: Request) -> Response:
        """`:signJwt`."""
        account = await self._account(request)
        claims = claims_from_text(wire.claims_text_from_json(await body_of(request)))
        key_id, token = await self._credentials.accounts.sign_claims(account, claims)
        return json_response({"keyId": key_id, "signedJwt": token})
