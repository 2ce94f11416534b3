import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.errors import PictureError
from digits.images import decoder, limits, picture
from digits.system import trim_memory
from tests.robustness import bombs
from tests.robustness.sandbox import measured
from tests.robustness.specimens import chunk

GREY = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (20, 1))


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def assert_refused(raw: bytes, match: str) -> None:
    """Assert that the picture is refused before anything large is allocated."""
    picture.load(encoded(Image.new("L", (28, 28)), "PNG"))  # imports
    with measured() as usage, pytest.raises(PictureError, match=match):
        picture.load(raw)
    assert usage.megabytes < 40


@pytest.mark.parametrize("compression", [1, 5, 7, 8, 32773])
@pytest.mark.parametrize("sides", [(46336, 46336), (65536, 1024), (16, 2**31 - 16)])
def test_tiff_tiles_too_large(compression: int, sides: tuple[int, int]) -> None:
    tags = [(322, 4, 1, sides[0]), (323, 4, 1, sides[1]), (324, 4, 1, 200), (325, 4, 1, 40)]
    raw = bombs.grey_tiff(9, 9, (259, 3, 1, compression), *tags)
    assert_refused(raw, "its tiles don't fit the picture")


@pytest.mark.parametrize(
    ("picture_size", "tile"), [((250_000, 100), (16, 1_562_496)), ((100_000, 10), (1, 1 << 20))]
)
def test_tiff_tiles_too_narrow(picture_size: tuple[int, int], tile: tuple[int, int]) -> None:
    tags = [(322, 4, 1, tile[0]), (323, 4, 1, tile[1]), (324, 4, 1, 200), (325, 4, 1, 40)]
    raw = bombs.grey_tiff(*picture_size, (259, 3, 1, 8), *tags)
    assert_refused(raw, "its tiles don't fit the picture")


@pytest.mark.parametrize("apart", [0, 1, 100])
def test_tiff_strips_overlapping(apart: int) -> None:
    """Pillow reads each strip up to where the next one begins, here byte by byte."""
    base = [(256, 4, 1, 2000), (257, 4, 1, 1000), (258, 3, 1, 8), (262, 3, 1, 1), (278, 4, 1, 10)]
    offsets = struct.pack("<100I", *(500 + apart * number for number in range(100)))
    raw = bombs.tiff(*base, (273, 4, 100, 86), tail=offsets + bytes(30_000))
    assert_refused(raw, "its strips overlap")


def test_jpeg_scans_in_tiff_are_counted() -> None:
    jpeg = progressive(2000, 300)
    base = [(256, 4, 1, 2000), (257, 4, 1, 2000), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 1)]
    strip = [(273, 4, 1, 122), (277, 3, 1, 1), (278, 4, 1, 2000), (279, 4, 1, len(jpeg))]
    assert_refused(bombs.tiff(*base, *strip, tail=jpeg), "scans: no program writes so many")


def test_jpeg_too_many_segments() -> None:
    raw = encoded(Image.new("L", (9, 9)), "JPEG")
    exif = b"\xff\xe1\0\x0bExif\0\0xxx"
    assert_refused(raw[:2] + exif * 100_000 + raw[2:], "segments before its pixels")
    assert picture.load(raw[:2] + exif * 1000 + raw[2:]).size == (9, 9)


def test_jpeg_with_large_metadata() -> None:
    """Pillow copies all EXIF so far for each of its segments."""
    raw = encoded(Image.new("L", (9, 9)), "JPEG")
    exif = b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)
    assert_refused(raw[:2] + exif * 600 + raw[2:], "segments before its pixels")
    assert picture.load(raw[:2] + exif * 50 + raw[2:]).size == (9, 9)


@pytest.mark.parametrize("before", [True, False])
def test_png_with_large_metadata(before: bool) -> None:
    raw = encoded(Image.new("L", (9, 9)), "PNG")
    exif = chunk(b"eXIf", bytes(33 << 20))
    place = raw.index(b"IDAT" if before else b"IEND") - 4
    assert_refused(raw[:place] + exif + raw[place:], "more than 32 MB beside its pixels")
    assert picture.load(raw + exif).size == (9, 9)  # behind its end


def test_png_with_large_colour_profile() -> None:
    raw = encoded(Image.new("L", (9, 9)), "PNG", icc_profile=bytes(2 << 20))
    assert_refused(raw, "has a colour profile or a text of more than 1 MB")


