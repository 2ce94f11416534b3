"""How well `digits read` finds and reads symbols, on pages and numbers that it wasn't trained on.

    python -m benchmarks reader [--detector FILE.onnx] [--recognizer FILE.onnx] [--pages N]
    PYTHONPATH=CHECKOUT/runtime python -m benchmarks reader    # as another checkout reads the same

The digits are those of MNIST's validation set that fit nothing. All digits that are written count:
missed, wrong or invented (read where none is), of all numbers, accepted or not; what may be a digit
counts neither way. Signs, minus and point, count apart. A sure digit is one of an accepted number.

- pages with axes as in training (digits_train/camera/page.py), and each with one of the axes held
  back (benchmarks/held_back.py);
- pairs that touch or are joined; 11, 111, 101 and 10 to 19 drawn with a pen;
- pages without a digit: print, words in hands held back, shapes, empty sheets;
- photographed pages in ../shared/photos, if they are there.
"""

import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from benchmarks import held_back, nondigits, strokes
from benchmarks.handwriting import PHOTOS, rows
from benchmarks.timing import parser, print_row
from digits import Classifier
from digits.alignment import align
from digits.errors import PictureError
from digits.evaluation.statistics import Calibration
from digits.images.picture import Source
from digits.prediction import Number, Symbol
from digits.terminal import progress_bar
from digits_train.camera import fonts
from digits_train.camera.exposure import photograph
from digits_train.camera.page import number_page, page
from digits_train.camera.ranges import RANGES
from digits_train.camera.window import Window
from digits_train.pixels import Random
from digits_train.symbols import DOUBTFUL, LabelledPage, Match, confusion, score

TRAINED, SIGNED, REAL = "axes as in training", "signs", "photos"
PAIRS, STROKES = {"touching pairs": "touching", "joined pairs": "joined"}, "11, 111, 101, 10 to 19"
PRINT, WORDS = "print", "words in hands held back"
SHAPES, EMPTY_SHEETS = "shapes", "empty sheets"
EMPTY = (PRINT, WORDS, SHAPES, EMPTY_SHEETS)
_PAIRS = 100  # from 00 to 99
_EACH = 12  # drawings of each number
_WITHOUT = 100  # pictures of each kind without a digit
SIGNS = "-."
# They are measured together, and each kind of them on its own.
GROUPS = {TRAINED: (TRAINED,), "axes held back": held_back.KINDS}


class Picture(NamedTuple):
    """kind: one of those above. text: what is written on it.

    page: with the places of its digits, if they are known.
    """

    kind: str
    image: Source
    text: str = ""
    page: LabelledPage | None = None


