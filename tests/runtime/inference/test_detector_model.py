"""Pages that a detector gets, and the maps that it answers."""

import math
from contextlib import nullcontext

import numpy as np
import onnx
import pytest
from onnx import parser

from digits.errors import ModelError
from digits.inference.detector_model import DetectorModel, run_maps
from digits.inference.interface import DETECTOR_MAX_SIDE, PAGE_MAX_PIXELS, STRIDE
from digits.inference.model_file import ModelBytes
from tests.onnx_files import DETECTOR_RAW, as_detector


def blank(pixels: np.ndarray) -> list[np.ndarray]:
    """The maps of a network that sees nothing."""
    rows, columns = (side // STRIDE for side in pixels.shape[2:])
    return [np.zeros((1, channels, rows, columns), np.float32) for channels in (1, 12, 4)]


@pytest.mark.parametrize(
    ("shape", "padded"), [((1, 1), (32, 32)), ((32, 48), (32, 48)), ((33, 41), (48, 48))]
)
def test_page_is_padded_with_its_edges(shape: tuple[int, int], padded: tuple[int, int]) -> None:
    page = np.arange(math.prod(shape)).reshape(shape).astype(np.uint8)
    seen: list[np.ndarray] = []

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        seen.append(pixels)
        return blank(pixels)

    maps = run_maps(run, page)
    more = [(0, after - before) for before, after in zip(shape, padded, strict=True)]
    np.testing.assert_equal(seen, [np.pad(page, more, "edge")[None, None]])
    cells = padded[0] // 4, padded[1] // 4
    assert [part.shape for part in maps] == [cells, (12, *cells), (4, *cells)]


LARGE, LARGEST = "pixels is too large", (PAGE_MAX_PIXELS // 2048, 2048)


@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        *(
            (shape, np.uint8, "")
            for shape in ((1, DETECTOR_MAX_SIDE), (DETECTOR_MAX_SIDE, 1), LARGEST)
        ),
        ((1, DETECTOR_MAX_SIDE + 1), np.uint8, f"a page of {DETECTOR_MAX_SIDE + 1}x1 {LARGE}"),
        ((LARGEST[0] + 1, LARGEST[1]), np.uint8, LARGE),
        ((9, 0), np.uint8, "a page must be uint8"),
        ((9, 9), np.float32, "a page must be uint8"),
    ],
)
def test_pages_that_are_read(shape: tuple[int, ...], dtype: type, reason: str) -> None:
    page = np.broadcast_to(dtype(0), shape)
    with pytest.raises(ValueError, match=reason) if reason else nullcontext():
        assert run_maps(blank, page).boxes.shape[0] == 4


def test_anything_but_maps_is_an_error() -> None:
    model = onnx.load_from_string(DETECTOR_RAW)
    centres = next(node for node in model.graph.node if "centres" in node.output)
    centres.output[0] = "logits"
    model.graph.node.append(parser.parse_node("centres = Log(logits)"))  # of negative ones, too
    with pytest.raises(ModelError, match="it outputs invalid maps"):
        DetectorModel(ModelBytes("it", as_detector(model.SerializeToString())))
