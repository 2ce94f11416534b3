"""The accuracy lost between a photo and its frames, on synthetic photos of validation digits.

    python -m benchmarks.camera [--digits N] [--json] [--plot FOLDER] [MODEL.onnx]

Each factor of digits_train.camera.single_digit alone, in its ordinary and its extreme range, then
all of them mixed. Points lost are percentage points of accuracy below that on the same digits' own
frames; the answer is the most probable digit, rejected or not.
"""

import argparse
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from digits import Classifier
from digits.data import mnist
from digits.data.mnist import Split
from digits.errors import PictureError
from digits.evaluation import calibration_gaps
from digits.prediction import Prediction
from digits.terminal import progress_bar
from digits_train.camera import FITTED
from digits_train.camera import single_digit as camera

Bytes = NDArray[np.uint8]

MIXED = "mixed"
_CHUNK = 50  # digits per task of a process
_SHOWN = 8  # failures of each factor in the plot
_TILE = 110  # pixels, the side of a picture in the plot


class Task(NamedTuple):
    """Some digits with one factor. indices: in the validation split."""

    factor: str
    extreme: bool
    indices: list[int]


class Outcome(NamedTuple):
    """The result for one digit. digit_index: in the validation split."""

    digit_index: int
    label: int
    answer: int  # the most probable digit, -1 if there is none
    confidence: float
    rejected: bool

    @property
    def right(self) -> bool:
        return self.answer == self.label


class Summary(NamedTuple):
    """accuracy, rejected: shares. lost: percentage points below the bare frames' accuracy."""

    accuracy: float
    lost: float
    rejected: float


Outcomes = dict[tuple[str, bool], list[Outcome]]


def picture(seed: int, factor: str, extreme: bool, index: int, digit: Bytes) -> Bytes:
    """The photo of the validation digit with this index, always the same."""
    key = f"{factor} extreme" if extreme else factor
    random = np.random.default_rng([seed, zlib.crc32(key.encode()), index])
    if factor == MIXED:
        return camera.mixed(digit, random)
    return camera.take(digit, random, (factor,), extreme)


class Reader:
    """Takes photos of digits and reads them."""

    def __init__(self, model: str | None, seed: int) -> None:
        self.classifier = Classifier(model)
        self.seed = seed
        self.split = mnist.load("validation")
        self.half = Split(self.split.images[FITTED:], self.split.labels[FITTED:])

    def predict(self, factor: str, extreme: bool, index: int) -> tuple[Bytes, Prediction | None]:
        image = picture(self.seed, factor, extreme, index, self.split.images[index])
        try:
            return image, self.classifier.predict(image)
        except PictureError:
            return image, None

    def outcomes(self, task: Task) -> list[Outcome]:
        outcomes = []
        for index in task.indices:
            label = int(self.split.labels[index])
            _, prediction = self.predict(task.factor, task.extreme, index)
            answer, confidence, rejected = -1, 0.1, True
            if prediction is not None:
                answer, confidence = prediction.top1, prediction.confidence
                rejected = prediction.digit is None
            outcomes.append(Outcome(index, label, answer, confidence, rejected))
        return outcomes

    def bare(self, indices: Sequence[int]) -> NDArray[np.bool_]:
        """Whether the network reads each digit right from its own frame: bool [n]."""
        images, labels = self.split.images[indices], self.split.labels[indices]
        return np.asarray(self.classifier.model.probabilities(images).argmax(1) == labels)


def measure(options: argparse.Namespace, reader: Reader, indices: list[int]) -> Outcomes:
    names = list(camera.FACTORS)
    ranges = [*((name, extreme) for name in names for extreme in (False, True)), (MIXED, False)]
    tasks = [
        Task(name, extreme, indices[start : start + _CHUNK])
        for name, extreme in ranges
        for start in range(0, len(indices), _CHUNK)
    ]
    outcomes: Outcomes = {factor: [] for factor in ranges}
    with progress_bar() as bar:
        progress = bar.add_task("digits", total=len(ranges) * len(indices))
        for task, digits in _done(options, reader, tasks):
            outcomes[task.factor, task.extreme] += digits
            bar.update(progress, advance=len(digits), description=task.factor)
    return {factor: sorted(digits) for factor, digits in outcomes.items()}


_reader: Reader  # of a worker process


def _start(model: str | None, seed: int) -> None:
    global _reader
    _reader = Reader(model, seed)


def _help(task: Task) -> list[Outcome]:
    return _reader.outcomes(task)


