import asyncio
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import numpy.typing as npt
import pytest

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.serve.batcher import Batcher
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.refusals import Refused

Images = npt.NDArray[np.uint8]


@pytest.fixture
def images(test_slice: Split) -> Images:
    return test_slice.images[:, None]


class BlockingModel:
    """A model whose runs wait for `go`, so that requests queue up. error: what a run raises."""

    def __init__(self, classifier: Classifier) -> None:
        self.wrapped, self.go = classifier.model, threading.Event()
        self.sizes: list[int] = []
        self.error: Exception | None = None

    def probabilities(self, images: Images) -> npt.NDArray[np.float32]:
        self.sizes.append(len(images))
        self.go.wait(10)
        if self.error:
            raise self.error
        return self.wrapped.probabilities(images)


@pytest.fixture
def model(classifier: Classifier) -> BlockingModel:
    return BlockingModel(classifier)


def run(model: BlockingModel, use: Callable[[Batcher], Awaitable[object]]) -> None:
    async def main() -> None:
        limits = Limits(max_queued_digits=400)
        await use(Batcher(model, limits, Metrics()))  # type: ignore[arg-type]

    asyncio.run(main())


async def begin(batcher: Batcher, images: Images) -> "asyncio.Task[npt.NDArray[np.float32]]":
    """Send a request, and let it be queued."""
    task = asyncio.create_task(batcher.probabilities(images))
    await asyncio.sleep(0.01)
    return task


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([1, 3, 1, 20], [1, 24]),
        ([1, Limits.max_batch - 1, 2, 100], [1, Limits.max_batch - 1, 102]),
    ],
)
def test_requests_share_the_next_batch(
    model: BlockingModel, images: Images, sizes: list[int], runs: list[int]
) -> None:
    """All but the first arrive while the first one runs. The answers are those of the runs."""

    async def use(batcher: Batcher) -> None:
        parts = np.split(images[: sum(sizes)], np.cumsum(sizes)[:-1])
        tasks = [await begin(batcher, part) for part in parts]
        with pytest.raises(Refused, match="too many digits are waiting"):
            await batcher.probabilities(images[: Limits.max_batch + 150])
        model.go.set()
        answers = await asyncio.gather(*tasks)
        assert model.sizes == runs and [len(rows) for rows in answers] == sizes
        batches = np.split(images[: sum(sizes)], np.cumsum(runs)[:-1])
        expected = np.concatenate([model.wrapped.probabilities(batch) for batch in batches])
        np.testing.assert_array_equal(np.concatenate(answers), expected)

    run(model, use)


def test_model_error_reaches_all_waiting_then_recovers(
    model: BlockingModel, images: Images
) -> None:
    async def use(batcher: Batcher) -> None:
        asked = (batcher.probabilities(images[:1]) for _ in range(3))
        assert await asyncio.gather(*asked, return_exceptions=True) == [model.error] * 3
        model.error = None
        assert len(await batcher.probabilities(images[:1])) == 1

    model.go.set()
    model.error = ZeroDivisionError()
    run(model, use)
