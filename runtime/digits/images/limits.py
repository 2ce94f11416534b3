"""Limits on what a picture file may declare, so that it takes time and memory for its pixels alone.

A file of a few hundred bytes can declare gigabytes, or thousands of passes over its pixels.
"""

import os
import re
import struct
from contextlib import suppress
from itertools import pairwise
from typing import Any, BinaryIO

from PIL.ImageFile import ImageFile

from digits.errors import PictureError

_MAX_PIXELS = 100_000_000  # twice a 50-megapixel photo; more is a mistake or an attack
_MAX_SIDE = 1_000_000  # Pillow has a pointer for each row
# WebP's decoder holds the picture four times, with transparency: 16 bytes a pixel.
MAX_WEBP_PIXELS = 50_000_000
_MAX_WEBP_BYTES = 128 << 20  # held twice, and its EXIF four times
MAX_BYTES = 512 << 20  # of a file; the largest picture takes at most 400 MB
# What isn't pixels: Pillow holds some four times, and joins some of a JPEG in quadratic time.
_MAX_METADATA = 8 << 20  # bytes
_MAX_COMPRESSED = 64  # chunks of a PNG, each of which Pillow inflates to 1 MB
_MAX_HEADER_READS = 8000  # 2,000 segments of a JPEG
MAX_READS = 1 << 20  # 2 µs each; a PNG of 512 MB in chunks of 8 KB takes a fourth of them
# Pixels in all scans of a JPEG, 1 ns each: ten scans, as progressive files have, of the largest
# picture.
_MAX_SCANNED = 10 * _MAX_PIXELS
_MAX_NUMBERS = 1 << 18  # of a TIFF's tag, each of which takes a Python object
_MAX_TAGS = 200  # three times as many as there are in TIFF 6.0; of some, libtiff writes a line each
_MAX_PAGES = 1000  # of a TIFF, that are counted
_MAX_TIFF_BYTES = 4 * _MAX_PIXELS  # decoded: libtiff may hold all beside the picture
# Bytes of a plain-text PPM, and pixels of a BMP in runs, which Pillow decodes in Python.
_MAX_SLOW = 8 << 20

# TIFF compressions by Pillow's names. LZMA and WebP declare unbounded sizes of their own; of a
# JPEG's scans, libtiff reads a hundred.
_TIFF_COMPRESSIONS = {
    *("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "zstd"),
    *("group3", "group4", "tiff_ccitt", "tiff_raw_16"),
}
# TIFF 6.0, sections 3 and 15.
_BITS, _STRIPS, _SAMPLES, _TILES = 258, 273, 277, 324
_BYTE_TYPES = {1, 2, 7}  # their values aren't unpacked
_TYPES = range(1, 14)  # 13: an offset, of a supplement
# The header of a scan of one to four components: JPEG (ITU-T T.81, section B.2.3).
_SCAN = re.compile(rb"\xff\xda\0[\x06\x08\x0a\x0c\x0e]")


class LimitedFile:
    """A file of which so much may be read: Pillow parses in Python, and skips junk byte by byte.

    Raises PictureError when it isn't enough to open a picture of this format, or after `opened`,
    to decode it.
    """

    def __init__(self, name: str, file: BinaryIO, format: str) -> None:
        self._name, self._file, self._reads = name, file, _MAX_HEADER_READS
        self._bytes: float = _MAX_WEBP_BYTES if format == "WEBP" else _MAX_METADATA

    def opened(self) -> None:
        self._reads, self._bytes = MAX_READS, float("inf")

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._reads -= 1
        self._bytes -= len(content)
        if self._reads < 0 or self._bytes < 0:
            raise _too_intricate(self._name)
        return content

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._file, attribute)


def check_size(name: str, width: int, height: int) -> None:
    """Raise PictureError for no pixels, more than 100 million, or more than a million a side."""
    if width * height == 0:
        raise PictureError(f"{name} has no pixels")
    if width * height > _MAX_PIXELS:
        raise too_many_pixels(f"{name} with {width} x {height}")
    if max(width, height) > _MAX_SIDE:
        raise PictureError(f"{name} with {width} x {height} has more than a million pixels a side")


def too_many_pixels(name: str, most: int = _MAX_PIXELS) -> PictureError:
    """The error for too many pixels."""
    return PictureError(f"{name} has too many pixels: at most {most // 1_000_000} million are read")


def _too_intricate(name: str) -> PictureError:
    return PictureError(f"{name} is damaged, or has too much beside its pixels: convert it to PNG")


def check_file(name: str, format: str, file: BinaryIO) -> None:
    """Raise PictureError for a file that would take too much memory or time to open."""
    most = _MAX_WEBP_BYTES if format == "WEBP" else MAX_BYTES
    if file.seek(0, os.SEEK_END) > most:
        raise PictureError(f"{name} is larger than {most >> 20} MB")
    if format == "TIFF":
        _check_tags(name, file)
    if format == "PNG":
        _check_chunks(name, file)