def _done(
    options: argparse.Namespace, reader: Reader, tasks: list[Task]
) -> Iterator[tuple[Task, list[Outcome]]]:
    if options.jobs == 1:
        yield from ((task, reader.outcomes(task)) for task in tasks)
        return
    arguments = (options.model, options.seed)
    with ProcessPoolExecutor(options.jobs, get_context("spawn"), _start, arguments) as pool:
        waiting = {pool.submit(_help, task): task for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def summary(outcomes: Sequence[Outcome], bare: float) -> Summary:
    accuracy = float(np.mean([outcome.right for outcome in outcomes]))
    rejected = float(np.mean([outcome.rejected for outcome in outcomes]))
    return Summary(accuracy, 100 * (bare - accuracy), rejected)


def calibration_error(outcomes: Sequence[Outcome]) -> float:
    """The expected calibration error, with 15 bins."""
    confidences = [outcome.confidence for outcome in outcomes]
    gaps = calibration_gaps(confidences, [outcome.right for outcome in outcomes])
    return float(np.abs(gaps).sum() / len(outcomes))


def print_table(outcomes: Outcomes, bare: float) -> None:
    print(f"{'':12}{'ordinary (%)':>24}{'extreme (%)':>27}")
    print(f"{'':12}" + f"{'accuracy':>9}{'lost':>8}{'?':>7}   " * 2)
    means = np.zeros(6)
    for name in camera.FACTORS:
        row = []
        for extreme in (False, True):
            figures = summary(outcomes[name, extreme], bare)
            row += [100 * figures.accuracy, figures.lost, 100 * figures.rejected]
        means += np.array(row) / len(camera.FACTORS)
        print(_row(name, row))
    print(_row("mean", means.tolist()))


def _row(name: str, values: Iterable[float]) -> str:
    cells = [f"{value:{width}.2f}" for value, width in zip(values, (9, 8, 7) * 2, strict=False)]
    return f"{name:12}" + "".join(cells[:3]) + "   " + "".join(cells[3:])


def report(options: argparse.Namespace) -> dict[str, object]:
    """Print all figures; return them for --json."""
    reader = Reader(options.model, options.seed)
    choice = np.random.default_rng(options.seed).permutation(len(reader.half))
    indices = (FITTED + choice[: options.digits]).tolist()
    bare = float(reader.bare(indices).mean())
    print(f"accuracy on the bare frames of {len(indices):,} digits: {bare:.2%}")
    outcomes = measure(options, reader, indices)
    print_table(outcomes, bare)
    mixed, error = summary(outcomes[MIXED, False], bare), calibration_error(outcomes[MIXED, False])
    print(_row(MIXED, (100 * mixed.accuracy, mixed.lost, 100 * mixed.rejected)))
    print(f"expected calibration error, mixed: {error:.2%}")
    figures: dict[str, object] = {
        "factors": {
            name: {
                kind: round(summary(outcomes[name, extreme], bare).lost, 3)
                for kind, extreme in (("ordinary", False), ("extreme", True))
            }
            for name in camera.FACTORS
        },
        "mixed": round(mixed.lost, 3),
        "bare": round(100 * bare, 3),
        "rejected": round(100 * mixed.rejected, 3),
        "ece": round(100 * error, 3),
    }
    if options.plot:
        options.plot.mkdir(parents=True, exist_ok=True)
        plot_lost(outcomes, bare, options.plot / "camera.png")
        plot_failures(outcomes, reader, options.plot / "camera-failures.png")
    return figures


def plot_lost(outcomes: Outcomes, bare: float, path: Path) -> None:
    """Plot the points lost to each factor as horizontal bars."""
    from matplotlib.figure import Figure

    lost = {factor: summary(digits, bare).lost for factor, digits in outcomes.items()}
    names = sorted([*camera.FACTORS, MIXED], key=lambda name: lost[name, False])
    places = np.arange(len(names))
    figure = Figure(figsize=(7, 0.32 * len(names) + 1), layout="constrained")
    axes = figure.subplots()
    extremes = [lost.get((name, True), 0.0) for name in names]
    axes.barh(places, extremes, 0.7, color="#c9d7e8", label="extreme")
    ordinary = [lost[name, False] for name in names]
    axes.barh(places, ordinary, 0.4, color="#1f5fa8", label="ordinary")
    axes.set_yticks(places, [name.replace("_", " ") for name in names])
    axes.set_xlabel("accuracy lost against the bare frame (percentage points)")
    axes.margins(y=0.01)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=150)


def plot_failures(outcomes: Outcomes, reader: Reader, path: Path) -> None:
    """Plot the most confident errors: each picture and the frame that the network saw.

    Digits that are misread from their own frames are left out.
    """
    failures = {}
    for name in (*camera.FACTORS, MIXED):
        digits = outcomes[name, False]
        readable = reader.bare([outcome.digit_index for outcome in digits])
        pairs = zip(digits, readable, strict=True)
        wrong = [outcome for outcome, is_readable in pairs if is_readable and not outcome.right]
        if wrong:
            failures[name] = sorted(wrong, key=lambda outcome: -outcome.confidence)
    left, row = 90, _TILE + 18
    size = (left + _SHOWN * (2 * _TILE + 12), row * max(1, len(failures)))
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for line, (name, wrong) in enumerate(failures.items()):
        pen.text((4, line * row + row // 2), name, fill="black")
        for column, outcome in enumerate(wrong[:_SHOWN]):
            image, prediction = reader.predict(name, False, outcome.digit_index)
            x, y = left + column * (2 * _TILE + 12), line * row
            sheet.paste(_tile(image), (x, y))
            if prediction is not None and prediction.frame is not None:
                sheet.paste(_tile(prediction.frame), (x + _TILE, y))
            text = f"{outcome.label} -> {outcome.answer}  {outcome.confidence:.0%}"
            text += " ?" * outcome.rejected
            pen.text((x + 4, y + _TILE + 2), text, fill="black")
    sheet.quantize(64).save(path, optimize=True)


def _tile(image: Bytes) -> Image.Image:
    """Resize a picture to fit into a tile."""
    side = _TILE - 4
    method = Image.Resampling.NEAREST if max(image.shape[:2]) < side else Image.Resampling.BOX
    return ImageOps.contain(Image.fromarray(image).convert("RGB"), (side, side), method)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", help="an ONNX file; by default the bundled one")
    parser.add_argument("--digits", type=int, default=1000, help="of each factor")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--json", action="store_true", help="end with a line of JSON")
    parser.add_argument("--plot", type=Path, help="folder for camera.png and camera-failures.png")
    options = parser.parse_args()
    figures = report(options)
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
