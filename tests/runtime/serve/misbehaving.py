"""A worker that misbehaves as its pictures say; apart, so that its process imports little."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from digits.serve.pictures import Answer, Upload


def answer_or_misbehave(upload: Upload) -> Answer:
    """Abort, fail or sleep as the content says; otherwise answer with the process ID."""
    match upload.content.split(maxsplit=2):
        case [b"die"]:
            os.abort()
        case [b"fail"]:
            raise ZeroDivisionError
        case [b"sleep"]:
            time.sleep(3600)
        case [b"die", b"once", flag] if not os.path.exists(flag):
            Path(os.fsdecode(flag)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return Answer(200, json.dumps(os.getpid()))


def misbehave_all(uploads: Sequence[Upload]) -> list[Answer]:
    return [answer_or_misbehave(upload) for upload in uploads]


def start() -> Callable[[Sequence[Upload]], list[Answer]]:
    return misbehave_all