def test_webp_over_128_mb_is_refused() -> None:
    raw = encoded(Image.new("L", (9, 9)), "WEBP") + bytes(128 << 20)
    assert_refused(raw, "larger than 128 MB")


PARTS = 2000
GIF, PNG = b"GIF89a\x09\0\x09\0\0\0\0", encoded(Image.new("L", (9, 9)), "PNG")
UNENDING = {
    "GIF with zeros before its picture": GIF + bytes(PARTS) + b";",
    "GIF with a long extension": GIF + b"!\1" + b"\1x" * PARTS + b"\0;",
    "JPEG with filling": b"\xff\xd8" + b"\xff" * PARTS,
    "PNG with empty chunks": PNG[:33] + chunk(b"IDAT", b"") * PARTS + PNG[33:],
    "PPM with blanks": b"P5" + b" " * PARTS,
    "BigTIFF with one tag": b"II+\0\x08\0\0\0"
    + struct.pack("<QQ", 16, PARTS)
    + struct.pack("<HHQQ", 256, 4, 1, 9) * PARTS,
}


@pytest.mark.parametrize("name", UNENDING)
def test_too_many_parts_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow reads them one by one, in Python; a whole file of them would take minutes."""
    monkeypatch.setattr(decoder, "_MAX_READS", PARTS // 2)
    with pytest.raises(PictureError, match="it has more parts than programs write"):
        picture.load(UNENDING[name])


def test_many_parts_are_read() -> None:
    raw = PNG[:33] + chunk(b"IDAT", b"") * 100_000 + PNG[33:]
    assert picture.load(raw).size == (9, 9)


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_tiff_with_many_strips_is_refused(kind: int) -> None:
    """Pillow makes a few Python objects for each, before it knows the picture's size."""
    raw = bombs.grey_tiff(9, 9, (273, kind, 1 << 20, 100)) + bytes(4 << 20)
    assert_refused(raw, "too many tags, or values of one")


@pytest.mark.parametrize(("tag", "kind"), [(258, 3), (282, 5), (301, 4)])
def test_tiff_tag_with_many_values_is_refused(tag: int, kind: int) -> None:
    raw = bombs.tiff((256, 4, 1, 9), (257, 4, 1, 9), (tag, kind, 1 << 20, 8), tail=bytes(8 << 20))
    assert_refused(raw, "too many tags, or values of one")


def test_tiff_with_many_tags_is_refused() -> None:
    tags = struct.pack("<HHQQ", 256, 4, 1, 9) * 70_000
    raw = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 70_000) + tags
    assert_refused(raw, "too many tags, or values of one")


def test_large_bytes_in_a_tiff_are_no_reason_to_refuse_it() -> None:
    """Photoshop keeps layers in such a tag."""
    raw = encoded(Image.fromarray(GREY), "TIFF", tiffinfo={37724: bytes(1 << 20)})
    np.testing.assert_array_equal(picture.load(raw).pixels, GREY)


def test_tiff_strip_that_takes_more_memory_than_the_picture() -> None:
    """libtiff decodes a whole strip, here 16 bits of four channels, before Pillow reduces it."""
    bits = 8 + 2 + 12 * 9 + 4
    tags = [(256, 4, 1, 10_000), (257, 4, 1, 10_000), (258, 3, 4, bits), (259, 3, 1, 8)]
    tags += [(262, 3, 1, 5), (273, 4, 1, bits + 8), (277, 3, 1, 4), (278, 4, 1, 10_000)]
    raw = bombs.tiff(*tags, (279, 4, 1, 100), tail=struct.pack("<4H", 16, 16, 16, 16) + bytes(100))
    assert_refused(raw, "strips or tiles of more than 400 MB")