def pictures(pages: int) -> Iterator[Picture]:
    """All pictures. pages: as in training, and a tenth as many of each other kind."""
    for number in range(pages):
        random = _seed(TRAINED, number)
        yield _of(TRAINED, page(random, held_back.as_in_training(), "numbers"))
    for kind in held_back.KINDS:
        for number in range(-(-pages // 10)):
            yield _of(kind, held_back.page(kind, _seed(kind, number)))
    for number in range(-(-pages // 2)):
        random = _seed(SIGNED, number)
        texts = [_signed(random) for _ in range(int(random.integers(2, 7)))]
        yield _of(SIGNED, number_page(random, held_back.legible_numbers(), texts))
    for kind, spacing in PAIRS.items():
        for number in range(_PAIRS):
            yield _of(kind, held_back.pair(f"{number:02}", spacing, _seed(kind, number)))
    for text in nondigits.DRAWN:
        for number in range(_EACH):
            random = _seed(f"{STROKES} {text}", number)
            yield Picture(STROKES, strokes.drawn(text, held_back.half(), random), text)
    yield from without_digits()
    yield from photos()


def without_digits() -> Iterator[Picture]:
    """Pictures on which nothing is to be read."""
    hands, printed = fonts.handwriting("held back"), fonts.printed("held back")
    for number in range(_WITHOUT):
        for kind, files in ((PRINT, printed), (WORDS, hands)):
            yield _of(kind, held_back.words_page(files[number % len(files)], _seed(kind, number)))
        yield Picture(SHAPES, np.asarray(nondigits.drawing(_seed(SHAPES, number))))
        random = _seed(EMPTY_SHEETS, number)
        height, width = random.integers(150, 1100, 2).tolist()
        sheet = photograph(Window.empty((height, width)), random.uniform(16, 110), random, RANGES)
        yield Picture(EMPTY_SHEETS, sheet.pixels)


def photos() -> Iterator[Picture]:
    """Other people's photographed pages: nothing is trained on them."""
    for photo in rows("lines.csv"):
        image = ImageOps.exif_transpose(Image.open(PHOTOS / photo["file"])).convert("RGB")
        yield Picture(REAL, np.asarray(image), photo["digits"].replace("/", "\n"))


def _seed(kind: str, number: int) -> Random:
    return np.random.default_rng([20, zlib.crc32(kind.encode()), number])


def _of(kind: str, page: LabelledPage) -> Picture:
    return Picture(kind, page.pixels, page.text, page)


def _signed(random: Random) -> str:
    """An amount or a difference, with a minus before it or a point in it."""
    whole = str(random.integers(10 ** int(random.integers(1, 5))))
    cents = f".{random.integers(100):02}" if random.random() < 0.6 else ""
    return "-" * int(random.random() < 0.4) + whole + cents


class Answer(NamedTuple):
    """What was read of a picture."""

    picture: Picture
    numbers: Sequence[Number]
    seconds: float

    @property
    def symbols(self) -> list[Symbol]:
        return [symbol for number in self.numbers for symbol in number.symbols]

    @property
    def accepted(self) -> set[Symbol]:
        """The symbols of accepted numbers."""
        numbers = [number for number in self.numbers if number.status == "accepted"]
        return {symbol for number in numbers for symbol in number.symbols}

    @property
    def digits(self) -> list[Symbol]:
        return [symbol for symbol in self.symbols if symbol.symbol not in SIGNS]

    @property
    def surest(self) -> list[Symbol]:
        """The digits, the surest first."""
        return sorted(self.digits, key=lambda symbol: -symbol.confidence)

    def match(self) -> Match:
        """The surest digits and those that are there."""
        assert self.picture.page is not None
        boxes = np.array([digit.box for digit in self.surest], np.float32).reshape(-1, 4)
        symbols = np.array([int(digit.symbol) for digit in self.surest], np.int64)
        return self.picture.page.match(boxes, symbols)

    @property
    def is_exact(self) -> bool:
        """Whether all digits are right, and nothing else was taken for one."""
        if self.picture.page is None:
            return text(self.digits) == "".join(self.picture.text.split())
        return not self.match().score.errors

    @property
    def has_sure_digit(self) -> bool:
        """Whether a digit is accepted in a picture without any; what may be one doesn't count."""
        sure = np.array([digit in self.accepted for digit in self.surest], bool)
        if self.picture.page is not None:
            sure &= self.match().partners != DOUBTFUL
        return bool(sure.any())


def text(symbols: Sequence[Symbol]) -> str:
    return "".join(symbol.symbol for symbol in symbols)


def read(classifier: Classifier, picture: Picture) -> Answer:
    start = time.perf_counter()
    try:
        numbers = classifier.read(picture.image).numbers
    except PictureError:
        numbers = ()
    return Answer(picture, numbers, time.perf_counter() - start)


def page_figures(answers: Sequence[Answer]) -> dict[str, float]:
    """Shares of the digits written, and of exact pages, in percent."""
    matches, unsure = [answer.match() for answer in answers], 0
    confidence: list[float] = []
    right: list[bool] = []
    for answer, match in zip(answers, matches, strict=True):
        known = match.partners != DOUBTFUL
        truth = np.append(match.page.truth.symbols, -1)[match.partners[known]]
        right += (truth == match.symbols[known]).tolist()
        confidence += np.array([digit.confidence for digit in answer.surest])[known].tolist()
        unsure += len(answer.symbols) - len(answer.accepted)
    errors = score(confusion(matches))
    counts = {"missed": errors.missed, "wrong": errors.wrong, "invented": errors.invented}
    shares = {"errors": errors.errors, **counts, "of numbers to review": unsure}
    return {
        **{name: 100 * count / max(errors.symbols, 1) for name, count in shares.items()},
        "exact pages": percent([answer.is_exact for answer in answers]),
        "calibration error": 100 * Calibration(confidence, right).error,
    }


def photo_figures(answers: Sequence[Answer]) -> dict[str, float]:
    """Errors on pages of which only the text is known, in percent."""
    scores = np.array([align(text(answer.digits), answer.picture.text).score for answer in answers])
    errors = scores[:, 1:].sum(1)
    return {
        f"{REAL}: errors": 100 * float(errors.sum() / scores[:, 0].sum()),
        f"{REAL}: exact pages": percent((errors == 0).tolist()),
    }


def sign_figures(signed: Sequence[Answer], others: Sequence[Answer]) -> dict[str, float]:
    """How many signs are found, and how many invented on `others`, pages without any."""
    written = right_signs = 0
    for answer in signed:
        right = align(text(answer.symbols), answer.picture.text).right
        is_sign = [symbol.symbol in SIGNS for symbol in answer.symbols]
        right_signs += sum(map(bool.__and__, right, is_sign))
        written += sum(answer.picture.text.count(sign) for sign in SIGNS)
    invented = sum(len(answer.symbols) - len(answer.digits) for answer in others)
    digits = sum(len(answer.match().page.truth.symbols) for answer in others)
    return {
        "minus and point: found": 100 * right_signs / written,
        "minus and point: invented, per digit": 100 * invented / digits,
    }


def percent(successes: Sequence[bool]) -> float:
    return 100 * float(np.mean(successes))


def figures(answers: dict[str, list[Answer]]) -> dict[str, float]:
    """All figures by their names, in percent, but for times."""
    table: dict[str, float] = {}
    for group, kinds in GROUPS.items():
        some = [answer for kind in kinds for answer in answers[kind]]
        table |= {f"{group}: {name}": value for name, value in page_figures(some).items()}
        for kind in kinds if len(kinds) > 1 else ():
            table[f"    {kind}: errors"] = page_figures(answers[kind])["errors"]
    for kind in (*PAIRS, STROKES):
        table[f"{kind}: right"] = percent([answer.is_exact for answer in answers[kind]])
    held = [answer for kind in held_back.KINDS for answer in answers[kind]]
    table |= sign_figures(answers[SIGNED], held)
    for kind in EMPTY:
        sure = percent([answer.has_sure_digit for answer in answers[kind]])
        table[f"{kind}: pictures with a sure digit"] = sure
    if answers[REAL]:
        table |= photo_figures(answers[REAL])
    pages = [answer for kinds in GROUPS.values() for kind in kinds for answer in answers[kind]]
    table["a page: median ms"] = 1000 * float(np.median([answer.seconds for answer in pages]))
    return table


def parse_options(
    description: str | None, pages: int = 100, threads: int = 1
) -> tuple[Classifier, int]:
    """The networks and the number of pages on the command line. pages: by default."""
    options = parser(description, detector="", recognizer="", pages=pages).parse_args()
    detector, recognizer = options.detector or None, options.recognizer or None
    return Classifier(None, threads, detector=detector, recognizer=recognizer), options.pages


def main() -> None:
    classifier, pages = parse_options(__doc__)
    answers = defaultdict[str, list[Answer]](list)
    with progress_bar() as bar:
        for picture in bar.track(pictures(pages), description="pictures"):
            answers[picture.kind].append(read(classifier, picture))
    for name, figure in figures(answers).items():
        print_row(name, figure)
