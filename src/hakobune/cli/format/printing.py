"""From a command's answer to the text on stdout: flatten, filter, sort, limit, page, print."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from hakobune.cli.document import Document, as_dict, is_dict, is_list
from hakobune.cli.errors import CommandError
from hakobune.cli.format.keys import get, key_text, parse
from hakobune.cli.format.lexer import Key
from hakobune.cli.format.projection import Format, aliases_of, parse_format
from hakobune.cli.format.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import TypeIs

    from hakobune.cli.filter import Filter
    from hakobune.cli.flags import Arguments, Command
    from hakobune.cli.session import Session


class Printed:
    """An answer with a printer of its own for people, used unless `--format` says otherwise."""

    __slots__ = ("record", "text")

    def __init__(self, record: Record, text: Callable[[], str]) -> None:
        self.record = record
        self.text = text


def check(command: Command, arguments: Arguments) -> None:
    """Raises CommandError when `--format` or `--filter` cannot be read."""
    default = "" if command.default_format == "none" else command.default_format
    if arguments.text("format"):
        parse_format(arguments.text("format"), default)
    _Chosen(arguments, default)


def show(session: Session, command: Command, answer: object) -> None:
    """Print what a command answered, by `--format` or by the command's own format."""
    wanted = session.arguments.text("format")
    if isinstance(answer, Printed):
        if not wanted:
            session.console.answer(answer.text())
            return
        answer = answer.record
    single = isinstance(answer, Record | dict)
    default = "" if command.default_format == "none" else command.default_format
    form = parse_format(wanted, default) if wanted else parse_format(command.default_format)
    chosen = _Chosen(session.arguments, default)
    records = list(chosen.prepared(_records(answer)))
    for key in chosen.unseen:
        session.console.warn(f"The following filter keys were not present in any resource : {key}")
    if session.arguments.switch("uri"):
        session.console.answer("".join(f"{session.client.url}{record.uri}\n" for record in records))
    elif form.name in ("disable", "none"):
        return
    elif not records and not single:
        session.console.say("Listed 0 items.") if form.name != "json" else session.console.answer("[]\n")
    else:
        for index, page in enumerate(_pages(form, records, session.arguments.number("page-size"))):
            session.console.answer(rendered(form, page, single=single, first=index == 0))


def rendered(form: Format, records: list[Record], *, single: bool, first: bool = True) -> str:
    """Records as text in a format."""
    match form.name:
        case "table":
            from hakobune.cli.format.table import table

            return table(form, records)
        case "value" | "csv" | "get":
            from hakobune.cli.format.delimited import delimited

            return delimited(form, records, first=first)
        case _:
            return _structured(form, records, single=single)


def _structured(form: Format, records: list[Record], *, single: bool) -> str:
    from hakobune.cli.format import structured

    match form.name:
        case "json":
            return structured.json_text(form, records, single=single)
        case "yaml" | "export":
            return structured.yaml_text(form, records, single=single)
        case "flattened" | "text":
            return structured.flattened_text(form, records, single=single)
        case "config":
            return structured.config_text(form, records)
        case "list":
            return structured.list_text(form, records)
        case _:
            raise CommandError(f"Format [{form.name}] is not available here: use json, yaml, table, value or csv.")


def _records(answer: object) -> Iterator[Record]:
    if isinstance(answer, Record):
        yield answer
    elif is_dict(answer):
        yield Record(as_dict(answer))
    elif _is_iterable(answer):
        for item in answer:
            yield item if isinstance(item, Record) else Record(as_dict(item))
    else:
        raise TypeError(f"a command answered {type(answer).__name__}")


def _is_iterable(answer: object) -> TypeIs[Iterable[object]]:
    return isinstance(answer, Iterable)


class _Chosen:
    """Which records are printed, and in which order: `--flatten`, `--filter`, `--sort-by`, `--limit`."""

    def __init__(self, arguments: Arguments, default: str) -> None:
        self._arguments = arguments
        self._aliases = aliases_of(default) if arguments.text("filter") or arguments.words("sort-by") else {}
        self._filter: Filter | None = None
        if arguments.text("filter"):
            from hakobune.cli.filter import compile_filter

            self._filter = compile_filter(arguments.text("filter"), self._aliases)

    @property
    def unseen(self) -> list[str]:
        """The keys of the filter that no record had."""
        return [] if self._filter is None else [key_text(key) for key in self._filter.unseen]

    def prepared(self, records: Iterator[Record]) -> Iterable[Record]:
        """The chosen records, reading no more than is needed."""
        for text in self._arguments.words("flatten"):
            records = _flattened(records, text)
        holds = self._filter
        if holds is not None:
            records = (record for record in records if holds(record.names))
        found: Iterable[Record] = records
        if self._arguments.words("sort-by"):
            found = self._sorted(list(records), self._arguments.words("sort-by"))
        limit = self._arguments.number("limit")
        if limit is not None:
            from itertools import islice

            found = islice(found, limit)
        return found

    def _sorted(self, records: list[Record], fields: list[str]) -> list[Record]:
        for field in reversed(fields):
            name = field.lstrip("~")
            key = self._aliases.get(name) or parse(name)
            records.sort(key=partial(_order_at, key), reverse=field.startswith("~"))
        return records


def _flattened(records: Iterator[Record], text: str) -> Iterator[Record]:
    """One record for each item of the list at the key, with the item in the place of the list."""
    key = parse(text.removesuffix("[]"))
    for record in records:
        items = get(record.names, key)
        if not is_list(items) or not items:
            yield record
            continue
        for item in items:
            yield Record(_with(record.document, key, item), _with(record.names, key, item), record.uri)


def _with(document: Document, key: Key, item: object) -> Document:
    """A copy of the document in which `item` stands at `key`."""
    first, *rest = key
    copy = dict(document)
    if isinstance(first, str):
        copy[first] = _with(as_dict(document.get(first)), tuple(rest), item) if rest else item
    return copy


def _order_at(key: Key, record: Record) -> tuple[float, str]:
    return _order(get(record.names, key))


def _order(value: object) -> tuple[float, str]:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("inf")
    return number, "" if value is None else str(value)


def _pages(form: Format, records: list[Record], size: int | None) -> list[list[Record]]:
    if size is None or form.name != "table":
        return [records]
    return [records[start : start + size] for start in range(0, len(records), size)]
