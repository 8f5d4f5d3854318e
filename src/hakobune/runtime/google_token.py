"""Credentials for Google's real APIs, if the user gives some: a command that prints an access token.

For example `gcloud auth print-access-token`. Nothing of Google's real services is ever called without it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

import anyio

from hakobune.core.errors import Unauthenticated
from hakobune.runtime.clock import Clock

_KEPT_S = 300.0  # tokens live for an hour; a changed login is seen soon
_TIMEOUT_S = 30.0
_TOKEN = re.compile(r"[!-~]+")  # what can stand in a header


class GoogleToken:
    """The token that the command prints, asked for again every few minutes."""

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._command = tuple(command)
        self._clock = clock
        self._token = ""
        self._asked_s = 0.0
        self._asking = anyio.Lock()

    async def token(self) -> str:
        """An access token. Raises Unauthenticated with what the command said."""
        async with self._asking:
            if not self._token or not 0.0 <= self._clock.now_s() - self._asked_s < _KEPT_S:
                self._token = await self._ask()
                self._asked_s = self._clock.now_s()
            return self._token

    async def _ask(self) -> str:
        """Run the command. It is killed when nobody waits for it any more."""
        try:
            with anyio.fail_after(_TIMEOUT_S):
                done = await anyio.run_process(self._command, stdin=subprocess.DEVNULL, check=False)
        except TimeoutError:
            raise Unauthenticated(f"google_token_command has not ended within {_TIMEOUT_S:g} s.") from None
        except OSError as error:
            raise Unauthenticated(f"google_token_command could not be run: {error}.") from error
        token = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode != 0 or not _TOKEN.fullmatch(token):
            said = done.stderr.decode("utf-8", "replace").strip()[:300]
            raise Unauthenticated(f"google_token_command gave no token (exit code {done.returncode}): {said}")
        return token
