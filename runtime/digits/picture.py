"""Any picture to grey pixels."""

import io
import os
import stat
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from digits.errors import PictureError

Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]

# What cameras, scanners and drawing programs write. Other formats of Pillow stay shut: some start
# programs (EPS runs Ghostscript).
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = {".bmp", ".gif", ".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}

MAX_PIXELS = 100_000_000  # twice a 50-megapixel photo; more is a mistake or an attack
WORKING_SIZE = 1024  # pixels of the longer side; larger pictures are reduced before anything else

# What Pillow raises on broken files: the first five were seen with 400,000 mutated ones (13.0),
# the others are in its decoders' sources.
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    Image.DecompressionBombError,
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

    grey: uint8 [height, width], 0 = black, 255 = white; the longer side has at most WORKING_SIZE
    pixels. reduction: how many of the picture's own pixels make one grey pixel, along each axis.
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


def load(source: Source) -> Picture:
    """Open a path, bytes, a file object, a PIL image or an array as a grey picture.

    Arrays are [height, width] or [height, width, 1, 3 or 4 channels]: bool, integers (0 to the
    maximum of the type), or floats (0 to 1, or 0 to 255 when any is larger than 1).

    Raises PictureError when the source is missing, not a picture, damaged or too large.
    """
    if isinstance(source, np.ndarray):
        return _reduced("the array", _from_array(source))
    if isinstance(source, Image.Image):
        return _from_image("the image", source)
    if isinstance(source, bytes):
        return _from_file("the picture", io.BytesIO(source))
    if isinstance(source, str | os.PathLike):
        return _from_path(Path(source))
    return _from_file(str(getattr(source, "name", "the picture")), source)


def in_folder(folder: Path) -> list[Path]:
    """The pictures in a folder, by their suffix, in the order of their names.

    Raises PictureError when there are none or the folder can't be read.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise PictureError(f"can't read {folder}: {error.strerror}") from error
    if not found:
        raise PictureError(f"there is no picture in {folder}")
    return found


def _from_path(path: Path) -> Picture:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PictureError(f"{path} is a folder")
        if not stat.S_ISREG(mode):
            raise PictureError(f"{path} is not a regular file")
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise PictureError(f"can't open {path}: {getattr(error, 'strerror', error)}") from error
    with file:
        return _from_file(str(path), file)


def _from_file(name: str, file: BinaryIO) -> Picture:
    try:
        image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture that digits can read ({', '.join(FORMATS)})"
        ) from error
    except _BROKEN as error:
        raise PictureError(f"{name} is damaged, or too large: {error}") from error
    with image:
        _check_size(name, *image.size)
        width, height = image.size
        # JPEG can be decoded at 1/2, 1/4 or 1/8 scale at a fraction of the cost.
        image.draft(None, (WORKING_SIZE, WORKING_SIZE))
        decoded = max(image.size)
        picture = _from_image(name, image)
        turned = (picture.size[0] > picture.size[1]) != (image.size[0] > image.size[1])
        return replace(
            picture,
            reduction=picture.reduction * max(width, height) / decoded,
            size=(height, width) if turned else (width, height),
        )


def _from_image(name: str, image: Image.Image) -> Picture:
    _check_size(name, *image.size)
    try:
        return _reduced(name, _grey(ImageOps.exif_transpose(image)))
    except _BROKEN as error:
        raise PictureError(f"{name} is damaged: {error}") from error


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{name} has {width} x {height} pixels;"
            f" at most {MAX_PIXELS // 1_000_000} million are read"
        )


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N"):
        return _from_array(np.asarray(image).astype(np.uint16))
    if image.mode in ("I", "F"):
        return _stretched(np.asarray(image, np.float64))
    if image.has_transparency_data:
        return _on_contrasting_paper(image.convert("RGBA"))
    return np.asarray(image.convert("L"))


def _on_contrasting_paper(image: Image.Image) -> NDArray[np.uint8]:
    """Lay a transparent picture on white, or on black when what is visible is light."""
    values = np.asarray(image.convert("LA"), np.float32)
    grey, alpha = values[..., 0], values[..., 1] / 255
    visible = float(alpha.sum())
    light = visible > 0 and float((grey * alpha).sum()) / visible > 127
    paper = 0.0 if light else 255.0
    return (paper + (grey - paper) * alpha).round().astype(np.uint8)


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    values = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if values.dtype.kind not in "buif" or values.size == 0:
        raise PictureError(f"an array of {array.dtype} with the shape {array.shape} is no picture")
    if values.ndim >= 2:
        _check_size("the array", values.shape[1], values.shape[0])
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise PictureError("the array holds values that are not finite")
        white = 1.0 if values.max() <= 1 else 255.0
    else:
        white = 1.0 if values.dtype.kind == "b" else float(np.iinfo(values.dtype).max)
    pixels: NDArray[np.uint8] = (np.clip(values / white, 0, 1) * 255).round().astype(np.uint8)
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        return _grey(Image.fromarray(np.ascontiguousarray(pixels)))
    raise PictureError(
        f"a picture is [height, width] or [height, width, channels], not {array.shape}"
    )


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Grey for 32-bit files, which don't say what white is: the least is black, the most white."""
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite")
    low, high = float(values.min()), float(values.max())
    return ((values - low) * (255 / max(high - low, 1e-9))).round().astype(np.uint8)


def _reduced(name: str, grey: NDArray[np.uint8]) -> Picture:
    height, width = grey.shape
    factor = -(-max(grey.shape) // WORKING_SIZE)
    if factor > 1:
        grey = np.asarray(Image.fromarray(grey).reduce(factor))
    return Picture(name, grey, float(factor), (width, height))
