"""Measure a classifier on labelled digits, or a reader on labelled pages: `digits eval`."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from digits.classifier import Classifier
from digits.commands import reports
from digits.commands.runner import reader_options
from digits.data.image_folder import LabelledDataset
from digits.data.mnist import SplitName
from digits.data.table import page_rows
from digits.errors import DataError
from digits.evaluation import Evaluation
from digits.inference.metadata import Kernels
from digits.page_evaluation import PageEvaluation, has_signs, read_pages
from digits.terminal import ErrorReporter, print_result, progress_bar
from digits.text import escape_name, to_json


class Output(NamedTuple):
    """Where the results go: JSON or text, and a folder for plots with the module that draws them.

    plots: digits_train.plots, if there is a folder.
    """

    as_json: bool
    folder: Path | None
    plots: Any

    def report(self, title: str, lines: Iterable[str], values: dict[str, Any]) -> None:
        """Print the values as JSON, or the title and the lines."""
        for line in [to_json(values)] if self.as_json else chain([title], lines):
            print_result(line)


def evaluate_digits(
    model: Path | None,
    kernels: Kernels | None,
    data: Path | None,
    split: SplitName | None,
    output: Output,
) -> None:
    """Print how well a classifier reads digits; arguments: see `LabelledDataset` and `Model`.

    Exits with 1 if a picture can't be read. Raises DataError if none can, and ModelError.
    """
    errors = ErrorReporter()
    classifier = Classifier(model, threads=0, kernels=kernels)
    network = classifier.model
    dataset = LabelledDataset(data, split, errors.report, classifier)
    result = Evaluation(network.metadata.rejection_threshold)
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=dataset.total)
        for batch in dataset:
            answers = batch.probabilities
            result.add(batch, network.probabilities(batch.images) if answers is None else answers)
            bar.update(task, completed=result.total)
    if not result.total:
        raise DataError(f"no readable pictures in {dataset.name}")
    name, of = escape_name(network.name), escape_name(dataset.name)
    output.report(
        f"{name} ({network.kernels} kernels) on {of}",
        reports.evaluation_lines(result),
        {"model": name, "kernels": network.kernels, "data": of} | reports.evaluation_dict(result),
    )
    if output.folder:
        output.plots.confusion(output.folder / "confusion.png", dataset.name, result)
        output.plots.mistakes(output.folder / "mistakes.png", dataset.name, result)
    errors.exit_if_any()


def evaluate_pages(model: Path | None, table: Path, output: Output) -> None:
    """Print how well a reader reads the pages in a table; exits and raises as the former does."""
    errors = ErrorReporter()
    classifier = reader_options(model).open()
    labelled = list(page_rows(table, errors.report))
    if not labelled:
        raise DataError(f"no labelled pages in {table}")
    reader = classifier.reader
    signs = any(has_signs(text) for _, text in labelled)
    result = PageEvaluation(signs, reader.metadata.rejection_threshold)
    with progress_bar() as bar:
        tracked = bar.track(labelled, description="reading")
        read_pages(classifier, tracked, result, errors.report)
    if not result.pages:
        raise DataError(f"no readable pages in {table}")
    name, of = escape_name(reader.name), escape_name(str(table))
    output.report(
        f"{name} on {of}",
        reports.page_evaluation_lines(result),
        {"model": name, "data": of} | reports.page_evaluation_dict(result),
    )
    if output.folder:
        output.plots.pages(output.folder / "pages.png", str(table), result)
    errors.exit_if_any()
