"""What PP-OCR's recognizer says of crops; mostly, what a file says that stands for it."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from digits import Reader
from digits.errors import ModelError
from digits.images import picture
from digits.inference.interface import SYMBOLS
from digits.inference.second_opinion import SecondOpinion
from digits.reader.crops import cut, region_of_box
from tests.onnx_files import second_opinion


def test_symbols_are_kept_in_their_order(rapidocr: Path) -> None:
    model = Reader(second_opinion=True).models.second_opinion
    assert model
    black, white = (np.full((48, width), level, np.uint8) for width, level in ((17, 0), (64, 255)))
    for reader in (model, pickle.loads(pickle.dumps(model))):
        even, steep = reader.log_probabilities([black, white])
        assert (even.shape, even.dtype, steep.shape) == ((2, 13), np.float32, (8, 13))
        equal = np.full(13, 1 / 14)
        equal[SYMBOLS.index(".")] *= 2  # a comma, too
        np.testing.assert_allclose(np.exp(even), [equal] * 2, rtol=1e-4)
        # The classes are a blank, x, a point, 9 to 0, a minus and a comma.
        logits = np.array([*range(12, 2, -1), 13, 2 * np.logaddexp(1, 7), 0]) / 2
        np.testing.assert_allclose(steep[0] - steep[0, 0], logits - 6, atol=0.02)
    assert model.name == str(rapidocr)


@pytest.mark.parametrize(
    "content",
    [
        second_opinion("0123456789-.,", height=32),
        second_opinion("012345678-.,"),
        second_opinion("0123456789-.,").replace(b"character", b"Character"),
        second_opinion("0123456789-.,").replace(b"\n9\n", b"9\n\n"),
    ],
)
def test_other_files_are_refused(rapidocr: Path, content: bytes) -> None:
    rapidocr.write_bytes(content)
    with pytest.raises(ModelError, match=f"^{rapidocr} is not PP-OCR's .*digits\\[ocr\\]"):
        SecondOpinion()


@pytest.mark.skipif(not find_spec("rapidocr"), reason="rapidocr is not installed")
def test_installed_file_reads_a_digit(pictures: list[Path]) -> None:
    page = picture.load(pictures[7]).pixels
    height, width = page.shape
    [rows] = SecondOpinion().log_probabilities([cut(page, region_of_box((0, 0, width, height)))])
    assert {*rows.argmax(1)} == {7, len(SYMBOLS)}
