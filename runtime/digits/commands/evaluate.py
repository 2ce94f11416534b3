"""Measure a classifier on labelled digits, or a reader on labelled pages: `digits eval`."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from digits.classifier import MAX_ERRORS, Classifier
from digits.commands.tasks import ClassifierOptions, ReadNumbers
from digits.constraints.automaton import accepts_text
from digits.constraints.constraints import Constraints
from digits.data import mnist
from digits.data.image_folder import has_pictures, read_pictures
from digits.data.mnist import Split
from digits.data.table import NumberLabel, OnError, has_column, rows
from digits.errors import DataError, DigitsError, PictureError
from digits.evaluation.acceptance import calibrate, save
from digits.evaluation.digits import Evaluation
from digits.evaluation.numbers import NumberEvaluation, numbers_in
from digits.evaluation.pages import PageEvaluation
from digits.images import picture
from digits.prediction import SIGNS
from digits.terminal import print_stderr, track

_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB for each digit
_DIGIT_KEYS = (
    *("total", "wrong", "accuracy", "interval", "threshold", "rejected", "rejected_right"),
    *("selective_accuracy", "precision", "recall"),
)
_MISTAKE_KEYS = ("name", "label", "predicted", "confidence", "label_probability")
_PAGE_KEYS = ("pages", "exact", "same_layout", "signs", "error_rate")


class Report(NamedTuple):
    """What docs/output.md describes, and what functions of `digits_train.plots` draw, by name."""

    values: dict[str, Any]
    plots: dict[str, object]


def evaluate_digits(networks: ClassifierOptions, data: Path | None, on_error: OnError) -> Report:
    """How well a classifier reads digits.

    data: see `read_pictures`, or of MNIST, whose test digits are read (see `mnist.load`). on_error:
    called for each picture that can't be read. Raises DataError if none can, and ModelError.
    """
    classifier = networks.open(reads_numbers=False)
    network = classifier.model
    result = Evaluation(network.metadata.rejection_threshold)
    if data is not None and has_pictures(data):
        name = str(data)
        for digit in read_pictures(data, on_error, classifier):
            split = Split(digit.frame[None], np.array([digit.label], np.uint8))
            result.add(split, np.array([digit.probabilities], np.float32), [digit.name])
    else:
        name, digits = "MNIST's test digits", mnist.load("test", data)
        starts = range(0, len(digits), _BATCH_SIZE)
        for start in track(starts, len(starts), "evaluating"):
            batch = digits[start : start + _BATCH_SIZE]
            result.add(batch, network.probabilities(batch.images))
    if not result.total:
        raise DataError(f"no readable pictures in {name}")
    about = {"model": network.name, "data": name, "kernels": network.kernels}
    values = about | _pick(result, _DIGIT_KEYS)
    values |= {"calibration_error": result.calibration.error}
    values |= {"confusion": result.confusion.tolist()}
    values |= {"mistakes": [_pick(mistake, _MISTAKE_KEYS) for mistake in result.mistakes]}
    return Report(values, {"confusion": result.confusion, "mistakes": result})


def evaluate_pages(networks: ClassifierOptions, table: Path, on_error: OnError) -> Report:
    """How well a reader reads the pages in a table. on_error, raises: see `evaluate_digits`."""
    if has_column(table, "box"):
        raise DataError(f"{table} labels numbers in boxes, not pages: measure it with --numbers")
    classifier = networks.open(reads_numbers=True)
    labelled = [(path, text) for path, (_, text, _) in rows(table, on_error, "text")]
    if not labelled:
        raise DataError(f"no labelled pages in {table}")
    signs = any(sign in text for _, text in labelled for sign in SIGNS)
    result = PageEvaluation(signs)
    constraints = Constraints(digits_only=not signs)
    for path, written in track(labelled, len(labelled), "reading"):
        try:
            pixels = picture.load(path, picture.PAGE_MAX_SIDE).pixels
            result.add(str(path), written, classifier.read(pixels, constraints), pixels)
        except PictureError as error:
            on_error(error)
    if not result.pages:
        raise DataError(f"no readable pages in {table}")
    worst = [
        {"name": page.name, "text": page.written, "read": page.read}
        | _pick(page.score, ("missed", "wrong", "invented"))
        for page in result.worst
    ]
    values = {"model": _both(classifier), "data": str(table), **_pick(result, _PAGE_KEYS)}
    values |= result.score._asdict() | {"calibration_error": result.calibration.error}
    values |= {"worst": worst, "read": result.calibration.total}
    return Report(values, {"pages": result})


def evaluate_numbers(
    task: ReadNumbers, table: Path, promise: Path | None, on_error: OnError
) -> Report:
    """How many numbers in a table are read and accepted rightly.

    Each page is read once. Labels with boxes are compared with what was read there, and one that
    contradicts the constraints is another field's, and left out; without a box it is an error, and
    its page isn't counted. promise: file for `acceptance.save`. on_error, raises: see
    `evaluate_digits`.
    """
    classifier, constraints = task.open(), task.constraints or Constraints()
    column = "number" if has_column(table, "number") else "text"
    pages = defaultdict[Path, list[NumberLabel]](list)
    for path, label in rows(table, on_error, column):
        pages[path].append(label)
    result, total, left_out = NumberEvaluation(), sum(map(len, pages.values())), 0
    for path, labels in track(pages.items(), len(pages), "reading"):
        try:
            kept = [label for label in labels if _satisfies(path, label, constraints)]
            left_out += len(labels) - len(kept)
            numbers = classifier.read(path, constraints, task.max_errors).numbers if kept else ()
        except (DataError, PictureError) as error:
            on_error(error)
            continue
        written = [text.split() for _, text, _ in kept]
        if boxes := [box for box, _, _ in kept if box]:
            for text, read in zip(written, numbers_in(boxes, numbers), strict=True):
                result.add(str(path), text, read)
        else:
            result.add(str(path), sum(written, []), numbers)
    if left_out:
        print_stderr(
            "left out, as they don't satisfy the constraints and so are of other fields:"
            f" {left_out:,} of {total:,} labelled numbers"
        )
    if not result.written + result.invented:
        raise DataError(f"no readable numbers in {table}")
    max_errors = task.max_errors or MAX_ERRORS
    values = {"model": _both(classifier), "data": str(table), **result.to_dict(max_errors)}
    values |= {"promise": None}
    if promise:
        try:
            given = calibrate(result.probabilities, result.right, max_errors)
            save(promise, given, task.networks.files, constraints)
            values["promise"] = {"file": str(promise), **given._asdict()}
        except DigitsError as error:
            on_error(error)
    return Report(values, {"numbers": result})


def _pick(result: object, keys: Iterable[str]) -> dict[str, Any]:
    return {key: getattr(result, key) for key in keys}


def _both(classifier: Classifier) -> str:
    return f"{classifier.networks.detector.name} with {classifier.networks.recognizer.name}"


def _satisfies(path: Path, label: NumberLabel, constraints: Constraints) -> bool:
    """Whether its numbers do. Raises DataError if they don't, and have no box."""
    box, text, _ = label
    numbers = text.split() if constraints else []
    wrong = [each for each in numbers if not accepts_text(constraints.automaton, each)]
    if wrong and box is None:
        raise DataError(f"{path} is labelled {wrong[0]}, which contradicts the constraints")
    return not wrong
