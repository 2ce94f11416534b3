"""One training run, new or resumed, to a run folder with all its files."""

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from digits.data import datasets
from digits.errors import DigitsError, Interrupted
from digits.terminal import print_stderr
from digits_train import checkpoint, prepare, record
from digits_train.checkpoint import Checkpoint
from digits_train.config import TrainConfig
from digits_train.distributed import DistributedContext, init_distributed
from digits_train.fit import fit
from digits_train.progress import ProgressBar, print_network
from digits_train.record import Environment, Training
from digits_train.run import RunDir, create_run
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
        dataset = prepare.load_data(config, data, parent, dist)
        config = replace(
            config,
            precision=prepare.resolve_precision(config, dist.device),
            data_sha256=dataset.sha256,
            init=parent.sha256 if parent else None,
        )
        task = prepare.make_task(config, dataset, parent)
        prepare.fetch_fonts(config.recipe, dist)
        start = copy.deepcopy(parent)  # a resumed run finds the parent as it is
        if start and start.is_folded:
            restore_norms(start.model, lambda: task.probe(start.model))
        training = Training(config, prepare.create_state(config, dist.device, start), [], [])
        prepare.check_batch(task, training.state.model, dist)

        def make_run() -> RunDir:
            run = lock.enter_context(create_run(config.architecture, out))
            try:
                if parent is not None and config.recipe.own:
                    checkpoint.save(run.parent, parent.model, parent.provenance)
                # From here on, a run killed at any moment can be resumed.
                training.save_state(run)
            except BaseException:
                run.delete()
                raise
            return run

        run = dist.run_on_main(make_run)
        if dist.is_main:
            print_network(training.state.model)
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
        training = record.restore(run.state, stored, dist.device)
        config = training.config
        parent = dist.run_on_main(
            lambda: checkpoint.load(run.parent) if config.recipe.own else None
        )
        dataset = prepare.load_data(config, data, parent, dist)
        datasets.verify_checksums(dataset, config.data_sha256, data)
        prepare.fetch_fonts(config.recipe, dist)
        task = prepare.make_task(config, dataset, parent)
        prepare.check_batch(task, training.state.model, dist)
        return _train_to_end(run, training, task, dist)


def _train_to_end(
    run: RunDir, training: Training, task: Task, dist: DistributedContext
) -> TrainResult | None:
    """Train the remaining epochs, saving after each; then evaluate and plot."""

    def repair() -> None:
        """Make good what a kill left: a state.pt newer than the other files."""
        if training.history:
            training.save(run, len(task.train))

    def finish() -> TrainResult:
        history = training.history
        results, failure = task.finish(training.state.eval_model, run.folder, history)
        seconds = round(sum(epoch.seconds for epoch in history), 1)
        summary = training.summary() | {"epochs": len(history), "seconds": seconds} | results
        run.write_summary(summary)
        return TrainResult(run, summary, failure)

    try:
        dist.run_on_main(repair)
        if training.state.epoch < training.config.recipe.epochs:
            _train_epochs(run, training, task, dist)
        result = dist.run_on_main(finish)
        return result if dist.is_main else None
    except KeyboardInterrupt:
        if not dist.is_main:
            raise SystemExit(1) from None
        done = len(training.history)
        progress = f"epoch {done} is kept" if done else "in the first epoch"
        data = " --data ..." if training.config.recipe.own else ""
        advice = f"go on with `digits train --resume {run.folder}{data}`"
        raise Interrupted(f"interrupted: {progress}; {advice}") from None


def _train_epochs(run: RunDir, training: Training, task: Task, dist: DistributedContext) -> None:
    config, history = training.config, training.history
    done = len(history)
    if dist.is_main and run.has_export:
        print_stderr(f"{run.folder} holds an export of epoch {done}: export it again")
    task.start(dist)
    training.environments.append(Environment.current(done + 1, dist))
    bfloat16 = config.precision == "bfloat16"
    progress = ProgressBar(done, config.recipe.epochs, task.examples, dist.is_main)
    try:
        with progress as bar, _lack_of_memory_reported():
            for epoch in fit(training.state, task, dist, bfloat16, bar.step):
                history.append(epoch)
                dist.run_on_main(lambda: training.save(run, len(task.train)))
                bar.finish(epoch)
    except DigitsError:  # raised in all processes; the main one reports it
        if not dist.is_main:
            raise SystemExit(1) from None
        if not history:
            run.delete()
        raise


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
