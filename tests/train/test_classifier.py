"""The training loop, without run folders."""

from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from digits.data.split import Split
from digits.errors import DigitsError
from digits_train import checkpoint, models
from digits_train.distributed import CPU, DistributedContext
from digits_train.experiment import Experiment
from digits_train.recipes import ClassifierRecipe
from digits_train.state import SavedState, TrainState, init_state, load_state
from tests.train.short import distance, fit_digits

RECIPE = replace(
    models.LeNet5.recipes["quick"], epochs=3, batch_size=64, ema_decay=0.9, no_aug_fraction=0.0
)
PLAIN = ClassifierRecipe(name="test", epochs=1)


def begun(recipe: ClassifierRecipe = RECIPE, network: str = "lenet5") -> TrainState:
    return init_state(Experiment(network=network, recipe=recipe), CPU.device)


@pytest.mark.slow
def test_few_steps_of_layers_with_batch_norm_and_dropout(
    train_slice: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restored, they end with the same weights."""
    groups = ((8, 8), (16, 16), (16, 16, 16), (32, 32, 32), (32, 32, 512))
    monkeypatch.setattr(models.VGG16, "GROUPS", groups)
    digits, state = train_slice[:41], tmp_path / "state"
    whole, parts = (begun(replace(RECIPE, batch_size=21), "vgg16") for _ in range(2))
    assert len([*fit_digits(whole, digits)]) == 3 and whole.step == 6
    torch.manual_seed(999)
    next(fit_digits(parts, digits))
    parts.save(state)
    values, tensors, _ = checkpoint.read(state, SavedState)
    restored = load_state(state, values, tensors, CPU.device)
    assert [validated["number"] for validated in fit_digits(restored, digits)] == [2, 3]
    for first, second in ((whole.model, restored.model), (whole.eval_model, restored.eval_model)):
        torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        (replace(PLAIN, epochs=3, batch_size=64, learning_rate=10.0), "loss"),
        # In an epoch of one step the loss is computed before the step.
        (replace(PLAIN, batch_size=1000, learning_rate=1e9), "loss 2.*, validation loss nan; try"),
    ],
)
def test_divergence_is_an_error(
    train_slice: Split, recipe: ClassifierRecipe, complaint: str
) -> None:
    with pytest.raises(DigitsError, match=f"training diverged before epoch 1: {complaint}"):
        list(fit_digits(begun(recipe), train_slice))


@pytest.mark.parametrize("most", [None, 1e-3])
def test_long_gradients_are_scaled_down(train_slice: Split, most: float | None) -> None:
    recipe = replace(PLAIN, optimizer="sgd", learning_rate=0.1, max_gradient_norm=most)
    training = begun(recipe)
    before = {name: weight.clone() for name, weight in training.model.named_parameters()}
    [_] = fit_digits(training, train_slice[:100])
    step = distance(dict(training.model.named_parameters()), before)
    scaled = 0.1 * 1e-3 * (1 + 0.9)  # with Nesterov's momentum
    assert step == pytest.approx(scaled, rel=0.01) if most else step > 10 * scaled


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_fit_learns_on_gpu(train_slice: Split, test_slice: Split) -> None:
    recipe, dist = replace(RECIPE, epochs=30), DistributedContext(torch.device("cuda"))
    experiment = Experiment(network="vgg16", recipe=recipe, precision="bfloat16")
    *_, last = fit_digits(init_state(experiment, dist.device), train_slice, test_slice, dist)
    assert last["validation_accuracy"] > 0.8
