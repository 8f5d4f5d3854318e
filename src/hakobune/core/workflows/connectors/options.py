"""`connector_params`: how long a call may take, how its operation is asked for, with which scopes.

Source: https://cloud.google.com/workflows/docs/reference/googleapis, "Invoke a connector call"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hakobune.core.workflows import limits
from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.stdlib.arguments import flag, given, mapping, number
from hakobune.core.workflows.stdlib.http_requests import CLOUD_PLATFORM, scope_list
from hakobune.core.workflows.stdlib.registry import Missing
from hakobune.core.workflows.values import Value, number_text

PARAMETER: Final = "connector_params"

_INITIAL_DELAY_S: Final = 1.0
_MULTIPLIER: Final = 1.25
_MAX_DELAY_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """The waits between two looks at an operation, in seconds."""

    initial_delay_s: float = _INITIAL_DELAY_S
    multiplier: float = _MULTIPLIER
    max_delay_s: float = _MAX_DELAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one call asks for. `timeout_s` is from end to end, with all retries and waits."""

    timeout_s: float
    polling: Polling
    is_polling_skipped: bool
    scopes: tuple[str, ...]


def read_options(function: str, value: Value | Missing, *, is_long: bool) -> Options:
    """The options in the argument `connector_params`; `is_long`: for a long-running operation.

    Unknown keys are refused (inferred): a misspelt one would be without effect. Raises Failure (TypeError, ValueError).
    """
    parameters = mapping(function, PARAMETER, given(value, {}))
    _check_keys(function, PARAMETER, parameters, ("timeout", "polling_policy", "skip_polling", "scopes"))
    most = limits.CONNECTOR_TIMEOUT_S_MAX if is_long else limits.CONNECTOR_TIMEOUT_S
    timeout_s = number(function, f"{PARAMETER}.timeout", given(parameters.get("timeout"), limits.CONNECTOR_TIMEOUT_S))
    if not 0 < timeout_s <= most:
        raise value_error(f"{function}: timeout must be above 0 and at most {number_text(most)} seconds")
    return Options(
        timeout_s=float(timeout_s),
        polling=_polling(function, parameters.get("polling_policy")),
        is_polling_skipped=flag(
            function, f"{PARAMETER}.skip_polling", given(parameters.get("skip_polling"), default=False)
        ),
        scopes=scope_list(function, parameters.get("scopes")) or (CLOUD_PLATFORM,),
    )


def _polling(function: str, value: Value) -> Polling:
    """The polling policy. Its delays must be positive, and must not shrink (inferred)."""
    name = f"{PARAMETER}.polling_policy"
    policy = mapping(function, name, given(value, {}))
    _check_keys(function, name, policy, ("initial_delay", "multiplier", "max_delay"))
    polling = Polling(
        initial_delay_s=_number(function, policy, "initial_delay", _INITIAL_DELAY_S),
        multiplier=_number(function, policy, "multiplier", _MULTIPLIER),
        max_delay_s=_number(function, policy, "max_delay", _MAX_DELAY_S),
    )
    if not (polling.initial_delay_s > 0 and polling.max_delay_s > 0):
        raise value_error(f"{function}: initial_delay and max_delay of polling_policy must be above 0")
    if not polling.multiplier >= 1:
        raise value_error(f"{function}: multiplier of polling_policy must be 1 or more")
    return polling


def _number(function: str, policy: dict[str, Value], name: str, default: float) -> float:
    return float(number(function, name, given(policy.get(name), default)))


def _check_keys(function: str, name: str, found: dict[str, Value], known: tuple[str, ...]) -> None:
    unknown = sorted(found.keys() - set(known))
    if unknown:
        raise value_error(f'{function}: unknown key "{unknown[0][:60]}" in {name}; it may have {", ".join(known)}')
