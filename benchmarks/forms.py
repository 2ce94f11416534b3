"""Forms that are printed, filled in by hand, and photographed on a table.

Lengths on paper are in millimetres; the layers of a sheet have DOTS pixels for each.
"""

from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.held_back import unseen
from digits.constraints.allowed import AllowedNumbers
from digits.forms.form import Field, FindBy, Form
from digits.forms.homography import project
from digits.forms.rules import Roster
from digits_train.camera import fonts, scene
from digits_train.camera.distributions import Mixture
from digits_train.camera.exposure import lens, photograph
from digits_train.camera.fonts import load_font
from digits_train.camera.ink import EM
from digits_train.camera.lettering import words
from digits_train.camera.presets import legible
from digits_train.camera.ranges import RANGES, Ranges, changed
from digits_train.camera.rows import RowWriter
from digits_train.camera.style import random_style
from digits_train.camera.window import Window
from digits_train.pixels import Bytes, Coverage, Random, log_uniform, paste, pick

DOTS = 10
PAPERS = (210.0, 297.0), (215.9, 279.4)  # A4, letter
MARKS = tuple(f"q{number}" for number in range(1, 8))
EMPTY, CROSSED = 0.05, 0.1  # share of the fields; and of a box's height that ink reaches beyond it
PEN = 0.3  # at least: small writing has no thinner lines
TILT, TURN = 35, 10  # degrees, at most
SIDE, COVERED, QUALITY = (1500, 4000), (0.6, 0.95), (40, 96)  # of the photo, by a sheet, of JPEG
_MARKERS = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
_EVEN = Mixture(0, (0, 0))
_OFF = dict.fromkeys(("squared", "ruled", "table", "pattern", "edge"), 0.0)
_SHEET = changed(
    RANGES,
    paper={**_OFF, "kept": _EVEN, "level": (140, 255), "min_contrast": 90},
    # Later, when the sheet lies on the table.
    lens={"curved": 0.0, "blurred": 0.0, "noisy": 0.0},
    file={"compressed": 0.0, "negative": 0.0},
)
_SCAN = changed(
    _SHEET,
    paper={"level": (235, 255), "min_contrast": 150},
    light={"falloff": _EVEN, "shadow": _EVEN},
)
_HAND = legible(RANGES)

Matrix = NDArray[np.float64]  # a homography, [3, 3]


class Blank(NamedTuple):
    """A form and what is printed on it.

    unit: how many of the form's are a millimetre. students: of the roster. highest, step: of marks.
    long: digits of the free number.
    """

    form: Form
    printed: Coverage
    unit: float
    students: list[str]
    highest: int
    step: float
    long: int


def blank_sheet(random: Random, folder: Path, find: FindBy) -> Blank:
    """Print a form. folder: where the picture of a blank one is written."""
    size, file = PAPERS[int(random.integers(2))], folder / "blank.jpg"
    unit = random.uniform(5.5, 9) if find == "blank" else 1.0
    marks = int(random.choice([10, 20, 25])), float(random.choice([1, 1, 1, 0.5]))
    long, (width, height) = int(random.integers(3, 8)), (round(side * DOTS) for side in size)
    image = Image.new("L", (width, height))
    fields = _print(image, unit, *marks, long, random)
    printed = np.array(image, np.float32) / np.float32(255)
    if find == "blank":
        scan = _flat(printed, unit / DOTS, EM, random, _SCAN)
        Image.fromarray(scan).save(file, quality=90)
        size = float(scan.shape[1]), float(scan.shape[0])
    students = [str(n) for n in random.choice(900_000, 200, replace=False) + 100_000]
    fields[0] = structs.replace(fields[0], list=AllowedNumbers(students))
    sums = (f"total = {' + '.join(MARKS)}",)
    roster = Roster((0,), frozenset((number,) for number in students))
    form = Form(size, tuple(fields), find, int(random.integers(146)), file, sums, roster)
    for marker_id, box in form.marker_boxes.items() if find == "marks" else ():
        left, top, right, _ = (round(side * DOTS) for side in box)
        marker = cv2.aruco.generateImageMarker(_MARKERS, marker_id, right - left)
        paste(printed, marker == 0, left, top)
    return Blank(form, printed, unit, students, *marks, long)


