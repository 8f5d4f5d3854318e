"""How much the variables of an execution take up, told without measuring them all the time.

The limit is on the JSON size of all variables of all frames that are alive. Measuring that at each assignment would
cost as much as everything else together; so an upper bound is kept, to which each new value is added and from which
nothing is taken away. When it crosses the limit, everything is measured, and the bound is true again. Sizes found at
the last measuring are kept, because values never change: measuring again costs little.

Source of the rule: quotas page ("Memory usage limit exceeded" as observed); compact JSON as its measure is inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from hakobune.core.workflows.failures import Failure, resource_limit
from hakobune.core.workflows.frames import Unset
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.values import Value, measured_size, utf8_length

if TYPE_CHECKING:
    from hakobune.core.workflows.branches import RunFrame
