"""SIGTERM and Ctrl-C as an event that a loop can wait for."""

import os
import select
import signal


class StopEvent:
    """An event that signals can set, and that can be waited for beside workers.

    threading.Event won't do: `wait` holds its lock for moments, and a signal that came just then
    would wait for that lock for ever, in the same thread.
    """

    def __init__(self) -> None:
        self._set, self._wake = False, os.pipe()

    def set_by_signals(self) -> None:
        """Let SIGTERM and Ctrl-C set it from now on, instead of ending the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def is_set(self) -> bool:
        return self._set

    def fileno(self) -> int:
        """Can be read from when it is set."""
        return self._wake[0]

    def wait(self, seconds: float) -> None:
        """Until it is set, but no longer."""
        select.select([self], [], [], seconds)

    def _stop(self, *_: object) -> None:
        if not self._set:
            self._set = True
            os.write(self._wake[1], b"\0")
