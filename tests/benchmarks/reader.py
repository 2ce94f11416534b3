"""How well `digits read` finds and reads symbols, on pages and numbers that it wasn't trained on.

    python -m tests.benchmarks.reader [--model READER.onnx] [--before CHECKOUT] [--threads N]

The digits are those of MNIST's validation set that fit nothing; --before reads the same pictures
with an earlier checkout of the project, too. All digits that are written count: missed, wrong or
invented (read where none is), `?` as any wrong one. Signs, minus and point, count apart.

- pages as in training (digits_train/camera/page.py), pages of kinds, pens and hands that training
  never shows (tests/benchmarks/held_back.py), and of kinds that it came to show;
- pairs that touch or are joined; 11, 111, 101 and 10 to 19 drawn with a pen;
- pages without any digit: print, words in each of the hands that training never shows, shapes,
  textures, empty sheets;
- photographed pages in ../shared/photos, if they are there, by the most probable digits;
- the times of an A4 photo and of a small crop, from the file on.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tests.benchmarks import handwritten, held_back, nondigits
from tests.benchmarks.pictures import a4, crop

from digits.data import mnist
from digits.data.mnist import Split
from digits.evaluation import calibration_gaps
from digits.page_evaluation import align
from digits.terminal import progress_bar
from digits_train.camera import FITTED, fonts
from digits_train.camera.page import page, text_page

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT.parent / "shared" / "photos"
SIGNS = "-."
DRAWN = nondigits.DRAWN
_EACH = 12  # drawings of each number
_WITHOUT = 100  # pictures of each kind without a digit, but fewer of pages
_PAGES_WITHOUT = 60
_EACH_HAND = 5  # pages of words
_TIMES = 9  # that each file is read

TRAINED, SIGNED, HANDWRITING, REAL = "kinds as in training", "signs", "handwriting", "photos"
TOUCHING, JOINED, STROKES = "touching pairs", "joined pairs", "11, 111, 101, 10 to 19"
EMPTY = ("print", "shapes", "textures", "sheets in shadow", "empty sheets")
FILES = {"A4 of 12 megapixels, from the file on": a4, "300x150 pixels, from the file on": crop}
# They are measured together, and each kind of them on its own.
GROUPS = {
    TRAINED: (TRAINED,),
    "kinds held back": held_back.KINDS,
    "kinds once held back": held_back.ONCE_HELD_BACK,
}

Random = np.random.Generator
Bytes = NDArray[np.uint8]


class Picture(NamedTuple):
    """kind: one of those above. image: pixels, or a file's bytes. letters: of the words on it."""

    kind: str
    image: Bytes
    text: str = ""
    letters: int = 0


class Character(NamedTuple):
    """shown: a symbol or `?`. best: the most probable symbol. confidence: its own, 0 to 1."""

    shown: str
    best: str
    confidence: float

    @property
    def is_sign(self) -> bool:
        return self.best in SIGNS


class Answer(NamedTuple):
    """What was read of a picture, and what is on it, without blanks."""

    text: str
    letters: int
    characters: list[Character]
    seconds: float

    def digits(self, sure: bool = False) -> str:
        """Without signs. sure: `?` where a digit is rejected, else the most probable one."""
        own = [one for one in self.characters if not one.is_sign]
        return "".join(one.shown if sure else one.best for one in own)

    @property
    def sure_digits(self) -> int:
        return sum(one.shown.isdigit() for one in self.characters)

    @property
    def written(self) -> str:
        """The digits written, without signs."""
        return "".join(character for character in self.text if character.isdigit())


