"""Draw the pictures of the README and of docs/: python -m docs.make [NAME ...]

`make model` calls it, and copies curves.png from its run; `make detector` draws `page`.
"""

import subprocess
import sys
from collections import Counter
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from benchmarks import accuracy
from benchmarks.forms import blank_sheet, fill
from benchmarks.held_back import unseen
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from digits import Constraints, Reader
from digits.drawing import annotate, debug_strip
from digits.forms import draw_sheet
from digits.images import picture
from digits.prediction import Reading
from digits_train.augment import augment
from digits_train.camera.distributions import Mixture
from digits_train.camera.exposure import photograph
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.numbers import random_digits
from digits_train.camera.presets import clear, legible
from digits_train.camera.ranges import RANGES, changed
from digits_train.camera.rows import RowWriter
from digits_train.camera.style import random_style
from digits_train.camera.window import Window
from digits_train.data import frames, mnist, unipen
from digits_train.data.detector_batches import CROP_SIDE, crop_symbols, make_windows
from digits_train.models import Detector, LeNet5
from digits_train.pixels import Random, log_uniform
from digits_train.symbols import label_window
from tests.synthetic import Sheet, chosen

HERE = Path(__file__).parent
SAMPLES = sorted((HERE.parent / "tests" / "pictures").glob("[0-9].*"))


