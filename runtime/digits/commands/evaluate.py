"""Measure a classifier on labelled digits, or a reader on labelled pages: `digits eval`."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from digits import tables
from digits.classifier import DEFAULT_MAX_ERRORS, Classifier
from digits.commands.tasks import ClassifierOptions, ReadForm, ReadNumbers
from digits.constraints.constraints import Constraints
from digits.data.image_folder import checksum, has_pictures, read_pictures
from digits.data.split import Split, SplitName
from digits.data.table import Label, OnError, has_column, page_text, read_labels
from digits.errors import DataError, DigitsError, PictureError
from digits.evaluation.acceptance import calibrate, save
from digits.evaluation.digits import Evaluation
from digits.evaluation.numbers import FieldCounts, NumberEvaluation, numbers_in
from digits.evaluation.pages import PageEvaluation
from digits.images import documents, picture
from digits.prediction import SIGNS
from digits.terminal import print_stderr, track

if TYPE_CHECKING:  # else `digits eval` would need a form's packages
    from digits.forms import Field, Form

_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB for each digit
_DIGIT_KEYS = (
    *("total", "wrong", "accuracy", "interval", "threshold", "rejected", "rejected_right"),
    *("selective_accuracy", "precision", "recall"),
)
_MISTAKE_KEYS = ("name", "label", "predicted", "confidence", "label_probability")
_ALL = "(all)"  # no field has such a name
_PAGE_KEYS = ("pages", "exact", "same_layout", "signs", "error_rate")


class Report(NamedTuple):
    """The values of docs/output.md, and what functions of `digits_train.plots` draw, by name."""

    values: dict[str, Any]
    plots: dict[str, object]


def evaluate_digits(
    classifier_options: ClassifierOptions,
    data: Path | None,
    on_error: OnError,
    load_mnist: Callable[[SplitName, Path | None], Split],
) -> Report:
    """Measure how well a classifier reads digits.

    data: see `read_pictures`; or a folder of MNIST, whose test digits are read.
    on_error: called for each picture that can't be read.
    load_mnist: `digits_train.data.mnist.load`.

    Raises DataError if no picture can be read, and ModelError.
    """
    classifier = classifier_options.open(reads_numbers=False)
    network = classifier.model
    evaluation = Evaluation(network.metadata.rejection_threshold)
    if data is not None and has_pictures(data):
        name, pictures = str(data), [*read_pictures(data, on_error, classifier)]
        if checksum(pictures) in network.metadata.data_sha256:
            print_stderr(f"warning: {network.name} learned from most of these pictures")
        for digit in pictures:
            split = Split(digit.frame[None], np.array([digit.label], np.uint8))
            evaluation.add(split, np.array([digit.probabilities], np.float32), [digit.name])
    else:
        name, digits = "MNIST's test digits", load_mnist("test", data)
        starts = range(0, len(digits), _BATCH_SIZE)
        for start in track(starts, len(starts), "evaluating"):
            batch = digits[start : start + _BATCH_SIZE]
            evaluation.add(batch, network.probabilities(batch.images))
    if not evaluation.total:
        raise DataError(f"no readable pictures in {name}")
    values = {
        "model": network.name,
        "data": name,
        "kernels": network.kernels,
        **_pick(evaluation, _DIGIT_KEYS),
        "calibration_error": evaluation.calibration.error,
        "confusion": evaluation.confusion.tolist(),
        "mistakes": [_pick(mistake, _MISTAKE_KEYS) for mistake in evaluation.mistakes],
    }
    return Report(values, {"confusion": evaluation.confusion, "mistakes": evaluation})


def evaluate_pages(classifier_options: ClassifierOptions, table: Path, on_error: OnError) -> Report:
    """Measure how well a reader reads the pages in a table.

    on_error: called for each row or picture that can't be read.

    Raises DataError if no page can be read, and ModelError.
    """
    if has_column(table, "box"):
        raise DataError(f"{table} labels numbers in boxes, not pages: measure it with --numbers")
    classifier = classifier_options.open(reads_numbers=True)
    labelled = [(path, text) for path, (_, text, _) in read_labels(table, on_error, "text")]
    if not labelled:
        raise DataError(f"no labelled pages in {table}")
    has_signs = any(sign in text for _, text in labelled for sign in SIGNS)
    evaluation = PageEvaluation(has_signs)
    constraints = Constraints(digits_only=not has_signs)
    for path, text in track(labelled, len(labelled), "reading"):
        try:
            pixels = documents.load(str(path), picture.PAGE_MAX_SIDE).pixels
            evaluation.add(str(path), text, classifier.read(pixels, constraints), pixels)
        except PictureError as error:
            on_error(error)
    if not evaluation.pages:
        raise DataError(f"no readable pages in {table}")
    values = {
        "model": _reader_name(classifier),
        "data": str(table),
        **_pick(evaluation, _PAGE_KEYS),
        **evaluation.score._asdict(),
        "calibration_error": evaluation.calibration.error,
        "worst": [
            {"name": page.name, "text": page.written, "read": page.read}
            | _pick(page.score, ("missed", "wrong", "invented"))
            for page in evaluation.worst
        ],
        "read": evaluation.calibration.total,
    }
    return Report(values, {"pages": evaluation})


def evaluate_numbers(
    task: ReadNumbers, table: Path, risk_bound_file: Path | None, on_error: OnError
) -> Report:
    """Measure how many numbers in a table are read and accepted rightly.

    Each page is read once. Labels with boxes are compared with what was read there, and one that
    contradicts the constraints is another field's, and left out; without a box it is an error, and
    its page isn't counted.

    risk_bound_file: where `acceptance.save` stores what to accept.
    on_error: called for each row or picture that can't be read, and if no bound can be had.

    Raises DataError if no number can be read, and ModelError.
    """
    classifier, constraints = task.open(), task.constraints or Constraints()
    column = "number" if has_column(table, "number") else "text"
    pages = defaultdict[Path, list[Label]](list)
    for path, label in read_labels(table, on_error, column):
        pages[path].append(label)
    evaluation, total, left_out = NumberEvaluation(), sum(map(len, pages.values())), 0
    for path, labels in track(pages.items(), len(pages), "reading"):
        try:
            kept = [label for label in labels if _satisfies(path, label, constraints)]
            left_out += len(labels) - len(kept)
            page = documents.load(str(path), picture.PAGE_MAX_SIDE)
            numbers = classifier.read(page, constraints, task.max_errors).numbers if kept else ()
        except (DataError, PictureError) as error:
            on_error(error)
            continue
        texts = [text.split() for _, text, _ in kept]
        if boxes := [box for box, _, _ in kept if box]:
            for words, numbers_in_box in zip(texts, numbers_in(boxes, numbers), strict=True):
                evaluation.add(str(path), words, numbers_in_box)
        else:
            evaluation.add(str(path), sum(texts, []), numbers)
    if left_out:
        print_stderr(
            "left out, as they don't satisfy the constraints and so are of other fields:"
            f" {left_out:,} of {total:,} labelled numbers"
        )
    if not evaluation.written + evaluation.invented:
        raise DataError(f"no readable numbers in {table}")
    max_errors = task.max_errors or DEFAULT_MAX_ERRORS
    values = {
        "model": _reader_name(classifier),
        "data": str(table),
        **evaluation.to_dict(max_errors),
        "risk_bound": None,
    }
    if risk_bound_file:
        try:
            bound = calibrate(evaluation.probabilities, evaluation.right, max_errors)
            save(risk_bound_file, bound, task.classifier_options.files, constraints)
            values["risk_bound"] = {"file": str(risk_bound_file), **bound._asdict()}
        except DigitsError as error:
            on_error(error)
    return Report(values, {"numbers": evaluation})


def evaluate_fields(task: ReadForm, table: Path, on_error: OnError) -> Report:
    """Measure how many fields of the sheets in a table are read and accepted rightly.

    on_error: called for each row or picture that can't be read, and each sheet that isn't found.

    Raises DataError if no sheet can be read, or the table has answers; and ModelError.
    """
    form = task.form
    fields = _labelled_fields(form, table)
    counts = {name: FieldCounts() for name in (*(each.name for each in fields), _ALL)}
    classifier, seen = task.open(), set[str]()
    names = [field.name.lower() for field in fields]
    rows = [row for row in tables.rows(table, "file", *names) if any(row[1].values())]
    for line, row, has_more in track(rows, len(rows), "reading"):
        try:
            if has_more:  # such as those after an unquoted decimal comma
                raise DataError("more cells than columns")
            if not row["file"] or row["file"] in seen:
                raise DataError(f"the file is {'there twice' if row['file'] else 'missing'}")
            seen.add(row["file"])
            labels = [page_text(row.get(field.name.lower(), "")) for field in fields]
            file = tables.find_file(row["file"], table.parent, Path())
            [sheet] = task.ask(classifier, [documents.load(str(file), picture.SHEET_MAX_SIDE)])
            if reason := task.why_empty(sheet):
                raise PictureError(f"{file}: {reason}")
        except (DataError, PictureError) as error:
            on_error(DataError(f"{table}, line {line}: {error}"))
            continue
        for field, text in zip(fields, labels, strict=True):
            label = re.sub("[-.]", "", text) if field.digits_only else text
            for name in (field.name, _ALL):
                counts[name].add(label, sheet.by_name[field.name], field.is_optional)
    if not (read := counts[_ALL]["labels"] // len(fields)):
        raise DataError(f"no readable sheets in {table}")
    values = {
        "model": _reader_name(classifier),
        "data": str(table),
        "form": form.file,
        "max_errors": task.max_errors or DEFAULT_MAX_ERRORS,
        "sheets": len(rows),
        "not_found": len(rows) - read,
        "fields": [{"field": name, **each.to_dict()} for name, each in counts.items()],
    }
    return Report(values, {})


def _labelled_fields(form: "Form", table: Path) -> list["Field"]:
    """The fields that have a column in a table of labels; warns of others. Raises DataError."""
    columns = tables.header(table, "file", *form.indices_by_name)
    fields = [field for field in form.fields if field.name.lower() in columns]
    if not fields:
        raise DataError(f"{table} has no column named like a field of {form.file}")
    if fields[0].columns[1].lower() in columns:
        raise DataError(f"{table} has answers of `digits read`: keep what is written, and no more")
    if missing := ", ".join(field.name for field in form.fields if field not in fields):
        print_stderr(f"warning: {table} has no column for {missing}: not measured")
    return fields


def _pick(record: object, keys: Iterable[str]) -> dict[str, Any]:
    return {key: getattr(record, key) for key in keys}


def _reader_name(classifier: Classifier) -> str:
    networks = classifier.networks
    name = f"{networks.detector.name} with {networks.recognizer.name}"
    return f"{name} and {networks.second_opinion.name}" if networks.second_opinion else name


def _satisfies(path: Path, label: Label, constraints: Constraints) -> bool:
    """Whether the label does. Raises DataError if one without a box doesn't."""
    box, text, _ = label
    if not constraints:
        return True
    for number in text.split():
        if not constraints.accepts(number):
            if box is None:
                message = f"{path} is labelled {number}, which contradicts the constraints"
                raise DataError(message)
            return False
    return True
