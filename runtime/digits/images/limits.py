"""Limits on what a picture file may declare.

A file of a few hundred bytes can declare a strip of gigabytes, or thousands of passes over its
pixels. So its declarations are checked before the decoder trusts them.
"""

import os
import re
import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from PIL.ImageFile import ImageFile

from digits.errors import PictureError

_MAX_PIXELS = 100_000_000  # twice a 50-megapixel photo; more is a mistake or an attack
_MAX_SIDE = 1_000_000  # Pillow has a pointer for each row
# WebP's decoder holds the picture four times, with transparency: 16 bytes a pixel.
MAX_WEBP_PIXELS = 50_000_000
_MAX_WEBP_BYTES = 128 << 20  # held twice, and its EXIF four times
# Pixels in all scans of a JPEG, 1 ns each: ten scans, as progressive files have, of the largest
# picture.
_MAX_SCANNED = 10 * _MAX_PIXELS
_MAX_BYTES = 512 << 20  # of a file; the largest picture takes at most 400 MB
_MAX_STRIPS = 100_000
_MAX_STRIP_BYTES = 4 * _MAX_PIXELS  # which libtiff holds beside the picture
_MAX_NUMBERS = 1 << 18  # of a TIFF's tag, each of which takes a Python object
# Bytes of a JPEG or PNG that aren't pixels: Pillow holds some four times, and joins some in
# quadratic time.
_MAX_METADATA = 32 << 20
_MAX_SEGMENTS = 2000  # of a JPEG before its pixels; Pillow joins some, in quadratic time
# Decoded by Pillow in Python, at 2 to 5 MB/s: plain-text PPM, PPM whose maximum isn't 255, and
# run-length encoded BMP.
_SLOW_CODECS = {"ppm_plain", "ppm", "bmp_rle"}
_MAX_SLOW_BYTES = 8 << 20
_MAX_SLOW_PIXELS = 8_000_000

# TIFF compressions by Pillow's names. LZMA and WebP declare unbounded sizes of their own; of a
# JPEG's scans, libtiff reads a hundred.
_TIFF_COMPRESSIONS = {
    "raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "zstd",
    "group3", "group4", "tiff_ccitt", "tiff_raw_16",
}  # fmt: skip
# TIFF 6.0, sections 3 and 15.
_WIDTH, _LENGTH, _BITS, _STRIPS, _ROWS, _TILES = 256, 257, 258, 273, 278, 324
_BYTE_TYPES = {1, 2, 7}  # their values aren't unpacked

# JPEG markers (ITU-T T.81, table B.1) except those without a segment.
_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd7])", re.DOTALL)
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_SCAN, _END = 0xDA, 0xD9


def check_size(name: str, width: int, height: int) -> None:
    """Raise PictureError for no pixels, more than 100 million, or more than a million a side."""
    if width * height == 0:
        raise PictureError(f"{name} has no pixels")
    if width * height > _MAX_PIXELS:
        raise PictureError(too_many_pixels(f"{name} with {width} x {height}"))
    if max(width, height) > _MAX_SIDE:
        raise PictureError(f"{name} with {width} x {height} has more than a million pixels a side")


def too_many_pixels(name: str, most: int = _MAX_PIXELS) -> str:
    """The message for too many pixels."""
    return f"{name} has too many pixels: at most {most // 1_000_000} million are read"


def check_file(name: str, format: str, start: bytes, file: BinaryIO) -> None:
    """Raise PictureError for a file that would take too much memory or time to open.

    start: the file's first bytes. Leaves the file at any position.
    """
    most = _MAX_WEBP_BYTES if format == "WEBP" else _MAX_BYTES
    if file.seek(0, os.SEEK_END) > most:
        raise PictureError(f"{name} is larger than {most >> 20} MB")
    check = {"WEBP": _check_webp, "PNG": _check_png, "JPEG": _check_jpeg, "TIFF": _check_tags}
    if format in check:
        check[format](name, start, file)


def check_image(name: str, image: ImageFile, file: BinaryIO) -> None:
    """Raise PictureError for an opened image that would take too much memory or time to decode."""
    check_size(name, *image.size)
    if image.format == "TIFF":
        _check_strips(name, image)
    elif image.tile and image.tile[0][0] in _SLOW_CODECS:
        position = file.tell()
        _check_slow_codec(name, image, file)
        file.seek(position)


