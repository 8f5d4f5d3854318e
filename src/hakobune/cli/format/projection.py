"""A format expression as data: `table[box,title="Jobs"](name:label=JOB:sort=1, created.date("%Y"))`."""

from __future__ import annotations

from hakobune.cli.errors import CommandError
from hakobune.cli.format.keys import snake_case
from hakobune.cli.format.lexer import Key, Lexer

NAMES = (
    "config", "csv", "default", "diff", "disable", "flattened", "get", "json", "list", "multi", "none", "object",
    "table", "text", "value", "yaml",
)  # fmt: skip
_BY_COLUMN = ("table", "value", "csv", "get", "list")
_REFUSED = {"multi": "use table, json or yaml", "diff": "use yaml and diff(1)", "object": "use json"}
_ALIGNMENTS = ("left", "center", "right")


class Transform:
    """A call such as `.date("%Y", tz=UTC)`."""

    __slots__ = ("arguments", "name", "named")

    def __init__(self, name: str, arguments: list[str], named: dict[str, str]) -> None:
        self.name = name
        self.arguments = arguments
        self.named = named


class Column:
    """One projected key with its transforms and what follows its colons."""

    __slots__ = (
        "align",
        "is_labelled",
        "key",
        "label",
        "optional",
        "order",
        "reverse",
        "subformat",
        "transforms",
        "width",
        "wrap",
    )

    def __init__(self, key: Key, transforms: list[Transform]) -> None:
        self.key = key
        self.transforms = transforms
        self.label: str | None = None
        self.is_labelled = False  # by the expression itself, not by the key's name
        self.align = "left"
        self.optional = False
        self.order: int | None = None
        self.reverse = False
        self.subformat = ""
        self.width = 0
        self.wrap = False


class Format:
    """What a `--format` says. `columns` is None when no projection was written."""

    __slots__ = ("attributes", "columns", "name")

    def __init__(self, name: str, attributes: dict[str, str | bool], columns: list[Column] | None) -> None:
        self.name = name
        self.attributes = attributes
        self.columns = columns

    def text(self, name: str, default: str = "") -> str:
        """A printer attribute such as `separator="x"`; `\\n` and `\\t` are the characters they name."""
        found = self.attributes.get(name, default)
        return found.replace("\\n", "\n").replace("\\t", "\t") if isinstance(found, str) else default

    def has(self, name: str) -> bool:
        """Whether a printer attribute such as `box` is on."""
        return self.attributes.get(name, False) not in (False, "false")


def parse_format(text: str, default: str = "") -> Format:
    """Read a format expression. A format of the default's name without columns keeps the default's columns.

    Raises CommandError that shows where the expression is wrong.
    """
    lexer = Lexer(text)
    found = _one(lexer)
    while not lexer.is_at_end():
        following = _one(lexer)
        following.name = following.name or found.name
        found = following
    base = parse_format(default) if default else Format("", {}, None)
    found.name = found.name or base.name
    if found.name == "default":
        return base if base.name else Format("yaml", {}, None)
    if found.name not in (*NAMES, "export"):
        names = ", ".join(NAMES)
        raise CommandError(f"Format must be one of {names}; received [{found.name}].")
    if found.name in _REFUSED:
        raise CommandError(f"Format [{found.name}] is not available here: {_REFUSED[found.name]}.")
    if found.columns is None and found.name == base.name:
        found.columns = base.columns
        found.attributes = {**base.attributes, **found.attributes}
    elif found.name in _BY_COLUMN:
        _inherit(found.columns or [], base.columns or [])
    if found.name in ("table", "value", "csv", "get") and not found.columns:
        raise CommandError(f"Format [{found.name}] requires a non-empty projection: write {found.name}(foo, bar.baz).")
    return found


def aliases_of(default: str) -> dict[str, Key]:
    """The labels of a command's own table, as names of its keys: `--filter JOB=thumbs`, `--sort-by JOB`."""
    columns = parse_format(default).columns if default.startswith("table(") else None
    return {column.label: column.key for column in columns or [] if column.label}


def _inherit(columns: list[Column], defaults: list[Column]) -> None:
    """A column of the command's own table lends its label, and its transforms where there are none, to the same key in
    another format."""
    by_label = {column.label: column for column in defaults if column.label}
    by_key = {column.key: column for column in reversed(defaults)}
    for column in columns:
        own = by_label.get(str(column.key[0])) if len(column.key) == 1 else None
        own = own or by_key.get(column.key)
        if own is None or not own.key:
            continue
        column.key = own.key
        column.transforms = column.transforms or own.transforms
        if not column.is_labelled:
            column.label = own.label


