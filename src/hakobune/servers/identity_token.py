"""The OAuth 2.0 token endpoint: assertions of service accounts become tokens (RFC 7523); and what a token says.

Errors have the form of RFC 6749, section 5.2: that is what clients of this endpoint read.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from hakobune.core.errors import (
    FailedPrecondition,
    HakobuneError,
    InvalidArgument,
    Unauthenticated,
)
from hakobune.core.identity import limits
from hakobune.runtime.app import Runtime
from hakobune.runtime.credentials import TOKEN_LIFE_S
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_BODY_MAX_BYTES = 4 * limits.TOKEN_MAX_CHARS  # an assertion, percent-encoded, and a little more
_FIELDS_MAX = 20


class IdentityToken:
    """Handlers of the token endpoint."""

    def __init__(self, runtime: Runtime) -> None:
        self._accounts = runtime.service_accounts
        self._credentials = runtime.credentials
        self._clock = runtime.clock

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for path in ("/token", "/oauth2/v4/token", "/o/oauth2/token"):
            router.add("POST", path, self.grant)
        for path in ("/tokeninfo", "/oauth2/v1/tokeninfo", "/oauth2/v3/tokeninfo"):
            for method in ("GET", "POST"):
                router.add(method, path, self.info)

    async def grant(self, request: Request) -> Response:
        """`POST /token` with `grant_type` jwt-bearer and an `assertion`."""
        try:
            fields = await _form(request)
            kind = fields.get("grant_type", "")
            if kind != _JWT_BEARER:
                return _refusal("unsupported_grant_type", f"Invalid grant_type: {kind[:80]}")
            issued, is_id_token = await self._accounts.exchange(fields.get("assertion", ""))
        except InvalidArgument as error:
            return _refusal("invalid_request", error.message)
        except (Unauthenticated, FailedPrecondition) as error:
            return _refusal("invalid_grant", error.message)
        if is_id_token:
            return json_response({"id_token": issued.text})
        return json_response({"access_token": issued.text, "expires_in": TOKEN_LIFE_S - 1, "token_type": "Bearer"})

    async def info(self, request: Request) -> Response:
        """`/tokeninfo?access_token=` or `?id_token=`: what a good token says."""
        fields = request.query_fields() | (await _form(request) if request.method == "POST" else {})
        text = fields.get("access_token") or fields.get("id_token") or ""
        try:
            token = await self._credentials.read(text)
        except HakobuneError as error:
            return _refusal("invalid_token", error.message)
        found: dict[str, object] = {
            "azp": token.subject,
            "aud": token.audience,
            "sub": token.subject,
            "exp": str(int(token.expires_s)),
            "expires_in": str(max(0, int(token.expires_s - self._clock.now_s()))),
        }
        if "@" in token.account:
            found |= {"email": token.account, "email_verified": "true"}
        return json_response(found | ({"scope": " ".join(token.scopes)} if token.scopes else {}))


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises InvalidArgument."""
    content = await request.content(_BODY_MAX_BYTES)
    try:
        pairs = parse_qsl(content.decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise InvalidArgument(f"The form cannot be read: {error}") from None
    return dict(pairs)


def _refusal(error: str, description: str) -> Response:
    return json_response({"error": error, "error_description": description}, 400)