def test_tiff_tile_that_takes_more_memory_than_the_picture() -> None:
    base = [(256, 4, 1, 9000), (257, 4, 1, 9000), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    tiles = [(322, 4, 1, 25_000), (323, 4, 1, 25_000), (324, 4, 1, 200), (325, 4, 1, 40)]
    assert_refused(bombs.tiff(*base, *tiles, tail=bytes(300)), "tiles of more than 400 MB")


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 65_535])
def test_memory_of_large_ppm(most: int, tmp_path: Path) -> None:
    (tmp_path / "large.ppm").write_bytes(b"P6 5000 5000 %d\n" % most)
    os.truncate(tmp_path / "large.ppm", 25_000_000 * (3 if most < 256 else 6) + 20)  # sparse
    trim_memory()  # what is free could be used unseen
    with measured() as usage:
        picture.load(tmp_path / "large.ppm")
    assert usage.megabytes < 200  # four bytes for each pixel, and a band


@pytest.mark.slow
@pytest.mark.parametrize("size", [(250_000, 100), (5000, 5000)])
def test_memory_of_large_picture_with_transparency(size: tuple[int, int]) -> None:
    raw = encoded(Image.new("RGBA", size), "PNG", compress_level=1)
    trim_memory()
    with measured() as usage:
        picture.load(raw)
    assert usage.megabytes < 200


def test_file_over_512_mb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(progressive(100, 1))
    os.truncate(tmp_path / "large.jpg", 1 << 30)  # sparse
    with measured() as usage, pytest.raises(PictureError, match="is larger than 512 MB"):
        picture.load(tmp_path / "large.jpg")
    assert usage.megabytes < 40


@pytest.mark.parametrize("side", [256, 1024])
def test_tiff_tile_of_common_size(side: int) -> None:
    tile = np.zeros((side, side), np.uint8)
    tile[:20, :24] = GREY
    data = zlib.compress(tile.tobytes())
    tags = [(277, 3, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 122)]
    base = [(256, 4, 1, 24), (257, 4, 1, 20), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]
    raw = bombs.tiff(*base, *tags, (325, 4, 1, len(data)))
    raw = raw.replace(struct.pack("<I", 122), struct.pack("<I", len(raw))) + data
    np.testing.assert_array_equal(picture.load(raw).pixels, GREY)


@pytest.mark.parametrize("compression", [34925, 50001, 32809])
def test_tiff_unbounded_compression(compression: int) -> None:
    assert_refused(bombs.grey_tiff(9, 9, (259, 3, 1, compression)), "compression")


@pytest.mark.parametrize(
    "compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd"]
)
def test_tiff_bounded_compression(compression: str) -> None:
    raw = encoded(Image.fromarray(GREY), "TIFF", compression=compression)
    np.testing.assert_array_equal(picture.load(raw).pixels, GREY)


HALF = encoded(Image.fromarray(GREY), "TIFF", compression="tiff_lzw")[:-300] + b"\xff" * 300
SAMPLES = bombs.grey_tiff(99, 99, (277, 3, 1, 65535), (273, 4, 1, 8))


@pytest.mark.parametrize("raw", [HALF, SAMPLES], ids=["libtiff", "pillow"])
def test_decoders_print_nothing(raw: bytes) -> None:
    code = "import sys; from digits.images import picture; picture.load(sys.stdin.buffer.read())"
    done = subprocess.run([sys.executable, "-c", code], input=raw, capture_output=True)
    assert b"PictureError" in done.stderr
    assert done.stderr.startswith(b"Traceback")


def progressive(side: int, scans: int) -> bytes:
    """A progressive JPEG with additional empty scans of 14 bytes each."""
    raw = encoded(Image.new("L", (side, side), 200), "JPEG", progressive=True)
    last, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
    return raw[:end] + (raw[last : last + 10] + bytes(4)) * scans + b"\xff\xd9"


def baseline(side: int, scans: int) -> bytes:
    """A JPEG with one scan per colour component, repeated."""
    raw = encoded(Image.new("RGB", (side, side), "red"), "JPEG", quality=90)
    start, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
    scan = b"\xff\xda\0\x08\1%c\0\0\x3f\0" + bytes(4)
    return raw[:start] + b"".join(scan % (1 + n % 3) for n in range(scans)) + raw[end:]


@pytest.mark.parametrize("make", [progressive, baseline])
def test_jpeg_with_too_many_scans_is_refused(make: Callable[[int, int], bytes]) -> None:
    assert_refused(make(2000, 300), "scans: no program writes so many")


