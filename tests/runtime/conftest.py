import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def count_calls(*functions: Callable[..., object]) -> Iterator[Counter[str]]:
    """Count the calls of each function in this thread, under whatever name it was imported."""
    names = {function.__code__: function.__name__ for function in functions}
    counts = Counter[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in names:
            counts[names[frame.f_code]] += 1

    sys.setprofile(note)
    try:
        yield counts
    finally:
        sys.setprofile(None)


@contextmanager
def no_free_file_descriptors() -> Iterator[None]:
    """Lower the limit of open files to those that are open already."""
    import resource

    free = os.dup(1)
    os.close(free)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
