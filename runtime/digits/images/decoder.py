"""Open a picture file with the one Pillow decoder it needs."""

import importlib
import logging
import math
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO, cast

import numpy as np
from PIL import Image, _imaging
from PIL.ImageFile import ImageFile

from digits import system
from digits.errors import PictureError
from digits.images import limits
from digits.images.formats import FORMATS

# The magic bytes of each format, and Pillow's module for it. `Image.open` would import five of
# them, or all that Pillow has: 7 ms of a start of 172.
_DECODERS = {
    "BMP": (rb"BM", "BmpImagePlugin"),
    "GIF": (rb"GIF8[79]a", "GifImagePlugin"),
    "JPEG": (rb"\xff\xd8\xff", "JpegImagePlugin"),
    "PNG": (rb"\x89PNG\r\n\x1a\n", "PngImagePlugin"),
    "PPM": (rb"P[0-6fy]", "PpmImagePlugin"),
    "TIFF": (rb"II[*+]\0|MM\0[*+]|II\0[*]|MM[*]\0", "TiffImagePlugin"),
    "WEBP": (rb"RIFF....WEBP", "WebPImagePlugin"),
}
HEADER_BYTES = 65_536  # no program writes more before a PPM's pixels; Pillow takes 0.05 s
# A PPM's width and height after blanks and comments, which Pillow reads byte by byte.
_PPM_HEADER = rb"P\w\s(?:(?:\s|#[^\r\n]*[\r\n])*+[^\s#]+){2}"
MAX_READS = 1 << 20  # 2 µs each; a PNG of 512 MB in chunks of 8 KB takes a fifth of them
_BAND = 1 << 20  # pixels that are rescaled at a time

# What Pillow raises on broken files: the first five were seen with 400,000 mutated ones (13.0),
# the others are in its decoders' sources.
DECODE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    AssertionError,  # seen too: a PNG without its palette
    EOFError,
    LookupError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
)


class _CountedFile:
    """A file that may be read so often: Pillow parses in Python, and skips junk byte by byte."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name, self._file, self._left = name, file, MAX_READS

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise PictureError(f"{self._name} is damaged: it has more parts than programs write")
        return self._file.read(size)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._file, attribute)


def open_image(name: str, file: BinaryIO) -> Image.Image:
    """Open a picture and check that it may be decoded. `name` is for error messages.

    Raises PictureError when the file is empty, damaged, too large or in an unsupported format.
    """
    image = open_header(name, file)
    with explain_damage(name):
        limits.check_image(name, image, file)
        return _rescale_ppm(image, file) if image.tile and image.tile[0][0] == "ppm" else image


def open_header(name: str, file: BinaryIO) -> ImageFile:
    """Open a picture of any size by its header. Raises PictureError like `open_image`."""
    with explain_damage(name):
        start = file.read(HEADER_BYTES)
        return _open(name, start, cast(BinaryIO, _CountedFile(name, file)))


def identify_format(name: str, start: bytes) -> str:
    """The format of a picture by its first HEADER_BYTES. Raises PictureError for any other."""
    if not start:
        raise PictureError(f"{name} is empty")
    for format in FORMATS:
        if re.match(_DECODERS[format][0], start, re.DOTALL):
            break
    else:
        raise PictureError(f"{name} is not a picture in a supported format ({', '.join(FORMATS)})")
    if format == "PPM" and len(start) == HEADER_BYTES and not re.match(_PPM_HEADER, start):
        raise PictureError(f"{name} is damaged: its header doesn't end")
    return format


def _open(name: str, start: bytes, file: BinaryIO) -> ImageFile:
    format = identify_format(name, start)
    module = _DECODERS[format][1]
    importlib.import_module(f"PIL.{module}")
    decoder, accepts = Image.OPEN[format]
    if accepts and isinstance(refusal := accepts(start[:16]), str):  # Pillow was built without it
        raise PictureError(f"{name}: {refusal}")
    limits.check_header(name, format, start, file)
    if format == "TIFF":
        _silence_tiff()
    file.seek(0)
    return decoder(file, "")


@cache
def _silence_tiff() -> None:
    """Keep the warnings of libtiff and Pillow off stderr: errors are raised."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    system.silence_libtiff(_imaging.__file__)


def _rescale_ppm(image: ImageFile, file: BinaryIO) -> Image.Image:
    """Decode a PPM whose maximum isn't 255, for which Pillow takes 0.4 µs per value."""
    _, _, offset, arguments = image.tile[0]
    assert isinstance(arguments, tuple)
    most, bands = int(arguments[1]), len(image.getbands())
    width, height = image.size
    dtype = np.dtype(">u2" if most > 255 else np.uint8)
    scale = np.arange(1 << 8 * dtype.itemsize).clip(max=most) * (255 / most)
    scale = scale.round().astype(np.uint8)
    rescaled = Image.new("RGBA"[:bands] if bands > 1 else "L", image.size)
    file.seek(offset)
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        shape = min(step, height - top), width, bands
        values = np.frombuffer(file.read(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)
        band = scale[values.squeeze(2) if bands == 1 else values]
        rescaled.paste(Image.fromarray(band), (0, top))
    return rescaled


@contextmanager
def explain_damage(name: str) -> Iterator[None]:
    """Raise PictureError for a file on which Pillow raises one of DECODE_ERRORS."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise PictureError(limits.too_many_pixels(name)) from error
    except MemoryError as error:
        raise PictureError(f"{name} takes more memory than is free") from error
    except DECODE_ERRORS as error:
        reason = error.args[0] if len(error.args) == 1 else error  # a PPM's is bytes
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(error)
        if "MAX_TEXT_CHUNK" in reason:
            reason = "it has a colour profile or a text of more than 1 MB: remove it"
        raise PictureError(f"{name} is damaged or unsupported: {reason}") from error
