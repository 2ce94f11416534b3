"""How well stacks of photographed forms are read: sheets found, and fields accepted, and wrong.

    python -m benchmarks fields [--stacks N] [--sheets N] [--seed N]

Each stack has a form of its own (benchmarks/forms.py), and each sheet a hand that training never
shows; one more sheet is empty. Half of the stacks are found by markers, half by a blank form. A
sheet is found if the corners of its fields are within a millimetre of where they are. Alone:
without the roster and the sum.
"""

import time
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec.structs import replace

from benchmarks.forms import MARKS, Blank, Matrix, blank_sheet, fill
from benchmarks.timing import parser, print_row
from digits.forms.form import FindBy
from digits.forms.homography import project
from digits.forms.sheet import Sheet
from digits.recognize import Reader
from digits.terminal import progress_bar

TOLERANCE = 1.0  # millimetres
FIND_BY: tuple[FindBy, ...] = ("marks", "blank")
Counts = defaultdict[str, Counter[str]]  # by kind of field


def error(sheet: Sheet, blank: Blank, homography: Matrix) -> float:
    """The largest distance from a field's corner to where it was located, in millimetres."""
    if sheet.homography is None:
        return np.inf
    boxes = np.array([field.box for field in blank.form.fields])
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    offsets = project(np.linalg.inv(sheet.homography) @ homography, corners) - corners
    return float(np.hypot(*offsets.T).max()) / blank.unit


def tally(counts: Counts, sheet: Sheet, texts: list[str]) -> None:
    """Count what is in fields, with the roster and the sum or alone; nothing in a lost sheet."""
    numbers = sheet.numbers or [None] * len(texts)
    for field, number, text in zip(sheet.form.fields, numbers, texts, strict=True):
        name = f"{field.name}, cells" if field.digit_boxes else field.name
        name = "mark" if field.name in MARKS else name
        count = counts[f"  {name if text else 'empty'}{'' if sheet.form.rules else ', alone'}"]
        is_right = number is not None and number.text == text
        is_accepted = number is not None and number.status == "accepted"
        count.update(numbers=1, exact=is_right, accepted=is_accepted)
        count["wrong"] += is_accepted and not is_right


def report(find: str, counts: Counts, errors: list[float], times: list[float]) -> None:
    small = [error for error in errors if error < TOLERANCE]
    print_row(find, "sheets", "found, %", "elsewhere", "error, mm", "s a sheet", "longest, s")
    elsewhere = sum(TOLERANCE <= error < np.inf for error in errors)
    share, mean = 100 * len(small) / len(errors), float(np.mean(times))
    print_row("", len(errors), share, elsewhere, max(small, default=0.0), mean, max(times))
    print_row("", "numbers", "exact, %", "accepted, %", "wrong of them")
    for name, count in sorted(counts.items()):
        shares = (100 * count[key] / count["numbers"] for key in ("exact", "accepted"))
        print_row(name, count["numbers"], *shares, count["wrong"])


def main() -> None:
    options = parser(__doc__, stacks=200, sheets=5, seed=51).parse_args()
    reader = Reader(threads=2)
    with progress_bar() as bar, TemporaryDirectory() as folder:
        for kind, find in enumerate(FIND_BY):
            counts, errors, times = Counts(Counter), list[float](), list[float]()
            stacks = range(kind, options.stacks, len(FIND_BY))
            for stack in bar.track(stacks, description=find):
                seed = options.seed, stack
                blank = blank_sheet(np.random.default_rng(seed), Path(folder), find)
                student = replace(blank.form.fields[0], list=None)
                fields = student, *blank.form.fields[1:]
                alone = replace(blank.form, fields=fields, sums=(), roster=None)
                for number, name in enumerate([*blank.students[: options.sheets], ""], 1):
                    random = np.random.default_rng([*seed, number])
                    texts, photo, homography = fill(blank, name, random)
                    start = time.perf_counter()
                    sheet = reader.read_fields(photo, blank.form)
                    times.append(time.perf_counter() - start)
                    errors.append(error(sheet, blank, homography))
                    tally(counts, sheet, texts)
                    tally(counts, reader.read_fields(photo, alone), texts)
            report(find, counts, errors, times)
