"""One training run, new or resumed, to a run folder with all its files."""

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from digits.data import datasets
from digits.errors import DigitsError, Interrupted
from digits.terminal import progress_bar
from digits_train import checkpoint, prepare
from digits_train.checkpoint import Checkpoint
from digits_train.config import TrainConfig
from digits_train.distributed import DistributedContext, init_distributed
from digits_train.fit import fit
from digits_train.run import RunDir, Training, create_run
from digits_train.start import restore_norms
from digits_train.tasks.task import Task


class TrainResult(NamedTuple):
    """The result of a training.

    summary: the contents of run.json. failure: why the trained network is useless, or None.
    """

    run: RunDir
    summary: dict[str, Any]
    failure: str | None


def train(
    config: TrainConfig,
    device: str = "auto",
    data: Path | None = None,
    parent: Checkpoint | None = None,
    out: Path | None = None,
) -> TrainResult | None:
    """Train a network, into `out` or a new folder under runs/.

    device: auto, cpu, cuda or mps. data: see `digits.data.datasets.load`. parent: of the same
    architecture, whose weights to start from. Returns None in all processes but the main one.
    Raises Interrupted after Ctrl-C, and DigitsError if something is missing or the training
    diverges; the checkpoint of the last finished epoch is then kept.
    """
    with init_distributed(device) as dist, _lack_of_memory_reported(), ExitStack() as lock:
        start = copy.deepcopy(parent)
        before = parent.model if parent and config.recipe.own else None
        dataset = prepare.load_data(config, data, before, dist)
        config = replace(
            config,
            precision=prepare.resolve_precision(config, dist.device),
            data_sha256=dataset.sha256,
            init=parent.sha256 if parent else None,
        )
        task = prepare.make_task(config, dataset, before, dist)
        if start and start.is_folded:  # but what it is compared with stays as it is
            with torch.no_grad():
                restore_norms(start.model, partial(start.model, task.samples))
        training = Training(config, prepare.create_state(config, dist.device, start), before)
        run = dist.run_on_main(lambda: lock.enter_context(create_run(config.architecture, out)))
        return _train_to_end(run, training, task, dist)


def resume(run: RunDir, device: str = "auto", data: Path | None = None) -> TrainResult | None:
    """Continue a run after its last finished epoch, as if it had never been interrupted.

    Raises ModelError if the folder isn't a run, DigitsError if another process trains there, and
    whatever `train` raises.
    """
    with init_distributed(device) as dist, _lack_of_memory_reported(), ExitStack() as lock:
        # The folder may exist on the main process's machine only.
        dist.run_on_main(lambda: lock.enter_context(run.lock()))
        stored = dist.run_on_main(lambda: checkpoint.load_state(run.state))
        training = prepare.restore(run.state, stored, dist.device)
        dataset = prepare.load_data(training.config, data, training.parent, dist)
        datasets.verify_checksums(dataset, training.config.data_sha256, data)
        task = prepare.make_task(training.config, dataset, training.parent, dist)
        return _train_to_end(run, training, task, dist)


def _train_to_end(
    run: RunDir, training: Training, task: Task, dist: DistributedContext
) -> TrainResult | None:
    """Train the remaining epochs, saving after each; then evaluate and plot."""
    config, history = training.config, training.history

    def finish() -> TrainResult:
        results, failure = task.finish(training.state.eval_model, run.folder, history)
        seconds = round(sum(epoch.seconds for epoch in history), 1)
        summary = training.summary() | {"epochs": len(history), "seconds": seconds} | results
        run.write_summary(summary)
        return TrainResult(run, summary, failure)

    try:
        # From here on, a killed run can be resumed; what a kill left between two files is mended.
        dist.run_on_main(lambda: run.save(training, len(task.train)))
        if len(history) < config.recipe.epochs:
            _train_epochs(run, training, task, dist)
        result = dist.run_on_main(finish)
        return result if dist.is_main else None
    except KeyboardInterrupt:
        if not dist.is_main:
            raise SystemExit(1) from None
        done = f"epoch {len(history)} is kept" if history else "in the first epoch"
        data = " --data ..." if config.recipe.own else ""
        raise Interrupted(
            f"interrupted: {done}; go on with `digits train --resume {run.folder}{data}`"
        ) from None
    except Exception:
        if dist.is_main and not history:
            run.delete()
        raise


def _train_epochs(run: RunDir, training: Training, task: Task, dist: DistributedContext) -> None:
    config, history = training.config, training.history
    task.start(dist)
    training.record_machine(dist)
    epochs, bfloat16 = config.recipe.epochs, config.precision == "bfloat16"
    with progress_bar(shown=dist.is_main) as bar:
        total, completed = epochs * task.examples, len(history) * task.examples
        shown = bar.add_task("training", total=total, completed=completed)
        for epoch in fit(training.state, task, dist, bfloat16, partial(bar.advance, shown)):
            history.append(epoch)
            dist.run_on_main(lambda: run.save(training, len(task.train)))
            if dist.is_main:
                number = f"epoch {epoch.number:{len(str(epochs))}}/{epochs}"
                line = f"{number}  {epoch}  {epoch.images_per_second:,.0f} images/s"
                bar.console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def _lack_of_memory_reported() -> Iterator[None]:
    """Turn PyTorch's errors when memory runs out into a DigitsError."""
    try:
        yield
    except RuntimeError as error:
        cause = str(error).strip().partition("\n")[0]
        if not isinstance(error, torch.cuda.OutOfMemoryError) and "allocate memory" not in cause:
            raise
        raise DigitsError(f"out of memory: try a smaller --batch-size ({cause})") from error
