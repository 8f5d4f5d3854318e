"""Which branches and iterations of `parallel` steps may run.

Three bounds hold at once: a step's own `concurrency_limit`, the number of branches of the whole execution, and the
number of errors that branches may end with. A branch that waits for branches of its own does not count as running (else
twenty of them would wait for each other for ever); when the last of those has ended, it takes its place.
"""

from __future__ import annotations

from hakobune.core.workflows.branches import Branch, Fork, Raised, Thread
from hakobune.core.workflows.failures import Failure, resource_limit
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.values import measured_size


class Forks:
    """The `parallel` steps under way in an execution."""

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self._open: list[Fork] = []  # those with threads that did not begin, the newest last
        self._running = 0
        self._unhandled = 0
        self._error_bytes = 0  # of the forks that are not joined yet

    def begin(self, fork: Fork) -> None:
        """A branch begins to wait for the threads of a step."""
        self._running -= fork.parent.origin is not None
        self._open.append(fork)

    def next_thread(self) -> tuple[Fork, int, Thread] | None:
        """The next thread that may begin, with its index. The newest step comes first: so little is alive at once."""
        if self._running >= self._limits.concurrent_branches:
            return None
        for fork in reversed(self._open):
            if fork.running < fork.limit:
                index = fork.started
                fork.started += 1
                fork.running += 1
                self._running += 1
                if fork.started == fork.width:
                    self._open.remove(fork)
                return fork, index, next(fork.threads)
        return None

    def ended(self, fork: Fork, thread: Branch, raised: Raised | None) -> bool:
        """A thread is over. True: it was the last one, and the branch that waits for them goes on.

        Raises Failure (ResourceLimitError) where too many threads of the execution ended with an error.
        """
        fork.running -= 1
        self._running -= 1
        if raised is not None:
            fork.errors.append((thread.index, thread.id, raised))
            self._unhandled += 1
            self._error_bytes += measured_size(raised.value)
            if self._unhandled > self._limits.unhandled_exceptions:
                raise self._too_many()
            if self._error_bytes > self._limits.memory_bytes:
                raise resource_limit(f"the errors of branches are larger than {self._limits.memory_bytes} bytes")
        if fork.running or fork.started < fork.width:
            return False
        self._running += fork.parent.origin is not None
        self._error_bytes -= sum(measured_size(error.value) for _, _, error in fork.errors)
        return True

    def _too_many(self) -> Failure:
        return resource_limit(f"more than {self._limits.unhandled_exceptions} branches ended with an unhandled error")
