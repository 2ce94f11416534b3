"""What is measured of a network: per epoch, and on a split of the data."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from digits.data.mnist import Split
from digits_train.models.network import with_none


@dataclass(frozen=True)
class EpochMetrics:
    """One pass over the training digits. Losses are mean cross-entropy in nats.

    That holds in a fine-tuning too, although the network then minimises something else.
    """

    number: int  # from 1
    train_loss: float
    train_accuracy: float  # 0 to 1, of the batches as they were trained on
    validation_loss: float
    validation_accuracy: float
    seconds: float = 0.0  # training and validation
    images_per_second: float = 0.0  # training alone

    @property
    def train_errors(self) -> float:
        return 1 - self.train_accuracy

    @property
    def validation_errors(self) -> float:
        return 1 - self.validation_accuracy

    def __str__(self) -> str:
        return (
            f"loss {self.train_loss:.4f}  accuracy {self.train_accuracy:.2%}"
            f"  validation loss {self.validation_loss:.4f}  accuracy {self.validation_accuracy:.2%}"
        )


@dataclass(frozen=True)
class DetectionMetrics:
    """An epoch of a reader. Losses are `detection_loss` per crop; errors are shares of the symbols.

    Only the validation crops tell the errors: no training crop is seen twice.
    """

    number: int  # from 1
    train_loss: float
    validation_loss: float
    validation_accuracy: float  # 0 to 1: found and read right
    validation_errors: float  # missed, invented or wrong: of a bad reader more than 1
    validation_missed: float
    validation_invented: float
    validation_wrong: float
    seconds: float = 0.0  # training and validation
    images_per_second: float = 0.0  # crops; training alone

    def __str__(self) -> str:
        return (
            f"loss {self.train_loss:.4f}  validation loss {self.validation_loss:.4f}"
            f"  errors {self.validation_errors:.2%}"
        )


Metrics = EpochMetrics | DetectionMetrics


@torch.inference_mode()
def predict(model: nn.Module, split: Split) -> Tensor:
    """The logits of all digits of a split: float32 [n, 10], on the CPU."""
    model.eval()
    images = torch.tensor(split.images[:, None], device=next(model.parameters()).device)
    return torch.cat([model(batch) for batch in torch.split(images, 1000)]).float().cpu()


def loss_and_accuracy(logits: Tensor, split: Split) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy (0 to 1), of logits [n, 10]."""
    labels = torch.from_numpy(split.labels.astype("int64"))
    accuracy = (logits.argmax(1) == labels).double().mean()
    return cross_entropy(with_none(logits), labels).item(), accuracy.item()
