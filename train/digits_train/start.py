"""Finished weights to start a training from: of a run, or of an exported file.

`digits_export` folds batch norm, and for speed also the pixels' normalization and a classifier's
calibration, and may round weights to integers. That is undone here, so that the network computes
what the file does.
"""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digits.errors import DigitsError, ModelError
from digits.inference import model_file
from digits.inference.metadata import AnyMetadata
from digits_train import checkpoint, models
from digits_train.models import BaseNetwork, Normalize
from digits_train.recipes import BaseRecipe
from digits_train.run import checkpoint_at

_EPSILON = 1e-5  # that batch norm adds to variances


class Start(NamedTuple):
    """A network on the CPU, in evaluation mode. sha256: of its file."""

    network: str
    model: BaseNetwork
    sha256: str


def load_start(source: Path | None, network: str | None) -> Start:
    """The network whose weights a training starts from.

    source: a run folder, its checkpoint, or an ONNX file of `digits export`; None for the bundled
    file. network: the name of the only one accepted; None for any. Raises DigitsError if there is
    no such bundled file, or if the file is another network's or can't be used.
    """
    bundled = models.get_network(network or "lenet5").bundled
    if source is None and bundled is None:
        raise DigitsError(f"no {network} is bundled: name a run, or an exported ONNX file")
    path = checkpoint_at(source or Path(str(bundled)))
    if path.suffix.lower() == ".onnx":
        start = _load_export(path)
    else:
        loaded = checkpoint.load(path)
        start = Start(loaded.provenance.experiment.network, loaded.model, loaded.sha256)
    if network not in (None, start.network):
        raise DigitsError(f"{path} is a {start.network}: a {network} can't start from its weights")
    return start


@torch.no_grad()
def restore_norms(model: nn.Module, samples: Tensor) -> None:
    """Give each batch norm that lacks them the statistics of its inputs; it computes the same.

    Exported files don't have them; without, a network computes something else in training. samples:
    typical inputs. Leaves it in evaluation mode.
    """

    def restate(norm: Any, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0].float(), (0, 2, 3), correction=0)
        slope = norm.weight / (norm.running_var + norm.eps).sqrt()
        norm.bias += slope * (mean - norm.running_mean)
        norm.weight.copy_(slope * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    with ExitStack() as hooks:
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d) and norm.affine and norm.num_batches_tracked == 0:
                hooks.enter_context(norm.register_forward_pre_hook(restate))
        model.eval()(samples.to(next(model.parameters()).device))


def _load_export(path: Path) -> Start:
    source = model_file.read_file(path)
    file = model_file.check(source, AnyMetadata)
    name = file.metadata.architecture
    if name not in models.ARCHITECTURES or models.get_network(name).bundled is None:
        raise ModelError(f"{path} is a {name}: only its run can be a start, not its file")
    try:
        model = models.get_network(name)()
        stored = _dequantize(_read_weights(source.content))
        model.load_weights(_unfold(model, stored, file.metadata.temperature))
    except (LookupError, ValueError, TypeError, RuntimeError) as error:
        cause = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path} is not a usable {name}: {cause}") from error
    return Start(name, model.eval(), file.sha256)


def _read_weights(model: bytes) -> dict[str, NDArray[Any]]:
    """The stored tensors of an ONNX file by their names."""
    try:
        import onnx
    except ImportError as error:
        raise DigitsError(f'{error}: pip install "digits[train,export]"') from error
    tensors = onnx.load_from_string(model).graph.initializer
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in tensors}


def _dequantize(stored: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The weights by their names in the network, float64."""
    weights = {title: torch.from_numpy(array.astype(np.float64)) for title, array in stored.items()}
    for title in stored:
        name, _, kind = title.rpartition(".")
        if kind == "int":
            values, scale = weights[title], weights[f"{name}.scale"]
            if len(scale) not in (1, len(values)):
                raise ValueError(f"{name}.scale is {[*scale.shape]}")
            weights[name] = values * scale.view(-1, *[1] * (values.ndim - 1))
    return weights


def _unfold(model: BaseNetwork, stored: dict[str, Tensor], temperature: float) -> dict[str, Tensor]:
    """The network's state: undo what PyTorch's exporter and `digits_export.optimize` do."""
    state = model.state_dict()
    for path, layer in model.named_modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        weight, bias, outputs = stored[f"{path}.weight"], stored[f"{path}.bias"], len(layer.weight)
        if len(weight) == outputs + 1:  # merged with the calibration, which adds "no digit"
            weight, bias = weight[:-1] * temperature, bias[:-1] * temperature
        if len(weight) == 4 * outputs:  # shifted to each position of a 2x2 pool
            weight, bias = weight[::4, :, :-1, :-1], bias[::4]
        if path == "conv1":  # of LeNet-5: pixels that Normalize shifts, too
            bias = bias + Normalize.mean / Normalize.std * weight.flatten(1).sum(1)
        if layer.bias is None:  # a batch norm follows, which undoes any size of the filters
            norm = path.removesuffix("conv") + "norm"
            usual = _usual_size(weight[0].numel(), model.recipes["default"])
            scale = usual / weight.flatten(1).norm(dim=1).clamp(min=1e-6)
            weight = weight * scale.view(-1, 1, 1, 1)
            factor = math.sqrt(1 + _EPSILON) / scale
            state |= {f"{norm}.weight": factor.float(), f"{norm}.bias": bias.float()}
        else:
            state[f"{path}.bias"] = bias.float()
        state[f"{path}.weight"] = weight.float()
    return state


def _usual_size(inputs: int, recipe: BaseRecipe) -> float:
    """The norm that filters have after a training with AdamW.

    The smaller they are, the further a step of the optimizer turns them. AdamW's steps and weight
    decay balance where a weight is about as large as sqrt(rate / decay) / 2 (A. Kosson et al.,
    "Rotational equilibrium", 2023).
    """
    return math.sqrt(inputs * recipe.learning_rate / recipe.weight_decay) / 2
