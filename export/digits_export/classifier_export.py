"""A classifier as verified ONNX files, not yet written."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from digits.data.mnist import Splits
from digits.inference import metadata
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import Kernels, Metadata
from digits.inference.model import open_session
from digits.inference.model_file import check_model
from digits_export import graph, model_card, quantize, verify
from digits_export.evaluate import Evaluator, Probabilities, Variant
from digits_export.output import Output, provenance_metadata
from digits_train.checkpoint import Checkpoint
from digits_train.models import Network
from digits_train.run import RunDir


class Digits(NamedTuple):
    """The digits of a training. outliers: uint8 [n, 28, 28], images without a digit that the
    network hasn't seen, if it was trained to recognize such images.
    """

    splits: Splits
    outliers: NDArray[np.uint8] | None = None


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


def export_classifier(
    run: RunDir, loaded: Checkpoint, digits: Digits, quantized: bool, max_drop: float
) -> tuple[Report, Output]:
    """Make the files of a classifier, int8 too if `quantized`.

    max_drop: validation accuracy that int8 may cost, in percentage points. Raises ModelError if a
    check fails.
    """
    network, splits = loaded.model, digits.splits
    assert isinstance(network, Network)
    evaluator = Evaluator(network, splits["validation"], splits["test"], digits.outliers)
    float_artifact, difference = _export_float(run, loaded, evaluator)
    artifacts = [float_artifact]
    if quantized:
        images = splits["train"].images[: quantize.CALIBRATION_IMAGES, None]
        artifacts.append(_export_int8(loaded, images, float_artifact, evaluator, max_drop))
    variants = [evaluator.evaluate_checkpoint(run.checkpoint)]
    for artifact in artifacts:
        variants += artifact.variants
    report = Report(*evaluator.scaling, difference, variants)
    validated = loaded.provenance.validation_accuracy is not None
    card = model_card.render(artifacts[-1].metadata, variants, validated)
    files = [(artifact.path, artifact.file) for artifact in artifacts]
    # The clients of a server can't choose float kernels.
    served = files[-1] if artifacts[-1].metadata.kernels == "integer" else files[0]
    architecture = loaded.provenance.architecture
    return report, Output(report.to_dict(), card, files, served, architecture, CLASSIFIER)


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
    images: NDArray[np.uint8],
    exact: _Artifact,
    evaluator: Evaluator,
    max_drop: float,
) -> _Artifact:
    """Return the int8 file. images: uint8 [n, 1, 28, 28], for calibration. exact: the float one."""
    model = quantize.quantize(exact.graph, images)
    verify.check_graph(model)
    path, raw = exact.path.with_suffix(".int8.onnx"), model.SerializeToString()
    fastest = evaluator.network.kernels
    results = []
    # Clients in other languages run it with integer kernels by default.
    for kernels in dict.fromkeys([fastest, "integer"]):
        verify.check_interface(open_session(raw, kernels))
        variant, answers = evaluator.evaluate_file("int8", kernels, path, raw)
        results.append((variant, answers))
        verify.check_accuracy(kernels, exact.answers, answers, evaluator.validation, max_drop)
    how = quantize.description(len(images))
    temperature = evaluator.scaling.temperature
    about = _metadata(loaded, temperature, results[0][0], exact.variants[0], how, fastest)
    artifact = _make_artifact(path, model, about, results)
    verify.check_size(len(exact.file), len(artifact.file), model)
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
    return Metadata(
        **provenance_metadata(loaded),
        training_digits=loaded.provenance.training_digits,
        teacher_sha256=loaded.provenance.teacher or "",
        quantization=quantization,
        kernels=kernels,
        temperature=round(temperature, 6),
        rejection_threshold=variant.rejection_threshold,
        validation_accuracy_float=float_variant.validation_accuracy,
        validation_accuracy=variant.validation_accuracy,
        test_accuracy_float=float_variant.test_accuracy,
        test_accuracy=variant.test_accuracy,
    )
