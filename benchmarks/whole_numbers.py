"""How many whole numbers are read right, and how many wrong ones are accepted, by constraint.

    python -m benchmarks whole_numbers [--pages N] [--detector FILE.onnx] [--recognizer FILE.onnx]

Pages of two to six numbers, one a line, each by one hand that training never shows
(benchmarks/held_back.py): two thirds by MNIST's digits, a third in handwriting fonts. Each kind of
numbers is read freely and with constraints. Accepted: with a probability of at least 99 %, or
99.9 %; right, of all those with so high a probability. More time: of the search, by that of `read`
without constraints.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from benchmarks import held_back
from benchmarks.reader import parse_options
from benchmarks.real_numbers import reliability
from benchmarks.timing import print_row
from digits.classifier import Classifier
from digits.constraints.checks import CheckName
from digits.constraints.constraints import Constraints
from digits.evaluation import statistics
from digits.images import picture
from digits.reader.looks import Views
from digits.reader.numbers import Calibration, read_number
from digits.reader.reading import find_numbers
from digits.terminal import progress_bar
from digits_train.camera.numbers import random_digits
from digits_train.camera.page import number_page
from digits_train.pixels import Random
from digits_train.symbols import LabelledPage

SEED = 31
LISTED = 1_000


class Column(NamedTuple):
    """A number as it is written, what the networks see of it, and how long `read` needs for it."""

    views: Views | None
    written: str
    seconds: float


class Result(NamedTuple):
    """probability: that what was read is right; 0 if it is unreadable."""

    probability: float
    right: bool
    seconds: float


def _with_check(check: CheckName, length: int) -> Callable[[Random], str]:
    """Numbers of this length whose last digit checks the others."""
    constraints = Constraints(check=check, length=length)

    def draw(random: Random) -> str:
        while True:
            start = random_digits(random, length - 1, length - 1)
            ends = (f"{start}{end}" for end in range(10))
            if valid := [text for text in ends if constraints.accepts(text)]:
                return valid[0]

    return draw


def _amount(random: Random) -> str:
    return f"{random.integers(0, 10 ** int(random.integers(1, 5)))}.{random_digits(random, 2, 2)}"


LIST = [random_digits(np.random.default_rng([SEED, n]), 6, 6) for n in range(LISTED)]
FREE, SIX, EAN = Constraints(), Constraints(length=6), Constraints(check="ean13")
KINDS: dict[str, tuple[Callable[[Random], str], dict[str, Constraints]]] = {
    "six digits": (lambda random: random_digits(random, 6, 6), {"free": FREE, "length": SIX}),
    "six digits, Luhn": (
        _with_check("luhn", 6),
        {"check": Constraints(check="luhn"), "length, check": replace(SIX, check="luhn")},
    ),
    "thirteen digits, EAN": (_with_check("ean13", 13), {"free": FREE, "check": EAN}),
    "one of 1,000": (
        lambda random: LIST[int(random.integers(LISTED))],
        {"list": Constraints(values=LIST)},
    ),
    "amounts": (_amount, {"free": FREE, "pattern": Constraints(pattern=r"\d{1,4}\.\d\d")}),
}


def draw(kind: str, index: int) -> LabelledPage:
    """A page of numbers of a kind."""
    random = np.random.default_rng([SEED, list(KINDS).index(kind), index])
    texts = [KINDS[kind][0](random) for _ in range(int(random.integers(2, 7)))]
    return number_page(random, held_back.legible_numbers(), texts)


def find(kind: str, pages: int, classifier: Classifier) -> Iterator[list[Column]]:
    """The numbers found on each page of a kind, or as many missing ones."""
    for index in range(pages):
        labelled = draw(kind, index)
        page = picture.load(labelled.pixels, picture.PAGE_MAX_SIDE)
        detector, recognizer = classifier.networks.detector, classifier.networks.recognizer
        calibration = Calibration.load(classifier.networks)
        start = time.process_time()
        lines = find_numbers(detector.maps, recognizer.log_probabilities, page.pixels)
        numbers: list[Views | None] = [
            views for line in lines for views in line if read_number(views, FREE, calibration).text
        ]
        written = labelled.text.split()
        seconds = (time.process_time() - start) / len(written)
        if len(numbers) != len(written):  # which is which isn't known: all are wrong
            numbers = [None] * len(written)
        pairs = zip(numbers, written, strict=True)
        yield [Column(views, text, seconds) for views, text in pairs]


def read(column: Column, constraints: Constraints, calibration: Calibration) -> Result:
    start = time.process_time()
    if column.views is None:
        return Result(0.0, False, 0.0)
    reading = read_number(column.views, constraints, calibration)
    right = reading.satisfies and reading.text == column.written
    return Result(reading.probability, right, time.process_time() - start)


def figures(results: list[Result], columns: list[Column], free: list[Result]) -> dict[str, float]:
    """Figures in percent, but errors as counts. free: the same numbers without constraints."""
    probability = np.array([result.probability for result in results])
    right = np.array([result.right for result in results])
    table = {"numbers": len(results), "exact": 100 * right.mean()}
    for threshold in (0.99, 0.999):
        accepted = probability >= threshold
        table[f"accepted at {threshold}"] = 100 * accepted.mean()
        table[f"  wrong of them at {threshold}"] = int((accepted & ~right).sum())
    is_read = probability > 0
    table["calibration error"] = (
        100 * statistics.Calibration(probability[is_read], right[is_read]).error
    )
    more = sum(r.seconds for r in results) - sum(r.seconds for r in free)
    table["more time"] = 100 * more / sum(column.seconds for column in columns)
    return {name: float(value) for name, value in table.items()}


def main() -> None:
    classifier, count = parse_options(__doc__, pages=300)
    calibration = Calibration.load(classifier.networks)
    with progress_bar() as bar:
        for kind, (_, by_constraint) in KINDS.items():
            pages = find(kind, count, classifier)
            tracked = bar.track(pages, total=count, description=kind)
            numbers = [column for page in tracked for column in page]
            free = [read(column, FREE, calibration) for column in numbers]
            for name, constraints in by_constraint.items():
                results = [read(column, constraints, calibration) for column in numbers]
                print(f"{kind}: {name}")
                for title, figure in figures(results, numbers, free).items():
                    print_row(f"  {title}", figure)
                probabilities, right, _ = zip(*results, strict=True)
                for title, count_right in reliability(probabilities, right).items():
                    print_row(f"  right, {title}", count_right)
