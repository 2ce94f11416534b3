"""Open a picture file with the one Pillow decoder it needs."""

import importlib
import io
import logging
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from PIL import Image
from PIL.ImageFile import ImageFile

from digits.errors import PictureError
from digits.images import limits
from digits.images.formats import FORMATS
from digits.images.limits import LimitedFile

# The magic bytes of each format, and what Pillow's module and class for it begin with. `Image.open`
# would import five of them, or all that Pillow has: 7 ms of a start of 172.
_DECODERS = {
    "BMP": (rb"BM", "Bmp"),
    "GIF": (rb"GIF8[79]a", "Gif"),
    "JPEG": (rb"\xff\xd8\xff", "Jpeg"),
    "PNG": (rb"\x89PNG\r\n\x1a\n", "Png"),
    "PPM": (rb"P[0-6fy]", "Ppm"),
    "TIFF": (rb"II[*]\0|MM\0[*]", "Tiff"),
    "WEBP": (rb"RIFF....WEBP", "WebP"),
}

# What Pillow raises on broken files: the first row was seen with 400,000 mutated ones (13.0), the
# others are in its decoders' sources.
DECODE_ERRORS = (
    *(OSError, ValueError, SyntaxError, TypeError, AssertionError),
    *(EOFError, LookupError, ArithmeticError, MemoryError, struct.error, zlib.error),
)

_BLOCK = 1 << 16  # bytes

logging.getLogger("PIL").addHandler(logging.NullHandler())  # its errors are raised


def read_all(name: str, file: BinaryIO) -> bytes:
    """Read a picture file from where it is, in little more memory than its size.

    name: for error messages. Raises PictureError, as early as possible, if it is no picture in a
    supported format or too large.
    """
    content = io.BytesIO()
    while block := file.read(_BLOCK):
        if not content.tell():
            identify_format(name, block)
        content.write(block)
        if content.tell() > limits.MAX_BYTES:
            raise PictureError(f"{name} is larger than {limits.MAX_BYTES >> 20} MB")
    return content.getvalue()


def open_picture(name: str, file: BinaryIO, any_size: bool = False) -> ImageFile:
    """Open a picture, and check that decoding it takes little memory and time for its pixels.

    name: for error messages. any_size: whether it is only opened for its size, and not checked.
    Raises PictureError when the file is empty, damaged, too large or in an unsupported format.
    """
    with explain_damage(name):
        start = file.read(16)
        format = identify_format(name, start)
        limits.check_file(name, format, file)
        if format == "TIFF" and not any_size and (pages := limits.count_pages(file)) > 1:
            warnings.warn(f"{name} has {pages} pages; only the first is read", stacklevel=2)
        stem = _DECODERS[format][1]
        plugin = importlib.import_module(f"PIL.{stem}ImagePlugin")
        if not getattr(plugin, "SUPPORTED", True):
            raise PictureError(f"{name}: this Pillow was built without {format}")
        file.seek(0)
        limited = LimitedFile(name, file, format)
        image: ImageFile = getattr(plugin, f"{stem}ImageFile")(cast(BinaryIO, limited), "")
        limited.opened()
        if not any_size:
            limits.check_image(name, image, cast(BinaryIO, limited))
        return image


def identify_format(name: str, start: bytes) -> str:
    """The format of a picture by its first 16 bytes or more. Raises PictureError for any other."""
    if not start:
        raise PictureError(f"{name} is empty")
    for format in FORMATS:
        if re.match(_DECODERS[format][0], start, re.DOTALL):
            return format
    raise PictureError(f"{name} is not a picture in a supported format ({', '.join(FORMATS)})")


@contextmanager
def explain_damage(name: str) -> Iterator[None]:
    """Raise PictureError for a file on which Pillow raises one of DECODE_ERRORS."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise limits.too_many_pixels(name) from error
    except MemoryError as error:
        raise PictureError(f"{name} takes more memory than is free") from error
    except DECODE_ERRORS as error:
        reason = str(error)
        if "MAX_TEXT_CHUNK" in reason:
            reason = "it has a colour profile or a text of more than 1 MB: remove it"
        raise PictureError(f"{name} is damaged or unsupported: {reason}") from error
