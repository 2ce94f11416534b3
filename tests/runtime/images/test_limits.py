"""Files that would take too much memory or time; tests/robustness has more of them."""

import struct
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from PIL import Image

from digits.errors import PictureError
from digits.images import decoder, limits, picture
from tests.robustness import bombs
from tests.robustness.sandbox import measured
from tests.robustness.specimens import chunk
from tests.runtime.images.test_picture import encoded

Tag = tuple[int, int, int, int]


def small(format: str) -> bytes:
    return encoded(Image.new("L", (9, 9)), format)


def overlapping_strips(apart: int) -> bytes:
    """Pillow reads each strip up to where the next one begins, here byte by byte."""
    base = [(256, 4, 1, 2000), (257, 4, 1, 1000), (258, 3, 1, 8), (262, 3, 1, 1), (278, 4, 1, 10)]
    offsets = struct.pack("<100I", *(500 + apart * number for number in range(100)))
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


def baseline(side: int, scans: int) -> bytes:
    """A JPEG with one scan per colour component, repeated."""
    raw = encoded(Image.new("RGB", (side, side), "red"), "JPEG", quality=90)
    start, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
    scan = b"\xff\xda\0\x08\1%c\0\0\x3f\0" + bytes(4)
    return raw[:start] + b"".join(scan % (1 + n % 3) for n in range(scans)) + raw[end:]


def jpeg_with(segment: bytes, count: int) -> bytes:
    """A JPEG with so many segments before its pixels; Pillow copies all EXIF so far for each."""
    raw = small("JPEG")
    return raw[:2] + segment * count + raw[2:]


def png_with(inserted: bytes, before: bytes) -> bytes:
    raw = small("PNG")
    index = raw.index(before) - 4
    return raw[:index] + inserted + raw[index:]


def ascii_ppm(kind: str, filling: bytes) -> bytes:
    head = f"{kind} 5000 5000 {'' if kind == 'P1' else '255'}\n".encode()
    return head + filling * (10_000_000 // len(filling))


EXIF, LARGE_EXIF = b"\xff\xe1\0\x0bExif\0\0xxx", b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)
EXIF_CHUNK = chunk(b"eXIf", bytes(33 << 20))
STRIPS = "its strips overlap"
SCANS, SLOW = "scans: no program writes so many", "encoding for small pictures"
TAGS, SEGMENTS = "too many values of a tag", "segments before its pixels"
Refused = Iterator[tuple[str, bytes, str]]  # what it is, the file, and why it is refused


def tiffs() -> Refused:
    tiles = [(322, 4, 1, 46336), (323, 4, 1, 46336), (324, 4, 1, 200), (325, 4, 1, 40)]
    yield "tiles", bombs.grey_tiff(9, 9, *tiles), "a TIFF in tiles, which isn't read"
    yield "a deep strip", deep_strip(), "strips of more than 400 MB"
    yield "the same strip", overlapping_strips(0), STRIPS
    yield "overlapping strips", overlapping_strips(100), STRIPS
    # Pillow makes a few Python objects for each value, before it knows the picture's size.
    for tag, kind in ((273, 1), (258, 3), (282, 5)):
        raw = bombs.grey_tiff(9, 9, (tag, kind, 1 << 20, 100)) + bytes(8 << 20)
        yield f"a million values of kind {kind} in tag {tag}", raw, TAGS
    yield "LZMA", bombs.grey_tiff(9, 9, (259, 3, 1, 34925)), "compression"


def jpegs() -> Refused:
    yield "many segments", jpeg_with(EXIF, 100_000), SEGMENTS
    yield "much EXIF", jpeg_with(LARGE_EXIF, 600), SEGMENTS
    yield "progressive", progressive(2000, 300), SCANS
    yield "baseline", baseline(2000, 300), SCANS
    for hidden in (b"\xff\xfe\0\4\xff\xd9", b"\xff\xd0", b"\xff\xff\xff"):
        yield f"false end {hidden!r}", progressive(2000, 300, hidden), SCANS


