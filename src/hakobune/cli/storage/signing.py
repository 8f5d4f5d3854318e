"""`storage sign-url`: URLs that work without credentials, for a while.

The form is version 4 of Cloud Storage's signing process (documentation, "Canonical requests"); the local issuer signs
for the account, as IAM Credentials does.
"""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import Arguments, Command, Flag, Positional
from hakobune.cli.run_api import quoted
from hakobune.cli.storage.api import StorageApi
from hakobune.cli.storage.expansion import Expansion
from hakobune.cli.storage.transport import Body, Transport
from hakobune.cli.storage.urls import CloudUrl, url_from_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_LONGEST_S = 7 * 86_400  # source: documentation, "Signed URLs"
_DEFAULT_S = 3_600
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default/email"
_VERBS = ("DELETE", "GET", "HEAD", "POST", "PUT")


def _sign_url(session: Session, arguments: Arguments) -> Iterator[Document]:
    duration_s = arguments.number("duration") if arguments.given("duration") else _DEFAULT_S
    if duration_s is None or not 0 < duration_s <= _LONGEST_S:
        raise CommandError("argument --duration: value must be between 1s and 7d", exit_code=2)
    verb = (arguments.text("http-verb") or "GET").upper()
    if verb not in _VERBS:
        raise CommandError(f"argument --http-verb: Invalid choice: '{verb}'. Valid choices are [{', '.join(_VERBS)}].")
    api = StorageApi(session)
    account = arguments.text("impersonate-service-account") or _default_account(api.transport)
    for url in _urls(arguments, Expansion(api)):
        now_s = time.time()
        path = f"/{quoted(url.bucket)}" + (f"/{quoted(url.name).replace('%2F', '/')}" if url.name else "")
        query = arguments.pairs("query-params") | ({"generation": url.generation} if url.generation else {})
        request = _Request(verb, path, query, arguments.pairs("headers"), session.client.url, account)
        expiration = datetime.fromtimestamp(now_s + duration_s, UTC)
        yield {
            "expiration": expiration.strftime("%Y-%m-%d %H:%M:%S"),
            "http_verb": verb,
            "resource": str(url),
            "signed_url": request.signed(api.transport, now_s, duration_s),
        }


def _urls(arguments: Arguments, expansion: Expansion) -> Iterator[CloudUrl]:
    for text in arguments.positionals["url"]:
        url = url_from_text(text)
        if not isinstance(url, CloudUrl):
            raise CommandError(f"sign-url only works for cloud URLs. Error for: {text}")
        if url.is_provider:
            raise CommandError("The sign-url command does not support provider-only URLs.")
        if url.is_wild:
            yield from (CloudUrl(entry.url.bucket, entry.url.name) for entry in expansion.entries(url))
        else:
            yield url


class _Request:
    """The request that a signed URL allows."""

    def __init__(
        self, verb: str, path: str, query: dict[str, str], headers: dict[str, str], root: str, account: str
    ) -> None:
        self._verb = verb
        self._path = path
        self._query = query
        self._root = root
        self._account = account
        self._headers = {name.lower(): value.strip() for name, value in headers.items()}
        self._headers["host"] = root.partition("://")[2]

    def signed(self, transport: Transport, now_s: float, duration_s: int) -> str:
        """The URL. Raises HttpError when the account cannot sign."""
        stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/auto/storage/goog4_request"
        names = ";".join(sorted(self._headers))
        query = self._query | {
            "x-goog-algorithm": "GOOG4-RSA-SHA256",
            "x-goog-credential": f"{self._account}/{scope}",
            "x-goog-date": stamp,
            "x-goog-expires": str(duration_s),
            "x-goog-signedheaders": names,
        }
        query_text = "&".join(f"{quoted(name)}={quoted(query[name])}" for name in sorted(query))
        header_lines = "".join(f"{name}:{self._headers[name]}\n" for name in sorted(self._headers))
        payload = self._headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
        canonical = f"{self._verb}\n{self._path}\n{query_text}\n{header_lines}\n{names}\n{payload}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = self._signature(transport, f"GOOG4-RSA-SHA256\n{stamp}\n{scope}\n{digest}")
        return f"{self._root}{self._path}?{query_text}&x-goog-signature={signature}"

    def _signature(self, transport: Transport, text: str) -> str:
        path = f"/v1/projects/-/serviceAccounts/{quoted(self._account)}:signBlob"
        answer = transport.json("POST", path, {"payload": base64.b64encode(text.encode()).decode("ascii")})
        return base64.b64decode(text_at(answer, "signedBlob")).hex()


def _default_account(transport: Transport) -> str:
    reply = transport.send("GET", _ACCOUNT, headers={"Metadata-Flavor": "Google"}, body=Body(0, ()))
    return reply.whole().decode("utf-8").strip()


SIGN_URL = Command(
    _sign_url,
    "Make URLs that let anybody do one thing with an object, or with a bucket, for a while. The local issuer signs.",
    positionals=[Positional("url", "Objects, buckets or patterns.", repeats=True)],
    flags=[
        Flag("--duration", "duration", "How long the URL works, at most 7d. Default 1h.", short="-d", at_least=1),
        Flag("--http-verb", "text", "What it allows: GET, PUT, HEAD, DELETE or POST. Default GET.", short="-m"),
        Flag("--headers", "map", "Headers that the request must have.", metavar="KEY=VALUE"),
        Flag("--query-params", "map", "Parameters that the request must have.", metavar="KEY=VALUE"),
        Flag("--impersonate-service-account", "text", "The account that signs; else the default one.",
             metavar="ACCOUNT"),
        Flag("--region", "text", "", hidden=True, short="-r", note="there is one machine"),
        Flag("--private-key-file", "text", "", hidden=True, refusal="the local issuer signs: name the account with"
             " --impersonate-service-account"),
        Flag("--private-key-password", "text", "", hidden=True, short="-p", refusal="the local issuer signs"),
    ],
    default_format="yaml",
    examples=[
        ("To read an object, for ten minutes:", "hakobune storage sign-url gs://media/a.mp4 -d 10m"),
        ("To upload one:", "hakobune storage sign-url gs://media/in/b.mp4 -m PUT --headers content-type=video/mp4"),
    ],
)  # fmt: skip
