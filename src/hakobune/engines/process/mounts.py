"""Files that one attempt alone sees: `python -m hakobune.engines.process.mounts PROGRAM ARGUMENT…`.

Stands in front of an attempt's program. It leaves the machine's mount namespace for one of its own, puts the files of
the variables `HAKOBUNE_MOUNTED_*` on memory file systems at their places, and becomes the program. Nothing is written
to a disk, and nobody else sees the files; they are gone with the attempt's last process. What else is on the machine
stays where it is.

A place that does not exist is made in the namespace alone: the folder above it is laid out anew on a memory file
system, with everything that is in it bound to where it was. (What the program adds to that very folder is gone with
the attempt, too.)
"""

from __future__ import annotations

import base64
import ctypes
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from hakobune.engines.process.launch import CannotStartError, find_program

VARIABLE = "HAKOBUNE_MOUNTED_"  # with a number: MODE:PLACE:PATH:BASE64, where PLACE has no colon and PATH is encoded
CANNOT_START = 126  # as a shell says that a command cannot be executed
NOT_FOUND = 127  # as a shell says that there is none
_ENTRIES_MAX = 2_000  # of a folder that must be laid out anew: each costs a mount
_FOLDER_MODE = 0o755

# linux/sched.h, linux/mount.h
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT = 0x1, 0x2, 0x4, 0x20
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000
# System calls that the C library may not have yet; their numbers are the same on every architecture.
_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT = 429, 430, 431, 432
_FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 1, 6
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedFile:
    """A file to be seen at `place`/`path`."""

    place: str  # an absolute path without a colon
    path: str  # relative to it
    mode: int
    content: bytes


def variables_of(files: Sequence[MountedFile]) -> dict[str, str]:
    """The variables that tell this module what to mount."""
    return {
        f"{VARIABLE}{number}": ":".join(
            (f"{file.mode:o}", file.place, _encoded(os.fsencode(file.path)), _encoded(file.content))
        )
        for number, file in enumerate(files)
    }


def files_of(env: Mapping[str, str]) -> list[MountedFile]:
    """What `variables_of` told."""
    found: list[MountedFile] = []
    for name, value in env.items():
        if name.startswith(VARIABLE):
            mode, place, path, content = value.split(":")
            decoded = os.fsdecode(base64.b64decode(path))
            found.append(MountedFile(place=place, path=decoded, mode=int(mode, 8), content=base64.b64decode(content)))
    return found


def mount(files: Sequence[MountedFile]) -> None:
    """Give this process a view of its own of the machine, with the files in it. Raises OSError."""
    folder = os.getcwd()
    _leave()
    places: dict[str, list[MountedFile]] = {}
    for file in files:
        places.setdefault(file.place, []).append(file)
    for place in sorted(places):
        _fill(place, places[place], folder)
    os.chdir(folder)


def _leave() -> None:
    """A mount namespace of this process alone; without the rights of root, in a user namespace."""
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWNS):
        _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    # What is mounted on the machine later is seen here, too; what is mounted here is not seen there.
    _call("mount", None, b"/", None, _MS_REC | _MS_SLAVE, None)


def _fill(place: str, files: Sequence[MountedFile], own: str) -> None:
    _make(PurePosixPath(place), own)
    target = os.fsencode(place)
    flags = _MS_NOSUID | _MS_NODEV
    _call("mount", b"tmpfs", target, b"tmpfs", flags, b"mode=0755")
    for file in files:
        path = os.path.join(place, file.path)
        os.makedirs(os.path.dirname(path), mode=_FOLDER_MODE, exist_ok=True)
        with open(path, "wb") as made:
            os.fchmod(made.fileno(), file.mode)
            made.write(file.content)
    _call("mount", b"tmpfs", target, b"tmpfs", flags | _MS_REMOUNT | _MS_RDONLY, b"mode=0755")


def _make(place: PurePosixPath, own: str) -> None:
    """Let the folder `place` be there, in this namespace alone."""
    missing = [path for path in (place, *place.parents) if not os.path.isdir(path)]
    if not missing:
        return
    folder = os.fspath(missing[-1].parent)
    # The attempt's own directory is not laid out anew: what the program writes into it shall stay there.
    if not os.path.samefile(folder, own):
        _lay_out(folder)
    os.makedirs(place, mode=_FOLDER_MODE)


def _lay_out(folder: str) -> None:
    """Put a memory file system over a folder, with all that is in it."""
    old = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    mode = stat.S_IMODE(os.fstat(old).st_mode)
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    if len(found) > _ENTRIES_MAX:
        raise OSError(f"{folder} holds more than {_ENTRIES_MAX} entries: make the folder there yourself")
    new = _memory(mode)
    _system(_MOVE_MOUNT, new, b"", _AT_FDCWD, os.fsencode(folder), _MOVE_MOUNT_F_EMPTY_PATH)
    for entry in found:
        # Through descriptors: the names lead to the new folder now, and /proc is still that of the old root.
        there, here = f"/proc/self/fd/{old}/{entry.name}", f"/proc/self/fd/{new}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(there), here)
            continue
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(here, _FOLDER_MODE)
        else:
            os.close(os.open(here, os.O_CREAT | os.O_WRONLY, _FOLDER_MODE))
        _call("mount", os.fsencode(there), os.fsencode(here), None, _MS_BIND | _MS_REC, None)
    if folder == "/":  # paths begin at the root of the process, which does not change by itself
        os.fchdir(new)
        os.chroot(".")
    os.close(old)
    os.close(new)


def _memory(mode: int) -> int:
    """A memory file system that is nowhere yet, as a descriptor."""
    maker = _system(_FSOPEN, b"tmpfs", 1)  # FSOPEN_CLOEXEC
    _system(_FSCONFIG, maker, _FSCONFIG_SET_STRING, b"mode", f"{mode:o}".encode(), 0)
    _system(_FSCONFIG, maker, _FSCONFIG_CMD_CREATE, None, None, 0)
    made = _system(_FSMOUNT, maker, 1, _MS_NOSUID | _MS_NODEV)  # FSMOUNT_CLOEXEC
    os.close(maker)
    return made


def _call(name: str, *arguments: object) -> int:
    ctypes.set_errno(0)
    result: int = getattr(_libc, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _system(number: int, *arguments: object) -> int:
    return _call("syscall", ctypes.c_long(number), *arguments)


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _refuse(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _environment() -> dict[bytes, bytes]:
    """The variables as they were given: the interpreter adds LC_CTYPE to its own where the locale is C."""
    with open("/proc/self/environ", "rb") as file:
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs if not name.startswith(VARIABLE.encode())}


def main(argv: Sequence[str]) -> int:
    """Becomes the program; returns an exit code only if it cannot."""
    files = files_of(os.environ)
    env = _environment()
    try:
        mount(files)
    except OSError as error:
        return _refuse(
            f"The files of this job cannot be mounted at {', '.join(sorted({file.place for file in files}))}: {error}. "
            "It takes the rights of root, or user namespaces (sysctl user.max_user_namespaces, "
            "kernel.unprivileged_userns_clone); or give the secrets as environment variables.",
            CANNOT_START,
        )
    try:
        program = find_program(os.fsencode(argv[0]), env.get(b"PATH"))
        os.execve(program, [os.fsencode(word) for word in argv], env)  # noqa: S606 - it is what this is for
    except CannotStartError as error:
        return _refuse(str(error), NOT_FOUND)
    except OSError as error:
        return _refuse(f"{argv[0]!r} cannot be started: {error.strerror}.", CANNOT_START)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
