"""Preloaded interpreters: each forks the attempts of the lanes that agree in interpreter, modules and environment.

The other side is `preload`, which runs in the interpreter of the task. A forked attempt is a child of its zygote, so
the zygote waits for it and tells how it ended. When a zygote dies, its children become ours, and we wait ourselves.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from typing import Protocol

from hakobune.engines.process.attempt import STARTING, Attempt, Lane
from hakobune.engines.process.launch import CannotStartError, ExhaustedError, spawn
from hakobune.engines.process.loop import Loop
from hakobune.engines.process.strays import send
from hakobune.engines.process.wireformat import ATTEMPT_MARK, NOBODY

IDLE_S = 60.0  # a zygote without attempts is kept this long
_MARK_BYTES = 160  # room for the uid of an attempt in the environment that /proc shows
_PRELOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "preload.py")
_BOOT = (
    "import sys;f=sys.argv[1];g={'__name__':'hakobune_preload','__file__':f};"
    "exec(compile(open(f,'rb').read(),f,'exec'),g);g['main']()"
)
_PYTHON = re.compile(r"(python|pypy)[0-9.]*t?$")
_OUTPUT_BYTES_MAX = 4096  # of what modules print while they load: shown if that fails
_CHANNEL_FD = 3

_PLAIN_OPTIONS = frozenset("bBdEIOPqsSuv")
_VALUE_OPTIONS = frozenset("WX")


class WarmListener(Protocol):
    """Who is told about attempts that zygotes run."""

    def warm_started(self, attempt: Attempt, pid: int) -> None:
        """The attempt's process exists."""
        ...

    def warm_ended(self, attempt: Attempt, status: int, cpu_s: float, max_rss_bytes: int) -> None:
        """It ended with this wait status."""
        ...

    def warm_failed(self, attempt: Attempt, detail: str) -> None:
        """It could not be started."""
        ...

    def warm_orphaned(self, attempt: Attempt) -> None:
        """Its zygote died. `attempt.pid` may be a child of ours now, or nobody knows how it ended."""
        ...


class WarmPlan:
    """What the attempts of a lane need of a preloaded interpreter. Raises CannotStartError."""

    def __init__(self, lane: Lane) -> None:
        self.options, self.rest = split_command([os.fsdecode(word) for word in lane.argv])
        self.first_path = _first_path(self.rest)
        # Executions of one job share an interpreter: what tells them apart does not matter to modules.
        env = frozenset(
            (name, value)
            for name, value in lane.env.items()
            if not name.startswith(b"CLOUD_RUN_") and name != ATTEMPT_MARK.encode()
        )
        self.key = (tuple(self.options), self.first_path, lane.working_dir, lane.warm_modules, env)


class Zygote:
    """One preloaded interpreter."""

    def __init__(
        self,
        key: tuple[object, ...],
        env: dict[bytes, bytes],
        pid: int,
        channel: socket.socket,
        output_fd: int,
    ) -> None:
        self.key = key
        self.env = env
        self.pid = pid
        self.channel = channel
        self.output_fd = output_fd
        self.output = b""
        self.is_ready = False
        self.fault = ""  # what kept it from loading its modules
        self.attempts: dict[int, Attempt] = {}
        self.unsent: list[tuple[int, bytes, tuple[int, int]]] = []  # key, packet, descriptors: the channel is full
        self.is_write_wanted = False
        self.idle_since_s = 0.0


