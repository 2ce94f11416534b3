"""How well `digits read` reads real numbers, and how many of those it is sure of are right.

    python -m benchmarks real_numbers [--second-opinion] [--rapidocr]

Pictures of one number each in ../shared/photos, next to the checkout: amounts of cheques, form
numbers and marks; and halves, which are no plain number. Nothing is trained on them.

Exact: the digits of all that is read in a picture are those written; of a half, none. Accepted,
wrong of them, and right of those with a probability of 0.9 to 0.99, 0.99 to 0.999 and more: of the
numbers that are read, not of the pictures. Signs don't count, as the labels have none.

--rapidocr: the same of RapidOCR on one core, in turn with ours, by its scores. Each picture is a
line of text, which its recognizer reads as it is: its detector isn't asked.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.handwriting import PHOTOS, rows
from benchmarks.timing import parser, print_row
from digits import Classifier
from digits.prediction import Number, NumberStatus
from digits.terminal import track

BINS = {"0.9 to 0.99": 0.9, "to 0.999": 0.99, "more": 0.999}
HEAD = "pictures", "exact, %", "accepted", "wrong of them", *BINS, "ms a picture"
ONE_CORE = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}

ReadFn = Callable[[Path], Sequence[Number]]


class Answer(NamedTuple):
    """What is read in a picture of one number."""

    written: str
    numbers: Sequence[Number]
    seconds: float


def rapidocr() -> ReadFn:
    from rapidocr import RapidOCR

    engine: Any = RapidOCR(params=ONE_CORE | {"Global.log_level": "error"})

    def read(path: Path) -> list[Number]:
        output = engine(str(path), use_det=False, use_cls=False)
        numbers = list[Number]()
        for text, score in zip(output.txts or (), output.scores or (), strict=True):
            status: NumberStatus = "accepted" if score >= 0.99 else "review"
            numbers.append(Number(text, score, status, "", text, ()))
        return numbers

    return read


def answer(read: ReadFn, path: Path, written: str) -> Answer:
    start = time.perf_counter()
    numbers = read(path)
    return Answer(written, numbers, time.perf_counter() - start)


def digits_of(numbers: Sequence[Number]) -> str:
    return "".join(filter(str.isdigit, "".join(number.text for number in numbers)))


def reliability(probabilities: ArrayLike, right: ArrayLike) -> dict[str, str]:
    """Of answers by their probability: how many are right of how many, in each of BINS."""
    edges = [*BINS.values(), np.inf]
    total, _ = np.histogram(np.asarray(probabilities, float), edges)
    good, _ = np.histogram(np.asarray(probabilities)[np.asarray(right, bool)], edges)
    return {name: f"{n} of {m}" for name, n, m in zip(BINS, good, total, strict=True)}


def figures(answers: Sequence[Answer]) -> list[object]:
    """The cells under HEAD."""
    exact = [digits_of(answer.numbers) == answer.written for answer in answers]
    read = [(number, answer.written) for answer in answers for number in answer.numbers]
    probabilities = [number.probability for number, _ in read]
    right = [digits_of([number]) == written for number, written in read]
    accepted = [number.status == "accepted" for number, _ in read]
    wrong = sum(
        is_accepted > is_right for is_accepted, is_right in zip(accepted, right, strict=True)
    )
    milliseconds = 1000 * float(np.mean([answer.seconds for answer in answers]))
    share = 100 * float(np.mean(exact))
    bins = reliability(probabilities, right).values()
    return [len(answers), share, sum(accepted), wrong, *bins, milliseconds]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--second-opinion", action="store_true")
    options.add_argument("--rapidocr", action="store_true")
    arguments = options.parse_args()
    classifier = Classifier(second_opinion=arguments.second_opinion)
    readers: dict[str, ReadFn] = {"digits": lambda path: classifier.read(path).numbers}
    if arguments.rapidocr:
        readers["RapidOCR"] = rapidocr()
    photos = rows("numbers.csv") + rows("numbers_reject.csv")
    if not photos:
        sys.exit(f"{PHOTOS} has no numbers.csv")
    by_kind = {name: defaultdict[str, list[Answer]](list) for name in readers}
    for photo in track(photos, len(photos), "pictures"):
        path = PHOTOS / photo["file"]
        kind = path.name.split("_")[0]
        for name, read in readers.items():
            by_kind[name][kind].append(answer(read, path, photo["text"]))
    for name, kinds in by_kind.items():
        print_row(name, *HEAD)
        for kind, answers in kinds.items():
            print_row(f"  {kind}", *figures(answers))
        print_row("  together", *figures([*chain.from_iterable(kinds.values())]))
