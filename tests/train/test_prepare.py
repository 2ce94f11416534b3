from dataclasses import replace

import pytest
import torch

from digits.errors import DigitsError
from digits_train import models, prepare
from digits_train.config import Recipe, TrainConfig
from digits_train.distributed import DistributedContext
from digits_train.metrics import EpochMetrics

CONFIG = TrainConfig("lenet5", Recipe("test", epochs=2, batch_size=10))
EPOCH = EpochMetrics(1, 0.1, 0.9, 0.2, 0.8, 1.0, 1000.0)
TWO = [EPOCH, replace(EPOCH, number=2)]
UNVALIDATED = replace(EPOCH, validation_loss=None, validation_accuracy=None)


@pytest.mark.parametrize(
    ("config", "history"),
    [
        (CONFIG, []),
        (CONFIG, TWO),
        (replace(CONFIG, patience=1), TWO),
        (replace(CONFIG, all_data=True), [UNVALIDATED]),
    ],
)
def test_consistent_history_is_accepted(config: TrainConfig, history: list[EpochMetrics]) -> None:
    prepare.check_history(config, history)


@pytest.mark.parametrize(
    ("config", "history", "message"),
    [
        (CONFIG, TWO[1:], "not numbered in order"),
        (CONFIG, TWO[::-1], "not numbered in order"),
        (CONFIG, [*TWO, replace(EPOCH, number=3)], "more epochs than configured"),
        (replace(CONFIG, all_data=True, patience=1), [UNVALIDATED], "patience without validation"),
        (replace(CONFIG, all_data=True), [EPOCH], "contradict all_data"),
        (CONFIG, [UNVALIDATED], "contradict all_data"),
    ],
)
def test_inconsistent_history_is_refused(
    config: TrainConfig, history: list[EpochMetrics], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        prepare.check_history(config, history)


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
    network: str, batch_size: int, world_size: int, fits: bool
) -> None:
    with torch.device("meta"):
        model = models.build(network)
    config = replace(CONFIG, recipe=replace(CONFIG.recipe, batch_size=batch_size))
    context = DistributedContext(torch.device("cpu"), world_size=world_size)
    if fits:
        prepare.check_batch(config, model, 840, context)
    else:
        with pytest.raises(DigitsError, match=f"batch size {batch_size} is too small"):
            prepare.check_batch(config, model, 840, context)


def test_precision_that_is_given_is_kept() -> None:
    cpu = torch.device("cpu")
    assert prepare.resolve_precision(replace(CONFIG, precision="bfloat16"), cpu) == "bfloat16"
    assert prepare.resolve_precision(CONFIG, cpu) == "float32"
