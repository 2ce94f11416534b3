"""A worker that misbehaves as its pictures say; apart, so that its process imports little."""

import json
import os
import time
from collections.abc import Callable, Sequence

from digits.serve.pictures import Answer, Upload


def answer_or_misbehave(uploads: Sequence[Upload]) -> list[Answer]:
    """Abort, fail or sleep as the only content says; otherwise answer with the process ID."""
    match uploads[0].content:
        case b"die":
            os.abort()
        case b"fail":
            raise ZeroDivisionError
        case b"sleep":
            time.sleep(3600)
    return [Answer(200, json.dumps(os.getpid()))]


def start() -> Callable[[Sequence[Upload]], list[Answer]]:
    return answer_or_misbehave
