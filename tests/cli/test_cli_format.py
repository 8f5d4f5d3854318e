"""Format expressions: every printer, projections, transforms. What gcloud prints is compared in test_cli_gcloud.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hakobune.cli.errors import CommandError
from hakobune.cli.format.printing import rendered
from hakobune.cli.format.projection import parse_format
from hakobune.cli.format.records import Record

ONE: dict[str, Any] = {
    "metadata": {
        "name": "alpha",
        "labels": {"env": "prod", "team": "media x"},
        "annotations": {"run.googleapis.com/creator": "me@example.com"},
        "creationTimestamp": "2026-11-20T01:02:03.456789Z",
    },
    "spec": {
        "count": 10,
        "ratio": 0.5,
        "big": 123456789012,
        "flag": True,
        "none": None,
        "tags": ["a", "b", "c"],
        "empty": [],
        "size": 1536000,
        "url": "https://host/v1/projects/p1/zones/us-central1-a/instances/i-1",
        "containers": [{"image": "img:1", "env": [{"name": "A", "value": "x, y"}]}, {"image": "img:2"}],
    },
}
TWO: dict[str, Any] = {"metadata": {"name": "Beta Two"}, "spec": {"count": 9, "tags": []}}


def show(expression: str, *documents: dict[str, Any], single: bool = False) -> str:
    return rendered(parse_format(expression), [Record(document) for document in documents], single=single)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("value(metadata.name, spec.count)", "alpha\t10\n"),
        ("value(spec.tags)", "a;b;c\n"),
        ("value(metadata.labels)", "env=prod;team=media x\n"),
        ("value(metadata.annotations.'run.googleapis.com/creator')", "me@example.com\n"),
        ('value(metadata.annotations."run.googleapis.com/creator")', "me@example.com\n"),
        ("value(spec.containers[0].env[0].value)", "x, y\n"),
        ("value(spec.containers[-1].image)", "img:2\n"),
        ("value(spec.containers[].image)", "img:1;img:2\n"),
        ("value(spec.containers.image)", "img:1;img:2\n"),
        ("value(spec.containers[9].image,metadata.name)", "\talpha\n"),
        ("value(spec.flag,spec.ratio,spec.big,spec.none)", "True\t0.5\t123456789012\t\n"),
        ("value(metadata.creation_timestamp)", "2026-11-20T01:02:03.456789Z\n"),
        ('value[separator=";"](metadata.name,spec.count)', "alpha;10\n"),
        ('value[delimiter="|"](spec.tags)', "a|b|c\n"),
        ('value[terminator=" "](metadata.name)', "alpha "),
        ("get(metadata.name.upper())", "alpha\n"),
        ("csv(metadata.name:label=NAME,spec.containers[0].env[0].value:label=V)", 'name,v\nalpha,"x, y"\n'),
        ("csv[no-heading](metadata.name,spec.tags)", "alpha,a;b;c\n"),
        ("list(metadata.name,spec.count)", " - alpha\n   10\n"),
        ("list[compact,title=T](metadata.name,spec.count)", "T\n - alpha 10\n"),
        ("flattened(metadata.name,spec.tags[0])", "---\nname: alpha\ntags: a\n"),
        ("config(spec.tags,metadata.name)", "[metadata]\nname = alpha\n[spec.tags]\n0 = a\n1 = b\n2 = c\n"),
        ("yaml(metadata.labels)", "---\nmetadata:\n  labels:\n    env: prod\n    team: media x\n"),
        ("yaml(metadata.creationTimestamp)", "---\nmetadata:\n  creationTimestamp: '2026-11-20T01:02:03.456789Z'\n"),
    ],
)  # fmt: skip
def test_a_format_prints_one_record(expression: str, text: str) -> None:
    assert show(expression, ONE) == text


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        ("metadata.creationTimestamp.date()", "2026-11-20T01:02:03"),
        ('metadata.creationTimestamp.date("%Y-%m-%d %H:%M:%S %Z")', "2026-11-20 01:02:03 UTC"),
        ('metadata.creationTimestamp.date(format="%d.%m.%y %H", tz=Asia/Tokyo)', "20.11.26 10"),
        ("metadata.creationTimestamp.date(tz=No/Where)", ""),
        ("metadata.creationTimestamp.iso()", "2026-11-20T01:02:03.457+00:00"),
        ("spec.none.date()", ""),
        ("metadata.name.date()", ""),
        ("spec.url.basename()", "i-1"),
        ("spec.url.scope()", "us-central1-a/instances/i-1"),
        ("spec.url.scope(projects)", "p1/zones/us-central1-a/instances/i-1"),
        ("spec.url.segment(5)", "p1"),
        ("spec.url.segment(99)", ""),
        ("spec.tags.list()", "a,b,c"),
        ('spec.tags.join("-")', "a-b-c"),
        ("spec.tags.len()", "3"),
        ("spec.tags.count()", "{'a': 1, 'b': 1, 'c': 1}"),
        ("spec.tags.slice(1:)", "['b', 'c']"),
        ("spec.tags.slice(0)", "['a']"),
        ("spec.tags.map().upper().list()", "A,B,C"),
        ("metadata.labels.list()", "env=prod,team=media x"),
        ("metadata.labels.list(show=keys)", "env,team"),
        ("metadata.labels.list(show=values)", "prod,media x"),
        ("metadata.labels.flatten()", "env=prod,team=media x"),
        ("spec.containers.map().extract(image).list()", "['img:1'],['img:2']"),
        ("spec.size.size()", "1.5 MiB"),
        ("spec.size.size(units_out=K)", "1500.0"),
        ("spec.none.size()", "0"),
        ('spec.flag.yesno(yes="Y", no="N")', "Y"),
        ('spec.none.yesno(no="0")', "0"),
        ("spec.count.yesno()", "10"),
        ("metadata.name.upper()", "ALPHA"),
        ('metadata.name.sub("a","X")', "XlphX"),
        ("metadata.name.trailoff(4)", "a..."),
        ("metadata.name.encode(base64).decode(base64)", "alpha"),
        ("spec.firstof(none,count)", "10"),
        ('metadata.format("{0}/{1}",name,nope)', "alpha/"),
        ('spec.url.split("/").slice(-1).join(",")', "i-1"),
        ("spec.count.duration()", "PT10S"),
        ("spec.size.duration()", "P17DT18H40M"),
        ("duration(start=metadata.creationTimestamp,end=metadata.creationTimestamp)", "P0"),
        ("spec.ratio.float(precision=3)", "0.5"),
        ('spec.containers.filter("image:2").len()', "1"),
        ("spec.tags.notnull().sort().list()", "a,b,c"),
        ("metadata.name.always().lower()", "alpha"),
        ("spec.count.enum(x)", "10"),
        ('synthesize(n:metadata.name,k:="fixed").list()', "k=fixed,n=alpha"),
        ("metadata.name.color(red=alpha)", "alpha"),
    ],
)
def test_a_transform_turns_the_value(transform: str, text: str) -> None:
    assert show(f"table[no-heading]({transform}:label=X)", ONE).rstrip("\n") == text


def test_tables_align_sort_label_and_hide() -> None:
    assert show("table(metadata.name,spec.count)", ONE, TWO) == "NAME      COUNT\nalpha     10\nBeta Two  9\n"
    assert show("table(metadata.name:label=N:sort=1,spec.count)", ONE, TWO).splitlines()[1].startswith("Beta Two")
    assert show("table(metadata.name,spec.count:sort=1:reverse)", ONE, TWO).splitlines()[1] == "alpha     10"
    assert show("table(metadata.name:align=right)", ONE, TWO) == "    NAME\n   alpha\nBeta Two\n"
    assert show("table(metadata.name,spec.nope:optional)", ONE) == "NAME\nalpha\n"
    assert show("table[no-heading,pad=4](metadata.name,spec.count)", ONE) == "alpha    10\n"
    assert show("table(spec.image.name,metadata.name)", ONE).splitlines()[0] == "NAME  METADATA_NAME"


def test_tables_in_boxes() -> None:
    assert show('table[box,title="A long title"](metadata.name,spec.count)', ONE).splitlines()[1] == "│  A long title │"
    assert show("table[all-box](metadata.name)", ONE, TWO).splitlines() == [
        "┌──────────┐",
        "│   NAME   │",
        "├──────────┤",
        "│ alpha    │",
        "├──────────┤",
        "│ Beta Two │",
        "└──────────┘",
    ]


def test_wide_characters_take_two_columns() -> None:
    wide = {"a": "日本", "b": "x"}
    assert show("table(a,b)", wide, {"a": "abcde", "b": "y"}) == "A      B\n日本   x\nabcde  y\n"


def test_wrapped_columns_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    lines = show("table(a,b:wrap)", {"a": "x", "b": "many words that do not fit on a line"}).splitlines()
    assert all(len(line) <= 30 for line in lines)
    assert " ".join(line[3:] for line in lines[1:]) == "many words that do not fit on a line"


def test_json_sorts_keys_keeps_characters_and_knows_one_from_many() -> None:
    document = {"b": "日本語", "a": {"z": [], "y": 1}}
    assert (
        show("json", document, single=True) == json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )
    assert json.loads(show("json", document, TWO)) == [document, TWO]
    assert json.loads(show("json(spec.containers[0].image,metadata.name)", ONE, single=True)) == {
        "metadata": {"name": "alpha"},
        "spec": {"containers": [{"image": "img:1"}]},
    }
    assert json.loads(show("json(metadata.labels.list())", ONE, TWO)) == [
        {"metadata": {"labels": "env=prod,team=media x"}},
        None,
    ]


def test_yaml_quotes_what_any_reader_would_misread() -> None:
    import yaml

    texts = [
        "yes",
        "on",
        "1e3",
        "0o17",
        "0x1F",
        "1:30",
        "null",
        "~",
        "2026-01-02",
        "a: b",
        "- x",
        "",
        " x",
        "007",
        "=",
        ".5",
    ]
    document = {"texts": texts, "long": "word " * 40, "lines": "one\ntwo\n", "number": 0.1, "none": None, "off": False}
    text = show("yaml", document, single=True)
    assert yaml.safe_load(text) == document
    for risky in ("yes", "on", "1e3", "0o17"):
        assert f"- '{risky}'" in text
    assert "lines: |\n  one\n  two\n" in text
    assert show("yaml[null=nix](none)", document, single=True) == "none: nix\n"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("table(metadata.name", "More tokens expected [table(metadata.name *HERE*]"),
        ("table", "Format [table] requires a non-empty projection"),
        ("table()", "Format [table] requires a non-empty projection"),
        ("bogus(x)", "Format must be one of config, csv, default,"),
        ("multi(a:format=json)", "Format [multi] is not available here: use table, json or yaml."),
        ("table(a:foo=1)", "Unknown key attribute"),
        ("table(a:align=up)", "Unknown alignment"),
        ("table(a:sort=x)", "A number is expected"),
        ("table(a.nope())", "Unknown transform function [nope]"),
        ("value(a,)", "Key name expected [value(a, *HERE* )]"),
        ('value(a.date("%Y)', "Unterminated string"),
        ("table[box", "More tokens expected"),
        ("value(a..b)", "Key name expected"),
    ],
)
def test_a_broken_format_shows_where_it_is_broken(expression: str, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_format(expression)
    assert text in str(caught.value)


def test_a_format_without_columns_keeps_those_of_the_command() -> None:
    default = "table(metadata.name:label=JOB,spec.count)"
    assert [column.label for column in parse_format("table[box]", default).columns or []] == ["JOB", "COUNT"]
    assert parse_format("[no-heading]", default).has("no-heading")
    assert parse_format("json", default).columns is None
    assert parse_format("default", default).name == "table"