def _check_webp(name: str, start: bytes, file: BinaryIO) -> None:
    """https://developers.google.com/speed/webp/docs/riff_container; the decoder comes first."""
    kind, fields = start[12:16], start[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        width, height = (_little_endian(fields[at : at + 3]) + 1 for at in (4, 7))
    elif kind == b"VP8L":
        bits = _little_endian(fields[1:5])
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (_little_endian(fields[at : at + 2]) & 0x3FFF for at in (6, 8))
    check_size(name, width, height)
    if width * height > MAX_WEBP_PIXELS:
        raise PictureError(too_many_pixels(f"{name}, a WebP,", MAX_WEBP_PIXELS))


def _little_endian(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _check_png(name: str, start: bytes, file: BinaryIO) -> None:
    position, metadata, head = 8, 0, b""
    while head[4:] != b"IEND" and file.seek(position) and len(head := file.read(8)) == 8:
        length = int.from_bytes(head[:4])
        metadata += 0 if head[4:] in (b"IDAT", b"IEND") else length
        position += 12 + length
    if metadata > _MAX_METADATA:
        raise PictureError(
            f"{name} is damaged, or has more than {_MAX_METADATA >> 20} MB beside its pixels"
        )


def _check_jpeg(name: str, start: bytes, file: BinaryIO) -> None:
    if not _is_one_scan(start):
        file.seek(0)
        start = file.read()
    scans = pixels = 0
    for number, (marker, position) in enumerate(_segments(start)):
        if not scans and (number == _MAX_SEGMENTS or position > _MAX_METADATA):
            raise PictureError(f"{name} is damaged: it has too many segments before its pixels")
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", start, position + 3)
            pixels = max(pixels, height * width)
        scans += marker == _SCAN
        if scans * pixels > _MAX_SCANNED and pixels <= _MAX_PIXELS:
            raise PictureError(f"{name} has too many scans: no program writes so many")


def _is_one_scan(jpeg: bytes) -> bool:
    """Whether the decoder stops after a single pass over the pixels."""
    components = b""
    for marker, position in _segments(jpeg):
        if marker in _PROGRESSIVE:
            return False
        if marker in _FRAMES:
            components = jpeg[position + 7 : position + 8]
        if marker == _SCAN:
            return jpeg[position + 2 : position + 3] == components
    return False


def _segments(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """The marker of each segment, and the position behind it, where its length is."""
    position = 2
    while (match := _MARKER.search(jpeg, position)) and match[1][0] != _END:
        position = match.end()
        yield match[1][0], position
        position += int.from_bytes(jpeg[position : position + 2])


def _check_tags(name: str, start: bytes, file: BinaryIO) -> None:
    """TIFF 6.0, section 2."""
    order, entry = "<" if start[:1] == b"I" else ">", 12  # bytes
    file.seek(*struct.unpack_from(order + "I", start, 4))
    [count] = struct.unpack(order + "H", file.read(2))
    entries = file.read(entry * count)
    whole = entries[: len(entries) - len(entries) % entry]
    tags = [*struct.iter_unpack(order + "HHI4x", whole)]
    if any(tag == _TILES for tag, _, _ in tags):
        raise PictureError(f"{name} is a TIFF in tiles, which isn't read: save it in strips")
    if any(
        length > _MAX_NUMBERS and (tag == _STRIPS or kind not in _BYTE_TYPES)
        for tag, kind, length in tags
    ):
        raise PictureError(f"{name} is damaged: it has too many values of a tag")


def _check_strips(name: str, image: ImageFile) -> None:
    compression = image.info.get("compression")
    if compression not in _TIFF_COMPRESSIONS:
        raise PictureError(f"{name} is a TIFF with the compression {compression}, which isn't read")
    tags = image.tag_v2  # type: ignore[attr-defined]
    # Not image.size, which Pillow transposes when the camera was turned.
    pixels = tags[_WIDTH] * min(tags.get(_ROWS) or tags[_LENGTH], tags[_LENGTH])
    is_whole = bool(image.tile) and image.tile[0][0] == "libtiff"  # decoded as a whole
    if is_whole and pixels * sum(tags.get(_BITS, (1,))) // 8 > _MAX_STRIP_BYTES:
        raise PictureError(f"{name} has strips of more than 400 MB")
    # Uncompressed strips are decoded one by one, each up to the start of the next.
    strips = sorted(image.tile, key=lambda strip: strip[2])
    if len(strips) > _MAX_STRIPS:
        raise PictureError(f"{name} is damaged: it has too many strips")
    for strip, following in pairwise(strips):
        left, top, right, bottom = strip[1] or (0, 0, 0, 0)
        if following[2] - strip[2] < (right - left) * (bottom - top) // 8:  # with a bit for a pixel
            raise PictureError(f"{name} is damaged: its strips overlap")


def _check_slow_codec(name: str, image: ImageFile, file: BinaryIO) -> None:
    codec, _, offset, _ = image.tile[0]
    file.seek(offset)
    encoded = file.read(_MAX_SLOW_BYTES + 1)
    if len(encoded) > _MAX_SLOW_BYTES or image.width * image.height > _MAX_SLOW_PIXELS:
        raise PictureError(
            f"{name} has more than {_MAX_SLOW_BYTES >> 20} MB or {_MAX_SLOW_PIXELS:,} pixels in an"
            f" encoding for small pictures ({codec}): convert it to PNG"
        )
    if codec == "ppm_plain" and b"#" in encoded:  # for which Pillow copies the rest, each time
        raise PictureError(f"{name} is damaged: there is a comment among its pixels")
