"""What is measured of a network: per epoch, and on a split of the data."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from digits.data.mnist import Split
from digits_train.models.network import with_none

# An epoch's row of metrics.csv: these columns, and what a task adds (`digits_train.tasks`).
Metrics = dict[str, float]
_COMMON = {
    "number",  # from 1
    *("train_loss", "validation_loss"),  # means over the examples
    "validation_accuracy",  # 0 to 1
    "seconds",  # of training and validation
    "images_per_second",  # of training alone
}


def checked(epoch: Metrics) -> Metrics:
    """Raises ValueError, TypeError or AttributeError if they aren't an epoch's."""
    if not (epoch.keys() >= _COMMON and all(map(math.isfinite, epoch.values()))):
        raise ValueError("an epoch lacks metrics")
    return epoch


@torch.inference_mode()
def predict(model: nn.Module, split: Split) -> Tensor:
    """The logits of all digits of a split: float32 [n, 10], on the CPU."""
    model.eval()
    images = torch.tensor(split.images[:, None], device=next(model.parameters()).device)
    return torch.cat([model(batch) for batch in torch.split(images, 1000)]).float().cpu()


def scores(name: str, logits: Tensor, split: Split) -> Metrics:
    """Mean cross-entropy in nats, and accuracy (0 to 1), of logits [n, 10]. name: of the split."""
    labels = torch.from_numpy(split.labels.astype("int64"))
    loss = cross_entropy(with_none(logits), labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    return {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
