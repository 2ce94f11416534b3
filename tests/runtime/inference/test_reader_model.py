import hashlib
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import PAGE_MAX_PIXELS, PAGE_MAX_SIDE, SYMBOLS
from digits.inference.model_file import BUNDLED_READER, ModelBytes, inspect, read_file
from digits.inference.reader_model import Maps, ReaderModel, run_maps
from digits.system import FLUSHES_DENORMALS
from tests.robustness import forgery

RAW = Path(BUNDLED_READER).read_bytes()
OWN = hashlib.sha256(RAW).hexdigest()
OTHER = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def reader() -> ReaderModel:
    return ReaderModel(BUNDLED_READER)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)


def assert_equal(found: Maps, expected: Maps) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not FLUSHES_DENORMALS, reason="needs x86-64 and Linux")
def test_denormal_numbers_cost_no_time() -> None:
    factors = {"small": np.full(1, 1e-20), "large": np.full(1, 1e38)}
    forged = forgery.reader(
        helper.make_node("Mul", ["pixels", "small"], ["tiny"]),
        helper.make_node("Relu", ["tiny"], ["first"]),  # so that no factors are combined
        helper.make_node("Mul", ["first", "small"], ["denormal"]),
        helper.make_node("Relu", ["denormal"], ["second"]),
        helper.make_node("Mul", ["second", "large"], ["visible"]),
        **{name: values.astype(np.float32) for name, values in factors.items()},
    )
    [centres] = [node for node in forged.graph.node if node.output[0] == "centres"]
    centres.input[0] = "visible"
    reader = ReaderModel(ModelBytes("it", forgery.sealed_reader(forged)))
    assert not reader.maps(np.full((32, 32), 1, np.uint8)).centres.any()
    assert (np.full(8, 1e-40, np.float32) * np.float32(0.5) > 0).all()


def test_bundled_reader_is_small() -> None:
    assert len(RAW) <= 400_000


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
    assert np.abs(reader.maps(np.pad(page, ((0, 3), (0, 6)))).centres).sum() != pytest.approx(
        np.abs(reader.maps(page).centres).sum()
    )


def test_strided_pages_are_read(reader: ReaderModel) -> None:
    page = noise(80, 96)
    assert_equal(reader.maps(page[::2, ::-1]), reader.maps(page[::2, ::-1].copy()))


