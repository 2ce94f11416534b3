"""One training run, new or resumed, to a run folder with all its files."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from digits.data import datasets, mnist
from digits.data.datasets import Dataset, OwnPictures
from digits.data.table import has_pages
from digits.errors import DataError, DigitsError, Interrupted
from digits.terminal import print_stderr, progress_bar
from digits_train import checkpoint, diagnose, own_pages
from digits_train.camera import fonts
from digits_train.config import Recipe, RecognizerRecipe, TrainConfig
from digits_train.distributed import DistributedContext, has_bfloat16, init_distributed
from digits_train.fit import fit
from digits_train.models import BaseNetwork, Detector, get_network
from digits_train.run import RunDir, create_run
from digits_train.start import Start, restore_norms
from digits_train.tasks import Classification, Detection, Recognition, Task
from digits_train.training import Training, begin, restore


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
    parent: Start | None = None,
    out: Path | None = None,
) -> TrainResult | None:
    """Train a network, into `out` or a new folder under runs/.

    device: auto, cpu, cuda or mps. data: see `digits.data.datasets.load`. parent: of the same
    architecture, whose weights to start from. Returns None in all processes but the main one.
    Raises Interrupted after Ctrl-C, and DigitsError if something is missing or the training
    diverges; the checkpoint of the last finished epoch is then kept.
    """
    with init_distributed(device) as dist, _lack_of_memory_reported(), ExitStack() as lock:
        before = parent.model if parent and config.recipe.own else None
        dataset = _load_data(config, data, before, dist)
        precision = config.precision
        if precision == "auto":
            gains = get_network(config.architecture).mixed_precision
            precision = "bfloat16" if gains and has_bfloat16(dist.device) else "float32"
        init = parent and parent.sha256
        config = replace(config, precision=precision, data_sha256=dataset.sha256, init=init)
        task = make_task(config, dataset, before, dist)
        if parent:
            restore_norms(parent.model, task.samples)
        training = begin(config, dist.device, parent and parent.model)
        training.parent = before
        run = dist.run_on_main(lambda: lock.enter_context(create_run(config.architecture, out)))
        return _train_to_end(run, training, task)


def resume(run: RunDir, device: str = "auto", data: Path | None = None) -> TrainResult | None:
    """Continue a run after its last finished epoch, as if it had never been interrupted.

    Raises ModelError if the folder isn't a run, DigitsError if another process trains there, and
    whatever `train` raises.
    """
    with init_distributed(device) as dist, _lack_of_memory_reported(), ExitStack() as lock:
        # The folder may exist on the main process's machine only.
        dist.run_on_main(lambda: lock.enter_context(run.lock()))
        stored = dist.run_on_main(lambda: checkpoint.load_state(run.state))
        training = restore(run.state, stored, dist.device)
        dataset = _load_data(training.config, data, training.parent, dist)
        datasets.verify_checksums(dataset, training.config.data_sha256, data)
        task = make_task(training.config, dataset, training.parent, dist)
        return _train_to_end(run, training, task)


def _load_data(
    config: TrainConfig, data: Path | None, parent: BaseNetwork | None, dist: DistributedContext
) -> Dataset:
    """Load the splits to train on, to validate on and to test on, and the fonts to draw with.

    To fine-tune `parent`, the splits are MNIST's, and `data` has one's own pictures or pages. The
    main process loads all, which may have to be downloaded, for the others. Raises DigitsError if
    something is missing.
    """

    def load() -> Dataset:
        recipe = config.recipe
        own = recipe.own and _load_own(recipe.name, data, parent)
        loaded = own or datasets.load(data, datasets.warn_of_skipped)
        for warning in diagnose.data_warnings(loaded.splits):
            print_stderr(f"warning: {warning}")
        if not isinstance(recipe, Recipe) or recipe.frames or recipe.outlier_weight:
            fonts.handwriting()
            fonts.printed()
        return loaded

    return dist.run_on_main(load)


def _load_own(recipe: str, data: Path | None, parent: BaseNetwork | None) -> Dataset:
    if parent is None:
        raise DigitsError(f"the recipe {recipe} needs --start: what to fine-tune")
    if data is None:
        raise DataError(f"the recipe {recipe} needs --data: your own labelled pictures")
    own: OwnPictures | own_pages.OwnPages
    if isinstance(parent, Detector):
        own = own_pages.load_own_pages(
            data, own_pages.network_maps(parent), datasets.warn_of_skipped
        )
    elif has_pages(data):
        raise DataError(f"{data} has numbers: a detector learns from them (--network detector)")
    else:
        own = datasets.load_own(data, datasets.warn_of_skipped)
        if not len(own.train):
            count = len(own.held_back)
            raise DataError(f"{data}: all {count} pictures are held back; label more, or groups")
    checksums = mnist.SHA256 | {datasets.OWN_CHECKSUM_NAME: own.sha256}
    return Dataset(mnist.load_all(None), checksums, own)


def make_task(
    config: TrainConfig, data: Dataset, parent: BaseNetwork | None, dist: DistributedContext
) -> Task:
    """What the network is to learn. Raises DigitsError if it can't be taught so.

    parent: the network that is fine-tuned, as it was.
    """
    splits, recipe = data.splits, config.recipe
    before: Any = parent and parent.to_device(dist.device).eval()
    shared = splits["train"], splits["validation"], config.seed, data.own, before, dist
    task: Task
    if isinstance(recipe, Recipe):
        task = Classification(recipe, *shared, splits["test"])
    elif "pictures" in data.sha256:
        raise DigitsError(f"a {config.architecture} learns from MNIST's digits, not from pictures")
    elif isinstance(recipe, RecognizerRecipe):
        task = Recognition(recipe, *shared)
    else:
        task = Detection(recipe, *shared)
    # Batch norm can't measure the variance of one digit.
    if task.examples // task.steps < 2 * dist.world_size:
        size = recipe.batch_size
        raise DigitsError(f"batch size {size} is too small: each process needs at least 2")
    return task


def _train_to_end(run: RunDir, training: Training, task: Task) -> TrainResult | None:
    """Train the remaining epochs, saving after each; then evaluate and plot."""
    recipe, history, dist = training.config.recipe, training.history, task.dist
    is_new = not run.state.exists()

    def finish() -> TrainResult:
        from digits_train import plots  # imports matplotlib, which takes 0.6 s

        with progress_bar() as bar:
            bar.add_task("evaluating", total=None)
            results, failure = task.evaluate(training.eval_model, run.folder)
            if recipe.own:
                compared = task.compare(training.eval_model)
                results["comparison"] = [asdict(each) for each in compared]
        plots.curves(run.folder / "curves.png", history)
        seconds = round(sum(epoch["seconds"] for epoch in history), 1)
        summary = training.summary() | {"epochs": training.epoch, "seconds": seconds} | results
        run.write_summary(summary)
        return TrainResult(run, summary, failure)

    try:
        # From here on, a killed run can be resumed; what a kill left between two files is mended.
        dist.run_on_main(lambda: run.save(training, len(task.train)))
        if training.epoch < recipe.epochs:
            _train_epochs(run, training, task)
        result = dist.run_on_main(finish)
        return result if dist.is_main else None
    except KeyboardInterrupt:
        if not dist.is_main:
            raise SystemExit(1) from None
        done = f"epoch {training.epoch} is kept" if history else "in the first epoch"
        data = " --data ..." if recipe.own else ""
        raise Interrupted(
            f"interrupted: {done}; go on with `digits train --resume {run.folder}{data}`"
        ) from None
    except Exception:
        if dist.is_main and is_new and not history:
            run.delete()
        raise


def _train_epochs(run: RunDir, training: Training, task: Task) -> None:
    epochs, dist = training.config.recipe.epochs, task.dist
    task.start()
    training.record_machine(dist)
    with progress_bar(visible=dist.is_main) as bar:
        total, completed = epochs * task.examples, training.epoch * task.examples
        shown = bar.add_task("training", total=total, completed=completed)
        for epoch in fit(training, task, partial(bar.advance, shown)):
            dist.run_on_main(lambda: run.save(training, len(task.train)))
            if dist.is_main:
                number = f"epoch {epoch['number']:{len(str(epochs))}}/{epochs}"
                rate = f"{epoch['images_per_second']:,.0f} images/s"
                line = f"{number}  {task.line.format(**epoch)}  {rate}"
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
