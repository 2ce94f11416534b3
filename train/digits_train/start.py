"""Finished weights to start a training from: of a run, or of an exported file.

`digits_export` folds batch norm, and for speed also the pixels' normalization and a classifier's
calibration, and may round weights to integers. That is undone here, so that the network computes
what the file does.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digits.errors import DigitsError, ModelError
from digits.inference import metadata, model_file
from digits.inference.scan import scan
from digits_train import checkpoint, models
from digits_train.checkpoint import Checkpoint, Provenance
from digits_train.config import BaseRecipe, from_dict
from digits_train.models import AnyNetwork
from digits_train.run import checkpoint_at

_BUNDLED = {"lenet5": model_file.BUNDLED, "reader": model_file.BUNDLED_READER}


def load_start(source: Path | None, architecture: str | None) -> Checkpoint:
    """The network, on the CPU and in evaluation mode, whose weights a training starts from.

    source: a run folder, its checkpoint, or an ONNX file of `digits export`; None for the bundled
    file. architecture: the only one accepted; None for any. Raises DigitsError if there is no such
    bundled file, or if the file is another network's or can't be used.
    """
    if source is None and architecture not in (None, *_BUNDLED):
        raise DigitsError(f"no {architecture} is bundled: name a run, or an exported ONNX file")
    path = checkpoint_at(source or Path(_BUNDLED[architecture or "lenet5"]))
    loaded = _load_export(path) if path.suffix.lower() == ".onnx" else checkpoint.load(path)
    actual = loaded.provenance.architecture
    if architecture not in (None, actual):
        raise DigitsError(f"{path} is a {actual}: a {architecture} can't start from its weights")
    return loaded


def restore_norms(model: AnyNetwork, run: Callable[[], object]) -> None:
    """Give each batch norm the statistics of its inputs, without changing what it computes.

    Exported files don't have them; without, a network computes something else in training. model:
    in evaluation mode. run: runs it on a batch of typical inputs; of several, the last counts.
    """

    @torch.no_grad()
    def restate(norm: Any, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0].float(), (0, 2, 3), correction=0)
        slope = norm.weight / (norm.running_var.double() + norm.eps).sqrt()
        norm.bias += slope * (mean - norm.running_mean)
        norm.weight.copy_(slope * (variance.double() + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    with ExitStack() as hooks:
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d) and norm.affine:
                hooks.enter_context(norm.register_forward_pre_hook(restate))
        run()


def _load_export(path: Path) -> Checkpoint:
    """Load an ONNX file. Its batch norms add a bias, and do nothing else."""
    source = model_file.read_file(path)
    file = model_file.inspect(source, sha256="")
    architecture = file.metadata.architecture
    try:
        model = models.build(architecture)
        stored = scan(source.content, source.name).tensors
        _unfold(model, _dequantize(stored), file.metadata.temperature)
        return Checkpoint(model.eval(), _provenance(file.metadata), file.sha256, is_folded=True)
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    except (LookupError, ValueError, TypeError, RuntimeError) as error:
        cause = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path} is not a usable {architecture}: {cause}") from error


def _provenance(about: metadata.AnyMetadata) -> Provenance:
    values = metadata.to_dict(about)
    values |= metadata.parse_objects(about, "its metadata")
    values |= {"epoch": values["recipe"]["epochs"], "init": None}
    if isinstance(about, metadata.ReaderMetadata):
        accuracy = max(0.0, 1 - about.validation_error)
        values |= {"training_digits": about.training_pages, "validation_accuracy": accuracy}
    return from_dict(Provenance, {name: values[name] for name in Provenance.__annotations__})


def _dequantize(stored: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The weights by their names in the network, float64."""
    weights = dict[str, Tensor]()
    for title, array in stored.items():
        name, dot, kind = title.rpartition(".")
        values = array.astype(np.float64)
        if kind == "int":
            scale = stored[f"{name}.scale"].reshape(-1, *[1] * (array.ndim - 1))
            if len(scale) not in (1, len(array)):
                raise ValueError(f"{name}.scale is {[*scale.shape]}")
            weights[name] = torch.from_numpy(values * scale.astype(np.float64))
        elif title == "scale" or (
            dot and kind not in ("scale", "zero") and not name.startswith("calibration")
        ):
            weights[title] = torch.from_numpy(values)
    return weights


