"""Calls to the platform's public APIs, with what the environment names: the same on Hakobune and on Google Cloud.

Where: HAKOBUNE_URL if it is set, which the runtime gives to everything it starts; else Google's hosts. Who: the token
of the metadata server (GCE_METADATA_HOST, else metadata.google.internal). Source of the paths and fields:
https://cloud.google.com/compute/docs/metadata/querying-metadata.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import cast
from urllib.parse import SplitResult, urlsplit

from hakobune.sdk.errors import ApiRefused, ApiUnavailable, SdkError

Json = dict[str, object]

URL_VARIABLE = "HAKOBUNE_URL"
METADATA_VARIABLE = "GCE_METADATA_HOST"
PROJECT_VARIABLE = "GOOGLE_CLOUD_PROJECT"
REGION_VARIABLE = "GOOGLE_CLOUD_REGION"

_METADATA_HOST = "metadata.google.internal"
_TIMEOUT_S = 10.0  # our own APIs answer within that; so do Google's as a rule
_TOKEN_MARGIN_S = 60.0  # a token is renewed so long before its end
# "Come again later": https://cloud.google.com/apis/design/errors#error_retries, and what proxies answer.
_LATER = frozenset({408, 429, 500, 502, 503, 504})
_ANSWER_BYTES_MAX = 32 << 20  # a page of log entries has at most 10 MB; more than this is no answer of theirs


class Api(StrEnum):
    """The APIs that are called, by the first part of their host."""

    RUN = "run"
    EXECUTIONS = "workflowexecutions"
    LOGGING = "logging"


class Platform:
    """The platform that this process runs on, or talks to. Safe to use from many threads."""

    def __init__(
        self, environ: Mapping[str, str] = os.environ, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._environ = environ
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._token, self._token_until = "", 0.0
        self._project, self._location = "", ""

    def call(
        self,
        api: Api,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """The answer of one call. `path` begins with `/` and its parts are quoted.

        Raises ApiUnavailable (unknown what became of it, or to be tried later), ApiRefused.
        """
        base = urlsplit(self._environ.get(URL_VARIABLE) or f"https://{api.value}.googleapis.com")
        sent = {"Accept": "application/json", **(headers or {})}
        if token := self._access_token():
            sent["Authorization"] = f"Bearer {token}"
        content = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        status, answer = _exchange(base, method, base.path.rstrip("/") + path, content, sent)
        if status in _LATER:
            raise ApiUnavailable(f"{method} {path.partition('?')[0]} was answered {status}: {_message(answer)}")
        if not 200 <= status < 300:
            raise ApiRefused(status, _message(answer))
        return _object(answer, path)

    def project(self) -> str:
        """The project of the environment, else of the metadata server. Raises ApiUnavailable, ApiRefused."""
        if not self._project:
            self._project = self._environ.get(PROJECT_VARIABLE) or self._metadata("project/project-id").decode()
        return self._project

    def location(self) -> str:
        """The region of the environment, else of the metadata server. Raises ApiUnavailable, ApiRefused."""
        if not self._location:
            named = self._environ.get(REGION_VARIABLE)
            self._location = named or self._metadata("instance/region").decode().rpartition("/")[2]
        return self._location

    def _access_token(self) -> str:
        if URL_VARIABLE in self._environ and METADATA_VARIABLE not in self._environ:
            return ""  # from a desk, to a runtime that asks for no token
        with self._guard:
            if self._monotonic() >= self._token_until:
                asked_at = self._monotonic()
                answer = _object(self._metadata("instance/service-accounts/default/token"), "the token")
                token, life_s = answer.get("access_token"), answer.get("expires_in")
                if not isinstance(token, str) or not isinstance(life_s, (int, float)):
                    raise ApiUnavailable("the metadata server answered without a token")
                self._token, self._token_until = token, asked_at + max(life_s - _TOKEN_MARGIN_S, 0.0)
            return self._token

    def _metadata(self, path: str) -> bytes:
        host = self._environ.get(METADATA_VARIABLE) or _METADATA_HOST
        whole = f"/computeMetadata/v1/{path}"
        try:
            status, answer = _exchange(urlsplit(f"http://{host}"), "GET", whole, None, {"Metadata-Flavor": "Google"})
        except ApiUnavailable as error:
            raise ApiUnavailable(
                f"{error}. Outside the platform set {URL_VARIABLE} to a runtime of your own (`hakobune env` prints it)"
            ) from error
        if status != 200:
            raise ApiUnavailable(f"the metadata server at {host} answered {status} for {path}")
        return answer


def _exchange(
    base: SplitResult, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
    if not base.hostname:
        raise SdkError(f"{URL_VARIABLE} must be an address such as http://127.0.0.1:8080")
    connection = kind(base.hostname, base.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body=content, headers=dict(headers))
        response = connection.getresponse()
        answer = response.read(_ANSWER_BYTES_MAX + 1)
    except (OSError, http.client.HTTPException) as error:
        raise ApiUnavailable(f"{base.netloc} did not answer: {error!r}") from error
    finally:
        connection.close()
    if len(answer) > _ANSWER_BYTES_MAX:
        raise ApiUnavailable(f"{base.netloc} answered more than {_ANSWER_BYTES_MAX} bytes")
    return response.status, answer


def _object(answer: bytes, what: str) -> Json:
    try:
        found: object = json.loads(answer)
    except ValueError as error:
        raise ApiUnavailable(f"the answer for {what} is no JSON: {answer[:80]!r}") from error
    if not isinstance(found, dict):
        raise ApiUnavailable(f"the answer for {what} is no JSON object: {answer[:80]!r}")
    return cast("Json", found)


def _message(answer: bytes) -> str:
    """What Google's error says (https://cloud.google.com/apis/design/errors#http_mapping), else the text itself."""
    try:
        found: object = json.loads(answer)
    except ValueError:
        return answer[:200].decode(errors="replace")
    match found:
        case {"error": {"message": str(message)}}:
            return message
        case _:
            return answer[:200].decode(errors="replace")