def shown(path: Path) -> Image.Image:
    """The picture as a viewer shows it: upright, with a chequerboard where it is transparent."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):
        return Image.fromarray(picture.load(path).pixels).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rows, columns = np.indices((image.height, image.width)) // 8
    board = Image.fromarray(np.where((rows + columns) % 2, 255, 215).astype(np.uint8))
    board = board.convert("RGBA")
    board.alpha_composite(image.convert("RGBA"))
    return board.convert("RGB")


def pipeline() -> None:
    """Draw the sample pictures, their 28x28 frames and the answers."""
    predictions = Reader().predict_batch(SAMPLES)
    figure = Figure(figsize=(12, 3.1), layout="constrained")
    upper, lower = figure.subplots(2, len(SAMPLES))
    for axes in (*upper, *lower):
        axes.set(xticks=[], yticks=[])
    for column, (path, prediction) in enumerate(zip(SAMPLES, predictions, strict=True)):
        upper[column].imshow(ImageOps.pad(shown(path), (300, 300), color="white"))
        lower[column].imshow(prediction.frame, cmap="gray")
        answer = "?" if prediction.digit is None else prediction.digit
        lower[column].set_xlabel(f"{answer}   ({100 * prediction.confidence:.1f} %)", fontsize=11)
    upper[0].set_ylabel("picture")
    lower[0].set_ylabel("28x28 pixels")
    figure.savefig(HERE / "pipeline.png", dpi=100)


def augmentation() -> None:
    """Draw five training digits with twenty random augmentations of each."""
    digits, ways = 5, 20
    images = mnist.load("train").images[:digits, None]
    how = LeNet5.recipes["default"].augmentation  # and VGG-16's
    assert how is not None
    seen = torch.tensor(images).repeat_interleave(ways, 0)
    changed = augment(seen, how, torch.Generator().manual_seed(0)).reshape(digits, ways, 28, 28)
    rows = np.concatenate([images, changed.numpy()], 1)
    figure = Figure(figsize=(12, 2.9), layout="constrained")
    axes = figure.subplots()
    axes.imshow(rows.transpose(0, 2, 1, 3).reshape(digits * 28, -1), cmap="gray")
    axes.axvline(27.5, color="white", linewidth=2)
    axes.set_axis_off()
    figure.savefig(HERE / "augmentation.png", dpi=70)


@cache
def _materials() -> Materials:
    """Some glyphs and words; half a minute."""
    return make_materials(unipen.load(), 0, RANGES, hands=200, texts=1_000, letters=500)


def examples() -> None:
    """Draw sixty frames of digits, and sixty of no digit, that classifiers learn from."""
    shown, _ = frames.draw_digits(_materials(), 120, seed=0)
    others = frames.draw_outliers(_materials(), 120, seed=0)
    figure = Figure(figsize=(11.2, 4), layout="constrained")
    for axes, images, caption in zip(
        figure.subplots(2), (shown, others), ("digits", "no digit"), strict=True
    ):
        # A picture gives up to two frames, which hardly differ.
        rows = images[::2].reshape(3, 20, 28, 28).transpose(0, 2, 1, 3).reshape(3 * 28, -1)
        axes.imshow(rows, cmap="gray", interpolation="nearest")
        axes.set_title(caption, loc="left", fontsize=12)
        axes.set_axis_off()
    figure.savefig(HERE / "frames.png", dpi=100)


def windows() -> None:
    """Draw windows and crops that the detector learns from, and where it should find symbols.

    Green: symbols; orange: where finding one is neither right nor wrong.
    """
    random, side = np.random.default_rng(0), Detector.recipes["default"].window
    windows = list(islice(make_windows(_materials(), random, side, 1), 12))
    crops = list(islice(crop_symbols(_materials(), random, side, 1), 24))
    sheet = Image.new("RGB", (6 * side, 2 * side + 2 * CROP_SIDE))
    for examples, across, top in ((windows, 6, 0), (crops, 12, 2 * side)):
        for number, shown in enumerate(examples):
            tile = Image.fromarray(shown.pixels).convert("RGB")
            draw, page = ImageDraw.Draw(tile), label_window(shown.pixels, *shown.visible())
            for box in page.doubtful:
                draw.rectangle(box, outline="#d55e00")
            for box in page.truth.boxes.tolist():
                draw.rectangle(box, outline="#009e73")
            row, column = divmod(number, across)
            sheet.paste(tile, (column * tile.width, top + row * tile.height))
    sheet.save(HERE / "windows.jpg", quality=75)


def page() -> None:
    """Draw forty pages as people write them, of which the first three are kept, and their readings.

    How many of all their numbers are read right is printed, without constraints and with them.
    """
    reader, rules = Reader(), Constraints(length=6)
    materials = unseen()._replace(ranges=PERSON)
    names = ("page.jpg", "page-2.jpg", "page-3.jpg")
    free, six, photos, annotated = _Tally(), _Tally(), list[Image.Image](), list[Image.Image]()
    for seed in range(40):
        random, file = np.random.default_rng(seed), BytesIO()
        numbers = [random_digits(random, 6, 6) for _ in range(4)]
        _notebook(numbers, random, materials).save(file, "JPEG", quality=85)
        readings = reader.read(file.getvalue()), reader.read(file.getvalue(), rules)
        for tally, reading in zip((free, six), readings, strict=True):
            tally.count(numbers, reading)
        if seed < len(names):
            print(f"{names[seed]}: {numbers}", *(reading.text for reading in readings), sep="\n")
            (HERE / names[seed]).write_bytes(file.getvalue())
            photos.append(Image.open(file))
            annotated.append(annotate(file.getvalue(), readings[1].numbers))
    print(f"free: {dict(free)}", f"with the length: {dict(six)}", sep="\n")
    _side_by_side([photos[0], annotated[0]]).save(HERE / "page-read.jpg", quality=80)
    _side_by_side(annotated).save(HERE / "pages-read.jpg", quality=70)


class _Tally(Counter[str]):
    """How many numbers are read right and accepted."""

    def count(self, written: list[str], reading: Reading) -> None:
        accepted = [number.text for number in reading.numbers if number.status == "accepted"]
        self["numbers"] += len(written)
        self["right"] += sum(number.text in written for number in reading.numbers)
        self["accepted"] += len(accepted)
        self["accepted and wrong"] += len(set(accepted) - set(written))
        self["pages accepted as a whole"] += accepted == written


# Someone who wants to be read: with one pen, upright and even, with plain gaps, on the lines of a
# sheet that is photographed in daylight.
PERSON = changed(
    clear(legible(RANGES)),
    layout={"pitch": Mixture(1.0, (1.6, 2.2))},
    paper={
        "level": (200.0, 245.0),
        "min_contrast": 110.0,
        "mottle": Mixture(1.0, (1.0, 3.0)),
        "printed": (0.1, 0.3),
        **dict.fromkeys(("squared", "ruled", "table", "pattern", "edge", "secured"), 0.0),
    },
    light={"falloff": Mixture(1.0, (0.1, 0.25)), "shadow": Mixture(0.0, (0.0, 0.0))},
    file={"negative": 0.0, "bilevel": 0.0},
)


def _notebook(numbers: list[str], random: Random, materials: Materials) -> Image.Image:
    """Photograph numbers that someone has written in blue on ruled paper, one on each line."""
    height = log_uniform(random, 30, 60)
    style = random_style(random, PERSON, height)
    pitch, width = style.pitch * height, round(9.5 * height)
    while True:
        window = Window.empty((round((len(numbers) + 1) * pitch), width), margin=0)
        rows = RowWriter(window, style, materials, random)
        for line, number in enumerate(numbers, 1):
            y = line * pitch
            rows.write(number, random.uniform(0.8, 1.6) * height, y)
            rule = np.array([(x, y + 0.06 * height + style.slope * x) for x in (-9, width + 9)])
            window.draw(rule, max(1.0, 0.03 * height), printed=True)
        if len(window.symbols) == sum(map(len, numbers)):
            break
    grey = photograph(window, height, random, PERSON).pixels
    photo = Image.fromarray(grey)
    return ImageOps.colorize(photo, "#101c48", "#fff8ea", whitepoint=int(grey.max()))


def _side_by_side(images: list[Image.Image]) -> Image.Image:
    """On white, with a gap between them."""
    width = sum(image.width + 8 for image in images) - 8
    sheet, left = Image.new("RGB", (width, max(image.height for image in images)), "white"), 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + 8
    return sheet


def sheet() -> None:
    """Draw a photo of a filled form, and what is read in its fields."""
    with TemporaryDirectory() as folder:
        blank = blank_sheet(np.random.default_rng([8, 2]), Path(folder), "marks")
        _, photo, _ = fill(blank, blank.students[0], np.random.default_rng([8, 2, 1]))
    page = picture.load(photo, picture.SHEET_MAX_SIDE)._replace(name="scan.pdf#1")
    read = Reader().read_fields(page, blank.form)
    print(read.to_text())
    image = draw_sheet(page, read)
    image.thumbnail((900, 900))
    image.save(HERE / "sheet-read.jpg", quality=70)


def numbers() -> None:
    """Draw twenty pages of numbers with Luhn's check digit, and keep one with its reading.

    It is the first one on which a number is repaired.
    """
    reader, rules, tally = Reader(), Constraints(length=6, check="luhn"), _Tally()
    pages = [accuracy.draw_page("six digits, Luhn", number) for number in range(20)]
    readings = [reader.read(page.pixels, rules) for page in pages]
    for page, reading in zip(pages, readings, strict=True):
        tally.count(page.text.split(), reading)
    print(dict(tally))
    repaired = next(
        index
        for index, reading in enumerate(readings)
        if any(number.text not in ("", number.unconstrained) for number in reading.numbers)
    )
    Image.fromarray(pages[repaired].pixels).save(HERE / "luhn-repaired.png", optimize=True)
    print(readings[repaired].text)
    _draw_reading(pages[repaired].pixels, readings[repaired])


def _draw_reading(photo: NDArray[np.uint8], reading: Reading) -> None:
    """Draw what is read on a page, and without constraints, on its right.

    Green: accepted; orange: to be reviewed.
    """
    width = photo.shape[1]
    boxes = np.array([number.box for number in reading.numbers])
    above, below = max(0, boxes[:, 1].min() - 60), min(len(photo), boxes[:, 3].max() + 60)
    figure = Figure(figsize=(9, 9 * (below - above) / (1.6 * width)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(photo, cmap="gray", vmin=0, vmax=255)
    axes.set(xlim=(0, 1.6 * width), ylim=(below, above))
    axes.axis("off")
    for number in reading.numbers:
        left, top, right, bottom = number.box
        colour = "#009e73" if number.status == "accepted" else "#d55e00"
        size = right - left, bottom - top
        axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=colour, linewidth=2))
        answer = f"{number.text or '?'}  {100 * number.confidence:.1f} %"
        if number.text != number.unconstrained:
            answer += f"\nread as {number.unconstrained}"
        at = 1.03 * width, (top + bottom) / 2
        axes.text(*at, answer, color=colour, fontsize=16, verticalalignment="center")
    figure.savefig(HERE / "numbers.jpg", dpi=100, pil_kwargs={"quality": 40})


def shadow(height: int, width: int) -> np.ndarray:
    """A shadow over the lower left half, with a blurred edge: float32 [height, width]."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light: np.ndarray = (1 - 0.45 / (1 + np.exp(-(y - x) * 40))).astype(np.float32)
    return light


