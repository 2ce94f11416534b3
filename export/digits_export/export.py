"""From a checkpoint to proven ONNX files: measure first, write last."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

import digits
from digits import metadata, mnist
from digits.files import write_bytes, write_text
from digits.metadata import Kernels, Metadata
from digits.mnist import Split
from digits.model import open_session
from digits.terminal import complain, progress_bar
from digits_export import calibration, graph, verify
from digits_export.quantize import CALIBRATION_IMAGES, quantize
from digits_train import checkpoint, fit
from digits_train.run import Run

STATIC = f"int8 QDQ, static, per-channel weights, MinMax over {CALIBRATION_IMAGES} training digits"


@dataclass(frozen=True)
class Measured:
    """How well one form of the network reads. Shares are 0 to 1."""

    validation_accuracy: float
    test_accuracy: float
    test_calibration_error: float  # expected, of calibrated confidences
    rejection_threshold: float  # confidence that all but 0.5 % of the validation digits reach
    changed: int  # test digits that it reads differently from the checkpoint


@dataclass(frozen=True)
class Form:
    """One form of the network, run with one kind of kernels."""

    name: str  # checkpoint, fp32 or int8
    kernels: str  # torch, float or integer
    file: str
    bytes: int
    measured: Measured


@dataclass(frozen=True)
class Report:
    """What export.json holds."""

    temperature: float
    largest_difference: float  # of a probability, between fp32 and PyTorch
    forms: list[Form]


@dataclass(frozen=True)
class _Judge:
    """Measures every form on the same digits against the checkpoint's answers."""

    validation: Split
    test: Split
    answers: NDArray[np.int64]  # the checkpoint's, to the test digits

    def measure(self, validation: NDArray[np.float32], test: NDArray[np.float32]) -> Measured:
        """From the probabilities of the digits: float32 [n, 10] of each split."""
        return Measured(
            verify.accuracy(validation, self.validation),
            verify.accuracy(test, self.test),
            calibration.expected_error(test, self.test),
            calibration.rejection_threshold(validation),
            int((test.argmax(1) != self.answers).sum()),
        )


def export(
    run: Run,
    quantized: bool,
    data: Path | None,
    max_accuracy_drop: float,
) -> Report:
    """Write ARCHITECTURE.onnx, with `quantized` also ARCHITECTURE.int8.onnx, and export.json.

    max_accuracy_drop: validation accuracy that quantization may cost, in points.
    The files go into the run folder, by rename, after all of them have been checked.
    Raises DigitsError when the checkpoint can't be used, a check fails or a file can't be written.
    """
    loaded = checkpoint.load(run.checkpoint)
    if loaded.provenance.validation_accuracy is None:
        complain("the network trained on the validation digits too: what they say is too good")
    validation, test = mnist.load("validation", data), mnist.load("test", data)
    calibration_images = mnist.load("train", data).images[:CALIBRATION_IMAGES, None]
    with progress_bar() as bar:
        bar.add_task("exporting and verifying", total=None)
        network = loaded.model
        logits, test_logits = fit.predict(network, validation), fit.predict(network, test)
        temperature = calibration.temperature(logits, validation)
        own = [(scores / temperature).softmax(1).numpy() for scores in (logits, test_logits)]
        judge = _Judge(validation, test, own[1].argmax(1))

        float_graph = graph.build(network, temperature)
        verify.check_graph(float_graph)
        float_model = float_graph.SerializeToString()
        session = open_session(float_model, "float", threads=0)
        difference = verify.check_parity(session, network, temperature, validation.images)
        probabilities = verify.predict(session, validation)
        exact = judge.measure(probabilities, verify.predict(session, test))
        description = _describe(loaded, temperature, exact)
        file = run.folder / f"{loaded.provenance.architecture}.onnx"
        files = {file: metadata.append(float_model, description)}
        rows = [
            ("checkpoint", "torch", run.checkpoint, judge.measure(*own)),
            ("fp32", "float", file, exact),
        ]

        if quantized:
            model, results = _quantize(
                float_graph, calibration_images, network.kernels, judge, exact, max_accuracy_drop
            )
            description = _redescribe(description, network.kernels, results[network.kernels])
            file = file.with_suffix(".int8.onnx")
            files[file] = metadata.append(model, description)
            rows.extend(("int8", kernels, file, result) for kernels, result in results.items())

    for path, model in files.items():
        write_bytes(path, model)
    report = Report(temperature, difference, [_form(*row) for row in rows])
    write_text(run.folder / "export.json", json.dumps(dataclasses.asdict(report), indent=2) + "\n")
    return report


def _form(name: str, kernels: str, file: Path, measured: Measured) -> Form:
    return Form(name, kernels, str(file), file.stat().st_size, measured)


def _quantize(
    float_graph: onnx.ModelProto,
    images: NDArray[np.uint8],
    kernels: Kernels,
    judge: _Judge,
    exact: Measured,
    max_accuracy_drop: float,
) -> tuple[bytes, dict[Kernels, Measured]]:
    """The int8 file without its metadata, and how well it reads with each kind of kernels."""
    quantized = quantize(float_graph, images)
    verify.check_graph(quantized)
    model = quantized.SerializeToString()
    results: dict[Kernels, Measured] = {}
    # Clients in other languages run it with integer kernels unless told otherwise.
    for kind in dict.fromkeys([kernels, "integer"]):
        session = open_session(model, kind, threads=0)
        results[kind] = judge.measure(
            verify.predict(session, judge.validation), verify.predict(session, judge.test)
        )
        accuracy = results[kind].validation_accuracy
        verify.check_accuracy(kind, exact.validation_accuracy, accuracy, max_accuracy_drop)
    return model, results


def _describe(loaded: checkpoint.Checkpoint, temperature: float, measured: Measured) -> Metadata:
    """The metadata of the float file."""
    return Metadata(
        format_version=metadata.FORMAT_VERSION,
        architecture=loaded.provenance.architecture,
        digits_version=digits.__version__,
        recipe=json.dumps(loaded.provenance.recipe),
        seed=str(loaded.provenance.seed),
        data_sha256=json.dumps(loaded.provenance.data_sha256),
        training_digits=loaded.provenance.training_digits,
        teacher_sha256=loaded.provenance.teacher or "",
        checkpoint_sha256=loaded.sha256,
        quantization="none",
        kernels="float",
        temperature=round(temperature, 6),
        rejection_threshold=measured.rejection_threshold,
        validation_accuracy_float=measured.validation_accuracy,
        validation_accuracy=measured.validation_accuracy,
        test_accuracy_float=measured.test_accuracy,
        test_accuracy=measured.test_accuracy,
    )


def _redescribe(float_file: Metadata, kernels: Kernels, measured: Measured) -> Metadata:
    """The metadata of the int8 file."""
    return dataclasses.replace(
        float_file,
        quantization=STATIC,
        kernels=kernels,
        rejection_threshold=measured.rejection_threshold,
        validation_accuracy=measured.validation_accuracy,
        test_accuracy=measured.test_accuracy,
    )