def _trace(model: AnyNetwork) -> tuple[dict[str, str], str, float]:
    """What a blank picture meets in a network.

    Returns the batch norm that reads what a convolution computes, both by name; the first layer
    with weights; and what normalization makes of 0.
    """
    norms = dict[str, str]()
    layers = list[tuple[str, Tensor, Tensor]]()

    def meet(path: str, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if isinstance(layer, nn.BatchNorm2d):
            norms.update({name: path for name, _, maps in layers if maps is inputs[0]})
        else:
            layers.append((path, inputs[0], output))

    with ExitStack() as hooks:
        for path, layer in model.named_modules():
            if isinstance(layer, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
                hooks.enter_context(layer.register_forward_hook(partial(meet, path)))
        model.eval()(torch.zeros(1, 1, model.side, model.side, dtype=torch.uint8))
    first, pixels, _ = layers[0]
    return norms, first, pixels.flatten()[0].item()


@torch.no_grad()
def _unfold(model: AnyNetwork, stored: dict[str, Tensor], temperature: float) -> None:
    """Set the network's weights: undo what PyTorch's exporter and `digits_export.optimize` do."""
    norms, first, shift = _trace(model)
    state = model.state_dict()
    kinds = {name: tensor.dtype for name, tensor in state.items()}
    is_normalized = stored.pop("scale", None) is not None  # that of the pixels
    for path, layer in model.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        weight, bias = _pop(stored, path, len(layer.weight), temperature)
        if path == first and is_normalized:
            bias = bias - shift * weight.flatten(1).sum(1)
        norm = norms.get(path)
        if norm and f"{norm}.running_var" not in stored:
            size = _usual_size(model.recipes.get("default"), weight[0].numel())
            scale = size / weight.flatten(1).norm(dim=1)
            scale = torch.where(scale.isfinite(), scale, 1.0)
            weight = weight * scale.view(-1, 1, 1, 1)
            following: Any = model.get_submodule(norm)
            following.reset_parameters()
            state[f"{norm}.running_mean"] = -bias * scale
            state[f"{norm}.running_var"] = scale**2 - following.eps
            bias = torch.zeros_like(bias)
        state[f"{path}.weight"] = weight
        if layer.bias is not None:
            state[f"{path}.bias"] = bias
    state |= stored
    model.load_weights({name: state[name].to(kinds.get(name, torch.float)) for name in state})


def _pop(
    stored: dict[str, Tensor], path: str, outputs: int, temperature: float
) -> tuple[Tensor, Tensor]:
    """Take a layer's weight and bias, without what was merged with them for speed."""
    weight = stored.pop(f"{path}.weight")
    bias = stored.pop(f"{path}.bias", torch.zeros(len(weight)))
    if bias.shape != weight.shape[:1]:
        raise ValueError(f"{path}.bias is {[*bias.shape]}")
    if len(weight) == outputs + 1:  # the calibration, which adds "no digit"
        weight, bias = weight[:-1] * temperature, bias[:-1] * temperature
    if len(weight) == 4 * outputs:  # shifted to each position of a 2x2 pool
        weight, bias = weight[::4, :, :-1, :-1], bias[::4]
    return weight, bias


def _usual_size(recipe: BaseRecipe | None, inputs: int) -> float:
    """The norm that filters before a batch norm, which undoes any, have after a training.

    The smaller they are, the further a step of the optimizer turns them. AdamW's steps and weight
    decay balance where a weight is about as large as sqrt(rate / decay) / 2 (A. Kosson et al.,
    "Rotational equilibrium", 2023); otherwise it is a new filter's (`nn.Conv2d`).
    """
    if recipe and recipe.optimizer == "adamw" and recipe.weight_decay:
        return math.sqrt(inputs * recipe.learning_rate / recipe.weight_decay) / 2
    return 1 / math.sqrt(3)
