"""Measure a classifier on labelled digits, or a reader on labelled pages: `digits eval`."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from digits.classifier import Classifier
from digits.commands import reports
from digits.commands.runner import ClassifierOptions
from digits.constraints.automaton import accepts_text
from digits.constraints.constraints import Constraints
from digits.data.image_folder import LabelledDataset
from digits.data.table import Box, NumberLabel, has_column, number_rows
from digits.errors import DataError, DigitsError, PictureError
from digits.evaluation.acceptance import calibrate, save
from digits.evaluation.digits import Evaluation
from digits.evaluation.numbers import NumberEvaluation, numbers_in
from digits.evaluation.pages import PageEvaluation
from digits.images import picture
from digits.prediction import SIGNS
from digits.reader.reading import MAX_ERRORS
from digits.terminal import ErrorReporter, print_result, print_stderr, progress_bar
from digits.text import escape_name, to_json


class Output(NamedTuple):
    """Where the results go: JSON or text, and a folder for plots with the module that draws them.

    plots: digits_train.plots, if there is a folder.
    """

    as_json: bool
    folder: Path | None
    plots: Any

    def report(self, model: str, data: str, lines: Iterable[str], values: dict[str, Any]) -> None:
        """Print the values as JSON, or the lines, below the names of the model and the data."""
        names = {"model": escape_name(model), "data": escape_name(data)}
        kernels = f" ({values['kernels']} kernels)" if "kernels" in values else ""
        title = f"{names['model']}{kernels} on {names['data']}"
        for line in [to_json(names | values)] if self.as_json else chain([title], lines):
            print_result(line)


def evaluate_digits(networks: ClassifierOptions, data: Path | None, output: Output) -> None:
    """Print how well a classifier reads digits; data: see `LabelledDataset`.

    Exits with 1 if a picture can't be read. Raises DataError if none can, and ModelError.
    """
    errors = ErrorReporter()
    classifier = networks.open()
    network = classifier.model
    dataset = LabelledDataset(data, errors.report, classifier)
    result = Evaluation(network.metadata.rejection_threshold)
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=dataset.total)
        for batch in dataset:
            answers = batch.probabilities
            result.add(batch, network.probabilities(batch.images) if answers is None else answers)
            bar.update(task, completed=result.total)
    if not result.total:
        raise DataError(f"no readable pictures in {dataset.name}")
    values = {"kernels": network.kernels} | reports.evaluation_dict(result)
    output.report(network.name, dataset.name, reports.evaluation_lines(result), values)
    if output.folder:
        output.plots.confusion(output.folder / "confusion.png", dataset.name, result.confusion)
        output.plots.mistakes(output.folder / "mistakes.png", dataset.name, result)
    errors.exit_if_any()


def evaluate_pages(networks: ClassifierOptions, table: Path, output: Output) -> None:
    """Print how well a reader reads the pages in a table; exits and raises as the former does."""
    if has_column(table, "box"):
        raise DataError(f"{table} labels numbers in boxes, not pages: measure it with --numbers")
    errors = ErrorReporter()
    classifier = networks.open()
    labelled = [(path, text) for path, (_, text, _) in number_rows(table, errors.report)]
    if not labelled:
        raise DataError(f"no labelled pages in {table}")
    signs = any(sign in text for _, text in labelled for sign in SIGNS)
    result = PageEvaluation(signs)
    constraints = Constraints(digits_only=not signs)
    with progress_bar() as bar:
        for path, written in bar.track(labelled, description="reading"):
            try:
                pixels = picture.load(path, picture.PAGE_MAX_SIDE).pixels
                result.add(str(path), written, classifier.read(pixels, constraints), pixels)
            except PictureError as error:
                errors.report(error)
    if not result.pages:
        raise DataError(f"no readable pages in {table}")
    lines, values = reports.page_evaluation_lines(result), reports.page_evaluation_dict(result)
    output.report(_both(classifier), str(table), lines, values)
    if output.folder:
        output.plots.pages(output.folder / "pages.png", str(table), result)
    errors.exit_if_any()


def evaluate_numbers(
    networks: ClassifierOptions,
    table: Path,
    constraints: Constraints,
    max_errors: float | None,
    promise: Path | None,
    output: Output,
) -> None:
    """Print how many numbers in a table are read and accepted rightly; exits and raises as above.

    Each page is read once. Labels with boxes are compared with what was read there, and one that
    contradicts the constraints is another field's, and left out; without a box it is an error, and
    its page isn't counted. promise: file for `acceptance.save`.
    """
    errors = ErrorReporter()
    classifier = networks.open()
    column = "number" if has_column(table, "number") else "text"
    pages = defaultdict[Path, list[NumberLabel]](list)
    for path, label in number_rows(table, errors.report, column):
        pages[path].append(label)
    result, total, left_out = NumberEvaluation(), sum(map(len, pages.values())), 0
    with progress_bar() as bar:
        for path, labels in bar.track(pages.items(), description="reading"):
            try:
                texts, boxes = _satisfying(path, labels, constraints)
                left_out += len(labels) - len(texts)
                numbers = classifier.read(path, constraints, max_errors).numbers if texts else ()
            except (DataError, PictureError) as error:
                errors.report(error)
                continue
            places = numbers_in(boxes, numbers) if boxes else [numbers]
            for text, read in zip(texts if boxes else ["\n".join(texts)], places, strict=True):
                result.add(str(path), text.split(), read)
    if left_out:
        print_stderr(
            "left out, as they don't satisfy the constraints and so are of other fields:"
            f" {left_out:,} of {total:,} labelled numbers"
        )
    if not result.written + result.invented:
        raise DataError(f"no readable numbers in {table}")
    max_errors = max_errors or MAX_ERRORS
    values = result.to_dict(max_errors) | {"promise": None}
    if promise:
        try:
            given = calibrate(result.probabilities, result.right, max_errors)
            save(promise, given, networks.files, constraints)
            values["promise"] = {"file": escape_name(str(promise)), **given._asdict()}
        except DigitsError as error:
            errors.report(error)
    output.report(_both(classifier), str(table), reports.number_lines(values), values)
    if output.folder:
        output.plots.numbers(output.folder / "numbers.png", str(table), result)
    errors.exit_if_any()


def _both(classifier: Classifier) -> str:
    return f"{classifier.reader.name} with {classifier.model.name}"


def _satisfying(
    path: Path, labels: Iterable[NumberLabel], constraints: Constraints
) -> tuple[list[str], list[Box]]:
    """The labels that satisfy the constraints: their texts, and boxes if they have any.

    Raises DataError for one without a box that contradicts them.
    """
    texts, boxes = list[str](), list[Box]()
    for box, text, _ in labels:
        numbers = text.split() if constraints else []
        wrong = [each for each in numbers if not accepts_text(constraints.automaton, each)]
        if wrong and box is None:
            raise DataError(f"{path} is labelled {wrong[0]}, which contradicts the constraints")
        if not wrong:
            texts.append(text)
            boxes += [box] if box else []
    return texts, boxes
