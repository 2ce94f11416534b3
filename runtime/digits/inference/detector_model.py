"""Run an ONNX file that finds the symbols of a page."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import (
    DETECTOR,
    PAGE_MAX_PIXELS,
    PAGE_MAX_SIDE,
    PAGE_MIN_SIDE,
    PAGE_MULTIPLE,
    STRIDE,
)
from digits.inference.metadata import DetectorMetadata
from digits.inference.model import Network

# For a page of any size, and for each pixel: the slowest Raspberry Pi takes a tenth of it.
_SECONDS, _SECONDS_PER_PIXEL = 30.0, 30 / 2**20
_MAX_BOX = 80.0  # units of 16 pixels, and a logarithm: its exponential is finite


class Maps(NamedTuple):
    """What a detector says of each cell of 4x4 pixels of a padded page; h and w are the cells.

    centres: float32 [h, w], log odds that the centre of a symbol is in the cell. symbols: float32
    [12, h, w], logits of `interface.SYMBOLS`, if there is one. boxes: float32 [4, h, w], its box: x
    and y of the box's centre, relative to the cell's, and logarithms of width and height, all in
    units of 16 pixels.
    """

    centres: NDArray[np.float32]
    symbols: NDArray[np.float32]
    boxes: NDArray[np.float32]


class DetectorModel(Network[DetectorMetadata]):
    """A detector of symbols; arguments and errors: see `Network`.

    >>> DetectorModel().maps(np.full((300, 150), 255, np.uint8)).boxes.shape
    (4, 76, 38)
    """

    kind = DetectorMetadata

    def _try(self) -> None:
        self.maps(np.zeros((PAGE_MIN_SIDE, PAGE_MIN_SIDE + PAGE_MULTIPLE), np.uint8))

    def maps(self, page: NDArray[np.uint8]) -> Maps:
        """Look at a page.

        page: uint8 [height, width], 0 = black, 255 = white; at most 5 megapixels, 8192 a side. Its
        right and bottom edges are repeated until the sides are multiples of 16, and at least 32.
        Raises ValueError for another page, and ModelError if the network fails or outputs anything
        but maps.
        """

        def run(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
            seconds = _SECONDS + _SECONDS_PER_PIXEL * pixels.size
            outputs = [output.name for output in DETECTOR.outputs]
            return self.session.run({DETECTOR.input.name: pixels}, outputs, seconds)

        return run_maps(run, page, self.name)


def run_maps(
    run: Callable[[NDArray[np.uint8]], Sequence[NDArray[np.float32]]],
    page: NDArray[np.uint8],
    name: str,
) -> Maps:
    """Pad a page, run a network on it, and check what it outputs; see `DetectorModel.maps`.

    run: gets uint8 [1, 1, h, w], and returns all maps. name: what errors call the network.
    """
    if page.dtype != np.uint8 or page.ndim != 2 or 0 in page.shape:
        raise ValueError(f"a page must be uint8 [h, w], not {page.dtype} {page.shape}")
    height, width = (
        max(PAGE_MIN_SIDE, -(-side // PAGE_MULTIPLE) * PAGE_MULTIPLE) for side in page.shape
    )
    if max(height, width) > PAGE_MAX_SIDE or height * width > PAGE_MAX_PIXELS:
        raise ValueError(f"a page of {page.shape[1]}x{page.shape[0]} pixels is too large")
    pads = (0, height - page.shape[0]), (0, width - page.shape[1])
    maps = run(np.pad(page, pads, "edge")[None, None])
    lengths = {"rows": height // STRIDE, "columns": width // STRIDE}
    are_valid = all(
        values.shape == (1, *output.sized(lengths)) and np.isfinite(values).all()
        for output, values in zip(DETECTOR.outputs, maps, strict=True)
    )
    centres, symbols, boxes = maps
    if not are_valid or np.abs(boxes).max() > _MAX_BOX:
        raise ModelError(f"{name} outputs invalid maps")
    return Maps(centres[0, 0], symbols[0], boxes[0])
