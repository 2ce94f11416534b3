"""From a checkpoint to proven ONNX files: measure first, write last."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

import digits
from digits.data import datasets
from digits.data.mnist import Splits
from digits.errors import DigitsError, ModelError
from digits.files import remove, write_all
from digits.models import metadata
from digits.models.metadata import Kernels, Metadata
from digits.models.model import look_into, open_session
from digits.terminal import complain, printable, progress_bar
from digits_export import card, graph, quantize, ranges, triton, verify
from digits_export.judge import Form, Judge, Probabilities
from digits_train import checkpoint
from digits_train.checkpoint import Checkpoint
from digits_train.run import Run


@dataclass(frozen=True)
class Request:
    """What to make of a checkpoint.

    quantization: how; None for a float file alone. max_accuracy_drop: validation accuracy that
    quantization may cost, in points. triton: folder for a Triton model repository. architecture:
    the only one that is wanted, if any.
    """

    quantization: quantize.Method | None = None
    calibration: ranges.Method = "minmax"
    calibration_images: int = quantize.CALIBRATION_IMAGES
    max_accuracy_drop: float = 0.05
    triton: Path | None = None
    architecture: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_accuracy_drop < math.inf:
            raise DigitsError("the accuracy that may be lost is a number of points")


@dataclass(frozen=True)
class Report:
    """What export.json holds."""

    temperature: float
    none_logit: float  # of "no digit", see `calibration`
    largest_difference: float  # of a probability, between fp32 and PyTorch
    forms: list[Form]


@dataclass(frozen=True)
class _Product:
    """A file that has passed its checks."""

    path: Path
    graph: onnx.ModelProto
    file: bytes  # the graph with its metadata
    about: Metadata
    forms: list[Form]  # with each kind of kernels


def export(run: Run, request: Request, data: Path | None = None) -> Report:
    """Write ARCHITECTURE.onnx, ARCHITECTURE.int8.onnx where asked, export.json and MODEL_CARD.md.

    The files go into the run folder, by rename, after all of them have been checked; an int8 file
    of an earlier export that isn't made anew goes. Raises DigitsError when the checkpoint can't
    be used, a check fails or a file can't be written.
    """
    loaded = checkpoint.load(run.checkpoint)
    found = loaded.provenance.architecture
    if request.architecture not in (None, found):
        raise ModelError(f"{run.folder} holds a {found}, no {request.architecture}: name its run")
    epoch, epochs = loaded.provenance.epoch, loaded.provenance.recipe.get("epochs")
    complain(printable(f"exporting {run.folder}, epoch {epoch} of {epochs}"))
    validated = loaded.provenance.validation_accuracy is not None
    if not validated:
        complain("the network trained on the validation digits too: what they say is too good")
    if request.triton is not None and request.triton.exists() and not request.triton.is_dir():
        raise DigitsError(f"{request.triton} is not a folder")
    splits = _digits(loaded, data)
    with progress_bar() as bar:
        bar.add_task("exporting and verifying", total=None)
        taught = bool(loaded.provenance.recipe.get("outliers"))
        judge = Judge(loaded.model, splits["validation"], splits["test"], taught)
        exact, exact_answers, difference = _prove_float(run, loaded, judge)
        products = [exact]
        if request.quantization:
            images = splits["train"].images[: request.calibration_images, None]
            products.append(_prove_quantized(request, images, exact, exact_answers, judge))
        forms = [judge.checkpoint(run.checkpoint)]
    for product in products:
        size = len(product.file)
        forms += [dataclasses.replace(form, bytes=size) for form in product.forms]
    report = Report(*judge.calibration, difference, forms)
    model_card = card.write(products[-1].about, forms, validated)
    _write(run, report, model_card, products, request.triton)
    return report


def _digits(loaded: Checkpoint, data: Path | None) -> Splits:
    """Those that the network was trained with; others it may have trained on to the last one."""
    found = datasets.load(data, lambda error: complain(f"warning: {printable(str(error))}"))
    datasets.check(found, loaded.provenance.data_sha256, data)
    return found.splits


def _prove_float(
    run: Run, loaded: Checkpoint, judge: Judge
) -> tuple[_Product, Probabilities, float]:
    """The float file, its answers to the validation digits, and how far they are from PyTorch's."""
    model = graph.build(judge.network, judge.calibration)
    verify.check_graph(model)
    raw = model.SerializeToString()
    session = open_session(raw, "float")
    verify.check_interface(session)
    difference = verify.check_parity(
        session, judge.network, judge.calibration, judge.validation.images
    )
    path = run.folder / f"{loaded.provenance.architecture}.onnx"
    form, answers = judge.file("fp32", "float", path, raw)
    about = _describe(loaded, judge.calibration.temperature, form)
    file = metadata.append(raw, about)
    look_into(file, path.name)  # what the runtime would refuse is not written
    return _Product(path, model, file, about, [form]), answers, difference


