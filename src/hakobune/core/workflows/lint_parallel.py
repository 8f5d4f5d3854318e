"""The rule about branches that write the same thing.

One entry of an `assign` is one indivisible unit: `total: ${total + n}` loses nothing. What reads in one entry and
writes in another does, and so does what writes the same variable or element without looking, unless all write the
same constant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hakobune.core.workflows.expr.nodes import Literal
from hakobune.core.workflows.expr.walk import names_read
from hakobune.core.workflows.lint_findings import Finding, LintRule, found
from hakobune.core.workflows.lint_sites import Site, assigned, names_in, reached
from hakobune.core.workflows.syntax import Constant, For, Parallel, Target, Template
from hakobune.core.workflows.values import deep_equal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    """A write to a shared variable: by which branch, to which element, with what."""

    site: Site
    branch: int
    target: Target
    value: Template | None

    @property
    def element(self) -> str:
        """The same text for the same element; an index that is not written in the source is like no other."""
        return self.target.text

    @property
    def reads_itself(self) -> bool:
        """Whether the entry reads what it writes, and so is one step from the old value to the new one."""
        return self.value is not None and self.target.name in names_in(self.value)


def parallel_findings(sites: Sequence[Site]) -> Iterator[Finding]:
    """What the rule finds in each parallel step."""
    for site in sites:
        if isinstance(site.body, Parallel):
            yield from _check(site, site.body, sites)


def _check(site: Site, parallel: Parallel, sites: Sequence[Site]) -> Iterator[Finding]:
    inside = [inner for inner in sites if any(step is parallel for step, _ in inner.threads)]
    shared = {name for name, _ in parallel.shared}
    writes: dict[str, list[_Write]] = defaultdict(list)
    for inner in inside:
        branch = next(number for step, number in inner.threads if step is parallel)
        for target, value in assigned(inner.body):
            if target.name in shared:
                write = _Write(site=inner, branch=branch, target=target, value=value)
                writes[write.element].append(write)
    is_loop = isinstance(parallel.work, For)
    own = _own_names(parallel, inside)
    made = {name: _made_of(name, inside) for name in {write.target.name for of in writes.values() for write in of}}
    for of_element in writes.values():
        if is_loop:
            risky = [write for write in of_element if not _is_apart(write, own)]
        else:
            risky = of_element if len({write.branch for write in of_element}) > 1 and _is_known(of_element[0]) else []
        yield from _first_race(site, risky, made, is_loop=is_loop)


def _own_names(parallel: Parallel, inside: Sequence[Site]) -> set[str]:
    """Names that each iteration has for itself: the variables of the loop, and what the body assigns unshared."""
    shared = {name for name, _ in parallel.shared}
    names = {target.name for site in inside for target, _ in assigned(site.body)} - shared
    if isinstance(parallel.work, For):
        names.add(parallel.work.value)
        if parallel.work.index is not None:
            names.add(parallel.work.index)
    return names


def _is_apart(write: _Write, own: set[str]) -> bool:
    """Whether each iteration writes an element of its own: the path depends on something that is its own."""
    return any(name.name in own for key in write.target.path for name in names_read(key))


def _is_known(write: _Write) -> bool:
    return all(isinstance(key, Literal) for key in write.target.path)


def _first_race(
    site: Site, writes: Sequence[_Write], made: Mapping[str, set[str]], *, is_loop: bool
) -> Iterator[Finding]:
    if _is_flag(writes):
        return
    for write in writes:
        if write.reads_itself:
            continue
        who = "iterations" if is_loop else "branches"
        if write.value is not None and names_in(write.value) & made[write.target.name]:
            message = f"'{write.element}' was read in an entry before: what other {who} wrote between is lost"
            remedy = f"read and write it in one entry: '{write.element}: ${{{write.element} + …}}'"
        else:
            message = f"several {who} write '{write.element}': the last one wins, and which one that is may change"
            remedy = "let each write an element of its own, such as results[i]"
        yield found(
            LintRule.PARALLEL_RACE,
            message,
            write.target.position,
            remedy=remedy,
            routine=site.routine.name,
            step=write.site.step.name,
        )
        return


def _is_flag(writes: Sequence[_Write]) -> bool:
    """Whether all write one and the same constant, such as `failed: true`: who comes last does not matter."""
    values = [write.value.value for write in writes if isinstance(write.value, Constant)]
    return len(values) == len(writes) and all(deep_equal(values[0], value) for value in values[1:])


def _made_of(name: str, inside: Sequence[Site]) -> set[str]:
    """The variables of the branches that are made from the value of a shared one."""
    flows = [
        (target.name, names_in(value))
        for site in inside
        for target, value in assigned(site.body)
        if value is not None and target.name != name
    ]
    return reached([name], flows) - {name}
