"""One training from the data to the run folder: check everything, then `train()`."""

import dataclasses
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import digits
from digits import mnist
from digits.errors import DigitsError, ModelError
from digits.mnist import Split
from digits_train import checkpoint, models, report, run
from digits_train.display import EpochBar
from digits_train.fit import Epoch, Training, fit, measure, predict
from digits_train.models import Network
from digits_train.recipe import Augmentation, Recipe
from digits_train.run import Run


@dataclass(frozen=True)
class Plan:
    """What decides the weights: the same plan on the same CPU gives the same ones."""

    architecture: str
    recipe: Recipe
    seed: int


def train(
    plan: Plan, device_name: str, data: Path | None, out: Path | None
) -> tuple[Run, dict[str, Any]]:
    """Train as planned, into `out` or a new folder under runs/. Returns the run and its summary.

    Raises DigitsError when something is missing, or the training is interrupted or diverges;
    the checkpoint of the last finished epoch is then kept.
    """
    device = choose_device(device_name)
    splits = _load(data)
    torch.manual_seed(plan.seed)
    training = start(plan, device)
    folder = run.create(plan.architecture, out)
    try:
        return folder, _train(plan, training, folder, [], splits)
    finally:
        with suppress(OSError):  # it holds something, as it should; if not, leave the name free
            folder.folder.rmdir()


def resume(folder: Run, device_name: str, data: Path | None) -> tuple[Run, dict[str, Any]]:
    """Go on after the last finished epoch of a run, as if it had never been interrupted.

    Raises ModelError when the folder isn't a run, and whatever `train` raises.
    """
    state = checkpoint.load_state(folder.state)
    device = choose_device(device_name)
    try:
        plan, history = _parse(state)
        training = start(plan, device)
        training.restore(state["training"])
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, DigitsError) as error:
        raise ModelError(f"{folder.state} is damaged, or of another version of digits") from error
    splits = _load(data)
    # The process may have died after state.pt was written and before the others were.
    _save(plan, training, folder, history)
    return folder, _train(plan, training, folder, history, splits)


def _parse(state: dict[str, Any]) -> tuple[Plan, list[Epoch]]:
    """The plan and the finished epochs in a state. Raises ValueError when they make no sense."""
    described = state["plan"]
    recipe = dict(described["recipe"])
    if recipe["augmentation"] is not None:
        recipe["augmentation"] = Augmentation(**recipe["augmentation"])
    plan = Plan(described["architecture"], Recipe(**recipe), described["seed"])
    history = [Epoch(**epoch) for epoch in state["history"]]
    if not 0 < state["training"]["epoch"] == len(history) <= plan.recipe.epochs:
        raise ValueError("the number of epochs makes no sense")
    if not all(weights.isfinite().all() for weights in state["training"]["model"].values()):
        raise ValueError("the weights are not finite")
    return plan, history


def start(plan: Plan, device: torch.device) -> Training:
    """A new network and its optimizer, on the device."""
    model = models.build(plan.architecture).to(device)
    if device.type == "cpu":
        torch.set_num_threads(model.threads)
    if device.type != "mps":  # whose convolutions got this layout's gradients wrong until 2025
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fused = device.type in ("cpu", "cuda")
    optimizer = torch.optim.Adam(model.parameters(), plan.recipe.learning_rate, fused=fused)
    return Training(model, optimizer)


def choose_device(name: str) -> torch.device:
    """Turn auto, cpu, cuda or mps into a device. Raises DigitsError when it isn't there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name]:
        raise DigitsError(f"PyTorch finds no {name} device here; --device auto takes what there is")
    return torch.device(name)


def _load(data: Path | None) -> dict[mnist.SplitName, Split]:
    return {
        "train": mnist.load("train", data),
        "validation": mnist.load("validation", data),
        "test": mnist.load("test", data),
    }


def _train(
    plan: Plan,
    training: Training,
    folder: Run,
    history: list[Epoch],
    splits: dict[mnist.SplitName, Split],
) -> dict[str, Any]:
    """Run the epochs that are left, saving after each; then evaluate and draw."""
    train, validation = splits["train"], splits["validation"]
    try:
        with EpochBar(training.epoch, plan.recipe.epochs, len(train)) as bar:
            for epoch in fit(training, plan.recipe, train, validation, bar.step):
                _save(plan, training, folder, [*history, epoch])
                history.append(epoch)
                bar.finish(epoch)
            logits = predict(training.model, validation)
            figures = _figures(training.model, history, logits, splits)
            summary = _describe(plan, training.model) | figures
            folder.write_summary(summary)
            _draw(folder, history, validation, logits)
    except KeyboardInterrupt:
        raise DigitsError(_interrupted(folder, history)) from None
    return summary


def _figures(
    model: Network,
    history: list[Epoch],
    validation_logits: Tensor,
    splits: dict[mnist.SplitName, Split],
) -> dict[str, Any]:
    validation = measure(validation_logits, splits["validation"])
    test = measure(predict(model, splits["test"]), splits["test"])
    return {
        "epochs": len(history),
        "seconds": round(sum(epoch.seconds for epoch in history), 1),
        "validation_loss": validation[0],
        "validation_accuracy": validation[1],
        "test_loss": test[0],
        "test_accuracy": test[1],
    }


def _describe(plan: Plan, model: nn.Module) -> dict[str, Any]:
    device = next(model.parameters()).device
    return {
        **dataclasses.asdict(plan),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "versions": {
            "digits": digits.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "data_sha256": mnist.SHA256,
    }


def _save(plan: Plan, training: Training, folder: Run, history: list[Epoch]) -> None:
    # state.pt goes first and holds everything: a kill between the files loses nothing, because
    # --resume writes the others again.
    checkpoint.save_state(
        folder.state,
        {
            "plan": dataclasses.asdict(plan),
            "training": training.state(),
            "history": [dataclasses.asdict(epoch) for epoch in history],
        },
    )
    checkpoint.save(
        folder.checkpoint,
        training.model,
        checkpoint.Provenance(
            architecture=plan.architecture,
            digits_version=digits.__version__,
            recipe=dataclasses.asdict(plan.recipe),
            seed=plan.seed,
            epoch=training.epoch,
            data_sha256=mnist.SHA256,
            validation_accuracy=history[-1].validation_accuracy,
        ),
    )
    folder.write_metrics(history)
    folder.write_summary(_describe(plan, training.model))


def _interrupted(folder: Run, history: list[Epoch]) -> str:
    if not folder.state.exists():
        return "interrupted before the first epoch was finished: nothing is kept"
    kept = f"{folder.checkpoint} holds epoch {len(history)}; " if history else ""
    return f"interrupted: {kept}go on with `digits train --resume {folder.folder}`"


def _draw(folder: Run, history: list[Epoch], validation: Split, logits: Tensor) -> None:
    report.curves(folder.folder / "curves.png", history)
    report.confusion(folder.folder / "confusion.png", validation.labels, logits.argmax(1).numpy())
    report.mistakes(folder.folder / "mistakes.png", validation, logits.softmax(1).numpy())
