"""How well digits and numbers are read that nothing was trained on, and what is no digit.

    python -m benchmarks accuracy digits|numbers|constraints|non-digits [--pages N]
        [--model FILE.onnx] [--detector FILE.onnx] [--recognizer FILE.onnx] [--second-opinion]
        [--rapidocr]

digits: other people's, by `predict`, whose answers with a `?` count by their most probable digit,
and by `read`, which has to read that digit and nothing else. Pictures in ../shared/photos next to
the checkout, which aren't part of the project; and UCI's optdigits of 8x8 pixels (E. Alpaydin, C.
Kaynak, 1998), the 1,797 of its test half, by 13 writers, that scikit-learn ships.

numbers: by `read`. Photos there: amounts of cheques, form numbers, marks, halves (which are no
plain number) and pages, of which only the digits are labelled; and pairs of digits that touch or
are joined. Accepted numbers have a probability of at least 99 %.

constraints: pages of two to six numbers, one a line, each by one hand that training never shows
(benchmarks/held_back.py): two thirds by MNIST's digits, a third in handwriting fonts. Each kind is
read freely and with constraints; --pages is how many pages.

non-digits: letters, drawings, numbers and others, on which `predict` should give no digit. `?`: the
share on which it gives none. AUROC: how often the confidence in a digit of MNIST's validation set
exceeds that in such a picture. At 99 %: the share taken for a digit if 99 % of the validation
digits are. Accepted: the share in which `read` accepts a number. The kinds and the weight of what
LeNet-5 is shown as no digit, and the share of digits that may be rejected, were tuned on these
figures (except the pages and the numbers).

--rapidocr: the same numbers by RapidOCR on one core, by its scores. Each picture is a line of text,
which its recognizer reads as it is: its detector isn't asked.
"""

import csv
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from scipy.stats import mannwhitneyu

from benchmarks import held_back
from benchmarks.timing import parser, print_row
from digits import Reader
from digits.alignment import align
from digits.constraints.checks import CheckName
from digits.constraints.constraints import Constraints
from digits.evaluation.numbers import NumberEvaluation
from digits.evaluation.statistics import ratio
from digits.images.picture import Source
from digits.prediction import Number, Reason, Status
from digits.recognize import DEFAULT_MAX_ERRORS
from digits.terminal import track
from digits_train.camera.numbers import random_digits
from digits_train.data import mnist
from digits_train.pixels import Random
from digits_train.symbols import LabelledPage

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"
WHITE = 16  # the greatest of scikit-learn's values
PAIRS = 100  # from 00 to 99
SEED, LISTED = 31, 1_000
HEAD = "numbers", "exact, %", "accepted", "wrong of them", "symbols, %", "ms a picture"
ONE_CORE = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}

ReadFn = Callable[[Source], Sequence[Number]]
Labelled = Sequence[tuple[Source, str]]  # pictures, each with the numbers on it, one a line
Kinds = dict[str, Labelled]


def rows(table: str) -> list[dict[str, str]]:
    """The rows of a table of photos; none where they aren't there."""
    path = PHOTOS / table
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def photos(*tables: str, column: str) -> dict[str, list[tuple[Path, str]]]:
    """Photos by kind, which begins the names of their files."""
    kinds = defaultdict[str, list[tuple[Path, str]]](list)
    for photo in (row for table in tables for row in rows(table)):
        path = PHOTOS / photo["file"]
        kinds[path.name.split("_")[0]].append((path, photo[column]))
    return kinds


def single_digits() -> Kinds:
    from sklearn.datasets import load_digits  # which only this needs

    images = np.round(load_digits().images * 255 / WHITE).astype(np.uint8)
    optdigits = zip(images, map(str, load_digits().target), strict=True)
    return {**photos("single.csv", column="digit"), "optdigits": list(optdigits)}


