"""Export a checkpoint to verified ONNX files: check everything first, write last."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import digits
from digits.data import datasets
from digits.data.mnist import Splits
from digits.errors import DigitsError, ModelError
from digits.inference import metadata
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import Kernels, Metadata
from digits.inference.model import open_session
from digits.inference.model_file import check_model
from digits.terminal import print_stderr, progress_bar
from digits.text import escape_control
from digits_export import graph, model_card, output, quantize, verify
from digits_export.calibrate import CalibrationMethod
from digits_export.evaluate import Evaluator, Probabilities, Variant
from digits_export.output import Output
from digits_export.reader_export import ReaderReport, export_reader
from digits_train import checkpoint
from digits_train.checkpoint import Checkpoint
from digits_train.models import Network
from digits_train.run import RunDir


@dataclass(frozen=True)
class ExportConfig:
    """What to make of a checkpoint.

    quantization: None for a float file only. max_accuracy_drop: validation accuracy that
    quantization may cost, in percentage points. triton: folder for a Triton model repository.
    architecture: the only one accepted; None for any.
    """

    quantization: quantize.QuantizationMethod | None = None
    calibration: CalibrationMethod = "minmax"
    calibration_images: int = quantize.CALIBRATION_IMAGES
    max_accuracy_drop: float = 0.05
    triton: Path | None = None
    architecture: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_accuracy_drop < math.inf:
            raise DigitsError(
                f"max accuracy drop must be finite and >= 0, got {self.max_accuracy_drop}"
            )


@dataclass(frozen=True)
class Report:
    """The results of an export."""

    temperature: float
    none_logit: float  # see `TemperatureScaling`
    largest_difference: float  # of a probability, between fp32 and PyTorch
    variants: list[Variant]

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of export.json, by its own keys."""
        keys = {"variants": "forms", "disagreement": "changed"}
        return dataclasses.asdict(
            self, dict_factory=lambda pairs: {keys.get(key, key): value for key, value in pairs}
        )


@dataclass(frozen=True)
class _Artifact:
    """A file that passed its checks."""

    path: Path
    graph: onnx.ModelProto
    file: bytes  # the graph with its metadata
    metadata: Metadata
    variants: list[Variant]  # with each kind of kernels
    answers: Probabilities  # of the first variant, to the validation digits


def export_run(
    run: RunDir, config: ExportConfig, data: Path | None = None
) -> Report | ReaderReport:
    """Write ARCHITECTURE.onnx, ARCHITECTURE.int8.onnx if requested, export.json and MODEL_CARD.md.

    Writes to the run folder, atomically, after all checks; deletes the int8 file of an earlier
    export if it isn't replaced. data: for a classifier; a reader's pages are drawn. Raises
    DigitsError if the checkpoint is unusable, a check fails or a file can't be written.
    """
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
    if isinstance(loaded.model, Network):
        return _export_classifier(run, loaded, loaded.model, config, data)
    return export_reader(run, loaded, config.quantization, config.max_accuracy_drop, config.triton)


def _export_classifier(
    run: RunDir, loaded: Checkpoint, network: Network, config: ExportConfig, data: Path | None
) -> Report:
    provenance = loaded.provenance
    validated = provenance.validation_accuracy is not None
    if not validated:
        print_stderr(
            "warning: trained on the validation digits too; accuracy on them is optimistic"
        )
    splits = _load_splits(loaded, data)
    with progress_bar() as bar:
        bar.add_task("exporting and verifying", total=None)
        knows_outliers = bool(provenance.recipe.get("outliers"))
        evaluator = Evaluator(network, splits["validation"], splits["test"], knows_outliers)
        float_artifact, difference = _export_float(run, loaded, evaluator)
        artifacts = [float_artifact]
        if config.quantization:
            images = splits["train"].images[: config.calibration_images, None]
            artifacts.append(_export_int8(loaded, config, images, float_artifact, evaluator))
        variants = [evaluator.evaluate_checkpoint(run.checkpoint)]
    for artifact in artifacts:
        variants += artifact.variants
    report = Report(*evaluator.scaling, difference, variants)
    card = model_card.render(artifacts[-1].metadata, variants, validated)
    files = [(artifact.path, artifact.file) for artifact in artifacts]
    # The clients of a server can't choose float kernels.
    served = files[-1] if artifacts[-1].metadata.kernels == "integer" else files[0]
    architecture = provenance.architecture
    output.write(
        Output(report.to_dict(), card, files, served, architecture, CLASSIFIER), config.triton
    )
    return report


