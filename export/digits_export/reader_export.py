"""The exporter of readers, which judges them on synthetic validation pages."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from digits.inference.interface import PAGE_MULTIPLE, READER
from digits.inference.metadata import Kernels, ReaderMetadata
from digits.inference.model import Model, open_session
from digits.inference.model_file import BUNDLED
from digits.inference.reader_model import Maps, run_maps
from digits.reader.classify import classify_inks
from digits.reader.page import read_page
from digits.reader.pyramid import MapsFn
from digits.terminal import track
from digits_export import evaluate, model_card, quantize, verify
from digits_export.optimize import optimize
from digits_export.reader_calibrate import (
    UNSCALED,
    CalibratedReader,
    fit_number_temperature,
    fit_scaling,
    fit_weights,
    see,
)
from digits_export.report import ReaderVariant
from digits_train.checkpoint import Checkpoint
from digits_train.matching import LabelledPage, Match, confusion, score
from digits_train.models.reader import Reader
from digits_train.onnx_graph import to_onnx

# Percentage points that int8 may cost: of a few thousand symbols, some are as likely as not, and
# turn either way. One reader, rounded in five ways, made 16.3 to 16.8 % errors, and not fewer with
# more bits.
MAX_ERROR_RISE = 0.5
_LARGE, _SMALL = (1024, 1024), (150, 300)  # pixels: an A4 page at 100 dpi, and a crop
_PARITY_PAGES = 10


class ReaderExporter:
    """Calibrates a reader and judges every form on the same pages."""

    interface = READER
    metadata = ReaderMetadata
    max_difference = 1e-4  # in log odds and logits, of which most are below 10
    # onnxruntime would dequantize the weights at each run with integer kernels.
    int8_kernels: tuple[Kernels, ...] = ("float",)
    quantization = quantize.WEIGHTS_DESCRIPTION

    def __init__(
        self,
        loaded: Checkpoint,
        pages: Sequence[LabelledPage],
        number_pages: Sequence[LabelledPage],
        force: bool,
    ) -> None:
        """number_pages: with a number a line, to calibrate digits and whole numbers.

        force: whether int8 may read worse.
        """
        assert isinstance(loaded.model, Reader)
        self.loaded = loaded
        self._network, self._pages, self._force = loaded.model, pages, force
        model = optimize(to_onnx(CalibratedReader(self._network, UNSCALED), READER))
        unscaled = session_maps(model.SerializeToString(), "the exported graph")
        self.scaling = fit_scaling(pages, unscaled)
        self.calibrated = CalibratedReader(self._network, self.scaling)
        self.inputs = parity_inputs([page.pixels for page in pages[:_PARITY_PAGES]])

        def scaled(pixels: NDArray[np.uint8]) -> Maps:
            return Maps(*self.scaling.apply(*unscaled(pixels)))

        classify_bundled = partial(classify_inks, Model(BUNDLED, sha256=""))
        seen = see(number_pages, scaled)
        self._weights = fit_weights(seen, classify_bundled)
        self._number_temperature = fit_number_temperature(seen, classify_bundled, self._weights)

    def quantize(self, graph: onnx.ModelProto) -> onnx.ModelProto:
        return quantize.quantize_weights(graph)

    def evaluate(self, name: str, kernels: Kernels, path: Path, model: bytes) -> ReaderVariant:
        return judge(name, path, len(model), self._pages, session_maps(model, path.name))

    def describe(self, variant: ReaderVariant, exact: ReaderVariant) -> dict[str, Any]:
        provenance = self.loaded.provenance
        return {
            "training_pages": int(provenance.recipe["crops"]) * provenance.epoch,
            **{name: round(value, 6) for name, value in self.scaling._asdict().items()},
            "reader_weight": round(self._weights.reader, 6),
            "classifier_weight": round(self._weights.classifier, 6),
            "number_temperature": round(self._number_temperature, 6),
            "validation_pages": len(self._pages),
            "validation_symbols": variant.symbols,
            "validation_error_float": exact.error,
            "validation_error": variant.error,
        }

    def card(self, metadata: Any, variants: Sequence[ReaderVariant]) -> str:
        return model_card.render_reader(metadata, variants)

    def check_int8(self, exact: ReaderVariant, small: ReaderVariant) -> None:
        total = exact.symbols
        verify.check_errors(
            exact.error * total,
            small.error * total,
            total,
            MAX_ERROR_RISE,
            "validation pages",
            self._force,
        )


def parity_inputs(pages: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return noise of several sizes and pages, uint8 [h, w], as inputs of a network."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 300), np.uint8)
    inputs = []
    for page in (noise, noise[:32, :32], noise[:104, :56], *pages):
        height, width = (side - side % PAGE_MULTIPLE for side in page.shape)
        inputs.append(page[None, None, :height, :width])
    return inputs


def session_maps(content: bytes, name: str) -> MapsFn:
    """Return the maps of an ONNX file as a function of a page, as `ReaderModel.maps`."""
    run = verify.session_outputs(open_session(content, "float"), READER)
    return lambda pixels: run_maps(run, pixels, name)


def judge(
    name: str, path: Path, size: int, pages: Sequence[LabelledPage], maps: MapsFn
) -> ReaderVariant:
    """Evaluate a form by its maps. size: in bytes."""
    tracked = track(pages, len(pages), f"judging {name}")
    result = score(confusion(_match(page, maps) for page in tracked))
    large, small = (
        np.random.default_rng(0).integers(0, 256, shape, np.uint8) for shape in (_LARGE, _SMALL)
    )
    return ReaderVariant(
        name=name,
        file=str(path),
        bytes=size,
        **result._asdict(),
        milliseconds=evaluate.microseconds(lambda: maps(large)) / 1000,
        crop_milliseconds=evaluate.microseconds(lambda: maps(small)) / 1000,
        error=result.errors / max(result.symbols, 1),
    )


def _match(page: LabelledPage, maps: MapsFn) -> Match:
    """Read a page, and pair its digits with those that are there."""
    columns = chain.from_iterable(read_page(page.pixels, maps))
    digits = (arc for arc in chain.from_iterable(columns) if arc.is_digit)
    surest = sorted(digits, key=lambda arc: -arc.score)
    boxes = np.array([arc.box for arc in surest]).reshape(-1, 4)
    symbols = np.array([arc.symbols.argmax() for arc in surest], np.int64)
    return page.match(boxes, symbols)
