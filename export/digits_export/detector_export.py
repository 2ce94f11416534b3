"""How detectors are exported: calibrated and judged on synthetic validation pages."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.inference.detector_model import run_maps
from digits.inference.interface import DETECTOR, PAGE_MULTIPLE
from digits.inference.metadata import DetectorMetadata, Kernels
from digits.inference.session import open_session
from digits.reader.detections import concatenate
from digits.reader.page import find_symbols, read_symbols
from digits.reader.pyramid import MapsFn
from digits.terminal import track
from digits_export import verify
from digits_export.detector_calibration import CalibratedDetector, fit_scaling, match_digits
from digits_export.exporter import Exporter, Form
from digits_train.checkpoint import Checkpoint
from digits_train.data import held_out
from digits_train.symbols import LabelledPage, Match, confusion_matrix, score

_PARITY_PAGES = 10


class DetectorExporter(Exporter):
    """Synthetic pages, read as `digits read` does, judge a detector."""

    metadata = DetectorMetadata
    max_difference = 1e-4  # in log odds and logits, of which most are below 10
    # Of a few thousand symbols, some are as likely as not, and turn either way.
    max_drop, judges = 0.5, "validation pages"

    def __init__(self, loaded: Checkpoint, data: Path | None) -> None:
        super().__init__(loaded, data)
        self._pages = pages = held_out.draw_pages()
        self.total = sum(len(page.truth.symbols) for page in pages)
        run = verify.module_outputs(loaded.model)
        scaling = fit_scaling(pages, partial(run_maps, run))
        self.network = CalibratedDetector(loaded.model, scaling)
        some = [page.pixels for page in pages[:_PARITY_PAGES]]
        self.parity, self.calibration = parity_inputs(some), calibration_inputs(some, run)

        provenance = loaded.provenance
        self.facts = {
            "training_pages": provenance.progress * provenance.experiment.recipe.batch_size,
            **scaling._asdict(),
            "validation_pages": len(pages),
            "validation_symbols": self.total,
        }

    def evaluate(self, model: bytes, kernels: Kernels) -> dict[str, Any]:
        """The figures of a file, see `evaluate_pages`."""
        run = verify.session_outputs(open_session(model, kernels), DETECTOR)
        return evaluate_pages(self._pages, partial(run_maps, run))

    def error(self, form: Form) -> float:
        return float(form["validation_error"])


def parity_inputs(pages: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return noise of several sizes and pages, uint8 [h, w], as inputs of a network."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 300), np.uint8)
    pages = (noise, noise[:32, :32], noise[:104, :56], *pages)
    sides = ([side - side % PAGE_MULTIPLE for side in page.shape] for page in pages)
    return [page[None, None, :h, :w] for page, (h, w) in zip(pages, sides, strict=True)]


def calibration_inputs(
    pages: Sequence[NDArray[np.uint8]], run: verify.Network
) -> list[NDArray[np.uint8]]:
    """Return what a detector is shown of pages, uint8 [1, 1, h, w]: each in several sizes."""
    inputs: list[NDArray[np.uint8]] = []

    def record(pixels: NDArray[np.uint8]) -> Sequence[NDArray[np.float32]]:
        inputs.append(pixels)
        return run(pixels)

    for page in pages:
        find_symbols(page, partial(run_maps, record))
    return inputs


def evaluate_pages(pages: Sequence[LabelledPage], maps: MapsFn) -> dict[str, Any]:
    """The figures of a network by its maps.

    validation_error: the rate of errors, which may be above 1. symbols, missed, wrong, invented:
    counts on all pages.
    """
    result = score(
        confusion_matrix(_match(page, maps) for page in track(pages, len(pages), "judging"))
    )
    return {"validation_error": result.errors / max(result.symbols, 1), **result._asdict()}


def _match(page: LabelledPage, maps: MapsFn) -> Match:
    """Read a page, and pair its digits with those that are there."""
    columns = [*chain.from_iterable(read_symbols(page.pixels, maps))]
    if not columns:
        return page.match(np.zeros((0, 4)), np.zeros(0, np.int64))
    return match_digits(page, concatenate(columns))[1]
