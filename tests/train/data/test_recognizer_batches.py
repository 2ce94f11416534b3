"""The stream of a recognizer's batches."""

import multiprocessing
from itertools import islice

import pytest
import torch

from digits_train.camera.materials import Materials
from digits_train.camera.ranges import RANGES
from digits_train.data import recognizer_batches
from digits_train.data.loader import Batch
from digits_train.data.recognizer_batches import RecognizerBatches, TextBatch
from digits_train.distributed import CPU
from tests.conftest import Patch
from tests.train.short import crops_of_bars

NOTHING = Materials((), (), (), (), RANGES)


class Numbered(RecognizerBatches):
    """Each batch says of which chunk it is."""

    def __getitem__(self, number: int) -> list[TextBatch]:
        return [Batch(torch.zeros(0), [str(number)], 1)] * 4

    def texts(self, step: int, steps: int) -> list[str]:
        return [batch.targets[0] for batch in islice(self.stream(step, CPU.device), steps)]


def test_batches_of_eight_chunks_are_mixed_and_a_stream_begins_at_any_step() -> None:
    numbered = Numbered(NOTHING, 0, 64)
    texts = numbered.texts(0, 72)
    for group in range(2):
        mixed = texts[32 * group : 32 * group + 32]
        ordered = [str(chunk) for chunk in range(8 * group, 8 * group + 8) for _ in range(4)]
        assert sorted(mixed) == sorted(ordered) and mixed != ordered
    assert texts[:8] != [str(int(text) - 8) for text in texts[32:40]]
    for step in (1, 31, 32, 65):
        assert numbered.texts(step, 72 - step) == texts[step:]
    assert Numbered(NOTHING, 1, 64).texts(0, 32) != texts[:32]
    assert Numbered(NOTHING, 0, 64, rank=1).texts(0, 32) != texts[:32]


@pytest.mark.unix
def test_stream_from_a_process_that_starts_others_by_a_server() -> None:
    """As Linux does from Python 3.14 on."""
    method = multiprocessing.get_start_method()
    multiprocessing.set_start_method("forkserver", force=True)
    try:
        assert Numbered(NOTHING, 0, 64).texts(31, 2)
    finally:
        multiprocessing.set_start_method(method, force=True)


@pytest.mark.slow
def test_each_pass_shows_each_crop_and_widths_are_together(monkeypatch: Patch) -> None:
    monkeypatch.setattr(recognizer_batches, "draw_crops", crops_of_bars)
    batches = RecognizerBatches(NOTHING, 0, 100, passes=2)[3]
    assert [batch.size for batch in batches] == [85, 85, 86] * 2
    first, again = batches[:3], batches[3:]
    texts, others = ([text for batch in part for text in batch.targets] for part in (first, again))
    assert sorted(texts) == sorted(others)
    widths = [batch.inputs.shape[3] for batch in first]
    assert widths == sorted(widths) and widths[0] < widths[2]
    assert first[0].inputs.shape[1:3] == (1, 48) and first[0].inputs.dtype == torch.uint8
    assert torch.equal(first[0].inputs, RecognizerBatches(NOTHING, 0, 100)[3][0].inputs)
    for other in (
        RecognizerBatches(NOTHING, 0, 100, rank=1)[3],
        RecognizerBatches(NOTHING, 1, 100)[3],
        batches[3:],
    ):
        assert not torch.equal(first[2].inputs, other[2].inputs)


def test_so_many_validate() -> None:
    first = Numbered(NOTHING, 0, 64).first(257)
    assert [batch.targets[0] for batch in first] == ["0"] * 4 + ["1"] * 4
