import asyncio
import threading

import numpy as np
import numpy.typing as npt
import pytest
from starlette.exceptions import HTTPException

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.inference.model import Model
from digits.serve.batcher import Batcher
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics


class BlockingModel:
    """A model whose runs wait for `go`, so that requests queue up."""

    def __init__(self, model: Model) -> None:
        self.wrapped = model
        self.go = threading.Event()
        self.sizes: list[int] = []

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.sizes.append(len(images))
        self.go.wait(10)
        return self.wrapped.probabilities(images)


@pytest.fixture
def model(classifier: Classifier) -> BlockingModel:
    return BlockingModel(classifier.model)


def make_batcher(model: BlockingModel, **limits: int) -> Batcher:
    return Batcher(model, Limits(**limits), Metrics())  # type: ignore[arg-type]


async def infer_while_busy(
    model: BlockingModel, sizes: list[int], images: npt.NDArray[np.uint8]
) -> list[npt.NDArray[np.float32]]:
    """Infer batches of these sizes; all but the first arrive while the first one runs."""
    network, start = make_batcher(model), 0
    asked = []
    for size in sizes:
        asked.append(asyncio.create_task(network.probabilities(images[start : start + size])))
        start += size
        while not model.sizes:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    model.go.set()
    return await asyncio.gather(*asked)


def test_concurrent_requests_share_next_batch(model: BlockingModel, test_slice: Split) -> None:
    images = test_slice.images[:, None]
    answers = asyncio.run(infer_while_busy(model, [1, 3, 1, 20], images))
    assert model.sizes == [1, 24]
    # Bit for bit, for the same batches.
    together = [model.wrapped.probabilities(images[:1]), model.wrapped.probabilities(images[1:25])]
    np.testing.assert_array_equal(np.concatenate(answers), np.concatenate(together))
    assert [len(rows) for rows in answers] == [1, 3, 1, 20]


def test_batch_size_is_limited(model: BlockingModel, test_slice: Split) -> None:
    images = test_slice.images[:, None]
    sizes = [1, Limits.max_batch - 1, 2, 100]
    answers = asyncio.run(infer_while_busy(model, sizes, images))
    assert model.sizes == [1, Limits.max_batch - 1, 102]
    rows = np.concatenate(answers)
    np.testing.assert_allclose(rows, model.wrapped.probabilities(images[: sum(sizes)]), atol=1e-6)


def test_cancelled_request_leaves_others_running(model: BlockingModel, test_slice: Split) -> None:
    async def run() -> npt.NDArray[np.float32]:
        network = make_batcher(model)
        first, second = (
            asyncio.create_task(network.probabilities(test_slice.images[i : i + 1, None]))
            for i in range(2)
        )
        await asyncio.sleep(0.01)
        first.cancel()
        model.go.set()
        return await second

    expected = model.wrapped.probabilities(test_slice.images[1:2])
    np.testing.assert_allclose(asyncio.run(run()), expected, atol=1e-6)


def test_full_digit_queue_returns_429_until_drained(
    model: BlockingModel, test_slice: Split
) -> None:
    images = test_slice.images[:2, None]

    async def run() -> None:
        network = make_batcher(model, max_queued_digits=3)
        first = asyncio.create_task(network.probabilities(images))
        await asyncio.sleep(0.01)
        with pytest.raises(HTTPException) as refused:
            await network.probabilities(images)
        assert refused.value.status_code == 429
        model.go.set()
        await first
        assert len(await network.probabilities(images)) == 2

    asyncio.run(run())


def test_model_error_reaches_all_waiting_then_recovers(
    model: BlockingModel, test_slice: Split
) -> None:
    images = test_slice.images[:1, None]

    async def run() -> None:
        network = make_batcher(model)
        model.go.set()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(model, "probabilities", lambda images: 1 / 0)
            answers = await asyncio.gather(
                *(network.probabilities(images) for _ in range(3)), return_exceptions=True
            )
        assert all(isinstance(answer, ZeroDivisionError) for answer in answers)
        np.testing.assert_array_equal(
            await network.probabilities(images), model.wrapped.probabilities(images)
        )

    asyncio.run(run())
