"""The transforms of projections: what `.date(…)`, `.basename()`, `.list()` and the others turn a value into.

Each takes the value, positional arguments and named arguments, all texts. Sources: `gcloud topic projections`; results
were compared with gcloud 528. Times and sizes are in `transforms_of_quantities`.
"""

from __future__ import annotations

from hakobune.cli.document import as_dict, is_dict, is_list
from hakobune.cli.errors import CommandError
from hakobune.cli.format.keys import get, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    from hakobune.cli.format.projection import Transform

    Function = Callable[[object, list[str], dict[str, str]], object]

NAMES = frozenset((
    "always", "basename", "color", "count", "date", "decode", "duration", "encode", "enum", "extract",
    "filter", "firstof", "flatten", "float", "format", "iso", "join", "len", "list", "lower", "map",
    "notnull", "scope", "segment", "size", "slice", "sort", "split", "sub", "synthesize", "trailoff", "upper",
    "uri", "yesno",
))  # fmt: skip
_QUANTITIES = frozenset(("date", "duration", "float", "iso", "size"))


def check_name(name: str) -> None:
    """Raises CommandError when there is no transform of that name."""
    if name not in NAMES:
        raise CommandError(f"Unknown transform function [{name}]. There are: {', '.join(sorted(NAMES))}.")


def apply(transforms: Iterable[Transform], value: object) -> object:
    """`value` after all of `transforms`; `map(n)` lets the next one see the items instead of the list."""
    depth = 0
    for transform in transforms:
        if transform.name == "map":
            depth = int(_argument(transform.arguments, transform.named, 0, "depth", "1") or 1)
            continue
        value = _apply_at(depth, _function(transform.name), transform, value)
        depth = 0
    return value


def _apply_at(depth: int, function: Function, transform: Transform, value: object) -> object:
    if depth > 0:
        if is_dict(value):
            members = as_dict(value)
            return [_apply_at(depth - 1, function, transform, {"key": k, "value": members[k]}) for k in sorted(members)]
        if is_list(value):
            return [_apply_at(depth - 1, function, transform, item) for item in value]
        if value is None:
            return []
    return function(value, transform.arguments, transform.named)


def _function(name: str) -> Function:
    if name in _QUANTITIES:
        from hakobune.cli.format import transforms_of_quantities

        return transforms_of_quantities.FUNCTIONS[name]
    return _FUNCTIONS[name]


def _argument(arguments: list[str], named: dict[str, str], index: int, name: str, default: str) -> str:
    if name in named:
        return named[name]
    return arguments[index] if index < len(arguments) else default


def truth(text: str) -> bool:
    """Whether an argument such as `inverse=true` is on."""
    return text.lower() not in ("", "false", "0", "no")


