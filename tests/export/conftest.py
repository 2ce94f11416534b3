"""Small networks, each trained, exported and quantized once for all tests of the exporter."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec.structs
import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from digits.data.split import Split
from digits.inference import interface
from digits.inference.interface import Interface
from digits.inference.metadata import ComputeType
from digits.inference.session import open_session
from digits_export import export
from digits_export.detector_calibration import CalibratedDetector, MapScaling
from digits_export.detector_export import parity_inputs
from digits_export.export import ExportConfig, Report, export_run
from digits_export.optimize import optimize
from digits_export.quantize import batches, quantize
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.classifier import Data, train_epochs
from digits_train.data import held_out, mnist
from digits_train.distributed import CPU
from digits_train.experiment import change, default_experiment
from digits_train.models import BaseNetwork, Detector, Network
from digits_train.onnx_graph import serialize, to_onnx
from digits_train.run import RunDir
from digits_train.state import init_state
from digits_train.tasks.detection import stacked
from tests.export.detector_pages import PAGES, drawn_page
from tests.train import subset_digits

INT8 = ExportConfig(quantize=True)


def provenance(network: str, recipe: str = "default", progress: int = 5) -> Provenance:
    experiment = default_experiment(network, recipe, seed=4)
    experiment = msgspec.structs.replace(experiment, data_sha256=mnist.SHA256)
    return Provenance("0.0", experiment, progress, 50_000, 0.9)


PROVENANCE = provenance("lenet5", "classic")
DETECTOR = provenance("detector", progress=500)
RECOGNIZER = provenance("recognizer", progress=600)

Graphs = dict[str, ir.Model]  # float and int8
Exported = tuple[Path, Report]  # the run's folder, which no test changes


SCALING, MAP_SCALING = TemperatureScaling(1.7, 2.5), MapScaling(0.7, 0.4, -2.5)


def classifier_graph(network: nn.Module, scaling: TemperatureScaling = SCALING) -> ir.Model:
    return optimize(to_onnx(CalibratedClassifier(network.eval(), scaling), interface.CLASSIFIER))


def stored(model: ir.Model) -> dict[str, np.ndarray]:
    values = {name: value.const_value for name, value in model.graph.initializers.items()}
    return {name: tensor.numpy() for name, tensor in values.items() if tensor is not None}


def outputs(
    model: ir.Model, pixels: np.ndarray, compute_type: ComputeType = "float"
) -> Sequence[np.ndarray]:
    session = open_session(serialize(model), compute_type)
    results: Sequence[np.ndarray] = session.run(None, {str(model.graph.inputs[0].name): pixels})
    return results


def save(folder: Path, network: BaseNetwork, about: Provenance = PROVENANCE) -> RunDir:
    run = RunDir(folder / "run")
    checkpoint.save(run.checkpoint, network, about)
    return run


@pytest.fixture(scope="session", autouse=True)
def to_onnx_once() -> Iterator[None]:
    """Each run of the same weights gets the graph that PyTorch, in up to ten seconds, once made."""
    made: dict[object, ir.Model] = {}

    def once(module: nn.Module, interface: Interface) -> ir.Model:
        weights = (tensor.numpy().tobytes() for tensor in module.state_dict().values())
        key = type(getattr(module, "network", module)), *weights
        if key not in made:
            made[key] = to_onnx(module, interface)
        return made[key].clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "to_onnx", once)
        yield


@pytest.fixture(scope="session")
def network(train_slice: Split) -> Network:
    """A LeNet-5 that has learnt the 800 training digits of `slice_as_mnist`."""
    longer = ("recipe.epochs=10", "recipe.batch_size=32", "recipe.learning_rate=2e-3")
    experiment = change(default_experiment("lenet5", "classic"), longer)
    few = train_slice[:800]
    training = init_state(experiment, CPU.device)
    list(train_epochs(training, Data(few, few, few)))
    assert isinstance(training.model, Network)
    return training.model.eval()


@pytest.fixture(scope="session")
def graphs(network: Network, train_slice: Split) -> Graphs:
    exact = classifier_graph(network)
    return {"float": exact, "int8": quantize(exact, batches(train_slice.images[:, None]))}


@pytest.fixture(scope="session")
def detector() -> Detector:
    """It has begun to find the sevens of simple pages."""
    torch.manual_seed(0)
    steps = 60
    model = Detector().train()
    optimizer = torch.optim.AdamW(model.parameters())
    for step in range(steps):
        batch = [drawn_page(1000 + 2 * step, 1), drawn_page(1001 + 2 * step, 2)]
        batch = [page._replace(pixels=page.pixels[:96, :112]) for page in batch]
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        optimizer.zero_grad()
        model.loss(model(stacked(batch)), model.targets(batch)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="session")
def detector_graphs(detector: Detector) -> Graphs:
    exact = optimize(to_onnx(CalibratedDetector(detector, MAP_SCALING), interface.DETECTOR))
    pages = parity_inputs([page.pixels for page in PAGES])
    return {"float": exact, "int8": quantize(exact, pages, detector.float_layers)}


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Exported:
    run = save(tmp_path_factory.mktemp("exported"), network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist, "load_all", subset_digits.load_all)
        return run.folder, export_run(run, INT8)


@pytest.fixture(scope="session")
def simple_pages() -> Iterator[None]:
    """Calibrate detectors on simple pages instead of the camera's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "draw_pages", lambda: PAGES)
        yield


@pytest.fixture(scope="session")
def exported_detector(
    tmp_path_factory: pytest.TempPathFactory, detector: Detector, simple_pages: None
) -> Exported:
    """Forced, as such a detector may lose a symbol."""
    run = save(tmp_path_factory.mktemp("detector"), detector, DETECTOR)
    return run.folder, export_run(run, replace(INT8, force=True))
