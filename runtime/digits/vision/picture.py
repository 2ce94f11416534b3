"""Any picture to grey pixels."""

import io
import math
import os
import re
import stat
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from digits.errors import PictureError
from digits.vision.formats import FORMATS
from digits.vision.grey import to_bytes, to_grey

Source = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[Any]
)

MAX_PIXELS = 100_000_000  # twice a 50-megapixel photo; more is a mistake or an attack
_TRAILER = 512  # bytes at a file's end that may be padding
# A PPM's width and height, after blanks and comments: Pillow looks for them a byte at a time.
_PPM_HEAD = rb"P\w\s(?:(?:\s|#[^\r\n]*[\r\n])*+[^\s#]+){2}"
_PPM_HEAD_BYTES = 65_536  # more than any program writes; 0.05 s
_ORIENTATION = 0x0112  # EXIF's tag for how the camera was held
_LYING = (5, 6, 7, 8)  # its values that turn width into height
# Pixels of the longer side; a larger picture is first reduced, to at least half of it.
WORKING_SIZE = 640  # for one digit
PAGE_SIZE = 2048  # for many small ones

# What Pillow raises on broken files: the first five were seen with 400,000 mutated ones (13.0),
# the others are in its decoders' sources.
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    Image.DecompressionBombError,
    AssertionError,  # seen too: a PNG without its palette
    EOFError,
    LookupError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Picture:
    """A picture, upright and grey.

    grey: uint8 [height, width], 0 = black, 255 = white; the longer side has at most as many
    pixels as were asked for. reduction: how many of the picture's own pixels make one grey pixel,
    along each axis.
    size: width and height in the picture's own pixels.
    """

    name: str
    grey: NDArray[np.uint8]
    reduction: float
    size: tuple[int, int]

    def own_box(self, left: int, top: int, right: int, bottom: int) -> tuple[int, int, int, int]:
        """A box in grey pixels as left, top, right, bottom in the picture's own pixels."""
        near = round(left * self.reduction), round(top * self.reduction)
        far = round(right * self.reduction), round(bottom * self.reduction)
        return *near, min(far[0], self.size[0]), min(far[1], self.size[1])


def load(source: Source, longest: int = WORKING_SIZE) -> Picture:
    """Open a path, bytes, a file object, a PIL image or an array as a grey picture.

    longest: pixels that the longer side may have; a larger picture is reduced.
    Arrays are [height, width] or [height, width, 1, 3 or 4 channels], of bool, integers or floats.
    White is 1 in bool and in floats up to 2 (interpolation goes beyond 1); 255 in what goes up to
    255; 65535 in what goes up to that; beyond, the largest value.

    Raises PictureError when the source is missing, not a picture, damaged or too large.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, longest)
    if isinstance(source, Image.Image):
        return _from_image("the image", source, longest)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_file("the picture", io.BytesIO(source), longest)
    if isinstance(source, str | os.PathLike):
        return _from_path(os.fsdecode(source), longest)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "the picture"))
        return _from_file(name, _seekable(name, source), longest)
    raise PictureError(
        f"a {type(source).__name__} is no picture: give a path, bytes, a file object, a PIL image"
        " or an array"
    )


def size(content: bytes) -> tuple[int, int]:
    """Width and height that a picture file has by its head, in pixels. Raises PictureError."""
    with _opened("the picture", io.BytesIO(content)) as image:
        return image.size


def _from_path(path: str, longest: int) -> Picture:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise PictureError(f"{path} is a folder")
        if not stat.S_ISREG(mode):
            raise PictureError(f"{path} is not a regular file")
        file = open(path, "rb")  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise PictureError(f"can't open {path}: {getattr(error, 'strerror', error)}") from error
    with file:
        return _from_file(path, file, longest)


def _seekable(name: str, file: BinaryIO) -> BinaryIO:
    """The file; a pipe's content."""
    try:
        try:
            file.seek(0)
            return file
        except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
            return io.BytesIO(file.read())
    except _BROKEN as error:
        raise PictureError(f"can't read {name}: {error}") from error


