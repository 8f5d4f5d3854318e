"""Makes the tables of Cloud Run's protobuf messages from the classes of the `google-cloud-run` package.

`python tools/make_grpc_messages.py` writes `src/hakobune/servers/grpc/run_messages.py`; `--check` only compares. A
table has names, numbers and types and nothing else. Its format is told in `servers/grpc/messages.py`. What is in it:
the requests and answers of the methods of `servers/grpc/methods.py`, the resources that operations carry, and all that
these are made of.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from google.cloud import run_v2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto

from hakobune.servers.grpc.methods import METHODS

TARGET = Path(__file__).resolve().parent.parent / "src/hakobune/servers/grpc/run_messages.py"
LIBRARY = "google-cloud-run"
PACKAGE = "google.cloud.run.v2"
CARRIED = ("Job", "Execution")  # by operations

SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
}
# The files of those types that other packages have.
IMPORTS = {
    "google.api.LaunchStage": "google/api/launch_stage.proto",
    "google.protobuf.Duration": "google/protobuf/duration.proto",
    "google.protobuf.FieldMask": "google/protobuf/field_mask.proto",
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.rpc.Status": "google/rpc/status.proto",
}

HEAD = '''"""The protobuf messages of Cloud Run: jobs, services, worker pools, and what is sent about them.

Made by tools/make_grpc_messages.py from {library} {version}; a test compares the two. Format: see `messages`.
"""

from __future__ import annotations

from hakobune.servers.grpc.package import Package

RUN = Package(
    name="{package}",
'''


def main() -> int:
    """Write or compare."""
    made = module()
    if "--check" not in sys.argv:
        TARGET.write_text(made, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") != made:
        print(f"{TARGET.name} is not as {LIBRARY} {version(LIBRARY)} says; run tools/make_grpc_messages.py")
        return 1
    return 0


def module() -> str:
    """The text of the module."""
    messages: dict[str, tuple[str, ...]] = {}
    enums: dict[str, tuple[str, ...]] = {}
    foreign: set[str] = set()
    for root in sorted(roots()):
        collect(descriptor_of(root), messages, enums, foreign)
    return "".join(
        [
            HEAD.format(library=LIBRARY, version=version(LIBRARY), package=PACKAGE),
            "    imports=(\n",
            *(f'        "{name}",\n' for name in sorted(IMPORTS[name] for name in foreign)),
            "    ),\n    messages={\n",
            *(rows(name, messages[name]) for name in sorted(messages)),
            "    },\n    enums={\n",
            *(rows(name, enums[name]) for name in sorted(enums)),
            "    },\n)\n",
        ]
    )


def roots() -> set[str]:
    """The messages that all others hang on, by their names within the package."""
    named = {name for method in METHODS.values() for name in (method.request, method.response)}
    return {name.removeprefix(f"{PACKAGE}.") for name in named if name.startswith(f"{PACKAGE}.")} | set(CARRIED)


def descriptor_of(name: str) -> Any:
    """What the library says of a message."""
    kind = getattr(run_v2, name)
    return kind.pb(kind()).DESCRIPTOR


def collect(
    descriptor: Any, messages: dict[str, tuple[str, ...]], enums: dict[str, tuple[str, ...]], foreign: set[str]
) -> None:
    """Note a message and all that its fields are made of."""
    name = within(descriptor.full_name)
    if name in messages:
        return
    proto = DescriptorProto()
    descriptor.CopyToProto(proto)
    messages[name] = tuple(fields(descriptor, proto))
    for field in descriptor.fields:
        kind = field.message_type or field.enum_type
        if kind is None or is_map(field):
            continue
        if not kind.full_name.startswith(f"{PACKAGE}."):
            foreign.add(kind.full_name)
        elif field.enum_type is not None:
            enums[within(kind.full_name)] = tuple(values(kind))
        else:
            if kind.containing_type is not None:  # what is nested stands behind what it is nested in
                collect(kind.containing_type, messages, enums, foreign)
            collect(kind, messages, enums, foreign)


def fields(descriptor: Any, proto: DescriptorProto) -> Iterator[str]:
    """The fields of a message, in the order of the library."""
    for field, said in zip(descriptor.fields, proto.field, strict=True):
        words = [str(field.number), field.name.rstrip("_")]  # the library avoids the names of Python
        if is_map(field):
            key, value = field.message_type.fields
            if (key.type, value.type) != (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_STRING):
                raise SystemExit(f"{descriptor.full_name}.{field.name}: a map that the tables cannot say")
            yield " ".join([*words, "map"])
            continue
        if field.is_repeated:
            words.append("repeated")
        elif said.proto3_optional:
            words.append("optional")
        elif field.containing_oneof is not None:
            words += ["oneof", field.containing_oneof.name]
        yield " ".join([*words, type_of(field)])


def is_map(field: Any) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def type_of(field: Any) -> str:
    """The type of a field."""
    kind = field.message_type or field.enum_type
    return SCALARS[field.type] if kind is None else within(kind.full_name)


def within(full_name: str) -> str:
    """The name within the package; the full name of what is of another one."""
    return full_name.removeprefix(f"{PACKAGE}.")


def values(enum: Any) -> Iterator[str]:
    """The values of an enum; a number only where it does not follow the one before."""
    for place, value in enumerate(enum.values):
        yield value.name if value.number == place else f"{value.number} {value.name}"


def rows(name: str, texts: tuple[str, ...]) -> str:
    """An entry, as `ruff format` has it."""
    quoted = [f'"{text}",' for text in texts]
    if len(quoted) < 2:
        return f'        "{name}": ({"".join(quoted)}),\n'
    return f'        "{name}": (\n' + "".join(f"            {text}\n" for text in quoted) + "        ),\n"


if __name__ == "__main__":
    sys.exit(main())