def _prove_quantized(
    request: Request,
    images: NDArray[np.uint8],
    exact: _Product,
    exact_answers: Probabilities,
    judge: Judge,
) -> _Product:
    """The int8 file. images: uint8 [n, 1, 28, 28], with which static quantization is calibrated."""
    method = request.quantization
    assert method is not None
    model = quantize.quantize(exact.graph, images, method, request.calibration)
    verify.check_graph(model)
    path, raw = exact.path.with_suffix(".int8.onnx"), model.SerializeToString()
    kernels = quantize.KERNELS.get(method, judge.network.kernels)
    forms = []
    # Clients in other languages run it with integer kernels unless told otherwise.
    for kind in dict.fromkeys([kernels, "integer"]):
        verify.check_interface(open_session(raw, kind))
        batch = 1 if method == "dynamic" else verify.BATCH
        form, answers = judge.file("int8", kind, path, raw, batch)
        verify.check_accuracy(
            kind, exact_answers, answers, judge.validation, request.max_accuracy_drop
        )
        forms.append(form)
    how = quantize.describe(method, request.calibration, len(images))
    about = _redescribe(exact.about, how, kernels, forms[0])
    file = metadata.append(raw, about)
    look_into(file, path.name)
    verify.check_size(len(exact.file), len(file), model)
    return _Product(path, model, file, about, forms)


def _write(
    run: Run, report: Report, model_card: str, products: list[_Product], repository: Path | None
) -> None:
    smallest = products[-1]
    text = json.dumps(dataclasses.asdict(report), indent=2) + "\n"
    files = {run.folder / "export.json": text.encode()}
    files |= {product.path: product.file for product in products}
    files[run.folder / "MODEL_CARD.md"] = model_card.encode()
    # The clients of a server can't ask for float kernels.
    served = smallest if smallest.about.kernels == "integer" else products[0]
    if repository is not None:
        files |= triton.repository(repository, served.about.architecture, served.file)
    write_all(files)
    if repository is not None:
        complain(f"{repository} serves {served.path.name}, which default options run fastest")
    if len(products) == 1:
        remove(smallest.path.with_suffix(".int8.onnx"))


def _describe(loaded: Checkpoint, temperature: float, form: Form) -> Metadata:
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
        rejection_threshold=form.rejection_threshold,
        validation_accuracy_float=form.validation_accuracy,
        validation_accuracy=form.validation_accuracy,
        test_accuracy_float=form.test_accuracy,
        test_accuracy=form.test_accuracy,
    )


def _redescribe(float_file: Metadata, how: str, kernels: Kernels, form: Form) -> Metadata:
    """The metadata of the int8 file."""
    return dataclasses.replace(
        float_file,
        quantization=how,
        kernels=kernels,
        rejection_threshold=form.rejection_threshold,
        validation_accuracy=form.validation_accuracy,
        test_accuracy=form.test_accuracy,
    )