def _print(
    image: Image.Image, unit: float, highest: int, step: float, long: int, random: Random
) -> list[Field]:
    """Print a heading, words, and boxes with their names and some with units."""
    faces, fields, pen = fonts.printed("held back"), list[Field](), ImageDraw.Draw(image)
    file, small = str(pick(random, faces)), random.uniform(3, 4)

    def write(x: float, y: float, text: str, high: float = small) -> None:
        pen.text((x * DOTS, y * DOTS), text, 255, load_font(file, round(high * DOTS)))

    left, top, half = random.uniform(20, 25), 36.0, step < 1
    size = image.width / DOTS, image.height / DOTS
    above, units, inside, cells = (random.random(4) < (0.5, 0.6, 0.25, 0.5)).tolist()
    write(left, 23, f"{words(random, 2)} {random.integers(1, 2030)}"[:24], 6)
    for _ in range(int(random.integers(1, 4))):
        write(left, top, words(random, 9)[:60])
        top += 1.5 * small
    columns, head = int(random.integers(1, 3 if half else 4)), 1.5 * small * above
    last = 1 - -7 // columns
    pitch = random.uniform(0.8, 1) * (size[1] - 29 - top) / (last + 1)
    high, line = min(random.uniform(8, 14), pitch - head - 2), random.integers((80, 2), (256, 7))
    prefix, end = str(random.choice(["Question ", "No. ", ""])), r"(\.5)?" if half else ""
    student, free = {"length": 6}, {"length": long}
    mark = {"pattern": r"\d{1,2}" + end, "range": f"0-{highest}"}
    total = {"pattern": r"\d{1,3}" + end, "range": f"0-{7 * highest}"}
    places: list[Any] = [("student", "Student", "", 6, student, 0, 0.0)]
    for number, name in enumerate(MARKS):
        row, column = divmod(number, columns)
        label, behind = prefix + name[1:], f"/{highest}"
        places.append((name, label, behind, 2 + half, mark, 1 + row, column / columns))
    places.append(("total", "Total", "", 3 + half, total, last, 0.0))
    places.append(("free", words(random, 1)[:8], "kg", long, free, last, 0.5))
    for name, label, behind, digits, constraints, row, across in places:
        x, y = left + across * (size[0] - 2 * left), top + 5 + row * pitch
        write(x, y + (not above) * (high - small) / 2, label)
        x, y, bottom = x + 24 * (not above), y + head, y + head + high
        wide = high * (0.5 + 0.75 * digits) * random.uniform(0.9, 1.3)
        right = x + min(wide, 22 if name in MARKS and columns == 3 else size[0] - 12 - x)
        count = 6 * (cells and name == "student")
        for bar in np.linspace(x, right, max(1, count) + 1)[1:].tolist():
            pen.rectangle([DOTS * side for side in (x, y, bar, bottom)], None, *line.tolist())
        if units:
            beside = -0.6 * small * len(behind) if inside else 1
            write(right + beside, bottom - 1.4 * small, behind)
        box = unit * x, unit * y, unit * right, unit * bottom
        fields.append(Field(name, box, count, name == "student", **constraints))
    return fields


def fill(blank: Blank, student: str, random: Random) -> tuple[list[str], bytes, Matrix]:
    """Fill a sheet in one hand, or nothing for student "": the text of each field, and `take`.

    The homography is from the form's unit, to pixels of which the first is from 0 to 1.
    """
    materials, ink = unseen()._replace(ranges=_HAND), np.zeros_like(blank.printed)
    scale, share = DOTS / blank.unit, random.uniform(0.35, 0.8)
    comma, hand = random.random() < 0.5, materials.hand(random)
    boxes = (scale * np.array([field.box for field in blank.form.fields])).round().astype(int)
    high = float(boxes[0, 3] - boxes[0, 1])
    while hand.pen / EM * share * high < PEN * DOTS:
        hand = materials.hand(random)
    rows = RowWriter(Window.empty((0, 0)), random_style(random, _HAND), materials, random, hand)
    texts = _texts(blank, student, random)
    for field, text, box in zip(blank.form.fields, texts, boxes, strict=True):
        text = text.replace(".", ",") if comma else text
        written = _write(rows, text, box[2:] - box[:2], field.digit_boxes, share)
        paste(ink, written, *(box[:2] - (box[3] - box[1])).tolist())
    ink *= np.float32(random.uniform(0.45, 1))
    photo, homography = take(blank.printed, ink, share * high, random)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV's 0 is a pixel's middle
    return texts, photo, half @ homography @ np.diag([scale, scale, 1])


