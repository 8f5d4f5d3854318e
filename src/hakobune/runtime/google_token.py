"""Credentials for Google's real APIs, if the user gives some: a command that prints an access token.

For example `gcloud auth print-access-token`. Nothing of Google's real services is ever called without it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import anyio
import anyio.to_thread

from hakobune.core.errors import Unauthenticated
from hakobune.runtime.clock import Clock

_KEPT_S = 300.0  # tokens live for an hour; a changed login is seen soon
_TIMEOUT_S = 30.0


class GoogleToken:
    """The token that the command prints, asked for again every few minutes."""

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._command = tuple(command)
        self._clock = clock
        self._token = ""
        self._until_s = 0.0
        self._asking = anyio.Lock()

    async def token(self) -> str:
        """An access token. Raises Unauthenticated with what the command said."""
        async with self._asking:
            if self._clock.now_s() >= self._until_s:
                self._token = await anyio.to_thread.run_sync(self._ask)
                self._until_s = self._clock.now_s() + _KEPT_S
            return self._token

    def _ask(self) -> str:
        try:
            done = subprocess.run(self._command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unauthenticated(f"google_token_command could not be run: {error}") from error
        token = done.stdout.strip()
        if done.returncode != 0 or not token or any(character.isspace() for character in token):
            raise Unauthenticated(
                f"google_token_command gave no token (exit code {done.returncode}): {done.stderr.strip()[:300]}"
            )
        return token
