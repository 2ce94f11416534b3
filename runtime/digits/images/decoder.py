"""Open a picture file with the one Pillow decoder it needs."""

import importlib
import io
import logging
import os
import re
import struct
import warnings
import zlib
from contextlib import suppress
from typing import BinaryIO

from PIL.Image import DecompressionBombError
from PIL.ImageFile import ImageFile

from digits.errors import PictureError, TooManyPixels
from digits.images.formats import FORMATS
from digits.images.pdf import MAX_PAGES
from digits.system import silence_libtiff

MAX_PIXELS = 100_000_000  # twice a 50-megapixel photo; more is a mistake or an attack
MAX_BYTES = 512 << 20  # of a file; the largest picture takes at most 400 MB

PDF = "PDF"  # no picture, but pages
# The magic bytes of each format, and how the names of the module and class for it begin.
# `Image.open` would import five of the modules, or all that Pillow has: 7 ms of a start of 172.
_DECODERS = {
    "AVIF": (rb"....ftypavi[fs]", "Avif"),
    "BMP": (rb"BM", "Bmp"),
    "GIF": (rb"GIF8[79]a", "Gif"),
    "HEIC": (rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", "Heif"),
    "JPEG": (rb"\xff\xd8\xff", "Jpeg"),
    "PNG": (rb"\x89PNG\r\n\x1a\n", "Png"),
    "PPM": (rb"P[0-6fy]", "Ppm"),
    "TIFF": (rb"II[*]\0|MM\0[*]", "Tiff"),
    "WEBP": (rb"RIFF....WEBP", "WebP"),
}

# What Pillow raises for damaged files. 400,000 mutated files made Pillow 13.0 raise those in the
# first row; the others are in the sources of its decoders.
DECODE_ERRORS = (
    *(OSError, ValueError, SyntaxError, TypeError, AssertionError),
    *(EOFError, LookupError, ArithmeticError, MemoryError, struct.error, zlib.error),
    RuntimeError,  # pillow-heif
    DecompressionBombError,
)

_BLOCK = 1 << 16  # bytes

logging.getLogger("PIL").addHandler(logging.NullHandler())  # its errors are raised


def read_all(name: str, file: BinaryIO) -> bytes:
    """Read a picture file from its position on, in little more memory than its size.

    name: what errors call it. Raises PictureError, as early as possible, if it is no picture in a
    supported format or too large.
    """
    content = io.BytesIO()
    while block := file.read(_BLOCK):
        if not content.tell():
            identify_format(name, block)
        content.write(block)
        _check_bytes(name, content.tell())
    return content.getvalue()


def open_image(name: str, file: BinaryIO, format: str, max_pixels: int, page: int = 0) -> ImageFile:
    """Open a picture file, whose pixels are decoded later.

    name: what errors call it.
    format: one of FORMATS.
    page: of a TIFF, from 1; 0 is the first. A warning says that there are others, or more frames.

    Raises PictureError for a page that isn't there, TooManyPixels for more than `max_pixels`, and
    one of DECODE_ERRORS for a damaged file.
    """
    stem = _DECODERS[format][1]
    try:
        plugin = importlib.import_module(
            "pillow_heif" if stem == "Heif" else f"PIL.{stem}ImagePlugin"
        )
    except ModuleNotFoundError as error:
        needed = 'pillow-heif: pip install "digits[documents]"'
        raise PictureError(f"{name}: {format} needs {needed}") from error
    if not getattr(plugin, "SUPPORTED", True):
        raise PictureError(f"{name}: this Pillow was built without {format}")
    image: ImageFile = getattr(plugin, f"{stem}ImageFile")(file, "")
    parts, has_more = "frames", format != "TIFF" and getattr(image, "is_animated", False)
    if format == "TIFF":
        silence_libtiff()
        parts, has_more = "pages", not page and count_frames(name, image) > 1
        try:
            image.seek(max(page, 1) - 1)
        except EOFError as error:
            raise PictureError(f"{name} has no page {page}") from error
    if has_more:
        warnings.warn(f"{name} has several {parts}; only the first is read", stacklevel=3)
    check_size(name, *image.size, max_pixels)
    return image


def count_frames(name: str, image: ImageFile) -> int:
    """Count a TIFF's pages. Raises PictureError for more than MAX_PAGES."""
    count = 1
    with suppress(EOFError):
        while count <= MAX_PAGES:
            image.seek(count)
            count += 1
        raise PictureError(f"{name} has more than {MAX_PAGES:,} pages: split it")
    return count


def check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    """Raise PictureError for no pixels, and TooManyPixels for more than `max_pixels`."""
    if width * height == 0:
        raise PictureError(f"{name} has no pixels")
    if width * height > max_pixels:
        size = f"{width} x {height}"
        raise TooManyPixels(f"{name}: at most {max_pixels:,} pixels are read, not {size}")


def _check_bytes(name: str, count: int) -> None:
    if count > MAX_BYTES:
        raise PictureError(f"{name} is larger than {MAX_BYTES >> 20} MB")


def identify_file(name: str, file: BinaryIO) -> str:
    """The format of a file, which is rewound. Raises PictureError for others, or if too large."""
    _check_bytes(name, file.seek(0, os.SEEK_END))
    file.seek(0)
    format = identify_format(name, file.read(16))
    file.seek(0)
    return format


def identify_format(name: str, start: bytes) -> str:
    """One of FORMATS or PDF, by the first 16 bytes or more. Raises PictureError for any other."""
    if not start:
        raise PictureError(f"{name} is empty")
    if start.startswith(b"%PDF-"):
        return PDF
    for format in FORMATS:
        if re.match(_DECODERS[format][0], start, re.DOTALL):
            return format
    formats = f"({', '.join(FORMATS)}), nor a PDF"
    raise PictureError(f"{name} is not a picture in a supported format {formats}")