def evaluate_digits(reader: Reader) -> None:
    print_row("", "pictures", "right", "?", "by `read`", "accepted", "wrong of them")
    for kind, labelled in single_digits().items():
        predictions = reader.predict_batch([picture for picture, _ in labelled])
        labels = [label for _, label in labelled]
        most_probable = [str(prediction.guess) for prediction in predictions]
        right = [*map(str.__eq__, most_probable, labels)]
        unsure = sum(prediction.digit is None for prediction in predictions)
        readings = [reader.read(picture) for picture, _ in labelled]
        texts = [[number.text for number in reading.numbers] for reading in readings]
        exact = [text == [label] for text, label in zip(texts, labels, strict=True)]
        sure = [reading.status == "accepted" for reading in readings]
        shares = (100 * float(np.mean(each)) for each in (right, exact))
        wrong = sum(sure) - sum(map(bool.__and__, sure, exact))
        print_row(f"  {kind}", len(right), next(shares), unsure, next(shares), sum(sure), wrong)


def photographed_numbers() -> Kinds:
    pages: Labelled = [
        (ImageOps.exif_transpose(Image.open(path)).convert("RGB"), text.replace("/", "\n"))
        for labelled in photos("lines.csv", column="digits").values()
        for path, text in labelled
    ]
    return {**photos("numbers.csv", "numbers_reject.csv", column="text"), "pages": pages}


def pairs() -> Kinds:
    kinds = Kinds()
    for spacing in ("touching", "joined"):
        key = zlib.crc32(f"{spacing} pairs".encode())
        randoms = [np.random.default_rng([20, key, number]) for number in range(PAIRS)]
        drawn = [held_back.pair(f"{n:02}", spacing, random) for n, random in enumerate(randoms)]
        kinds[f"{spacing} pairs"] = [(page.pixels, page.text) for page in drawn]
    return kinds


def rapidocr() -> ReadFn:
    from rapidocr import RapidOCR

    engine: Any = RapidOCR(params=ONE_CORE | {"Global.log_level": "error"})

    def read(source: Source) -> list[Number]:
        image = source if isinstance(source, np.ndarray) else str(source)
        output, numbers = engine(image, use_det=False, use_cls=False), list[Number]()
        for text, score in zip(output.txts or (), output.scores or (), strict=True):
            is_sure = score >= 1 - DEFAULT_MAX_ERRORS
            status: tuple[Status, Reason] = ("accepted", "") if is_sure else ("review", "unsure")
            numbers.append(Number(text, score, *status, "", text, ()))
        return numbers

    return read


def evaluate(name: str, read: ReadFn, pictures: Iterable[tuple[Source, str]]) -> None:
    """Print the row of one kind of pictures, under HEAD."""
    numbers, errors, symbols, times = NumberEvaluation(), 0, 0, list[float]()
    for picture, written in pictures:
        started = time.perf_counter()
        found = read(picture)
        times.append(time.perf_counter() - started)
        numbers.add(name, written.split(), found)
        score = align(
            "".join(number.text or number.unconstrained for number in found), written
        ).score
        errors, symbols = errors + score.errors, symbols + score.symbols
    figures = numbers.to_dict(DEFAULT_MAX_ERRORS)
    counts = figures["numbers"], 100 * figures["accuracy"], figures["accepted"]
    wrong, share = figures["silent_errors"], 100 * ratio(errors, symbols)
    print_row(name, *counts, wrong, share, 1000 * float(np.mean(times)))


def without_signs(read: ReadFn) -> ReadFn:
    """For labels that have none."""

    def digits(text: str) -> str:
        return "".join(filter(str.isdigit, text))

    def read_digits(picture: Source) -> list[Number]:
        return [
            replace(number, text=digits(number.text), unconstrained=digits(number.unconstrained))
            for number in read(picture)
        ]

    return read_digits


