"""Finding an attempt's program, starting it, and saying why it could not be started."""

from __future__ import annotations

import errno
import os
import signal
import stat

_CAUSES_OF_EXHAUSTION = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
# What Python and the supervisor ignore; a program starts with the default action of every signal.
_RESET_SIGNALS = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP)
_FIRST_LINE_BYTES = 256  # the kernel reads no more of a #! line (linux: BINPRM_BUF_SIZE)


class CannotStartError(Exception):
    """The program cannot be started as declared. The text is for the user."""


class ExhaustedError(Exception):
    """The machine has no room for another process now. The text is for the user."""


def enter(directory: bytes) -> None:
    """Make `directory` the current one, for the next spawn. Raises CannotStartError."""
    try:
        os.chdir(directory)
    except OSError as error:
        shown = os.fsdecode(directory)
        if error.errno == errno.ENOENT:
            raise CannotStartError(f"The working directory {shown!r} does not exist.") from error
        if error.errno == errno.ENOTDIR:
            raise CannotStartError(f"The working directory {shown!r} is not a directory.") from error
        raise CannotStartError(f"The working directory {shown!r} cannot be entered: {error.strerror}.") from error


def find_program(name: bytes, path: bytes | None) -> bytes:
    """The file that `name` stands for: itself if it has a slash, else the first executable file on `path`.
    Raises CannotStartError."""
    if not name:
        raise CannotStartError("The command is empty.")
    if b"/" in name:
        return name
    if not path:
        raise CannotStartError(f"{os.fsdecode(name)!r} was not found: PATH is empty.")
    refused: bytes | None = None
    for folder in path.split(b":"):
        candidate = os.path.join(folder or b".", name)
        try:
            mode = os.stat(candidate).st_mode
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(mode) and os.access(candidate, os.X_OK, effective_ids=True):
            return candidate
        if stat.S_ISREG(mode):
            refused = refused or candidate
    if refused is not None:
        raise CannotStartError(f"{os.fsdecode(refused)!r} is not executable (chmod +x would make it so).")
    raise CannotStartError(f"{os.fsdecode(name)!r} was not found on PATH ({os.fsdecode(path)}).")


def spawn(
    program: bytes, argv: tuple[bytes, ...], env: dict[bytes, bytes], redirections: tuple[tuple[int, int], ...]
) -> int:
    """Start a program in a session of its own, in the current directory; its pid. `redirections` are pairs
    (descriptor here, descriptor there). Raises CannotStartError or ExhaustedError."""
    try:
        return os.posix_spawn(
            program,
            argv,
            env,
            file_actions=[(os.POSIX_SPAWN_DUP2, here, there) for here, there in redirections],
            setsid=True,
            setsigmask=(),
            setsigdef=_RESET_SIGNALS,
        )
    except OSError as error:
        if error.errno in _CAUSES_OF_EXHAUSTION:
            raise ExhaustedError(f"The machine cannot start another process: {error.strerror}.") from error
        raise CannotStartError(_reason(error, program)) from error
    except ValueError as error:
        raise CannotStartError(f"An argument or a variable of the command is not valid: {error}.") from error


def _reason(error: OSError, program: bytes) -> str:
    shown = repr(os.fsdecode(program))
    try:
        mode: int | None = os.stat(program).st_mode
    except OSError:
        mode = None
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        if mode is None:
            return f"{shown} does not exist."
        interpreter = _interpreter(program)
        if interpreter is not None:
            return f"{shown} cannot be started: its interpreter {interpreter!r} (first line, #!) does not exist."
        return f"{shown} cannot be started: the loader that it was linked for does not exist on this machine."
    if error.errno == errno.EACCES:
        if mode is not None and stat.S_ISDIR(mode):
            return f"{shown} is a directory."
        if mode is not None and not mode & 0o111:
            return f"{shown} is not executable (chmod +x would make it so)."
        interpreter = _interpreter(program)
        if interpreter is not None:
            return f"{shown} cannot be started: it or its interpreter {interpreter!r} may not be executed."
        return f"{shown} may not be executed: permission denied."
    if error.errno == errno.ENOEXEC:
        return f"{shown} cannot be started: exec format error (no #! line, or a program for another machine)."
    if error.errno == errno.E2BIG:
        return f"{shown} cannot be started: the argument list and the environment are too long for this machine."
    return f"{shown} cannot be started: {error.strerror}."


def _interpreter(program: bytes) -> str | None:
    """What the #! line of a script names."""
    try:
        with open(program, "rb") as file:
            first = file.readline(_FIRST_LINE_BYTES)
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    words = first[2:].split()
    # A carriage return at the end belongs to the name: files from Windows fail by it, and repr() shows it.
    if words and first.endswith(b"\r\n") and len(words) == 1:
        return os.fsdecode(words[0] + b"\r")
    return os.fsdecode(words[0]) if words else ""
