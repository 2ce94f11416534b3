"""One training run, new or resumed, to a run folder with all its files."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from digits.data import datasets
from digits.errors import DigitsError, Interrupted, ModelError
from digits.terminal import print_stderr
from digits_train import checkpoint, models, prepare, record
from digits_train.checkpoint import Checkpoint, TrainState
from digits_train.config import RuntimeOptions, TrainConfig, config_from_dict, from_dict
from digits_train.distributed import DistributedContext, init_distributed, to_device
from digits_train.fit import TrainContext, fit
from digits_train.metrics import Metrics, best_epoch
from digits_train.progress import ProgressBar, print_network
from digits_train.record import Environment, TensorBoardLogger
from digits_train.run import RunDir, checkpoint_at, create_run
from digits_train.tasks.task import Task

# What using a state raises whose structure is intact and whose values are not.
_CORRUPT_STATE = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, DigitsError)


class TrainResult(NamedTuple):
    """The result of a training.

    summary: the contents of run.json. failure: why a fully trained network is useless, or None.
    """

    run: RunDir
    summary: dict[str, Any]
    failure: str | None


def train(
    config: TrainConfig,
    options: RuntimeOptions,
    teacher_path: Path | None = None,
    out: Path | None = None,
    init_path: Path | None = None,
) -> TrainResult | None:
    """Train a network, into `out` or a new folder under runs/.

    init_path: a checkpoint of the same architecture, whose weights to begin with. Returns None in
    all processes but the main one. Raises Interrupted after Ctrl-C, and DigitsError if something is
    missing or the training diverges; the checkpoint of the last finished epoch is then kept.
    """
    began = time.monotonic()
    if teacher_path is not None:
        prepare.check_teacher(config.recipe)
        teacher_path = checkpoint_at(teacher_path)
    with init_distributed(options.device) as dist, _translate_torch_errors(), ExitStack() as lock:
        data = prepare.load_data(options.data, config.all_data, dist)
        teacher = dist.run_on_main(lambda: _load(teacher_path))
        init = dist.run_on_main(lambda: prepare.load_init(config, init_path))
        config = replace(
            config,
            precision=prepare.resolve_precision(config, dist.device),
            teacher=teacher.sha256 if teacher else None,
            data_sha256=data.sha256,
            init=init.sha256 if init else None,
        )
        task = prepare.make_task(config, data, teacher.model if teacher else None)
        state = prepare.create_state(config, dist.device, init)
        prepare.check_batch(config, state.model, task.examples, dist)

        def make_run() -> RunDir:
            if options.tensorboard:
                TensorBoardLogger.check()
            run = lock.enter_context(create_run(config.architecture, out))
            try:
                if teacher_path:
                    run.save_teacher(teacher_path)
                # From here on, a run killed at any moment can be resumed.
                record.save_state(run, config, state, [], [])
            except DigitsError:
                run.delete()
                raise
            return run

        run = dist.run_on_main(make_run)
        if dist.is_main:
            print_network(state.model)
        return _Trainer(began, config, options, dist, task, run, state, [], []).run_epochs()


def resume(run: RunDir, options: RuntimeOptions) -> TrainResult | None:
    """Continue a run after its last finished epoch, as if it had never been interrupted.

    Raises ModelError if the folder isn't a run, DigitsError if another process trains there, and
    whatever `train` raises.
    """
    began = time.monotonic()
    with init_distributed(options.device) as dist, _translate_torch_errors(), ExitStack() as lock:
        # The folder may exist on the main process's machine only.
        dist.run_on_main(lambda: lock.enter_context(run.lock()))
        stored = dist.run_on_main(lambda: checkpoint.load_state(run.state))
        try:
            config = config_from_dict(stored["plan"])
        except _CORRUPT_STATE as error:
            raise _damaged(run, error) from error
        models.get_network(config.architecture)  # a user's own needs its file
        try:
            history = prepare.read_history(config, stored["history"])
            environments = [from_dict(Environment, values) for values in stored["machines"]]
        except _CORRUPT_STATE as error:
            raise _damaged(run, error) from error
        state = prepare.create_state(config, dist.device)
        try:
            state.load_state_dict(stored["training"])
            if state.epoch != len(history):
                raise ValueError("wrong number of epochs")
        except torch.cuda.OutOfMemoryError:
            raise
        except _CORRUPT_STATE as error:
            raise _damaged(run, error) from error
        data = prepare.load_data(options.data, config.all_data, dist)
        datasets.verify_checksums(data, config.data_sha256, options.data)
        teacher = dist.run_on_main(lambda: _load(run.teacher if config.teacher else None))
        if teacher and teacher.sha256 != config.teacher:
            raise ModelError(f"{run.teacher} is not the teacher that this run started with")
        task = prepare.make_task(config, data, teacher.model if teacher else None)
        prepare.check_batch(config, state.model, task.examples, dist)
        return _Trainer(
            began, config, options, dist, task, run, state, history, environments
        ).run_epochs()


def _load(path: Path | None) -> Checkpoint | None:
    return checkpoint.load(path) if path else None


def _damaged(run: RunDir, error: Exception) -> ModelError:
    cause = f": {error}" if isinstance(error, ValueError) else ""
    return ModelError(f"{run.state} is damaged, or of another version of digits{cause}")


@dataclass
class _Trainer:
    """A training with all that it needs."""

    began: float  # when the command started, in seconds of time.monotonic
    config: TrainConfig
    options: RuntimeOptions
    dist: DistributedContext
    task: Task
    run: RunDir
    state: TrainState
    history: list[Metrics]
    environments: list[Environment]

    def run_epochs(self) -> TrainResult | None:
        """Train the remaining epochs, saving after each; then evaluate and plot."""
        dist = self.dist
        try:
            dist.run_on_main(self._recover)
            self._fit()
            result = dist.run_on_main(self._finish)
            return result if dist.is_main else None
        except KeyboardInterrupt:
            raise Interrupted(self._interrupted()) if dist.is_main else SystemExit(1) from None

    def _recover(self) -> None:
        """Repair what a kill left: temporary files, or a state.pt newer than the other files."""
        self.run.remove_stale_temps()
        if not self.history:
            return
        if self.config.patience is not None and best_epoch(self.history) is not self.history[-1]:
            checkpoint.load(self.run.checkpoint)  # state.pt doesn't hold the best epoch
        self._save()

    def _finish(self) -> TrainResult:
        # The checkpoint's network, because with --patience it may not be the last epoch's.
        model = to_device(checkpoint.load(self.run.checkpoint).model, self.dist.device)
        history = self.history
        kept = history[-1] if self.config.patience is None else best_epoch(history)
        summary = record.run_metadata(self.config, model, self.environments) | {
            "epochs": len(history),
            "seconds": round(sum(epoch.seconds for epoch in history), 1),
        }
        summary, failure = self.task.finish(model, self.run, summary, history, kept)
        finished = len(history) == self.config.recipe.epochs or self._out_of_patience()
        return TrainResult(self.run, summary, failure if finished else None)

    def _fit(self) -> None:
        dist, done, epochs = self.dist, len(self.history), self.config.recipe.epochs
        task, compiled = self.task, self.options.compiled
        if done == epochs or self._must_stop():
            return
        if dist.is_main and self.run.has_export:
            print_stderr(f"{self.run.folder} holds an export of epoch {done}: export it again")
        task.start(dist)
        ctx = TrainContext(dist, self.config.precision == "bfloat16", compiled)
        self.environments.append(record.current_environment(done + 1, dist, compiled))
        logged = self.options.tensorboard and dist.is_main
        logger = TensorBoardLogger(self.run.folder if logged else None, self.history)
        progress = ProgressBar(done, epochs, task.examples, task.describe, shown=dist.is_main)
        with progress as bar, logger:
            try:
                with _translate_torch_errors(compiled):
                    for epoch in fit(self.state, task, ctx, bar.step):
                        self.history.append(epoch)
                        dist.run_on_main(self._save)
                        bar.finish(epoch)
                        logger.add(epoch)
                        if self._must_stop():
                            return
            except DigitsError:  # raised in all processes; the main one reports it
                if not dist.is_main:
                    raise SystemExit(1) from None
                if not self.history:
                    self.run.delete()
                raise

    def _must_stop(self) -> bool:
        """Whether to start no further epoch. All processes agree."""
        dist, done, epochs = self.dist, len(self.history), self.config.recipe.epochs
        reason = dist.broadcast(self._reason_to_stop()) if 0 < done < epochs else None
        if reason and dist.is_main:
            print_stderr(f"stopped after epoch {done} of {epochs}: {reason}")
        return reason is not None

    def _reason_to_stop(self) -> str | None:
        if self._out_of_patience():
            kept = best_epoch(self.history).number
            return f"no improvement in {self.config.patience} epochs; epoch {kept} is kept"
        limit = self.options.max_minutes
        spent = time.monotonic() - self.began
        if limit is not None and spent + self.history[-1].seconds > limit * 60:
            return f"another epoch doesn't fit into {limit:g} minutes; --resume continues"
        return None

    def _out_of_patience(self) -> bool:
        if self.config.patience is None or not self.history:
            return False
        return len(self.history) - best_epoch(self.history).number >= self.config.patience

    def _save(self) -> None:
        run, config, state, history = self.run, self.config, self.state, self.history
        record.save_state(run, config, state, history, self.environments)
        if config.patience is None or best_epoch(history) is history[-1]:
            record.save_checkpoint(run, config, state, self.task.training_digits, history[-1])
        run.write_metrics(history)
        run.write_summary(record.run_metadata(config, state.eval_model, self.environments))

    def _interrupted(self) -> str:
        finished = f"epoch {len(self.history)} is kept" if self.history else "in the first epoch"
        return f"interrupted: {finished}; go on with `digits train --resume {self.run.folder}`"


@contextmanager
def _translate_torch_errors(compiled: bool = False) -> Iterator[None]:
    """Turn those of PyTorch's errors that a user can fix into a DigitsError."""
    try:
        yield
    except RuntimeError as error:
        cause = str(error).strip().partition("\n")[0]
        if isinstance(error, torch.cuda.OutOfMemoryError) or "allocate memory" in cause:
            advice = "out of memory: try a smaller --batch-size"
        elif compiled:
            advice = "can't train with --compile"
        else:
            raise
        raise DigitsError(f"{advice} ({cause})") from error