def evaluate_numbers(reader: Reader, use_rapidocr: bool) -> None:
    readers: dict[str, ReadFn] = {"digits": lambda picture: reader.read(picture).numbers}
    if use_rapidocr:
        readers["RapidOCR"] = rapidocr()
    for name, read in readers.items():
        print_row(name, *HEAD)
        for kind, pictures in (photographed_numbers() | pairs()).items():
            if name == "digits" or kind != "pages":
                tracked = track(pictures, len(pictures), kind)
                evaluate(f"  {kind}", without_signs(read), tracked)


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
NUMBERS: dict[str, tuple[Callable[[Random], str], dict[str, Constraints]]] = {
    "six digits": (lambda random: random_digits(random, 6, 6), {"free": FREE, "length": SIX}),
    "six digits, Luhn": (
        _with_check("luhn", 6),
        {"check": Constraints(check="luhn"), "length, check": replace(SIX, check="luhn")},
    ),
    "thirteen digits, EAN": (_with_check("ean13", 13), {"free": FREE, "check": EAN}),
    "one of 1,000": (
        lambda random: LIST[int(random.integers(LISTED))],
        {"list": Constraints(allowed=LIST)},
    ),
    "amounts": (_amount, {"free": FREE, "pattern": Constraints(pattern=r"\d{1,4}\.\d\d")}),
}


def draw_page(kind: str, index: int) -> LabelledPage:
    """A page of one of NUMBERS."""
    random = np.random.default_rng([SEED, list(NUMBERS).index(kind), index])
    texts = [NUMBERS[kind][0](random) for _ in range(int(random.integers(2, 7)))]
    return held_back.numbers_page(texts, random)


def evaluate_constraints(reader: Reader, count: int) -> None:
    print_row("", *HEAD)
    for kind, (_, by_constraint) in NUMBERS.items():
        pages = [draw_page(kind, index) for index in track(range(count), count, kind)]
        for name, constraints in by_constraint.items():

            def read(picture: Source, constraints: Constraints = constraints) -> Sequence[Number]:
                return reader.read(picture, constraints).numbers

            evaluate(f"{kind}: {name}", read, ((page.pixels, page.text) for page in pages))


def evaluate_non_digits(reader: Reader) -> None:
    kinds = defaultdict[str, list[Source]](list)
    for kind, picture in held_back.without_one_digit():
        kinds[kind].append(picture)
    digits = [reader.predict(digit).confidence for digit in mnist.load("validation").images]
    threshold = np.quantile(digits, 0.01)
    print_row("", "?", "AUROC", "at 99 %", "accepted")
    for kind, pictures in kinds.items():
        answers = [reader.predict(picture) for picture in pictures]
        confidence = np.array([answer.confidence for answer in answers])
        auroc = mannwhitneyu(digits, confidence).statistic / len(digits) / len(pictures)
        readings = [reader.read(picture).numbers for picture in pictures]
        accepted = [any(n.status == "accepted" for n in numbers) for numbers in readings]
        rejected = [answer.digit is None for answer in answers]
        shares = [np.mean(each) for each in (rejected, confidence >= threshold, accepted)]
        shares.insert(1, auroc)
        print_row(f"  {kind} ({len(pictures):,})", *(100 * float(share) for share in shares))


def main() -> None:
    options = parser(__doc__, model="", detector="", recognizer="", pages=300)
    options.add_argument("kind", choices=("digits", "numbers", "constraints", "non-digits"))
    options.add_argument("--second-opinion", action="store_true")
    options.add_argument("--rapidocr", action="store_true")
    given = options.parse_args()
    reader = Reader(
        given.model or None,
        detector=given.detector or None,
        recognizer=given.recognizer or None,
        second_opinion=given.second_opinion,
    )
    match given.kind:
        case "digits":
            evaluate_digits(reader)
        case "numbers":
            evaluate_numbers(reader, given.rapidocr)
        case "constraints":
            evaluate_constraints(reader, given.pages)
        case "non-digits":
            evaluate_non_digits(reader)
