"""YAML for people: block style, sorted keys, texts with line breaks as literal blocks. PyYAML loads only here.

Texts that YAML 1.1 or YAML 1.2 would read as something else (`yes`, `1e3`, `0o17`) are quoted, so that every reader
gets texts; gcloud quotes by 1.2 only.
"""

from __future__ import annotations

import io
import re

import yaml

from hakobune.cli.document import is_dict, is_list
from hakobune.cli.format.transforms_of_quantities import float_text

_WIDTH = 80
# What the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) reads as a number and 1.1 does not.
_NUMBER_1_2 = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z|0o[0-7]+\Z")


class _Dumper(yaml.SafeDumper):
    """SafeDumper with our styles for texts and numbers."""

    def ignore_aliases(self, data: object) -> bool:
        """Write repeated values in full."""
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    del dumper
    style = "|" if "\n" in text else "'" if _NUMBER_1_2.match(text) else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


def _number(dumper: _Dumper, number: float) -> yaml.Node:
    del dumper
    return yaml.ScalarNode("tag:yaml.org,2002:float", float_text(number))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def yaml_of(value: object, *, null: str = "") -> str:
    """`value` as one YAML document, without a marker at its start; `null` stands for what is null."""
    stream = io.StringIO()
    shown = _with_null(value, null) if null else value
    yaml.dump(shown, stream, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=True, width=_WIDTH)
    return stream.getvalue().removesuffix("...\n")


def _with_null(value: object, null: str) -> object:
    if is_dict(value):
        return {key: _with_null(item, null) for key, item in value.items()}
    if is_list(value):
        return [_with_null(item, null) for item in value]
    return null if value is None else value
