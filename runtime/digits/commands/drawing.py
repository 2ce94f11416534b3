"""Pictures for people: what was read where, and what each step of reading saw."""

import io
import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from digits.classifier import Prediction
from digits.files import write_bytes
from digits.vision import decoder, picture
from digits.vision.frame import frame
from digits.vision.ink import extract
from digits.vision.single import find

# Told apart by people who see few colours, and from blue and black ink.
_SURE, _UNSURE = (0, 158, 115), (213, 94, 0)

_PANEL = 224  # pixels; eight for each of the frame's
_CAPTION = 20  # pixels


def annotated(source: str | bytes, predictions: Iterable[Prediction]) -> Image.Image:
    """The picture, upright, with a box around each digit and the answer above it.

    An answer that isn't sure is orange, with a question mark. Raises PictureError when the picture
    can't be opened.
    """
    loaded = picture.load(source, picture.PAGE_SIZE)
    image = _in_colour(source, loaded)
    scale = image.width / loaded.size[0]
    pen = ImageDraw.Draw(image)
    width = max(1, round(max(image.size) / 500))
    for prediction in predictions:
        sure = prediction.digit is not None
        colour = _SURE if sure else _UNSURE
        left, top, right, bottom = (round(side * scale) for side in prediction.box)
        pen.rectangle((left, top, right, bottom), outline=colour, width=width)
        answer = f"{prediction.likeliest}" if sure else f"{prediction.likeliest}?"
        size = min(max(12, (bottom - top) // 2), 60)
        pen.text(
            (left, max(top - width, size)),
            answer,
            fill=colour,
            font=ImageFont.load_default(size),
            anchor="lb",
            stroke_width=width,
            stroke_fill="white",
        )
    return image


def steps(source: str | bytes, prediction: Prediction) -> Image.Image:
    """What each step of `predict` saw, side by side: grey, ink, the digit, the frame.

    Raises PictureError when the picture can't be opened.
    """
    loaded = picture.load(source)
    ink = extract(loaded.grey)
    panels = [("grey", Image.fromarray(loaded.grey)), ("ink", Image.fromarray(ink))]
    found = find(ink)
    if isinstance(found, str):
        answer = found
    else:
        digit, seen = found.digit, Image.fromarray(frame(found.digit.ink))
        answer = f"{prediction.likeliest}  ({100 * prediction.confidence:.1f} %)"
        answer = prediction.note or (answer if prediction.digit is not None else f"?  {answer}")
        panels += [("the digit", Image.fromarray(digit.ink)), ("28x28", seen)]
    return _side_by_side(panels, answer)


class Strips:
    """Saves what each step saw under the picture's name, numbered where two have the same."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._taken = folder, set[str]()

    def save(self, file: str, source: str | bytes, prediction: Prediction) -> None:
        """Raises DigitsError when the strip can't be written."""
        name = "stdin" if isinstance(source, bytes) else os.path.basename(file)
        numbered = (f"{name}-{number}.png" for number in itertools.count(2))
        free = next(n for n in itertools.chain([f"{name}.png"], numbered) if n not in self._taken)
        self._taken.add(free)
        save(self._folder / free, steps(source, prediction))


def save(path: Path, image: Image.Image) -> None:
    """Write a picture by rename, as JPEG or PNG by its suffix. Raises DigitsError."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=90)
    write_bytes(path, buffer.getvalue())


def _side_by_side(panels: Sequence[tuple[str, Image.Image]], answer: str) -> Image.Image:
    strip = Image.new("L", (len(panels) * (_PANEL + 4) - 4, _PANEL + 2 * _CAPTION), 255)
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(14)
    for place, (caption, panel) in enumerate(panels):
        left = place * (_PANEL + 4)
        method = Image.Resampling.NEAREST if max(panel.size) <= 56 else Image.Resampling.BICUBIC
        strip.paste(ImageOps.pad(panel, (_PANEL, _PANEL), method, color=128), (left, _CAPTION))
        pen.text((left + 2, 2), caption, fill=0, font=font)
    pen.text((2, _PANEL + _CAPTION + 2), answer, fill=0, font=font)
    return strip


def _in_colour(source: str | bytes, loaded: picture.Picture) -> Image.Image:
    """The picture as large as its grey pixels, in its colours where it plainly has some."""
    height, width = loaded.grey.shape
    with (
        io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file,
        decoder.opened(loaded.name, file) as image,
    ):
        if image.mode not in ("RGB", "YCbCr", "CMYK"):
            return Image.fromarray(loaded.grey).convert("RGB")
        image.draft("RGB", (width, height))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return upright.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
