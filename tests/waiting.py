import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)
