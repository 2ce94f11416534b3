"""A worker without a process of its own, whose state tests can inspect and patch."""

from collections.abc import Callable
from multiprocessing import Pipe
from typing import Generic

from digits.errors import DigitsError
from digits.processes import Answer, Request, Worker, WorkerDied


class InProcess(Worker[Request, Answer], Generic[Request, Answer]):
    """Answers a request as soon as it is sent; dies if the work raises WorkerDied."""

    exit_code = -9

    def __init__(self, work: Callable[[Request], Answer]) -> None:
        self._work = work
        self._pipe, self._worker_pipe = Pipe()
        self._started = True

    def send(self, request: Request) -> None:
        try:
            self._worker_pipe.send(self._work(request))
        except WorkerDied:
            self._worker_pipe.close()
        except DigitsError as error:
            self._worker_pipe.send(error)

    def close(self) -> None:
        self._pipe.close()
        self._worker_pipe.close()
