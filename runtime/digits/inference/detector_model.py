"""Run an ONNX file that finds the symbols of a page."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import (
    DETECTOR,
    DETECTOR_MAX_SIDE,
    PAGE_MAX_PIXELS,
    PAGE_MIN_SIDE,
    PAGE_MULTIPLE,
)
from digits.inference.metadata import DetectorMetadata
from digits.inference.session import Model


class Maps(NamedTuple):
    """What a detector says of each cell of 4x4 pixels of a padded page: h rows of w cells.

    centres: float32 [h, w], log odds that the centre of a symbol is in the cell.
    symbols: float32 [12, h, w], logits of `interface.SYMBOLS`, if there is one.
    boxes: float32 [4, h, w], its box: x and y of the box's centre, relative to the cell's, and
    logarithms of width and height, all in units of 16 pixels.
    """

    centres: NDArray[np.float32]
    symbols: NDArray[np.float32]
    boxes: NDArray[np.float32]


class DetectorModel(Model[DetectorMetadata]):
    """A detector of symbols; arguments and errors: see `Model`.

    >>> DetectorModel().maps(np.full((300, 150), 255, np.uint8)).boxes.shape
    (4, 76, 40)
    """

    kind = DetectorMetadata

    def _check_outputs(self) -> None:
        maps = self.maps(np.zeros((PAGE_MIN_SIDE, PAGE_MIN_SIDE + PAGE_MULTIPLE), np.uint8))
        if not all(np.isfinite(values).all() for values in maps):
            raise ModelError(f"{self.name} outputs invalid maps")

    def maps(self, page: NDArray[np.uint8]) -> Maps:
        """Look at a page.

        page: uint8 [height, width], 0 = black, 255 = white; at most 5 megapixels, 8192 a side. Its
        right and bottom edges are repeated until the sides are multiples of 16, and at least 32.
        Raises ValueError for another page, and ModelError if the network fails.
        """
        return run_maps(self._run, page)

    def _run(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        outputs = [output.name for output in DETECTOR.outputs]
        # A page takes up to 250 MB, which a worker with limited memory lacks for the next picture.
        return self.session.run({DETECTOR.input.name: pixels}, outputs, release_memory=True)


def run_maps(
    run: Callable[[NDArray[np.uint8]], Sequence[NDArray[np.float32]]],
    page: NDArray[np.uint8],
) -> Maps:
    """Pad a page, and run a network on it; see `DetectorModel.maps`.

    run: gets uint8 [1, 1, h, w], and returns all maps.
    """
    if page.dtype != np.uint8 or page.ndim != 2 or 0 in page.shape:
        raise ValueError(f"a page must be uint8 [h, w], not {page.dtype} {page.shape}")
    height, width = (
        max(PAGE_MIN_SIDE, -(-side // PAGE_MULTIPLE) * PAGE_MULTIPLE) for side in page.shape
    )
    if max(height, width) > DETECTOR_MAX_SIDE or height * width > PAGE_MAX_PIXELS:
        raise ValueError(f"a page of {page.shape[1]}x{page.shape[0]} pixels is too large")
    pads = (0, height - page.shape[0]), (0, width - page.shape[1])
    centres, symbols, boxes = run(np.pad(page, pads, "edge")[None, None])
    return Maps(centres[0, 0], symbols[0], boxes[0])
