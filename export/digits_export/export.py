"""Export a run: give its checkpoint, and the data to verify it on, to the exporter of its kind."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import digits
from digits.data import datasets
from digits.errors import DigitsError, ModelError
from digits.files import remove, write_all
from digits.inference.metadata import FORMAT_VERSION, AnyMetadata, add_metadata
from digits.inference.model_file import ModelBytes, check
from digits.inference.session import open_session
from digits.terminal import print_stderr, progress_bar
from digits.text import escape_control
from digits_export import model_card, triton, verify
from digits_export.classifier_export import ClassifierExporter
from digits_export.detector_export import DetectorExporter
from digits_export.optimize import optimize
from digits_export.quantize import quantize
from digits_export.recognizer_export import RecognizerExporter
from digits_export.report import Form, Report
from digits_train import calibration, checkpoint, comparison
from digits_train.checkpoint import Checkpoint
from digits_train.models import Detector, Network, Recognizer
from digits_train.onnx_graph import to_onnx
from digits_train.run import RunDir

Exporter = ClassifierExporter | DetectorExporter | RecognizerExporter


@dataclass(frozen=True)
class ExportConfig:
    """What to make of a checkpoint.

    quantize: whether to write an int8 file, too. triton: folder for a Triton model repository.
    architecture: the only one accepted; None for any. force: whether a network may read worse after
    fine-tuning, or as int8.
    """

    quantize: bool = False
    triton: Path | None = None
    architecture: str | None = None
    force: bool = False


def export_run(run: RunDir, config: ExportConfig, data: Path | None = None) -> Report:
    """Write ARCHITECTURE.onnx, ARCHITECTURE.int8.onnx if requested, export.json and MODEL_CARD.md.

    Writes to the run folder, atomically, after all checks; deletes the int8 file of an earlier
    export if it isn't replaced. data: for a classifier; others' pictures are drawn. Raises
    DigitsError if the checkpoint is unusable, a check fails or a file can't be written.
    """
    loaded = _load(run, config)
    provenance = loaded.provenance
    compared = comparison.load(run.summary) if provenance.recipe.get("own") else []
    for problem in filter(None, (each.problem for each in compared)):  # fine-tuning made it worse
        verify.refuse(f"{run.folder}: {problem}", config.force)
    path = run.folder / f"{provenance.architecture}.onnx"
    small_path = path.with_suffix(".int8.onnx")
    with progress_bar(visible=isinstance(loaded.model, Network)) as bar:  # others have their own
        bar.add_task("exporting and verifying", total=None)
        exporter = _make_exporter(loaded, data)
        graph = optimize(to_onnx(exporter.calibrated, exporter.interface))
        raw = verify.serialize(graph)
        difference = verify.check_parity(
            verify.session_outputs(open_session(raw, "float"), exporter.interface),
            verify.module_outputs(exporter.calibrated),
            exporter.inputs,
            exporter.max_difference,
        )
        exact = _make_artifact("fp32", path, raw, exporter)
        artifacts = [exact]
        if config.quantize:
            quantized = quantize(graph, exporter.calibration, exporter.float_layer)
            small = verify.serialize(quantized)
            artifacts.append(_make_artifact("int8", small_path, small, exporter, exact.forms[0]))
            for form in artifacts[1].forms:
                where = f"{exporter.judges} with {form['kernels']} kernels"
                errors = exporter.error(exact.forms[0]), exporter.error(form)
                verify.check_errors(*errors, exporter.total, exporter.max_drop, where, config.force)
    forms = [form for artifact in artifacts for form in artifact.forms]
    report = Report(exporter.scaling, difference, forms, exporter.columns)
    card = model_card.render(artifacts[-1].metadata, report.table())
    if compared:
        card += model_card.render_comparison(provenance.init, compared)

    files = {
        run.folder / "export.json": (json.dumps(report.to_dict(), indent=2) + "\n").encode(),
        **{artifact.path: artifact.file for artifact in artifacts},
        run.folder / "MODEL_CARD.md": card.encode(),
    }
    if config.triton is not None:
        # The clients of a server can't choose float kernels.
        served = artifacts[-1] if artifacts[-1].metadata.kernels == "integer" else exact
        name = provenance.architecture
        files |= triton.repository(config.triton, name, served.file, exporter.interface)
        print_stderr(f"{config.triton} will serve {served.path.name}")
    write_all(files)
    if not config.quantize:
        remove(small_path)
    return report


def _load(run: RunDir, config: ExportConfig) -> Checkpoint:
    """Load the checkpoint. Raises DigitsError if it isn't the wanted one, or can't be exported."""
    loaded = checkpoint.load(run.checkpoint)
    provenance = loaded.provenance
    if config.architecture not in (None, provenance.architecture):
        raise ModelError(
            f"{run.folder} contains {provenance.architecture}, not {config.architecture};"
            " name the run to export"
        )
    epochs = provenance.recipe.get("epochs")
    print_stderr(escape_control(f"exporting {run.folder}, epoch {provenance.epoch} of {epochs}"))
    if config.triton is not None and config.triton.exists() and not config.triton.is_dir():
        raise DigitsError(f"{config.triton} is not a folder")
    return loaded


def _make_exporter(loaded: Checkpoint, data: Path | None) -> Exporter:
    if isinstance(loaded.model, Recognizer):
        pages, crops = calibration.draw_number_pages(), calibration.draw_crops()
        return RecognizerExporter(loaded, calibration.draw_batches(), pages, crops)
    if isinstance(loaded.model, Detector):
        return DetectorExporter(loaded, calibration.draw_pages())
    provenance = loaded.provenance
    # The same data as in training: other splits might contain training digits.
    dataset = datasets.load(data, lambda error: print_stderr(f"warning: {error}"))
    trained_on = {**provenance.data_sha256}
    trained_on.pop(datasets.OWN_CHECKSUM_NAME, None)  # nothing is verified on them
    datasets.verify_checksums(dataset, trained_on, data)
    outliers = None
    if provenance.recipe.get("outlier_weight"):
        outliers = calibration.draw_outliers(dataset.splits["validation"])
    return ClassifierExporter(loaded, dataset.splits, outliers)


class _Artifact(NamedTuple):
    """A file that passed its checks. forms: with each kind of kernels, the fastest first."""

    path: Path
    file: bytes
    metadata: AnyMetadata
    forms: list[Form]


def _make_artifact(
    name: str, path: Path, raw: bytes, exporter: Exporter, exact: Form | None = None
) -> _Artifact:
    """Evaluate, describe and check a file. exact: the float file's figures, unless it is that."""
    kernels = exporter.int8_kernels if exact else ("float",)
    figures = [exporter.evaluate(raw, name, kind) for kind in kernels]
    provenance = exporter.loaded.provenance
    kind: Any = exporter.metadata
    metadata = kind(
        format_version=FORMAT_VERSION,
        architecture=provenance.architecture,
        digits_version=digits.__version__,
        recipe=json.dumps(provenance.recipe),
        seed=provenance.seed,
        data_sha256=json.dumps(provenance.data_sha256),
        checkpoint_sha256=exporter.loaded.sha256,
        quantization=exporter.quantization if exact else "none",
        kernels=kernels[0],
        **exporter.describe(figures[0], exact or figures[0]),
    )
    file = add_metadata(raw, metadata)
    check(ModelBytes(path.name, file), kind)  # never write what the runtime would refuse
    forms = [
        {"name": name, "kernels": kernel, "file": str(path), "bytes": len(file), **values}
        for kernel, values in zip(kernels, figures, strict=True)
    ]
    return _Artifact(path, file, metadata, forms)