def _load_splits(loaded: Checkpoint, data: Path | None) -> Splits:
    """Load the same data as in training: other splits might contain training digits."""
    found = datasets.load(data, lambda error: print_stderr(f"warning: {error}"))
    datasets.verify_checksums(found, loaded.provenance.data_sha256, data)
    return found.splits


def _export_float(run: RunDir, loaded: Checkpoint, evaluator: Evaluator) -> tuple[_Artifact, float]:
    """Return the float file, and its largest difference from PyTorch in a probability."""
    model = graph.build(evaluator.network, evaluator.scaling)
    verify.check_graph(model)
    raw = model.SerializeToString()
    session = open_session(raw, "float")
    verify.check_interface(session)
    difference = verify.check_parity(
        session, evaluator.network, evaluator.scaling, evaluator.validation.images
    )
    path = run.folder / f"{loaded.provenance.architecture}.onnx"
    result = variant, _ = evaluator.evaluate_file("fp32", "float", path, raw)
    about = _metadata(loaded, evaluator.scaling.temperature, variant, variant, "none", "float")
    return _make_artifact(path, model, about, [result]), difference


def _export_int8(
    loaded: Checkpoint,
    config: ExportConfig,
    images: NDArray[np.uint8],
    float_artifact: _Artifact,
    evaluator: Evaluator,
) -> _Artifact:
    """Return the int8 file. images: uint8 [n, 1, 28, 28], for calibration."""
    method = config.quantization
    assert method is not None
    model = quantize.quantize(float_artifact.graph, images, method, config.calibration)
    verify.check_graph(model)
    path, raw = float_artifact.path.with_suffix(".int8.onnx"), model.SerializeToString()
    kernels = quantize.KERNELS.get(method, evaluator.network.kernels)
    batch = 1 if method == "dynamic" else verify.BATCH_SIZE
    results = []
    # Clients in other languages run it with integer kernels by default.
    for kind in dict.fromkeys([kernels, "integer"]):
        verify.check_interface(open_session(raw, kind))
        variant, answers = evaluator.evaluate_file("int8", kind, path, raw, batch)
        results.append((variant, answers))
        verify.check_accuracy(
            kind, float_artifact.answers, answers, evaluator.validation, config.max_accuracy_drop
        )
    how = quantize.description(method, config.calibration, len(images))
    temperature = evaluator.scaling.temperature
    about = _metadata(loaded, temperature, results[0][0], float_artifact.variants[0], how, kernels)
    artifact = _make_artifact(path, model, about, results)
    verify.check_size(len(float_artifact.file), len(artifact.file), model)
    return artifact


def _make_artifact(
    path: Path,
    model: onnx.ModelProto,
    about: Metadata,
    results: list[tuple[Variant, Probabilities]],
) -> _Artifact:
    file = metadata.add_metadata(model.SerializeToString(), about)
    check_model(file, path.name)  # never write what the runtime would refuse
    variants = [dataclasses.replace(variant, bytes=len(file)) for variant, _ in results]
    return _Artifact(path, model, file, about, variants, answers=results[0][1])


def _metadata(
    loaded: Checkpoint,
    temperature: float,
    variant: Variant,
    float_variant: Variant,
    quantization: str,
    kernels: Kernels,
) -> Metadata:
    provenance = loaded.provenance
    return Metadata(
        format_version=metadata.FORMAT_VERSION,
        architecture=provenance.architecture,
        digits_version=digits.__version__,
        recipe=json.dumps(provenance.recipe),
        seed=provenance.seed,
        data_sha256=json.dumps(provenance.data_sha256),
        training_digits=provenance.training_digits,
        teacher_sha256=provenance.teacher or "",
        checkpoint_sha256=loaded.sha256,
        quantization=quantization,
        kernels=kernels,
        temperature=round(temperature, 6),
        rejection_threshold=variant.rejection_threshold,
        validation_accuracy_float=float_variant.validation_accuracy,
        validation_accuracy=variant.validation_accuracy,
        test_accuracy_float=float_variant.test_accuracy,
        test_accuracy=variant.test_accuracy,
    )
