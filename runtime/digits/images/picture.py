"""Load any picture as grey pixels."""

import io
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.errors import PictureError
from digits.images import decoder, pdf
from digits.images.formats import split_page
from digits.images.grey import Grey, to_grey, to_uint8, value_range

_NAMELESS = "the picture"  # of errors about what isn't a file
_ORIENTATION = 0x0112  # EXIF's tag for how the camera was held
# How to turn a picture with each orientation upright; from 5 on, width and height are exchanged.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pixels of the longer side; larger pictures are reduced, to no less than half of it.
DIGIT_MAX_SIDE = 640  # for one digit
PAGE_MAX_SIDE = 2048  # for many small ones
SHEET_MAX_SIDE = 4096  # for a form's fields, which are a small part of it


class GreyImage(NamedTuple):
    """A picture, upright and grey.

    name: what errors call it.
    pixels: uint8 [height, width], 0 = black, 255 = white, at most `max_side` on the longer side.
    downscale: how many of the picture's own pixels make one of these, along each axis.
    size: width and height in the picture's own pixels.
    """

    name: str
    pixels: Grey
    downscale: float
    size: tuple[int, int]

    def to_original(self, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """The whole pixels of the picture itself that a box in `pixels` touches.

        box: left, top, right and bottom; it may reach beyond the picture.
        """
        left, top, right, bottom = box
        height, width = self.pixels.shape
        near = max(math.floor(left), 0), max(math.floor(top), 0)
        far = min(math.ceil(right), width), min(math.ceil(bottom), height)
        x, y, end_x, end_y = (round(side * self.downscale) for side in (*near, *far))
        return x, y, min(end_x, self.size[0]), min(end_y, self.size[1])


FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


class Page(NamedTuple):
    """A page of a PDF or TIFF. number: from 1."""

    file: FileSource
    number: int


Source = FileSource | Image.Image | NDArray[Any] | GreyImage | Page


def load(
    source: Source, max_side: int = DIGIT_MAX_SIDE, max_pixels: int = decoder.MAX_PIXELS
) -> GreyImage:
    """Open a path, bytes, a file object, a PIL image, an array or a page as a grey picture.

    A picture that is loaded already is only reduced. The path of a page is `scan.pdf#3`. The pixels
    of a PDF are those at `pdf.DPI`.

    max_side: pixels that the longer side may have; a larger picture is reduced.
    max_pixels: how many the picture may have before.
    Arrays are [height, width] or [height, width, 1, 3 or 4 channels], of bool, integers or floats;
    `grey.value_range` says what is black and white in them.

    Raises PictureError when the source is missing, not a picture, or damaged, and TooManyPixels.
    """
    if isinstance(source, GreyImage):
        return reduce(source, max_side)
    if isinstance(source, np.ndarray):
        source = _to_image(source)
    if isinstance(source, Image.Image):
        decoder.check_size(_NAMELESS, *source.size, max_pixels)
        with _explain_damage(_NAMELESS):
            return _from_image(_NAMELESS, source, max_side, source.size)
    name, file, page = _open(source)
    page_name = f"{name}#{page}" if page else name
    with file, _explain_damage(page_name):
        if decoder.is_pdf(name, file):
            _check_pdf(name)
            pixels, size = pdf.render(name, file, page, max_side)
            return GreyImage(page_name, pixels, max(size) / max(pixels.shape), size)
        with decoder.open_image(name, file, max_pixels, page) as image:
            size = image.size
            # JPEG can be decoded at 1/2, 1/4 or 1/8 scale, and without its colours, at a fraction
            # of the cost. Three quarters of `max_side` are enough.
            scale = 0.75 * max_side / max(size)
            image.draft("L", (math.ceil(size[0] * scale), math.ceil(size[1] * scale)))
            return _from_image(page_name, image, max_side, size)


def count_pages(source: FileSource) -> int:
    """Count the pages of a PDF or a TIFF; any other picture is one. Raises PictureError."""
    name, file, _ = _open(source)
    with file, _explain_damage(name):
        if decoder.is_pdf(name, file):
            _check_pdf(name)
            return pdf.count_pages(name, file)
        with decoder.open_image(name, file, decoder.MAX_PIXELS, page=1) as image:
            return decoder.count_frames(name, image) if image.format == "TIFF" else 1


def _check_pdf(name: str) -> None:
    """Raise PictureError for a PDF whose name doesn't say so: the command line isolates others."""
    if not name.lower().endswith(".pdf"):
        raise PictureError(f"{name} is a PDF: name a file that ends with .pdf")


def reduce(loaded: GreyImage, max_side: int) -> GreyImage:
    """Reduce a picture to at most `max_side` pixels on the longer side."""
    factor = -(-max(loaded.pixels.shape) // max_side)
    if factor == 1:
        return loaded
    pixels = np.asarray(Image.fromarray(loaded.pixels).reduce(factor))
    return loaded._replace(pixels=pixels, downscale=factor * loaded.downscale)


def _open(source: Any) -> tuple[str, BinaryIO, int]:
    """A source's name for errors, a file that starts with the picture, and its page or 0.

    The file can be rewound.
    """
    page = 0
    if isinstance(source, str | os.PathLike):
        path = os.fsdecode(source)
        source, page = split_page(path)
        if page and os.path.lexists(path):
            raise PictureError(f"{path} is a file, and a page of {source}: rename one of them")
    elif isinstance(source, Page):
        source, page = source
    if isinstance(source, bytes | bytearray | memoryview):
        return _NAMELESS, io.BytesIO(source), page
    if isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        return name, _open_path(name), page
    if not hasattr(source, "read"):
        raise PictureError(
            f"unsupported image type: {type(source).__name__}; give a path, bytes, a file object,"
            " a PIL image or an array"
        )
    name = str(getattr(source, "name", _NAMELESS))
    with _explain_damage(name):
        with suppress(AttributeError, OSError):  # a pipe can't be rewound
            source.seek(0)
        return name, io.BytesIO(decoder.read_all(name, source)), page


def _open_path(path: str) -> BinaryIO:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise PictureError(f"{path} is {kind}")
        if not status.st_size:  # /proc's files too, some of which never end
            raise PictureError(f"{path} is empty")
        return open(path, "rb")
    except (OSError, ValueError) as error:
        raise PictureError(f"can't open {path}: {getattr(error, 'strerror', error)}") from error


@contextmanager
def _explain_damage(name: str) -> Iterator[None]:
    """Raise PictureError for a file on which Pillow raises one of DECODE_ERRORS."""
    try:
        yield
    except MemoryError as error:
        raise PictureError(f"{name} takes more memory than is free") from error
    except decoder.DECODE_ERRORS as error:
        reason = " ".join(str(error).split()) or "its parts don't fit together"
        if "MAX_TEXT_CHUNK" in reason:
            reason = "it has a colour profile or a text of more than 1 MB: remove it"
        raise PictureError(f"{name} is damaged or unsupported: {reason}") from error


def _from_image(name: str, image: Image.Image, max_side: int, size: tuple[int, int]) -> GreyImage:
    """Turn a picture upright and grey, and reduce it.

    size: its width and height in the file, since it may be decoded at another scale.
    """
    factor = -(-max(image.size) // max_side)
    downscale = factor * max(size) / max(image.size)
    grey = to_grey(image, factor)
    orientation = 1
    with suppress(*decoder.DECODE_ERRORS):  # junk in its EXIF says nothing
        orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation in _UPRIGHT:  # only after the reduction, because this makes a copy
        grey = np.asarray(Image.fromarray(grey).transpose(_UPRIGHT[orientation]))
        size = size[::-1] if orientation >= 5 else size
    return GreyImage(name, grey, downscale, size)


def _to_image(array: NDArray[Any]) -> Image.Image:
    values = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if values.dtype.kind not in "buif" or values.size == 0:
        raise PictureError(f"unsupported array: {array.dtype} with shape {array.shape}")
    if values.ndim != 2 and (values.ndim != 3 or values.shape[2] not in (3, 4)):
        raise PictureError(
            f"a picture is [height, width] or [height, width, channels], not {array.shape}"
        )
    if values.dtype != np.uint8:
        try:
            values = to_uint8(values, *value_range(values))
        except ValueError as error:
            raise PictureError(f"unsupported array: {error}") from error
    return Image.fromarray(np.ascontiguousarray(values))
