"""A worker without a process of its own, whose state tests can inspect and patch."""

from collections.abc import Callable
from typing import Generic

from digits.processes import Answer, Request, Worker, WorkerDied


class InProcess(Worker[Request, Answer], Generic[Request, Answer]):
    """Answers in this process; dies if the work raises WorkerDied."""

    is_alive = True

    def __init__(self, work: Callable[[Request], Answer]) -> None:
        self._work = work

    def wait_until_started(self) -> None:
        """It has started."""

    def ask(self, request: Request, timeout: float | None = None) -> Answer:
        try:
            return self._work(request)
        except (TimeoutError, WorkerDied):
            self.close()
            raise

    def kill(self) -> None:
        """Nothing can stop it."""

    def close(self) -> None:
        self.is_alive = False