class Zygotes:
    """All preloaded interpreters of this supervisor."""

    def __init__(self, loop: Loop, listener: WarmListener) -> None:
        self._loop = loop
        self._listener = listener
        self._by_key: dict[tuple[object, ...], Zygote] = {}
        self._by_pid: dict[int, Zygote] = {}
        self._serial = 0

    def start(self, attempt: Attempt, program: bytes, env: dict[bytes, bytes], outputs: tuple[int, int]) -> int | None:
        """Ask for a fork, in the current directory. Takes the descriptors `outputs` over if it returns.
        Returns the pid of a zygote that was started for it, else None. Raises CannotStartError or ExhaustedError."""
        lane = attempt.lane
        if lane.warm_plan is None:
            lane.warm_plan = WarmPlan(lane)
        plan = lane.warm_plan
        new_pid = None
        key = (program, *plan.key)
        zygote = self._by_key.get(key)
        if zygote is None:
            zygote = self._spawn(key, lane, program, plan)
            new_pid = zygote.pid
        self._serial += 1
        work = {
            "key": self._serial,
            "argv": plan.rest,
            "cwd": os.fsdecode(os.getcwdb()),
            "set": {
                os.fsdecode(name): os.fsdecode(value) for name, value in env.items() if zygote.env.get(name) != value
            },
            "unset": [os.fsdecode(name) for name in zygote.env if name not in env],
        }
        zygote.attempts[self._serial] = attempt
        zygote.unsent.append((self._serial, json.dumps(work).encode(), outputs))
        zygote.idle_since_s = time.monotonic()
        self._send(zygote)
        return new_pid

    def is_zygote(self, pid: int) -> bool:
        """The process is one of ours."""
        return pid in self._by_pid

    def abandon(self, attempt: Attempt) -> None:
        """Kill the zygote that an attempt waits for: it does not fork in time."""
        for zygote in self._by_pid.values():
            if attempt in zygote.attempts.values():
                send(zygote.pid, signal.SIGKILL)

    def ended(self, pid: int) -> None:
        """A zygote was waited for: settle what it leaves."""
        zygote = self._by_pid.pop(pid)
        self._by_key.pop(zygote.key, None)
        while self._receive(zygote):
            pass
        self._read_output(zygote)
        if zygote.output_fd >= 0:
            self._loop.close(zygote.output_fd)
        self._loop.close(zygote.channel.detach())
        for _, _, outputs in zygote.unsent:
            _close(outputs)
        attempts = list(zygote.attempts.values())
        for attempt in attempts:
            if attempt.state != STARTING or zygote.is_ready:
                self._listener.warm_orphaned(attempt)
            else:
                self._listener.warm_failed(attempt, _fault_text(zygote, attempt))

    def retire_idle(self, now_s: float) -> None:
        """End zygotes that nobody has used for a while."""
        for zygote in self._by_pid.values():
            if zygote.attempts or not zygote.is_ready:
                zygote.idle_since_s = now_s
            elif now_s - zygote.idle_since_s > IDLE_S:
                send(zygote.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """The supervisor ends."""
        for pid in self._by_pid:
            send(pid, signal.SIGKILL)

    def _spawn(self, key: tuple[object, ...], lane: Lane, program: bytes, plan: WarmPlan) -> Zygote:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        output_read, output_write = os.pipe()
        os.set_blocking(output_read, False)
        setup = {
            "first_path": plan.first_path,
            "marks": {ATTEMPT_MARK: _MARK_BYTES},
            "modules": lane.warm_modules,
        }
        words = [lane.argv[0], *map(os.fsencode, [*plan.options, "-c", _BOOT, _PRELOAD, json.dumps(setup)])]
        env = {**lane.env, ATTEMPT_MARK.encode(): NOBODY.encode() * (_MARK_BYTES - 1)}
        try:
            redirections = ((output_write, 1), (output_write, 2), (theirs.fileno(), _CHANNEL_FD))
            pid = spawn(program, tuple(words), env, redirections)
        except (CannotStartError, ExhaustedError):
            os.close(output_read)
            ours.close()
            raise
        finally:
            os.close(output_write)
            theirs.close()
        zygote = Zygote(key, env, pid, ours, output_read)
        self._by_key[key] = self._by_pid[pid] = zygote
        self._loop.watch(ours.fileno(), lambda: self._exchange(zygote))
        self._loop.watch(output_read, lambda: self._read_output(zygote))
        return zygote

    def _exchange(self, zygote: Zygote) -> None:
        while self._receive(zygote):
            pass
        self._send(zygote)

    def _send(self, zygote: Zygote) -> None:
        while zygote.unsent:
            key, packet, outputs = zygote.unsent[0]
            try:
                socket.send_fds(zygote.channel, [packet], outputs)
            except BlockingIOError:
                break
            except (BrokenPipeError, ConnectionResetError):
                break  # it has died: `ended` comes
            except OSError as error:
                zygote.unsent.pop(0)
                _close(outputs)
                text = f"The preloaded interpreter cannot be given arguments and environment: {error.strerror}."
                self._listener.warm_failed(zygote.attempts.pop(key), text)
                continue
            zygote.unsent.pop(0)
            _close(outputs)
        if zygote.is_write_wanted != bool(zygote.unsent):
            zygote.is_write_wanted = bool(zygote.unsent)
            self._loop.want_to_write(zygote.channel.fileno(), is_wanted=zygote.is_write_wanted)

    def _receive(self, zygote: Zygote) -> bool:
        """Take one packet; False if there is none."""
        try:
            packet = zygote.channel.recv(65536)
        except ConnectionResetError:
            return True  # it died with work unread; what it had sent can be read after this error
        except BlockingIOError:
            return False
        if not packet:
            return False
        word, *values = json.loads(packet)
        if word == "ready":
            zygote.is_ready = True
        elif word == "broken":
            zygote.fault = values[0]
        elif word == "started":
            self._listener.warm_started(zygote.attempts[values[0]], values[1])
        elif word == "ended":
            self._listener.warm_ended(zygote.attempts.pop(values[0]), *values[1:])
        return True

    def _read_output(self, zygote: Zygote) -> None:
        if zygote.output_fd < 0:
            return
        try:
            data = os.read(zygote.output_fd, 65536)
        except BlockingIOError:
            return
        if data:
            zygote.output = (zygote.output + data)[-_OUTPUT_BYTES_MAX:]
        else:
            self._loop.close(zygote.output_fd)
            zygote.output_fd = -1


def split_command(argv: list[str]) -> tuple[list[str], list[str]]:
    """The interpreter's options, and what it is to run: -c CODE …, -m MODULE …, or SCRIPT …. Raises
    CannotStartError."""
    if not _PYTHON.match(os.path.basename(argv[0])):
        raise CannotStartError(
            f"A warm start needs a Python interpreter as the first word of the command, not {argv[0]!r}."
        )
    words = argv[1:]
    options: list[str] = []
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--check-hash-based-pycs" and words:
            options += [word, words.pop(0)]
            continue
        letters = word[1:]
        for place, letter in enumerate(letters):
            if letter in "cm":
                if place:
                    options.append("-" + letters[:place])
                value = letters[place + 1 :] or (words.pop(0) if words else "")
                if not value:
                    raise CannotStartError(f"The option -{letter} of the interpreter needs a value.")
                return options, ["-" + letter, value, *words]
            if letter in _VALUE_OPTIONS:
                options.append(word)
                if place == len(letters) - 1 and words:
                    options.append(words.pop(0))
                break
            if letter not in _PLAIN_OPTIONS:
                raise CannotStartError(f"A warm start does not know the option {word!r} of the interpreter.")
        else:
            options.append(word)
    if not words or words[0] == "-":
        raise CannotStartError("A warm start needs a script, -m MODULE or -c CODE after the interpreter.")
    return options, words


def _first_path(rest: list[str]) -> str:
    """What the interpreter puts first on sys.path, as seen from the current directory."""
    if rest[0] in ("-c", "-m"):
        return ""
    script = os.path.realpath(rest[0])
    return script if os.path.isdir(script) else os.path.dirname(script)


def _fault_text(zygote: Zygote, attempt: Attempt) -> str:
    modules = ", ".join(attempt.lane.warm_modules)
    said = zygote.fault or zygote.output.decode(errors="replace")
    return f"The modules for the warm start ({modules}) could not be loaded: {said.strip() or 'no reason was given'}"


def _close(outputs: tuple[int, int]) -> None:
    for fd in outputs:
        os.close(fd)