def _opened(name: str, file: BinaryIO) -> Image.Image:
    """A picture whose head is read, and nothing else of it."""
    try:
        start = file.read(_PPM_HEAD_BYTES)
        if not start:
            raise PictureError(f"{name} is empty")
        if start[:1] == b"P" and len(start) == _PPM_HEAD_BYTES and not re.match(_PPM_HEAD, start):
            raise PictureError(f"{name} is damaged: its head doesn't end")
        return Image.open(file, formats=FORMATS)  # from the beginning
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture in a format that digits reads ({', '.join(FORMATS)})"
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(_too_many_pixels(name)) from error
    except _BROKEN as error:
        raise PictureError(f"{name} is damaged, or too large: {error}") from error


def _from_file(name: str, file: BinaryIO, longest: int) -> Picture:
    with _opened(name, file) as image:
        _check_size(name, *image.size)
        if image.format == "GIF":
            _check_end(name, file)
        width, height = image.size
        # JPEG can be decoded at 1/2, 1/4 or 1/8 scale, and without its colours, at a fraction of
        # the cost. Three quarters of the pixels that are wanted at least are enough.
        scale = 0.75 * longest / max(width, height)
        image.draft("L", (math.ceil(width * scale), math.ceil(height * scale)))
        decoded = max(image.size)
        picture = _from_image(name, image, longest)
        lies = image.getexif().get(_ORIENTATION, 1) in _LYING
        return replace(
            picture,
            reduction=picture.reduction * max(width, height) / decoded,
            size=(height, width) if lies else (width, height),
        )


def _check_end(name: str, file: BinaryIO) -> None:
    """Pillow reads half a GIF without a word. A whole one ends with a semicolon (GIF89a, 27)."""
    place = file.tell()
    file.seek(-min(_TRAILER, file.seek(0, os.SEEK_END)), os.SEEK_END)
    whole = file.read().rstrip(b"\0").endswith(b";")
    file.seek(place)
    if not whole:
        raise PictureError(f"{name} is damaged: it ends too early")


def _from_image(name: str, image: Image.Image, longest: int) -> Picture:
    _check_size(name, *image.size)
    factor = -(-max(image.size) // longest)
    try:
        turned = image.getexif().get(_ORIENTATION, 1) != 1
        upright = ImageOps.exif_transpose(image) if turned else image  # which else makes a copy
        return Picture(name, to_grey(upright, factor), float(factor), upright.size)
    except _BROKEN as error:
        raise PictureError(f"{name} is damaged: {error}") from error


def _from_array(array: NDArray[Any], longest: int) -> Picture:
    values = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if values.dtype.kind not in "buif" or values.size == 0:
        raise PictureError(f"an array of {array.dtype} with the shape {array.shape} is no picture")
    if values.ndim != 2 and (values.ndim != 3 or values.shape[2] not in (3, 4)):
        raise PictureError(
            f"a picture is [height, width] or [height, width, channels], not {array.shape}"
        )
    _check_size("the array", values.shape[1], values.shape[0])
    if values.dtype != np.uint8:
        values = _scaled(values)
    return _from_image("the array", Image.fromarray(np.ascontiguousarray(values)), longest)


def _scaled(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Any numbers to 0 (black) to 255 (white); `load` says what counts as white."""
    if not np.isfinite(values).all():
        raise PictureError("the array holds values that are not finite")
    high = values.max()
    if values.dtype.kind == "b" or (values.dtype.kind == "f" and high <= 2):
        white = 1.0
    else:
        white = next((limit for limit in (255.0, 65535.0) if high <= limit), float(high))
    scaled = np.clip(values, 0, white).astype(np.float32)
    scaled *= 255 / white
    return to_bytes(scaled)


def _check_size(name: str, width: int, height: int) -> None:
    if width * height == 0:
        raise PictureError(f"{name} has no pixels")
    if width * height > MAX_PIXELS:
        raise PictureError(_too_many_pixels(f"{name} with {width} x {height}"))


def _too_many_pixels(name: str) -> str:
    return f"{name} has too many pixels: at most {MAX_PIXELS // 1_000_000} million are read"
