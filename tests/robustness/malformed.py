"""Small image files that claim what they don't hold, or lead nowhere."""

import struct

from tests.robustness import specimens
from tests.robustness.specimens import chunk


def grey_tiff(
    width: int, height: int, *more: tuple[int, int, int, int], following: int = 0
) -> bytes:
    """Build a little-endian TIFF. more: further tags, with type, count and value."""
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (262, 3, 1, 1), *more]
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + packed + struct.pack("<I", following) + bytes(1000)


def pictures() -> dict[str, bytes]:
    """Return all of them with their names."""
    size = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)
    frame = b"!\xf9\4\0\0\0\0\0,\0\0\0\0\x10'\x10'\0\2\1\0\0"
    return {
        "PNG of 2**62 pixels": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b""),
        "GIF of 5,000 large frames": b"GIF89a\x10'\x10'\0\0\0" + frame * 5000 + b";",
        "BMP of the least height": _bmp(40, -(2**31)),
        "TIFF with rows of strips for 0": grey_tiff(9, 9, (278, 4, 1, 0), (273, 4, 1, 8)),
        "TIFF whose EXIF leads to itself": grey_tiff(9, 9, (34665, 4, 1, 8), (34853, 4, 1, 8)),
        "PPM of 10^10 pixels": b"P6 100000 100000 255\n" + bytes(100),
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
