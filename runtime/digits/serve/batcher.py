"""Dynamic batching: one run of the network for the requests that arrive together.

While one batch runs, the next one fills; no request waits for a batch to fill.
"""

import asyncio

import numpy as np
from numpy.typing import NDArray

from digits.inference.model import Model
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.refusals import Refused


class _Batch:
    """Digits for one run."""

    def __init__(self) -> None:
        self.images: list[NDArray[np.uint8]] = []
        self.size = 0
        self.rows: asyncio.Task[NDArray[np.float32]]


class Batcher:
    """Batches digits for the network. Belongs to one event loop.

    model: the network; it may be replaced between two runs.
    """

    def __init__(self, model: Model, limits: Limits, metrics: Metrics) -> None:
        self.model, self._limits, self._metrics = model, limits, metrics
        self._pending_batch: _Batch | None = None
        self.waiting = 0  # digits
        self._lock = asyncio.Lock()  # one run at a time

    async def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what `Model.probabilities` returns for 1 to `max_batch` digits.

        Raises Refused if the queue is full.
        """
        if self.waiting + len(images) > self._limits.max_queued_digits:
            message = "too many digits are waiting"
            raise Refused(429, message, {"retry-after": "1"}, "digits_queue_full")
        batch = self._pending_batch
        if batch is None or batch.size + len(images) > self._limits.max_batch:
            batch = self._pending_batch = _Batch()
            batch.rows = asyncio.create_task(self._run(batch))
        start = batch.size
        batch.images.append(images)
        batch.size += len(images)
        self.waiting += len(images)
        # A client that disconnects must not cancel the batch for the others.
        return (await asyncio.shield(batch.rows))[start : start + len(images)]

    async def _run(self, batch: _Batch) -> NDArray[np.float32]:
        async with self._lock:
            if self._pending_batch is batch:
                self._pending_batch = None
            self._metrics.batch.observe(batch.size)
            try:
                images = np.concatenate(batch.images)
                return await asyncio.to_thread(self.model.probabilities, images)
            finally:
                self.waiting -= batch.size