@pytest.mark.parametrize(
    "page",
    [
        np.zeros((40, 40), np.float32),
        np.zeros((1, 40, 40), np.uint8),
        np.zeros((0, 40), np.uint8),
        np.zeros((40, 40, 3), np.uint8),
    ],
)
def test_other_arrays_are_an_error(reader: ReaderModel, page: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a page must be uint8"):
        reader.maps(page)


def test_large_pages_are_an_error(reader: ReaderModel) -> None:
    """Before any memory is taken: these arrays have no content."""
    side = int(PAGE_MAX_PIXELS**0.5) + 8
    for shape in ((1, PAGE_MAX_SIDE + 1), (PAGE_MAX_SIDE + 1, 1), (side, side)):
        with pytest.raises(ValueError, match="is too large"):
            reader.maps(np.broadcast_to(np.uint8(0), shape))


def test_threads_share_a_reader(reader: ReaderModel) -> None:
    page = noise(64, 72)
    expected = reader.maps(page)
    with ThreadPoolExecutor(4) as pool:
        for maps in pool.map(reader.maps, [page] * 8):
            assert_equal(maps, expected)


def test_invalid_threads_are_an_error() -> None:
    with pytest.raises(ValueError, match="threads must be >= 0, got -1"):
        ReaderModel(threads=-1)


@pytest.mark.parametrize("source", ["path", "bytes"])
def test_pickled_reader_gives_the_same_maps(tmp_path: Path, source: str) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(RAW)
    opened = ReaderModel(path if source == "path" else read_file(path), threads=2, sha256=OWN)
    if source == "bytes":
        path.unlink()
    again = pickle.loads(pickle.dumps(opened))
    assert (again.name, again.threads, again.sha256) == (str(path), 2, OWN)
    assert_equal(again.maps(noise(32, 32)), opened.maps(noise(32, 32)))


def test_environment_names_the_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    about = metadata.read_reader(RAW, "")._replace(seed=77)
    (tmp_path / "mine.onnx").write_bytes(metadata.add_metadata(RAW, about))
    monkeypatch.setenv("DIGITS_READER", str(tmp_path / "mine.onnx"))
    assert ReaderModel().metadata.seed == 77
    monkeypatch.setenv("DIGITS_READER", str(tmp_path / "gone.onnx"))
    with pytest.raises(ModelError, match=r"gone.onnx \(\$DIGITS_READER\): no such model"):
        ReaderModel()
    monkeypatch.setenv("DIGITS_MODEL", "nowhere.onnx")  # that of the classifier
    assert ReaderModel(tmp_path / "mine.onnx").metadata.seed == 77


def test_only_the_pinned_reader_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    mismatch = f"reader.int8.onnx is the wrong model: its SHA-256 is {OWN}, not {OTHER}"
    assert ReaderModel(sha256=OWN.upper()).sha256 == OWN
    with pytest.raises(ModelError, match=mismatch):
        ReaderModel(sha256=OTHER)
    monkeypatch.setenv("DIGITS_MODEL_SHA256", OTHER)  # that of the classifier
    assert ReaderModel().sha256 == ""
    monkeypatch.setenv("DIGITS_READER_SHA256", OTHER)
    with pytest.raises(ModelError, match=mismatch):
        ReaderModel()
    assert ReaderModel(sha256="").sha256 == ""  # an argument takes precedence
    monkeypatch.setenv("DIGITS_READER_SHA256", "12")
    with pytest.raises(ModelError, match=r"\$DIGITS_READER_SHA256 can't be '12'"):
        ReaderModel()


def test_inspect_uses_the_pin_of_the_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copy(BUNDLED_READER, tmp_path / "mine.onnx")
    found = inspect(tmp_path / "mine.onnx")
    assert (found.metadata.task, found.sha256) == ("reader", OWN)
    assert found.input == "page, tensor(uint8), ['batch', 1, 'height', 'width']"
    monkeypatch.setenv("DIGITS_MODEL_SHA256", OTHER)
    assert inspect(tmp_path / "mine.onnx") == found
    monkeypatch.setenv("DIGITS_READER_SHA256", OTHER)
    with pytest.raises(ModelError, match="is the wrong model"):
        inspect(tmp_path / "mine.onnx")
    assert inspect(tmp_path / "mine.onnx", OWN) == found
    (tmp_path / "mine.onnx").write_bytes(b"junk")
    with pytest.raises(ModelError, match="is the wrong model"):  # before anything is parsed
        inspect(tmp_path / "mine.onnx", OWN)


def test_bytes_need_no_file(tmp_path: Path) -> None:
    assert ReaderModel(ModelBytes("somewhere", RAW)).name == "somewhere"


@pytest.mark.parametrize("wrong", ["shape", "fewer", "NaN"])
def test_wrong_maps_are_an_error(wrong: str) -> None:
    """Even though the graph is checked."""
    maps: list[Any] = [np.zeros((1, n, 8, 8), np.float32) for n in (1, 12, 4)]
    run_maps(lambda _: maps, noise(32, 32), "x")
    if wrong == "shape":
        maps[1] = maps[1][:, :, :7]
    elif wrong == "NaN":
        maps[2][0, 3, 7, 7] = np.nan
    else:
        maps[0] = maps[0][0]
    with pytest.raises(ModelError, match="x outputs invalid maps"):
        run_maps(lambda _: maps, noise(32, 32), "x")


@pytest.mark.parametrize("error", [MemoryError, RuntimeError])
def test_onnxruntime_error_is_a_model_error(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = ReaderModel()

    class Failing:
        def run(self, *_: object) -> None:
            raise error("bad\nallocation")

    monkeypatch.setattr(opened, "_session", Failing())
    with pytest.raises(ModelError, match=r"onnxruntime can't run .*reader.int8.onnx: bad$"):
        opened.maps(noise(32, 32))


def test_graph_that_fails_to_load_is_refused(tmp_path: Path) -> None:
    model = forgery.reader()
    model.graph.node[1].input[0] = "page"  # integers, which onnxruntime doesn't average
    (tmp_path / "broken.onnx").write_bytes(forgery.sealed_reader(model))
    with pytest.raises(ModelError, match=r"onnxruntime can't load .*broken.onnx: .*AveragePool"):
        ReaderModel(tmp_path / "broken.onnx")