def _texts(blank: Blank, student: str, random: Random) -> list[str]:
    """What is written in each field. The sum is right; an empty mark counts 0."""
    empty = random.random(10) < (EMPTY if student else 1)
    marks = random.integers(0, round(blank.highest / blank.step) + 1, 7) * blank.step * ~empty[1:8]
    free = f"{random.integers(10**blank.long):0{blank.long}}"
    texts = [student, *(f"{mark:g}" for mark in (*marks, marks.sum())), free]
    return ["" if is_empty else text for text, is_empty in zip(texts, empty, strict=True)]


def _write(rows: RowWriter, text: str, box: NDArray[Any], cells: int, share: float) -> Coverage:
    """A number in a box of this width and height, and as far around it as it is high.

    share: of the box's height that digits have; less if the number doesn't fit otherwise.
    """
    random, usual, (wide, high) = rows.random, rows.style, box.tolist()
    height = share * high
    while True:
        rows.style = usual._replace(height=height, cell=wide / cells / height if cells else 0)
        rows.window = Window.empty((3 * high, wide + 2 * high), round((1 - CROSSED) * high))
        room = 0 if cells else max(0.1 * high, wide - 0.8 * height * len(text))
        down = random.normal(0, 0.06) * high + (high + height) / 2
        rows.write(text, high + random.uniform(0, room), high + down)
        if len(rows.window.symbols) == len(text):
            rows.style = usual
            return rows.window.ink
        height *= 0.97


def take(printed: Coverage, ink: Coverage, height: float, random: Random) -> tuple[bytes, Matrix]:
    """Photograph a sheet on a table: JPEG, and the homography from the sheet's pixels to its.

    height: of the digits, in the sheet's pixels.
    """
    size = np.array(printed.shape[::-1])
    homography, frame, scale = _view(size, random)
    flat = _flat(np.maximum(printed, ink), min(1, 1.3 * scale), height, random, _SHEET)
    picture = np.full(frame[::-1], random.uniform(20, 230), np.float32)  # the table
    picture += random.uniform(0, 15) * scene.clouds(picture.shape, random, random.uniform(3, 60))
    warp = homography @ np.diag([*(size / flat.shape[::-1]), 1])
    light, beyond = flat.astype(np.float32), cv2.BORDER_TRANSPARENT
    cv2.warpPerspective(light, warp, frame.tolist(), picture, borderMode=beyond)
    contrast = RANGES.paper.min_contrast
    file, pixels = BytesIO(), lens(picture, scale * height, contrast, random, RANGES.lens)
    quality = int(random.integers(*QUALITY))
    Image.fromarray(pixels).convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue(), homography


def _flat(ink: Coverage, scale: float, height: float, random: Random, ranges: Ranges) -> Bytes:
    """A sheet in the light, at another scale. height: of the digits."""
    small = np.asarray(cv2.resize(ink, None, None, scale, scale, cv2.INTER_AREA), np.float32)
    return photograph(Window(small, 0 * small), scale * height, random, ranges).pixels


def _view(size: NDArray[Any], random: Random) -> tuple[Matrix, NDArray[Any], float]:
    """How a pinhole camera sees a sheet.

    Returns the homography to its photo, the photo's size, and the scale in the sheet's middle.
    """
    toward, tilt = random.uniform(0, 2 * np.pi), np.radians(random.uniform(0, TILT))
    turn = np.radians(90 * random.integers(4) + random.uniform(-TURN, TURN))
    tilted, _ = cv2.Rodrigues(np.array([np.cos(toward), np.sin(toward), 0]) * tilt)
    plane = tilted @ cv2.Rodrigues(np.array([0, 0, turn]))[0]
    distance = random.uniform(0.9, 2) * size.max()
    plane[:, 2] = (0, 0, distance) - plane[:, :2] @ size / 2
    corners = project(plane, np.array([(0.0, 0), (1, 0), (1, 1), (0, 1)]) * size)
    low, extent = corners.min(0), np.ptp(corners, axis=0)
    frame = log_uniform(random, *SIDE) * np.where(extent == extent.max(), 1, 0.75)
    scale = random.uniform(*COVERED) * (frame / extent).min()
    x, y = random.uniform(0, 1, 2) * (frame - scale * extent) - scale * low
    to_photo = np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])
    return to_photo @ plane, frame.round().astype(int), scale / distance
