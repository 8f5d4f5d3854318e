"""Traffic of services and instances of worker pools, divided among revisions: what flags change, how it is shown."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, list_at, number_at, text_at
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.services.subject import LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakobune.cli.flags import Arguments
    from hakobune.cli.services.subject import Subject

_WHOLE = 100


def change_shares(subject: Subject, resource: Document, arguments: Arguments) -> None:
    """Apply `--to-revisions`, `--to-latest` and the flags of tags. Raises UsageError, CommandError."""
    shares = [dict(as_dict(share)) for share in subject.declared(resource)]
    if arguments.switch("to-latest"):
        shares = _assigned(subject, shares, {LATEST: _WHOLE})
    given = arguments.pairs("to-revisions")
    if given:
        shares = _assigned(subject, shares, {key: _percent(key, text) for key, text in given.items()})
    tags = [f"{verb}-tags" for verb in ("set", "update", "remove", "clear")]
    if any(arguments.given(flag) for flag in tags):
        shares = _tagged(shares, arguments)
    if arguments.given("to-tags"):
        wanted = {tag: _percent(tag, text) for tag, text in arguments.pairs("to-tags").items()}
        shares = _assigned_to_tags(subject, shares, wanted)
    store_shares(subject, resource, shares)


def hold_back(subject: Subject, resource: Document) -> None:
    """`--no-traffic`: what goes to the latest revision goes on to the one that is the latest now."""
    ready = text_at(resource, "status", "latestReadyRevisionName")
    shares = [dict(as_dict(share)) for share in subject.declared(resource)]
    percents = _percents(shares)
    if ready and percents.get(LATEST, 0):
        percents[ready] = percents.get(ready, 0) + percents.pop(LATEST)
        shares = _assigned(subject, shares, percents)
    store_shares(subject, resource, shares)


def tag_latest(subject: Subject, resource: Document, tag: str) -> None:
    """`--tag`: the revision that is deployed now, and those that follow, under a name of their own."""
    shares = [dict(as_dict(share)) for share in subject.declared(resource)]
    shares = [share for share in shares if text_at(share, "tag") != tag]
    store_shares(subject, resource, [*shares, {"latestRevision": True, "tag": tag}])


def store_shares(subject: Subject, resource: Document, shares: Sequence[Document]) -> None:
    """Put the shares into the spec; one that gives everything to the latest revision stands for none."""
    spec = as_dict(resource["spec"])
    if not any(number_at(share, "percent") for share in shares):
        shares = [*shares, {"latestRevision": True, "percent": _WHOLE}]
    spec[subject.shares] = list(shares)


def key_of(share: object) -> str:
    """What a share goes to: the name of a revision, or LATEST."""
    return LATEST if as_dict(share).get("latestRevision") else text_at(share, "revisionName")


def latest_percent(subject: Subject, resource: Document) -> int:
    """What the latest revision has, by name or as the latest."""
    ready = text_at(resource, "status", "latestReadyRevisionName")
    shares = subject.current(resource)
    return sum(number_at(share, "percent") for share in shares if key_of(share) in (LATEST, ready))


def rows(subject: Subject, resource: Document) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(percentage, revision, [(tag, URL)]) of all that traffic or instances go to, as gcloud shows it."""
    declared, current = subject.declared(resource), subject.current(resource)
    ready = text_at(resource, "status", "latestReadyRevisionName") or "-"
    found: list[tuple[str, str, list[tuple[str, str]]]] = []
    keys = dict.fromkeys([key_of(share) for share in [*declared, *current]])
    for key in sorted(keys, key=lambda key: (key == LATEST, key)):
        wanted = sum(number_at(share, "percent") for share in declared if key_of(share) == key)
        now = [share for share in current if key_of(share) == key]
        percent = sum(number_at(share, "percent") for share in now)
        shown = f"{wanted}%" if wanted == percent else f"{wanted}%".ljust(4) + f" (currently {percent}%)"
        tags = sorted((text_at(share, "tag"), text_at(share, "url")) for share in now if text_at(share, "tag"))
        found.append((shown, f"LATEST (currently {ready})" if key == LATEST else key, tags))
    return found


def _percents(shares: Sequence[Document]) -> dict[str, int]:
    found: dict[str, int] = {}
    for share in shares:
        if number_at(share, "percent"):
            found[key_of(share)] = found.get(key_of(share), 0) + number_at(share, "percent")
    return found


def _percent(key: str, text: str) -> int:
    if not text.isdigit() or int(text) > _WHOLE:
        raise UsageError(f"argument --to-revisions: [{key}={text}]: the percentage must be from 0 to 100.")
    return int(text)


def _assigned(subject: Subject, shares: Sequence[Document], given: dict[str, int]) -> list[Document]:
    """Give each key its percentage; what is left is divided among the others, in the ratio that they had."""
    total = sum(given.values())
    if total > _WHOLE:
        raise CommandError(f"Over 100% of {subject.divided} is specified.")
    others = {key: percent for key, percent in _percents(shares).items() if key not in given}
    left = _WHOLE - total
    if left and not others:
        raise CommandError(
            f"Every target with {subject.divided} is updated but 100% of {subject.divided} has not been specified."
        )
    percents = {**given, **_divided(left, others)}
    tagged = [{name: value for name, value in share.items() if name != "percent"} for share in shares]
    kept = [share for share in tagged if text_at(share, "tag")]
    made = [{**_target(key), "percent": percent} for key, percent in percents.items() if percent]
    return [*made, *kept]


def _assigned_to_tags(subject: Subject, shares: Sequence[Document], given: dict[str, int]) -> list[Document]:
    keys: dict[str, int] = {}
    for tag, percent in given.items():
        found = next((share for share in shares if text_at(share, "tag") == tag), None)
        if found is None:
            raise CommandError(f"There is no tag [{tag}].")
        keys[key_of(found)] = keys.get(key_of(found), 0) + percent
    return _assigned(subject, shares, keys)


def _divided(total: int, parts: dict[str, int]) -> dict[str, int]:
    """`total` in the ratio of the parts, in whole numbers: the largest rests get one more."""
    whole = sum(parts.values())
    if not whole:
        return {}
    counts = {key: total * part // whole for key, part in parts.items()}
    order = sorted(parts, key=lambda key: (-(total * parts[key] % whole), key))
    for key in order[: total - sum(counts.values())]:
        counts[key] += 1
    return counts


def _tagged(shares: Sequence[Document], arguments: Arguments) -> list[Document]:
    everything = arguments.given("set-tags") or arguments.switch("clear-tags")
    wanted = {**arguments.pairs("set-tags"), **arguments.pairs("update-tags")}
    removed = {*arguments.words("remove-tags"), *wanted}
    kept: list[Document] = []
    for share in shares:
        tag = text_at(share, "tag")
        if tag and (everything or tag in removed):
            share = {name: value for name, value in share.items() if name not in ("tag", "url")}
            if not number_at(share, "percent"):
                continue
        kept.append(share)
    return [*kept, *({**_target(key), "tag": tag} for tag, key in wanted.items())]


def _target(key: str) -> Document:
    return {"latestRevision": True} if key == LATEST else {"revisionName": key}


def has_changes(arguments: Arguments) -> bool:
    """Whether any flag of this chapter is given."""
    names = ("to-revisions", "to-latest", "to-tags", "set-tags", "update-tags", "remove-tags", "clear-tags")
    return any(arguments.given(name) for name in names)


def listed(resource: Document, field: str) -> list[Document]:
    """The shares of a status, as `--format` sees them."""
    return [as_dict(share) for share in list_at(resource, "status", field)]
