"""What all networks have in common."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.functional import pad

from digits.models.metadata import Kernels
from digits_train.recipe import Recipe


class Normalize(nn.Module):
    """Pixels (0 to 255) to zero mean and unit variance over MNIST's training digits.

    The first convolution has no padding, so that this folds exactly into its weights. Dividing by
    255 alone was tried: `classic` lost 0.2 points on the validation digits.
    """

    mean = 0.1307  # of the training pixels, where 1 = full ink
    deviation = 0.3081

    def forward(self, images: Tensor) -> Tensor:
        return (images / 255 - self.mean) / self.deviation


NONE = 10  # the class of what is no digit


def with_none(logits: Tensor, none_logit: float = 0.0) -> Tensor:
    """The logits of the ten digits and, after them, of no digit: [n, 10] -> [n, 11].

    The latter is the same for all pictures, so that no digit is what looks like none of the ten. A
    network so learns how much a picture looks like a digit at all (the sum of the exponentials of
    its logits, the "free energy" of W. Liu et al., "Energy-based out-of-distribution detection",
    NeurIPS 2020), without a weight more.
    """
    return pad(logits, (0, 1), value=none_logit)


def probabilities(logits: Tensor, none_logit: float = 0.0) -> Tensor:
    """The ten digits' probabilities, float32 [n, 10], of logits [n, 10].

    What the network takes for no digit might be any: that class's probability is shared out evenly.
    """
    eleven = with_none(logits, none_logit).softmax(1)
    return eleven[:, :NONE] + eleven[:, NONE:] / NONE


class Network(nn.Sequential):
    """A chain of named layers from pixels to logits."""

    recipes: Mapping[str, Recipe]  # how to train it; `default` is what it gets without a word
    kernels: Kernels = "float"  # which of onnxruntime's kernels run the quantized file fastest
    threads: int | None = None  # for training on a CPU; None: one for each core
    mixed_precision: bool = False  # whether training gains from bfloat16 where the device has it

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of a state_dict, as they are: nothing is converted.

        Raises ValueError, which names the tensor, when one is missing or unknown, of another type
        or shape, or not finite.
        """
        own = self.state_dict()
        if strange := sorted(own.keys() ^ weights.keys()):
            raise ValueError(f"{strange[0]} is {'missing' if strange[0] in own else 'unknown'}")
        for name, tensor in own.items():
            found, expected = _kind(weights[name]), _kind(tensor)
            if found != expected:
                raise ValueError(f"{name} is {found}, not {expected}")
            if not weights[name].isfinite().all():
                raise ValueError(f"{name} has NaN or infinite weights")
        self.load_state_dict(weights)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
