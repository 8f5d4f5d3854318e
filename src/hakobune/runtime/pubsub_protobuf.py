"""Schemas in Protocol Buffers, by protoc (of grpcio-tools, in a process of its own) and protobuf.

Source of the rules: https://cloud.google.com/pubsub/docs/schemas: one message type on the top level, no imports.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from hakobune.core.errors import FieldViolation, InvalidArgument, Unavailable
from hakobune.core.pubsub.model import Encoding

_FILE = "schema.proto"
_COMPILE_S = 20.0  # ours: it takes 0.3 s
_DEPTH = 100  # protobuf's own bound
_SHOWN_CHARACTERS = 500


def protobuf_checker(definition: str) -> Callable[[bytes, Encoding], str]:
    """What says why a message does not fit a definition. Raises InvalidArgument, Unavailable, ImportError."""
    if find_spec("grpc_tools") is None:
        raise ImportError("no protoc", name="grpc_tools")
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory

    files = descriptor_pb2.FileDescriptorSet.FromString(_compiled(definition))
    found = files.file[-1]
    if found.dependency:
        _refuse(f"imports are not allowed ({found.dependency[0]})")
    if len(found.message_type) != 1:
        _refuse(f"one message type is expected on the top level, and there are {len(found.message_type)}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(found)
    name = ".".join(part for part in (found.package, found.message_type[0].name) if part)
    kind: type[message.Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    def problem(data: bytes, encoding: Encoding) -> str:
        target = kind()
        try:
            if encoding is Encoding.JSON:
                if not data.lstrip().startswith(b"{"):
                    return "a JSON object is expected"
                json_format.Parse(data, target, descriptor_pool=pool, max_recursion_depth=_DEPTH)
            else:
                target.ParseFromString(data)
        except (json_format.ParseError, message.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return str(error)[:_SHOWN_CHARACTERS] or type(error).__name__
        return "" if target.IsInitialized() else "a required field is missing"

    return problem


def _compiled(definition: str) -> bytes:
    """The descriptors of a definition."""
    with tempfile.TemporaryDirectory(prefix="hakobune-schema-") as folder:
        Path(folder, _FILE).write_text(definition, encoding="utf-8")
        command = [sys.executable, "-I", "-m", "grpc_tools.protoc", "-I.", "--descriptor_set_out=found", _FILE]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_COMPILE_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"protoc took longer than {_COMPILE_S:g} s.") from error
        if done.returncode:
            told = [line for line in done.stderr.splitlines() if line.startswith(_FILE)]
            _refuse(" ".join(told)[:_SHOWN_CHARACTERS] or f"protoc ended with {done.returncode}")
        return Path(folder, "found").read_bytes()


def _refuse(problem: str) -> NoReturn:
    text = f"is no Protocol Buffers definition: {problem}"
    violation = FieldViolation(field="schema.definition", description=text)
    raise InvalidArgument(f"schema.definition: {text}.", violations=[violation])