def _always(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del arguments, named
    return value


def _basename(value: object, arguments: list[str], named: dict[str, str]) -> object:
    undefined = _argument(arguments, named, 0, "undefined", "")
    if not value:
        return undefined
    if is_list(value):
        return [_basename(item, [], {}) for item in value]
    return str(value).replace("\\", "/").rpartition("/")[2] or undefined


def _color(value: object, arguments: list[str], named: dict[str, str]) -> object:
    import re

    text = str(value)
    for index, colour in enumerate(("red", "yellow", "green", "blue")):
        pattern = _argument(arguments, named, index, colour, "")
        if pattern and re.search(pattern, text):
            return Painted(text, colour)
    return text


class Painted(str):
    """A text that a table shows in a colour on a terminal."""

    __slots__ = ("colour",)
    colour: str

    def __new__(cls, text: str, colour: str) -> Self:
        """`text`, to be shown in `colour`."""
        made = super().__new__(cls, text)
        made.colour = colour
        return made


def _count(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del arguments, named
    found: dict[str, object] = {}
    for item in value if isinstance(value, str) or is_list(value) else ():
        name = str(item)
        known = found.get(name)
        found[name] = (known if isinstance(known, int) else 0) + 1
    return found


def _decode(value: object, arguments: list[str], named: dict[str, str]) -> object:
    import base64
    import binascii

    undefined = _argument(arguments, named, 1, "undefined", "")
    encoding = _argument(arguments, named, 0, "encoding", "")
    if encoding in ("utf-8", "utf8"):  # as what was base64 has been read already
        return str(value) if value else undefined
    if encoding != "base64" or not value:
        return undefined
    try:
        return base64.urlsafe_b64decode(str(value)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return undefined


def _encode(value: object, arguments: list[str], named: dict[str, str]) -> object:
    import base64

    if _argument(arguments, named, 0, "encoding", "") == "base64":
        return base64.b64encode(str(value).encode()).decode("ascii")
    return str(value)


def _enum(value: object, arguments: list[str], named: dict[str, str]) -> object:
    """Descriptions of enums are not kept here: the value itself is the best name."""
    return value if value is not None else _argument(arguments, named, 2, "undefined", "")


def _extract(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del named
    return [found for found in (get(value, parse(key)) for key in arguments) if found]


def _filter(value: object, arguments: list[str], named: dict[str, str]) -> object:
    from hakobune.cli.filter import compile_filter

    if not value:
        return value
    holds = compile_filter(_argument(arguments, named, 0, "expression", ""))
    if is_list(value):
        return [item for item in value if holds(item)]
    return value if holds(value) else ""


def _firstof(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del named
    for key in arguments:
        found = get(value, parse(key))
        if found is not None:
            return found
    return ""


def _flatten(value: object, arguments: list[str], named: dict[str, str]) -> object:
    show = _argument(arguments, named, 0, "show", "")
    separator = _argument(arguments, named, 2, "separator", ",")
    undefined = _argument(arguments, named, 1, "undefined", "")
    return _flat(value, show, separator) if value else undefined


def _flat(value: object, show: str, separator: str) -> str:
    if is_dict(value):
        members = as_dict(value)
        if show == "keys":
            return separator.join(sorted(members))
        if show == "values":
            return separator.join(_flat(members[key], show, separator) for key in sorted(members))
        return separator.join(f"{key}={_flat(members[key], show, separator)}" for key in sorted(members))
    if is_list(value):
        return separator.join(_flat(item, show, separator) for item in value)
    return "" if value is None else str(value)


def _format(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del named
    if not arguments:
        return ""
    columns = [get(value, parse(key)) for key in arguments[1:]]
    try:
        return arguments[0].format(*["" if item is None else item for item in columns])
    except (IndexError, KeyError, ValueError) as error:
        raise CommandError(f"format({arguments[0]!r}) does not fit its arguments: {error}") from error


def _join(value: object, arguments: list[str], named: dict[str, str]) -> object:
    if not is_list(value):
        return _argument(arguments, named, 1, "undefined", "")
    joined = _argument(arguments, named, 0, "sep", "/").join(str(item) for item in value)
    return joined or _argument(arguments, named, 1, "undefined", "")


def _len(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del arguments, named
    return len(value) if isinstance(value, str) or is_list(value) or is_dict(value) else 0


def _list(value: object, arguments: list[str], named: dict[str, str]) -> object:
    show = _argument(arguments, named, 0, "show", "")
    separator = _argument(arguments, named, 2, "separator", ",")
    if is_dict(value):
        members = as_dict(value)
        if show == "keys":
            return separator.join(sorted(members))
        if show == "values":
            return separator.join(str(members[key]) for key in sorted(members))
        return separator.join(f"{key}={members[key]}" for key in sorted(members))
    if is_list(value) and value:
        return separator.join(str(item) for item in value)
    return value or _argument(arguments, named, 1, "undefined", "")


def _lower(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del arguments, named
    return str(value).lower() if value else ""


def _upper(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del arguments, named
    return str(value).upper() if value else ""


def _notnull(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del arguments, named
    items: list[object] = value if is_list(value) else []
    return [item for item in items if item]


def _scope(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del named
    if not value:
        return ""
    text = str(value)
    for name in arguments or ["regions", "zones"]:
        _, found, rest = text.partition(f"/{name}/")
        if found:
            return rest
        if name.startswith("//"):
            return text.partition(name)[2]
    return text.rpartition("/")[2] if "://" in text else text


def _segment(value: object, arguments: list[str], named: dict[str, str]) -> object:
    undefined = _argument(arguments, named, 1, "undefined", "")
    index = _argument(arguments, named, 0, "index", "-1")
    if not value or not index.lstrip("-").isdigit():
        return undefined
    parts = str(value).split("/")
    position = int(index)
    return (parts[position] if -len(parts) <= position < len(parts) else "") or undefined


def _slice(value: object, arguments: list[str], named: dict[str, str]) -> object:
    undefined = _argument(arguments, named, 1, "undefined", "")
    words = _argument(arguments, named, 0, "op", ":").split(":")
    if not all(word.strip().lstrip("-").isdigit() or not word for word in words):
        return undefined
    numbers = [int(word) if word.strip() else None for word in words]
    if len(numbers) == 1:
        position = numbers[0] if numbers[0] is not None else 0
        numbers = [position, position + 1 if position != -1 else None]
    chosen = slice(*numbers[:3])
    if isinstance(value, str):
        return value[chosen] or undefined
    return (value[chosen] if is_list(value) else []) or undefined


def _sort(value: object, arguments: list[str], named: dict[str, str]) -> object:
    if not is_list(value):
        return []
    attribute = _argument(arguments, named, 0, "attr", "")
    key = parse(attribute) if attribute else ()
    return sorted(value, key=lambda item: str(get(item, key)))


def _split(value: object, arguments: list[str], named: dict[str, str]) -> object:
    if not value:
        return _argument(arguments, named, 1, "undefined", "")
    return str(value).split(_argument(arguments, named, 0, "sep", "/")) if not is_list(value) else value


def _sub(value: object, arguments: list[str], named: dict[str, str]) -> object:
    import re

    pattern = _argument(arguments, named, 0, "pattern", "")
    count = int(_argument(arguments, named, 2, "count", "0") or 0)
    flags = re.IGNORECASE if truth(_argument(arguments, named, 3, "ignorecase", "true")) else re.NOFLAG
    try:
        return re.sub(
            pattern, _argument(arguments, named, 1, "replacement", ""), str(value or ""), count=count, flags=flags
        )
    except re.error as error:
        raise CommandError(f"sub({pattern!r}) is not a regular expression: {error}") from error


def _synthesize(value: object, arguments: list[str], named: dict[str, str]) -> object:
    del named
    found: dict[str, object] = {}
    for word in arguments:
        name, colon, key = word.partition(":")
        if not colon:
            inner = get(value, parse(name))
            found.update(as_dict(inner) if is_dict(inner) else {})
        elif key.startswith("="):
            found[name] = key[1:]
        else:
            found[name] = get(value, parse(key))
    return found


def _trailoff(value: object, arguments: list[str], named: dict[str, str]) -> object:
    limit = _argument(arguments, named, 0, "character_limit", "")
    if not limit.isdigit() or int(limit) < 4 or value is None:
        return _argument(arguments, named, 1, "undefined", "") if value is None else str(value)
    text = str(value)
    return text if len(text) <= int(limit) else text[: int(limit) - 3] + "..."


def _uri(value: object, arguments: list[str], named: dict[str, str]) -> object:
    undefined = _argument(arguments, named, 0, "undefined", ".")
    found = get(value, ("selfLink",)) or get(value, ("metadata", "selfLink")) if is_dict(value) else value
    return found if isinstance(found, str) and found else undefined


def _yesno(value: object, arguments: list[str], named: dict[str, str]) -> object:
    if value:
        yes = _argument(arguments, named, 0, "yes", "")
        return yes or value
    return _argument(arguments, named, 1, "no", "No")


_FUNCTIONS: dict[str, Function] = {
    "always": _always,
    "basename": _basename,
    "color": _color,
    "count": _count,
    "decode": _decode,
    "encode": _encode,
    "enum": _enum,
    "extract": _extract,
    "filter": _filter,
    "firstof": _firstof,
    "flatten": _flatten,
    "format": _format,
    "join": _join,
    "len": _len,
    "list": _list,
    "lower": _lower,
    "notnull": _notnull,
    "scope": _scope,
    "segment": _segment,
    "slice": _slice,
    "sort": _sort,
    "split": _split,
    "sub": _sub,
    "synthesize": _synthesize,
    "trailoff": _trailoff,
    "upper": _upper,
    "uri": _uri,
    "yesno": _yesno,
}
