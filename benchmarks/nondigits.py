"""The shares of non-digits and of digits that are rejected.

    python -m benchmarks nondigits [MODEL.onnx ...]

Letters in every font of this machine and Matplotlib except DejaVu, on which networks are trained,
and in the handwriting fonts that no training shows; photographed pages of text in some of these
fonts; drawings, textures, noise and blank sheets; numbers of two or three digits drawn with a pen.
No network is trained on any of them, but the kinds and the weight of outliers, and the share of
digits that may be rejected, were tuned on these figures (except the pages and the numbers).

`?`: the share on which `predict` gives no digit. AUROC: how often the confidence in a digit of
MNIST's validation set exceeds that in such a picture. At 99 %: the share taken for a digit if 99 %
of the validation digits are. Accepted: the share in which `read` accepts a number.
"""

import string
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.stats import mannwhitneyu

from benchmarks import held_back, strokes
from benchmarks.timing import print_row
from digits import Classifier
from digits.images.picture import Source
from digits.inference.model_file import BUNDLED
from digits_train.camera.fonts import handwriting, has, printed
from digits_train.camera.ink import Points, around
from digits_train.camera.scene import along, clouds
from digits_train.data import mnist
from digits_train.matplotlib_data import FONTS, load_font
from digits_train.pixels import Random, pick

SIDE = 160
Y, X = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
EACH = 200  # pictures of each kind but letters and text
TEXT, PAGES = "pages of text", 60
NUMBERS = "numbers drawn with a pen"
DRAWN = ("11", "111", "101", *map(str, range(10, 20)))
DIGITS = "MNIST's validation digits"

# Some people's digits look like these letters.
LOOKALIKES = set("BDGIOQSZbgiloqsyzΘΟΡΦΖΒδβεζθορστφ")
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω"


class Answers(NamedTuple):
    """Of n pictures: the confidences of `predict`, which it rejects, and where `read` is sure.

    Each is an array [n].
    """

    confidence: NDArray[np.float64]
    rejected: NDArray[np.bool_]
    accepted: NDArray[np.bool_]


def sheet(random: Random) -> Image.Image:
    """A sheet of paper in uneven light."""
    light = random.uniform(150, 240) + random.uniform(-30, 30) * X + random.uniform(-30, 30) * Y
    return Image.fromarray((light + random.normal(0, 2, light.shape)).clip(0, 255).astype(np.uint8))


def photographed(drawing: Image.Image, random: Random) -> Image.Image:
    """Photograph the white drawing as dark ink on paper, slightly rotated."""
    mask = drawing.rotate(random.uniform(-10, 10), Image.Resampling.BICUBIC)
    mask = mask.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.5)))
    page = sheet(random)
    page.paste(int(random.integers(10, 80)), (0, 0), mask)
    return page


def fonts() -> list[str]:
    files = sorted(font_manager.findSystemFonts() + font_manager.findSystemFonts([str(FONTS)]))
    return [file for file in files if file.endswith(("ttf", "otf")) and "DejaVu" not in file]


def letters(
    random: Random, files: Sequence[str], characters: str = string.ascii_letters
) -> Iterator[tuple[bool, Image.Image]]:
    """Photographs of letters, and whether some people's digits look like them."""
    for file in files:
        with suppress(OSError, ValueError):  # not every font of a machine can be drawn
            for letter in (letter for letter in characters if has(Path(file), letter)):
                image, middle = Image.new("L", (SIDE, SIDE)), (SIDE / 2, SIDE / 2)
                ImageDraw.Draw(image).text(middle, letter, 255, load_font(file, 90), "mm")
                yield letter in LOOKALIKES, photographed(image, random)


def face(_: Random) -> strokes.Drawing:
    angle = np.linspace(0, 2 * np.pi, 60)
    eyes = [np.array([(x, 0.4), (x, 0.43)]) for x in (0.375, 0.625)]
    mouth = around(np.radians(np.linspace(20, 160, 20)), 0.16) + (0.5, 0.53)
    return [around(angle, 0.3) + 0.5, *eyes, mouth]


def heart(_: Random) -> strokes.Drawing:
    t = np.linspace(0, 2 * np.pi, 60)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([0.5 + 0.28 * np.sin(t) ** 3, 0.47 - 0.019 * y], 1)]


def spiral(_: Random) -> strokes.Drawing:
    angle = np.linspace(0, 6 * np.pi, 200)
    return [around(angle, 0.017 * angle) + 0.5]


def zigzag(random: Random) -> strokes.Drawing:
    x = np.linspace(0.16, 0.84, int(random.integers(6, 10)))
    return [np.stack([x, np.where(np.arange(len(x)) % 2, 0.31, 0.69)], 1)]


SHAPES: tuple[str | Callable[[Random], strokes.Drawing], ...] = (
    *(face, heart, spiral, zigzag),
    "25,81 25,50 50,22 75,50 75,81 25,81 / 25,50 75,50",  # a house
    "19,50 81,50 / 59,28 81,50 59,72",  # an arrow
    "50,84 50,16 / 28,44 50,31 72,44 / 28,63 50,50 72,63 / 28,81 50,69 72,81",  # a tree
    "25,16 25,84 / 50,16 50,84 / 75,16 75,84 / 16,25 84,25 / 16,50 84,50 / 16,75 84,75",  # a grid
)


