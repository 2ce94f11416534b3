"""Errors, speed and size of each variant of a reader, on synthetic validation pages."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from digits.inference.interface import READER, SYMBOLS
from digits.inference.model import open_session
from digits.inference.reader_model import Maps, run_maps
from digits.reader.lattice import Arc
from digits.reader.page import read_page
from digits.reader.peaks import MapsFn
from digits_export import evaluate
from digits_export.reader_graph import MapScaling
from digits_train.matching import DetectionErrors, Found, LabelledPage
from digits_train.models.reader import Reader

# The share of the symbols that may be rejected, a little less than users would forgive (3 %).
REJECTION_RATE = 0.02

_LARGE, _SMALL = (1024, 1024), (150, 300)  # pixels: an A4 page at 100 dpi, and a crop


@dataclass(frozen=True)
class ReaderVariant:
    """One form of the reader. Numbers of symbols are those on all validation pages."""

    name: str  # checkpoint, fp32 or int8
    file: str
    bytes: int
    symbols: int
    missed: int
    wrong: int
    invented: int
    exact_pages: int
    rejection_threshold: float  # on confidence, which all but REJECTION_RATE of what is right have
    milliseconds: float  # a page of a megapixel, one thread, on the machine that exported
    crop_milliseconds: float  # 300x150 pixels

    @property
    def error(self) -> float:
        """The error rate: may be above 1."""
        return (self.missed + self.wrong + self.invented) / max(self.symbols, 1)


def evaluate_checkpoint(
    model: Reader, scaling: MapScaling, pages: Sequence[LabelledPage], path: Path
) -> ReaderVariant:
    """Evaluate the network itself, in PyTorch."""

    def maps(pixels: NDArray[np.uint8]) -> Maps:
        return run_maps(lambda page: torch_maps(model, scaling, page), pixels, path.name)

    return _evaluate("checkpoint", path, path.stat().st_size, pages, maps)


def evaluate_file(
    name: str, path: Path, content: bytes, pages: Sequence[LabelledPage]
) -> ReaderVariant:
    """Evaluate a file with float kernels, the fastest for it."""
    return _evaluate(name, path, len(content), pages, session_maps(content, path.name))


def session_maps(content: bytes, name: str) -> MapsFn:
    """Return the maps of an ONNX file as a function of a page, as `ReaderModel.maps`."""
    session = open_session(content, "float")
    return lambda pixels: run_maps(lambda page: onnx_maps(session, page), pixels, name)


def onnx_maps(
    session: onnxruntime.InferenceSession, page: NDArray[np.uint8]
) -> list[NDArray[np.float32]]:
    """Run a session. page: uint8 [1, 1, h, w], sides multiples of 8."""
    found: list[NDArray[np.float32]] = session.run(
        [output.name for output in READER.outputs], {READER.input.name: page}
    )
    return found


@torch.inference_mode()
def torch_maps(
    model: Reader, scaling: MapScaling, page: NDArray[np.uint8]
) -> list[NDArray[np.float32]]:
    """Run the network itself, and calibrate. page: as for `onnx_maps`."""
    centres, symbols, boxes = model(torch.tensor(page))
    centres = centres / scaling.centre_temperature + scaling.centre_shift
    return [part.numpy() for part in (centres, symbols / scaling.temperature, boxes)]


def _evaluate(
    name: str, path: Path, size: int, pages: Sequence[LabelledPage], maps: MapsFn
) -> ReaderVariant:
    errors, exact = DetectionErrors(), 0
    confidences: list[float] = []
    for page in pages:
        lines = read_page(page.pixels, maps)
        confidences += _add(errors, page, [arc for line in lines for row in line for arc in row])
        exact += [_text(line) for line in lines] == [
            "".join(line.split()) for line in page.text.splitlines()
        ]
    return ReaderVariant(
        name=name,
        file=str(path),
        bytes=size,
        symbols=errors.total,
        missed=errors.missed,
        wrong=errors.wrong,
        invented=errors.invented,
        exact_pages=exact,
        rejection_threshold=_threshold(confidences),
        milliseconds=_milliseconds(maps, _LARGE),
        crop_milliseconds=_milliseconds(maps, _SMALL),
    )


def _add(errors: DetectionErrors, page: LabelledPage, arcs: Sequence[Arc]) -> list[float]:
    """Count a page's errors. Returns the confidence of each digit that is right."""
    surest = sorted((arc for arc in arcs if arc.is_digit), key=lambda arc: -arc.score)
    found = Found(
        np.array([arc.box for arc in surest], np.float32).reshape(-1, 4),
        np.array([arc.symbols.argmax() for arc in surest], np.int64),
    )
    matched = page.match(found)
    errors.add(matched)
    return [
        float(arc.probabilities.max())
        for arc, symbol, partner in zip(surest, found.symbols, matched.partners, strict=True)
        if partner >= 0 and page.digits[partner] == symbol
    ]


def _text(line: Sequence[Sequence[Arc]]) -> str:
    """The symbols of a line, without the blanks between its columns."""
    return "".join(SYMBOLS[int(arc.symbols.argmax())] for column in line for arc in column)


def _threshold(confidences: Sequence[float]) -> float:
    if not confidences:
        return 0.0
    # Rounded down, so that rounding never rejects a symbol that reached it.
    return math.floor(1e4 * float(np.quantile(confidences, REJECTION_RATE))) / 1e4


def _milliseconds(maps: Callable[[NDArray[np.uint8]], object], shape: tuple[int, int]) -> float:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return evaluate.microseconds(lambda: maps(pixels)) / 1000
