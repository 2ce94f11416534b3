"""What fine-tuning gains, by the number of labels; `digits train --start` does the same.

    python -m benchmarks teach [--start bundled|RUN|FILE.onnx] [--count 10]
    python -m benchmarks teach LABELS.csv [--labelled 200] [--count 5]

Of twenty handwriting fonts that no training shows, each digit bent a little, those are taught that
the network reads worst. With a table, some of its pictures are labelled and the others measure, for
several random choices. MNIST's validation digits and a synthetic camera's are read before and
after, too.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from msgspec.structs import replace

from benchmarks.timing import parser, print_row
from digits.data import datasets, mnist
from digits.data.datasets import Dataset
from digits.data.mnist import Split
from digits.terminal import print_stderr
from digits.vision.frame import to_mnist
from digits_train import held_out
from digits_train.augment import augment
from digits_train.camera import fonts
from digits_train.camera.lettering import write
from digits_train.distributed import CPU
from digits_train.experiment import default_experiment
from digits_train.fit import fit
from digits_train.models import Network
from digits_train.pools import Pool, generate_pools
from digits_train.recipes import Augmentation
from digits_train.start import Start, load_start
from digits_train.tasks.classification import Classification, count_errors
from digits_train.training import begin

LABELS = (5, 10, 20, 50)  # of each digit
MEASURED = 500  # pictures of each writer
BENDING = Augmentation(rotation=5, scale=0.08, shear=0.08, shift=0, elastic=0.8, stroke=0.2)


class Teacher:
    """Fine-tunes one network again and again, beside the same pictures."""

    def __init__(self, start: Start) -> None:
        assert isinstance(start.model, Network)
        self.before = start.model
        usual = default_experiment(start.network, "finetune")
        self.experiment = replace(usual, precision="float32")
        self.splits: mnist.Splits = {
            "train": mnist.load("train"),
            "validation": mnist.load("validation"),
        }
        self.pools = generate_pools(self.experiment, self.splits["train"])
        self.frames = held_out.draw_frames(self.splits["validation"])

    def compare(self, name: str, labelled: Split, measured: Split) -> None:
        """Teach what is labelled, and print the errors before and after."""
        task = Classification(self.experiment, Dataset(self.splits, {}))
        task.pools = [*self.pools, Pool(labelled.images, labelled.labels, task.recipe.own)]
        training = begin(self.experiment, CPU.device, self.before)
        for _ in fit(training, task):
            pass
        taught = training.eval_model
        splits = measured, self.splits["validation"], self.frames
        models = self.before, taught
        errors = [count_errors(model, split) for split in splits for model in models]
        print_row(name, len(labelled), len(measured), *errors)


def font_digits(file: Path, count: int, seed: int) -> Split:
    """Digits of a font, each bent a little: `count` of them, as MNIST has them."""
    random = np.random.default_rng(seed)
    glyphs = [write(digit, file, random, wobble=(0.0, 0.0)).coverage for digit in "0123456789"]
    labels = np.arange(count, dtype=np.uint8) % 10
    generator = torch.Generator().manual_seed(seed)
    bent = augment(torch.from_numpy(to_mnist(glyphs)[0][labels])[:, None], BENDING, generator)
    return Split(bent[:, 0].round().to(torch.uint8).numpy(), labels)


def writers(count: int) -> Iterator[tuple[str, Split]]:
    """The names of twenty writers, and so many digits of each."""
    files = [file for file in fonts.handwriting("held back") if fonts.has(file, "0123456789")]
    for seed, file in enumerate(files[:20]):
        yield file.name.partition("-latin")[0], font_digits(file, count, seed)


def first_of_each(split: Split, count: int) -> Split:
    """The first `count` of each digit."""
    places = [np.flatnonzero(split.labels == digit)[:count] for digit in range(10)]
    return split[np.concatenate(places)]


def main() -> None:
    options = parser(__doc__, start="bundled", labelled=200, count=5)
    options.add_argument("table", nargs="?", type=Path)
    given = options.parse_args()
    start = None if given.start == "bundled" else Path(given.start)
    teacher = Teacher(load_start(start, None if start else "lenet5"))
    print_row("errors before, after", "labels", "measured", "own", "", "MNIST", "", "camera", "")
    if given.table:
        own = datasets.load_own(given.table, lambda error: print_stderr(str(error)))
        split = mnist.concat(own.train, own.held_back)
        for seed in range(given.count):
            order = np.random.default_rng(seed).permutation(len(split))
            labelled, others = np.split(order, [given.labelled])
            teacher.compare(f"choice {seed}", split[labelled], split[others])
        return
    model = teacher.before
    needed = 10 * max(LABELS) + MEASURED
    by_errors = sorted(writers(needed), key=lambda writer: -count_errors(model, writer[1]))
    for name, split in by_errors[: given.count]:
        rest, measured = split[:-MEASURED], split[-MEASURED:]
        for count in LABELS:
            teacher.compare(name, first_of_each(rest, count), measured)
