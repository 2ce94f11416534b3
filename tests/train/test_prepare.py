from dataclasses import replace

import pytest
import torch

from digits.data.mnist import Split
from digits.errors import DigitsError
from digits_train import models, prepare
from digits_train.config import Recipe, TrainConfig
from digits_train.distributed import DistributedContext
from digits_train.tasks.classification import Classification

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("network", "batch_size", "world_size", "fits"),
    [
        ("lenet5", 1, 1, True),
        ("lenet5", 3, 4, False),
        ("lenet5", 4, 4, True),
        ("vgg16", 1, 1, False),  # batch norm
        ("vgg16", 7, 4, False),
        ("vgg16", 8, 4, True),
    ],
)
def test_each_process_needs_enough_digits(
    network: str, batch_size: int, world_size: int, fits: bool, train_slice: Split
) -> None:
    with torch.device("meta"):
        model = models.build(network)
    digits = Split(train_slice.images[:840], train_slice.labels[:840])
    task = Classification(Recipe("test", epochs=2, batch_size=batch_size), digits, digits)
    dist = DistributedContext(CPU, world_size=world_size)
    if fits:
        prepare.check_batch(task, model, dist)
    else:
        with pytest.raises(DigitsError, match=f"batch size {batch_size} is too small"):
            prepare.check_batch(task, model, dist)


def test_precision_that_is_given_is_kept() -> None:
    config = TrainConfig("lenet5", Recipe("test", epochs=2))
    assert prepare.resolve_precision(replace(config, precision="bfloat16"), CPU) == "bfloat16"
    assert prepare.resolve_precision(config, CPU) == "float32"
