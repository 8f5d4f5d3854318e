"""The output of all attempts: pipes while they run, logs to be flushed and synced, and the last line at the end."""

from __future__ import annotations

import os

from hakobune.engines.process.attempt import Attempt, Lane, OutputPipe
from hakobune.engines.process.lanes import Lanes
from hakobune.engines.process.loop import Loop


class Outputs:
    """Brings what attempts write into the logs of their lanes.

    Lines reach the file once a turn of the loop, not one by one; they reach the disk before the end of their attempt is
    reported, so that nobody who knows of an end finds less than all that was written before it.
    """

    def __init__(self, loop: Loop, lanes: Lanes) -> None:
        self._loop = loop
        self._lanes = lanes
        self._touched: set[Lane] = set()  # output waits to be flushed
        self._unsynced: set[Lane] = set()  # output of attempts that ended must be synced before they are reported
        self._lost_bytes = 0  # output of lanes that are gone which could not be written

    @property
    def lost_bytes(self) -> int:
        """Output that could not be written to the disk since this supervisor began."""
        return self._lost_bytes + sum(lane.log.lost_bytes for lane in self._lanes.all())

    def make_pipes(self, attempt: Attempt) -> tuple[int, int]:
        """Watch two new pipes for an attempt's output; the ends to write to. Raises OSError."""
        out_read, out_write = os.pipe()
        try:
            err_read, err_write = os.pipe()
        except OSError:
            os.close(out_read)
            os.close(out_write)
            raise
        pipes = (
            OutputPipe(out_read, 1, attempt, self._touched, self._loop),
            OutputPipe(err_read, 2, attempt, self._touched, self._loop),
        )
        for pipe in pipes:
            os.set_blocking(pipe.fd, False)
            self._loop.watch(pipe.fd, pipe.read)
        attempt.pipes = pipes
        return out_write, err_write

    def drain(self, attempt: Attempt) -> None:
        """No process of the attempt is left: take what is in its pipes, and close them."""
        for pipe in attempt.pipes:
            pipe.finish()
        attempt.pipes = ()

    def end_attempt(self, attempt: Attempt) -> None:
        """The attempt, drained before, will write no more."""
        if attempt.has_written:
            attempt.lane.log.end_attempt(attempt.index, attempt.uid_tail)
            self._unsynced.add(attempt.lane)

    def flush(self) -> None:
        """Hand all that came to the files."""
        for lane in self._touched:
            lane.log.flush()
        self._touched.clear()

    def sync(self) -> None:
        """Make the output of attempts that ended durable."""
        for lane in self._unsynced:
            lane.log.sync()
        self._unsynced.clear()

    def forget(self, lane: Lane) -> None:
        """The lane has no attempts any more: its output is durable, and its log closed."""
        if lane in self._unsynced:
            self._unsynced.remove(lane)
            lane.log.sync()
        self._touched.discard(lane)
        lane.log.close()
        self._lost_bytes += lane.log.lost_bytes
