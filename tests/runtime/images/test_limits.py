"""Files that would take too much memory or time; tests/robustness has more of them."""

import random
import struct
import zlib
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from PIL import Image

from digits.errors import PictureError
from digits.images import limits, picture
from tests.robustness import bombs
from tests.robustness.sandbox import measured
from tests.robustness.specimens import chunk, encoded


def small(format: str) -> bytes:
    return encoded(Image.new("L", (9, 9)), format)


def overlapping_strips() -> bytes:
    """Pillow reads each strip up to where the next one begins, here byte by byte."""
    base = [(256, 4, 1, 2000), (257, 4, 1, 1000), (258, 3, 1, 8), (262, 3, 1, 1), (278, 4, 1, 10)]
    offsets = struct.pack("<100I", *range(500, 600))
    return bombs.tiff(*base, (273, 4, 100, 86), tail=offsets + bytes(30_000))


def deep_strip() -> bytes:
    """libtiff decodes a whole strip, here 16 bits of four channels, before Pillow reduces it."""
    bits = 8 + 2 + 12 * 9 + 4
    tags = [(256, 4, 1, 10_000), (257, 4, 1, 10_000), (258, 3, 4, bits), (259, 3, 1, 8)]
    tags += [(262, 3, 1, 5), (273, 4, 1, bits + 8), (277, 3, 1, 4), (278, 4, 1, 10_000)]
    return bombs.tiff(*tags, (279, 4, 1, 100), tail=struct.pack("<4H", *[16] * 4) + bytes(100))


def progressive(side: int, scans: int, hidden: bytes = b"") -> bytes:
    """A progressive JPEG with more, empty scans of 14 bytes each. hidden: before the second."""
    raw = encoded(Image.new("L", (side, side), 200), "JPEG", progressive=True)
    last, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
    second = raw.index(b"\xff\xda", raw.index(b"\xff\xda") + 2)
    more = (raw[last : last + 10] + bytes(4)) * scans
    return raw[:second] + hidden + raw[second:end] + more + b"\xff\xd9"


def baseline(mode: str, side: int, scans: int, hidden: bytes = b"") -> bytes:
    """A JPEG with one scan per colour component, repeated. hidden: before the first."""
    raw = encoded(Image.new(mode, (side, side)), "JPEG", quality=90)
    start, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
    scan = b"\xff\xda\0\x08\1%c\0\0\x3f\0" + bytes(4)
    return raw[:start] + hidden + b"".join(scan % (1 + n % 3) for n in range(scans)) + raw[end:]


def jpeg_with(segment: bytes, count: int) -> bytes:
    """A JPEG with so many segments before its pixels; Pillow copies all EXIF so far for each."""
    raw = small("JPEG")
    return raw[:2] + segment * count + raw[2:]


def png_with(inserted: bytes, before: bytes) -> bytes:
    raw = small("PNG")
    index = raw.index(before) - 4
    return raw[:index] + inserted + raw[index:]


EXIF, LARGE_EXIF = b"\xff\xe1\0\x0bExif\0\0xxx", b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)
EXIF_CHUNK = chunk(b"eXIf", bytes(9 << 20))
MUCH, SCANS = "too much beside its pixels", "scans: no program writes so many"


