"""A picture's file to the one decoder of Pillow that it needs."""

import importlib
import os
import re
import struct
import zlib
from typing import BinaryIO

from PIL import Image

from digits.errors import PictureError
from digits.vision.formats import FORMATS

_MAX_PIXELS = 100_000_000  # twice a 50-megapixel photo; more is a mistake or an attack
# What files of each format begin with, and Pillow's module for it. `Image.open` would import those
# of five formats, or of all that Pillow knows: 7 ms of the 172 that a start took.
_DECODERS = {
    "BMP": (rb"BM", "BmpImagePlugin"),
    "GIF": (rb"GIF8[79]a", "GifImagePlugin"),
    "JPEG": (rb"\xff\xd8\xff", "JpegImagePlugin"),
    "PNG": (rb"\x89PNG\r\n\x1a\n", "PngImagePlugin"),
    "PPM": (rb"P[0-6fy]", "PpmImagePlugin"),
    "TIFF": (rb"II[*+]\0|MM\0[*+]|II\0[*]|MM[*]\0", "TiffImagePlugin"),
    "WEBP": (rb"RIFF....WEBP", "WebPImagePlugin"),
}
_HEAD_BYTES = 65_536  # more than any program writes before a PPM's pixels; 0.05 s
# A PPM's width and height, after blanks and comments: Pillow looks for them a byte at a time.
_PPM_HEAD = rb"P\w\s(?:(?:\s|#[^\r\n]*[\r\n])*+[^\s#]+){2}"
_TRAILER = 512  # bytes at a file's end that may be padding

# What Pillow raises on broken files: the first five were seen with 400,000 mutated ones (13.0),
# the others are in its decoders' sources.
BROKEN = (
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


def opened(name: str, file: BinaryIO) -> Image.Image:
    """A picture whose head is read, and that may be decoded. `name` is what errors call it.

    Raises PictureError when the file is empty, of no format that is read, damaged or too large.
    """
    image = headed(name, file)
    check_size(name, *image.size)
    if image.format == "GIF":
        _check_end(name, file)
    return image


def headed(name: str, file: BinaryIO) -> Image.Image:
    """A picture whose head is read, however large it is. Raises PictureError as `opened`."""
    try:
        start = file.read(_HEAD_BYTES)
        if not start:
            raise PictureError(f"{name} is empty")
        return _recognized(name, start, file)
    except BROKEN as error:
        raise damaged(name, error) from error


def _recognized(name: str, start: bytes, file: BinaryIO) -> Image.Image:
    for format in FORMATS:
        pattern, module = _DECODERS[format]
        if re.match(pattern, start, re.DOTALL):
            break
    else:
        raise PictureError(
            f"{name} is not a picture in a format that digits reads ({', '.join(FORMATS)})"
        )
    if format == "PPM" and len(start) == _HEAD_BYTES and not re.match(_PPM_HEAD, start):
        raise PictureError(f"{name} is damaged: its head doesn't end")
    importlib.import_module(f"PIL.{module}")
    decoder, accepts = Image.OPEN[format]
    if accepts and isinstance(refusal := accepts(start[:16]), str):  # Pillow was built without it
        raise PictureError(f"{name}: {refusal}")
    file.seek(0)
    return decoder(file, "")


def damaged(name: str, error: BaseException) -> PictureError:
    """What to say of a file that Pillow raised one of BROKEN for."""
    if isinstance(error, Image.DecompressionBombError):
        return PictureError(_too_many_pixels(name))
    if isinstance(error, MemoryError):
        return PictureError(f"{name} takes more memory than is free")
    return PictureError(f"{name} is damaged, or of a kind that digits doesn't read: {error}")


def check_size(name: str, width: int, height: int) -> None:
    """Raises PictureError for no pixels, and for more than 100 million."""
    if width * height == 0:
        raise PictureError(f"{name} has no pixels")
    if width * height > _MAX_PIXELS:
        raise PictureError(_too_many_pixels(f"{name} with {width} x {height}"))


def _too_many_pixels(name: str) -> str:
    return f"{name} has too many pixels: at most {_MAX_PIXELS // 1_000_000} million are read"


def _check_end(name: str, file: BinaryIO) -> None:
    """Pillow reads half a GIF without a word. A whole one ends with a semicolon (GIF89a, 27)."""
    place = file.tell()
    file.seek(-min(_TRAILER, file.seek(0, os.SEEK_END)), os.SEEK_END)
    whole = file.read().rstrip(b"\0").endswith(b";")
    file.seek(place)
    if not whole:
        raise PictureError(f"{name} is damaged: it ends too early")
