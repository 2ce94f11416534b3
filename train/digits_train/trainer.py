"""One training run, new or resumed, to a run folder with all its files."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace

from digits.errors import DigitsError, Interrupted
from digits.terminal import print_stderr, progress_bar
from digits_train import checkpoint, state
from digits_train.checkpoint import Checkpoint
from digits_train.data import datasets, mnist
from digits_train.distributed import DistributedContext, has_bfloat16, init_distributed
from digits_train.experiment import Experiment
from digits_train.models import get_network
from digits_train.run import RunDir, create_run
from digits_train.state import SavedState, TrainState
from digits_train.tasks import TASKS
from digits_train.tasks.task import AnyTask

_TIMED_STEPS = 10  # by which the time of all is estimated
_LONG_TRAINING = 60  # seconds, of which the estimate is printed


class TrainResult(NamedTuple):
    """The result of a training. summary: the contents of run.json."""

    run: RunDir
    summary: dict[str, Any]


def train(
    experiment: Experiment,
    device: str = "auto",
    data: Path | None = None,
    pretrained: Checkpoint | None = None,
    out: Path | None = None,
) -> TrainResult | None:
    """Train a network, into `out` or a new folder under runs/.

    device: auto, cpu, cuda or mps. data: see `digits_train.data.datasets.load`. pretrained: the
    same network, whose weights to start from. Returns None in all processes but the main one.
    Raises Interrupted after Ctrl-C, and DigitsError if something is missing or the training
    diverges; the last checkpoint is then kept.
    """
    with init_distributed(device) as dist, _lack_of_memory_reported(), ExitStack() as lock:
        experiment = replace(experiment, init=pretrained and pretrained.sha256)
        task = make_task(experiment, data, dist)
        new = state.init_state(task.experiment, dist.device, pretrained and pretrained.model)
        name = experiment.network
        run = dist.run_on_main(lambda: lock.enter_context(create_run(name, out)))
        try:
            return _train_to_end(run, new, task)
        except Exception as error:
            if dist.is_main and not new.history and not isinstance(error, Interrupted):
                run.delete()
            raise


def resume(run: RunDir, device: str = "auto", data: Path | None = None) -> TrainResult | None:
    """Continue a run after its last checkpoint, as if it had never been interrupted.

    Raises ModelError if the folder isn't a run, DigitsError if another process trains there, and
    whatever `train` raises.
    """
    with init_distributed(device) as dist, _lack_of_memory_reported(), ExitStack() as lock:
        # The folder may exist on the main process's machine only.
        dist.run_on_main(lambda: lock.enter_context(run.lock()))
        saved, tensors, _ = dist.run_on_main(lambda: checkpoint.read(run.state, SavedState))
        resumed = state.load_state(run.state, saved, tensors, dist.device)
        task = make_task(resumed.experiment, data, dist)
        return _train_to_end(run, resumed, task)


def make_task(experiment: Experiment, data: Path | None, dist: DistributedContext) -> AnyTask:
    """Load what a network learns from, and complete its experiment.

    The main process loads what may have to be downloaded for the others, too. Raises DigitsError if
    something is missing, or if the data aren't those that the experiment names.
    """
    network, recipe = get_network(experiment.network), experiment.recipe
    if recipe.batch_size < 2 * dist.world_size:  # batch norm can't measure one digit's variance
        raise DigitsError(
            f"recipe.batch_size={recipe.batch_size} is too small: each process needs at least 2"
        )
    kind = TASKS[network.task]
    dataset = dist.run_on_main(lambda: kind.load(experiment, data))
    if experiment.data_sha256:
        datasets.verify_checksums(dataset, experiment.data_sha256, data)
    if dist.is_main:
        for warning in datasets.data_warnings(dataset.splits):
            print_stderr(f"warning: {warning}")
    precision = experiment.precision
    if precision == "auto":
        gains = network.mixed_precision and has_bfloat16(dist.device)
        precision = "bfloat16" if gains else "float32"
    complete = replace(experiment, precision=precision, data_sha256=dataset.sha256)
    return kind(complete, dataset, dist)


def _train_to_end(run: RunDir, training: TrainState, task: AnyTask) -> TrainResult | None:
    """Train what remains, saving after each validation; then evaluate and plot."""
    dist, recipe, digits = task.dist, training.experiment.recipe, len(task.data.splits["train"])
    try:
        # From here on, a killed run can be resumed; what a kill left between two files is mended.
        dist.run_on_main(lambda: run.save(training, digits))
        if training.step < task.steps:
            _fit(run, training, task)
        result = dist.run_on_main(partial(_finish, run, training, task))
        return result if dist.is_main else None
    except KeyboardInterrupt:
        if not dist.is_main:
            raise SystemExit(1) from None
        number = round(training.history[-1]["number"]) if training.history else 0
        done = f"{recipe.unit} {number} is kept" if number else f"before the first {recipe.unit}"
        own = "" if training.experiment.data_sha256 == mnist.SHA256 else " --data ..."
        raise Interrupted(
            f"interrupted: {done}; go on with `digits train --resume {run.folder}{own}`"
        ) from None


def _fit(run: RunDir, training: TrainState, task: AnyTask) -> None:
    recipe, dist, digits = training.experiment.recipe, task.dist, len(task.data.splits["train"])
    task.setup()
    training.record_machine(dist)
    with progress_bar(visible=dist.is_main) as bar:
        task_id = bar.add_task("training", total=task.steps, completed=training.step)
        estimated_at = training.step + _TIMED_STEPS

        def on_step() -> None:
            bar.advance(task_id)
            if dist.is_main and training.step == estimated_at:
                seconds = bar.tasks[0].time_remaining or 0
                if seconds > _LONG_TRAINING:
                    bar.console.print(f"this takes about {seconds / 60:.0f} minutes")

        for measured in task.train(training, on_step):
            dist.run_on_main(lambda: run.save(training, digits))
            if dist.is_main:
                width = len(str(recipe.total))
                number = f"{recipe.unit} {measured['number']:{width}.0f}/{recipe.total}"
                rate = f"{measured['images_per_second']:,.0f} images/s"
                line = f"{number}  {task.log_format.format(**measured)}  {rate}"
                bar.console.print(line, highlight=False, soft_wrap=True)


def _finish(run: RunDir, training: TrainState, task: AnyTask) -> TrainResult:
    """Evaluate the network, draw the plots, and complete run.json."""
    from digits_train import plots  # imports matplotlib, which takes 0.6 s

    with progress_bar() as bar:
        bar.add_task("evaluating", total=None)
        results = task.evaluate(training.eval_model, run.folder)
    plots.curves(run.folder / "curves.png", training.history, training.experiment.recipe.unit)
    seconds = round(sum(measured["seconds"] for measured in training.history), 1)
    summary = training.summary() | {"seconds": seconds} | results
    run.write_summary(summary)
    return TrainResult(run, summary)


@contextmanager
def _lack_of_memory_reported() -> Iterator[None]:
    """Turn what NumPy and PyTorch raise when memory runs out into a DigitsError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        cause = str(error).strip().partition("\n")[0]
        known = isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
        if not known and "allocate memory" not in cause:
            raise
        smaller = "--set recipe.batch_size"
        raise DigitsError(f"out of memory: try a smaller {smaller} ({cause})") from error
