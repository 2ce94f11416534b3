"""Measure how well digits, numbers or the fields of a form are read: `digits eval`."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digits import tables
from digits.commands.modes import ModelPaths, ReadForm, ReadNumbers
from digits.constraints.constraints import Constraints
from digits.data.image_folder import checksum, has_pictures, read_pictures
from digits.data.split import Split, SplitName
from digits.data.table import Label, OnError, page_text, read_labels
from digits.errors import DataError, PictureError
from digits.evaluation.acceptance import calibrate
from digits.evaluation.digits import Evaluation
from digits.evaluation.numbers import FieldCounts, NumberEvaluation, numbers_in
from digits.images import documents, picture
from digits.recognize import DEFAULT_MAX_ERRORS, Reader
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


def evaluate_digits(
    model_paths: ModelPaths,
    data: Path | None,
    on_error: OnError,
    load_mnist: Callable[[SplitName, Path | None], Split],
) -> tuple[dict[str, Any], Evaluation]:
    """Measure how well a classifier reads digits.

    data: see `read_pictures`; or a folder of MNIST, whose test digits are read.
    on_error: called for each picture that can't be read.
    load_mnist: `digits_train.data.mnist.load`.

    Returns the values of docs/output.md, and what is plotted. Raises DataError if no picture can be
    read, and ModelError.
    """
    reader = model_paths.open(reads_numbers=False)
    network = reader.model
    evaluation = Evaluation(network.metadata.rejection_threshold)
    if data is not None and has_pictures(data):
        name, pictures = str(data), [*read_pictures(data, on_error, reader)]
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
        "compute_type": network.compute_type,
        **_pick(evaluation, _DIGIT_KEYS),
        "calibration_error": evaluation.calibration.error,
        "confusion": evaluation.confusion.tolist(),
        "mistakes": [_pick(mistake, _MISTAKE_KEYS) for mistake in evaluation.mistakes],
    }
    return values, evaluation


def evaluate_numbers(mode: ReadNumbers, table: Path, on_error: OnError) -> dict[str, Any]:
    """Measure how many numbers in a table are read and accepted rightly.

    Each page is read once. Labels with boxes are compared with what was read there, and one that
    contradicts the constraints is another field's, and left out; without a box it is an error, and
    its page isn't counted.

    on_error: called for each row or picture that can't be read.

    Returns the values of docs/output.md; says on stderr why they lack a risk bound. Raises
    DataError if no number can be read, and ModelError.
    """
    reader = mode.open()
    constraints = Constraints() if mode.constraints is None else mode.constraints
    pages = defaultdict[Path, list[Label]](list)
    for path, label in read_labels(table, on_error, "text"):
        pages[path].append(label)
    evaluation, total, left_out = NumberEvaluation(), sum(map(len, pages.values())), 0
    for path, labels in track(pages.items(), len(pages), "reading"):
        try:
            kept = [label for label in labels if _satisfies(path, label, constraints)]
            left_out += len(labels) - len(kept)
            page = documents.load(str(path), picture.PAGE_MAX_SIDE)
            numbers = reader.read(page, constraints, mode.max_errors).numbers if kept else ()
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
    if not evaluation.written + evaluation.insertions:
        raise DataError(f"no readable numbers in {table}")
    max_errors = mode.max_errors or DEFAULT_MAX_ERRORS
    return {
        "model": _reader_name(reader),
        "data": str(table),
        **evaluation.to_dict(max_errors),
        "risk_bound": _risk_bound(evaluation, max_errors),
    }


def _risk_bound(evaluation: NumberEvaluation, max_errors: float) -> dict[str, Any] | None:
    """The values of a risk bound; None, with the reason on stderr, if there are too few numbers."""
    try:
        return calibrate(evaluation.confidences, evaluation.right, max_errors)._asdict()
    except DataError as error:
        print_stderr(f"no risk bound: {error}")
        return None


def evaluate_form(mode: ReadForm, table: Path, on_error: OnError) -> dict[str, Any]:
    """Measure how many fields of the sheets in a table are read and accepted rightly.

    on_error: called for each row or picture that can't be read, and each sheet that isn't found.

    Returns the values of docs/output.md. Raises DataError if no sheet can be read, or the table has
    answers; and ModelError.
    """
    form = mode.form
    fields = _labelled_fields(form, table)
    counts = {name: FieldCounts() for name in (*(each.name for each in fields), _ALL)}
    reader, seen = mode.open(), set[str]()
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
            [sheet] = mode.ask(reader, [documents.load(str(file), picture.SHEET_MAX_SIDE)])
            if not sheet.numbers:
                raise PictureError(f"{file}: {sheet.note}")
        except (DataError, PictureError) as error:
            on_error(DataError(f"{table}, line {line}: {error}"))
            continue
        for field, text in zip(fields, labels, strict=True):
            label = re.sub("[-.]", "", text) if field.digits_only else text
            for name in (field.name, _ALL):
                counts[name].add(label, sheet.by_name[field.name], field.is_optional)
    if not (read := counts[_ALL]["labels"] // len(fields)):
        raise DataError(f"no readable sheets in {table}")
    return {
        "model": _reader_name(reader),
        "data": str(table),
        "form": form.file,
        "max_errors": mode.max_errors or DEFAULT_MAX_ERRORS,
        "sheets": len(rows),
        "not_found": len(rows) - read,
        "fields": [{"field": name, **each.to_dict()} for name, each in counts.items()],
    }


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


def _reader_name(reader: Reader) -> str:
    models = reader.models
    name = f"{models.detector.name} with {models.recognizer.name}"
    return f"{name} and {models.second_opinion.name}" if models.second_opinion else name


def _satisfies(path: Path, label: Label, constraints: Constraints) -> bool:
    """Whether the label does. Raises DataError if one without a box doesn't."""
    box, text, _ = label
    if constraints.is_empty:
        return True
    for number in text.split():
        if not constraints.accepts(number):
            if box is None:
                message = f"{path} is labelled {number}, which contradicts the constraints"
                raise DataError(message)
            return False
    return True
