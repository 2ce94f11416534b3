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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.stats import mannwhitneyu

from benchmarks import held_back, strokes
from benchmarks.timing import print_row
from digits import Classifier
from digits.data import mnist
from digits.images.picture import Source
from digits.inference.model_file import BUNDLED
from digits_train.camera.fonts import handwriting as handwriting_fonts
from digits_train.camera.fonts import printed as printed_fonts
from digits_train.matplotlib_data import FONTS as MATPLOTLIB_FONTS
from digits_train.pixels import Random

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
    matplotlib = [str(MATPLOTLIB_FONTS)]
    files = sorted(font_manager.findSystemFonts() + font_manager.findSystemFonts(matplotlib))
    return [file for file in files if file.endswith(("ttf", "otf")) and "DejaVu" not in file]


def drawn_letter(font: str, letter: str) -> Image.Image | None:
    image, middle = Image.new("L", (SIDE, SIDE)), (SIDE / 2, SIDE / 2)
    try:
        face = ImageFont.truetype(font, 90)
        ImageDraw.Draw(image).text(middle, letter, fill=255, anchor="mm", font=face)
    except (OSError, ValueError):
        return None
    return image if image.getbbox() else None


def letters(
    random: Random, files: Sequence[str], characters: str = string.ascii_letters
) -> Iterator[tuple[bool, Image.Image]]:
    """Photographs of letters, and whether some people's digits look like them."""
    for font in files:
        missing = drawn_letter(font, "\uffff")
        for letter in characters:
            image = drawn_letter(font, letter)
            if image is None or (missing and image.tobytes() == missing.tobytes()):
                continue
            yield letter in LOOKALIKES, photographed(image, random)


def drawing(random: Random) -> Image.Image:
    """A house, a face, a heart, an arrow, a tree, a spiral, a grid or a zigzag."""
    image, width = Image.new("L", (SIDE, SIDE)), int(random.integers(4, 10))
    pen = ImageDraw.Draw(image)

    def line(points: Sequence[tuple[float, float]]) -> None:
        pen.line(points, fill=255, width=width, joint="curve")

    match int(random.integers(0, 8)):
        case 0:
            line([(40, 130), (40, 80), (80, 35), (120, 80), (120, 130), (40, 130)])
            line([(40, 80), (120, 80)])
        case 1:
            pen.ellipse((30, 30, 130, 130), outline=255, width=width)
            for eye in (60, 100):
                pen.ellipse((eye - 6, 60, eye + 6, 72), fill=255)
            pen.arc((55, 60, 105, 110), 20, 160, fill=255, width=width)
        case 2:
            t = np.linspace(0, 2 * np.pi, 60)
            x = 80 + 45 * np.sin(t) ** 3
            y = 75 - 3 * (13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
            line(list(zip(x, y, strict=True)))
        case 3:
            line([(30, 80), (130, 80)])
            line([(95, 45), (130, 80), (95, 115)])
        case 4:
            line([(80, 135), (80, 25)])
            for y in (50, 80, 110):
                line([(45, y + 20), (80, y), (115, y + 20)])
        case 5:
            t = np.linspace(0, 6 * np.pi, 200)
            line(list(zip(80 + 2.7 * t * np.cos(t), 80 + 2.7 * t * np.sin(t), strict=True)))
        case 6:
            for at in (40, 80, 120):
                line([(at, 25), (at, 135)])
                line([(25, at), (135, at)])
        case _:
            xs = np.linspace(25, 135, int(random.integers(6, 10)))
            ys = np.where(np.arange(len(xs)) % 2, 50, 110)
            line(list(zip(xs, ys, strict=True)))
    return photographed(image, random)


def texture(random: Random) -> Image.Image:
    """Stripes, a chequerboard, clouds or grain."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    period, angle = random.uniform(6, 60), random.uniform(0, np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    match int(random.integers(0, 4)):
        case 0:
            values = np.sin(along * 2 * np.pi / period)
        case 1:
            values = np.sign(np.sin(x * 2 * np.pi / period) * np.sin(y * 2 * np.pi / period))
        case cells:
            count = int(random.integers(4, 12)) if cells == 2 else int(random.integers(20, 80))
            coarse = Image.fromarray(random.normal(size=(count, count)).astype(np.float32))
            values = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 2
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
    hands = [str(file) for file in handwriting_fonts("held back")]
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
    prints = printed_fonts("held back")
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
        np.array([any(n.status == "accepted" for n in each.numbers) for each in readings]),
    )


def main() -> None:
    kinds = defaultdict[str, list[Source]](list)
    for kind, image in pictures():
        kinds[kind].append(image)
    validation = list(mnist.load("validation").images)
    for path in sys.argv[1:] or [BUNDLED]:
        classifier = Classifier(path)
        digits = answers(classifier, validation)
        confidences, least = digits.confidence, np.quantile(digits.confidence, 0.01)
        results = {kind: answers(classifier, images) for kind, images in kinds.items()}
        print_row(Path(path).name, "?", "AUROC", "at 99 %", "accepted")
        for kind, (confidence, rejected, accepted) in (results | {DIGITS: digits}).items():
            above = mannwhitneyu(confidences, confidence).statistic / len(confidences)
            at_least = confidence >= least
            figures = rejected.mean(), above / len(confidence), at_least.mean(), accepted.mean()
            shares = (100 * float(figure) for figure in figures)
            print_row(f"  {kind} ({len(rejected):,})", *shares)