def parse_strokes(text: str) -> list[Points]:
    """The strokes of a text such as "0,0 0,100 / 0,50 40,50", in hundredths."""
    lines = text.replace(",", " ").split("/")
    return [np.array(line.split(), np.float64).reshape(-1, 2) / 100 for line in lines]


def drawing(random: Random) -> Image.Image:
    """A photograph of one of SHAPES."""
    pen, shape = int(random.integers(4, 10)), pick(random, SHAPES)
    lines = parse_strokes(shape) if isinstance(shape, str) else shape(random)
    return photographed(strokes.inked(lines, (SIDE, SIDE), SIDE, pen), random)


def texture(random: Random) -> Image.Image:
    """Stripes, a chequerboard, clouds or grain."""
    period, angle = random.uniform(6, 60), random.uniform(0, np.pi)

    def waves(angle: float) -> NDArray[np.float64]:
        return np.asarray(np.sin(2 * np.pi / period * along((SIDE, SIDE), angle)), np.float64)

    values: NDArray[np.floating]
    match int(random.integers(0, 4)):
        case 0:
            values = waves(angle)
        case 1:
            values = np.sign(waves(0) * waves(np.pi / 2))
        case 2:
            values = clouds((SIDE, SIDE), random, SIDE / random.uniform(4, 12)) / 2
        case _:
            values = clouds((SIDE, SIDE), random, SIDE / random.uniform(20, 80)) / 2
    grey = 128 + random.uniform(30, 100) * values + random.normal(0, 4, values.shape)
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def noise(random: Random) -> Image.Image:
    level, spread = random.uniform(80, 200), random.uniform(2, 60)
    return Image.fromarray(random.normal(level, spread, (SIDE, SIDE)).clip(0, 255).astype(np.uint8))


def blank(random: Random) -> Image.Image:
    """A sheet half in a shadow with a soft edge."""
    page = np.asarray(sheet(random), np.float32)
    angle = random.uniform(0, 2 * np.pi)
    distance = X * np.cos(angle) + Y * np.sin(angle) - random.uniform(-0.5, 0.5)
    shadow = 1 - random.uniform(0.1, 0.6) / (1 + np.exp(-distance * random.uniform(3, 40)))
    return Image.fromarray((page * shadow).clip(0, 255).astype(np.uint8))


KINDS = {"drawings": drawing, "textures": texture, "noise": noise, "blank sheets": blank}


def pictures() -> Iterator[tuple[str, Source]]:
    random = np.random.default_rng(0)
    hands = [str(file) for file in handwriting("held back")]
    for kind, files, characters in (
        ("letters", fonts(), string.ascii_letters),
        ("Greek letters", fonts(), GREEK),
        ("letters in handwriting fonts", hands, string.ascii_letters),
    ):
        for lookalike, image in letters(random, files, characters):
            yield "letters that some write like a digit" if lookalike else kind, image
    for kind, draw in KINDS.items():
        for _ in range(EACH):
            yield kind, draw(random)
    prints = printed("held back")
    for number in range(PAGES):
        yield TEXT, held_back.words_page(prints[number % len(prints)], random).pixels
    for number in range(EACH):  # in turn any of two digits, and one of DRAWN
        ones = DRAWN[number // 2 % len(DRAWN)]
        text = ones if number % 2 else str(random.integers(10, 100))
        yield NUMBERS, strokes.drawn(text, held_back.half(), random)


def answers(classifier: Classifier, images: Sequence[Source]) -> Answers:
    predictions = [classifier.predict(image) for image in images]
    readings = [classifier.read(image) for image in images]
    return Answers(
        np.array([prediction.confidence for prediction in predictions]),
        np.array([prediction.digit is None for prediction in predictions]),
        np.array([any(n.status == "accepted" for n in page.numbers) for page in readings]),
    )


def main() -> None:
    kinds = defaultdict[str, list[Source]](list)
    for kind, image in pictures():
        kinds[kind].append(image)
    validation = list(mnist.load("validation").images)
    for path in sys.argv[1:] or [BUNDLED]:
        classifier = Classifier(path)
        digits = answers(classifier, validation)
        threshold = np.quantile(digits.confidence, 0.01)
        results = {kind: answers(classifier, images) for kind, images in kinds.items()}
        print_row(Path(path).name, "?", "AUROC", "at 99 %", "accepted")
        for kind, (confidence, rejected, accepted) in (results | {DIGITS: digits}).items():
            wins = mannwhitneyu(digits.confidence, confidence).statistic
            auroc = wins / len(digits.confidence) / len(confidence)
            sure = (confidence >= threshold).mean()
            shares = (100 * float(n) for n in (rejected.mean(), auroc, sure, accepted.mean()))
            print_row(f"  {kind} ({len(rejected):,})", *shares)
