"""Dynamic batching: one run of the network for the requests that arrive together.

While one batch runs, the next one fills; no request waits for a batch to fill.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from digits.inference.model import Model
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.refusals import Refused


class Batcher:
    """Batches digits for the network. Belongs to one event loop.

    model: the network; it may be replaced between two runs.
    """

    def __init__(self, model: Model, limits: Limits, metrics: Metrics) -> None:
        self.model, self._limits, self._metrics = model, limits, metrics
        self._pending: list[NDArray[np.uint8]] = []  # for the next run
        self._rows: asyncio.Task[NDArray[np.float32]]  # of that run
        self.waiting = 0  # digits
        self._lock = asyncio.Lock()
        # One of our own: at a second Ctrl-C, asyncio would wait for those of `to_thread`.
        self._thread = ThreadPoolExecutor(1, "network")

    async def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what `Model.probabilities` returns for 1 to `max_batch` digits.

        Raises Refused if the queue is full.
        """
        if self.waiting + len(images) > self._limits.max_queued_digits:
            message = "too many digits are waiting"
            raise Refused(429, message, {"retry-after": "1"}, "digits_queue_full")
        start = sum(map(len, self._pending))
        if not start or start + len(images) > self._limits.max_batch:
            start, self._pending = 0, []
            self._rows = asyncio.create_task(self._run(self._pending))
        self._pending.append(images)
        self.waiting += len(images)
        # A client that disconnects must not cancel the batch for the others.
        return (await asyncio.shield(self._rows))[start : start + len(images)]

    async def _run(self, batch: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        async with self._lock:
            if self._pending is batch:
                self._pending = []
            images = np.concatenate(batch)
            self._metrics.batch.observe(len(images))
            try:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, self.model.probabilities, images)
            finally:
                self.waiting -= len(images)