def _one(lexer: Lexer) -> Format:
    lexer.skip_space()
    name = lexer.name() or ""
    attributes: dict[str, str | bool] = {}
    if lexer.take("["):
        attributes = _attributes(lexer)
    columns: list[Column] | None = None
    if lexer.take("("):
        columns = _columns(lexer)
    if lexer.take(":"):
        lexer.expect("(")
        _columns(lexer)  # aliases and sort orders of keys that are not printed: none of ours needs them
    if not name and not attributes and columns is None:
        raise lexer.error("Name expected")
    return Format(name, attributes, columns)


def _attributes(lexer: Lexer) -> dict[str, str | bool]:
    found: dict[str, str | bool] = {}
    while not lexer.take("]"):
        name = lexer.token("=,]")
        if name is None:
            raise lexer.error("More tokens expected" if lexer.is_at_end() else "Attribute expected")
        if lexer.take("="):
            found[name] = lexer.token(",]") or ""
        elif name.startswith("no-"):
            found[name] = True
            found[name[3:]] = False
        else:
            found[name] = True
        lexer.take(",")
    return found


def _columns(lexer: Lexer) -> list[Column]:
    found: list[Column] = []
    labels: dict[Key, str] = {}
    if lexer.take(")"):
        return found
    while True:
        if lexer.is_at_end():
            raise lexer.error("More tokens expected")
        column = _column(lexer)
        if column.label is None:
            same = labels.get(column.key) if column.key else None
            column.label = same or _heading(column, set(labels.values()))
        labels.setdefault(column.key, column.label)
        found.append(column)
        if not lexer.take(","):
            lexer.expect(")")
            return found


def _column(lexer: Lexer) -> Column:
    reverse = bool(lexer.take("~"))
    key = lexer.key()
    transforms: list[Transform] = []
    while lexer.peek("(") and key:
        lexer.take("(")
        name = key[-1]
        key = key[:-1] if not transforms else key
        if not isinstance(name, str):
            raise lexer.error("Transform name expected")
        transforms.append(_transform(name, lexer.arguments()))
        if not lexer.take("."):
            break
        following = lexer.name()
        if following is None or not lexer.peek("("):
            raise lexer.error("Transform expected")
        lexer.take("(")
        transforms.append(_transform(following, lexer.arguments()))
        while lexer.take("."):
            following = lexer.name()
            if following is None or not lexer.take("("):
                raise lexer.error("Transform expected")
            transforms.append(_transform(following, lexer.arguments()))
        break
    column = Column(key, transforms)
    column.reverse = reverse
    while lexer.take(":"):
        _key_attribute(lexer, column)
    return column


def _transform(name: str, words: list[str]) -> Transform:
    from hakobune.cli.format.transforms import check_name

    check_name(name)
    positional: list[str] = []
    named: dict[str, str] = {}
    for word in words:
        left, equals, right = word.partition("=")
        if equals and left.replace("_", "").isalpha():
            named[left] = right
        else:
            positional.append(word)
    return Transform(name, positional, named)


def _key_attribute(lexer: Lexer, column: Column) -> None:
    here = lexer.position
    name = lexer.token("=:,)", space=False) or ""
    value = (lexer.token(":,)", space=False) or "") if lexer.take("=") else None
    if name in ("optional", "reverse", "wrap", "no-optional", "no-reverse", "no-wrap"):
        setattr(column, name.removeprefix("no-"), not name.startswith("no-"))
        return
    if value is None:
        raise lexer.error("value expected", here)
    match name:
        case "label":
            column.label = value
            column.is_labelled = True
        case "align" if value in _ALIGNMENTS:
            column.align = value
        case "align":
            raise lexer.error("Unknown alignment", here)
        case "sort" | "width" if value.isdigit():
            setattr(column, "order" if name == "sort" else "width", int(value))
        case "sort" | "width":
            raise lexer.error("A number is expected", here)
        case "format":
            column.subformat = value
        case "alias":
            column.label = column.label
        case _:
            raise lexer.error("Unknown key attribute", here)


def _heading(column: Column, taken: set[str]) -> str:
    """`CREATION_TIMESTAMP` for `metadata.creationTimestamp`; parents are put before it while it is taken."""
    names = [part for part in column.key if isinstance(part, str)]
    if not names and column.transforms:
        names = [column.transforms[0].name, *column.transforms[0].arguments]
    heading = ""
    for name in reversed(names):
        part = snake_case(name).upper()
        heading = f"{part}_{heading}" if heading else part
        if heading not in taken:
            break
    return heading