def count_pages(file: BinaryIO) -> int:
    """Count the pages of a TIFF, a thousand at most, each of which has the offset of the next."""
    order, offsets = _byte_order(file), set[int]()
    with suppress(struct.error):  # the file ends
        while len(offsets) < _MAX_PAGES:
            [offset] = struct.unpack(order + "I", file.read(4))
            if not offset or offset in offsets:
                break
            offsets.add(offset)
            file.seek(offset)
            [count] = struct.unpack(order + "H", file.read(2))
            file.seek(12 * count, os.SEEK_CUR)
    return len(offsets)


def _byte_order(file: BinaryIO) -> str:
    """As `struct` writes it; the file is then where a TIFF has the offset of its first page."""
    file.seek(0)
    return "<" if file.read(4).startswith(b"I") else ">"


def _check_tags(name: str, file: BinaryIO) -> None:
    """TIFF 6.0, section 2."""
    order = _byte_order(file)
    file.seek(*struct.unpack(order + "I", file.read(4)))
    [count] = struct.unpack(order + "H", file.read(2))
    if count > _MAX_TAGS:
        raise _too_intricate(name)
    for tag, kind, numbers in struct.iter_unpack(order + "HHI4x", file.read(12 * count)):
        is_unpacked = tag == _STRIPS or kind not in _BYTE_TYPES
        if kind not in _TYPES or (numbers > _MAX_NUMBERS and is_unpacked):
            raise _too_intricate(name)


def check_image(name: str, image: ImageFile, file: BinaryIO) -> None:
    """Raise PictureError for an opened image that would take too much memory or time to decode.

    file: where it was opened, and stays.
    """
    check_size(name, *image.size)
    position, pixels = file.tell(), image.width * image.height
    if image.format == "WEBP" and pixels > MAX_WEBP_PIXELS:
        raise too_many_pixels(f"{name}, a WebP,", MAX_WEBP_PIXELS)
    if image.format == "JPEG":
        _check_scans(name, image, file)
    if image.format == "TIFF":
        _check_strips(name, image)
    codec = image.tile[0].codec_name if image.tile else ""
    if codec == "ppm" and pixels > MAX_READS:  # of other maxima than 255, each is read alone
        raise PictureError(f"{name} has pixels of unusual depth, which is slow: convert it to PNG")
    letters = file.read(_MAX_SLOW + 1) if codec == "ppm_plain" else b""
    # For each comment, Pillow copies what is behind it.
    if len(letters) > _MAX_SLOW or b"#" in letters or (codec == "bmp_rle" and pixels > _MAX_SLOW):
        raise _too_intricate(name)
    file.seek(position)


def _check_chunks(name: str, file: BinaryIO) -> None:
    position, metadata, compressed = 8, 0, 0
    for _ in range(MAX_READS):
        file.seek(position)
        if len(head := file.read(8)) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        metadata += 0 if kind in (b"IDAT", b"IEND") else length
        compressed += kind in (b"iCCP", b"zTXt", b"iTXt")
        position += 12 + length
        if kind == b"IEND":
            break
    else:
        raise _too_intricate(name)
    if metadata > _MAX_METADATA or compressed > _MAX_COMPRESSED:
        raise _too_intricate(name)


def _check_scans(name: str, image: Any, file: BinaryIO) -> None:
    """The file is behind the header of the first scan, to which each component adds two bytes."""
    length = 8 + 2 * image.layers
    file.seek(-length, os.SEEK_CUR)
    has_all_components = file.read(length).rfind(b"\xff\xda") == 0
    if has_all_components and "progressive" not in image.info:
        return  # the decoder stops after it
    scans = 1 + len(_SCAN.findall(file.read()))
    if scans * image.width * image.height > _MAX_SCANNED:
        raise PictureError(f"{name} has too many scans: no program writes so many")


def _check_strips(name: str, image: Any) -> None:
    compression, tags = image.info["compression"], image.tag_v2
    if compression not in _TIFF_COMPRESSIONS or _TILES in tags:
        what = "in tiles" if _TILES in tags else f"with the compression {compression}"
        raise PictureError(f"{name} is a TIFF {what}, which isn't read: convert it to PNG")
    bits = max(tags.get(_BITS, (1,))) * tags.get(_SAMPLES, 1)
    if image.width * image.height * bits // 8 > _MAX_TIFF_BYTES:
        raise PictureError(f"{name} takes more than {_MAX_TIFF_BYTES // 1_000_000} MB of memory")
    # Uncompressed strips are decoded one by one, each up to the start of the next.
    for strip, following in pairwise(sorted(image.tile, key=lambda strip: strip.offset)):
        left, top, right, bottom = strip.extents
        one_bit = (right - left) * (bottom - top) // 8  # bytes
        if following.offset - strip.offset < one_bit:
            raise _too_intricate(name)
