import asyncio
import threading

import numpy as np
import pytest
from starlette.exceptions import HTTPException

from digits.classifier import Classifier
from digits.inference.model import Model
from digits.serve.batcher import Batcher
from digits.serve.limits import Limits
from digits.serve.metrics import Metrics


class Slow:
    """A model whose first run waits, so that requests gather."""

    def __init__(self, model: Model) -> None:
        self.model, self.go, self.sizes = model, threading.Event(), []

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        self.sizes.append(len(images))
        self.go.wait(10)
        return self.model.probabilities(images)


@pytest.fixture
def slow(classifier: Classifier) -> Slow:
    return Slow(classifier.model)


def batcher(slow: Slow, **limits: int) -> Batcher:
    return Batcher(slow, Limits(**limits), Metrics())  # type: ignore[arg-type]


async def gathered(slow: Slow, sizes: list[int], images: np.ndarray) -> list[np.ndarray]:
    """The answers to requests that arrive while the first of them runs."""
    network, start = batcher(slow), 0
    asked = []
    for size in sizes:
        asked.append(asyncio.create_task(network.probabilities(images[start : start + size])))
        start += size
        while not slow.sizes:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    slow.go.set()
    return await asyncio.gather(*asked)


def test_what_arrives_while_the_network_runs_is_the_next_batch(slow: Slow, test_slice) -> None:
    images = test_slice.images[:, None]
    answers = asyncio.run(gathered(slow, [1, 3, 1, 20], images))
    assert slow.sizes == [1, 24]
    # Bit for bit, for the same batches.
    together = [slow.model.probabilities(images[:1]), slow.model.probabilities(images[1:25])]
    np.testing.assert_array_equal(np.concatenate(answers), np.concatenate(together))
    assert [len(rows) for rows in answers] == [1, 3, 1, 20]


def test_a_batch_has_a_limit(slow: Slow, test_slice) -> None:
    images = test_slice.images[:, None]
    sizes = [1, Limits.max_batch - 1, 2, 100]
    answers = asyncio.run(gathered(slow, sizes, images))
    assert slow.sizes == [1, Limits.max_batch - 1, 102]
    rows = np.concatenate(answers)
    np.testing.assert_allclose(rows, slow.model.probabilities(images[: sum(sizes)]), atol=1e-6)


def test_who_goes_away_takes_nobody_along(slow: Slow, test_slice) -> None:
    async def run() -> np.ndarray:
        network = batcher(slow)
        first, second = (
            asyncio.create_task(network.probabilities(test_slice.images[i : i + 1, None]))
            for i in range(2)
        )
        await asyncio.sleep(0.01)
        first.cancel()
        slow.go.set()
        return await second

    expected = slow.model.probabilities(test_slice.images[1:2])
    np.testing.assert_allclose(asyncio.run(run()), expected, atol=1e-6)


def test_too_much_is_refused_and_later_taken_again(slow: Slow, test_slice) -> None:
    images = test_slice.images[:2, None]

    async def run() -> None:
        network = batcher(slow, max_queued_digits=3)
        first = asyncio.create_task(network.probabilities(images))
        await asyncio.sleep(0.01)
        with pytest.raises(HTTPException) as refused:
            await network.probabilities(images)
        assert refused.value.status_code == 429
        slow.go.set()
        await first
        assert len(await network.probabilities(images)) == 2

    asyncio.run(run())


def test_an_error_reaches_all_who_wait_and_ends_nothing(slow: Slow, test_slice) -> None:
    images = test_slice.images[:1, None]
    broken = slow.model.probabilities

    async def run() -> None:
        network = batcher(slow)
        slow.go.set()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slow, "probabilities", lambda images: 1 / 0)
            answers = await asyncio.gather(
                *(network.probabilities(images) for _ in range(3)), return_exceptions=True
            )
        assert all(isinstance(answer, ZeroDivisionError) for answer in answers)
        np.testing.assert_array_equal(await network.probabilities(images), broken(images))

    asyncio.run(run())