def refused() -> Iterator[tuple[str, bytes, str]]:
    """What a file is, its content, and why it is refused."""
    tiles = [(322, 4, 1, 46336), (323, 4, 1, 46336), (324, 4, 1, 200), (325, 4, 1, 40)]
    yield "tiles", bombs.grey_tiff(9, 9, *tiles), "a TIFF in tiles, which isn't read"
    yield "a deep strip", deep_strip(), "takes more than 400 MB of memory"
    yield "overlapping strips", overlapping_strips(), MUCH
    for tag, kind in ((273, 1), (258, 3)):  # Pillow makes a few Python objects for each value
        raw = bombs.grey_tiff(9, 9, (tag, kind, 1 << 20, 100)) + bytes(8 << 20)
        yield f"a million values of kind {kind} in tag {tag}", raw, MUCH
    yield "JPEG of many segments", jpeg_with(EXIF, 100_000), MUCH
    yield "JPEG of much EXIF", jpeg_with(LARGE_EXIF, 600), MUCH
    yield "progressive JPEG", progressive(2000, 300), SCANS
    false_end = b"\xff\xfe\0\4\xff\xd9"
    yield "progressive JPEG with a false end", progressive(2000, 300, false_end), SCANS
    yield "baseline JPEG", baseline("RGB", 2000, 300), SCANS
    hidden = b"\xff\xfe\0\x08\xff\xda\0\x0e\4\0"  # which ends like a scan of all components
    yield "baseline JPEG with a false scan", baseline("CMYK", 2000, 300, hidden), SCANS
    yield "PNG with EXIF", png_with(EXIF_CHUNK, b"IEND"), MUCH
    profile = encoded(Image.new("L", (9, 9)), "PNG", icc_profile=bytes(2 << 20))
    yield "PNG with a colour profile", profile, "a colour profile or a text of more than 1 MB"
    yield "WebP of 128 MB", small("WEBP") + bytes(128 << 20), "larger than 128 MB"
    webp = bytearray(encoded(Image.new("RGB", (9, 9)), "WEBP", lossless=True))
    webp[21:25] = struct.pack("<I", 7999 | 6999 << 14)  # width and height, less 1
    yield "WebP of 56 megapixels", bytes(webp), "a WebP, has too many pixels: at most 50 million"
    yield "PPM of ten bits", b"P5 1500 1500 1023\n", "pixels of unusual depth, which is slow"
    many = [chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 20)))] * 100
    yield "PNG with colour profiles", bombs.png(9, 9, 0, *many), MUCH
    yield "PPM in letters", b"P1 5000 5000\n" + b"0 " * 5_000_000, MUCH
    yield "PPM with comments", b"P2 28 28 255\n" + b"#\n" * 1_000_000, MUCH
    yield "BMP in runs", bombs.bmp(100_000, 1000, 1) + b"\1\1\0\0" * 1000, MUCH
    yield "GIF with zeros before its picture", b"GIF89a\x09\0\x09\0\0\0\0" + bytes(10_000), MUCH


@pytest.mark.slow
def test_refused_before_anything_large_is_allocated() -> None:
    picture.load(small("PNG"))  # imports
    for name, raw, reason in refused():
        with measured() as usage, pytest.raises(PictureError) as raised:
            picture.load(raw)
        assert reason in str(raised.value), name
        assert usage.megabytes < 64, name  # eight times what may be beside the pixels


@pytest.mark.slow
def test_unusual_files_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    video = random.Random(0).randbytes(8 << 20)  # behind a motion photo
    assert picture.load(progressive(4000, 0) + video).size == (4000, 4000)
    for raw in (
        encoded(Image.new("L", (9, 9)), "TIFF", tiffinfo={278: 1}),  # a strip for each row
        jpeg_with(LARGE_EXIF, 50),
        progressive(9, 0) + b"\xff\xda" * 1000,  # behind its end
        small("PNG") + EXIF_CHUNK,  # behind its end
        png_with(chunk(b"IDAT", b"") * 100_000, b"IDAT"),
    ):
        assert picture.load(raw).size == (9, 9)
    monkeypatch.setattr(limits, "MAX_READS", 100_000)
    with pytest.raises(PictureError, match=MUCH):
        picture.load(raw)


@pytest.mark.parametrize(
    ("size", "cause"),
    [
        ((5, 0), "has no pixels"),
        ((10_000, 10_001), "with 10000 x 10001 has too many pixels: at most 100 million"),
        ((1, 1_000_001), "more than a million pixels a side"),
        ((10_000, 10_000), ""),
        ((1_000_000, 100), ""),
    ],
)
def test_sizes_that_are_refused(size: tuple[int, int], cause: str) -> None:
    with pytest.raises(PictureError, match=cause) if cause else nullcontext():
        limits.check_size("it", *size)
