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
    unusable = f"{path} is not a usable {file.metadata.architecture}"
    try:
        model = models.build(file.metadata.architecture)
        stored = scan(source.content, source.name).tensors
        _unfold(model, _dequantize(stored), file.metadata)
        return Checkpoint(model.eval(), _provenance(file.metadata), file.sha256, is_folded=True)
    except DigitsError as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    except KeyError as error:
        raise ModelError(f"{unusable}: it has no {error}") from error
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        raise ModelError(f"{unusable}: {error}") from error


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
    parameters = {}
    for title, array in stored.items():
        name, dot, kind = title.rpartition(".")
        if kind == "int":
            scale = stored[f"{name}.scale"].astype(np.float64).reshape(-1)
            if len(scale) not in (1, len(array)):
                raise ValueError(f"{name} isn't that of a convolution or a dense layer")
            shaped = scale.reshape(-1, *[1] * (array.ndim - 1))
            parameters[name] = torch.from_numpy(array * shaped)
        elif title == "scale" or (
            dot and kind not in ("scale", "zero") and not name.startswith("calibration")
        ):
            parameters[title] = torch.from_numpy(array.astype(np.float64))
    return parameters


class _Trace:
    """What a blank picture meets in a network.

    norms: of each convolution, the batch norm that reads what it computes; both by name. first: the
    first layer with weights. shift: what normalization makes of 0.
    """

    def __init__(self, model: AnyNetwork) -> None:
        self.norms: dict[str, str] = {}
        self.first, self.shift = "", 0.0
        self._outputs: list[tuple[Tensor, str]] = []
        with ExitStack() as hooks:
            for path, layer in model.named_modules():
                if isinstance(layer, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
                    meet = partial(self._meet, path)
                    hooks.enter_context(layer.register_forward_hook(meet))
            model.eval()(torch.zeros(1, 1, model.side, model.side, dtype=torch.uint8))

    def _meet(self, path: str, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if isinstance(layer, nn.BatchNorm2d):
            self.norms |= {name: path for tensor, name in self._outputs if tensor is inputs[0]}
            return
        if not self.first:
            self.first, self.shift = path, inputs[0].flatten()[0].item()
        self._outputs.append((output, path))


@torch.no_grad()
def _unfold(model: AnyNetwork, parameters: dict[str, Tensor], about: metadata.AnyMetadata) -> None:
    """Set the network's weights: undo what PyTorch's exporter and `digits_export.optimize` do."""
    recipe = getattr(model, "recipes", {}).get("default")
    trace = _Trace(model)
    is_normalized = parameters.pop("scale", None) is not None  # that of the pixels
    for path, layer in model.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        after = trace.norms.get(path)
        is_folded = after and f"{after}.running_var" not in parameters
        norm = model.get_submodule(after) if after and is_folded else None
        weight, bias = _pop(parameters, path, layer, about.temperature)
        if path == trace.first and is_normalized:
            bias = bias - trace.shift * weight.flatten(1).sum(1)
        _set(path, layer, norm, weight, bias, recipe)
    state = model.state_dict()
    for name, values in parameters.items():
        if name not in state or state[name].shape != values.shape:
            raise ValueError(f"{name} is unknown")
        state[name].copy_(values)
    model.load_weights(state)  # which checks that they are finite


def _pop(
    parameters: dict[str, Tensor], path: str, layer: Any, temperature: float
) -> tuple[Tensor, Tensor]:
    """Take a layer's weight and bias, without what was merged with them for speed."""
    weight = parameters.pop(f"{path}.weight")
    bias = parameters.pop(f"{path}.bias", torch.zeros(len(weight)))
    if bias.shape != weight.shape[:1]:
        raise ValueError(f"{path}.bias is {[*bias.shape]}, not {[*weight.shape[:1]]}")
    if len(weight) == len(layer.weight) + 1:  # the calibration, which adds "no digit"
        weight, bias = weight[:-1] * temperature, bias[:-1] * temperature
    if len(weight) == 4 * len(layer.weight):  # shifted to each position of a 2x2 pool
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


def _set(
    path: str,
    layer: Any,
    following: Any,
    weight: Tensor,
    bias: Tensor,
    recipe: BaseRecipe | None,
) -> None:
    """Set a layer's weights; the bias is the batch norm's, if one follows."""
    if weight.shape != layer.weight.shape:
        raise ValueError(f"{path}.weight is {[*weight.shape]}, not {[*layer.weight.shape]}")
    if isinstance(following, nn.BatchNorm2d):
        scale = _usual_size(recipe, weight[0].numel()) / weight.flatten(1).norm(dim=1)
        scale = torch.where(scale.isfinite(), scale, 1.0)
        weight = weight * scale.view(-1, 1, 1, 1)
        following.reset_parameters()
        state = {"running_mean": -bias * scale, "running_var": scale**2 - following.eps}
        following.load_state_dict(state, strict=False)
        bias = torch.zeros_like(bias)
    layer.weight.copy_(weight)
    if layer.bias is not None:
        layer.bias.copy_(bias)
