"""Open a picture file with the one Pillow decoder it needs."""

import importlib
import logging
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from PIL import Image
from PIL.ImageFile import ImageFile

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
    "TIFF": (rb"II[*]\0|MM\0[*]", "TiffImagePlugin"),
    "WEBP": (rb"RIFF....WEBP", "WebPImagePlugin"),
}
HEADER_BYTES = 65_536  # no program writes more before a PPM's pixels; Pillow takes 0.05 s
# A PPM's width and height after blanks and comments, which Pillow reads byte by byte.
_PPM_HEADER = rb"P\w\s(?:(?:\s|#[^\r\n]*[\r\n])*+[^\s#]+){2}"
MAX_READS = 1 << 20  # 2 µs each; a PNG of 512 MB in chunks of 8 KB takes a fifth of them

# What Pillow raises on broken files: the first row was seen with 400,000 mutated ones (13.0), the
# others are in its decoders' sources.
DECODE_ERRORS = (
    *(OSError, ValueError, SyntaxError, TypeError, AssertionError),
    *(EOFError, LookupError, ArithmeticError, MemoryError, struct.error, zlib.error),
)

logging.getLogger("PIL").addHandler(logging.NullHandler())  # its errors are raised


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


def open_image(name: str, file: BinaryIO) -> ImageFile:
    """Open a picture and check that it may be decoded. `name` is for error messages.

    Raises PictureError when the file is empty, damaged, too large or in an unsupported format.
    """
    image = open_header(name, file)
    with explain_damage(name):
        limits.check_image(name, image, file)
    return image


def open_header(name: str, file: BinaryIO) -> ImageFile:
    """Open a picture of any size by its header. Raises PictureError like `open_image`."""
    with explain_damage(name):
        start = file.read(HEADER_BYTES)
        format = identify_format(name, start)
        importlib.import_module(f"PIL.{_DECODERS[format][1]}")
        decoder, accepts = Image.OPEN[format]
        if accepts and isinstance(refusal := accepts(start[:16]), str):  # Pillow was built without
            raise PictureError(f"{name}: {refusal}")
        limits.check_file(name, format, start, file)
        file.seek(0)
        return decoder(cast(BinaryIO, _CountedFile(name, file)), "")


def identify_format(name: str, start: bytes) -> str:
    """The format of a picture by its first HEADER_BYTES. Raises PictureError for any other."""
    if not start:
        raise PictureError(f"{name} is empty")
    matching = (each for each in FORMATS if re.match(_DECODERS[each][0], start, re.DOTALL))
    if not (format := next(matching, "")):
        raise PictureError(f"{name} is not a picture in a supported format ({', '.join(FORMATS)})")
    if format == "PPM" and len(start) == HEADER_BYTES and not re.match(_PPM_HEADER, start):
        raise PictureError(f"{name} is damaged: its header doesn't end")
    return format


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
