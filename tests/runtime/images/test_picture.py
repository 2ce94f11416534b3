"""Pictures from any source, and files that would take too much memory or time."""

import io
import os
import random
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.errors import PictureError
from digits.images import limits, picture
from digits.images.formats import FORMATS
from tests.conftest import Run
from tests.robustness import bombs
from tests.robustness.sandbox import measured
from tests.robustness.specimens import chunk, encoded

# Ten rows and twenty columns: a dark block in the upper left of a light page.
GREY = np.full((10, 20), 230, np.uint8)
GREY[1:6, 2:8] = 30


@pytest.mark.parametrize(
    "source",
    [
        *(Image.fromarray(GREY).convert(mode) for mode in ("L", "RGB", "P", "CMYK", "LA")),
        Image.fromarray(GREY.astype(np.float32) * 100),
        GREY[..., None],
        np.dstack([GREY] * 3),
        GREY.astype(np.uint16) * 257,
        GREY.astype(np.uint16) * 16,  # 12 bits
        *(GREY.astype(dtype) for dtype in (np.int16, np.int64, np.float64)),
        GREY.astype(np.float32) / 200,  # slightly above 1, as after interpolation
        GREY > 100,
        GREY / 127.5 - 1,  # -1 to 1
    ],
    ids=lambda source: getattr(source, "mode", None) or f"{source.dtype} up to {source.max():.3g}",
)
def test_polarity_of_every_mode_range_and_depth(source: picture.Source) -> None:
    grey = picture.load(source).pixels
    assert grey.dtype == np.uint8 and grey.shape == GREY.shape
    assert grey[3, 4] < 60
    assert int(grey[8, 15]) - int(grey[3, 4]) > 90


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_from_every_source(tmp_path: Path, format: str) -> None:
    raw = encoded(Image.fromarray(GREY), format)
    (tmp_path / "picture").write_bytes(raw)
    pipe, end = os.pipe()
    os.write(end, raw)
    os.close(end)
    paths = tmp_path / "picture", str(tmp_path / "picture")
    for source in (raw, memoryview(raw), io.BytesIO(raw), os.fdopen(pipe, "rb"), *paths):
        grey = picture.load(source).pixels
        assert np.abs(grey.astype(int) - GREY).mean() < 12
    for length in (0, 1, 20, len(raw) // 2):
        with pytest.raises(PictureError, match="the picture"):
            picture.load(raw[:length])


def test_file_object_takes_memory_for_its_size(tmp_path: Path) -> None:
    """`digits watch` reads them under a limit of memory."""
    (tmp_path / "picture").write_bytes(small("PNG"))

    def peak(source: picture.Source) -> int:
        tracemalloc.start()
        picture.load(source)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    with open(tmp_path / "picture", "rb") as file:
        assert peak(file) < 4 * peak(small("PNG"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = GREY, GREY[:, ::-1], GREY[::-1, ::-1], GREY[::-1]
    turned = GREY.T, np.rot90(GREY), np.rot90(GREY.T, 2), np.rot90(GREY, -1)
    stored = (*upright, *turned)[orientation - 1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(picture.load(raw).pixels, GREY)
    # Decoded at an eighth it is square.
    raw = encoded(Image.new("L", (384, 383)), "JPEG", exif=exif)
    assert picture.load(raw, 64).size == ((384, 383) if orientation < 5 else (383, 384))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "the picture is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n", "not a picture"),
        (Image.new("L", (0, 5)), "has no pixels"),
        (7, "unsupported image type: .*; give a path"),
        (np.zeros(5), "a picture is .height, width"),
        (np.zeros((2, 2, 2), np.uint8), "a picture is .height, width"),
        (np.zeros((4, 4), complex), "unsupported array"),
        (np.full((4, 4), np.nan), "unsupported array: it holds values that are not finite"),
        (np.full((4, 4), 1e300), "unsupported array: it holds .* above 1e.30"),
    ],
)
def test_unsupported_source_is_refused(source: Any, reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        picture.load(source)


@pytest.mark.unix
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.png", "No such file"),
        (".", "is a folder"),
        ("pipe", "not a regular file"),
        ("nul\0byte", "can't open"),
        ("/proc/kmsg", "is empty|No such file"),  # whose end never comes
    ],
)
def test_unreadable_path_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PictureError, match=reason):
        picture.load(tmp_path / path)


@pytest.mark.parametrize(
    ("format", "shape", "factor", "error"),
    [("PNG", (300, 600), 5, 0), ("JPEG", (188, 375), 8, 60)],  # decoded at a quarter
)
def test_reduced_pictures(format: str, shape: tuple[int, int], factor: int, error: int) -> None:
    large = Image.fromarray(GREY).resize((3000, 1500), Image.Resampling.NEAREST)
    raw = encoded(large, format)
    loaded = picture.load(raw)
    assert (loaded.pixels.shape, loaded.downscale) == (shape, factor)
    assert loaded.size == picture.peek_size(raw) == (3000, 1500)
    np.testing.assert_allclose(loaded.pixels, np.asarray(large.reduce(factor)), atol=error)
    again = picture.reduce(picture.load(raw, picture.PAGE_MAX_SIDE), picture.DIGIT_MAX_SIDE)
    assert (again.pixels.shape, again.downscale) == ((250, 500), 6)
    assert picture.reduce(again, 500) is again


def test_transparent_pixels_show_paper_that_contrasts_with_the_ink() -> None:
    for pen, paper in ((255, 0), (0, 255)):
        grey = picture.load(np.dstack([np.full_like(GREY, pen)] * 3 + [(GREY < 100) * 255]))
        assert (grey.pixels[3, 4], grey.pixels[8, 15]) == (pen, paper)
    assert (picture.load(Image.new("RGBA", (9, 9))).pixels == 255).all()


def test_transparent_border_gets_colour_of_sheet() -> None:
    image = Image.new("RGBA", (44, 44))
    image.paste("darkgrey", (2, 2, 42, 42))
    image.paste("black", (17, 10, 21, 34))
    grey = picture.load(image).pixels
    assert (grey[0, 0], grey[4, 4], grey[22, 18]) == (169, 169, 0)


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
    for kind in (0, 14):  # libtiff writes some lines on stderr for each
        yield f"a tag of kind {kind}", bombs.grey_tiff(9, 9, (40_000, kind, 1, 0)), MUCH
    tags = [(number, 3, 1, 0) for number in range(40_000, 40_200)]
    yield "two hundred tags", bombs.grey_tiff(9, 9, *tags), MUCH
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


def test_further_pages_are_left_with_a_warning(tmp_path: Path, run: Run) -> None:
    first, path = Image.fromarray(GREY), tmp_path / "scan.tif"
    path.write_bytes(encoded(first, "TIFF", save_all=True, append_images=[first] * 2))
    with pytest.warns(UserWarning, match="^the picture has 3 pages; only the first is read$"):
        assert picture.load(path.read_bytes()).size == first.size
    _, _, err = run("predict", path)
    assert err == f"warning: {path} has 3 pages; only the first is read\n"
    path.write_bytes(bombs.grey_tiff(9, 9, (273, 4, 1, 8), following=8))  # itself
    assert "warning" not in run("predict", path)[2]


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
