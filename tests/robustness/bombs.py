"""Decompression bombs: small image files that claim or expand to huge sizes, or loop."""

import struct
import zlib

from PIL import Image

from tests.robustness import specimens
from tests.robustness.specimens import chunk, encoded


def png(width: int, height: int, colour: int, *chunks: bytes, depth: int = 8) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def deflated(megabytes: int) -> bytes:
    """Deflate zeros, by repeating the block of one megabyte."""
    deflate = zlib.compressobj(9, wbits=-15)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">HH", (megabytes << 20) % 65521, 1)
    return b"\x78\xda" + block * megabytes + deflate.flush() + checksum


def pixels(megabytes: int) -> bytes:
    """Return an IDAT chunk of zeros."""
    return chunk(b"IDAT", deflated(megabytes))


def tiff(*entries: tuple[int, int, int, int], tail: bytes = b"", following: int = 0) -> bytes:
    """Build a little-endian TIFF. entries: tag, type, count, value."""
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + packed + struct.pack("<I", following) + tail


def grey_tiff(
    width: int, height: int, *more: tuple[int, int, int, int], following: int = 0
) -> bytes:
    base = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (262, 3, 1, 1)]
    return tiff(*base, *more, tail=bytes(1000), following=following)


def pictures() -> dict[str, bytes]:
    """Return all bombs with their names."""
    wide = Image.new("L", (100_000, 1000), 255)
    wide.putpixel((99_999, 999), 0)
    text = chunk(b"zTXt", b"a\0\0" + deflated(100))
    return {
        "PNG of 100 megapixels": png(10_000, 10_000, 0, pixels(100)),
        "PNG with more pixels than it says": png(28, 28, 0, pixels(500)),
        "PNG with a text of 100 MB": png(28, 28, 0, text, pixels(1)),
        "JPEG of 10,000 pixels a side": _jpeg(10_000, 10_000),
        "TIFF of 100 million deep pixels": _largest_tiff(),
        "PNG of a hundred to one": encoded(wide, "PNG", compress_level=1),
        "PNG that is one pixel high": encoded(Image.new("L", (1_000_000, 1), 9), "PNG"),
    }


def malformed() -> dict[str, bytes]:
    """Return small files to be refused: they claim what they don't hold, or lead nowhere."""
    frame = b"!\xf9\4\0\0\0\0\0,\0\0\0\0\x10'\x10'\0\2\1\0\0"
    animation = [chunk(b"acTL", b"\xff" * 8), chunk(b"fcTL", b"\xff" * 26)]
    return {
        "PNG of 2**62 pixels": png(2**31 - 1, 2**31 - 1, 0, pixels(1)),
        "PNG without its palette": png(28, 28, 3, pixels(1)),
        "PNG with frames beyond count": png(28, 28, 0, *animation, pixels(1)),
        "GIF of 5,000 large frames": b"GIF89a\x10'\x10'\0\0\0" + frame * 5000 + b";",
        "BMP of the least height": bmp(40, -(2**31)),
        "TIFF with 2**31 strips": grey_tiff(9, 9, (273, 4, 2**31, 8), (279, 4, 2**31, 8)),
        "TIFF with rows of strips for 0": grey_tiff(9, 9, (278, 4, 1, 0), (273, 4, 1, 8)),
        "TIFF whose EXIF leads to itself": grey_tiff(9, 9, (34665, 4, 1, 8), (34853, 4, 1, 8)),
        "TIFF that follows itself": tiff((256, 4, 1, 9), (257, 4, 1, 9), following=8),
        "TIFF of 65,535 samples": grey_tiff(99, 99, (277, 3, 1, 65535), (273, 4, 1, 8)),
        "PPM of 10^10 pixels": b"P6 100000 100000 255\n" + bytes(100),
        "PPM of floats that are none": b"Pf 9 9 -1.0\n" + b"\xff" * 4 * 81,
        "PPM with a scale of 0": b"Pf 9 9 0.0\n" + bytes(4 * 81),
        "JPEG of 65,535 pixels a side": _jpeg(65_535, 65_535),
    }


def bmp(width: int, height: int, compression: int = 0) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + head


def _jpeg(width: int, height: int) -> bytes:
    """Build a JPEG whose header claims another size."""
    raw = bytearray(specimens.pictures()["JPEG L"])
    start = raw.index(b"\xff\xc0") + 5
    raw[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(raw)


def _largest_tiff() -> bytes:
    """Build a TIFF of 100 million pixels of 16 bits, whose strips all share the same bytes."""
    strips, entries = 100, 10
    strip = zlib.compress(bytes(2 * 10_000 * 10_000 // strips))
    start = 8 + 2 + 12 * entries + 4  # of the strips' offsets, their lengths and the strip
    offsets, lengths = struct.pack("<I", start + 8 * strips), struct.pack("<I", len(strip))
    return tiff(
        *[(256, 4, 1, 10_000), (257, 4, 1, 10_000), (258, 3, 1, 16), (259, 3, 1, 8)],
        *[(262, 3, 1, 1), (273, 4, strips, start), (277, 3, 1, 1), (278, 4, 1, 10_000 // strips)],
        *[(279, 4, strips, start + 4 * strips), (284, 3, 1, 1)],
        tail=offsets * strips + lengths * strips + strip,
    )
