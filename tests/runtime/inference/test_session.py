"""Runs of networks: how long they may take, and what a detector gets and answers."""

import math
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from digits.errors import ModelError
from digits.inference.detector_model import DetectorModel, run_maps
from digits.inference.interface import PAGE_MAX_PIXELS, PAGE_MAX_SIDE, STRIDE
from digits.inference.model_file import BUNDLED
from digits.inference.session import Session
from tests.robustness.sandbox import measured
from tests.waiting import wait_until


def session(run: Any) -> Session:
    """One whose network is a function that gets the options of the run."""
    opened = Session(Path(BUNDLED).read_bytes(), "it", "float")
    graph: Any = SimpleNamespace(run=lambda outputs, inputs, options: run(options))
    opened.graph = graph
    return opened


def endless(options: Any) -> None:
    """A run of onnxruntime that never ends by itself."""
    while not options.terminate:
        time.sleep(0.01)
    raise RuntimeError("the flag was set")


def watchdogs() -> list[Any]:
    return [thread for thread in threading.enumerate() if thread.name == "watchdog"]


@pytest.mark.slow
def test_what_runs_too_long_is_ended_and_nothing_else() -> None:
    ended = threading.Event()

    def wait(options: Any) -> bool:
        return ended.wait(60) and not options.terminate

    session(lambda _: None).run({}, [], 60.0)  # as when a model is opened, by one thread
    with ThreadPoolExecutor(1) as pool:
        patient: Any = pool.submit(session(wait).run, {}, [], 60.0)
        with pytest.raises(ModelError, match="^it is too slow: it ran for over 1 s$"):
            session(endless).run({}, [], 0.6)
        ended.set()
        assert patient.result()
    [watchdog] = watchdogs()
    wait_until(lambda: not watchdog.awake.is_set())
    with pytest.raises(ModelError, match="it is too slow"):
        session(endless).run({}, [], 0.1)
    assert watchdogs() == [watchdog]
    if hasattr(os, "fork"):
        if not (child := os.fork()):  # which has no threads
            session(lambda _: None).run({}, [], 60.0)
            os._exit(len(watchdogs()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_onnxruntime_error_is_a_model_error() -> None:
    def fail(_: object) -> None:
        raise MemoryError("bad\nallocation")

    with pytest.raises(ModelError, match="^onnxruntime can't run it: bad$"):
        session(fail).run({}, [], 60.0)


@pytest.mark.linux
@pytest.mark.slow
def test_memory_of_a_large_page_is_given_back() -> None:
    """Or a worker would have less for the next picture."""
    detector = DetectorModel()
    with measured() as first:
        detector.maps(np.zeros(LARGEST, np.uint8))
    with measured() as second:
        detector.maps(np.zeros(LARGEST, np.uint8))
    assert second.megabytes > first.megabytes / 2 > 0


PAGE = np.zeros((32, 32), np.uint8)


def blank(pixels: np.ndarray) -> list[np.ndarray]:
    """The maps of a network that sees nothing."""
    rows, columns = (side // STRIDE for side in pixels.shape[2:])
    return [np.zeros((1, channels, rows, columns), np.float32) for channels in (1, 12, 4)]


@pytest.mark.parametrize(
    ("shape", "padded"), [((1, 1), (32, 32)), ((32, 40), (32, 40)), ((33, 41), (40, 48))]
)
def test_page_is_padded_with_its_edges(shape: tuple[int, int], padded: tuple[int, int]) -> None:
    page = np.arange(math.prod(shape)).reshape(shape).astype(np.uint8)
    seen: list[np.ndarray] = []

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        seen.append(pixels)
        return blank(pixels)

    maps = run_maps(run, page, "x")
    more = [(0, after - before) for before, after in zip(shape, padded, strict=True)]
    np.testing.assert_equal(seen, [np.pad(page, more, "edge")[None, None]])
    cells = padded[0] // 4, padded[1] // 4
    assert [part.shape for part in maps] == [cells, (12, *cells), (4, *cells)]


LARGE, LARGEST = "pixels is too large", (PAGE_MAX_PIXELS // 2048, 2048)


@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        *((shape, np.uint8, "") for shape in ((1, PAGE_MAX_SIDE), (PAGE_MAX_SIDE, 1), LARGEST)),
        ((1, PAGE_MAX_SIDE + 1), np.uint8, f"a page of {PAGE_MAX_SIDE + 1}x1 {LARGE}"),
        ((LARGEST[0] + 1, LARGEST[1]), np.uint8, LARGE),
        ((9, 0), np.uint8, "a page must be uint8"),
        ((9, 9), np.float32, "a page must be uint8"),
    ],
)
def test_pages_that_are_read(shape: tuple[int, ...], dtype: type, reason: str) -> None:
    page = np.broadcast_to(dtype(0), shape)
    with pytest.raises(ValueError, match=reason) if reason else nullcontext():
        assert run_maps(blank, page, "x").boxes.shape[0] == 4


@pytest.mark.parametrize("largest", [80.1, np.nan])
def test_wrong_maps_are_an_error(largest: float) -> None:
    """Even though the graph is checked."""
    maps = blank(np.zeros((1, 1, 32, 32)))
    maps[2][0, 3, 7, 7] = 80
    run_maps(lambda _: maps, PAGE, "x")
    maps[2][0, 3, 7, 7] = largest
    with pytest.raises(ModelError, match="x outputs invalid maps"):
        run_maps(lambda _: maps, PAGE, "x")
