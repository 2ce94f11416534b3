from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.inference.detector_model import DetectorModel
from digits.inference.interface import MAX_DIGIT_HEIGHT
from digits.reader.detect import non_max_suppression, read_symbols
from digits.reader.pyramid import detect
from tests.drawings import Maps, Network, row_of, text_of

PAGE = Path(__file__).parents[3] / "docs" / "page.jpg"


@pytest.mark.parametrize("height", [8, 42, 300])
def test_one_look_is_at_the_scale_of_the_digits(height: float) -> None:
    shape = 700, 1000
    network = Network(row_of("123", 40, 40, height), shape)
    assert len(non_max_suppression(detect(np.full(shape, 255, np.uint8), network)).scores) == 3
    heights = sorted(height * (rows - 32) / shape[0] for rows, _ in network.shapes)
    assert all(larger > 1.15 * smaller for smaller, larger in pairwise(heights))
    assert any(min(20, 1.9 * height) <= size <= 44 for size in heights)


def test_small_digits_of_a_large_page_are_looked_for() -> None:
    """On the coarse look they are too small to be seen; it suspects large ones."""
    shape = 2048, 1448
    faint = [symbol._replace(score=-1.0) for symbol in row_of("888888", 20, 900, 260)]
    network = Network(row_of("20680", 400, 400, 16) + faint, shape)
    detections = non_max_suppression(detect(np.full(shape, 255, np.uint8), network))
    assert (detections.scores > 0).sum() == 5
    assert network.shapes[-1][0] > 2000


@pytest.mark.usefixtures("whole_pages")
def test_agreement_of_looks_counts() -> None:
    """What is a peak at one scale alone is less likely than what is one at all."""
    shape = 200, 300
    drawn = row_of("1", 40, 60, 30) + row_of("2", 150, 60, 30)
    network = Network(drawn, shape)

    def maps(page: np.ndarray) -> Maps:
        network.drawn = drawn if page.shape == (232, 332) else drawn[:1]
        return network(page)

    detections = non_max_suppression(detect(np.full(shape, 255, np.uint8), maps))
    assert detections.symbols.argmax(1).tolist() == [1, 2]
    assert detections.scores[0] > detections.scores[1] + 2


def test_last_look_leaves_blank_margins_out(monkeypatch: pytest.MonkeyPatch) -> None:
    page, written = np.full((1000, 800), 220, np.uint8), Image.open(PAGE).convert("L")
    page[300:600, 90:490] = np.asarray(written.resize((400, 300)))
    areas, texts, detector = list[int](), set[str](), DetectorModel()

    def maps(pixels: np.ndarray) -> Maps:
        areas.append(pixels.size)
        return detector.maps(pixels)

    for around in (np.inf, MAX_DIGIT_HEIGHT):
        monkeypatch.setattr("digits.reader.pyramid._AROUND", around)
        texts.add(text_of(read_symbols(page, maps)))
    assert len(texts) == 1 and areas[-1] < max(areas) / 2
