"""Export a reader's checkpoint to verified ONNX files: check everything first, write last."""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import onnx

import digits
from digits.errors import DigitsError, ModelError
from digits.inference import metadata
from digits.inference.interface import READER
from digits.inference.metadata import ReaderMetadata
from digits.inference.model import open_session
from digits.inference.model_file import check_reader
from digits.terminal import progress_bar
from digits_export import output, reader_card, reader_graph, reader_quantize, verify
from digits_export.output import Output
from digits_export.quantize import QuantizationMethod
from digits_export.reader_calibrate import LabelledPage, fit_scaling
from digits_export.reader_evaluate import (
    ReaderVariant,
    evaluate_checkpoint,
    evaluate_file,
    onnx_maps,
    session_maps,
    torch_maps,
    validation_pages,
)
from digits_export.reader_graph import MapScaling
from digits_train.checkpoint import Checkpoint
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
    quantization: QuantizationMethod | None,
    max_drop: float,
    repository: Path | None,
) -> ReaderReport:
    """Write reader.onnx, reader.int8.onnx if requested, export.json and MODEL_CARD.md.

    quantization: None for a float file only; static, the default for classifiers, means weights
    too. max_drop: in percentage points, by which quantization may raise the error rate, if more
    than 0.2. Otherwise as `export.export_run`.
    """
    model = loaded.model
    assert isinstance(model, Reader)
    if quantization == "dynamic":
        raise DigitsError("a reader can't be quantized dynamically: use --quantize weights")
    with progress_bar() as bar:
        bar.add_task("drawing pages, exporting and verifying", total=None)
        pages = validation_pages()
        unscaled = reader_graph.build(model).SerializeToString()
        scaling = fit_scaling(pages, session_maps(unscaled, "the exported graph"))
        graph = reader_graph.build(model, scaling)
        difference = _check(graph, model, scaling, pages)
        path = run.folder / f"{loaded.provenance.architecture}.onnx"
        artifacts = [_make_artifact("fp32", path, graph, (loaded, scaling, pages))]
        if quantization:
            small = reader_quantize.quantize(graph)
            verify.check_graph(small)
            path = path.with_suffix(".int8.onnx")
            exact = artifacts[0].variant
            artifacts.append(_make_artifact("int8", path, small, (loaded, scaling, pages), exact))
            _check_int8(artifacts[0], artifacts[1], max_drop)
        variants = [evaluate_checkpoint(model, scaling, pages, run.checkpoint)]
    variants += [artifact.variant for artifact in artifacts]
    report = ReaderReport(*scaling, difference, variants)
    files = [(artifact.path, artifact.file) for artifact in artifacts]
    # With default options, onnxruntime would dequantize the weights of the other file at each run.
    served = files[0]
    card = reader_card.render(artifacts[-1].metadata, variants)
    architecture = loaded.provenance.architecture
    output.write(Output(report.to_dict(), card, files, served, architecture, READER), repository)
    return report


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
        [page.page for page in pages],
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
        format_version=metadata.FORMAT_VERSION,
        architecture=provenance.architecture,
        digits_version=digits.__version__,
        recipe=json.dumps(provenance.recipe),
        seed=provenance.seed,
        data_sha256=json.dumps(provenance.data_sha256),
        training_pages=int(provenance.recipe["crops"]) * provenance.epoch,
        checkpoint_sha256=loaded.sha256,
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