def others() -> Refused:
    for name in (b"IDAT", b"IEND"):
        yield "PNG with EXIF", png_with(EXIF_CHUNK, name), "more than 32 MB beside its pixels"
    profile = encoded(Image.new("L", (9, 9)), "PNG", icc_profile=bytes(2 << 20))
    yield "PNG with a colour profile", profile, "a colour profile or a text of more than 1 MB"
    yield "WebP of 128 MB", small("WEBP") + bytes(128 << 20), "larger than 128 MB"
    yield "P1", ascii_ppm("P1", b"0 "), SLOW
    yield "P3 of comments", ascii_ppm("P3", b"#\n"), SLOW
    for kind in (b"1", b"65535"):
        yield f"PPM up to {kind!r}", b"P6 5000 5000 %b\n" % kind + bytes(25_000_000), SLOW
    yield "PPM with comments", b"P2 28 28 255\n" + b"#\n" * 1_000_000, "comment among its pixels"
    yield "BMP of few runs", bombs.bmp(100_000, 1000, 1) + b"\1\1\0\0" * 1000, SLOW
    yield "BMP of many runs", bombs.bmp(9000, 9000, 1) + b"\1\1" * 5_000_000, SLOW


@pytest.mark.parametrize("files", [tiffs, jpegs, others])
def test_refused_before_anything_large_is_allocated(files: Callable[[], Refused]) -> None:
    picture.load(small("PNG"))  # imports
    for name, raw, reason in files():
        with measured() as usage, pytest.raises(PictureError) as raised:
            picture.load(raw)
        assert reason in str(raised.value), name
        assert usage.megabytes < 40, name


def test_unusual_files_are_read() -> None:
    for raw in (
        jpeg_with(EXIF, 1000),
        jpeg_with(LARGE_EXIF, 50),
        progressive(9, 0) + b"\xff\xda" * 1000,  # behind its end
        small("PNG") + EXIF_CHUNK,  # behind its end
        png_with(chunk(b"IDAT", b"") * 100_000, b"IDAT"),
    ):
        assert picture.load(raw).size == (9, 9)


PARTS = 2000
GIF = b"GIF89a\x09\0\x09\0\0\0\0"
UNENDING = {
    "GIF with zeros before its picture": GIF + bytes(PARTS) + b";",
    "GIF with a long extension": GIF + b"!\1" + b"\1x" * PARTS + b"\0;",
    "JPEG with filling": b"\xff\xd8" + b"\xff" * PARTS,
    "PNG with empty chunks": png_with(chunk(b"IDAT", b"") * PARTS, b"IDAT"),
    "PPM with blanks": b"P5" + b" " * PARTS,
}


@pytest.mark.parametrize("name", UNENDING)
def test_too_many_parts_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow reads them one by one, in Python; a whole file of them would take minutes."""
    monkeypatch.setattr(decoder, "MAX_READS", PARTS // 2)
    with pytest.raises(PictureError, match="it has more parts than programs write"):
        picture.load(UNENDING[name])


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_size_is_read_before_opening(
    lossless: bool, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder holds the picture several times."""
    raw = encoded(Image.new(mode, (321, 123), (9, 9, 9, 9)[: len(mode)]), "WEBP", lossless=lossless)
    monkeypatch.setattr(limits, "MAX_WEBP_PIXELS", 321 * 123)
    assert picture.load(raw).size == (321, 123)
    monkeypatch.setattr(limits, "MAX_WEBP_PIXELS", 321 * 123 - 1)
    with pytest.raises(PictureError, match="a WebP, has too many pixels"):
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


@pytest.mark.slow
@pytest.mark.parametrize("size", [(250_000, 100), (5000, 5000)])
def test_memory_of_large_picture_with_transparency(size: tuple[int, int]) -> None:
    raw = encoded(Image.new("RGBA", size), "PNG", compress_level=1)
    with measured() as usage:
        picture.load(raw)
    assert usage.megabytes < 200  # four bytes for each pixel, and a band
