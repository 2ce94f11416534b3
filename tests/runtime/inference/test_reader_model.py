from contextlib import nullcontext

import numpy as np
import pytest

from digits.errors import ModelError
from digits.inference.interface import PAGE_MAX_PIXELS, PAGE_MAX_SIDE, STRIDE, SYMBOLS
from digits.inference.model_file import BUNDLED_READER
from digits.inference.reader_model import ReaderModel, run_maps


@pytest.fixture(scope="module")
def reader() -> ReaderModel:
    return ReaderModel(BUNDLED_READER)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)


def blank(pixels: np.ndarray) -> list[np.ndarray]:
    """The maps of a network that sees nothing."""
    rows, columns = (side // STRIDE for side in pixels.shape[2:])
    return [np.zeros((1, channels, rows, columns), np.float32) for channels in (1, 12, 4)]


@pytest.mark.parametrize(
    ("page", "cells"),
    [((1, 1), (8, 8)), ((32, 40), (8, 10)), ((33, 41), (10, 12)), ((1, 700), (8, 176))],
)
def test_maps_cover_the_padded_page(
    reader: ReaderModel, page: tuple[int, int], cells: tuple[int, int]
) -> None:
    maps = reader.maps(noise(*page))
    assert maps.centres.shape == cells
    assert maps.symbols.shape == (len(SYMBOLS), *cells)
    assert maps.boxes.shape == (4, *cells)
    assert {part.dtype for part in maps} == {np.dtype(np.float32)}


def test_page_is_padded_with_its_edges(reader: ReaderModel) -> None:
    page = noise(37, 50)
    padded = np.pad(page, ((0, 3), (0, 6)), "edge")
    np.testing.assert_equal(reader.maps(page), reader.maps(padded))
    np.testing.assert_equal(reader.maps(page[::2, ::-1]), reader.maps(page[::2, ::-1].copy()))


LARGE, LARGEST = "pixels is too large", (PAGE_MAX_PIXELS // 2048, 2048)


@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        *((shape, np.uint8, "") for shape in ((1, PAGE_MAX_SIDE), (PAGE_MAX_SIDE, 1), LARGEST)),
        ((1, PAGE_MAX_SIDE + 1), np.uint8, f"a page of {PAGE_MAX_SIDE + 1}x1 {LARGE}"),
        ((PAGE_MAX_SIDE + 1, 1), np.uint8, LARGE),
        ((LARGEST[0] + 1, LARGEST[1]), np.uint8, LARGE),
        ((9, 0), np.uint8, "a page must be uint8"),
        ((9, 9, 1), np.uint8, "a page must be uint8"),
        ((9, 9), np.float32, "a page must be uint8"),
    ],
)
def test_pages_that_are_read(shape: tuple[int, ...], dtype: type, reason: str) -> None:
    page = np.broadcast_to(dtype(0), shape)
    with pytest.raises(ValueError, match=reason) if reason else nullcontext():
        assert run_maps(blank, page, "x").boxes.shape[0] == 4


@pytest.mark.parametrize("wrong", ["shape", "rank", "NaN", "boxes"])
def test_wrong_maps_are_an_error(wrong: str) -> None:
    """Even though the graph is checked."""
    maps = blank(np.zeros((1, 1, 32, 32)))
    maps[2][0, 3, 7, 7] = 80
    run_maps(lambda _: maps, noise(32, 32), "x")
    if wrong == "shape":
        maps[1] = maps[1][:, :, :7]
    elif wrong == "rank":
        maps[0] = maps[0][0]
    else:
        maps[2][0, 3, 7, 7] = np.nan if wrong == "NaN" else 80.1
    with pytest.raises(ModelError, match="x outputs invalid maps"):
        run_maps(lambda _: maps, noise(32, 32), "x")