def predict() -> None:
    """Draw what `digits predict --annotate` does of a digit on ruled paper, half in a shadow."""
    sheet = Sheet(300, 420)
    sheet.rule(50, grey=150)
    sheet.write(chosen(mnist.load("test"), "2", start=11), 130, 60, size=190)
    photo = sheet.photograph(tilt=-3, light=shadow(300, 420))
    reader = Reader()
    page = picture.load(photo)
    strip = debug_strip(page, reader.predict(page))
    strip.save(HERE / "predict.png", optimize=True)


def textbook() -> None:
    """Draw training digits, and train and draw what docs/textbook.md shows; half a minute."""
    train = mnist.load("train")
    kinds = [np.concatenate(train.images[train.labels == digit][:5]) for digit in range(10)]
    digits = Image.fromarray(np.concatenate(kinds, 1)).resize((840, 420), Image.Resampling.NEAREST)
    digits.quantize(16).save(HERE / "digits.png", optimize=True)
    with TemporaryDirectory() as folder:
        run = Path(folder, "lenet5")
        _digits("train", "--recipe", "classic", "--seed", 0, "--device", "cpu", "--out", run)
        for name in ("curves", "confusion", "mistakes"):
            with Image.open(run / f"{name}.png") as image:
                small = image.convert("RGB").quantize(32)
            small.save(HERE / f"textbook-{name}.png", optimize=True)


def _digits(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "digits", *map(str, arguments)], check=True)


DRAWINGS = (pipeline, augmentation, examples, windows, page, numbers, sheet, predict, textbook)


if __name__ == "__main__":
    for draw in DRAWINGS:
        if draw.__name__ in sys.argv[1:] or not sys.argv[1:]:
            draw()
