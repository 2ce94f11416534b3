"""A reader as verified ONNX files, not yet written."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import READER
from digits.inference.metadata import ReaderMetadata
from digits.inference.model import open_session
from digits.inference.model_file import check_reader
from digits_export import reader_card, reader_graph, reader_quantize, verify
from digits_export.output import Output, provenance_metadata
from digits_export.reader_calibrate import fit_scaling
from digits_export.reader_evaluate import (
    ReaderVariant,
    evaluate_checkpoint,
    evaluate_file,
    onnx_maps,
    session_maps,
    torch_maps,
)
from digits_export.reader_graph import MapScaling
from digits_train.checkpoint import Checkpoint
from digits_train.matching import LabelledPage
from digits_train.models.reader import Reader
from digits_train.run import RunDir

MAX_BYTES = 400_000  # of the quantized file, which is bundled

# Percentage points: of a few thousand symbols, some are as likely as not, and turn either way.
_MIN_ERROR_RISE = 0.2


@dataclass(frozen=True)
class ReaderReport:
    """The results of an export."""

    temperature: float  # see `MapScaling`, as for the next two
    centre_temperature: float
    centre_shift: float
    largest_difference: float  # of a value in a map, between fp32 and PyTorch
    variants: list[ReaderVariant]

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of export.json."""
        values = dataclasses.asdict(self)
        forms = values.pop("variants")
        rates = [variant.error for variant in self.variants]
        return values | {
            "forms": [form | {"error": rate} for form, rate in zip(forms, rates, strict=True)]
        }


class _Artifact(NamedTuple):
    """A file that passed its checks."""

    path: Path
    file: bytes  # the graph with its metadata
    metadata: ReaderMetadata
    variant: ReaderVariant


def export_reader(
    run: RunDir,
    loaded: Checkpoint,
    pages: Sequence[LabelledPage],
    quantized: bool,
    max_drop: float,
) -> tuple[ReaderReport, Output]:
    """Make the files of a reader, int8 too if `quantized`.

    pages: to calibrate and judge it on. max_drop: in percentage points, by which int8 may raise the
    error rate, if more than 0.2. Raises ModelError if a check fails.
    """
    model = loaded.model
    assert isinstance(model, Reader)
    unscaled = reader_graph.build(model).SerializeToString()
    scaling = fit_scaling(pages, session_maps(unscaled, "the exported graph"))
    graph = reader_graph.build(model, scaling)
    difference = _check(graph, model, scaling, pages)
    architecture = loaded.provenance.architecture
    path = run.folder / f"{architecture}.onnx"
    artifacts = [_make_artifact("fp32", path, graph, (loaded, scaling, pages))]
    if quantized:
        small = reader_quantize.quantize(graph)
        verify.check_graph(small)
        path = path.with_suffix(".int8.onnx")
        exact = artifacts[0].variant
        artifacts.append(_make_artifact("int8", path, small, (loaded, scaling, pages), exact))
        _check_int8(artifacts[0], artifacts[1], max_drop)
    variants = [evaluate_checkpoint(model, scaling, pages, run.checkpoint)]
    variants += [artifact.variant for artifact in artifacts]
    report = ReaderReport(*scaling, difference, variants)
    card = reader_card.render(artifacts[-1].metadata, variants)
    files = [(artifact.path, artifact.file) for artifact in artifacts]
    # With default options, onnxruntime would dequantize the weights of the other file at each run.
    served = files[0]
    return report, Output(report.to_dict(), card, files, served, architecture, READER)


def _check(
    graph: onnx.ModelProto, model: Reader, scaling: MapScaling, pages: Sequence[LabelledPage]
) -> float:
    """Check a float graph; return its largest difference from PyTorch."""
    verify.check_graph(graph)
    session = open_session(graph.SerializeToString(), "float")
    verify.check_interface(session, READER)
    return verify.check_map_parity(
        lambda page: onnx_maps(session, page),
        lambda page: torch_maps(model, scaling, page),
        [page.pixels for page in pages],
    )


def _make_artifact(
    name: str,
    path: Path,
    graph: onnx.ModelProto,
    source: tuple[Checkpoint, MapScaling, Sequence[LabelledPage]],
    exact: ReaderVariant | None = None,
) -> _Artifact:
    """Evaluate and describe a file. exact: the float file's results, unless it is that."""
    loaded, scaling, pages = source
    provenance, raw = loaded.provenance, graph.SerializeToString()
    variant = evaluate_file(name, path, raw, pages)
    about = ReaderMetadata(
        **provenance_metadata(loaded),
        training_pages=int(provenance.recipe["crops"]) * provenance.epoch,
        quantization=reader_quantize.DESCRIPTION if exact else "none",
        kernels="float",
        temperature=round(scaling.temperature, 6),
        centre_temperature=round(scaling.centre_temperature, 6),
        centre_shift=round(scaling.centre_shift, 6),
        rejection_threshold=variant.rejection_threshold,
        validation_pages=len(pages),
        validation_symbols=variant.symbols,
        validation_error_float=(exact or variant).error,
        validation_error=variant.error,
    )
    file = metadata.add_metadata(raw, about)
    check_reader(file, path.name)  # never write what the runtime would refuse
    return _Artifact(path, file, about, dataclasses.replace(variant, bytes=len(file)))


def _check_int8(exact: _Artifact, small: _Artifact, max_drop: float) -> None:
    """Raise ModelError if the int8 file is too large, or makes too many more errors."""
    if len(small.file) > MAX_BYTES:
        raise ModelError(
            f"the quantized file has {len(small.file):,} bytes; at most {MAX_BYTES:,} are allowed"
        )
    was, now, symbols = exact.variant.error, small.variant.error, exact.variant.symbols
    allowed = max(max_drop, _MIN_ERROR_RISE)
    if (now - was) * symbols > math.ceil(allowed / 100 * symbols - 1e-9) + 1e-6:
        raise ModelError(
            f"quantization raises the error rate on validation pages from {was:.2%} to {now:.2%};"
            f" at most {allowed} points are allowed (--max-accuracy-drop)"
        )
