"""The tables of `messages` as classes of protobuf, in a pool of their own: Google's client libraries, which describe
the same messages, may be loaded into the same process."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from hakobune.servers.grpc.messages import PACKAGES, Package

# Modules of protobuf and of googleapis-common-protos; what they build on comes with them.
_LIBRARY = (
    "google.cloud.location.locations_pb2",
    "google.longrunning.operations_pb2",
    "google.protobuf.any_pb2",
    "google.protobuf.duration_pb2",
    "google.protobuf.empty_pb2",
    "google.protobuf.field_mask_pb2",
    "google.protobuf.timestamp_pb2",
    "google.rpc.error_details_pb2",
    "google.rpc.status_pb2",
    "google.type.expr_pb2",
)
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
}


@cache
def pool() -> DescriptorPool:
    """All messages that are spoken here. Made once: it takes some milliseconds."""
    made = DescriptorPool()
    seen: set[str] = set()
    for name in _LIBRARY:
        _add_library(made, cast("FileDescriptor", import_module(name).DESCRIPTOR), seen)
    for package in PACKAGES:
        made.AddSerializedFile(_file(package).SerializeToString())
    return made


@cache
def message_class(full_name: str) -> type[Message]:
    """The class of a message. Raises KeyError for one that is not in the tables."""
    return GetMessageClass(pool().FindMessageTypeByName(full_name))


def is_known(full_name: str) -> bool:
    """Whether a message is in the tables."""
    try:
        pool().FindMessageTypeByName(full_name)
    except KeyError:
        return False
    return True


def _add_library(made: DescriptorPool, file: FileDescriptor, seen: set[str]) -> None:
    if file.name in seen:
        return
    seen.add(file.name)
    for dependency in file.dependencies:
        _add_library(made, dependency, seen)
    made.AddSerializedFile(file.serialized_pb)


def _file(package: Package) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name=f"hakobune/{package.name.replace('.', '/')}.proto",
        package=package.name,
        dependency=package.imports,
        syntax="proto3",
    )
    places: dict[str, descriptor_pb2.DescriptorProto] = {}
    for name, fields in package.messages.items():  # what is nested stands behind what it is nested in
        outer, _, last = name.rpartition(".")
        message = places[outer].nested_type.add() if outer else file.message_type.add()
        message.name = last
        places[name] = message
        for text in fields:
            _add_field(message, f".{package.name}.{name}", text, package)
    for name, values in package.enums.items():
        outer, _, last = name.rpartition(".")
        enum = places[outer].enum_type.add() if outer else file.enum_type.add()
        enum.name = last
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    return file


def _add_field(message: descriptor_pb2.DescriptorProto, owner: str, text: str, package: Package) -> None:
    number, name, *rest = text.split()
    kind = rest[-1]
    field = message.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
    if rest[0] == "repeated" or kind == "map":
        field.label = _Field.LABEL_REPEATED
    if kind == "map":
        entry = message.nested_type.add(
            name="".join(part.capitalize() for part in name.split("_")) + "Entry",
            options=descriptor_pb2.MessageOptions(map_entry=True),
        )
        for place, part in enumerate(("key", "value"), 1):
            entry.field.add(name=part, number=place, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)
        field.type, field.type_name = _Field.TYPE_MESSAGE, f"{owner}.{entry.name}"
    elif kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in package.enums:
        field.type, field.type_name = _Field.TYPE_ENUM, f".{package.name}.{kind}"
    else:
        full = kind if kind.startswith("google.") else f"{package.name}.{kind}"
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{full}"