class Reading:
    """A process that reads pictures with the runtime of a checkout."""

    def __init__(self, checkout: Path, model: str | None, threads: int = 1) -> None:
        script = Path(__file__).with_name("read_pictures.py")
        paths = os.pathsep.join([str(checkout / "runtime"), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, script, str(threads), *([model] if model else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def read(self, picture: Picture) -> Answer:
        assert self.process.stdin and self.process.stdout
        header = json.dumps(picture.image.shape).encode() + b"\n"
        self.process.stdin.write(header + picture.image.tobytes())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the reading process has ended")
        found, seconds = json.loads(line)
        text = "".join(picture.text.split())
        return Answer(text, picture.letters, [Character(*one) for one in found], seconds)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


# Pictures


def _seed(kind: str, number: int) -> Random:
    return np.random.default_rng([20, zlib.crc32(kind.encode()), number])


def pictures(pages: int) -> Iterator[Picture]:
    """All pictures. pages: as in training, and a tenth as many of each other kind."""
    validation = mnist.load("validation")
    half = Split(validation.images[FITTED:], validation.labels[FITTED:])
    hands = fonts.hands("held back")
    by = handwritten.writers(half, hands, [*fonts.printed("held back"), *hands])
    words = [str(file) for file in fonts.printed() + fonts.hands()]
    for number in range(pages):
        shown = page(half, _seed(TRAINED, number), words)
        yield Picture(TRAINED, shown.image, shown.text)
    for kind in held_back.KINDS + held_back.ONCE_HELD_BACK:
        for number in range(-(-pages // 10)):
            yield Picture(kind, *held_back.page(kind, by, _seed(kind, number)))
    for number in range(-(-pages // 2)):
        yield Picture(SIGNED, *handwritten.signed_page(by, _seed(SIGNED, number)))
    for kind in (TOUCHING, JOINED):
        for number in range(100):
            shown_pair = handwritten.pair(f"{number:02}", kind == JOINED, by, _seed(kind, number))
            yield Picture(kind, *shown_pair)
    for text in DRAWN:
        for number in range(_EACH):
            drawn = handwritten.drawn(text, half, _seed(f"{STROKES} {text}", number))
            yield Picture(STROKES, drawn, text)
    yield from without_digits(hands)
    yield from photos()
    yield from files()


def without_digits(hands: Sequence[Path]) -> Iterator[Picture]:
    """Pictures on which nothing is to be read."""
    print_fonts = [str(file) for file in fonts.printed("held back")]
    kinds: dict[str, tuple[int, Callable[[Random], object]]] = {
        "print": (_PAGES_WITHOUT, lambda random: text_page(random, print_fonts)),
        "shapes": (_WITHOUT, nondigits.drawing),
        "textures": (_WITHOUT, nondigits.texture),
        "sheets in shadow": (_WITHOUT, nondigits.blank),
        "empty sheets": (_WITHOUT, handwritten.empty_sheet),
    }
    for kind, (count, draw) in kinds.items():
        for number in range(count):
            yield Picture(kind, np.asarray(draw(_seed(kind, number))))
    for hand in hands:
        kind = f"{HANDWRITING}, {hand.name.removesuffix('-latin-400-normal.woff')}"
        for number in range(_EACH_HAND):
            image, letters = handwritten.handwriting(hand, _seed(kind, number))
            yield Picture(kind, image, letters=letters)


def photos() -> Iterator[Picture]:
    """Other people's photographed pages: nothing is trained on them."""
    if not (PHOTOS / "lines.csv").exists():
        return
    with (PHOTOS / "lines.csv").open() as file:
        for row in csv.DictReader(file):
            image = ImageOps.exif_transpose(Image.open(PHOTOS / row["file"])).convert("RGB")
            yield Picture(REAL, np.asarray(image), row["digits"].replace("/", "\n"))


def files() -> Iterator[Picture]:
    """Pictures whose reading is timed."""
    with TemporaryDirectory() as folder:
        for kind, make in FILES.items():
            content = np.frombuffer(make(Path(folder)).read_bytes(), np.uint8)
            yield from [Picture(kind, content)] * _TIMES


# Figures


def calibration_error(answers: Sequence[Answer]) -> float:
    """The expected calibration error of all digits read, with 15 bins."""
    confidence: list[float] = []
    right: list[bool] = []
    for answer in answers:
        confidence += [one.confidence for one in answer.characters if not one.is_sign]
        right += align(answer.digits(), answer.written).right
    return float(np.abs(calibration_gaps(confidence, right)).sum() / max(len(right), 1))


def page_figures(answers: Sequence[Answer], sure: bool = True) -> dict[str, float]:
    """Shares of the digits written, and of exact pages, in percent. sure: see `Answer.digits`."""
    scores = np.array([align(one.digits(sure), one.written).score for one in answers])
    digits, missed, wrong, invented = scores.sum(0).tolist()
    unsure = sum(one.digits(sure=True).count("?") for one in answers)
    return {
        "errors": 100 * (missed + wrong + invented) / digits,
        "missed": 100 * missed / digits,
        "wrong": 100 * wrong / digits,
        "invented": 100 * invented / digits,
        "exact pages": 100 * float((scores[:, 1:].sum(1) == 0).mean()),
        "?": 100 * unsure / digits,
        "calibration error": 100 * calibration_error(answers),
    }


def sign_figures(signed: Sequence[Answer], others: Sequence[Answer]) -> dict[str, float]:
    """others: pages without any sign."""
    written = found = invented = digits = 0
    for answer in (*signed, *others):
        shown = [one.shown for one in answer.characters]
        right = align("".join(shown), answer.text).right
        written += sum(character in SIGNS for character in answer.text)
        digits += len(answer.written)
        signs = [fits for fits, one in zip(right, shown, strict=True) if one in SIGNS]
        found, invented = found + sum(signs), invented + len(signs) - sum(signs)
    return {
        "minus and point: found": 100 * found / written,
        "minus and point: invented, per digit": 100 * invented / digits,
    }


def figures(answers: dict[str, list[Answer]]) -> dict[str, float]:
    """All figures by their names, in percent."""
    table: dict[str, float] = {}
    for group, kinds in GROUPS.items():
        some = [one for kind in kinds for one in answers[kind]]
        table |= {f"{group}: {name}": value for name, value in page_figures(some).items()}
        for kind in kinds if len(kinds) > 1 else ():
            table[f"    {kind}: errors"] = page_figures(answers[kind])["errors"]
    for kind in (TOUCHING, JOINED, STROKES):
        exact = [one.digits(sure=True) == one.written for one in answers[kind]]
        table[f"{kind}: right"] = 100 * float(np.mean(exact))
    held = [one for kind in held_back.KINDS for one in answers[kind]]
    table |= sign_figures(answers[SIGNED], held)
    hands = {kind: some for kind, some in answers.items() if kind.startswith(HANDWRITING)}
    words = [one for some in hands.values() for one in some]
    for kind, some in (*((kind, answers[kind]) for kind in EMPTY), (HANDWRITING, words)):
        sure = [one.sure_digits > 0 for one in some]
        table[f"{kind}: pictures with a sure digit"] = 100 * float(np.mean(sure))
    for kind, some in {HANDWRITING: words, **hands}.items():
        letters = sum(one.letters for one in some)
        rate = 100 * sum(one.sure_digits for one in some) / letters
        table[f"{kind}: sure digits per 100 letters"] = rate
    if answers[REAL]:
        real = page_figures(answers[REAL], sure=False)
        table |= {f"photos: {name}": real[name] for name in ("errors", "exact pages")}
    pages = [one for kinds in GROUPS.values() for kind in kinds for one in answers[kind]]
    for name, some in {"a page": pages, **{kind: answers[kind] for kind in FILES}}.items():
        table[f"{name}: median ms"] = 1000 * float(np.median([one.seconds for one in some]))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a reader's ONNX file; by default the bundled one")
    parser.add_argument("--before", type=Path, help="an earlier checkout, to read the same")
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1, help="that read a page")
    parser.add_argument("--json", action="store_true", help="end with a line of JSON")
    options = parser.parse_args()
    readings = {"now": Reading(ROOT, options.model, options.threads)}
    if options.before:
        readings["before"] = Reading(options.before, None, options.threads)
    answers = {name: defaultdict[str, list[Answer]](list) for name in readings}
    with progress_bar() as bar:
        for picture in bar.track(pictures(options.pages), description="pictures"):
            for name, reading in readings.items():
                answers[name][picture.kind].append(reading.read(picture))
    tables = {name: figures(found) for name, found in answers.items()}
    print(f"{'':70}" + "".join(f"{name:>9}" for name in tables))
    for row in tables["now"]:
        print(f"{row:70}" + "".join(f"{table[row]:9.2f}" for table in tables.values()))
    if options.json:
        print(json.dumps(tables))
    for reading in readings.values():
        reading.close()


if __name__ == "__main__":
    main()
