"""A worker without a process of its own, whose state tests can inspect and patch."""

from collections.abc import Callable
from typing import Generic

from digits.processes import Request, Response, Worker, WorkerDied


class InProcess(Worker[Request, Response], Generic[Request, Response]):
    """Answers in this process; dies if the work raises WorkerDied."""

    is_alive = True

    def __init__(self, work: Callable[[Request], Response]) -> None:
        self._work = work

    def wait_until_started(self) -> None:
        """It has started."""

    def ask(self, request: Request, timeout: float | None = None) -> Response:
        try:
            return self._work(request)
        except (TimeoutError, WorkerDied):
            self.close()
            raise

    def kill(self) -> None:
        """Nothing can stop it."""

    def close(self) -> None:
        self.is_alive = False
