"""What the nodes of a picture say: the gist of a step in a few short lines."""

from __future__ import annotations

import json
from typing import Final

from hakobune.core.workflows.syntax import (
    Assign,
    Call,
    Constant,
    Evaluated,
    For,
    ListTemplate,
    Parallel,
    Range,
    RetryBlock,
    Template,
)

TEXT_CHARACTERS: Final = 44  # of one line
_LINES = 4  # of one list


def shown(template: Template, limit: int = TEXT_CHARACTERS) -> str:
    """A value or an expression, shortened."""
    match template:
        case Evaluated():
            text = " ".join(template.text.split())
        case Constant():
            text = _constant(template)
        case ListTemplate():
            text = "[…]" if template.items else "[]"
        case _:
            text = "{…}" if template.entries else "{}"
    return short(text, limit)


def _constant(constant: Constant) -> str:
    value = constant.value
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return "[]" if isinstance(value, list) else "{}"


def short(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """At most so many characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def assign_lines(step: Assign) -> list[str]:
    """`x = …`, one line each."""
    lines = [short(f"{entry.target.text} = {shown(entry.value)}") for entry in step.entries[:_LINES]]
    left = len(step.entries) - len(lines)
    return [*lines, f"… and {left} more"] if left else lines


def call_lines(step: Call) -> list[str]:
    """The function, where it goes, and what becomes of its value."""
    lines = [short(f"call {step.function}")]
    named = dict(step.arguments.named or ())
    for key in ("url", "seconds", "text", "json", "data"):
        if key in named and len(lines) == 1:
            lines.append(short(f"{key}: {shown(named[key])}"))
    if step.result is not None:
        lines.append(short(f"→ {step.result.text}"))
    return lines


def loop_lines(step: For, parallel: Parallel | None = None) -> list[str]:
    """What is gone through."""
    over = step.over
    if not isinstance(over, Range):
        span = shown(over)
    elif isinstance(over.bounds, tuple):
        span = f"{shown(over.bounds[0], 16)} … {shown(over.bounds[1], 16)}"
    else:
        span = shown(over.bounds)
    names = step.value if step.index is None else f"{step.value}, {step.index}"
    lines = [short(f"for {names} in {span}")]
    return lines if parallel is None else [*lines, *parallel_lines(parallel)]


def parallel_lines(step: Parallel) -> list[str]:
    """How a `parallel` step works."""
    lines = ["in parallel"]
    if step.concurrency_limit is not None:
        lines[0] += f", at most {shown(step.concurrency_limit, 12)} at once"
    if step.shared:
        lines.append(short("shared: " + ", ".join(name for name, _ in step.shared)))
    return lines


def retry_lines(retry: RetryBlock | Evaluated | None) -> list[str]:
    """How often something is tried again."""
    if retry is None:
        return []
    if isinstance(retry, Evaluated):
        return [short(f"retry: {shown(retry)}")]
    lines = [short(f"retry: at most {shown(retry.max_retries, 12)} times, if"), short(shown(retry.predicate))]
    if retry.initial_delay is not None:
        text = f"after {shown(retry.initial_delay, 10)} s"
        text += "" if retry.multiplier is None else f", × {shown(retry.multiplier, 10)}"
        text += "" if retry.max_delay is None else f", up to {shown(retry.max_delay, 10)} s"
        lines.append(short(text))
    return lines
