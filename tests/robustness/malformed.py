"""Small image files that claim what they don't hold, or lead nowhere."""

import struct
import zlib

from tests.robustness import specimens
from tests.robustness.specimens import chunk


def _png(width: int, height: int, colour: int, *chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def _tiff(*entries: tuple[int, int, int, int], tail: bytes = b"", following: int = 0) -> bytes:
    """Build a little-endian TIFF. entries: tag, type, count, value."""
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + packed + struct.pack("<I", following) + tail


def grey_tiff(
    width: int, height: int, *more: tuple[int, int, int, int], following: int = 0
) -> bytes:
    base = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (262, 3, 1, 1)]
    return _tiff(*base, *more, tail=bytes(1000), following=following)


def pictures() -> dict[str, bytes]:
    """Return all of them with their names."""
    pixels = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    frame = b"!\xf9\4\0\0\0\0\0,\0\0\0\0\x10'\x10'\0\2\1\0\0"
    animation = [chunk(b"acTL", b"\xff" * 8), chunk(b"fcTL", b"\xff" * 26)]
    return {
        "PNG of 2**62 pixels": _png(2**31 - 1, 2**31 - 1, 0, pixels),
        "PNG without its palette": _png(28, 28, 3, pixels),
        "PNG with frames beyond count": _png(28, 28, 0, *animation, pixels),
        "GIF of 5,000 large frames": b"GIF89a\x10'\x10'\0\0\0" + frame * 5000 + b";",
        "BMP of the least height": _bmp(40, -(2**31)),
        "TIFF with 2**31 strips": grey_tiff(9, 9, (273, 4, 2**31, 8), (279, 4, 2**31, 8)),
        "TIFF with rows of strips for 0": grey_tiff(9, 9, (278, 4, 1, 0), (273, 4, 1, 8)),
        "TIFF whose EXIF leads to itself": grey_tiff(9, 9, (34665, 4, 1, 8), (34853, 4, 1, 8)),
        "TIFF that follows itself": _tiff((256, 4, 1, 9), (257, 4, 1, 9), following=8),
        "TIFF of 65,535 samples": grey_tiff(99, 99, (277, 3, 1, 65535), (273, 4, 1, 8)),
        "PPM of 10^10 pixels": b"P6 100000 100000 255\n" + bytes(100),
        "PPM of floats that are none": b"Pf 9 9 -1.0\n" + b"\xff" * 4 * 81,
        "PPM with a scale of 0": b"Pf 9 9 0.0\n" + bytes(4 * 81),
        "JPEG of 65,535 pixels a side": _jpeg(65_535, 65_535),
    }


def _bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + head


def _jpeg(width: int, height: int) -> bytes:
    """Build a JPEG whose header claims another size."""
    raw = bytearray(specimens.pictures()["JPEG L"])
    start = raw.index(b"\xff\xc0") + 5
    raw[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(raw)
