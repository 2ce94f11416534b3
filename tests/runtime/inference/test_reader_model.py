import numpy as np
import pytest

from digits.errors import ModelError
from digits.inference.interface import PAGE_MAX_PIXELS, PAGE_MAX_SIDE, SYMBOLS
from digits.inference.model_file import BUNDLED_READER
from digits.inference.reader_model import Maps, ReaderModel, run_maps


@pytest.fixture(scope="module")
def reader() -> ReaderModel:
    return ReaderModel(BUNDLED_READER)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)


def assert_equal(maps: Maps, expected: Maps) -> None:
    for values, expected_values in zip(maps, expected, strict=True):
        np.testing.assert_array_equal(values, expected_values)


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
    assert_equal(reader.maps(page), reader.maps(padded))
    assert_equal(reader.maps(page[::2, ::-1]), reader.maps(page[::2, ::-1].copy()))


def test_large_pages_are_an_error(reader: ReaderModel) -> None:
    """Before any memory is taken: these arrays have no content."""
    side = int(PAGE_MAX_PIXELS**0.5) + 8
    for shape in ((1, PAGE_MAX_SIDE + 1), (PAGE_MAX_SIDE + 1, 1), (side, side)):
        with pytest.raises(ValueError, match="is too large"):
            reader.maps(np.broadcast_to(np.uint8(0), shape))


@pytest.mark.parametrize("wrong", ["shape", "rank", "NaN", "boxes"])
def test_wrong_maps_are_an_error(wrong: str) -> None:
    """Even though the graph is checked."""
    maps = [np.zeros((1, n, 8, 8), np.float32) for n in (1, 12, 4)]
    run_maps(lambda _: maps, noise(32, 32), "x")
    if wrong == "shape":
        maps[1] = maps[1][:, :, :7]
    elif wrong == "rank":
        maps[0] = maps[0][0]
    else:
        maps[2][0, 3, 7, 7] = np.nan if wrong == "NaN" else 81
    with pytest.raises(ModelError, match="x outputs invalid maps"):
        run_maps(lambda _: maps, noise(32, 32), "x")
