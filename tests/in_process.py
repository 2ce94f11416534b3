"""A worker without a process, which tests can look into and change."""

from collections.abc import Callable
from multiprocessing import Pipe
from typing import Generic

from digits.errors import DigitsError
from digits.processes import Answer, Request, Worker, WorkerDied


class InProcess(Worker[Request, Answer], Generic[Request, Answer]):
    """It does its work when it is asked; where the work raises WorkerDied, it is dead."""

    exit_code = -9

    def __init__(self, work: Callable[[Request], Answer]) -> None:
        self._work = work
        self._pipe, self._its_end = Pipe()
        self._started = True

    def send(self, request: Request) -> None:
        try:
            self._its_end.send(self._work(request))
        except WorkerDied:
            self._its_end.close()
        except DigitsError as error:
            self._its_end.send(error)

    def close(self) -> None:
        self._pipe.close()
        self._its_end.close()
