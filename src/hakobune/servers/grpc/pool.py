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

from hakobune.servers.grpc.messages import PACKAGES
from hakobune.servers.grpc.package import Package

# Modules of protobuf and of googleapis-common-protos; what they build on comes with them.
_LIBRARY = (
    "google.api.launch_stage_pb2",
    "google.cloud.location.locations_pb2",
    "google.longrunning.operations_pb2",
    "google.protobuf.any_pb2",
    "google.protobuf.duration_pb2",
    "google.protobuf.empty_pb2",
    "google.protobuf.field_mask_pb2",
    "google.protobuf.struct_pb2",
    "google.protobuf.timestamp_pb2",
    "google.rpc.code_pb2",
    "google.rpc.error_details_pb2",
    "google.rpc.status_pb2",
    "google.type.expr_pb2",
)
_LIBRARY_ENUMS = frozenset({"google.api.LaunchStage", "google.rpc.Code"})
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bool": _Field.TYPE_BOOL,
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
        oneofs = dict.fromkeys(oneof for text in fields if (oneof := _oneof(text)))
        for oneof in sorted(oneofs, key=lambda oneof: oneof.startswith("_")):  # protobuf has those of `optional` last
            message.oneof_decl.add(name=oneof)
        for text in fields:
            _add_field(message, f".{package.name}.{name}", text, package)
    for name, values in package.enums.items():
        outer, _, last = name.rpartition(".")
        enum = places[outer].enum_type.add() if outer else file.enum_type.add()
        enum.name = last
        for place, value in enumerate(values):
            number, _, own_name = value.rpartition(" ")
            enum.value.add(name=own_name, number=int(number or place))
    return file


def _oneof(text: str) -> str:
    """The oneof that a field is in, "" if it is in none. Each `optional` field has one of its own."""
    _, name, form, *rest = text.split()
    return rest[0] if form == "oneof" else f"_{name}" if form == "optional" else ""


def _add_field(message: descriptor_pb2.DescriptorProto, owner: str, text: str, package: Package) -> None:
    number, name, *rest = text.split()
    kind = rest[-1]
    field = message.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
    if rest[0] in ("repeated", "map"):
        field.label = _Field.LABEL_REPEATED
    if oneof := _oneof(text):
        place = [declared.name for declared in message.oneof_decl].index(oneof)
        field.MergeFrom(_Field(oneof_index=place, proto3_optional=rest[0] == "optional"))
    if rest[0] == "map":
        value = _Field.TYPE_STRING if kind == "map" else _SCALARS.get(kind, _Field.TYPE_MESSAGE)
        entry = message.nested_type.add(
            name="".join(part.capitalize() for part in name.split("_")) + "Entry",
            options=descriptor_pb2.MessageOptions(map_entry=True),
        )
        for place, (part, scalar) in enumerate((("key", _Field.TYPE_STRING), ("value", value)), 1):
            entry.field.add(name=part, number=place, label=_Field.LABEL_OPTIONAL, type=scalar)
        if value == _Field.TYPE_MESSAGE:
            entry.field[1].type_name = f".{package.name}.{kind}"
        field.type, field.type_name = _Field.TYPE_MESSAGE, f"{owner}.{entry.name}"
    elif kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in package.enums:
        field.type, field.type_name = _Field.TYPE_ENUM, f".{package.name}.{kind}"
    else:
        full = kind if kind.startswith("google.") else f"{package.name}.{kind}"
        field.type = _Field.TYPE_ENUM if full in _LIBRARY_ENUMS else _Field.TYPE_MESSAGE
        field.type_name = f".{full}"
