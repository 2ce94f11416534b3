"""Open a picture file by Pillow, which decodes its pixels later."""

import io
import logging
import os
import re
import struct
import warnings
import zlib
from contextlib import suppress
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL.Image import DecompressionBombError
from PIL.ImageFile import ImageFile

from digits.errors import PictureError, TooManyPixels
from digits.images.formats import FORMATS
from digits.images.pdf import MAX_PAGES
from digits.system import silence_libtiff

MAX_PIXELS = 89_000_000  # a 50-megapixel photo with room; from 89.5 million on, Pillow itself warns
MAX_BYTES = 512 << 20  # of a file; the largest picture takes at most 400 MB

_HEIC = re.compile(b"....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL)

# What Pillow raises for damaged files. 400,000 mutated files made Pillow 13.0 raise those in the
# first row; the others are in the sources of its decoders.
DECODE_ERRORS = (
    *(OSError, ValueError, SyntaxError, TypeError, AssertionError),
    *(EOFError, LookupError, ArithmeticError, MemoryError, struct.error, zlib.error),
    RuntimeError,  # pillow-heif
    DecompressionBombError,
)

_PILLOW = [format for format in FORMATS if format != "HEIC"]  # which is told by its first bytes
_BLOCK = 1 << 16  # bytes

logging.getLogger("PIL").addHandler(logging.NullHandler())  # its errors are raised


def read_all(name: str, file: BinaryIO) -> bytes:
    """Read a picture file from its position on, in little more memory than its size.

    name: what errors call it. Raises PictureError if it is too large.
    """
    content = io.BytesIO()
    while block := file.read(_BLOCK):
        content.write(block)
        _check_bytes(name, content.tell())
    return content.getvalue()


def is_pdf(name: str, file: BinaryIO) -> bool:
    """Whether a file, which is rewound, begins as a PDF. Raises PictureError if it is too large."""
    _check_bytes(name, file.seek(0, os.SEEK_END))
    file.seek(0)
    start = file.read(5)
    file.seek(0)
    return start == b"%PDF-"


def open_image(name: str, file: BinaryIO, max_pixels: int, page: int = 0) -> ImageFile:
    """Open a picture file, whose pixels are decoded later.

    name: what errors call it.
    page: of a TIFF, from 1; 0 is the first. A warning says that there are others, or more frames.

    Raises PictureError if it has none of FORMATS or lacks the page, TooManyPixels for more than
    `max_pixels`, and one of DECODE_ERRORS for a damaged file.
    """
    start = file.read(16)
    if not start:
        raise PictureError(f"{name} is empty")
    try:
        image = _open_heic(name, file) if _HEIC.match(start) else Image.open(file, formats=_PILLOW)
    except UnidentifiedImageError as error:
        formats = f"({', '.join(FORMATS)}), nor a PDF, or it is damaged"
        raise PictureError(f"{name} is not a picture in a supported format {formats}") from error
    except DecompressionBombError as error:
        raise TooManyPixels(f"{name}: at most {max_pixels:,} pixels are read") from error
    # The further pictures of a camera's MPO are no pages, but what it saw beside.
    parts, has_more = "frames", image.format != "MPO" and getattr(image, "is_animated", False)
    if image.format == "TIFF":
        silence_libtiff()
        parts, has_more = "pages", not page and count_frames(name, image) > 1
        try:
            image.seek(max(page, 1) - 1)
        except EOFError as error:
            raise PictureError(f"{name} has no page {page}") from error
    check_size(name, *image.size, max_pixels)
    if has_more:
        warnings.warn(f"{name} has several {parts}; only the first is read", stacklevel=3)
    return image


def _open_heic(name: str, file: BinaryIO) -> ImageFile:
    try:
        from pillow_heif import HeifImageFile
    except ModuleNotFoundError as error:
        needed = 'pillow-heif: pip install "digits[documents]"'
        raise PictureError(f"{name}: HEIC needs {needed}") from error
    image: ImageFile = HeifImageFile(file, "")  # type: ignore[no-untyped-call]
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
