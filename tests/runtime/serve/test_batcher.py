import asyncio
import threading

import numpy as np
import numpy.typing as npt
import pytest

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.serve.batcher import Batcher
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics
from digits.serve.refusals import Refused

pytestmark = pytest.mark.anyio

Images = npt.NDArray[np.uint8]


class BlockingModel:
    """A model whose runs wait for `go`, so that requests queue up."""

    def __init__(self, classifier: Classifier) -> None:
        self.wrapped, self.go = classifier.model, threading.Event()
        self.sizes: list[int] = []
        self.error: Exception | None = None  # what a run raises

    def probabilities(self, images: Images) -> npt.NDArray[np.float32]:
        self.sizes.append(len(images))
        self.go.wait(60)
        if self.error:
            raise self.error
        return self.wrapped.probabilities(images)


@pytest.fixture
def model(classifier: Classifier) -> BlockingModel:
    return BlockingModel(classifier)


@pytest.fixture
def batcher(model: BlockingModel) -> Batcher:
    limits = Limits(max_queued_digits=400)
    return Batcher(model, limits, Metrics())  # type: ignore[arg-type]


async def begin(batcher: Batcher, images: Images) -> "asyncio.Task[npt.NDArray[np.float32]]":
    """Send a request, and let it be queued."""
    task = asyncio.create_task(batcher.probabilities(images))
    for _ in range(20):  # turns of the event loop, more than it takes
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([1, 255, 1, 100], [1, 256, 100]),
        ([1, 255, 2, 142], [1, 255, 144]),  # as many as may wait
    ],
)
async def test_requests_share_the_next_batch(
    batcher: Batcher, model: BlockingModel, test_slice: Split, sizes: list[int], runs: list[int]
) -> None:
    """All but the first arrive while the first one runs. The answers are those of the runs."""
    images = test_slice.images[: sum(sizes), None]
    tasks = [await begin(batcher, part) for part in np.split(images, np.cumsum(sizes)[:-1])]
    with pytest.raises(Refused, match="too many digits are waiting"):
        await batcher.probabilities(test_slice.images[: 401 - sum(sizes), None])
    model.go.set()
    answers = await asyncio.gather(*tasks)
    assert model.sizes == runs and [len(rows) for rows in answers] == sizes
    batches = np.split(images, np.cumsum(runs)[:-1])
    expected = np.concatenate([model.wrapped.probabilities(batch) for batch in batches])
    np.testing.assert_array_equal(np.concatenate(answers), expected)
    assert batcher.waiting == 0


async def test_model_error_reaches_all_waiting_then_recovers(
    batcher: Batcher, model: BlockingModel, test_slice: Split
) -> None:
    model.go.set()
    model.error = ZeroDivisionError()
    asked = (batcher.probabilities(test_slice.images[:1, None]) for _ in range(3))
    assert await asyncio.gather(*asked, return_exceptions=True) == [model.error] * 3
    model.error = None
    assert len(await batcher.probabilities(test_slice.images[:1, None])) == 1