@pytest.mark.parametrize(
    "hidden", [b"\xff\xfe\0\4\xff\xd9", b"\xff\1", b"\xff\xd0", b"\xff\xff\xff"]
)
def test_jpeg_scans_behind_false_end(hidden: bytes) -> None:
    raw = progressive(2000, 300)
    place = raw.index(b"\xff\xda", raw.index(b"\xff\xda") + 2)
    assert_refused(raw[:place] + hidden + raw[place:], "scans: no program writes so many")


def test_bytes_after_jpeg_are_not_counted() -> None:
    raw = encoded(Image.new("L", (2000, 2000), 200), "JPEG", progressive=True)
    assert picture.load(raw + b"\xff\xda" * 1000).size == (2000, 2000)


@pytest.mark.slow
@pytest.mark.parametrize("progressive", [False, True])
def test_largest_jpeg_is_read(progressive: bool) -> None:
    raw = encoded(Image.new("RGB", (10_000, 10_000)), "JPEG", progressive=progressive)
    image = decoder.open_image("it", io.BytesIO(raw))
    assert image.size == (10_000, 10_000)


@pytest.mark.parametrize("kind", ["P1", "P2", "P3"])
@pytest.mark.parametrize("filling", [b"0 ", b" ", b"#\n", b"0\n#\n"])
def test_long_ascii_ppm_is_refused(kind: str, filling: bytes) -> None:
    head = f"{kind} 5000 5000 {'' if kind == 'P1' else '255'}\n".encode()
    assert_refused(head + filling * (10_000_000 // len(filling)), "encoding for small pictures")


def test_comment_among_ppm_pixels_is_refused() -> None:
    assert_refused(b"P2 28 28 255\n" + b"#\n" * 1_000_000, "comment among its pixels")


def test_large_rle_bmp_with_few_runs_is_refused() -> None:
    raw = bombs._bmp(100_000, 1000, compression=1) + b"\1\1\0\0" * 1000
    assert_refused(raw, "encoding for small pictures")


def test_long_rle_bmp_is_refused() -> None:
    raw = bombs._bmp(9000, 9000, compression=1) + b"\1\1" * 5_000_000
    assert_refused(raw, "encoding for small pictures")


@pytest.mark.parametrize("most", [1, 15, 100, 254, 1023, 4095, 65534])
def test_ppm_with_other_maximum_value(most: int) -> None:
    values = np.round(GREY / 230 * most).astype(">u2" if most > 255 else np.uint8)
    grey = picture.load(b"P5 24 20 %d\n" % most + values.tobytes()).pixels
    expected = np.round(values / most * 255)
    assert np.abs(grey - expected).max() <= 1
    colour = np.repeat(values, 3).tobytes()
    assert np.abs(picture.load(b"P6 24 20 %d\n" % most + colour).pixels - expected).max() <= 1
    with pytest.raises(PictureError, match="damaged"):
        picture.load(b"P5 24 20 %d\n" % most + values.tobytes()[:-1])


@pytest.mark.parametrize("size", [(1, 100_000_000), (100_000_000, 1), (2_000_000, 9)])
def test_side_over_a_million_pixels_is_refused(size: tuple[int, int]) -> None:
    assert_refused(bombs.png(*size, 0, bombs.pixels(1 << 20)), "more than a million pixels a side")


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp_size_before_opening(lossless: bool, mode: str) -> None:
    raw = encoded(Image.new(mode, (321, 123), (9, 9, 9, 9)[: len(mode)]), "WEBP", lossless=lossless)
    assert limits._webp_size(raw) == (321, 123)


@pytest.mark.slow
def test_webp_over_50_megapixels() -> None:
    raw = encoded(Image.new("RGB", (16000, 4000)), "WEBP", quality=1, method=0)
    assert_refused(raw, "a WebP, has too many pixels: at most 50 million")


@pytest.mark.parametrize(
    ("size", "cause"),
    [
        ((0, 5), "has no pixels"),
        ((5, 0), "has no pixels"),
        ((10_000, 10_001), "with 10000 x 10001 has too many pixels: at most 100 million"),
        ((1_000_001, 1), "has more than a million pixels a side"),
        ((1, 1_000_001), "has more than a million pixels a side"),
        ((10_000, 10_000), ""),
        ((1_000_000, 100), ""),
    ],
)
def test_sizes_that_are_refused(size: tuple[int, int], cause: str) -> None:
    with pytest.raises(PictureError, match=cause) if cause else nullcontext():
        limits.check_size("it", *size)
