"""One training, from its plan or from where it stopped, to a run folder with everything in it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from digits.data import datasets
from digits.data.mnist import Split, Splits
from digits.errors import DigitsError, Interrupted, ModelError
from digits.terminal import complain
from digits_train import checkpoint, diagnose, prepare, record, run, world
from digits_train.display import EpochBar, show_network
from digits_train.fit import Epoch, Resources, Training, fit, predict
from digits_train.plan import Options, Plan, best, parse
from digits_train.record import Events, Machine
from digits_train.run import Run
from digits_train.typed import typed

# What a state of the right form with senseless contents raises when it is put to use.
_SENSELESS = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, DigitsError)

_PROBE = 1000  # training digits that show whether the moving average lags behind


class Outcome(NamedTuple):
    """What came of a training.

    summary: what is in run.json. failure: why a network that was trained to the end is of no use;
    None where it is.
    """

    run: Run
    summary: dict[str, Any]
    failure: str | None


def train(
    plan: Plan, options: Options, teacher: Path | None = None, out: Path | None = None
) -> Outcome | None:
    """Train as planned, into `out` or a new folder under runs/.

    Returns None in a process that only helps the leading one. Raises
    Interrupted after Ctrl-C; DigitsError when something is missing, or the training diverges; the
    checkpoint of the last finished epoch is then kept.
    """
    began = time.monotonic()
    teacher = run.checkpoint_at(teacher) if teacher else None
    with world.join(options.device) as here, _in_a_users_words(), ExitStack() as held:
        data = prepare.load(options.data, plan.all_data, here)
        splits = data.splits
        taught = here.lead(lambda: checkpoint.load(teacher) if teacher else None)
        plan = replace(
            plan,
            precision=prepare.precision(plan, here.device),
            teacher=taught.sha256 if taught else None,
            data_sha256=data.sha256,
        )
        training = prepare.start(plan, here.device)
        prepare.check_batch(plan, training.model, len(splits["train"]), here)
        resources = prepare.resources(plan, options, here, taught)

        def make_folder() -> Run:
            if options.tensorboard:
                Events.check()
            folder = held.enter_context(run.create(plan.architecture, out))
            try:
                if teacher:
                    folder.keep_teacher(teacher)
                # From here on, a kill at any moment can be resumed.
                record.save_state(folder, plan, training, [], [])
            except DigitsError:
                folder.discard()
                raise
            return folder

        folder = here.lead(make_folder)
        if here.leads:
            show_network(training.model)
        return _Session(began, plan, options, resources, splits, folder, training, [], []).work()


def resume(folder: Run, options: Options) -> Outcome | None:
    """Go on after the last finished epoch of a run, as if it had never been interrupted.

    Raises ModelError when the folder isn't a run, DigitsError when another process trains there,
    and whatever `train` raises.
    """
    began = time.monotonic()
    with world.join(options.device) as here, _in_a_users_words(), ExitStack() as held:
        # The folder may lie on the leading process's machine alone.
        here.lead(lambda: held.enter_context(folder.held()))
        state = here.lead(lambda: checkpoint.load_state(folder.state))
        try:
            plan = parse(state["plan"])
            history = [typed(Epoch, epoch) for epoch in state["history"]]
            machines = [typed(Machine, machine) for machine in state["machines"]]
            prepare.check_history(plan, history)
        except _SENSELESS as error:
            raise _damaged(folder, error) from error
        training = prepare.start(plan, here.device)
        try:
            training.restore(state["training"])
            if training.epoch != len(history):
                raise ValueError("the number of epochs makes no sense")
        except torch.cuda.OutOfMemoryError:
            raise
        except _SENSELESS as error:
            raise _damaged(folder, error) from error
        data = prepare.load(options.data, plan.all_data, here)
        datasets.check(data, plan.data_sha256, options.data)
        splits = data.splits
        taught = here.lead(lambda: checkpoint.load(folder.teacher) if plan.teacher else None)
        if taught and taught.sha256 != plan.teacher:
            raise ModelError(f"{folder.teacher} is not the teacher that this run began with")
        prepare.check_batch(plan, training.model, len(splits["train"]), here)
        resources = prepare.resources(plan, options, here, taught)
        return _Session(
            began, plan, options, resources, splits, folder, training, history, machines
        ).work()


def _damaged(folder: Run, error: Exception) -> ModelError:
    cause = f": {error}" if isinstance(error, ValueError) else ""
    return ModelError(f"{folder.state} is damaged, or of another version of digits{cause}")


@dataclass
class _Session:
    """A training with all that it needs."""

    began: float  # when the command was given, in time.monotonic's seconds
    plan: Plan
    options: Options
    resources: Resources
    splits: Splits
    folder: Run
    training: Training
    history: list[Epoch]
    machines: list[Machine]

    def work(self) -> Outcome | None:
        """Run the epochs that are left, saving after each; then evaluate and draw."""
        here = self.resources.world
        try:
            here.lead(self._tidy)
            self._fit()
            outcome = here.lead(self._conclude)
            return outcome if here.leads else None
        except KeyboardInterrupt:
            raise Interrupted(self._interrupted()) if here.leads else SystemExit(1) from None

    def _tidy(self) -> None:
        """A kill may have come while a file was written, or after state.pt alone was."""
        self.folder.sweep()
        if not self.history:
            return
        if self.plan.patience is not None and best(self.history) is not self.history[-1]:
            checkpoint.load(self.folder.checkpoint)  # state.pt doesn't hold the best epoch
        self._save()

    def _conclude(self) -> Outcome:
        # The checkpoint's network, because with --patience it isn't the last epoch's.
        here = self.resources.world
        result = prepare.place(checkpoint.load(self.folder.checkpoint).model, here.device)
        summary, read = record.conclude(
            self.folder, self.plan, result, self.machines, self.history, self.splits
        )
        train, done, recipe = self.splits["train"], len(self.history), self.plan.recipe
        kept = self.history[-1] if self.plan.patience is None else best(self.history)
        probe = Split(train.images[:_PROBE], train.labels[:_PROBE])
        if warning := diagnose.lag(record.evaluate(predict(result, probe), probe), kept):
            complain(f"warning: {warning}")
        failure = None
        if done == recipe.epochs or self._out_of_patience():
            steps = kept.number * recipe.steps(len(train))
            failure = diagnose.failure(read, kept, steps)
        return Outcome(self.folder, summary, failure)

    def _fit(self) -> None:
        here, done, recipe = self.resources.world, len(self.history), self.plan.recipe
        train, validation = self.splits["train"], self.splits.get("validation")
        if done == recipe.epochs or self._must_stop():
            return
        if here.leads and self.folder.exported:
            complain(f"{self.folder.folder} holds an export of epoch {done}: export it again")
        using = prepare.draw_pools(self.plan, self.resources, train)
        self.machines.append(record.machine(done + 1, here, self.options.compiled))
        written = self.options.tensorboard and here.leads
        events = Events(self.folder.folder if written else None, self.history)
        with EpochBar(done, recipe.epochs, len(train), shown=here.leads) as bar, events:
            try:
                with _in_a_users_words(self.options.compiled):
                    for epoch in fit(self.training, recipe, train, validation, using, bar.step):
                        self.history.append(epoch)
                        here.lead(self._save)
                        bar.finish(epoch)
                        events.add(epoch)
                        if self._must_stop():
                            return
            except DigitsError:  # in all processes, and one of them says so
                if not here.leads:
                    raise SystemExit(1) from None
                if not self.history:
                    self.folder.discard()
                raise

    def _must_stop(self) -> bool:
        """Whether no other epoch may begin. All processes come to the same answer."""
        here, done, epochs = self.resources.world, len(self.history), self.plan.recipe.epochs
        reason = here.broadcast(self._reason_to_stop()) if 0 < done < epochs else None
        if reason and here.leads:
            complain(f"stopped after epoch {done} of {epochs}: {reason}")
        return reason is not None

    def _reason_to_stop(self) -> str | None:
        if self._out_of_patience():
            kept = best(self.history).number
            return f"no better one in {self.plan.patience} epochs; epoch {kept} is kept"
        limit = self.options.max_minutes
        spent = time.monotonic() - self.began
        if limit is not None and spent + self.history[-1].seconds > limit * 60:
            return f"another epoch doesn't fit into {limit:g} minutes; --resume goes on"
        return None

    def _out_of_patience(self) -> bool:
        if self.plan.patience is None or not self.history:
            return False
        return len(self.history) - best(self.history).number >= self.plan.patience

    def _save(self) -> None:
        record.save_state(self.folder, self.plan, self.training, self.history, self.machines)
        if self.plan.patience is None or best(self.history) is self.history[-1]:
            digits = len(self.splits["train"])
            record.save_checkpoint(self.folder, self.plan, self.training, digits, self.history[-1])
        self.folder.write_metrics(self.history)
        self.folder.write_summary(record.describe(self.plan, self.training.result, self.machines))

    def _interrupted(self) -> str:
        finished = f"epoch {len(self.history)} is kept" if self.history else "in the first epoch"
        return f"interrupted: {finished}; go on with `digits train --resume {self.folder.folder}`"


@contextmanager
def _in_a_users_words(compiled: bool = False) -> Iterator[None]:
    """Turn PyTorch's error into a DigitsError where it is one that a user can mend."""
    try:
        yield
    except RuntimeError as error:
        cause = str(error).strip().partition("\n")[0]
        if isinstance(error, torch.cuda.OutOfMemoryError) or "allocate memory" in cause:
            advice = "too little memory: a smaller --batch-size may help"
        elif compiled:
            advice = "can't train with --compile"
        else:
            raise
        raise DigitsError(f"{advice} ({cause})") from error
