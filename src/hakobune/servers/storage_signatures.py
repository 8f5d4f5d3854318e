"""Signed URLs: whether the signature of a request holds."""

from __future__ import annotations

from hakobune.core.errors import FailedPrecondition
from hakobune.core.objects.names import RESERVED_BUCKETS
from hakobune.runtime.app import Runtime
from hakobune.runtime.settings import Auth
from hakobune.servers.http.messages import Request
from hakobune.wire.storage_v1_errors import XmlRefusal
from hakobune.wire.storage_v1_signatures import SignedRequest, is_signed_query, signed_url


def shows_signature(request: Request) -> bool:
    """Whether a request is one of a signed URL. Raises InvalidArgument."""
    if "ignature=" not in request.query:
        return False
    first = request.path.lstrip("/").partition("/")[0]
    is_possible = request.is_xml or first.lower() not in RESERVED_BUCKETS
    return is_possible and is_signed_query(request.query_fields())


class Signatures:
    """Checks what signed URLs say. A signature of an account that has keys here must be right; others are taken on
    trust, for as long as everybody may call anyway."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def signer(self, request: Request, raw_path: str) -> str:
        """The account that has signed a request; "" if it shows no signature, or one that is taken on trust. Raises
        XmlRefusal."""
        query = request.query_fields()
        if not is_signed_query(query):
            return ""
        signed = SignedRequest(
            method=request.method, raw_path=raw_path, raw_query=request.query, headers=request.headers
        )
        found = signed_url(signed, query, self._runtime.clock.now_s())
        credentials = self._runtime.credentials
        is_known = bool(await credentials.accounts.certificates(found.account))
        if not is_known and self._runtime.settings.auth is Auth.NONE:
            return ""
        for content in found.contents:
            if found.is_rsa and await credentials.verify_signature(found.account, content, found.signature):
                await self._check_enabled(found.account)
                return found.account
        raise XmlRefusal(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your Google secret "
            "key and signing method.",
        )

    async def _check_enabled(self, account: str) -> None:
        """Raises XmlRefusal: what a disabled account has signed opens nothing."""
        try:
            await self._runtime.credentials.accounts.check_enabled(account)
        except FailedPrecondition as error:
            raise XmlRefusal(403, "AccessDenied", error.message) from error
