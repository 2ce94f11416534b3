"""Limits on what a picture file may declare.

A file of a few hundred bytes can declare a tile of gigabytes, or thousands of passes over its
pixels. So its declarations are checked before the decoder trusts them.
"""

import os
import re
import struct
from collections.abc import Iterator
from itertools import islice, pairwise, takewhile
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
# Pixels of all tiles, with overhang: eight times the picture's, or this many.
_MAX_TILED = 1 << 22
_MAX_TILES = 100_000
_MAX_STRIP_BYTES = 4 * _MAX_PIXELS  # of a strip or tile, which libtiff holds beside the picture
_MAX_NUMBERS = 1 << 18  # of a TIFF's tag, each of which takes a Python object
# Bytes of a JPEG or PNG that aren't pixels: Pillow holds some four times, and joins some in
# quadratic time.
_MAX_METADATA = 32 << 20
_MAX_SEGMENTS = 2000  # of a JPEG before its pixels; Pillow joins some, in quadratic time
# Decoded by Pillow in Python at 5 MB/s: plain-text PPM and run-length encoded BMP.
_SLOW_CODECS = {"ppm_plain", "bmp_rle"}
_MAX_SLOW_BYTES = 8 << 20
_MAX_SLOW_PIXELS = 8_000_000
_HEADER_BYTES = 65_536  # of a file; in most they hold everything that is checked

# TIFF compressions by Pillow's names. LZMA and WebP declare unbounded sizes of their own.
_TIFF_COMPRESSIONS = {
    "raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "zstd",
    "group3", "group4", "tiff_ccitt", "tiff_raw_16",
}  # fmt: skip
# TIFF 6.0, sections 3 and 15.
_WIDTH, _LENGTH, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 256, 257, 273, 279, 324, 325
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_BITS, _ROWS = 258, 278
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


def check_header(name: str, format: str, start: bytes, file: BinaryIO) -> None:
    """Raise PictureError for a file that would take too much memory or time to open.

    start: the file's first bytes. Leaves the file at any position.
    """
    most = _MAX_WEBP_BYTES if format == "WEBP" else _MAX_BYTES
    if file.seek(0, os.SEEK_END) > most:
        raise PictureError(f"{name} is larger than {most >> 20} MB")
    if format == "WEBP":
        width, height = _webp_size(start)
        check_size(name, width, height)
        if width * height > MAX_WEBP_PIXELS:
            raise PictureError(too_many_pixels(f"{name}, a WebP,", MAX_WEBP_PIXELS))
    if format == "PNG":
        _check_chunks(name, file)
    if format == "JPEG":
        _check_segments(name, start, file)
    if format == "TIFF":
        _check_tags(name, start, file)


def check_image(name: str, image: ImageFile, file: BinaryIO) -> None:
    """Raise PictureError for an opened image that would take too much memory or time to decode."""
    check_size(name, *image.size)
    position = file.tell()
    if image.format == "JPEG":
        _check_scans(name, image, file)
    elif image.format == "TIFF":
        _check_compression(name, image, file)
        _check_tiles(name, image)
    elif image.tile and image.tile[0][0] in _SLOW_CODECS:
        _check_slow_codec(name, image, file)
    file.seek(position)


