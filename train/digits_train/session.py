"""One training, from its plan or from where it stopped, to a run folder with everything in it."""

import copy
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from digits import mnist
from digits.errors import DigitsError, ModelError
from digits.terminal import complain
from digits_train import checkpoint, models, optimize, record, run, world
from digits_train.checkpoint import Checkpoint
from digits_train.display import EpochBar
from digits_train.fit import Epoch, Means, Training, fit
from digits_train.models import Network
from digits_train.plan import Options, Plan, Precision, best, parse
from digits_train.record import Events, Splits
from digits_train.run import Run
from digits_train.world import World

# What a state of the right form with senseless contents raises when it is put to use.
_SENSELESS = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, DigitsError)

Outcome = tuple[Run, dict[str, Any]]


def train(
    plan: Plan, options: Options, teacher: Path | None = None, out: Path | None = None
) -> Outcome | None:
    """Train as planned, into `out` or a new folder under runs/.

    Returns the run and its summary; None in a process that only helps the leading one. Raises
    DigitsError when something is missing, or the training is interrupted or diverges; the
    checkpoint of the last finished epoch is then kept.
    """
    with world.join(options.device) as here:
        splits = _load(options.data, plan.all_data, here)
        taught = here.share(checkpoint.load(teacher) if teacher and here.leads else None)
        plan = replace(
            plan,
            precision=_precision(plan, here.device),
            teacher=taught.sha256 if taught else None,
        )
        training = start(plan, here.device)
        means = _means(plan, options, here, taught)
        if options.tensorboard:
            Events.check()
        folder = here.share(run.create(plan.architecture, out) if here.leads else None)
        if here.leads:
            try:
                if teacher:
                    folder.keep_teacher(teacher)
                # From here on, a kill at any moment can be resumed.
                record.save_state(folder, plan, training, [])
            except DigitsError:
                folder.discard()
                raise
        return _Session(plan, options, means, splits, folder, training, []).work()


def resume(folder: Run, options: Options) -> Outcome | None:
    """Go on after the last finished epoch of a run, as if it had never been interrupted.

    Raises ModelError when the folder isn't a run, and whatever `train` raises.
    """
    with world.join(options.device) as here:
        # The folder may lie on the leading process's machine alone.
        state = here.share(checkpoint.load_state(folder.state) if here.leads else None)
        try:
            plan = parse(state["plan"])
            history = [Epoch(**epoch) for epoch in state["history"]]
            training = start(plan, here.device)
            training.restore(state["training"])
            _check(plan, training, history)
        except _SENSELESS as error:
            raise ModelError(
                f"{folder.state} is damaged, or of another version of digits"
            ) from error
        splits = _load(options.data, plan.all_data, here)
        taught = here.share(
            checkpoint.load(folder.teacher) if plan.teacher and here.leads else None
        )
        if taught and taught.sha256 != plan.teacher:
            raise ModelError(f"{folder.teacher} is not the teacher that this run began with")
        means = _means(plan, options, here, taught)
        return _Session(plan, options, means, splits, folder, training, history).work()


def start(plan: Plan, device: torch.device) -> Training:
    """A new network, its moving average and its optimizer, on the device."""
    torch.manual_seed(plan.seed)
    model = _place(models.build(plan.architecture), device)
    average = copy.deepcopy(model) if plan.recipe.average else None
    return Training(model, optimize.optimizer(model, plan.recipe), plan.seed, average)