def _webp_size(start: bytes) -> tuple[int, int]:
    """https://developers.google.com/speed/webp/docs/riff_container; zeros where damaged."""
    kind, fields = start[12:16], start[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        return _little_endian(fields[4:7]) + 1, _little_endian(fields[7:10]) + 1
    if kind == b"VP8L":
        bits = _little_endian(fields[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little_endian(fields[6:8]) & 0x3FFF, _little_endian(fields[8:10]) & 0x3FFF


def _little_endian(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _check_chunks(name: str, file: BinaryIO) -> None:
    position, metadata, head = 8, 0, b""
    while head[4:] != b"IEND" and file.seek(position) and len(head := file.read(8)) == 8:
        length = int.from_bytes(head[:4])
        metadata += 0 if head[4:] in (b"IDAT", b"IEND") else length
        position += 12 + length
    if metadata > _MAX_METADATA:
        raise PictureError(
            f"{name} is damaged, or has more than {_MAX_METADATA >> 20} MB beside its pixels"
        )


def _check_tags(name: str, start: bytes, file: BinaryIO) -> None:
    """TIFF 6.0, section 2, or BigTIFF."""
    order, is_big = "<" if start[:1] == b"I" else ">", start[2] == 43
    [position] = struct.unpack_from(order + "IQ"[is_big], start, 8 if is_big else 4)
    file.seek(position)
    [count] = struct.unpack(order + "HQ"[is_big], file.read(8 if is_big else 2))
    entry = struct.Struct(order + ("HHI4x", "HHQ8x")[is_big])
    entries = file.read(entry.size * min(count, 1 << 16))
    tags = entry.iter_unpack(entries[: len(entries) - len(entries) % entry.size])
    if count >> 16 or any(
        length > _MAX_NUMBERS and (tag in (_STRIPS, _TILES) or kind not in _BYTE_TYPES)
        for tag, kind, length in tags
    ):
        raise PictureError(f"{name} is damaged: it has too many tags, or values of one")


def _check_segments(name: str, start: bytes, file: BinaryIO) -> None:
    segments = list(_segments(start))
    if _SCAN not in dict(segments):
        file.seek(0)
        segments = list(islice(_segments(file.read()), _MAX_SEGMENTS))
    before = list(takewhile(lambda segment: segment[0] != _SCAN, segments))
    if len(before) >= _MAX_SEGMENTS or before and before[-1][1] > _MAX_METADATA:
        raise PictureError(f"{name} is damaged: it has too many segments before its pixels")


def _check_scans(name: str, image: ImageFile, file: BinaryIO) -> None:
    file.seek(0)
    content = file.read(_HEADER_BYTES)
    if _is_one_scan(content):
        return
    content += file.read()
    scans = sum(marker == _SCAN for marker, _ in _segments(content))
    if scans * image.width * image.height > _MAX_SCANNED:
        raise PictureError(f"{name} has {scans} scans: no program writes so many")


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


def _check_compression(name: str, image: ImageFile, file: BinaryIO) -> None:
    compression = image.info.get("compression")
    if compression not in _TIFF_COMPRESSIONS:
        raise PictureError(f"{name} is a TIFF with the compression {compression}, which isn't read")
    if compression != "jpeg":
        return
    tags = image.tag_v2  # type: ignore[attr-defined]
    offsets = tags.get(_TILES) or tags.get(_STRIPS) or ()
    lengths = tags.get(_TILE_BYTES) or tags.get(_STRIP_BYTES) or ()
    if sum(lengths) > file.seek(0, os.SEEK_END):
        raise PictureError(f"{name} is damaged: its parts have more bytes than the file")
    scans = 0
    for offset, length in zip(offsets, lengths, strict=False):
        file.seek(offset)
        scans += file.read(length).count(bytes([0xFF, _SCAN]))
    if scans * image.width * image.height > _MAX_SCANNED * max(len(offsets), 1):
        raise PictureError(f"{name} has {scans} scans: no program writes so many")


def _check_tiles(name: str, image: ImageFile) -> None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    sides = [tags.get(tag) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
    if sides != [None, None]:
        if not all(isinstance(side, int) and side > 0 for side in sides):
            raise PictureError(f"{name} is damaged: its tiles have no size")
        # Not image.size, which Pillow transposes when the camera was turned.
        across, down = -(-tags[_WIDTH] // sides[0]), -(-tags[_LENGTH] // sides[1])
        pixels = across * sides[0] * down * sides[1]
        if across * down > _MAX_TILES or pixels > max(8 * image.width * image.height, _MAX_TILED):
            raise PictureError(f"{name} is damaged: its tiles don't fit the picture")
        part = sides[0] * sides[1]
    else:
        part = tags[_WIDTH] * min(tags.get(_ROWS) or tags[_LENGTH], tags[_LENGTH])
    is_whole = bool(image.tile) and image.tile[0][0] == "libtiff"  # decoded as a whole
    if is_whole and part * sum(tags.get(_BITS, (1,))) // 8 > _MAX_STRIP_BYTES:
        raise PictureError(f"{name} has strips or tiles of more than 400 MB")
    # Uncompressed parts are decoded one by one, each up to the start of the next.
    parts = sorted(image.tile, key=lambda part: part[2])
    if len(parts) > _MAX_TILES:
        raise PictureError(f"{name} is damaged: it has too many strips")
    for part, after in pairwise(parts):
        left, top, right, bottom = part[1] or (0, 0, 0, 0)
        if after[2] - part[2] < (right - left) * (bottom - top) // 8:  # with a bit for a pixel
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