@dataclass
class _Session:
    """A training with all that it needs."""

    plan: Plan
    options: Options
    means: Means
    splits: Splits
    folder: Run
    training: Training
    history: list[Epoch]

    def work(self) -> Outcome | None:
        """Run the epochs that are left, saving after each; then evaluate and draw."""
        here = self.means.world
        try:
            if here.leads and self.history:
                # A kill may have come while a file was written, or after state.pt alone was.
                self.folder.sweep()
                self._save()
            self._fit()
            if not here.leads:
                return None
            # The checkpoint's, because with --patience it isn't the last epoch's.
            result = _place(checkpoint.load(self.folder.checkpoint).model, here.device)
            summary = record.conclude(
                self.folder, self.plan, result, here, self.history, self.splits
            )
            return self.folder, summary
        except KeyboardInterrupt:
            raise DigitsError(self._interrupted()) from None
        except RuntimeError as error:
            raise _explained(error, self.options) from error

    def _fit(self) -> None:
        leads, epochs, began = self.means.world.leads, self.plan.recipe.epochs, len(self.history)
        train, validation = self.splits["train"], self.splits.get("validation")
        if self._out_of_patience():
            return
        events = Events(self.folder.folder if leads and self.options.tensorboard else None)
        with EpochBar(began, epochs, len(train), shown=leads) as bar, events:
            for epoch in fit(
                self.training, self.plan.recipe, train, validation, self.means, bar.step
            ):
                self.history.append(epoch)
                if leads:
                    self._save()
                bar.finish(epoch)
                events.add(epoch)
                if epoch.number < epochs and (reason := self._reason_to_stop(began)):
                    if leads:
                        complain(f"stopped after epoch {epoch.number} of {epochs}: {reason}")
                    break

    def _reason_to_stop(self, began: int) -> str | None:
        """Why not to start another epoch. All processes come to the same answer."""
        limit = self.options.max_minutes
        spent = sum(epoch.seconds for epoch in self.history[began:])
        if limit is not None and spent + self.history[-1].seconds > limit * 60:
            return f"another epoch doesn't fit into {limit:g} minutes; --resume goes on"
        if self._out_of_patience():
            kept = best(self.history).number
            return f"no better one in {self.plan.patience} epochs; epoch {kept} is kept"
        return None

    def _out_of_patience(self) -> bool:
        if self.plan.patience is None or not self.history:
            return False
        return len(self.history) - best(self.history).number >= self.plan.patience

    def _save(self) -> None:
        record.save_state(self.folder, self.plan, self.training, self.history)
        if self.plan.patience is None or best(self.history) is self.history[-1]:
            digits = len(self.splits["train"])
            record.save_checkpoint(self.folder, self.plan, self.training, digits, self.history[-1])
        self.folder.write_metrics(self.history)
        self.folder.write_summary(
            record.describe(self.plan, self.training.result, self.means.world)
        )

    def _interrupted(self) -> str:
        finished = f"epoch {len(self.history)} is kept" if self.history else "in the first epoch"
        return f"interrupted: {finished}; go on with `digits train --resume {self.folder.folder}`"


def _load(data: Path | None, all_data: bool, here: World) -> Splits:
    """The splits to train on, choose by (not with all_data) and report.

    One process after the other, because the first may have to fetch them.
    """
    if not here.leads:
        here.wait()
    splits: Splits = {name: mnist.load(name, data) for name in ("train", "validation", "test")}
    if here.leads:
        here.wait()
    if all_data:
        splits["train"] = mnist.join(splits["train"], splits.pop("validation"))
    return splits


def _precision(plan: Plan, device: torch.device) -> Precision:
    if plan.precision != "auto":
        return plan.precision
    gains = models.ARCHITECTURES[plan.architecture].mixed_precision
    return "bfloat16" if gains and world.has_bfloat16(device) else "float32"


def _means(plan: Plan, options: Options, here: World, taught: Checkpoint | None) -> Means:
    if taught and min(plan.recipe.sizes) < taught.model.smallest:
        raise DigitsError(
            f"a {taught.provenance.architecture} can't teach here: the recipe has digits of"
            f" {min(plan.recipe.sizes)} pixels, and it takes {taught.model.smallest} or more"
        )
    return Means(
        here,
        bfloat16=plan.precision == "bfloat16",
        compiled=options.compiled,
        teacher=_place(taught.model, here.device) if taught else None,
    )


def _place(model: Network, device: torch.device) -> Network:
    """The network on the device, in the layout in which convolutions are fastest there."""
    if device.type == "cpu" and model.threads and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(model.threads)
    if device.type != "mps":  # whose convolutions got this layout's gradients wrong until 2025
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.to(device)


def _explained(error: RuntimeError, options: Options) -> Exception:
    """PyTorch's error in a user's words, where it is one that a user can mend."""
    cause = str(error).strip().splitlines()[0]
    if isinstance(error, torch.cuda.OutOfMemoryError) or "allocate memory" in cause:
        return DigitsError(f"too little memory: a smaller --batch-size may help ({cause})")
    if options.compiled:
        return DigitsError(f"can't train with --compile; go on without it ({cause})")
    return error


def _check(plan: Plan, training: Training, history: list[Epoch]) -> None:
    """Raise ValueError where the parts of a state contradict each other."""
    if not training.epoch == len(history) <= plan.recipe.epochs:
        raise ValueError("the number of epochs makes no sense")
    weights = [*training.model.state_dict().values(), *training.result.state_dict().values()]
    if not all(weight.isfinite().all() for weight in weights):
        raise ValueError("the weights are not finite")
